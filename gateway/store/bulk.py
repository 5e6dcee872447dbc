"""Write or find many rows of one table with one statement.

Rows travel to PostgreSQL, and what is asked for to SQLite as well, as one JSON document: the text of the
statement is the same for every number of rows, so that SQLAlchemy, the driver and the database each take it
apart once. A list of VALUES would be a new statement for each batch size, of hundreds of parameters; arrays,
one a column, are written element by element in Python.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic_core import to_json
from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
    tuple_,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import SqlStore
from gateway.store.tables import UtcDateTime

MAX_BYTES_AS_TEXT = 1024 * 1024
"""In a document contents double in size: more than this goes as parameters."""


@dataclass(frozen=True, slots=True)
class Child:
    """Rows that hang on rows of another table: both have the column `link`."""

    table: Table
    link: str
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Family:
    """Rows of a table, each inserted unless `unique` knows it already, and what hangs on them.

    `returning` names the columns to return of each new row; every child's link is among them.
    """

    table: Table
    rows: Sequence[Mapping[str, Any]]
    children: Sequence[Child]
    unique: Sequence[Any]
    returning: Sequence[Any]


async def insert_all(
    connection: AsyncConnection, store: SqlStore, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows that all name the same columns."""
    if not rows:
        return
    if store.is_sqlite or _content_bytes(rows) > MAX_BYTES_AS_TEXT:
        await connection.execute(table.insert(), rows)
    else:
        await connection.execute(_from_document(table, tuple(rows[0])), {"document": document_of(rows)})


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
    return await connection.execute(
        statement, ordered if store.is_sqlite else {"document": document_of(rows)}
    )


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
        await connection.execute(statement, {"document": document_of(rows)})


def among(store: SqlStore, searched: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Say whether a column has one of the values that are bound as `name` by `listed`."""
    if store.is_sqlite:
        return searched.in_(bindparam(name, expanding=True))
    array = postgresql.ARRAY(searched.type)
    # In a query of its own, or PostgreSQL would read the text again for every row.
    values = select(cast(bindparam(name, type_=Text), array)).scalar_subquery()
    return searched == any_(cast(values, array))


async def find_each(
    connection: AsyncConnection,
    store: SqlStore,
    columns: tuple[Any, ...],
    *,
    key: tuple[str, ...],
    wanted: Iterable[tuple[str, ...]],
    where: tuple[ColumnElement[bool], ...] = (),
) -> Sequence[Any]:
    """Read these columns of the rows of one table that have one of the keys.

    Args:
        key: the columns of an index, of which `wanted` has the values, each once.
        where: what else holds for them; made once, for the statement is kept.
    """
    statement = _each_found(store.is_sqlite, columns, key, where)
    given: Any = list(wanted)
    if not store.is_sqlite:
        given = document_of([dict(zip(key, each, strict=True)) for each in given])
    return (await connection.execute(statement, {"wanted": given})).all()


def listed(store: SqlStore, values: Iterable[str]) -> Any:
    """Write values as `among` takes them: on PostgreSQL as the text of an array, whatever their number."""
    if store.is_sqlite:
        return list(values)
    return "{" + json.dumps(list(values), ensure_ascii=False)[1:-1] + "}"


async def insert_family(
    connection: AsyncConnection, store: SqlStore, family: Family, *, as_text: bool
) -> Sequence[Any]:
    """Insert what is new of a family, in the order of `unique`; what hangs on a known row is left out.

    Args:
        as_text: on PostgreSQL have it all travel in documents and be one statement, in full or not at all.
            Times that are left open are then the transaction's.
    """
    unique = tuple(family.unique)
    rows = sorted(family.rows, key=lambda row: [row[each.name] for each in unique])
    children = [child for child in family.children if child.rows]
    if as_text and not store.is_sqlite:
        shapes = tuple((child.table, child.link, tuple(child.rows[0])) for child in children)
        statement = _new_family(family.table, tuple(rows[0]), shapes, unique, tuple(family.returning))
        documents = {child.table.name: document_of(child.rows) for child in children}
        return (await connection.execute(statement, {family.table.name: document_of(rows)} | documents)).all()
    insert = insert_or_skip(store, family.table, unique).returning(*family.returning)
    new = (await connection.execute(insert, rows)).all()
    for child in children:
        known = {getattr(row, child.link) for row in new}
        own = [row for row in child.rows if row[child.link] in known]
        await insert_all(connection, store, child.table, own)
    return new


def insert_or_skip(store: SqlStore, table: Table, unique: Sequence[Any]) -> Any:
    """Return `INSERT … ON CONFLICT DO NOTHING` in the dialect of the store."""
    insert = sqlite.insert(table) if store.is_sqlite else postgresql.insert(table)
    return insert.on_conflict_do_nothing(index_elements=list(unique))


@cache
def _from_document(table: Table, names: tuple[str, ...], order: tuple[Any, ...] = ()) -> Any:
    """Insert what a document holds; put together once, since that takes longer than running it."""
    rows = rows_of_document(table, names)
    sorted_rows = select(*_values(table, rows, names)).order_by(*(rows.c[each.name] for each in order))
    return postgresql.insert(table).from_select(names, sorted_rows)


@cache
def _new_family(
    parent: Table,
    names: tuple[str, ...],
    children: tuple[tuple[Table, str, tuple[str, ...]], ...],
    unique: tuple[Any, ...],
    returning: tuple[Any, ...],
) -> Any:
    rows = rows_of_document(parent, names, parent.name)
    insert = postgresql.insert(parent).from_select(names, select(*_timed_values(parent, rows, names)))
    # Not sorted here: the planner would sort by what it sees in the document, which is sorted already.
    new = insert.on_conflict_do_nothing(index_elements=list(unique)).returning(*returning).cte("new")
    statement = select(new)
    for table, link, own_names in children:
        own = rows_of_document(table, own_names, table.name)
        hanging = select(*_timed_values(table, own, own_names)).where(own.c[link].in_(select(new.c[link])))
        child = postgresql.insert(table).from_select(own_names, hanging)
        statement = statement.add_cte(child.cte(f"new_{table.name}"))
    return statement


def rows_of_document(
    table: Table, names: tuple[str, ...], parameter: str = "document", *, is_sqlite: bool = False
) -> Any:
    """Read the rows that a database is given as a document, with these columns of a table.

    SQLite reads texts and ids; what SQLAlchemy stores in a form of its own it does not.
    """
    if is_sqlite:
        row = func.json_each(bindparam(parameter, type_=Text)).table_valued("value").c.value
        read = [_of_row(row, table.c[name]).label(name) for name in names]
        return select(*read).subquery(f"{parameter}_rows")
    document = cast(bindparam(parameter, type_=Text), postgresql.JSON)
    columns = [column(name, Text if _is_binary(table, name) else table.c[name].type) for name in names]
    name = f"{parameter}_rows"
    return func.json_to_recordset(document).table_valued(*columns, name=name).render_derived(with_types=True)


def _of_row(row: ColumnElement[Any], wanted: ColumnElement[Any]) -> ColumnElement[Any]:
    value = func.json_extract(row, literal_column(f"'$.{wanted.name}'"))
    if isinstance(wanted.type, Uuid):
        value = func.replace(value, literal_column("'-'"), literal_column("''"))
    return type_coerce(value, wanted.type)


def _values(table: Table, rows: Any, names: tuple[str, ...]) -> list[Any]:
    """Read the columns of a document as the table has them."""
    return [_value(table, rows, name) for name in names]


def _value(table: Table, rows: Any, name: str) -> Any:
    return func.decode(rows.c[name], "hex") if _is_binary(table, name) else rows.c[name]


def _timed_values(table: Table, rows: Any, names: tuple[str, ...]) -> list[Any]:
    """Read them with the transaction's time where a time is left open that must be there."""
    open_times = {each.name for each in table.c if isinstance(each.type, UtcDateTime) and not each.nullable}
    read = zip(names, _values(table, rows, names), strict=True)
    return [func.coalesce(value, func.now()) if name in open_times else value for name, value in read]


def _is_binary(table: Table, name: str) -> bool:
    return isinstance(table.c[name].type, LargeBinary)


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
    rows = rows_of_document(table, names)
    new = select(*(_value(table, rows, name).label(name) for name in names)).cte("new")
    changed = {name: new.c[name] for name in names if name not in key}
    # The keys stand there twice: for a join alone PostgreSQL, which expects a hundred rows of any document,
    # may read the whole table.
    of_any = [table.c[name] == any_(func.array(select(new.c[name]).scalar_subquery())) for name in key]
    of_row = [table.c[name] == new.c[name] for name in key]
    return update(table).where(*of_any, *of_row).values(changed)


@cache
def _update_one(table: Table, names: tuple[str, ...], key: tuple[str, ...]) -> Any:
    new = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    changed = {name: new[name] for name in names if name not in key}
    return update(table).where(*(table.c[name] == new[name] for name in key)).values(changed)


@cache
def _each_found(
    is_sqlite: bool,
    columns: tuple[Any, ...],
    key: tuple[str, ...],
    where: tuple[ColumnElement[bool], ...],
) -> Any:
    table = columns[0].table
    searched = select(*columns).where(*where)
    if is_sqlite:
        names = tuple_(*(table.c[name] for name in key))
        return searched.where(names.in_(bindparam("wanted", expanding=True)))
    # One by one (LATERAL; OFFSET keeps the planner from turning it into a join): a plan made while a table
    # was small, and kept until the next ANALYZE, would read all of it each time.
    rows = rows_of_document(table, key, "wanted")
    of_row = searched.where(*(table.c[name] == rows.c[name] for name in key)).offset(0).lateral("found")
    return select(of_row).select_from(rows.join(of_row, true()))


def _content_bytes(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(value) for row in rows for value in row.values() if isinstance(value, bytes))


def document_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows as `rows_of_document` reads them."""
    return to_json([_plain(row) for row in rows]).decode()


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}
