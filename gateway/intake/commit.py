"""Group commit: requests that wait at the same moment share one transaction.

Each is answered after that commit. A request that goes away never takes its batch along, and a row that
the database refuses never takes its neighbours along.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from functools import partial

import structlog

from gateway import metrics
from gateway.contract.findings import Bilingual
from gateway.errors import ReferenceKnown, StoreDeadlock, StoreUnavailable, Unavailable
from gateway.rush import Rush
from gateway.store import SqlStore
from gateway.store.accept import accept
from gateway.store.batches import once_more
from gateway.store.rows import Accepted, NewSubmission

MAX_BATCH_BYTES = 16 * 1024 * 1024
BUSY_ROUND_S = 0.02
"""After a transaction of several the next waits so long, unless as many wait already: one costs nearly as
much for a few as for many. Senders that wait for their receipts come back together, but are read one by one:
the first would otherwise have a transaction to itself. Where they come independently of each other many wait
the whole of it. What comes after one that was alone goes at once."""
MANY = 4
"""So many in one transaction are a rush in a busy process: what else comes still waits to be read."""
MAX_WAITING_BYTES = 256 * 1024 * 1024
"""What may wait for the store before new requests are answered 503."""

_TOO_MUCH_WAITS = Bilingual(
    de="Zu viele Eingänge warten auf die Datenbank; senden Sie dasselbe später noch einmal.",
    en="Too many submissions wait for the store; send the same again later.",
)

_log = structlog.get_logger()


class _Waiting:
    def __init__(self, item: NewSubmission) -> None:
        self.item = item
        self.since = time.monotonic()
        self.size_bytes = sum(len(part.data) for part in item.parts)
        self.result: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()


class GroupCommit:
    """Collects submissions and stores them in batches.

    Args:
        max_batch: submissions in one transaction at most.
        max_waiting: submissions that may wait; one more is answered 503.
        patience_s: how long one may wait until its turn; the store has as much again to store it.
        rush: told when MANY wait at once.
    """

    def __init__(
        self,
        store: SqlStore,
        *,
        max_batch: int,
        max_waiting: int,
        patience_s: float = 10,
        rush: Rush | None = None,
    ) -> None:
        self._store = store
        self._rush = rush or Rush()
        self._patience_s = patience_s
        self._max_batch = max_batch
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(max_waiting)
        self._waiting_bytes = 0
        self._enough_is = 1
        self._enough = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start writing, one batch at a time: while it is committed the next one gathers.

        A second writer halved the batches, and their fixed cost for each submission is what counts.
        """
        metrics.COMMIT_WAITING.set_function(self._queue.qsize)
        self._writer = asyncio.create_task(self._write_forever())

    async def stop(self, grace_s: float = 5) -> None:
        """Store what still waits, then stop; what is not stored within the grace is answered 503."""
        if self._writer:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._queue.join()
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None
        while not self._queue.empty():
            _fail([self._queue.get_nowait()], Unavailable())

    async def accept(self, item: NewSubmission) -> Accepted:
        """Store a submission durably, together with whatever else waits.

        Raises:
            ReferenceKnown: nothing is stored; the reference that was to be new names something.
            Unavailable: too much waits already, or the store is away; a resend is safe.
        """
        waiting = _Waiting(item)
        if self._queue.full() or self._waiting_bytes + waiting.size_bytes > MAX_WAITING_BYTES:
            metrics.count_put_off("commit_queue")
            raise Unavailable(_TOO_MUCH_WAITS)
        self._queue.put_nowait(waiting)
        self._waiting_bytes += waiting.size_bytes
        if self._has_enough():
            self._enough.set()
        return await waiting.result

    async def _write_forever(self) -> None:
        while True:
            batch = [await self._queue.get()]
            size_bytes = batch[0].size_bytes
            while len(batch) < self._max_batch and size_bytes < MAX_BATCH_BYTES:
                with contextlib.suppress(asyncio.QueueEmpty):
                    batch.append(self._queue.get_nowait())
                    size_bytes += batch[-1].size_bytes
                    continue
                break
            if len(batch) >= MANY:
                self._rush.note()
            try:
                await self._write(self._not_overdue(batch))
            except asyncio.CancelledError:
                _fail(batch, Unavailable())
                raise
            finally:
                self._waiting_bytes -= size_bytes
                for _ in batch:
                    self._queue.task_done()
            if len(batch) > 1:
                await self._gather(len(batch))

    def _has_enough(self) -> bool:
        return self._queue.qsize() >= self._enough_is or self._waiting_bytes >= MAX_BATCH_BYTES

    async def _gather(self, enough: int) -> None:
        self._enough_is = enough
        self._enough.clear()
        if not self._has_enough():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BUSY_ROUND_S):
                    await self._enough.wait()

    def _not_overdue(self, batch: Sequence[_Waiting]) -> list[_Waiting]:
        """Put off who has waited too long: a store that hangs must not keep the last as long as the first."""
        latest = time.monotonic() - self._patience_s
        overdue = [waiting for waiting in batch if waiting.since < latest]
        if overdue:
            metrics.count_put_off("commit_wait", len(overdue))
            _log.warning("submissions_put_off", submissions=len(overdue))
            _fail(overdue, Unavailable(_TOO_MUCH_WAITS))
        return [waiting for waiting in batch if waiting.since >= latest]

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        began = time.monotonic()
        try:
            results = await once_more(partial(accept, self._store), [waiting.item for waiting in batch])
        except (StoreUnavailable, StoreDeadlock) as error:
            _log.warning("store_unavailable", error=str(error), submissions=len(batch))
            _fail(batch, Unavailable())
        except Exception as error:
            # Whichever it is that cannot be stored, it must not take its neighbours along.
            if len(batch) > 1:
                for waiting in batch:
                    await self._write(self._not_overdue([waiting]))
                return
            _log.exception("accept_failed", submission_id=batch[0].item.submission_id)
            _fail(batch, error)
        else:
            metrics.COMMIT_BATCH.observe(len(batch))
            metrics.COMMIT_SECONDS.observe(time.monotonic() - began)
            for waiting, result in zip(batch, results, strict=True):
                if isinstance(result, ReferenceKnown):
                    _fail([waiting], result)
                elif not waiting.result.done():
                    waiting.result.set_result(result)


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.result.done():
            waiting.result.set_exception(error)
            # The request may be gone; asyncio must not complain that nobody looked.
            waiting.result.exception()
