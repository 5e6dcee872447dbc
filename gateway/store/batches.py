"""Batches: whatever waits at the same moment shares one transaction.

While one runs the next gathers. One item that the database refuses never takes its neighbours along.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from gateway.errors import StoreDeadlock, StoreUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


async def once_more(run: Callable[[Sequence[Item]], Awaitable[Result]], batch: Sequence[Item]) -> Result:
    """Run a batch, and once more where it met another in a deadlock: then nothing of it was stored."""
    try:
        return await run(batch)
    except StoreDeadlock:
        return await run(batch)


class _Waiting(Generic[Item, Result]):
    def __init__(self, item: Item) -> None:
        self.item = item
        self.result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    def end(self, result: Result | BaseException) -> None:
        if self.result.done():
            return
        if isinstance(result, BaseException):
            self.result.set_exception(result)
            # Who asked may be gone; asyncio must not complain that nobody looked.
            self.result.exception()
        else:
            self.result.set_result(result)


class Batches(Generic[Item, Result]):
    """Takes items one by one and runs them in batches, in the order in which they came.

    Args:
        run: runs a batch in one transaction and returns for each item its result, or the exception that it
            alone has ended in.
        max_batch: items in one transaction at most.
        max_bytes: a batch grows no further once it has as many.
        size_bytes: of an item.
        observe: is told how many items each transaction took.
        round_s: under load batches begin at least so far apart, unless half a batch waits: one costs nearly
            as much for a few as for many. What comes after a quiet moment goes at once.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        max_batch: int,
        max_bytes: int,
        size_bytes: Callable[[Item], int],
        observe: Callable[[int], None],
        round_s: float,
    ) -> None:
        self._observe = observe
        self._round_s = round_s
        self._run = run
        self._max_batch = max_batch
        self._max_bytes = max_bytes
        self._size_bytes = size_bytes
        self._queue: deque[_Waiting[Item, Result]] = deque()
        self._enough = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None

    async def take(self, item: Item) -> Result:
        """Run an item together with whatever else waits, and return its result.

        Raises:
            StoreUnavailable, StoreDeadlock: all of its batch.
            Exception: this item's own.
        """
        waiting: _Waiting[Item, Result] = _Waiting(item)
        self._queue.append(waiting)
        if len(self._queue) >= self._max_batch // 2:
            self._enough.set()
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run_all())
        return await waiting.result

    async def _run_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            began, batch = loop.time(), self._next()
            await self._run_batch(batch)
            if len(batch) > 1:
                await self._gather(until=began + self._round_s)

    async def _gather(self, *, until: float) -> None:
        if len(self._queue) < self._max_batch // 2:
            self._enough.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._enough.wait()

    def _next(self) -> list[_Waiting[Item, Result]]:
        batch: list[_Waiting[Item, Result]] = []
        size_bytes = 0
        while self._queue and len(batch) < self._max_batch and size_bytes < self._max_bytes:
            batch.append(self._queue.popleft())
            size_bytes += self._size_bytes(batch[-1].item)
        return batch

    async def _run_batch(self, batch: Sequence[_Waiting[Item, Result]]) -> None:
        try:
            results = await self._run([waiting.item for waiting in batch])
        except (StoreUnavailable, StoreDeadlock) as error:
            _end_all(batch, error)
        except Exception as error:
            # Whichever it is that cannot be stored, it must not take its neighbours along.
            if len(batch) == 1:
                _end_all(batch, error)
            else:
                for waiting in batch:
                    await self._run_batch([waiting])
        else:
            self._observe(len(batch))
            for waiting, result in zip(batch, results, strict=True):
                waiting.end(result)


def _end_all(batch: Sequence[_Waiting[Item, Result]], error: Exception) -> None:
    for waiting in batch:
        waiting.end(error)
