"""The broker inside this process: the embedded default. What it holds ends with it; the store resends."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

from gateway.broker.hands import Hands
from gateway.broker.memory_queue import Entry, MemoryQueue
from gateway.broker.protocol import Consumer, Handler, Outcome, QueueDepth, check_headers
from gateway.broker.topology import REPORTS, QueueDeclaration, Topology
from gateway.contract.message import Message
from gateway.errors import BrokerUnavailable, MessageReturned
from gateway.rush import Courtesy, Rush


class _MemoryConsumer:
    """Feeds the entries of one queue to a handler."""

    def __init__(
        self,
        queue: MemoryQueue,
        hands: Hands,
        concurrency: int,
        forget: Callable[["_MemoryConsumer"], object],
        rush: Rush,
    ) -> None:
        self._queue = queue
        self._hands = hands
        self._rush = rush
        self._feeders = [asyncio.create_task(self._feed()) for _ in range(concurrency)]
        self._forget = forget
        queue.consumers += 1

    async def cancel(self, grace_s: float = 10) -> None:
        """Stop taking; what is in hand may finish within the grace, and is handed back after it."""
        if self._feeders:
            self._queue.consumers -= 1
        for feeder in (feeders := self._feeders):
            feeder.cancel()
        self._feeders = []
        await asyncio.gather(*feeders, return_exceptions=True)
        await self._hands.finish(grace_s)
        self._forget(self)

    async def _feed(self) -> None:
        courtesy = Courtesy(self._rush)
        while True:
            await courtesy.wait()
            if not len(self._queue):
                courtesy.caught_up()
            entry = await self._queue.take()
            dealing = self._hands.take(entry.message, partial(self._settle, entry))
            await asyncio.wait([dealing])

    async def _settle(self, entry: Entry, outcome: Outcome) -> None:
        if outcome is Outcome.REQUEUE:
            self._queue.give_back(entry)
        elif outcome is Outcome.REJECT:
            self._queue.bury(entry, "rejected")


class _ReportConsumer:
    """Takes reports straight from their publishers, who wait for the handler."""

    def __init__(self, hands: Hands, registry: list["_ReportConsumer"]) -> None:
        self.hands = hands
        self._registry = registry
        registry.append(self)

    async def cancel(self, grace_s: float = 10) -> None:
        """Stop taking; what is in hand may finish within the grace."""
        if self in self._registry:
            self._registry.remove(self)
        await self.hands.finish(grace_s)


class MemoryBroker:
    """Carries messages inside this process by RabbitMQ's rules, with two differences.

    A report is handed to its consumer directly: its confirm is the commit of its effect, and without a
    consumer it is not taken. What is in the queues is gone after `close`; the store sends it again.

    Args:
        timeout_s: the longest wait for a report's effect.
        rush: of what the same process accepts; it has the right of way.
    """

    def __init__(
        self, topology: Topology | None = None, *, timeout_s: float = 10, rush: Rush | None = None
    ) -> None:
        self._topology = topology or Topology()
        self._timeout_s = timeout_s
        self._rush = rush or Rush()
        self._destinations: set[str] = set()
        self._queues: dict[str, MemoryQueue] = {}
        self._consumers: set[_MemoryConsumer] = set()
        self._report_consumers: list[_ReportConsumer] = []  # the next to take one first
        self._connected = False

    @property
    def connected(self) -> bool:
        """Say whether messages can be published now: between `start` and `close`."""
        return self._connected

    async def start(self) -> None:
        """Begin to carry messages."""
        self._connected = True
        self._declare()

    async def close(self, grace_s: float = 10) -> None:
        """Cancel every consumer and drop what the queues hold."""
        self._connected = False
        consumers: list[Consumer] = [*self._consumers, *self._report_consumers]
        await asyncio.gather(*(consumer.cancel(grace_s) for consumer in consumers))
        self._consumers.clear()
        for queue in self._queues.values():
            queue.close()
        self._queues.clear()

    async def declare(self, destinations: Collection[str]) -> None:
        """Have a queue for each destination."""
        self._destinations.update(destinations)
        if self._connected:
            self._declare()

    async def publish_delivery(self, destination: str, message: Message) -> None:
        """Put a message into the destination's queue."""
        check_headers(message)
        self._check_connected()
        queue = self._queues.get(self._topology.delivery_queue(destination).name)
        if queue is None:
            raise MessageReturned(f"No queue is declared for the destination {destination}.")
        queue.put(_as_on_the_wire(message, destination))

    async def publish_report(self, message: Message) -> None:
        """Hand a report to its consumer and return when its effect is durable.

        The handler goes on when the wait ends early, so that a report is never half done.

        Raises:
            BrokerUnavailable: nobody takes reports, or the report had no effect within the timeout.
        """
        check_headers(message)
        self._check_connected()
        if not self._report_consumers:
            raise BrokerUnavailable("Nobody takes reports now.")
        consumer = self._report_consumers.pop(0)
        self._report_consumers.append(consumer)
        task = consumer.hands.take(_as_on_the_wire(message, message.routing_key), _settled)
        await asyncio.wait([task], timeout=self._timeout_s)
        if not task.done() or task.cancelled() or task.result() is Outcome.REQUEUE:
            raise BrokerUnavailable("The report was not taken; send it again.")

    async def consume_deliveries(
        self, destination: str, handler: Handler, *, concurrency: int
    ) -> _MemoryConsumer:
        """Hand the destination's deliveries, which are declared by this, to the handler."""
        await self.declare([destination])
        return self._consume(self._topology.delivery_queue(destination), handler, concurrency)

    async def consume_reports(self, handler: Handler, *, concurrency: int) -> _ReportConsumer:
        """Hand the reports of all destinations to the handler."""
        self._check_connected()
        hands = Hands(handler, concurrency=concurrency, queue=REPORTS, has_dead_letters=False)
        return _ReportConsumer(hands, self._report_consumers)

    async def consume_dead(self, handler: Handler, *, concurrency: int) -> _MemoryConsumer:
        """Hand the dead letters to the handler."""
        return self._consume(self._topology.dead_queue(), handler, concurrency)

    async def depths(self) -> list[QueueDepth]:
        """Count what waits in each declared queue."""
        self._check_connected()
        return [
            QueueDepth(declared.name, declared.destination, len(queue), self._consumer_count(queue))
            for declared in self._topology.queues(self._destinations)
            for queue in [self._queues[declared.name]]
        ]

    def _consumer_count(self, queue: MemoryQueue) -> int:
        return len(self._report_consumers) if queue.declaration.name == REPORTS else queue.consumers

    def _consume(self, declaration: QueueDeclaration, handler: Handler, concurrency: int) -> _MemoryConsumer:
        self._check_connected()
        hands = Hands(
            handler,
            concurrency=concurrency,
            queue=declaration.name,
            has_dead_letters=declaration.destination is not None,
        )
        consumer = _MemoryConsumer(
            self._queues[declaration.name], hands, concurrency, self._consumers.discard, self._rush
        )
        self._consumers.add(consumer)
        return consumer

    def _declare(self) -> None:
        declarations = self._topology.queues(self._destinations)
        for declaration in reversed(declarations):  # the dead letters first: the others refer to them
            if declaration.name not in self._queues:
                dead = self._queues.get(self._topology.dead_queue().name) if declaration.destination else None
                self._queues[declaration.name] = MemoryQueue(declaration, dead)

    def _check_connected(self) -> None:
        if not self._connected:
            raise BrokerUnavailable("The broker in this process is not started.")


def _as_on_the_wire(message: Message, routing_key: str) -> Message:
    """Return what the receiver sees: AMQP timestamps have whole seconds, headers are a copy."""
    return replace(
        message,
        timestamp=message.timestamp.replace(microsecond=0),
        headers=dict(message.headers),
        routing_key=routing_key,
        redelivered=False,
        death_reason=None,
    )


async def _settled(_: Outcome) -> None:
    """Do nothing: a report is settled by its publisher, who waits for the outcome."""
