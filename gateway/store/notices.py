"""Wake-ups between processes: one NOTIFY for each batch of changes, heard by every process on the database.

Correctness never depends on them: what is missed here, the polls find half a second later.
"""

import asyncio
import json
from collections.abc import Callable, Collection, Iterable
from typing import Any

import psycopg
import structlog
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL

from gateway.contract.ids import new_id
from gateway.store.postgres import HangUp

_CHANNEL = "amtsbote"
_MAX_PAYLOAD_BYTES = 7900
"""PostgreSQL takes 8000."""
_CONNECT_S = 10
_PAUSE_S = 1.0
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""A listener never sends: without these it would not hear of a connection that was cut."""

_log = structlog.get_logger()


class Notices:
    """Two connections of this process, outside the pool: one listens, one tells.

    Args:
        url: of the database, where it is reached directly: a pooler in transaction mode forwards no NOTIFY.
        hear: called with the keys that another process told.
    """

    def __init__(self, url: URL, hear: Callable[[Iterable[str]], None]) -> None:
        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._address = make_conninfo(address, **_KEEPALIVE)
        self._hear = hear
        self._process = new_id()
        self._untold: set[str] = set()
        self._something = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen and to tell, and go on over every lost connection."""
        self._tasks = [asyncio.create_task(self._keep(each)) for each in (self._listen, self._tell)]

    async def stop(self) -> None:
        """End; what is untold the polls of the others find."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def tell(self, keys: Collection[str]) -> None:
        """Tell the other processes soon; what comes until then goes along."""
        if self._tasks and keys:
            self._untold.update(keys)
            self._something.set()

    async def _keep(self, use: Callable[[psycopg.AsyncConnection[Any]], Any]) -> None:
        while True:
            try:
                connection = await HangUp.connect(self._address, autocommit=True, connect_timeout=_CONNECT_S)
                async with connection:
                    await use(connection)
            except (psycopg.Error, OSError, TimeoutError) as error:
                _log.warning("notices_interrupted", error=type(error).__name__)
            await asyncio.sleep(_PAUSE_S)

    async def _listen(self, connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute(f"LISTEN {_CHANNEL}")
        async for notice in connection.notifies():
            sender, _, keys = notice.payload.partition(" ")
            if sender != self._process:
                self._hear(_read(keys))

    async def _tell(self, connection: psycopg.AsyncConnection[Any]) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            keys, self._untold = self._untold, set()
            async with asyncio.timeout(_CONNECT_S):
                await connection.execute(
                    "SELECT pg_notify(%s, %s)", (_CHANNEL, f"{self._process} {_write(keys)}")
                )


def _write(keys: Collection[str]) -> str:
    """Write as many keys as a notice holds; what wakes the relay goes first."""
    ordered = sorted(keys, key=lambda key: (key.startswith("case:"), key))
    room = _MAX_PAYLOAD_BYTES
    fitting = []
    for key in ordered:
        room -= len(json.dumps(key)) + 2
        if room < 0:
            break
        fitting.append(key)
    return json.dumps(fitting)


def _read(text: str) -> list[str]:
    try:
        keys = json.loads(text)
    except ValueError:
        return []
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
