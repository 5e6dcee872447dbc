"""Publishes with confirms, any number at the same time on one channel."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

from aio_pika.abc import AbstractConnection
from aiormq.channel import Channel

from gateway.broker.protocol import QueueDepth, check_headers
from gateway.broker.rabbit.declare import count, declare
from gateway.broker.rabbit.faults import translated
from gateway.broker.rabbit.link import Link, closed, keep
from gateway.broker.rabbit.wire import to_wire
from gateway.broker.topology import QueueDeclaration
from gateway.contract.message import Message
from gateway.errors import BrokerUnavailable, MessageReturned


class Publisher:
    """Keeps the topology declared and one confirm channel open on its link.

    Args:
        queues: returns what must be declared, at each reconnect anew.
        timeout_s: the longest wait for a connection and the confirm together.
    """

    def __init__(self, link: Link, queues: Callable[[], list[QueueDeclaration]], timeout_s: float) -> None:
        self._link = link
        self._queues = queues
        self._timeout_s = timeout_s
        self._channel: Channel | None = None
        self._ready = asyncio.Event()
        self._declaring = asyncio.Lock()
        self._in_flight: dict[str, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Say whether a message can be published now."""
        return self._ready.is_set() and self._channel is not None and not self._channel.is_closed

    async def start(self) -> None:
        """Connect; returns when a message can be published, or every node was tried in vain."""
        self._task = self._task or asyncio.create_task(keep(self._link, self._use, channel="publish"))
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                if await self._link.start():
                    await self._ready.wait()

    async def close(self) -> None:
        """Disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._link.close()

    async def publish(self, queue: QueueDeclaration, routing_key: str, message: Message) -> None:
        """Publish to the queue's exchange and wait for the confirm.

        A message that no queue takes was not stored: if the queue is one of ours, someone has deleted it;
        it is declared again and the message sent once more.
        """
        check_headers(message)
        async with self._alone(message.message_id):
            try:
                await self._publish(queue, routing_key, message)
            except MessageReturned:
                if queue not in self._queues():
                    raise MessageReturned(f"No queue {queue.name} is declared.") from None
                await self.declare()
                await self._publish(queue, routing_key, message)

    async def declare(self) -> None:
        """Declare everything now."""
        with translated():
            async with asyncio.timeout(self._timeout_s), self._declaring:
                await declare(await self._link.connection(), self._queues())

    async def depths(self) -> list[QueueDepth]:
        """Count what waits in each queue that exists."""
        self._check_started()
        with translated():
            async with asyncio.timeout(self._timeout_s):
                connection = await self._link.connection()
                return await count(connection, self._queues())

    async def _publish(self, queue: QueueDeclaration, routing_key: str, message: Message) -> None:
        properties = to_wire(message)
        with translated():
            async with asyncio.timeout(self._timeout_s):
                channel = await self._open_channel()
                await channel.basic_publish(
                    message.body,
                    exchange=queue.exchange,
                    routing_key=routing_key,
                    properties=properties,
                    mandatory=True,
                    wait=False,  # the confirm says more than that the socket took it
                )

    async def _open_channel(self) -> Channel:
        self._check_started()
        if not self.ready:
            self._ready.clear()  # the loss may not have reached _use yet
        await self._ready.wait()
        if self._channel is None:
            raise BrokerUnavailable
        return self._channel

    def _check_started(self) -> None:
        if self._task is None:
            raise BrokerUnavailable("The broker is not started, or closed.")

    async def _use(self, connection: AbstractConnection) -> None:
        channel = connection.channel(publisher_confirms=True, on_return_raises=True)
        try:
            async with asyncio.timeout(self._timeout_s):
                await declare(connection, self._queues())
                await channel.initialize()
                self._channel = cast(Channel, await channel.get_underlay_channel())
            self._ready.set()
            await channel.closed()
        finally:
            self._ready.clear()
            self._channel = None
            await closed(channel)

    @asynccontextmanager
    async def _alone(self, message_id: str) -> AsyncIterator[None]:
        """Let one copy of a message at a time be unconfirmed.

        aiormq finds the publish that a returned message belongs to by its message id: of two with the same
        id, one would be confirmed although it was returned.
        """
        while (other := self._in_flight.get(message_id)) is not None:
            await other.wait()
        done = self._in_flight[message_id] = asyncio.Event()
        try:
            yield
        finally:
            del self._in_flight[message_id]
            done.set()
