"""Clients may open a portal of their own."""

import sqlalchemy as sa
from alembic import op


revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "portal_accesses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by_id", sa.Integer(), nullable=True),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_portal_accesses_client_id")),
        sa.ForeignKeyConstraint(["ended_by_id"], ["users.id"], name=op.f("fk_portal_accesses_ended_by_id")),
        sa.ForeignKeyConstraint(["granted_by_id"], ["users.id"], name=op.f("fk_portal_accesses_granted_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_accesses")),
    )
    with op.batch_alter_table("portal_accesses", schema=None) as batch_op:
        batch_op.create_index("ix_portal_accesses_email", ["email"], unique=False)
        batch_op.create_index(
            "uq_portal_accesses_live",
            ["client_id", "email"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "portal_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("access_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["access_id"], ["portal_accesses.id"], name=op.f("fk_portal_sessions_access_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_portal_sessions_token_hash")),
    )
    with op.batch_alter_table("portal_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_portal_sessions_access_id"), ["access_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_portal_sessions_created_at"), ["created_at"], unique=False)

    op.create_table(
        "portal_links",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("created_at <= ends_at", name=op.f("ck_portal_links_span")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_portal_links_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_portal_links_token_hash")),
    )
    with op.batch_alter_table("portal_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_portal_links_ends_at"), ["ends_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_portal_links_message_id"), ["message_id"], unique=False)

    with op.batch_alter_table("form_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("client_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_form_keys_client_id"), "clients", ["client_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("form_keys", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_form_keys_client_id"), type_="foreignkey")
        batch_op.drop_column("client_id")

    with op.batch_alter_table("portal_links", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_portal_links_message_id"))
        batch_op.drop_index(batch_op.f("ix_portal_links_ends_at"))

    op.drop_table("portal_links")
    with op.batch_alter_table("portal_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_portal_sessions_created_at"))
        batch_op.drop_index(batch_op.f("ix_portal_sessions_access_id"))

    op.drop_table("portal_sessions")
    with op.batch_alter_table("portal_accesses", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_portal_accesses_live", sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL")
        )
        batch_op.drop_index("ix_portal_accesses_email")

    op.drop_table("portal_accesses")
