"""The first schema."""

import sqlalchemy as sa
from alembic import op

from gateway.store.tables import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "attempts",
        sa.Column("delivery_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", "attempt"),
    )
    op.create_table(
        "case_references",
        sa.Column("case_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("destination", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=500), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("erase_after", sa.Date(), nullable=True),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.Column("legal_hold", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("protection_class", sa.String(length=20), server_default="normal", nullable=False),
        sa.PrimaryKeyConstraint("case_id", "destination", "kind", "value"),
    )
    op.create_index("case_references_value", "case_references", ["tenant", "value"], unique=False)

    op.create_table(
        "cases",
        sa.Column("case_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("client", sa.String(length=100), nullable=False),
        sa.Column("portal_reference", sa.String(length=200), nullable=True),
        sa.Column("message_type", sa.String(length=200), nullable=False),
        sa.Column("service", sa.String(length=14), nullable=False),
        sa.Column("authority", sa.String(length=100), nullable=False),
        sa.Column("lead", sa.String(length=100), nullable=False),
        sa.Column("copies", sa.JSON(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("citizen_status", sa.String(length=20), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("next_seq", sa.Integer(), nullable=False),
        sa.Column("next_event", sa.Integer(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("erase_after", sa.Date(), nullable=True),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.Column("legal_hold", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("protection_class", sa.String(length=20), server_default="normal", nullable=False),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_index("cases_portal", "cases", ["client", "portal_reference"], unique=False)
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("case_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("case_seq", sa.Integer(), nullable=False),
        sa.Column("destination", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=4), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("look_up", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("first_failed_at", UtcDateTime(), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id"),
    )
    op.create_index("deliveries_case", "deliveries", ["case_id"], unique=False)
    op.create_index("deliveries_message", "deliveries", ["message_id"], unique=False)
    op.create_index(
        "deliveries_order",
        "deliveries",
        ["case_id", "destination", "case_seq"],
        unique=False,
        postgresql_where=sa.text("state IN ('waiting', 'sent', 'failed')"),
        sqlite_where=sa.text("state IN ('waiting', 'sent', 'failed')"),
    )
    op.create_index(
        "deliveries_sent",
        "deliveries",
        ["destination", "lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'sent'"),
        sqlite_where=sa.text("state = 'sent'"),
    )
    op.create_index(
        "deliveries_waiting",
        "deliveries",
        ["destination", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )

    op.create_table(
        "documents",
        sa.Column("destination", sa.String(length=100), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("media_type", sa.String(length=200), nullable=False),
        sa.Column("body_bytes", sa.BigInteger(), nullable=False),
        sa.Column("codec", sa.String(length=20), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_at", UtcDateTime(), nullable=False),
        sa.Column("erase_after", sa.Date(), nullable=True),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.Column("legal_hold", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("protection_class", sa.String(length=20), server_default="normal", nullable=False),
        sa.PrimaryKeyConstraint("destination", "sha256"),
    )
    op.create_table(
        "events",
        sa.Column("case_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("destination", sa.String(length=100), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("case_id", "seq"),
    )
    op.create_index("events_message", "events", ["message_id"], unique=False)

    op.create_table(
        "findings",
        sa.Column("finding_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("destination", sa.String(length=100), nullable=True),
        sa.Column("case_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("delivery_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("finding_id"),
    )
    op.create_index(
        "findings_open",
        "findings",
        ["tenant", "at"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )

    op.create_table(
        "messages",
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("client", sa.String(length=100), nullable=False),
        sa.Column("direction", sa.String(length=4), nullable=False),
        sa.Column("sender_message_id", sa.String(length=200), nullable=True),
        sa.Column("case_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("case_seq", sa.Integer(), nullable=False),
        sa.Column("message_type", sa.String(length=200), nullable=False),
        sa.Column("service", sa.String(length=14), nullable=False),
        sa.Column("authority", sa.String(length=100), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=True),
        sa.Column("applied_on", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=True),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("body_bytes", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("attachment_count", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("after_final", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("collected_at", UtcDateTime(), nullable=True),
        sa.Column("erase_after", sa.Date(), nullable=True),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.Column("legal_hold", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("protection_class", sa.String(length=20), server_default="normal", nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
        sa.UniqueConstraint("client", "sender_message_id", name="messages_sender"),
    )
    op.create_index("messages_case", "messages", ["case_id", "case_seq"], unique=True)
    op.create_index("messages_mailbox", "messages", ["client", "position"], unique=True)
    op.create_index("messages_received", "messages", ["tenant", "received_at"], unique=False)

    op.create_table(
        "payloads",
        sa.Column("message_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("media_type", sa.String(length=200), nullable=False),
        sa.Column("file_name", sa.LargeBinary(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("body_bytes", sa.BigInteger(), nullable=False),
        sa.Column("codec", sa.String(length=20), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "number"),
    )
    op.create_table(
        "report_sequences",
        sa.Column("case_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("destination", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("next", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "destination"),
    )
    op.create_table(
        "reports",
        sa.Column("destination", sa.String(length=100), nullable=False),
        sa.Column("report_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tenant", sa.String(length=100), nullable=False),
        sa.Column("case_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("delivery_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("case_sequence", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("codec", sa.String(length=20), nullable=True),
        sa.Column("key_id", sa.String(length=64), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("erase_after", sa.Date(), nullable=True),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.Column("legal_hold", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("protection_class", sa.String(length=20), server_default="normal", nullable=False),
        sa.PrimaryKeyConstraint("destination", "report_id"),
    )
    op.create_index("reports_case", "reports", ["case_id", "destination", "case_sequence"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        # Payloads are compressed already; PostgreSQL's own compression would only cost time.
        for table in ("payloads", "documents"):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN body SET STORAGE EXTERNAL")
