"""Packages may be enabled for online purchase."""

import sqlalchemy as sa
from alembic import op


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_online", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.alter_column("is_online", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("packages", schema=None) as batch_op:
        batch_op.drop_column("is_online")
