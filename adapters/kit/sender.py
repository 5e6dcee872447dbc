"""Sends what the report outbox holds until the broker has confirmed each report."""

import asyncio
from datetime import timedelta

import structlog

from adapters.kit.backoff import backoff_s
from adapters.kit.clock import utc_now
from adapters.kit.outbox import Unsent
from adapters.kit.store import AdapterStore
from gateway.broker import Broker

log = structlog.get_logger(__name__)

AT_ONCE = 100
KEPT = timedelta(days=30)
HOUSEKEEPING_S = 3600.0
PUBLISH_S = 20.0
"""Shorter than outbox.SENDING_S, so that no other worker begins while this one still waits."""


class ReportSender:
    """One background task. Reports of one case go in order; a case that is stuck holds back no other.

    Args:
        poll_s: how often it looks without being woken, for what a crashed worker left.
        first_pause_s: the pause after the first failure; it doubles up to a minute.
    """

    def __init__(
        self, store: AdapterStore, broker: Broker, *, poll_s: float = 2, first_pause_s: float = 1
    ) -> None:
        self._store = store
        self._broker = broker
        self._poll_s = poll_s
        self._first_pause_s = first_pause_s
        self._pause_s = poll_s
        self._stopping = False
        self._sending: dict[asyncio.Task[bool], Unsent] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._run())

    async def stop(self, grace_s: float = 5) -> None:
        """End; what is on its way may be confirmed within the grace, the rest goes after the next start."""
        if self._task is None:
            return
        self._stopping = True
        self._store.report_stored.set()
        await asyncio.wait([self._task], timeout=grace_s)
        tasks = [self._task, *self._sending]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None

    async def _run(self) -> None:
        housekeeping_at = 0.0
        loop = asyncio.get_running_loop()
        while not self._stopping or self._sending:
            self._store.report_stored.clear()
            self._pause_s = self._poll_s
            try:
                if loop.time() >= housekeeping_at:
                    await self._store.outbox.erase_before(utc_now() - KEPT)
                    housekeeping_at = loop.time() + HOUSEKEEPING_S
                await self._round()
            except Exception as error:
                # Mostly StoreUnavailable; whatever it is, the reports are kept and this must go on.
                log.error(
                    "report_outbox_failed", destination=self._store.destination, error=type(error).__name__
                )
                await asyncio.sleep(self._poll_s)

    async def _round(self) -> None:
        """Begin to send what is due, then wait until a report is confirmed, stored, or due again."""
        if not self._stopping and len(self._sending) < AT_ONCE:
            for unsent in await self._store.outbox.take(AT_ONCE - len(self._sending)):
                self._sending[asyncio.create_task(self._publish(unsent))] = unsent
        woken = asyncio.create_task(self._store.report_stored.wait())
        try:
            await asyncio.wait(
                [woken, *self._sending], timeout=self._pause_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            woken.cancel()
        await self._settle()

    async def _settle(self) -> None:
        """Note in one transaction everything that was confirmed meanwhile."""
        done = {task: unsent for task, unsent in self._sending.items() if task.done()}
        for task in done:
            del self._sending[task]
        confirmed = [unsent.seq for task, unsent in done.items() if task.result()]
        if confirmed:
            await self._store.outbox.mark_sent(confirmed)
            self._store.report_stored.set()  # the next reports of these cases may be due
        for task, unsent in done.items():
            if not task.result():
                await self._hold_back(unsent)

    async def _hold_back(self, unsent: Unsent) -> None:
        pause_s = backoff_s(unsent.tries, first_s=self._first_pause_s)
        self._pause_s = min(self._pause_s, pause_s)
        await self._store.outbox.hold_back(unsent, pause_s)

    async def _publish(self, unsent: Unsent) -> bool:
        report = unsent.report
        known = {
            "destination": report.destination,
            "case_id": report.case_id,
            "submission_id": report.submission_id,
            "report_id": report.report_id,
            "report_type": report.type.value,
        }
        try:
            async with asyncio.timeout(PUBLISH_S):
                await self._broker.publish_report(report.to_message())
        except Exception as error:
            # Whatever it is, the report stays and is tried again; an operator sees the growing count.
            log.warning("report_not_sent", error=type(error).__name__, tries=unsent.tries + 1, **known)
            return False
        log.info("report_sent", **known)
        return True
