"""Takes off what no adapter takes off while only accepting is measured, the same way for both sides."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aio_pika

EVERY_S = 0.25


@asynccontextmanager
async def repeating(step: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Do something at intervals while the block runs, and once at its end."""
    ended = asyncio.Event()

    async def repeat() -> None:
        while not ended.is_set():
            await asyncio.wait([waiting], timeout=EVERY_S)
            await step()

    # Told to end, never cancelled: that would take the channel or the connection along.
    waiting = asyncio.create_task(ended.wait())
    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        ended.set()
        await task


@asynccontextmanager
async def purging(amqp: str, queue: str) -> AsyncIterator[None]:
    """Empty a queue at intervals while the block runs, and at its end."""
    connection = await aio_pika.connect(amqp)
    async with connection, connection.channel() as channel:
        own = await channel.get_queue(queue, ensure=False)
        async with repeating(own.purge):
            yield
