"""Declares exchanges and queues, and counts what is in them."""

from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelClosed, ChannelNotFoundEntity
from aiormq.exceptions import ChannelAccessRefused

from gateway.broker.protocol import QueueDepth
from gateway.broker.topology import EXCHANGES, QueueDeclaration

log = structlog.get_logger(__name__)

Step = Callable[[AbstractChannel], Awaitable[None]]


async def declare(connection: AbstractConnection, queues: list[QueueDeclaration]) -> None:
    """Declare the exchanges and these queues.

    What exists with other arguments, or is not this user's to declare, is used as it is: the operator is
    told, and what cannot be delivered is returned to its publisher.
    """
    left: list[tuple[str, Step]] = [
        *((name, partial(_exchange, name=name, kind=kind)) for name, kind in EXCHANGES.items()),
        *((queue.name, partial(_queue, queue=queue)) for queue in queues),
    ]
    while left:
        async with connection.channel(publisher_confirms=False) as channel:
            await _declare_until_refused(channel, left)


async def _declare_until_refused(channel: AbstractChannel, left: list[tuple[str, Step]]) -> None:
    while left:
        name, step = left.pop(0)
        try:
            await step(channel)
        except ChannelAccessRefused:  # a refusal closes the channel
            log.info("broker_declaration_left_to_others", name=name)
            return
        except ChannelClosed as error:
            log.error("broker_queue_not_declared", queue=name, why=type(error).__name__)
            return


async def _exchange(channel: AbstractChannel, *, name: str, kind: str) -> None:
    await channel.declare_exchange(name, kind, durable=True)


async def _queue(channel: AbstractChannel, *, queue: QueueDeclaration) -> None:
    declared = await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments))
    await declared.bind(queue.exchange, queue.routing_key)


async def count(connection: AbstractConnection, queues: list[QueueDeclaration]) -> list[QueueDepth]:
    """Count messages and consumers of those queues that exist."""
    depths: list[QueueDepth] = []
    left = list(queues)
    while left:
        async with connection.channel(publisher_confirms=False) as channel:
            await _count_until_missing(channel, left, depths)
    return depths


async def _count_until_missing(
    channel: AbstractChannel, left: list[QueueDeclaration], depths: list[QueueDepth]
) -> None:
    while left:
        queue = left.pop(0)
        try:
            found = (await channel.declare_queue(queue.name, passive=True)).declaration_result
        except ChannelNotFoundEntity:  # closes the channel
            return
        counts = (found.message_count or 0, found.consumer_count or 0)
        depths.append(QueueDepth(queue.name, queue.destination, *counts))
