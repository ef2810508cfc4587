"""Superbills name diagnoses modifiers and places of service."""

import sqlalchemy as sa
from alembic import op


revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "diagnoses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("until_date", sa.Date(), nullable=True),
        sa.CheckConstraint("from_date <= until_date", name=op.f("ck_diagnoses_span")),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_diagnoses_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_diagnoses")),
    )
    with op.batch_alter_table("diagnoses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_diagnoses_client_id"), ["client_id"], unique=False)

    with op.batch_alter_table("fees", schema=None) as batch_op:
        batch_op.add_column(sa.Column("modifier", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("units", sa.Integer(), server_default="1", nullable=False))

    with op.batch_alter_table("locations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("place_of_service", sa.String(), server_default="11", nullable=False))
        batch_op.add_column(sa.Column("remote_place_of_service", sa.String(), server_default="10", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("locations", schema=None) as batch_op:
        batch_op.drop_column("remote_place_of_service")
        batch_op.drop_column("place_of_service")

    with op.batch_alter_table("fees", schema=None) as batch_op:
        batch_op.drop_column("units")
        batch_op.drop_column("modifier")

    with op.batch_alter_table("diagnoses", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_diagnoses_client_id"))

    op.drop_table("diagnoses")
