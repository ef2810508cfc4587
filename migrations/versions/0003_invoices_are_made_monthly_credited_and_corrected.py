"""Invoices are made monthly, credited and corrected."""

import sqlalchemy as sa
from alembic import op


revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("clients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("discount_bp", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("monthly_from_date", sa.Date(), nullable=True))

    with op.batch_alter_table("invoice_lines", schema=None) as batch_op:
        batch_op.add_column(sa.Column("credits_line_id", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_invoice_lines_credits_line_id"), ["credits_line_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_invoice_lines_credits_line_id"), "invoice_lines", ["credits_line_id"], ["id"]
        )

    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("corrects_invoice_id", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_invoices_corrects_invoice_id"), ["corrects_invoice_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_invoices_corrects_invoice_id"), "invoices", ["corrects_invoice_id"], ["id"])

    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("monthly_from_date", sa.Date(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.drop_column("monthly_from_date")

    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_invoices_corrects_invoice_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_invoices_corrects_invoice_id"))
        batch_op.drop_column("corrects_invoice_id")

    with op.batch_alter_table("invoice_lines", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_invoice_lines_credits_line_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_invoice_lines_credits_line_id"))
        batch_op.drop_column("credits_line_id")

    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.drop_column("monthly_from_date")

    with op.batch_alter_table("clients", schema=None) as batch_op:
        batch_op.drop_column("discount_bp")
