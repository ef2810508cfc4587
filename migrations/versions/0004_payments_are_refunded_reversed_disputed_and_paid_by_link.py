"""Payments are refunded, reversed, disputed and paid by link."""

import sqlalchemy as sa
from alembic import op


revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
# SQLite remakes a table whose columns change, and Alembic does not see this index there.
USERS_INDEX = "CREATE UNIQUE INDEX IF NOT EXISTS uq_users_email_lower ON users (lower(email))"


def upgrade() -> None:
    op.create_table(
        "disputes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stripe_dispute", sa.String(), nullable=False),
        sa.Column("payment_id", sa.Integer(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("respond_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("closing_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_disputes_positive")),
        sa.ForeignKeyConstraint(["closing_id"], ["ledger_transactions.id"], name=op.f("fk_disputes_closing_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_disputes_payment_id")),
        sa.ForeignKeyConstraint(["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_disputes_transaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("closing_id", name=op.f("uq_disputes_closing_id")),
        sa.UniqueConstraint("stripe_dispute", name=op.f("uq_disputes_stripe_dispute")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_disputes_transaction_id")),
    )
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disputes_payment_id"), ["payment_id"], unique=False)

    op.create_table(
        "pay_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_pay_links_contact_id")),
        sa.ForeignKeyConstraint(["created_by_id"], ["users.id"], name=op.f("fk_pay_links_created_by_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_pay_links_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pay_links")),
        sa.UniqueConstraint("token", name=op.f("uq_pay_links_token")),
    )
    with op.batch_alter_table("pay_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pay_links_contact_id"), ["contact_id"], unique=False)

    op.create_table(
        "refunds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("payment_id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=True),
        sa.Column("method", sa.String(length=24), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("refunded_date", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("stripe_payment_intent", sa.String(), nullable=True),
        sa.Column("stripe_refund", sa.String(), nullable=True),
        sa.Column("transaction_id", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by_id", sa.Integer(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(status = 'done') = (transaction_id IS NOT NULL) OR status = 'failed'", name=op.f("ck_refunds_posted_when_done")
        ),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_refunds_positive")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_refunds_invoice_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_refunds_payment_id")),
        sa.ForeignKeyConstraint(["started_by_id"], ["users.id"], name=op.f("fk_refunds_started_by_id")),
        sa.ForeignKeyConstraint(["transaction_id"], ["ledger_transactions.id"], name=op.f("fk_refunds_transaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_refunds_idempotency_key")),
        sa.UniqueConstraint("stripe_refund", name=op.f("uq_refunds_stripe_refund")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_refunds_transaction_id")),
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refunds_payment_id"), ["payment_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_refunds_refunded_date"), ["refunded_date"], unique=False)
        batch_op.create_index(
            "uq_refunds_unresolved",
            ["payment_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('pending', 'unknown')"),
            postgresql_where=sa.text("status IN ('pending', 'unknown')"),
        )

    op.create_table(
        "checkouts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.Integer(), nullable=False),
        sa.Column("stripe_session", sa.String(), nullable=False),
        sa.Column("stripe_customer", sa.String(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payment_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("amount_cents > 0", name=op.f("ck_checkouts_positive")),
        sa.ForeignKeyConstraint(["link_id"], ["pay_links.id"], name=op.f("fk_checkouts_link_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_checkouts_payment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkouts")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_checkouts_payment_id")),
        sa.UniqueConstraint("stripe_session", name=op.f("uq_checkouts_stripe_session")),
    )
    with op.batch_alter_table("checkouts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_checkouts_ends_at"), ["ends_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_checkouts_link_id"), ["link_id"], unique=False)

    with op.batch_alter_table("charge_attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("follow_up", sa.String(), nullable=False, server_default=""))

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("contact_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("once_key", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("attachment_hash", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("attachment_name", sa.String(), nullable=False, server_default=""))
        batch_op.alter_column("client_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.alter_column("item_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_index(batch_op.f("ix_messages_contact_id"), ["contact_id"], unique=False)
        batch_op.create_unique_constraint(batch_op.f("uq_messages_once_key"), ["once_key"])
        batch_op.create_foreign_key(batch_op.f("fk_messages_contact_id"), "contacts", ["contact_id"], ["id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_messages_attachment_hash"), "stored_documents", ["attachment_hash"], ["content_hash"]
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_messages_appointment_names_client"), "item_id IS NULL OR client_id IS NOT NULL"
        )

    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("reversed_reason", sa.String(), nullable=False, server_default=""))

    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("wants_night_mail", sa.Boolean(), nullable=False, server_default=sa.false()))

    # The rows that stand already have their value; from now on the application says it.
    for table, column in (
        ("charge_attempts", "follow_up"),
        ("messages", "attachment_name"),
        ("payments", "reversed_reason"),
        ("users", "wants_night_mail"),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column(column, server_default=None)
    op.execute(USERS_INDEX)


def downgrade() -> None:
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("wants_night_mail")
    op.execute(USERS_INDEX)

    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_column("reversed_reason")
        batch_op.drop_column("reversed_at")

    op.execute("DELETE FROM messages WHERE item_id IS NULL")  # letters, which the tables before did not know
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_messages_appointment_names_client"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_messages_attachment_hash"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_messages_contact_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_messages_once_key"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_messages_contact_id"))
        batch_op.alter_column("item_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.alter_column("client_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("attachment_name")
        batch_op.drop_column("attachment_hash")
        batch_op.drop_column("once_key")
        batch_op.drop_column("contact_id")

    with op.batch_alter_table("charge_attempts", schema=None) as batch_op:
        batch_op.drop_column("follow_up")

    with op.batch_alter_table("checkouts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_checkouts_link_id"))
        batch_op.drop_index(batch_op.f("ix_checkouts_ends_at"))

    op.drop_table("checkouts")
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_refunds_unresolved",
            sqlite_where=sa.text("status IN ('pending', 'unknown')"),
            postgresql_where=sa.text("status IN ('pending', 'unknown')"),
        )
        batch_op.drop_index(batch_op.f("ix_refunds_refunded_date"))
        batch_op.drop_index(batch_op.f("ix_refunds_payment_id"))

    op.drop_table("refunds")
    with op.batch_alter_table("pay_links", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pay_links_contact_id"))

    op.drop_table("pay_links")
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_disputes_payment_id"))

    op.drop_table("disputes")
