"""The in-process broker under the contract, and what only it promises."""

import asyncio
import time

import pytest

from gateway import rush as rush_module
from gateway.broker import MemoryBroker, Outcome
from gateway.contract.message import Message
from gateway.errors import BrokerUnavailable
from gateway.rush import Rush
from tests.contract.broker.broker_contract import (
    DESTINATION,
    SMALL,
    BrokerContract,
    Held,
    Inbox,
    MakeBroker,
    a_message,
    depth,
)


async def in_a_rush(monkeypatch: pytest.MonkeyPatch) -> MemoryBroker:
    """Start a broker in a process whose rush of submissions does not end."""
    monkeypatch.setattr(rush_module, "QUIET_S", 3600)
    rush = Rush(time.monotonic)
    rush.note()
    broker = MemoryBroker(SMALL, rush=rush)
    await broker.start()
    await broker.declare([DESTINATION])
    return broker


class TestMemoryBroker(BrokerContract):
    @pytest.fixture
    def make(self) -> MakeBroker:
        return lambda: MemoryBroker(SMALL, timeout_s=5)

    async def test_report_is_confirmed_when_its_effect_is_durable(self, broker: MemoryBroker) -> None:
        held = Held()
        await broker.consume_reports(held, concurrency=1)
        publishing = asyncio.create_task(broker.publish_report(a_message()))
        await held.next()
        assert not publishing.done()
        held.release.set()
        await publishing

    async def test_report_is_not_taken_when_nobody_consumes(self, broker: MemoryBroker) -> None:
        consumer = await broker.consume_reports(Inbox(), concurrency=1)
        await consumer.cancel()
        with pytest.raises(BrokerUnavailable, match="Nobody takes reports"):
            await broker.publish_report(a_message())

    async def test_report_is_not_confirmed_when_the_handler_raises(self, broker: MemoryBroker) -> None:
        async def fail(message: Message) -> Outcome:
            raise OSError

        await broker.consume_reports(fail, concurrency=1)
        with pytest.raises(BrokerUnavailable, match="send it again"):
            await broker.publish_report(a_message())

    async def test_report_is_not_confirmed_when_its_consumer_is_cancelled(self, broker: MemoryBroker) -> None:
        held = Held()
        consumer = await broker.consume_reports(held, concurrency=1)
        publishing = asyncio.create_task(broker.publish_report(a_message()))
        await held.next()
        await consumer.cancel(grace_s=0)
        with pytest.raises(BrokerUnavailable):
            await publishing

    async def test_report_goes_on_when_its_publisher_gives_up(self) -> None:
        broker = MemoryBroker(SMALL, timeout_s=0.05)
        await broker.start()
        held = Held()
        consumer = await broker.consume_reports(held, concurrency=1)
        with pytest.raises(BrokerUnavailable):
            await broker.publish_report(a_message())
        ended = asyncio.create_task(consumer.cancel(grace_s=10))
        await asyncio.sleep(0)
        assert not ended.done()
        held.release.set()
        await ended

    async def test_queues_are_empty_when_closed_and_started(self, broker: MemoryBroker) -> None:
        await broker.publish_delivery(DESTINATION, a_message())
        await broker.close()
        await broker.start()
        assert (await depth(broker)).messages == 0

    async def test_delivery_waits_while_submissions_come_in_a_rush(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broker, inbox = await in_a_rush(monkeypatch), Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=2)
        await broker.publish_delivery(DESTINATION, a_message())
        for _ in range(20):  # turns of the loop, in which it would have been handed over
            await asyncio.sleep(0)
        assert (inbox.count, (await depth(broker)).messages) == (0, 1)
        await broker.close()

    async def test_all_that_waits_is_delivered_when_a_rush_does_not_end(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broker, inbox = await in_a_rush(monkeypatch), Inbox()
        for _ in range(SMALL.max_length):
            await broker.publish_delivery(DESTINATION, a_message())
        monkeypatch.setattr(rush_module, "GIVE_WAY_S", 0.1)
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        await inbox.next()
        monkeypatch.setattr(rush_module, "GIVE_WAY_S", 3600)  # it must not give way again before it is done
        for _ in range(SMALL.max_length - 1):
            await inbox.next()
        await broker.close()
