"""Documents carry a logo."""

import sqlalchemy as sa
from alembic import op


revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "logos",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.Column("mimetype", sa.String(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_logos")),
    )
    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("logo_sha256", sa.String(), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_practice_logo_sha256"), "logos", ["logo_sha256"], ["sha256"])


def downgrade() -> None:
    with op.batch_alter_table("practice", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_practice_logo_sha256"), type_="foreignkey")
        batch_op.drop_column("logo_sha256")

    op.drop_table("logos")
