"""Wake-ups between processes on one PostgreSQL; the second store stands for another process."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from gateway.store import SqlStore
from gateway.store.notices import _read, _write

LONG_S = 20.0
RETOLD_S = 0.2


@pytest.fixture
async def pair(postgresql_url: str) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    stores = SqlStore(postgresql_url), SqlStore(postgresql_url)
    for store in stores:
        store.join_others()
    yield stores
    for store in stores:
        await store.close()


async def is_woken(listens: SqlStore, tells: SqlStore, key: str) -> bool:
    """Tell until it is heard: whether a connection stands already cannot be seen from outside."""
    with listens.signals.listen(key) as listener:
        async with asyncio.timeout(LONG_S):
            tells.signals.notify([key])
            while not await listener.wait(RETOLD_S):
                tells.signals.notify([key])
    return True


async def test_waiter_is_woken_when_another_process_commits(pair: tuple[SqlStore, SqlStore]) -> None:
    here, there = pair
    assert await is_woken(here, there, "destination:a")
    assert await is_woken(there, here, "mailbox:b")


async def test_many_changes_travel_in_few_notices(
    pair: tuple[SqlStore, SqlStore], postgresql_url: str
) -> None:
    here, there = pair
    assert await is_woken(here, there, "destination:a")
    keys = [f"mailbox:{number}" for number in range(50)]
    async with await psycopg.AsyncConnection.connect(postgresql_url, autocommit=True) as other:
        await other.execute("LISTEN amtsbote")
        for key in keys:
            there.signals.notify([key])
        async for notice in other.notifies(timeout=LONG_S, stop_after=1):
            assert _read(notice.payload.partition(" ")[2]) == sorted(keys)


async def test_waiter_is_woken_again_when_connections_were_cut(
    pair: tuple[SqlStore, SqlStore], postgresql_url: str
) -> None:
    here, there = pair
    assert await is_woken(here, there, "destination:a")
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        cut = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cut.rowcount >= 4
    assert await is_woken(here, there, "destination:a")


def test_notice_keeps_what_wakes_the_relay_when_there_is_too_much() -> None:
    keys = {f"case:{number:036}" for number in range(400)} | {"destination:a", "mailbox:b"}
    text = _write(keys)
    assert len(text) < 8000
    assert {"destination:a", "mailbox:b"} < set(_read(text)) < keys


@pytest.mark.parametrize("foreign", ["", "{", "{}", "[1, null]"])
def test_foreign_notice_wakes_nobody(foreign: str) -> None:
    assert _read(foreign) == []
