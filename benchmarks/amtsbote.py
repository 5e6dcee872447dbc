"""Amtsbote as a side: on RabbitMQ and PostgreSQL, or on SQLite with everything in one process."""

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import psycopg

from benchmarks.cpu import Pids
from benchmarks.drain import purging, repeating
from benchmarks.installation import DESTINATION, Installation
from benchmarks.layout import EMBEDDED, Layout, title
from benchmarks.load import Connection, Target
from benchmarks.message import message_maker
from benchmarks.process import Process
from benchmarks.servers import Servers

# Nothing but the drain settles a delivery in a round without a worker: below this many the relay stays on.
MAX_SENT = 5000
_MAILBOX_PAGE = 500
_TOKEN_FOR_S = 300
_NEXT = re.compile(rb'"next":\s*"(\d+)"')
_ITEM = b'"message_id":'

# What the broker has confirmed has a lease of minutes; the short one is that of a publish under way.
_SETTLE = """UPDATE deliveries SET state = 'accepted', lease_until = NULL
    WHERE state = 'sent' AND destination = %s AND lease_until > now() + interval '5 minutes'"""
_BACKLOG = """SELECT (SELECT count(*) FROM deliveries WHERE state = 'waiting' AND destination = %(to)s)
    + (SELECT count(*) FROM deliveries
       WHERE state = 'sent' AND destination = %(to)s AND lease_until <= now() + interval '5 minutes')"""


class _Running:
    """What both have in common: how a portal sees them."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.make_body = message_maker()
        self._token = ""
        self._token_until = 0.0
        self._cursor = 0
        self._replies = 0

    @property
    def processes(self) -> str:
        """Which processes it runs, in words."""
        return f"{self.installation.layout}{', 1 worker' if self.installation.worker else ''}"

    @property
    def profiled(self) -> list[Process]:
        """The gateway's processes."""
        return [process for _, process in self.installation.gateway]

    def submit(self) -> Target:
        """Posting a submission as bare XML, as the peer takes it."""
        headers = {"content-type": "application/xml", **self._authorization()}
        return Target(self.installation.http_ports, "POST", "/v1/submissions", headers, status=202)

    def get(self, path: str) -> Target:
        """Reading something."""
        return Target(self.installation.http_ports, "GET", path, self._authorization())

    def start(self) -> None:
        """Set everything up and start the gateway."""
        self.installation.set_up()
        self.installation.start()

    async def replies(self, connection: Connection, *, wait_s: int) -> int:
        """Read on in the mailbox."""
        target = self.get(f"/v1/mailbox?after={self._cursor}&limit={_MAILBOX_PAGE}&wait={wait_s}")
        page = await connection.ask_for(target)
        if position := _NEXT.search(page):
            self._cursor = int(position[1])
        self._replies += page.count(_ITEM)
        return self._replies

    def stop(self) -> None:
        """End every process."""
        self.installation.stop()

    def _gateway_pids(self) -> dict[str, list[int]]:
        pids: dict[str, list[int]] = {}
        for name, process in self.installation.gateway:
            pids.setdefault(name, []).append(process.pid)
        return pids

    def _authorization(self) -> dict[str, str]:
        if time.monotonic() > self._token_until:
            self._token = self.installation.fetch_token()
            self._token_until = time.monotonic() + _TOKEN_FOR_S
        return {"authorization": f"Bearer {self._token}"}


class Amtsbote(_Running):
    """Runs on RabbitMQ and PostgreSQL."""

    name = "Amtsbote"

    def __init__(self, folder: Path, servers: Servers, layout: Layout) -> None:
        self.database = servers.postgresql.create_database()
        self._amqp = servers.rabbitmq.access.create_vhost()
        self._servers = servers
        environment = {
            "AMTSBOTE_DATABASE_URL": self.database,
            "AMTSBOTE_AMQP_URLS": self._amqp,
            "AMTSBOTE_MAX_SENT": MAX_SENT,
        }
        super().__init__(Installation(folder, layout, environment))

    @property
    def pids(self) -> Pids:
        """The gateway by roles, the worker and both servers."""
        worker = self.installation.worker
        return {
            **self._gateway_pids(),
            **({"worker": [worker.pid]} if worker else {}),
            **self._servers.pids,
        }

    def start_adapter(self) -> None:
        """Start the worker."""
        self.installation.start_worker()

    @asynccontextmanager
    async def draining(self) -> AsyncIterator[None]:
        """Take over what the broker has, as far as the store is concerned, and empty the queue."""
        async with (
            await psycopg.AsyncConnection.connect(self.database, autocommit=True) as connection,
            repeating(lambda: connection.execute(_SETTLE, [DESTINATION])),
            purging(self._amqp, f"amtsbote.deliveries.{DESTINATION}"),
        ):
            yield

    async def backlog(self) -> int:
        """Count what waits, and what is being published."""
        async with await psycopg.AsyncConnection.connect(self.database) as connection:
            row = await (await connection.execute(_BACKLOG, {"to": DESTINATION})).fetchone()
        return int(row[0]) if row else 0

    def codecs(self) -> str:
        """Say how what was stored lies there."""
        with psycopg.connect(self.database) as connection:
            rows = connection.execute("SELECT DISTINCT codec FROM payloads ORDER BY codec").fetchall()
        return ", ".join(str(codec) for (codec,) in rows)


class Embedded(_Running):
    """Runs on SQLite, with the broker and the adapter in the gateway's process."""

    name = "embedded"

    def __init__(self, folder: Path) -> None:
        super().__init__(Installation(folder, EMBEDDED, {}))

    @property
    def pids(self) -> Pids:
        """The one process."""
        return {title(EMBEDDED.processes[0]): self._gateway_pids().popitem()[1]}

    def start_adapter(self) -> None:
        """It runs already."""

    def draining(self) -> AbstractAsyncContextManager[None]:
        """Its adapter takes everything off by itself."""
        return nullcontext()

    async def backlog(self) -> int:
        """Count what its adapter has not taken over."""
        return await asyncio.to_thread(self._open)

    def _open(self) -> int:
        file = self.installation.folder / "var" / "amtsbote.db"
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            question = "SELECT count(*) FROM deliveries WHERE state IN ('waiting', 'sent', 'failed')"
            return int(connection.execute(question).fetchone()[0])
        finally:
            connection.close()
