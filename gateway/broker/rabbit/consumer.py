"""Consumes one queue over every lost connection, channel and queue."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import DeliveredMessage

from gateway.broker.hands import Hands
from gateway.broker.protocol import Outcome
from gateway.broker.rabbit.declare import declare
from gateway.broker.rabbit.faults import translated
from gateway.broker.rabbit.link import CLOSE_S, Link, closed, keep
from gateway.broker.rabbit.unsettled import Unsettled
from gateway.broker.rabbit.wire import from_wire
from gateway.broker.topology import QueueDeclaration
from gateway.errors import AmtsboteError

log = structlog.get_logger(__name__)


class RabbitConsumer:
    """Has a channel of its own, whose prefetch equals the concurrency.

    The handlers run in tasks of their own: a lost connection does not interrupt them, they only cannot
    acknowledge any more, and the message comes again.

    Args:
        forget: called once it is cancelled.
    """

    def __init__(
        self,
        link: Link,
        queue: QueueDeclaration,
        hands: Hands,
        *,
        concurrency: int,
        timeout_s: float,
        forget: Callable[["RabbitConsumer"], object],
    ) -> None:
        self._link = link
        self._queue = queue
        self._hands = hands
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._forget = forget
        self._channel: AbstractChannel | None = None
        self._consumer_tag = ""
        self._taking = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to take; returns when that has worked, or every node was tried in vain."""
        self._task = asyncio.create_task(keep(self._link, self._use, queue=self._queue.name))
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                if await self._link.start():
                    await self._taking.wait()

    async def cancel(self, grace_s: float = 10) -> None:
        """Stop taking; what is in hand may finish within the grace, and is handed back after it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._stop_taking()
        await self._hands.finish(grace_s)
        await self._close_channel()
        self._forget(self)

    async def _use(self, connection: AbstractConnection) -> None:
        await self._close_channel()
        self._channel = channel = connection.channel(publisher_confirms=False)
        lost = asyncio.Event()
        async with asyncio.timeout(self._timeout_s):
            await declare(connection, [self._queue])
            await channel.initialize()
            channel.close_callbacks.add(lambda *_: lost.set())
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(lambda _: lost.set())  # the queue was deleted
            await channel.set_qos(prefetch_count=self._concurrency)
            # Not aio-pika's queue: it would make an object and a task more for each message.
            receive = partial(self._receive, Unsettled(underlay))
            self._consumer_tag = (await underlay.basic_consume(self._queue.name, receive)).consumer_tag or ""
        self._taking.set()
        await lost.wait()

    async def _receive(self, unsettled: Unsettled, incoming: DeliveredMessage) -> None:
        tag = incoming.delivery_tag or 0
        unsettled.add(tag)
        self._hands.take(from_wire(incoming), partial(self._settle, unsettled, tag))

    async def _settle(self, unsettled: Unsettled, tag: int, outcome: Outcome) -> None:
        """Tell the broker; where that fails it gives the message to the next consumer."""
        try:
            with translated():
                async with asyncio.timeout(self._timeout_s):
                    if outcome is Outcome.ACK:
                        await unsettled.ack(tag)
                    else:
                        await unsettled.reject(tag, requeue=outcome is Outcome.REQUEUE)
        except AmtsboteError as error:
            log.warning(
                "message_not_settled", queue=self._queue.name, outcome=outcome.value, why=error.detail
            )

    async def _stop_taking(self) -> None:
        if self._channel is None or self._channel.is_closed:
            return
        try:
            with translated():
                underlay = await self._channel.get_underlay_channel()
                await underlay.basic_cancel(self._consumer_tag, timeout=CLOSE_S)
        except AmtsboteError:
            await self._close_channel()

    async def _close_channel(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None and channel.is_initialized:
            await closed(channel)
