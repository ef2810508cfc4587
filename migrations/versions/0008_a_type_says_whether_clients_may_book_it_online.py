"""A type says whether clients may book it online."""

import sqlalchemy as sa
from alembic import op


revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("appointment_types", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_online", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("appointment_types", schema=None) as batch_op:
        batch_op.alter_column("is_online", server_default=None)
        batch_op.create_check_constraint(op.f("ck_appointment_types_online"), "NOT is_online OR kind = 'appointment'")


def downgrade() -> None:
    with op.batch_alter_table("appointment_types", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_appointment_types_online"), type_="check")
        batch_op.drop_column("is_online")
