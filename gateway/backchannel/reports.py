"""Take a report: each counts once, and what it changes is one transaction.

A report that the contract does not allow has no effect, and an operator hears of it. While the store is
away a report stays in hand: nothing is requeued in a loop.
"""

import asyncio

import structlog
from pydantic import BaseModel, ValidationError

from gateway.backchannel import case_reports, outcomes
from gateway.backchannel.case_reports import CaseReport
from gateway.backchannel.work import CaseWork, work_on
from gateway.broker import Outcome
from gateway.config import Config
from gateway.contract.message import Message
from gateway.contract.report import Accepted, Failed, Refused, Report, ReportType
from gateway.domain.delivery import Effect
from gateway.errors import NotFound, ReportRejected, StoreDeadlock, StoreUnavailable
from gateway.standards import Catalogue
from gateway.store import SqlStore, deliveries, reads, reports
from gateway.store.reports import ReportState

_WITH_REASON = frozenset({ReportType.DELIVERY_REFUSED, ReportType.DELIVERY_FAILED})
"""What such a report says is kept: an operator must see why."""

_RETRY_S = (0.2, 0.5, 1, 2, 5)
MAX_FAULTS = 3
"""After so many unexpected exceptions a report is kept as rejected, for an operator."""

_log = structlog.get_logger()


class ReportIntake:
    """Handles what adapters report; one for the process, any number of reports at once."""

    def __init__(self, config: Config, catalogue: Catalogue, store: SqlStore) -> None:
        self._config = config
        self._catalogue = catalogue
        self._store = store

    async def handle(self, message: Message) -> Outcome:
        """Deal with one message of the report queue; acknowledged once its effect is committed."""
        try:
            report = Report.from_message(message)
        except ValidationError as error:
            _log.error("report_malformed", fields=sorted({str(e["loc"][0]) for e in error.errors()}))
            return Outcome.ACK
        await self._take_in_the_end(report)
        return Outcome.ACK

    async def _take_in_the_end(self, report: Report) -> None:
        """Wait for a store that is away; give up only on a report that nothing here can deal with."""
        tries = faults = 0
        while True:
            try:
                await self._take(report, broken=faults == MAX_FAULTS)
                return
            except (StoreUnavailable, StoreDeadlock) as error:
                _log.warning("report_waits_for_store", report_id=report.report_id, error=str(error))
            except Exception:
                faults += 1
                _log.exception("report_failed", report_id=report.report_id, faults=faults)
                if faults > MAX_FAULTS:
                    raise
            await asyncio.sleep(_RETRY_S[min(tries, len(_RETRY_S) - 1)])
            tries += 1

    async def _tenant_of(self, report: Report) -> str | None:
        """Return whose report it is; a destination that was removed may still have cases to decide."""
        if destination := self._config.destination.get(report.destination):
            return destination.tenant
        async with self._store.read() as connection:
            return await reads.fetch_tenant(connection, report.case_id, destination=report.destination)

    async def _take(self, report: Report, *, broken: bool) -> None:
        tenant = await self._tenant_of(report)
        if tenant is None:
            _log.error("report_of_unknown_destination", report_id=report.report_id)
            return
        log = _log.bind(
            report_id=report.report_id,
            type=report.type,
            case_id=report.case_id,
            delivery_id=report.delivery_id,
            destination=report.destination,
            attempt=report.attempt,
        )
        checked, fault = (None, "cannot_be_handled") if broken else self._check(report)
        try:
            async with work_on(self._store, self._config, report.case_id, tenant=tenant) as work:
                new = await reports.register(
                    work.connection,
                    self._store,
                    report,
                    tenant=tenant,
                    now=work.now,
                    erase_after=work.case.erase_after,
                )
                if not new:
                    log.info("report_repeated")
                    return
                state = await self._apply(work, report, checked, fault)
        except NotFound:
            log.error("report_without_case")
            await self._keep_stray(report, tenant)
            return
        log.info("report_taken", state=state)

    async def _keep_stray(self, report: Report, tenant: str) -> None:
        """Keep a report about a case that its destination's tenant does not have, for an operator."""
        async with self._store.write() as connection:
            now = await self._store.read_clock(connection)
            if await reports.register(connection, self._store, report, tenant=tenant, now=now):
                await reports.mark(connection, report, ReportState.REJECTED, keep_body=True)
                await reports.add_finding(
                    connection,
                    "report_rejected",
                    tenant=tenant,
                    now=now,
                    destination=report.destination,
                    code="no_such_case",
                )

    def _check(self, report: Report) -> tuple[BaseModel | CaseReport | None, str | None]:
        """Read the body before the transaction; a body that is not to contract is a fault, not an error."""
        try:
            if report.type is ReportType.DELIVERY_ACCEPTED:
                return Accepted.model_validate_json(report.body), None
            if report.type is ReportType.DELIVERY_REFUSED:
                return Refused.model_validate_json(report.body), None
            if report.type is ReportType.DELIVERY_FAILED:
                return Failed.model_validate_json(report.body), None
            return case_reports.read(self._catalogue, report), None
        except ValidationError:
            return None, "body_not_to_contract"
        except ReportRejected as error:
            return None, error.detail

    async def _apply(
        self, work: CaseWork, report: Report, checked: BaseModel | CaseReport | None, fault: str | None
    ) -> ReportState:
        if report.type.is_delivery:
            state, fault = await self._apply_to_delivery(work, report, checked, fault)
        else:
            state, fault = await case_reports.take(
                work, report, checked if isinstance(checked, CaseReport) else None, fault, self._catalogue
            )
        if fault:
            await reports.add_finding(
                work.connection,
                f"report_{state}",
                tenant=work.case.tenant,
                now=work.now,
                destination=report.destination,
                case_id=work.case.case_id,
                delivery_id=report.delivery_id,
                code=fault,
            )
        if state is not ReportState.APPLIED or report.type in _WITH_REASON:
            await reports.mark(work.connection, report, state, keep_body=True)
        return state

    async def _apply_to_delivery(
        self, work: CaseWork, report: Report, checked: BaseModel | CaseReport | None, fault: str | None
    ) -> tuple[ReportState, str | None]:
        row = await deliveries.fetch(
            work.connection, report.delivery_id or "", destination=report.destination
        )
        if fault or row is None or row.case_id != work.case.case_id:
            return ReportState.REJECTED, fault or "no_such_delivery"
        attempt = report.attempt
        match checked:
            case Accepted():
                effect = await outcomes.accepted(work, row, checked, attempt=attempt)
            case Refused():
                effect = await outcomes.refused(work, row, checked, attempt=attempt)
            case Failed():
                effect = await outcomes.failed(work, row, checked, attempt=attempt)
            case _:
                return ReportState.REJECTED, "body_not_to_contract"
        applied = effect in {Effect.APPLY, Effect.REPEAT}
        return (ReportState.APPLIED if applied else ReportState.STALE), None
