"""What every broker must do: one suite, inherited by each implementation."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from gateway.broker import Broker, Outcome, QueueDepth, Topology
from gateway.contract.ids import new_id
from gateway.contract.message import Message
from gateway.errors import BrokerUnavailable, HeadersTooLarge, MessageReturned, QueueFull

DESTINATION = "standesamt-neustadt"
SMALL = Topology(delivery_limit=2, max_length=3)
TIMEOUT_S = 5.0
"""The longest wait that the brokers under test are given."""

MakeBroker = Callable[[], Broker]


def a_message(**fields: object) -> Message:
    """Return a message with all properties set."""
    message = Message(
        body=b"<antrag>\xc3\xbc</antrag>",
        message_id=new_id(),
        type="xurkunde:1.1:urkunde.anforderung.0101",
        timestamp=datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC),
        correlation_id=new_id(),
        headers={"delivery-id": new_id(), "attempt": 1, "case-seq": -(2**40), "look-up": True, "test": False},
    )
    return replace(message, **fields)


class Inbox:
    """A handler that keeps what it is given and answers with a fixed outcome."""

    def __init__(self, outcome: Outcome = Outcome.ACK) -> None:
        self.outcome = outcome
        self.count = 0
        self._messages: asyncio.Queue[Message] = asyncio.Queue()

    async def __call__(self, message: Message) -> Outcome:
        self.count += 1
        self._messages.put_nowait(message)
        return self.outcome

    async def next(self) -> Message:
        return await asyncio.wait_for(self._messages.get(), 15)


class Held(Inbox):
    """A handler that keeps its messages in hand until `release` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.release = asyncio.Event()

    async def __call__(self, message: Message) -> Outcome:
        await super().__call__(message)
        await self.release.wait()
        return self.outcome


class Picked(Inbox):
    """A handler that keeps each message in hand until that one is done."""

    def __init__(self) -> None:
        super().__init__()
        self._done: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._ended = asyncio.Semaphore(0)

    async def __call__(self, message: Message) -> Outcome:
        await super().__call__(message)
        await self._done[message.message_id].wait()
        self._ended.release()
        return self.outcome

    async def finish(self, *messages: Message) -> None:
        """Be done with these at the same moment."""
        for message in messages:
            self._done[message.message_id].set()
        for _ in messages:
            await self._ended.acquire()


async def until(holds: Callable[[], Awaitable[bool]], timeout_s: float = 20) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + timeout_s
    while not await holds():
        assert time.monotonic() < deadline, f"does not hold within {timeout_s} s"
        await asyncio.sleep(0.05)


async def depth(broker: Broker, destination: str | None = DESTINATION) -> QueueDepth:
    return next(depth for depth in await broker.depths() if depth.destination == destination)


async def waits(broker: Broker, messages: int) -> None:
    """Return when so many messages are ready in the destination's queue."""

    async def so_many() -> bool:
        return (await depth(broker)).messages == messages

    await until(so_many)


async def fill(broker: Broker) -> None:
    """Publish more than the queue takes; RabbitMQ may let a few more in than the limit."""
    for _ in range(SMALL.max_length * 10):
        await broker.publish_delivery(DESTINATION, a_message())


class BrokerContract:
    """Subclasses provide `make`."""

    @pytest.fixture
    def make(self) -> MakeBroker:
        raise NotImplementedError

    @pytest.fixture
    async def broker(self, make: MakeBroker) -> AsyncIterator[Broker]:
        broker = make()
        await broker.start()
        await broker.declare([DESTINATION])
        yield broker
        await broker.close(grace_s=0)

    async def test_delivery_arrives_unchanged_when_published(self, broker: Broker) -> None:
        sent = a_message(expiration_s=60.0)
        await broker.publish_delivery(DESTINATION, sent)
        inbox = Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        assert await inbox.next() == replace(sent, routing_key=DESTINATION)

    async def test_delivery_arrives_when_it_is_as_bare_as_allowed(self, broker: Broker) -> None:
        sent = a_message(body=b"", correlation_id=None, headers={})
        await broker.publish_delivery(DESTINATION, sent)
        inbox = Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        assert await inbox.next() == replace(sent, routing_key=DESTINATION)

    async def test_timestamp_has_whole_seconds_when_received(self, broker: Broker) -> None:
        precise = a_message().timestamp.replace(microsecond=999_999)
        await broker.publish_delivery(DESTINATION, a_message(timestamp=precise))
        inbox = Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        assert (await inbox.next()).timestamp == precise.replace(microsecond=0)

    async def test_large_body_arrives_unchanged_when_it_needs_many_frames(self, broker: Broker) -> None:
        sent = a_message(body=bytes(range(256)) * 4096)
        await broker.publish_delivery(DESTINATION, sent)
        inbox = Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        assert (await inbox.next()).body == sent.body

    async def test_report_arrives_with_its_routing_key_when_published(self, broker: Broker) -> None:
        inbox = Inbox()
        await broker.consume_reports(inbox, concurrency=1)
        sent = a_message(
            type="delivery.accepted",
            content_type="application/json",
            routing_key=f"{DESTINATION}.delivery.accepted",
        )
        await broker.publish_report(sent)
        assert await inbox.next() == sent

    async def test_all_arrive_once_when_published_at_the_same_time(self, broker: Broker) -> None:
        inbox = Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=8)
        sent = [a_message() for _ in range(100)]

        async def persist(message: Message) -> None:
            with contextlib.suppress(QueueFull):
                return await broker.publish_delivery(DESTINATION, message)
            await asyncio.sleep(0.01)
            return await persist(message)

        await asyncio.gather(*map(persist, sent))
        received = [(await inbox.next()).message_id for _ in sent]
        assert sorted(received) == sorted(message.message_id for message in sent)
        assert inbox.count == len(sent)

    async def test_publish_is_returned_when_the_destination_is_not_declared(self, broker: Broker) -> None:
        with pytest.raises(MessageReturned, match="bauamt-unbekannt"):
            await broker.publish_delivery("bauamt-unbekannt", a_message())

    async def test_both_are_returned_when_one_message_is_published_twice_at_once(
        self, broker: Broker
    ) -> None:
        message = a_message()
        results = await asyncio.gather(
            *(broker.publish_delivery("bauamt-unbekannt", message) for _ in range(2)), return_exceptions=True
        )
        assert [type(result) for result in results] == [MessageReturned, MessageReturned]

    async def test_publish_is_refused_when_the_queue_is_full(self, broker: Broker) -> None:
        with pytest.raises(QueueFull):
            await fill(broker)
        assert (await depth(broker)).messages >= SMALL.max_length

    async def test_publish_works_again_when_the_full_queue_was_drained(self, broker: Broker) -> None:
        with pytest.raises(QueueFull):
            await fill(broker)
        consumer = await broker.consume_deliveries(DESTINATION, Inbox(), concurrency=1)
        await waits(broker, 0)
        await consumer.cancel()

        async def taken() -> bool:
            with contextlib.suppress(QueueFull):
                await broker.publish_delivery(DESTINATION, a_message())
                return True
            return False

        await until(taken)

    async def test_publish_is_refused_when_the_headers_are_too_large(self, broker: Broker) -> None:
        with pytest.raises(HeadersTooLarge, match="16384"):
            await broker.publish_delivery(DESTINATION, a_message(headers={"traceparent": "x" * 140_000}))
        await broker.publish_delivery(DESTINATION, a_message())
        await waits(broker, 1)

    async def test_message_is_dead_when_rejected(self, broker: Broker) -> None:
        dead = Inbox()
        await broker.consume_dead(dead, concurrency=1)
        await broker.consume_deliveries(DESTINATION, Inbox(Outcome.REJECT), concurrency=1)
        sent = a_message(expiration_s=60.0)
        await broker.publish_delivery(DESTINATION, sent)
        buried = await dead.next()
        assert (buried.death_reason, buried.routing_key) == ("rejected", DESTINATION)
        assert (buried.body, buried.headers, buried.expiration_s) == (sent.body, sent.headers, None)

    async def test_message_comes_again_marked_when_requeued(self, broker: Broker) -> None:
        inbox = Inbox(Outcome.REQUEUE)
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        await broker.publish_delivery(DESTINATION, a_message())
        assert not (await inbox.next()).redelivered
        inbox.outcome = Outcome.ACK
        again = await inbox.next()
        assert again.redelivered
        assert again.headers.keys() == a_message().headers.keys()
        await waits(broker, 0)

    async def test_message_comes_again_when_the_handler_raises(self, broker: Broker) -> None:
        inbox = Inbox()

        async def fail_once(message: Message) -> Outcome:
            await inbox(message)
            if inbox.count == 1:
                raise ValueError("Erika Mustermann")
            return Outcome.ACK

        with capture_logs() as logs:
            await broker.consume_deliveries(DESTINATION, fail_once, concurrency=1)
            await broker.publish_delivery(DESTINATION, a_message())
            await inbox.next()
            assert (await inbox.next()).redelivered
        (failure,) = [entry for entry in logs if entry["event"] == "message_handler_failed"]
        assert failure["error"] == "ValueError"
        assert "Mustermann" not in str(failure)

    async def test_message_is_dead_when_returned_over_the_limit(self, broker: Broker) -> None:
        dead, inbox = Inbox(), Inbox(Outcome.REQUEUE)
        await broker.consume_dead(dead, concurrency=1)
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        await broker.publish_delivery(DESTINATION, a_message())
        assert (await dead.next()).death_reason == "delivery_limit"
        assert inbox.count == SMALL.delivery_limit + 1

    async def test_report_is_never_dropped_when_requeued_often(self, broker: Broker) -> None:
        inbox = Inbox(Outcome.REQUEUE)
        await broker.consume_reports(inbox, concurrency=1)
        report = a_message(routing_key=f"{DESTINATION}.delivery.accepted")

        async def persist() -> None:
            with contextlib.suppress(BrokerUnavailable):
                return await broker.publish_report(report)
            return await persist()

        publishing = asyncio.create_task(persist())
        for _ in range(SMALL.delivery_limit + 2):
            await inbox.next()
        inbox.outcome = Outcome.ACK
        assert (await inbox.next()).message_id == report.message_id
        await asyncio.wait_for(publishing, 10)

    async def test_message_is_dead_when_expired(self, broker: Broker) -> None:
        dead = Inbox()
        await broker.consume_dead(dead, concurrency=1)
        await broker.publish_delivery(DESTINATION, a_message(expiration_s=0.05))
        buried = await dead.next()
        assert (buried.death_reason, buried.routing_key) == ("expired", DESTINATION)
        await waits(broker, 0)

    async def test_message_behind_another_expires_when_that_one_is_taken(self, broker: Broker) -> None:
        dead, held = Inbox(), Held()
        await broker.consume_dead(dead, concurrency=1)
        await broker.publish_delivery(DESTINATION, a_message())
        second = a_message(expiration_s=0.2)
        await broker.publish_delivery(DESTINATION, second)
        await broker.consume_deliveries(DESTINATION, held, concurrency=1)
        assert (await dead.next()).message_id == second.message_id

    async def test_consumer_finishes_what_is_in_hand_when_cancelled(self, broker: Broker) -> None:
        held, later = Held(), Inbox()
        consumer = await broker.consume_deliveries(DESTINATION, held, concurrency=1)
        await broker.publish_delivery(DESTINATION, a_message())
        await held.next()
        cancelling = asyncio.create_task(consumer.cancel(grace_s=10))
        await broker.publish_delivery(DESTINATION, second := a_message())
        await waits(broker, 1)
        held.release.set()
        await cancelling
        await broker.consume_deliveries(DESTINATION, later, concurrency=1)
        only = await later.next()
        assert (only.message_id, only.redelivered) == (second.message_id, False)
        assert held.count == 1

    async def test_message_is_handed_back_when_the_grace_is_over(self, broker: Broker) -> None:
        held, later = Held(), Inbox()
        consumer = await broker.consume_deliveries(DESTINATION, held, concurrency=1)
        await broker.publish_delivery(DESTINATION, sent := a_message())
        await held.next()
        await consumer.cancel(grace_s=0.05)
        await broker.consume_deliveries(DESTINATION, later, concurrency=1)
        again = await later.next()
        assert (again.message_id, again.redelivered) == (sent.message_id, True)

    @pytest.mark.parametrize("kept", [0, 2, 5])
    @pytest.mark.parametrize("together", [1, 2, 5])
    async def test_only_what_is_not_done_is_handed_back_when_others_were_done_before_it(
        self, broker: Broker, kept: int, together: int
    ) -> None:
        picked, later = Picked(), Inbox()
        consumer = await broker.consume_deliveries(DESTINATION, picked, concurrency=6)
        sent = [a_message() for _ in range(6)]
        for message in sent:
            await broker.publish_delivery(DESTINATION, message)
            await picked.next()
        left = sent.pop(kept)
        for first in range(0, len(sent), together):
            await picked.finish(*sent[first : first + together])
        await consumer.cancel(grace_s=0.05)
        await broker.publish_delivery(DESTINATION, last := a_message())
        await broker.consume_deliveries(DESTINATION, later, concurrency=1)
        assert [(await later.next()).message_id for _ in range(2)] == [left.message_id, last.message_id]

    async def test_consumers_share_the_queue_when_they_compete(self, broker: Broker) -> None:
        first, second = Held(), Held()
        await broker.consume_deliveries(DESTINATION, first, concurrency=1)
        await broker.consume_deliveries(DESTINATION, second, concurrency=1)
        for _ in range(2):
            await broker.publish_delivery(DESTINATION, a_message())
        assert (await first.next()).message_id != (await second.next()).message_id

    async def test_consumer_holds_no_more_than_its_concurrency_when_busy(self, broker: Broker) -> None:
        held = Held()
        await broker.consume_deliveries(DESTINATION, held, concurrency=2)
        for _ in range(3):
            await broker.publish_delivery(DESTINATION, a_message())
        await held.next()
        await held.next()
        await waits(broker, 1)
        assert held.count == 2
        held.release.set()
        await held.next()

    async def test_depths_count_messages_and_consumers_when_asked(self, broker: Broker) -> None:
        await broker.publish_delivery(DESTINATION, a_message())
        await broker.consume_dead(Inbox(), concurrency=1)
        await waits(broker, 1)
        assert await broker.depths() == [
            QueueDepth(f"amtsbote.deliveries.{DESTINATION}", DESTINATION, 1, 0),
            QueueDepth("amtsbote.reports", None, 0, 0),
            QueueDepth("amtsbote.dead", None, 0, 1),
        ]

    async def test_publish_is_unavailable_when_the_broker_is_closed(self, broker: Broker) -> None:
        await broker.close()
        assert not broker.connected
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            await broker.publish_delivery(DESTINATION, a_message())
        with pytest.raises(BrokerUnavailable):
            await broker.publish_report(a_message())
        with pytest.raises(BrokerUnavailable):
            await broker.depths()
        assert time.monotonic() - began < TIMEOUT_S

    async def test_publish_works_again_when_the_closed_broker_is_started(self, broker: Broker) -> None:
        await broker.close()
        await broker.start()
        assert broker.connected
        inbox = Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        await broker.publish_delivery(DESTINATION, sent := a_message())
        assert (await inbox.next()).message_id == sent.message_id

    async def test_consumer_takes_nothing_when_the_broker_was_closed(
        self, broker: Broker, make: MakeBroker
    ) -> None:
        inbox = Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        await broker.close()
        await broker.start()
        await broker.publish_delivery(DESTINATION, a_message())
        await waits(broker, 1)
        assert (await depth(broker)).consumers == 0
        assert inbox.count == 0
