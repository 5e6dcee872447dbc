"""Has the faults of a plan happen, each when its time in the load has come; a journal says what was done."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from chaos.operator import Operator
from chaos.plan import GATEWAYS, Fault, Kind
from chaos.proxy import Mode
from chaos.town import Town

_FULL = 4
_SLOW_S = 0.15
_FILLED_WITHIN_S = 30.0
_NEEDS_LOAD = {Kind.FILL: 40, Kind.REDIRECT: 40}
"""How many more applications may be begun while such a fault lasts, which would not happen without."""


class Faults:
    """Breaks the town as planned, one fault after the other; those of the network may overlap the next.

    Args:
        begun: tells how many applications were begun.
    """

    def __init__(
        self, town: Town, operator: Operator, begun: Callable[[], int], say: Callable[[str], None]
    ) -> None:
        self.done: Counter[Kind] = Counter()
        self._town, self._operator, self._begun, self._say = town, operator, begun, say
        self._left = list(town.plan.faults)
        self._started_at = datetime.now(UTC)
        self._changed = asyncio.Event()
        self._lingering: set[asyncio.Task[None]] = set()

    async def gate(self, number: int) -> None:
        """Hold the load back while the next fault is due and this one not over: all happen amid it."""
        while len(self._left) > 1 and number >= self._left[1].at + _NEEDS_LOAD.get(self._left[0].kind, 0):
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Have every fault happen, then mend everything."""
        while self._left:
            fault = self._left[0]
            while self._begun() < fault.at:  # noqa: ASYNC110 the load is not to know of it
                await asyncio.sleep(0.02)
            await self._happen(fault)
            self._left.pop(0)
            self._changed.set()
        if self._lingering:
            await asyncio.gather(*self._lingering)

    async def _happen(self, fault: Fault) -> None:
        began = time.monotonic()
        happen = self._ways()[fault.kind]
        if fault.kind in (Kind.CUT, Kind.SLOW, Kind.HOLE):
            task: asyncio.Task[None] = asyncio.create_task(happen(fault))
            self._lingering.add(task)
            task.add_done_callback(self._lingering.discard)
            await asyncio.sleep(fault.seconds / 2)
        else:
            await happen(fault)
        self.done[fault.kind] += 1
        self._say(f"{fault} – took {time.monotonic() - began:.1f} s")

    def _ways(self) -> dict[Kind, Callable[[Fault], Coroutine[None, None, None]]]:
        return {
            Kind.KILL_GATEWAY: self._kill,
            Kind.STOP_GATEWAY: self._stop,
            Kind.KILL_WORKER: self._kill,
            Kind.KILL_NODE: lambda fault: self._town.servers.kill_node(int(fault.target), fault.seconds),
            Kind.KILL_RABBITMQ: lambda fault: self._town.servers.kill_rabbitmq(fault.seconds),
            Kind.LOSE_DISK: self._lose_disk,
            Kind.KILL_POSTGRESQL: lambda fault: self._town.servers.kill_postgresql(fault.seconds),
            Kind.CUT: lambda fault: self._line(fault, Mode.CUT),
            Kind.SLOW: lambda fault: self._line(fault, Mode.SLOW),
            Kind.HOLE: lambda fault: self._line(fault, Mode.HOLE),
            Kind.FILL: self._fill,
            Kind.RETRY: lambda fault: self._operator.retry(),
            Kind.REDIRECT: self._redirect,
        }

    async def _kill(self, fault: Fault) -> None:
        process = self._town.processes[fault.target]
        process.kill()
        await asyncio.sleep(fault.seconds)
        process.start()

    async def _stop(self, fault: Fault) -> None:
        """An orderly stop, as at an update."""
        process = self._town.processes[fault.target]
        code = await asyncio.to_thread(process.stop)
        if code != 0:
            self._say(f"    {fault.target} ended with {code} when it was asked to stop")
        process.start()

    async def _lose_disk(self, fault: Fault) -> None:
        """What an operator does then: have every worker send again what it had reported."""
        await self._town.servers.lose_disk(fault.seconds)
        for process in self._town.workers:
            process.kill()
            process.start("--resend-reports", self._started_at.strftime("%Y-%m-%dT%H:%M:%S%z"))

    async def _line(self, fault: Fault, mode: Mode) -> None:
        lines = self._town.lines_of(fault.target)
        for line in lines:
            line.set(mode, _SLOW_S if mode is Mode.SLOW else 0.0)
        await asyncio.sleep(fault.seconds)
        for line in lines:
            line.set(Mode.PASS)

    async def _fill(self, fault: Fault) -> None:
        async with self._full(fault.target):
            await asyncio.sleep(fault.seconds)

    async def _redirect(self, fault: Fault) -> None:
        """Redirect what waits because the queue is full: the office cannot know of it yet."""
        async with self._full(fault.target):
            await self._operator.redirect()

    @asynccontextmanager
    async def _full(self, destination: str) -> AsyncIterator[None]:
        """Freeze the workers of an office and let its queue hold so little that the broker refuses more."""
        queue = f"amtsbote.deliveries.{destination}"
        workers = self._town.workers_of(destination)
        await self._town.servers.limit_queue(queue, _FULL)
        for worker in workers:
            worker.hold()
        try:
            await self._until_full(queue)
            yield
        finally:
            for worker in workers:
                worker.release()
            await self._town.servers.unlimit_queue()

    async def _until_full(self, queue: str) -> None:
        """Wait until the broker has refused something, which the gateways log."""
        deadline = time.monotonic() + _FILLED_WITHIN_S
        before = self._refused()
        while self._refused() == before:
            if time.monotonic() > deadline:
                self._say(f"    {queue} did not fill")
                return
            await asyncio.sleep(0.2)

    def _refused(self) -> int:
        return sum(self._town.processes[name].printed().count('"QueueFull"') for name in GATEWAYS)
