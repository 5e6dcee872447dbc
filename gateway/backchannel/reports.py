"""Take reports: each counts once, and what a batch of them changes is one transaction.

A report that the contract does not allow has no effect, and an operator hears of it. While the store is
away reports stay in hand: nothing is requeued in a loop.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from gateway import metrics
from gateway.backchannel import case_reports, outcomes
from gateway.backchannel.case_reports import CaseReport
from gateway.backchannel.docket import Docket, open_docket
from gateway.backchannel.work import CaseWork
from gateway.broker import Outcome
from gateway.config import Config
from gateway.contract.message import Message
from gateway.contract.report import Accepted, Failed, Refused, Report, ReportType
from gateway.contract.states import FindingKind, ReportState
from gateway.domain.delivery import Effect
from gateway.errors import ReportRejected, StoreDeadlock, StoreUnavailable, Unavailable
from gateway.standards import Catalogue
from gateway.store import SqlStore, reads, reports
from gateway.store.batches import Batches, once_more
from gateway.store.findings import finding_row
from gateway.store.rows import Document
from gateway.store.tables import findings

_WITH_REASON = frozenset({ReportType.DELIVERY_REFUSED, ReportType.DELIVERY_FAILED})
"""What such a report says is kept: an operator must see why."""

_RETRY_S = (0.2, 0.5, 1, 2, 5)
MAX_FAULTS = 3
"""After so many unexpected exceptions a report is kept as rejected, for an operator."""

MAX_BATCH = 128
MAX_BATCH_BYTES = 16 * 1024 * 1024
BUSY_ROUND_S = 0.1

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Checked:
    """A report whose body was read; `fault` says why it is not to contract."""

    report: Report
    tenant: str
    body: BaseModel | CaseReport | None = None
    fault: str | None = None

    @property
    def documents(self) -> list[Document]:
        """The documents that it names."""
        digests = self.body.digests if isinstance(self.body, CaseReport) else ()
        return [Document(self.tenant, self.report.destination, digest) for digest in digests]


class ReportIntake:
    """Handles what adapters report; one for the process, any number of reports at once."""

    def __init__(self, config: Config, catalogue: Catalogue, store: SqlStore) -> None:
        self._config = config
        self._catalogue = catalogue
        self._store = store
        self._batches: Batches[_Checked, str] = Batches(
            partial(once_more, self._take_all),
            max_batch=MAX_BATCH,
            max_bytes=MAX_BATCH_BYTES,
            size_bytes=lambda each: len(each.report.body),
            observe=metrics.REPORT_BATCH.observe,
            round_s=BUSY_ROUND_S,
        )

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
        """Wait for what is away; give up only on a report that nothing here can deal with."""
        tries = faults = 0
        while True:
            try:
                await self._take(report, broken=faults == MAX_FAULTS)
                return
            except (StoreUnavailable, StoreDeadlock) as error:
                _log.warning("report_waits_for_store", report_id=report.report_id, error=str(error))
            except Unavailable:
                _log.warning("report_waits_for_rules", report_id=report.report_id)
            except Exception:
                faults += 1
                _log.exception("report_failed", report_id=report.report_id, faults=faults)
                if faults > MAX_FAULTS:
                    raise
            await asyncio.sleep(_RETRY_S[min(tries, len(_RETRY_S) - 1)])
            tries += 1

    async def _take(self, report: Report, *, broken: bool) -> None:
        tenant = await self._tenant_of(report)
        if tenant is None:
            _log.error("report_of_unknown_destination", report_id=report.report_id)
            return
        if broken:
            checked = _Checked(report, tenant, fault="cannot_be_handled")
        else:
            checked = await self._check(report, tenant)
        state = await self._batches.take(checked)
        _log.info(
            "report_taken",
            state=state,
            report_id=report.report_id,
            type=report.type,
            case_id=report.case_id,
            delivery_id=report.delivery_id,
            destination=report.destination,
            attempt=report.attempt,
        )

    async def _tenant_of(self, report: Report) -> str | None:
        """Return whose report it is; a destination that was removed may still have cases to decide."""
        if destination := self._config.destination.get(report.destination):
            return destination.tenant
        async with self._store.read() as connection:
            return await reads.fetch_tenant(connection, report.case_id, destination=report.destination)

    async def _check(self, report: Report, tenant: str) -> _Checked:
        """Read the body before the transaction; a body that is not to contract is a fault, not an error."""
        try:
            return _Checked(report, tenant, await self._read(report))
        except ValidationError:
            return _Checked(report, tenant, fault="body_not_to_contract")
        except ReportRejected as error:
            return _Checked(report, tenant, fault=error.detail)

    async def _read(self, report: Report) -> BaseModel | CaseReport:
        if model := _BODIES.get(report.type):
            return model.model_validate_json(report.body)
        return await case_reports.read(self._catalogue, report)

    # --- one transaction

    async def _take_all(self, batch: Sequence[_Checked]) -> Sequence[str | Exception]:
        """Take reports in the order in which they came; one that cannot be handled leaves no trace."""
        case_ids, tenants = {each.report.case_id for each in batch}, {each.tenant for each in batch}
        async with open_docket(self._store, self._config, case_ids, tenants=tenants) as docket:
            keys = {each.report.key for each in batch}
            known = await reports.known(docket.connection, self._store, keys)
            await _look_ahead(docket, batch)
            states: list[str | Exception] = []
            for each in batch:
                states.append("repeated" if each.report.key in known else await self._take_one(docket, each))
                if not isinstance(states[-1], Exception):
                    known.add(each.report.key)
        return states

    async def _take_one(self, docket: Docket, checked: _Checked) -> str | Exception:
        work = docket.fetch(checked.report.case_id, tenant=checked.tenant)
        if work is None:
            _keep_stray(docket, checked)
            return "without_case"
        try:
            with work.attempt():
                return await self._apply(work, checked)
        except SQLAlchemyError:
            raise
        except Exception as error:
            return error

    async def _apply(self, work: CaseWork, checked: _Checked) -> ReportState:
        report = checked.report
        work.register(report)
        if report.type.is_delivery:
            state, fault = await _apply_to_delivery(work, checked)
        else:
            body = checked.body if isinstance(checked.body, CaseReport) else None
            state, fault = await case_reports.take(work, report, body, checked.fault, self._catalogue)
        if fault:
            work.find(
                FindingKind(f"report_{state}"),
                destination=report.destination,
                delivery_id=report.delivery_id,
                code=fault,
            )
        if state is ReportState.PARKED:
            work.park(report)
        elif state is not ReportState.APPLIED or report.type in _WITH_REASON:
            work.mark(report, state, keep_body=True)
        return state


async def _look_ahead(docket: Docket, batch: Sequence[_Checked]) -> None:
    """Read for all reports at once what nearly each of them needs."""
    connection, store, seen = docket.connection, docket.store, docket.seen
    if delivery_ids := {each.report.delivery_id for each in batch if each.report.delivery_id}:
        await seen.lock_deliveries(connection, store, delivery_ids)
    about_cases = (each.report for each in batch if not each.report.type.is_delivery)
    if senders := {(report.case_id, report.destination) for report in about_cases}:
        await seen.read_order(connection, store, senders)
    if documents := {document for each in batch for document in each.documents}:
        await seen.find_documents(connection, store, documents)


def _keep_stray(docket: Docket, checked: _Checked) -> None:
    """Keep a report about a case that its destination's tenant does not have, for an operator."""
    report, tenant, now = checked.report, checked.tenant, docket.now
    vault = docket.store.vault
    row = reports.report_row(vault, report, tenant=tenant, now=now)
    rejected = reports.outcome(vault, report, ReportState.REJECTED, tenant=tenant, keep_body=True)
    docket.caseless.reports[report.key] = row | rejected
    finding = finding_row(
        FindingKind.REPORT_REJECTED,
        tenant=tenant,
        now=now,
        destination=report.destination,
        code="no_such_case",
    )
    docket.caseless.inserts.append((findings, finding))


async def _apply_to_delivery(work: CaseWork, checked: _Checked) -> tuple[ReportState, str | None]:
    report, attempt = checked.report, checked.report.attempt
    row = await work.fetch_delivery(report.delivery_id or "", destination=report.destination)
    if checked.fault or row is None:
        return ReportState.REJECTED, checked.fault or "no_such_delivery"
    match checked.body:
        case Accepted():
            effect = await outcomes.accepted(work, row, checked.body, attempt=attempt)
        case Refused():
            effect = await outcomes.refused(work, row, checked.body, attempt=attempt)
        case Failed():
            effect = await outcomes.failed(work, row, checked.body, attempt=attempt)
        case _:
            return ReportState.REJECTED, "body_not_to_contract"
    applied = effect in {Effect.APPLY, Effect.REPEAT}
    return (ReportState.APPLIED if applied else ReportState.STALE), None


_BODIES: dict[ReportType, type[BaseModel]] = {
    ReportType.DELIVERY_ACCEPTED: Accepted,
    ReportType.DELIVERY_REFUSED: Refused,
    ReportType.DELIVERY_FAILED: Failed,
}
