"""The bare way: publish with a confirm into a quorum queue, and a consumer in a process of its own.

What the time from a receipt to the adapter's handler is compared with. `python -m benchmarks.wire` is the
consumer: BENCH_AMQP names its broker, BENCH_STAMPS the file for what it takes.
"""

import asyncio
import os
import time
import uuid
from pathlib import Path
from typing import Any

import aio_pika
import uvloop
from aio_pika.abc import AbstractIncomingMessage

from benchmarks.process import Process
from benchmarks.servers import Servers
from benchmarks.stamps import STAMPS, Stamps

_QUEUE = "bench.wire"
_ARGUMENTS: dict[str, Any] = {"x-queue-type": "quorum"}
_AMQP = "BENCH_AMQP"
_ROOT = Path(__file__).parents[1]


class Wire:
    """Publishes, and knows when the consumer had it.

    Args:
        folder: for the consumer's log and notes.
        servers: whose broker is used, with a virtual host of its own.
    """

    def __init__(self, folder: Path, servers: Servers) -> None:
        self._folder = folder
        self._amqp = servers.rabbitmq.access.create_vhost()
        self._file = folder / "wire.stamps"
        self._consumer: Process | None = None

    def start(self) -> None:
        """Start the consumer."""
        environment = {_AMQP: self._amqp, STAMPS: self._file, "PYTHONPATH": _ROOT}
        self._consumer = Process("wire", self._folder, ["-m", "benchmarks.wire"], environment)

    async def publish(self, body: bytes, count: int, pause_s: float) -> list[float]:
        """Publish one after the other; return the seconds from each publish to its consumer."""
        took: list[float] = []
        connection = await aio_pika.connect(self._amqp)
        with Stamps(self._file) as stamps:
            async with connection, connection.channel(publisher_confirms=True) as channel:
                await channel.declare_queue(_QUEUE, durable=True, arguments=_ARGUMENTS)
                for _ in range(count):
                    key = str(uuid.uuid4())
                    message = aio_pika.Message(body, delivery_mode=2, message_id=key)
                    published = time.monotonic_ns()
                    await channel.default_exchange.publish(message, _QUEUE)
                    took.append((await stamps.wait_for(key) - published) / 1e9)
                    await asyncio.sleep(pause_s)
        return took

    def stop(self) -> None:
        """End the consumer."""
        if self._consumer:
            self._consumer.stop()


async def _consume() -> None:
    stamps = os.open(os.environ[STAMPS], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def take(message: AbstractIncomingMessage) -> None:
        os.write(stamps, f"{message.message_id} {time.monotonic_ns()}\n".encode())
        await message.ack()

    async with await aio_pika.connect(os.environ[_AMQP]) as connection:
        channel = await connection.channel()
        await channel.set_qos(32)
        queue = await channel.declare_queue(_QUEUE, durable=True, arguments=_ARGUMENTS)
        await queue.consume(take)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_consume())
