"""A database that takes connections and statements and never answers: every wait for it ends in time."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from gateway.errors import StoreUnavailable, Unavailable
from gateway.intake.commit import GroupCommit
from gateway.store import SqlStore
from gateway.store.migrate import migrate
from gateway.store.tables import messages
from tests.contract.store.contract import count
from tests.contract.store.make import MASTER_KEY, submission
from tests.services.proxy import Proxy

TIMEOUT_S = 1.0
SLACK_S = 2.0
"""What a loaded machine may add."""


@pytest.fixture
async def proxy(postgresql_url: str) -> AsyncIterator[Proxy]:
    await asyncio.to_thread(migrate, postgresql_url)
    async with Proxy(postgresql_url) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: Proxy) -> AsyncIterator[SqlStore]:
    store = SqlStore(proxy.url, master_key=MASTER_KEY, timeout_s=TIMEOUT_S)
    await store.ping()
    yield store
    await store.close()


async def test_wait_is_bounded_when_the_database_freezes_before_a_statement(
    proxy: Proxy, store: SqlStore
) -> None:
    proxy.freeze()
    began = time.monotonic()
    results = await asyncio.gather(*(store.ping() for _ in range(15)), return_exceptions=True)
    assert {type(result) for result in results} == {StoreUnavailable}
    assert time.monotonic() - began < TIMEOUT_S + SLACK_S
    proxy.thaw()
    await store.ping()


async def test_wait_is_bounded_when_the_database_freezes_within_a_transaction(
    proxy: Proxy, store: SqlStore
) -> None:
    async def freeze_within() -> None:
        async with store.write() as connection:
            await connection.exec_driver_sql("SELECT 1")
            proxy.freeze()
            await connection.exec_driver_sql("SELECT 2")

    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await freeze_within()
    assert time.monotonic() - began < TIMEOUT_S + SLACK_S


async def test_everybody_is_answered_in_time_when_the_database_freezes_under_load(
    proxy: Proxy, store: SqlStore
) -> None:
    commit = GroupCommit(store, max_batch=5, max_waiting=200, patience_s=TIMEOUT_S)
    await commit.start()
    proxy.freeze()
    began = time.monotonic()
    posted = (commit.accept(submission(new_reference=f"case {number}")) for number in range(200))
    answers = await asyncio.gather(*posted, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    assert time.monotonic() - began < 2 * TIMEOUT_S + SLACK_S
    proxy.thaw()
    await commit.accept(submission())
    await commit.stop()
    assert await count(store, messages) >= 1


async def test_stop_is_bounded_when_the_database_is_frozen(proxy: Proxy, store: SqlStore) -> None:
    commit = GroupCommit(store, max_batch=5, max_waiting=200, patience_s=60)
    await commit.start()
    proxy.freeze()
    tasks = [asyncio.create_task(commit.accept(submission())) for _ in range(50)]
    await asyncio.sleep(0)
    began = time.monotonic()
    await commit.stop(grace_s=0.2)
    assert time.monotonic() - began < SLACK_S
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
