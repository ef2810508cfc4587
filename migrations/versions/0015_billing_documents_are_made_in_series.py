"""Billing documents are made in series."""

import sqlalchemy as sa
from alembic import op


revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "document_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shape", sa.String(length=24), nullable=False),
        sa.Column("asked_by_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("kinds", sa.String(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("payer_id", sa.Integer(), nullable=True),
        sa.Column("practitioner_id", sa.Integer(), nullable=True),
        sa.Column("location_id", sa.Integer(), nullable=True),
        sa.Column("with_others", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("total_count", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'running') = (worker IS NOT NULL)", name=op.f("ck_document_runs_worked_on_by_one")),
        sa.CheckConstraint(
            "(state IN ('queued', 'running')) = (finished_at IS NULL)", name=op.f("ck_document_runs_over_when_finished")
        ),
        sa.CheckConstraint("first_date <= last_date", name=op.f("ck_document_runs_days_in_order")),
        sa.CheckConstraint("total_count > 0", name=op.f("ck_document_runs_not_empty")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["users.id"], name=op.f("fk_document_runs_asked_by_id")),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_document_runs_client_id")),
        sa.ForeignKeyConstraint(["location_id"], ["locations.id"], name=op.f("fk_document_runs_location_id")),
        sa.ForeignKeyConstraint(["payer_id"], ["contacts.id"], name=op.f("fk_document_runs_payer_id")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["practitioners.id"], name=op.f("fk_document_runs_practitioner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_runs")),
    )
    with op.batch_alter_table("document_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_runs_asked_by_id"), ["asked_by_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_runs_client_id"), ["client_id"], unique=False)
        batch_op.create_index(
            "ix_document_runs_open",
            ["heartbeat_at"],
            unique=False,
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )

    op.create_table(
        "run_documents",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=True),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("failure", sa.String(), nullable=False),
        sa.CheckConstraint("content_hash IS NULL OR failure = ''", name=op.f("ck_run_documents_made_or_failed")),
        sa.ForeignKeyConstraint(
            ["content_hash"], ["stored_documents.content_hash"], name=op.f("fk_run_documents_content_hash")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["document_runs.id"], name=op.f("fk_run_documents_run_id")),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_run_documents")),
        sa.UniqueConstraint(
            "run_id", "kind", "subject_id", "client_id", name=op.f("uq_run_documents_run_id_kind_subject_id_client_id")
        ),
    )
    with op.batch_alter_table("run_documents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_documents_content_hash"), ["content_hash"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("run_documents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_documents_content_hash"))

    op.drop_table("run_documents")
    with op.batch_alter_table("document_runs", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_document_runs_open",
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_document_runs_client_id"))
        batch_op.drop_index(batch_op.f("ix_document_runs_asked_by_id"))

    op.drop_table("document_runs")
