"""Insert many rows of one table with one statement.

On PostgreSQL the rows travel as one array a column, so that the text of the statement is the same for every
number of rows: SQLAlchemy compiles and PostgreSQL prepares it once. A list of VALUES would be a new statement
for each batch size, of hundreds of parameters.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.engine import SqlStore


async def insert_all(
    connection: AsyncConnection, store: SqlStore, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows that all name the same columns, in their order."""
    if rows:
        await _execute(connection, store, _insert(store, table, list(rows[0])), rows)


async def insert_new(
    connection: AsyncConnection,
    store: SqlStore,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    unique: Sequence[Any],
    returning: Any,
) -> set[Any]:
    """Insert the rows that `unique` does not know yet, in their order, and return a column of these."""
    statement = _insert(store, table, list(rows[0])).on_conflict_do_nothing(index_elements=list(unique))
    return set((await _execute(connection, store, statement.returning(returning), rows)).scalars())


def insert_into(store: SqlStore, table: Table) -> Any:
    """Return `INSERT` in the dialect of the store."""
    return sqlite.insert(table) if store.is_sqlite else postgresql.insert(table)


def insert_or_skip(store: SqlStore, table: Table, unique: Sequence[Any]) -> Any:
    """Return `INSERT … ON CONFLICT DO NOTHING` in the dialect of the store."""
    return insert_into(store, table).on_conflict_do_nothing(index_elements=list(unique))


def _insert(store: SqlStore, table: Table, names: list[str]) -> Any:
    statement = insert_into(store, table)
    if store.is_sqlite:
        return statement
    # One dimension: a JSON value may be a list itself.
    arrays = [bindparam(name, type_=ARRAY(table.c[name].type, dimensions=1)) for name in names]
    rows = func.unnest(*arrays).table_valued(*names).render_derived()
    return statement.from_select(names, select(*rows.c))


async def _execute(
    connection: AsyncConnection, store: SqlStore, statement: Any, rows: Sequence[Mapping[str, Any]]
) -> Any:
    if store.is_sqlite:
        return await connection.execute(statement, rows)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return await connection.execute(statement, columns)
