"""The tables, the same for PostgreSQL and SQLite.

There are no foreign keys between the hot tables: rows are only ever written by the functions of this
package, children in the transaction of their parent, and nothing is deleted but what is lawfully erased.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    false,
    literal_column,
    text,
)
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

from gateway.contract.states import DeliveryState, ReportState


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC on both databases; SQLite keeps it as text of fixed width, so that it sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column type of the database."""
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write an aware time."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read an aware time in UTC."""
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


class StateName(TypeDecorator[str]):
    """A state; what it is compared with is a constant of the statement where it is the name of one.

    Partial indexes hold the rows of one state. A plan that is made for any value, as PostgreSQL keeps them,
    can use none of them and reads the whole table.
    """

    impl = String(10)
    cache_ok = True

    class comparator_factory(TypeDecorator.Comparator[str]):  # SQLAlchemy's name
        """Writes the names of states into the statement."""

        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
            """Compare with constants."""
            return super().operate(op, *map(_as_constant, other), **kwargs)


def _as_constant(value: Any) -> Any:
    if isinstance(value, Collection) and not isinstance(value, str):
        return [_as_constant(each) for each in value]
    return literal_column(f"'{value}'") if value in _STATES else value


_STATES = {*map(str, DeliveryState), *map(str, ReportState)}

Id = Uuid(as_uuid=False)
Name = String(100)
metadata = MetaData()


def _erasure() -> list[Column[Any]]:
    return [
        Column("erase_after", Date),
        Column("erased_at", UtcDateTime),
        Column("legal_hold", Boolean, nullable=False, server_default=false()),
        Column("protection_class", String(20), nullable=False, server_default="normal"),
    ]


_HAS_BODY = text("body IS NOT NULL")

cases = Table(
    "cases",
    metadata,
    Column("case_id", Id, primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("client", Name, nullable=False),
    Column("portal_reference", String(200)),
    Column("message_type", String(200), nullable=False),
    Column("service", String(14), nullable=False),
    Column("authority", Name, nullable=False),
    Column("lead", Name, nullable=False),
    Column("copies", JSON, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("status", String(20), nullable=False),
    Column("citizen_status", String(20), nullable=False),
    Column("due_on", Date),
    Column("next_seq", Integer, nullable=False),
    Column("next_event", Integer, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    *_erasure(),
    Index("cases_portal", "client", "portal_reference"),
)

_NUMBERED = text("position IS NOT NULL")

# Every message of a case in both directions: a submission (`in`) has a status and the sender's id, one of
# the back channel (`back`) a mailbox position.
messages = Table(
    "messages",
    metadata,
    Column("message_id", Id, primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("client", Name, nullable=False),
    Column("direction", String(4), nullable=False),
    Column("sender_message_id", String(200)),
    Column("case_id", Id, nullable=False),
    Column("case_seq", Integer, nullable=False),
    Column("message_type", String(200), nullable=False),
    Column("service", String(14), nullable=False),
    Column("authority", Name, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("channel", String(20)),
    Column("applied_on", Date),
    Column("status", String(20)),
    Column("received_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("body_sha256", String(64), nullable=False),
    Column("body_bytes", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("attachment_count", Integer, nullable=False),
    Column("position", BigInteger),
    Column("after_final", Boolean, nullable=False, server_default=false()),
    Column("collected_at", UtcDateTime),
    *_erasure(),
    UniqueConstraint("client", "sender_message_id", name="messages_sender"),
    Index("messages_case", "case_id", "case_seq", unique=True),
    Index(
        "messages_mailbox",
        "client",
        "position",
        unique=True,
        postgresql_where=_NUMBERED,
        sqlite_where=_NUMBERED,
    ),
    Index("messages_received", "tenant", "received_at"),
)

# Number 0 is the message itself, from 1 on its attachments, -1 the metadata posted along.
payloads = Table(
    "payloads",
    metadata,
    Column("message_id", Id, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("media_type", String(200), nullable=False),
    Column("file_name", LargeBinary),
    Column("sha256", String(64), nullable=False),
    Column("body_bytes", BigInteger, nullable=False),
    Column("codec", String(20), nullable=False),
    Column("key_id", String(64)),
    Column("body", LargeBinary, nullable=False),
)

# What an adapter uploaded for a report that is still to come.
documents = Table(
    "documents",
    metadata,
    Column("destination", Name, primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("media_type", String(200), nullable=False),
    Column("body_bytes", BigInteger, nullable=False),
    Column("codec", String(20), nullable=False),
    Column("key_id", String(64)),
    Column("body", LargeBinary, nullable=False),
    Column("uploaded_at", UtcDateTime, nullable=False),
    *_erasure(),
    Index("documents_erasure", "tenant", "erase_after"),
)

OPEN_STATES = ("waiting", "sent", "failed")
"""What holds up the next message of a case; each has a partial index of its own."""

_WAITING = text("state = 'waiting'")
_SENT = text("state = 'sent'")
_FAILED = text("state = 'failed'")
_PARKED = text("state = 'parked'")
_WISHED = text("wish IS NOT NULL")
_UNRESOLVED = text("resolved_at IS NULL")

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Id, primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("message_id", Id, nullable=False),
    Column("case_id", Id, nullable=False),
    Column("case_seq", Integer, nullable=False),
    Column("destination", Name, nullable=False),
    Column("role", String(4), nullable=False),
    Column("state", StateName, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("look_up", Boolean, nullable=False, server_default=false()),
    Column("due_at", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("first_failed_at", UtcDateTime),
    Column("code", String(40)),
    # The action that an operator asked for while a copy was in flight.
    Column("wish", Id),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # Six indexes cost as much as the row. Neither this one nor `deliveries_sent` holds what changes between
    # claim and confirm, so that PostgreSQL extends a lease without touching any.
    Index("deliveries_order", "case_id", "destination", "case_seq"),
    Index("deliveries_waiting", "destination", "due_at", postgresql_where=_WAITING, sqlite_where=_WAITING),
    Index("deliveries_sent", "destination", postgresql_where=_SENT, sqlite_where=_SENT),
    Index("deliveries_failed", "destination", postgresql_where=_FAILED, sqlite_where=_FAILED),
    Index("deliveries_wished", "wish", postgresql_where=_WISHED, sqlite_where=_WISHED),
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", Id, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("outcome", String(40)),
)

# `seq` counts under the case's row lock, so that number order is commit order.
events = Table(
    "events",
    metadata,
    Column("case_id", Id, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("message_id", Id),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("destination", Name),
    Column("code", String(40)),
)

# A contact may name a person: no number to search by, it lies encrypted in `body` and has an empty value.
case_references = Table(
    "case_references",
    metadata,
    Column("case_id", Id, primary_key=True),
    Column("destination", Name, primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("value", String(500), primary_key=True),
    Column("tenant", Name, nullable=False),
    *_erasure(),
    Column("codec", String(20)),
    Column("key_id", String(64)),
    Column("body", LargeBinary),
    Index("case_references_value", "tenant", "value"),
)

reports = Table(
    "reports",
    metadata,
    Column("destination", Name, primary_key=True),
    Column("report_id", Id, primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("case_id", Id, nullable=False),
    Column("delivery_id", Id),
    Column("type", String(40), nullable=False),
    Column("case_sequence", Integer),
    Column("state", StateName, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("codec", String(20)),
    Column("key_id", String(64)),
    Column("body", LargeBinary),
    *_erasure(),
    Index("reports_case", "case_id", "destination", "case_sequence"),
    Index("reports_parked", "received_at", postgresql_where=_PARKED, sqlite_where=_PARKED),
    Index("reports_erasure", "tenant", "erase_after", postgresql_where=_HAS_BODY, sqlite_where=_HAS_BODY),
)

report_sequences = Table(
    "report_sequences",
    metadata,
    Column("case_id", Id, primary_key=True),
    Column("destination", Name, primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("next", Integer, nullable=False),
)

# A tenant's highest generation encrypts what is written; earlier ones stay for what was.
data_keys = Table(
    "data_keys",
    metadata,
    Column("key_id", Id, primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    UniqueConstraint("tenant", "generation", name="data_keys_generation"),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# What an operator must look at.
findings = Table(
    "findings",
    metadata,
    Column("finding_id", Id, primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("destination", Name),
    Column("case_id", Id),
    Column("message_id", Id),
    Column("delivery_id", Id),
    Column("code", String(100)),
    Column("raised_by", Name),
    Column("resolved_at", UtcDateTime),
    Column("resolved_by", Name),
    Index("findings_open", "tenant", "at", postgresql_where=_UNRESOLVED),
    Index("findings_delivery", "delivery_id", postgresql_where=_UNRESOLVED, sqlite_where=_UNRESOLVED),
)

# What operators did or asked for: who, when and why. The reason is a person's own words.
actions = Table(
    "actions",
    metadata,
    Column("action_id", Id, primary_key=True),
    Column("tenant", Name, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("operator", Name, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("case_id", Id, nullable=False),
    Column("delivery_id", Id, nullable=False),
    Column("target", Name),
    Column("reason", String(500)),
    Column("outcome", String(10), nullable=False),
    Column("ended_at", UtcDateTime),
    *_erasure(),
    Index("actions_case", "case_id"),
)
