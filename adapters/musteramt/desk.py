"""The office's desk: looks at every case on which something happened, first by rules, then by the script.

Nothing polls: a delivery puts its case on the desk, and a start puts every unfinished case there. Without the
scripted clerk, what the rules leave alone waits in the register for a person.
"""

import asyncio
from dataclasses import dataclass, replace

import structlog

from adapters.musteramt import script
from adapters.musteramt.office import Office
from adapters.musteramt.records import CaseChanged
from adapters.musteramt.register import Register

log = structlog.get_logger()

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class _Task:
    case_id: str
    read: bool = False
    """Whether the clerk's reading time is over; the rules need none."""
    tries: int = 0


class Desk:
    """A background task that works off the cases put on it, one at a time.

    Args:
        clerk_delay_s: how long the scripted clerk reads before acting; None: there is no scripted clerk.
    """

    def __init__(self, register: Register, office: Office, *, clerk_delay_s: float | None) -> None:
        self._register = register
        self._office = office
        self._clerk_delay_s = clerk_delay_s
        self._tasks: asyncio.Queue[_Task] = asyncio.Queue()
        self._timers: set[asyncio.TimerHandle] = set()
        self._worker: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with every unfinished case of an earlier process."""
        for case_id in await self._register.list_unfinished():
            self.put(case_id)
        self._worker = asyncio.create_task(self._run(), name="musteramt-desk")

    async def stop(self) -> None:
        """End the task; unfinished cases are found again at the next start."""
        for timer in self._timers:
            timer.cancel()
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._worker = None

    def put(self, case_id: str) -> None:
        """Say that something happened in a case."""
        self._tasks.put_nowait(_Task(case_id))

    async def _run(self) -> None:
        while True:
            task = await self._tasks.get()
            try:
                await self._handle(task)
            except CaseChanged:
                self.put(task.case_id)
            except Exception as error:
                self._try_again(task, error)

    async def _handle(self, task: _Task) -> None:
        dossier = await self._office.fetch_dossier(task.case_id)
        if dossier is None or not dossier.case.lead:
            return
        if await self._office.decide_by_rules(dossier) or self._clerk_delay_s is None:
            return
        if task.read:
            await script.handle(self._office, dossier)
        else:
            self._later(self._clerk_delay_s, replace(task, read=True))

    def _try_again(self, task: _Task, error: Exception) -> None:
        # For as long as it takes: a case that nobody looks at again would be a silent end.
        log.error(
            "musteramt_case_failed", case_id=task.case_id, error=type(error).__name__, tries=task.tries + 1
        )
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(task.tries, 10), _LONGEST_PAUSE_S)
        self._later(pause_s, replace(task, tries=task.tries + 1))

    def _later(self, pause_s: float, task: _Task) -> None:
        def put() -> None:
            self._timers.discard(timer)
            self._tasks.put_nowait(task)

        timer = asyncio.get_running_loop().call_later(pause_s, put)
        self._timers.add(timer)
