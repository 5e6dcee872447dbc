"""Reports while the store is away: they lie in the broker, neither held nor sent round, and come again."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from gateway.broker import Broker, MemoryBroker, QueueDepth, RabbitBroker
from gateway.delivery import Taps
from gateway.errors import BrokerUnavailable
from gateway.store import SqlStore
from tests.contract.broker.broker_contract import Held, a_message, until
from tests.services.proxy import Proxy

HELD = 3


@pytest.fixture
async def proxy(postgresql_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(postgresql_url) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: Proxy) -> AsyncIterator[SqlStore]:
    store = SqlStore(proxy.url, timeout_s=0.5)
    yield store
    proxy.thaw()
    await store.close()


async def depth(broker: Broker) -> QueueDepth:
    return next(each for each in await broker.depths() if each.queue == "amtsbote.reports")


async def stands_at(broker: Broker, *, messages: int, consumers: int) -> bool:
    found = await depth(broker)
    return (found.messages, found.consumers) == (messages, consumers)


async def test_reports_go_back_once_and_come_again_when_the_store_was_away(
    proxy: Proxy, store: SqlStore, amqp_url: str
) -> None:
    broker = RabbitBroker([amqp_url], timeout_s=5)
    await broker.start()
    held = Held()
    taps = Taps(store, [partial(broker.consume_reports, held, concurrency=HELD)])
    await taps.start()
    sent = [a_message(routing_key="a.b") for _ in range(HELD)]
    await asyncio.gather(*map(broker.publish_report, sent))
    for _ in sent:
        await held.next()

    proxy.freeze()
    await until(lambda: stands_at(broker, messages=HELD, consumers=0))
    assert held.count == HELD

    proxy.thaw()
    again = [await held.next() for _ in sent]
    assert {each.message_id for each in again} == {each.message_id for each in sent}
    assert all(each.redelivered for each in again)
    held.release.set()
    await until(lambda: stands_at(broker, messages=0, consumers=1))
    await taps.stop(1)
    assert (await depth(broker)).consumers == 0
    await broker.close()


async def test_reports_are_refused_to_their_publishers_when_the_store_is_away(
    proxy: Proxy, store: SqlStore
) -> None:
    broker = MemoryBroker()
    await broker.start()
    held = Held()
    held.release.set()
    taps = Taps(store, [partial(broker.consume_reports, held, concurrency=HELD)])
    await taps.start()
    await broker.publish_report(a_message())
    proxy.freeze()

    async def refused() -> bool:
        try:
            await broker.publish_report(a_message())
        except BrokerUnavailable:
            return True
        return False

    await until(refused)
    proxy.thaw()

    async def taken() -> bool:
        return not await refused()

    await until(taken)
    await taps.stop(1)
    await broker.close()
