"""RabbitMQ by aio-pika: plain connections, whose loss this package makes good itself."""

import asyncio
from collections.abc import Collection, Sequence

import structlog

from gateway.broker.hands import Hands
from gateway.broker.protocol import Handler, QueueDepth
from gateway.broker.rabbit.consumer import RabbitConsumer
from gateway.broker.rabbit.link import Link
from gateway.broker.rabbit.publisher import Publisher
from gateway.broker.topology import QueueDeclaration, Topology
from gateway.contract.message import Message
from gateway.errors import BrokerUnavailable

__all__ = ["RabbitBroker"]

log = structlog.get_logger(__name__)


class RabbitBroker:
    """Publishes over one connection and consumes over another, so that neither holds the other up.

    Args:
        urls: AMQP addresses of the cluster's nodes.
        timeout_s: the longest wait for anything, a reconnect while publishing included.
        name: shown beside the connections in RabbitMQ.
    """

    def __init__(
        self,
        urls: Sequence[str],
        topology: Topology | None = None,
        *,
        timeout_s: float = 10,
        name: str = "amtsbote",
    ) -> None:
        self._topology = topology or Topology()
        self._timeout_s = timeout_s
        self._destinations: set[str] = set()
        self._consumers: set[RabbitConsumer] = set()
        self._publisher = Publisher(Link(urls, f"{name} publish", timeout_s), self._queues, timeout_s)
        self._consuming = Link(urls, f"{name} consume", timeout_s)

    @property
    def connected(self) -> bool:
        """Say whether messages can be published now."""
        return self._publisher.ready

    async def start(self) -> None:
        """Connect, and keep trying in the background when the broker is away."""
        await self._publisher.start()

    async def close(self, grace_s: float = 10) -> None:
        """Cancel every consumer and disconnect; `start` may follow."""
        await asyncio.gather(*(consumer.cancel(grace_s) for consumer in self._consumers))
        await asyncio.gather(self._consuming.close(), self._publisher.close())

    async def declare(self, destinations: Collection[str]) -> None:
        """Have a queue for each destination, now and after every reconnect."""
        new = set(destinations) - self._destinations
        self._destinations |= new
        if new and self.connected:
            try:
                await self._publisher.declare()
            except BrokerUnavailable as error:
                log.warning("broker_queues_not_declared", why=error.detail)  # the next connection does it

    async def publish_delivery(self, destination: str, message: Message) -> None:
        """Put a message into the destination's queue."""
        queue = self._topology.delivery_queue(destination)
        await self._publisher.publish(queue, destination, message)

    async def publish_report(self, message: Message) -> None:
        """Put a report into the queue of reports."""
        await self._publisher.publish(self._topology.report_queue(), message.routing_key, message)

    async def consume_deliveries(
        self, destination: str, handler: Handler, *, concurrency: int
    ) -> RabbitConsumer:
        """Hand the destination's deliveries, which are declared by this, to the handler."""
        self._destinations.add(destination)
        return await self._consume(self._topology.delivery_queue(destination), handler, concurrency)

    async def consume_reports(self, handler: Handler, *, concurrency: int) -> RabbitConsumer:
        """Hand the reports of all destinations to the handler."""
        return await self._consume(self._topology.report_queue(), handler, concurrency)

    async def consume_dead(self, handler: Handler, *, concurrency: int) -> RabbitConsumer:
        """Hand the dead letters to the handler."""
        return await self._consume(self._topology.dead_queue(), handler, concurrency)

    async def depths(self) -> list[QueueDepth]:
        """Count what waits in each declared queue."""
        return await self._publisher.depths()

    async def _consume(self, queue: QueueDeclaration, handler: Handler, concurrency: int) -> RabbitConsumer:
        hands = Hands(
            handler,
            concurrency=concurrency,
            queue=queue.name,
            has_dead_letters=queue.destination is not None,
        )
        consumer = RabbitConsumer(
            self._consuming,
            queue,
            hands,
            concurrency=concurrency,
            timeout_s=self._timeout_s,
            forget=self._consumers.discard,
        )
        self._consumers.add(consumer)
        await consumer.start()
        return consumer

    def _queues(self) -> list[QueueDeclaration]:
        return self._topology.queues(self._destinations)
