"""Users choose whether they are written what clients change."""

import sqlalchemy as sa
from alembic import op


revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

USERS_INDEX = "CREATE UNIQUE INDEX IF NOT EXISTS uq_users_email_lower ON users (lower(email))"


def upgrade() -> None:
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.add_column(sa.Column("client_mail", sa.String(length=24), nullable=False, server_default="own"))
        batch_op.add_column(sa.Column("clients_seen_id", sa.Integer(), nullable=False, server_default="0"))
    # What clients did before this was there to be seen is not news.
    op.execute("UPDATE users SET clients_seen_id = (SELECT coalesce(max(id), 0) FROM audit_entries)")
    # The rows that stand already have their value; from now on the application says it.
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.alter_column("client_mail", server_default=None)
        batch_op.alter_column("clients_seen_id", server_default=None)
    op.execute(USERS_INDEX)


def downgrade() -> None:
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_column("clients_seen_id")
        batch_op.drop_column("client_mail")
    op.execute(USERS_INDEX)
