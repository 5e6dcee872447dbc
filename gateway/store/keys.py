"""Data keys: one tenant has one for what is written, and keeps the earlier ones for what was.

All that changes them takes one lock first, so that no process wraps a key under a master key that another
is about to replace.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from os import urandom
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.ids import new_id
from gateway.store.master_key import KEY_BYTES, MasterKey
from gateway.store.tables import data_keys

if TYPE_CHECKING:
    from gateway.store.engine import SqlStore


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A data key as the database holds it; the highest generation of a tenant is the one that encrypts."""

    key_id: str
    tenant: str
    generation: int
    created_at: datetime
    wrapped: bytes = field(repr=False)


async def fetch_all(connection: AsyncConnection, key_ids: Iterable[str] | None = None) -> list[StoredKey]:
    """Read every data key, or these, by tenant and generation."""
    k = data_keys.c
    statement = select(k.key_id, k.tenant, k.generation, k.created_at, k.wrapped)
    if key_ids is not None:
        statement = statement.where(k.key_id.in_(list(key_ids)))
    rows = await connection.execute(statement.order_by(k.tenant, k.generation))
    return [StoredKey(*row) for row in rows]


async def create_missing(store: "SqlStore", master_key: MasterKey, tenants: Iterable[str]) -> None:
    """Give each of these tenants a first data key, where it has none."""
    async with store.write() as connection:
        known = {each.tenant for each in await _lock(connection, store, master_key)}
        await _add(connection, store, master_key, {each: 1 for each in tenants if each not in known})


async def rotate(store: "SqlStore", master_key: MasterKey, tenants: Iterable[str]) -> list[StoredKey]:
    """Give each of these tenants a new data key for what is written from now on.

    Raises:
        ConfigurationError: another master key wraps the data keys by now.
    """
    async with store.write() as connection:
        newest = {each.tenant: each.generation for each in await _lock(connection, store, master_key)}
        return await _add(connection, store, master_key, {each: newest.get(each, 0) + 1 for each in tenants})


async def rewrap(store: "SqlStore", master_key: MasterKey, new: MasterKey) -> int:
    """Wrap every data key under another master key, all or none; return how many.

    Raises:
        ConfigurationError: another master key wraps the data keys by now.
    """
    async with store.write() as connection:
        held = await _lock(connection, store, master_key)
        rows = [
            {
                "id": each.key_id,
                "new": new.wrap(_unwrap(master_key, each), key_id=each.key_id, tenant=each.tenant),
            }
            for each in held
        ]
        if rows:
            statement = update(data_keys).where(data_keys.c.key_id == bindparam("id"))
            await connection.execute(statement.values(wrapped=bindparam("new")), rows)
    return len(rows)


def _unwrap(master_key: MasterKey, stored: StoredKey) -> bytes:
    return master_key.unwrap(stored.wrapped, key_id=stored.key_id, tenant=stored.tenant)


async def _lock(connection: AsyncConnection, store: "SqlStore", master_key: MasterKey) -> list[StoredKey]:
    """Keep others from changing keys until the end of the transaction, and make sure that ours still fits."""
    if not store.is_sqlite:
        await connection.execute(text("LOCK TABLE data_keys IN SHARE ROW EXCLUSIVE MODE"))
    held = await fetch_all(connection)
    for each in held:
        _unwrap(master_key, each)
    return held


async def _add(
    connection: AsyncConnection, store: "SqlStore", master_key: MasterKey, generations: dict[str, int]
) -> list[StoredKey]:
    now = await store.read_clock(connection)
    made = []
    for tenant, generation in sorted(generations.items()):
        key_id = new_id()
        wrapped = master_key.wrap(urandom(KEY_BYTES), key_id=key_id, tenant=tenant)
        made.append(StoredKey(key_id, tenant, generation, now, wrapped))
    if made:
        names = ("key_id", "tenant", "generation", "created_at", "wrapped")
        rows = [{name: getattr(each, name) for name in names} for each in made]
        await connection.execute(data_keys.insert(), rows)
    return made
