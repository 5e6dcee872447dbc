"""Declares exchanges and queues, and counts what is in them."""

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelClosed, ChannelNotFoundEntity

from gateway.broker.protocol import QueueDepth
from gateway.broker.topology import EXCHANGES, QueueDeclaration

log = structlog.get_logger(__name__)


async def declare(connection: AbstractConnection, queues: list[QueueDeclaration]) -> None:
    """Declare the exchanges and these queues.

    A queue that exists with other arguments, or that this user may not declare, is used as it is: the
    operator is told, and what cannot be delivered is returned to its publisher.
    """
    async with connection.channel(publisher_confirms=False) as channel:
        for name, kind in EXCHANGES.items():
            await channel.declare_exchange(name, kind, durable=True)
    missing = list(queues)
    while missing:
        async with connection.channel(publisher_confirms=False) as channel:
            await _declare_until_refused(channel, missing)


async def _declare_until_refused(channel: AbstractChannel, missing: list[QueueDeclaration]) -> None:
    while missing:
        wanted = missing.pop(0)
        try:
            queue = await channel.declare_queue(wanted.name, durable=True, arguments=dict(wanted.arguments))
            await queue.bind(wanted.exchange, wanted.routing_key)
        except ChannelClosed as error:  # a refusal closes the channel
            log.error("broker_queue_not_declared", queue=wanted.name, why=type(error).__name__)
            return


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
