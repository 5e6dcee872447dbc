"""One connection to RabbitMQ that comes back when it is lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from yarl import URL

from gateway.broker.rabbit.faults import translated
from gateway.errors import AmtsboteError, BrokerUnavailable

log = structlog.get_logger(__name__)

_HEARTBEAT_S = 10  # aiormq gives a silent connection up after three of them
_LONGEST_PAUSE_S = 5.0
CLOSE_S = 1.0
"""The longest wait for a node when hanging up: one that does not answer notices by itself."""


class Link:
    """Connects to the first of the nodes that answers, and again after every loss.

    Args:
        urls: AMQP addresses; after a failure the next one is tried.
        name: shown beside the connection in RabbitMQ.
        timeout_s: the longest wait for one node.
    """

    def __init__(self, urls: Sequence[str], name: str, timeout_s: float) -> None:
        self._urls = [_with_heartbeat(URL(url)) for url in urls]
        self._name = name
        self._timeout_s = timeout_s
        self._connection: AbstractConnection | None = None
        self._up = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> bool:
        """Begin to connect; return whether one of the nodes answered when each was tried once."""
        if self._task is None:
            self._tried.clear()
            self._task = asyncio.create_task(self._keep())
        await self._tried.wait()
        return self._up.is_set()

    async def close(self) -> None:
        """Disconnect."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def connection(self) -> AbstractConnection:
        """Return the connection, once there is one."""
        await self._up.wait()
        if self._connection is None:
            raise BrokerUnavailable
        return self._connection

    async def _keep(self) -> None:
        failures = 0
        while True:
            connection = await self._connect()
            if connection is not None:
                await self._hold(connection)
            self._tried.set()
            failures = 0 if connection else failures + 1
            await pause(failures)

    async def _connect(self) -> AbstractConnection | None:
        for url in list(self._urls):
            try:
                return await self._connect_to(url)
            except Exception as error:
                # Whatever it is: nobody would notice a link that has given up.
                log.warning("broker_unreachable", node=f"{url.host}:{url.port}", why=_why(error))
                self._urls.append(self._urls.pop(0))
        return None

    async def _connect_to(self, url: URL) -> AbstractConnection:
        connection = aio_pika.Connection(url, client_properties={"connection_name": self._name})
        try:
            with translated():
                async with asyncio.timeout(self._timeout_s):
                    await connection.connect()
        except BaseException:
            await closed(connection)  # or its destructor tries, without a loop
            raise
        return connection

    async def _hold(self, connection: AbstractConnection) -> None:
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        self._connection = connection
        self._up.set()
        self._tried.set()
        log.info("broker_connected", node=f"{self._urls[0].host}:{self._urls[0].port}", connection=self._name)
        try:
            await lost.wait()
            log.warning("broker_connection_lost", connection=self._name)
        finally:
            self._up.clear()
            self._connection = None
            await closed(connection)


async def keep(link: Link, use: Callable[[AbstractConnection], Awaitable[None]], **context: object) -> None:
    """Run `use` on the link's connection for ever; it returns or raises when what it opened is lost."""
    failures = 0
    while True:
        try:
            with translated():
                await use(await link.connection())
            failures = 0
        except Exception as error:
            failures += 1
            log.warning("broker_channel_lost", why=_why(error), **context)
        await pause(failures)


async def pause(failures: int) -> None:
    """Wait before the next try: hardly after a loss, longer after each failure in a row."""
    longest = min(_LONGEST_PAUSE_S, 0.1 * 2.0 ** min(failures, 10))
    await asyncio.sleep(longest * random.uniform(0.5, 1))  # noqa: S311 - spreads reconnects, no secret


async def closed(closable: AbstractConnection | AbstractChannel) -> None:
    """Close a connection or channel, which may be broken already."""
    with suppress(AmtsboteError), translated():
        async with asyncio.timeout(CLOSE_S):
            await closable.close()


def _why(error: Exception) -> str:
    return error.detail if isinstance(error, AmtsboteError) else type(error).__name__


def _with_heartbeat(url: URL) -> URL:
    return url if "heartbeat" in url.query else url.update_query(heartbeat=_HEARTBEAT_S)
