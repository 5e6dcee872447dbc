"""Insert many rows of one table with one statement.

On PostgreSQL the rows travel as one JSON document: the text of the statement is the same for every number of
rows, so that SQLAlchemy, psycopg and PostgreSQL each take it apart once. A list of VALUES would be a new
statement for each batch size, of hundreds of parameters; arrays, one a column, are written element by element
in Python.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Table, Text, any_, bindparam, cast, column, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import SqlStore

MAX_BYTES_AS_TEXT = 1024 * 1024
"""In a document contents double in size: more than this goes as parameters."""


async def insert_all(
    connection: AsyncConnection, store: SqlStore, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows that all name the same columns."""
    if not rows:
        return
    if store.is_sqlite or _content_bytes(rows) > MAX_BYTES_AS_TEXT:
        await connection.execute(table.insert(), rows)
    else:
        await connection.execute(_from_document(table, tuple(rows[0])), {"document": _document(rows)})


async def insert_new(
    connection: AsyncConnection,
    store: SqlStore,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    unique: Sequence[Any],
    returning: Any,
) -> set[Any]:
    """Insert the rows that `unique` does not know yet, in its order, and return a column of these."""
    statement = _new_rows(store.is_sqlite, table, tuple(rows[0]), tuple(unique), returning)
    parameters = rows if store.is_sqlite else {"document": _document(rows)}
    return set((await connection.execute(statement, parameters)).scalars())


def among(store: SqlStore, key: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Say that a column is one of a parameter's values; the statement is the same for any number of them."""
    if store.is_sqlite:
        return key.in_(bindparam(name, expanding=True))
    return key == any_(bindparam(name, type_=postgresql.ARRAY(key.type)))


def insert_into(store: SqlStore, table: Table) -> Any:
    """Return `INSERT` in the dialect of the store."""
    return sqlite.insert(table) if store.is_sqlite else postgresql.insert(table)


def insert_or_skip(store: SqlStore, table: Table, unique: Sequence[Any]) -> Any:
    """Return `INSERT … ON CONFLICT DO NOTHING` in the dialect of the store."""
    return insert_into(store, table).on_conflict_do_nothing(index_elements=list(unique))


@cache
def _from_document(table: Table, names: tuple[str, ...], order: tuple[Any, ...] = ()) -> Any:
    """Insert what a document holds; put together once, since that takes longer than running it."""
    document = cast(bindparam("document", type_=Text), postgresql.JSON)
    columns = [column(name, table.c[name].type) for name in names]
    rows = func.json_to_recordset(document).table_valued(*columns, name="new").render_derived(with_types=True)
    sorted_rows = select(*rows.c).order_by(*(rows.c[each.name] for each in order))
    return postgresql.insert(table).from_select(names, sorted_rows)


@cache
def _new_rows(
    is_sqlite: bool, table: Table, names: tuple[str, ...], unique: tuple[Any, ...], read: Any
) -> Any:
    insert = sqlite.insert(table) if is_sqlite else _from_document(table, names, unique)
    return insert.on_conflict_do_nothing(index_elements=list(unique)).returning(read)


def _content_bytes(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(value) for row in rows for value in row.values() if isinstance(value, bytes))


def _document(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps(rows, default=_as_text)


def _as_text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"  # PostgreSQL's way to write bytes
    raise TypeError(f"a row cannot hold a {type(value).__name__}")
