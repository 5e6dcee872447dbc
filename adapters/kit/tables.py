"""The tables of an adapter's own store. Several destinations may share one PostgreSQL database."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

SCHEMA_VERSION = 2

metadata = MetaData()


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite alone would return it without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the zone that SQLite dropped."""
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_big_id = BigInteger().with_variant(Integer(), "sqlite")

schema = Table("adapter_schema", metadata, Column("version", Integer, primary_key=True))

# state: `started` while a worker has it until `lease_until`, `open` when it may be started (again),
# `done` when `outcome_*` holds how `attempt` ended. `starts` counts starts since the last outcome.
# `in_doubt`: an earlier start may have taken effect. `token` grows with every start and fences the workers.
inbox = Table(
    "adapter_inbox",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("destination", Text, nullable=False),
    Column("submission_id", Text, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("starts", Integer, nullable=False),
    Column("token", Integer, nullable=False),
    Column("worker", Text),
    Column("lease_until", UtcTime),
    Column("in_doubt", Boolean, nullable=False),
    Column("outcome_report_id", Text),
    Column("outcome_type", Text),
    Column("outcome_body", LargeBinary),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Index("adapter_inbox_started", "destination", "state"),
)

steps = Table(
    "adapter_steps",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("result", JSON(none_as_null=False)),
    Column("recorded_at", UtcTime, nullable=False),
)

# The row of a case is locked by everyone who stores a report of it: order of `seq` is order of commit.
case_sequences = Table(
    "adapter_case_sequences",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("case_id", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

# `not_before` holds back the next try: after a failure, or while a worker is sending the report.
outbox = Table(
    "adapter_outbox",
    metadata,
    Column("seq", _big_id, primary_key=True, autoincrement=True),
    Column("destination", Text, nullable=False),
    Column("report_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("submission_id", Text),
    Column("delivery_id", Text),
    Column("attempt", BigInteger),
    Column("case_sequence", BigInteger),
    Column("body", LargeBinary),
    Column("created_at", UtcTime, nullable=False),
    Column("not_before", UtcTime, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent_at", UtcTime),
    UniqueConstraint("destination", "report_id"),
)
Index(
    "adapter_outbox_unsent",
    outbox.c.destination,
    outbox.c.case_id,
    outbox.c.seq,
    sqlite_where=outbox.c.sent_at.is_(None),
    postgresql_where=outbox.c.sent_at.is_(None),
)
# Not of what is unsent: to PostgreSQL it would look as good for that as the one above, and leads to all.
sent_index = Index(
    "adapter_outbox_sent",
    outbox.c.destination,
    outbox.c.sent_at,
    sqlite_where=outbox.c.sent_at.is_not(None),
    postgresql_where=outbox.c.sent_at.is_not(None),
)
