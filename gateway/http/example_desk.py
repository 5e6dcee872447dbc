"""Examples on demand: written one at a time beside the event loop, and the last few kept.

An example of a large standard takes a second or two, its schema several when it is compiled. However many
are asked for at once, one thread writes them, only so many wait, and the rest are told to come again. What
could not be judged is not kept: the next time it may be.
"""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from gateway import metrics
from gateway.contract.findings import Bilingual
from gateway.errors import Unavailable
from gateway.standards import MessageType, Standard

if TYPE_CHECKING:
    from gateway.standards.examples import Example, Examples

MAX_WAITING = 16
_MAX_KEPT = 64
_MAX_WRITERS = 8
_BUSY = Bilingual(
    de="Es werden schon genug Beispiele geschrieben; fragen Sie gleich noch einmal.",
    en="Enough examples are being written already; ask again shortly.",
)

_Key: TypeAlias = tuple[Standard, str, bool, int]


class ExampleDesk:
    """Writes examples; what it keeps it keeps by standard, so that one that was replaced is never shown."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, Example] = OrderedDict()
        self._waiting: dict[_Key, asyncio.Future[Example]] = {}
        self._writers: OrderedDict[Standard, Examples] = OrderedDict()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="examples")

    async def write(
        self, standard: Standard, message_type: MessageType, *, full: bool, seed: int
    ) -> "Example":
        """Return an example.

        Raises:
            NotPossible: none follows from the schema alone.
            Unavailable: too many are being asked for.
        """
        key = (standard, message_type.name, full, seed)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if key not in self._waiting:
            if len(self._waiting) >= MAX_WAITING:
                metrics.count_put_off("examples")
                raise Unavailable(_BUSY, retry_after_s=5)
            work = partial(self._write, standard, message_type, full=full, seed=seed)
            future = asyncio.get_running_loop().run_in_executor(self._thread, work)
            self._waiting[key] = future
            future.add_done_callback(partial(self._done, key))
        # A caller who goes away takes nobody else's example along.
        return await asyncio.shield(self._waiting[key])

    def _write(self, standard: Standard, message_type: MessageType, *, full: bool, seed: int) -> "Example":
        from gateway.standards.examples import Examples

        writer = self._writers.pop(standard, None) or Examples(standard)
        self._writers[standard] = writer
        if len(self._writers) > _MAX_WRITERS:
            self._writers.popitem(last=False)
        return writer.write(message_type, full=full, seed=seed)

    def _done(self, key: _Key, future: "asyncio.Future[Example]") -> None:
        del self._waiting[key]
        if future.cancelled() or future.exception() is not None or not future.result().judged:
            return
        self._kept[key] = future.result()
        if len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
