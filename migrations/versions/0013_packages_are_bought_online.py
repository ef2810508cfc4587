"""Packages are bought online."""

import sqlalchemy as sa
from alembic import op


revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "online_purchases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("package_id", sa.Integer(), nullable=False),
        sa.Column("practitioner_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("offered", sa.JSON(), nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("first_name", sa.String(), nullable=False),
        sa.Column("last_name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("is_new_client", sa.Boolean(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("(status = 'sold') = (invoice_id IS NOT NULL)", name=op.f("ck_online_purchases_sold")),
        sa.CheckConstraint(
            "status NOT IN ('sold', 'stranded') OR client_id IS NOT NULL", name=op.f("ck_online_purchases_paid_by_someone")
        ),
        sa.CheckConstraint("total_cents > 0", name=op.f("ck_online_purchases_positive")),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_online_purchases_client_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_online_purchases_invoice_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_online_purchases_location_id")),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name=op.f("fk_online_purchases_package_id")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioners.id"], name=op.f("fk_online_purchases_practitioner_id")),
        sa.ForeignKeyConstraint(["settled_by_id"], ["users.id"], name=op.f("fk_online_purchases_settled_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_online_purchases")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_online_purchases_invoice_id")),
        sa.UniqueConstraint("token", name=op.f("uq_online_purchases_token")),
    )
    with op.batch_alter_table("online_purchases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_online_purchases_client_id"), ["client_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_online_purchases_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_online_purchases_package_id"), ["package_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_online_purchases_status"), ["status"], unique=False)

    with op.batch_alter_table("checkouts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("purchase_id", sa.Integer(), nullable=True))
        batch_op.alter_column("link_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_unique_constraint(batch_op.f("uq_checkouts_purchase_id"), ["purchase_id"])
        batch_op.create_foreign_key(batch_op.f("fk_checkouts_purchase_id"), "online_purchases", ["purchase_id"], ["id"])
        batch_op.create_check_constraint(batch_op.f("ck_checkouts_one_beginning"), "(link_id IS NULL) <> (purchase_id IS NULL)")

    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_online_booking_on", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.alter_column("is_online_booking_on", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.drop_column("is_online_booking_on")

    op.execute("DELETE FROM checkouts WHERE link_id IS NULL")
    with op.batch_alter_table("checkouts", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_checkouts_one_beginning"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_checkouts_purchase_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_checkouts_purchase_id"), type_="unique")
        batch_op.alter_column("link_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("purchase_id")

    with op.batch_alter_table("online_purchases", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_online_purchases_status"))
        batch_op.drop_index(batch_op.f("ix_online_purchases_package_id"))
        batch_op.drop_index(batch_op.f("ix_online_purchases_created_at"))
        batch_op.drop_index(batch_op.f("ix_online_purchases_client_id"))

    op.drop_table("online_purchases")
