"""Group commit: what waits for the adapter store at the same moment shares one transaction.

One thread owns the database. While it commits, the next operations gather; each is answered after the
commit that holds it.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection

from adapters.kit.database import TIMEOUT_S, Database
from gateway.errors import StoreConflict, StoreDeadlock, StoreUnavailable

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")

log = structlog.get_logger(__name__)

MAX_BATCH = 200
CLOSE_S = 2.0
BUSY_ROUND_S = 0.02
"""Under load transactions begin at least so far apart: one costs nearly as much for a few as for many.
What comes after one that was alone goes at once."""


@dataclass(eq=False, slots=True)
class _Operation:
    work: Callable[[Connection, Sequence[Any]], Sequence[Any]]
    item: Any
    answer: asyncio.Future[Any]


_Answers = list[tuple[_Operation, Any, Exception | None]]


class Writer:
    """The way into an adapter store's database.

    Args:
        timeout_s: how long a caller waits; the thread may still finish what was begun.
    """

    def __init__(self, database: Database, *, timeout_s: float = TIMEOUT_S) -> None:
        self._database = database
        self._timeout_s = timeout_s
        self._waiting: deque[_Operation] = deque()
        self._in_thread: Sequence[_Operation] = ()
        self._busy = False
        self._began_at = 0.0
        self._batches: SimpleQueue[Sequence[_Operation] | None] | None = None
        self._ended = asyncio.Event()

    async def open(self) -> None:
        """Start the thread and open the database in it.

        Raises:
            StoreInUse, StoreUnavailable, ConfigurationError: it could not be opened.
        """
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        self._batches = SimpleQueue()
        self._ended = asyncio.Event()
        # A daemon: a database that hangs must not keep the process from ending.
        thread = threading.Thread(
            target=self._serve,
            args=(loop, self._batches, opened, self._ended),
            name="adapter-store",
            daemon=True,
        )
        thread.start()
        try:
            await opened
        except BaseException:
            self._batches.put(None)
            self._batches = None
            raise

    async def close(self) -> None:
        """Close the database; where it hangs, leave that to the thread."""
        if self._batches is None:
            return
        self._batches.put(None)
        self._batches = None
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._ended.wait()
        except TimeoutError:
            log.warning("adapter_store_hangs")
            self._database.interrupt()

    async def run(self, work: Callable[[Connection, Sequence[I]], Sequence[R]], item: I) -> R:
        """Have `work` done for an item, together with the others that wait for the same work.

        Args:
            work: does its part for several items in one transaction and returns a result for each; it may
                be called again when the transaction was undone.

        Raises:
            StoreUnavailable: whether it is stored is unknown.
        """
        loop = asyncio.get_running_loop()
        operation = _Operation(work, item, loop.create_future())
        if self._batches is None:
            raise StoreUnavailable("The adapter store is not open.")
        self._waiting.append(operation)
        if not self._busy:
            self._busy = True
            loop.call_soon(self._hand_over)  # not at once: others of this moment come along
        try:
            async with asyncio.timeout(self._timeout_s):
                result: R = await operation.answer
        except TimeoutError as error:
            if operation in self._in_thread:
                self._database.interrupt()
            raise StoreUnavailable("The adapter store did not answer in time.") from error
        return result

    async def call(self, work: Callable[[Connection], R]) -> R:
        """Have something done that is of its own kind, in the transaction of whatever else waits.

        Raises:
            StoreUnavailable: whether it is stored is unknown.
        """
        return await self.run(_call_each, work)

    def _hand_over(self) -> None:
        """Give the thread the next batch; who was cancelled meanwhile is left out."""
        batch: list[_Operation] = []
        while self._waiting and len(batch) < MAX_BATCH:
            operation = self._waiting.popleft()
            if not operation.answer.done():
                batch.append(operation)
        self._in_thread = batch
        self._busy = bool(batch) and self._batches is not None
        self._began_at = asyncio.get_running_loop().time()
        if self._busy and self._batches is not None:
            self._batches.put(batch)

    def _answer(self, answers: _Answers) -> None:
        for operation, result, error in answers:
            if operation.answer.done():
                continue
            if error is None:
                operation.answer.set_result(result)
            else:
                operation.answer.set_exception(error)
        if len(answers) > 1:
            asyncio.get_running_loop().call_at(self._began_at + BUSY_ROUND_S, self._hand_over)
        else:
            self._hand_over()

    # in the thread

    def _serve(
        self,
        loop: asyncio.AbstractEventLoop,
        batches: "SimpleQueue[Sequence[_Operation] | None]",
        opened: asyncio.Future[None],
        ended: asyncio.Event,
    ) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            try:
                self._database.open()
            except Exception as error:
                loop.call_soon_threadsafe(_fail, opened, error)
                return
            loop.call_soon_threadsafe(_fulfil, opened)
            while (batch := batches.get()) is not None:
                loop.call_soon_threadsafe(self._answer, self._store(batch))
            self._database.close()
            loop.call_soon_threadsafe(ended.set)

    def _store(self, batch: Sequence[_Operation], *, again: bool = False) -> _Answers:
        try:
            results = self._database.transact(lambda connection: _together(connection, batch))
        except StoreUnavailable as error:
            return [(operation, None, error) for operation in batch]
        except Exception as error:
            # Whichever it is that cannot be stored, it must not take its neighbours along.
            if len(batch) > 1:
                return [answer for operation in batch for answer in self._store([operation])]
            if isinstance(error, StoreConflict | StoreDeadlock) and not again:
                return self._store(batch, again=True)
            return [(batch[0], None, error)]
        return [(operation, results[operation], None) for operation in batch]


def _together(connection: Connection, batch: Sequence[_Operation]) -> dict[_Operation, Any]:
    """Do what is of one kind at once; kinds follow each other in the order of their first operation."""
    kinds: dict[Any, list[_Operation]] = {}
    for operation in batch:
        kinds.setdefault(operation.work, []).append(operation)
    results: dict[_Operation, Any] = {}
    for work, operations in kinds.items():
        done = work(connection, [operation.item for operation in operations])
        results.update(zip(operations, done, strict=True))
    return results


def _call_each(connection: Connection, works: Sequence[Callable[[Connection], Any]]) -> Sequence[Any]:
    return [work(connection) for work in works]


def _fulfil(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
