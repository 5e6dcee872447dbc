"""Hands decided reports over to the adapter kit, each exactly once in effect and in the order of decision.

The register holds every report before it leaves, with its id and its final bytes. What is not marked as
handed over is handed over again, after a failure and after a restart; the report's id makes that harmless.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from adapters.kit import CaseReports, Documents
from adapters.musteramt.records import Outgoing
from adapters.musteramt.register import Register
from gateway.contract.report import Reference, ReportType

log = structlog.get_logger()

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
CASES_AT_ONCE = 20


class Handover:
    """A background task that sleeps until `wake` is called."""

    def __init__(
        self, register: Register, reports: CaseReports, documents: Documents, *, now: Callable[[], datetime]
    ) -> None:
        self._register = register
        self._reports = reports
        self._documents = documents
        self._now = now
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with what an earlier process left behind."""
        self.wake()
        self._task = asyncio.create_task(self._run(), name="musteramt-handover")

    async def stop(self) -> None:
        """End the task; what is not handed over stays in the register."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def wake(self) -> None:
        """Say that there may be something to hand over."""
        self._work.set()

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            await self._work.wait()
            self._work.clear()
            if await self._attempt():
                pause_s = FIRST_PAUSE_S
                continue
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            self._work.set()

    async def _attempt(self) -> bool:
        try:
            return await self.hand_over()
        except Exception as error:
            # A decision must not stay here until the next start because the register failed once.
            log.warning("musteramt_register_unavailable", error=type(error).__name__)
            return False

    async def hand_over(self) -> bool:
        """Hand over everything pending; say whether nothing was left behind.

        After a failure the later reports of that case wait, for their order matters; other cases go on.
        """
        cases: dict[str, list[Outgoing]] = {}
        for report in await self._register.list_pending():
            cases.setdefault(report.case_id, []).append(report)
        places = asyncio.Semaphore(CASES_AT_ONCE)
        return all(await asyncio.gather(*(self._hand_over_case(each, places) for each in cases.values())))

    async def _hand_over_case(self, reports: Sequence[Outgoing], places: asyncio.Semaphore) -> bool:
        handed_over: list[str] = []
        async with places:
            try:
                try:
                    for report in reports:
                        await self._hand_over_one(report)
                        handed_over.append(report.report_id)
                finally:
                    await self._register.mark_handed_over(handed_over, now=self._now())
            except Exception as error:
                log.warning(
                    "musteramt_handover_failed", case_id=reports[0].case_id, error=type(error).__name__
                )
                return False
        return True

    async def _hand_over_one(self, report: Outgoing) -> None:
        for document in await self._register.list_documents(report.report_id):
            await self._documents.upload(document.data, document.media_type)
        await self._send(report)

    async def _send(self, report: Outgoing) -> None:
        if report.kind is ReportType.CASE_REFERENCE:
            reference = Reference.model_validate_json(report.body)
            await self._reports.reference(
                report.case_id,
                aktenzeichen=reference.aktenzeichen,
                contact=reference.contact,
                report_id=report.report_id,
            )
            return
        send = {
            ReportType.CASE_STATUS: self._reports.status,
            ReportType.CASE_QUERY: self._reports.query,
            ReportType.CASE_DECISION: self._reports.decision,
            ReportType.CASE_MESSAGE: self._reports.message,
        }[report.kind]
        await send(report.case_id, report.body, report_id=report.report_id)
