"""Fills a database with many copies of one case that went its whole way through the product.

Every column is copied but ids, times and what must be unique: the rows are as large and as many as real
ones, whatever the schema has become, and the copies spread over as many seconds as there are of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

_TABLES = (
    *("cases", "messages", "payloads", "deliveries", "attempts", "events"),
    *("reports", "report_sequences", "case_references"),
)
_OF_CASE = {
    "payloads": "message_id IN (SELECT message_id FROM messages WHERE case_id = %(case)s)",
    "attempts": "delivery_id IN (SELECT delivery_id FROM deliveries WHERE case_id = %(case)s)",
}
_UNIQUE_TEXTS = {"sender_message_id", "value"}
_CHUNK = 20_000
_CONNECTIONS = 2

# The time at the front of a UUIDv7 is another for each copy: an index grows at its end, as with real ones.
_COPY_ID = "(lpad(to_hex(1700000000000 + nth), 12, '0') || substr(replace({name}::text, '-', ''), 13))::uuid"
_TEMPLATE = """SELECT case_id, (SELECT max(position) FROM messages) FROM messages
    WHERE direction = 'back' ORDER BY position LIMIT 1"""
_COLUMNS = """SELECT column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = %s ORDER BY ordinal_position"""
_INDEXES = """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = %s::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)"""


@dataclass(frozen=True, slots=True)
class Copies:
    """A kind of copies: how many, what of the case they have, and in which columns they differ.

    `tables` maps a table to a condition on the rows that are copied; one that is missing is left out.
    """

    count: int
    tables: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(_TABLES, "true"))
    columns: Mapping[tuple[str, str], str] = field(default_factory=dict)


def settled(count: int) -> Copies:
    """Cases that are decided, as the one that is copied."""
    return Copies(count)


def waiting(count: int, destination: str) -> Copies:
    """Cases that wait for a destination."""
    tables = {
        "cases": "true",
        "messages": "direction = 'in'",
        "payloads": "message_id IN (SELECT message_id FROM messages WHERE direction = 'in')",
        "deliveries": "true",
        "events": "kind = 'submission.accepted'",
    }
    columns = {
        ("cases", "status"): "'open'",
        ("cases", "citizen_status"): "'SUBMITTED'",
        ("cases", "lead"): f"'{destination}'",
        ("cases", "next_seq"): "2",
        ("cases", "next_event"): "2",
        ("messages", "status"): "'accepted'",
        ("deliveries", "destination"): f"'{destination}'",
        ("deliveries", "state"): "'waiting'",
        ("deliveries", "attempt"): "0",
    }
    return Copies(count, tables, columns)


def in_flight(count: int, destination: str) -> Copies:
    """Cases whose delivery a destination has and does not answer."""
    copies = waiting(count, destination)
    sent = {
        ("deliveries", "state"): "'sent'",
        ("deliveries", "attempt"): "1",
        ("deliveries", "lease_until"): "now() + interval '1 day'",
    }
    return Copies(count, copies.tables, {**copies.columns, **sent})


def fill(database: str, *kinds: Copies) -> None:
    """Copy the first case that was decided; nothing else may use the database meanwhile."""
    with psycopg.connect(database, autocommit=True) as connection:
        # A server's own setting, which makes room for a load that it gets once.
        connection.execute("ALTER SYSTEM SET max_wal_size = '16GB'")
        connection.execute("SELECT pg_reload_conf()")
        case_id, last = connection.execute(_TEMPLATE).fetchone() or ("", 0)
        indexes = [row for table in _TABLES for row in connection.execute(_INDEXES, [table]).fetchall()]
        for name, _ in indexes:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(name)))
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            list(pool.map(lambda chunk: _copy_all(database, str(case_id), *chunk), _chunks(int(last), kinds)))
            list(pool.map(lambda index: _execute(database, index[1]), indexes))
        connection.execute(
            "UPDATE counters SET value = (SELECT max(position) FROM messages) WHERE name LIKE 'mailbox:%'"
        )
        connection.execute("VACUUM ANALYZE")
        connection.execute("ALTER SYSTEM RESET max_wal_size")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CHECKPOINT")


def _chunks(begin: int, kinds: Sequence[Copies]) -> Iterator[tuple[Copies, dict[str, int]]]:
    total = begin + sum(kind.count for kind in kinds)
    for kind in kinds:
        end = begin + kind.count
        for first in range(begin + 1, end + 1, _CHUNK):
            yield kind, {"first": first, "last": min(first + _CHUNK - 1, end), "total": total}
        begin = end


def _copy_all(database: str, case_id: str, kind: Copies, numbers: dict[str, int]) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        for table, condition in kind.tables.items():
            statement = _copy(connection, table, condition, kind.columns)
            connection.execute(statement, {"case": case_id, **numbers})


def _execute(database: str, statement: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(statement.encode())


def _copy(
    connection: psycopg.Connection, table: str, condition: str, columns: Mapping[tuple[str, str], str]
) -> sql.Composed:
    types: dict[str, str] = dict(connection.execute(_COLUMNS, [table]).fetchall())
    values = [columns.get((table, name)) or _value(name, kind) for name, kind in types.items()]
    return sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {values} "
        "FROM generate_series(%(first)s::bigint, %(last)s) AS copy(nth), "
        "(SELECT * FROM {table} WHERE {of_case} AND {condition}) AS template"
    ).format(
        table=sql.Identifier(table),
        names=sql.SQL(", ").join([sql.Identifier(name) for name in types]),
        values=sql.SQL(", ").join([sql.SQL(value) for value in values]),
        of_case=sql.SQL(_OF_CASE.get(table, "case_id = %(case)s")),
        condition=sql.SQL(condition),
    )


def _value(name: str, kind: str) -> str:
    if kind == "uuid":
        return _COPY_ID.format(name=name)
    if name in _UNIQUE_TEXTS:
        return f"md5({name} || nth)"
    if name == "position":
        return "position + nth"
    if kind == "timestamp with time zone":
        return f"{name} - (%(total)s - nth) * interval '1 second'"
    return f'"{name}"'
