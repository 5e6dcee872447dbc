"""Taps: consumers that are open while the store answers.

With the store away nothing of the broker can take effect: what is in hand goes back once, and stays in its
queue until the store is there again, instead of being held or sent round in a loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from gateway.broker import Consumer
from gateway.delivery.loop import keep
from gateway.errors import StoreUnavailable
from gateway.store import SqlStore

LOOK_S = 1.0
"""How often to ask whether the store answers."""

_log = structlog.get_logger()

Open = Callable[[], Awaitable[Consumer]]


class Taps:
    """Opens and closes consumers together.

    Args:
        opens: each begins to consume a queue.
    """

    def __init__(self, store: SqlStore, opens: Sequence[Open]) -> None:
        self._store = store
        self._opens = opens
        self._consumers: list[Consumer] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open, and begin to watch the store."""
        await self._open()
        self._task = asyncio.create_task(keep("taps", self._watch))

    async def stop(self, grace_s: float) -> None:
        """Close; what is in hand may finish within the grace, and is handed back after it."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._close(grace_s)

    async def _watch(self) -> None:
        await asyncio.sleep(LOOK_S)
        answers = await self._store_answers()
        if self._consumers and not answers:
            _log.warning("consumers_closed_without_store")
            await self._close(0)
        elif answers and not self._consumers:
            await self._open()
            _log.info("consumers_open_again")

    async def _store_answers(self) -> bool:
        try:
            await self._store.ping()
        except StoreUnavailable:
            return False
        return True

    async def _open(self) -> None:
        for each in self._opens:
            self._consumers.append(await each())

    async def _close(self, grace_s: float) -> None:
        consumers, self._consumers = self._consumers, []
        await asyncio.gather(*(consumer.cancel(grace_s) for consumer in consumers))
