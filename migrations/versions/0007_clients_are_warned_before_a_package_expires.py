"""Clients are warned before a package expires."""

import sqlalchemy as sa
from alembic import op


revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("message_choices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("package_expiring", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("message_choices", schema=None) as batch_op:
        batch_op.alter_column("package_expiring", server_default=None)
    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("package_warning_days", sa.Integer(), nullable=False, server_default="14"))
    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.alter_column("package_warning_days", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.drop_column("package_warning_days")

    with op.batch_alter_table("message_choices", schema=None) as batch_op:
        batch_op.drop_column("package_expiring")
