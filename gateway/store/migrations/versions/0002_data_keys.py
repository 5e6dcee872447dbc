"""Data keys, contacts that are encrypted, and indexes by which erasing finds what is due."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "data_keys",
        sa.Column("key_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key_id"),
        sa.UniqueConstraint("tenant", "generation", name="data_keys_generation"),
    )
    op.add_column("case_references", sa.Column("codec", sa.String(length=20), nullable=True))
    op.add_column("case_references", sa.Column("key_id", sa.String(length=64), nullable=True))
    op.add_column("case_references", sa.Column("body", sa.LargeBinary(), nullable=True))
    op.create_index("documents_erasure", "documents", ["tenant", "erase_after"])
    body = sa.text("body IS NOT NULL")
    op.create_index(
        "reports_erasure", "reports", ["tenant", "erase_after"], postgresql_where=body, sqlite_where=body
    )
