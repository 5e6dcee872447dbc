"""What operators do and must see: actions, wishes that wait for a copy, and indexes for the sweep."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "actions",
        sa.Column("action_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("operator", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("case_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("delivery_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("target", sa.String(length=100), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("erase_after", sa.Date(), nullable=True),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.Column("legal_hold", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("protection_class", sa.String(length=20), server_default="normal", nullable=False),
        sa.PrimaryKeyConstraint("action_id"),
    )
    op.create_index("actions_case", "actions", ["case_id"], unique=False)
    op.add_column("deliveries", sa.Column("wish", sa.Uuid(as_uuid=False), nullable=True))
    _partial("deliveries_wished", "deliveries", "wish", "wish IS NOT NULL")
    _partial("reports_parked", "reports", "received_at", "state = 'parked'")
    _partial("findings_delivery", "findings", "delivery_id", "resolved_at IS NULL")


def _partial(name: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], unique=False, postgresql_where=where, sqlite_where=where)
