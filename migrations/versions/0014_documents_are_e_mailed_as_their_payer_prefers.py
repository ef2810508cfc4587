"""Documents are e-mailed as their payer prefers."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("documents_by", sa.String(length=24), nullable=False, server_default="pdf"))
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.alter_column("documents_by", server_default=None)

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("invoice_id", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_messages_invoice_id"), ["invoice_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_messages_invoice_id"), "invoices", ["invoice_id"], ["id"])


def downgrade() -> None:
    op.execute("DELETE FROM messages WHERE kind = 'invoice'")
    op.execute("DELETE FROM message_templates WHERE kind = 'invoice'")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_messages_invoice_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_messages_invoice_id"))
        batch_op.drop_column("invoice_id")

    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.drop_column("documents_by")
