"""What is booked in time off is walked through."""

import sqlalchemy as sa
from alembic import op


revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "time_off_bookings",
        sa.Column("off_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(length=24), nullable=False),
        sa.Column("was_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["decided_by_id"], ["users.id"], name=op.f("fk_time_off_bookings_decided_by_id")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_time_off_bookings_item_id")),
        sa.ForeignKeyConstraint(["off_id"], ["time_off.id"], name=op.f("fk_time_off_bookings_off_id")),
        sa.PrimaryKeyConstraint("off_id", "item_id", name=op.f("pk_time_off_bookings")),
    )
    with op.batch_alter_table("time_off_bookings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_time_off_bookings_item_id"), ["item_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("time_off_bookings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_time_off_bookings_item_id"))

    op.drop_table("time_off_bookings")
