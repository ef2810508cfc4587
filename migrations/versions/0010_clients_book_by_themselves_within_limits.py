"""Clients book by themselves within limits."""

import sqlalchemy as sa
from alembic import op


revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("online_lead_hours", sa.Integer(), nullable=False, server_default="12"))
        batch_op.add_column(sa.Column("online_days_ahead", sa.Integer(), nullable=False, server_default="60"))
    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.alter_column("online_lead_hours", server_default=None)
        batch_op.alter_column("online_days_ahead", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.drop_column("online_days_ahead")
        batch_op.drop_column("online_lead_hours")
