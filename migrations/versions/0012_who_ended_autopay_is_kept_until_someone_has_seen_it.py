"""Who ended AutoPay is kept until someone has seen it."""

import sqlalchemy as sa
from alembic import op


revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("autopay_enrolments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ended_by", sa.String(length=24), nullable=True))
        batch_op.add_column(sa.Column("end_seen_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("autopay_enrolments", schema=None) as batch_op:
        batch_op.drop_column("end_seen_at")
        batch_op.drop_column("ended_by")
