"""Write or find many rows of one table with one statement.

On PostgreSQL the rows travel as one JSON document: the text of the statement is the same for every number of
rows, so that SQLAlchemy, psycopg and PostgreSQL each take it apart once. A list of VALUES would be a new
statement for each batch size, of hundreds of parameters; arrays, one a column, are written element by element
in Python.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Table, Text, any_, bindparam, cast, column, func, select, tuple_, update
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


async def merge_all(
    connection: AsyncConnection,
    store: SqlStore,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    unique: Sequence[Any],
    clause: Callable[[Any], Any],
) -> Any:
    """Insert rows in the order of `unique`, and do with those that exist as the clause says.

    Args:
        clause: completes an `INSERT` by `ON CONFLICT …`; a function of a module, for its statement is kept.

    Returns:
        The result, with what the clause has returned.
    """
    ordered = sorted(rows, key=lambda row: [row[each.name] for each in unique])
    statement = _merged_rows(store.is_sqlite, table, tuple(rows[0]), tuple(unique), clause)
    return await connection.execute(statement, ordered if store.is_sqlite else {"document": _document(rows)})


async def update_all(
    connection: AsyncConnection,
    store: SqlStore,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
) -> None:
    """Write rows that all name the same columns over those that have the same key."""
    if not rows:
        return
    if store.is_sqlite or _content_bytes(rows) > MAX_BYTES_AS_TEXT:
        parameters = [{f"new_{name}": value for name, value in row.items()} for row in rows]
        await connection.execute(_update_one(table, tuple(rows[0]), tuple(key)), parameters)
    else:
        statement = _update_from_document(table, tuple(rows[0]), tuple(key))
        await connection.execute(statement, {"document": _document(rows)})


def among(store: SqlStore, searched: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Say whether a column has one of the values that are bound as `name` by `listed`."""
    if store.is_sqlite:
        return searched.in_(bindparam(name, expanding=True))
    array = postgresql.ARRAY(searched.type)
    # In a query of its own, or PostgreSQL would read the text again for every row.
    values = select(cast(bindparam(name, type_=Text), array)).scalar_subquery()
    return searched == any_(cast(values, array))


def among_pairs(store: SqlStore, table: Table, names: tuple[str, str], name: str) -> ColumnElement[bool]:
    """Say whether two columns, which an index has, are one of the pairs that are bound by `paired`."""
    searched = tuple_(*(table.c[each] for each in names))
    if store.is_sqlite:
        return searched.in_(bindparam(name, expanding=True))
    return searched.in_(select(*_rows_of_document(table, names, name).c))


def paired(store: SqlStore, names: tuple[str, str], pairs: Iterable[tuple[str, str]]) -> Any:
    """Write pairs as `among_pairs` takes them."""
    if store.is_sqlite:
        return list(pairs)
    return _document([dict(zip(names, pair, strict=True)) for pair in pairs])


def listed(store: SqlStore, values: Iterable[str]) -> Any:
    """Write values as `among` takes them: on PostgreSQL as the text of an array, whatever their number."""
    if store.is_sqlite:
        return list(values)
    return "{" + json.dumps(list(values), ensure_ascii=False)[1:-1] + "}"


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


def insert_or_skip(store: SqlStore, table: Table, unique: Sequence[Any]) -> Any:
    """Return `INSERT … ON CONFLICT DO NOTHING` in the dialect of the store."""
    insert = sqlite.insert(table) if store.is_sqlite else postgresql.insert(table)
    return insert.on_conflict_do_nothing(index_elements=list(unique))


@cache
def _from_document(table: Table, names: tuple[str, ...], order: tuple[Any, ...] = ()) -> Any:
    """Insert what a document holds; put together once, since that takes longer than running it."""
    rows = _rows_of_document(table, names)
    sorted_rows = select(*rows.c).order_by(*(rows.c[each.name] for each in order))
    return postgresql.insert(table).from_select(names, sorted_rows)


def _rows_of_document(table: Table, names: tuple[str, ...], parameter: str = "document") -> Any:
    document = cast(bindparam(parameter, type_=Text), postgresql.JSON)
    columns = [column(name, table.c[name].type) for name in names]
    return func.json_to_recordset(document).table_valued(*columns, name="new").render_derived(with_types=True)


@cache
def _merged_rows(
    is_sqlite: bool,
    table: Table,
    names: tuple[str, ...],
    unique: tuple[Any, ...],
    clause: Callable[[Any], Any],
) -> Any:
    return clause(sqlite.insert(table) if is_sqlite else _from_document(table, names, unique))


@cache
def _update_from_document(table: Table, names: tuple[str, ...], key: tuple[str, ...]) -> Any:
    new = _rows_of_document(table, names)
    changed = {name: new.c[name] for name in names if name not in key}
    return update(table).where(*(table.c[name] == new.c[name] for name in key)).values(changed)


@cache
def _update_one(table: Table, names: tuple[str, ...], key: tuple[str, ...]) -> Any:
    new = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    changed = {name: new[name] for name in names if name not in key}
    return update(table).where(*(table.c[name] == new[name] for name in key)).values(changed)


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
