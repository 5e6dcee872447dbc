"""Case reports: status, query, decision, message and reference numbers, in the order the lead gave them.

Only the lead destination moves the case. A report whose number is not yet due is parked; one that is not
to contract is kept for an operator, and its number is used up, so that the next ones are not held up.
"""

from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

import structlog
from lxml import etree
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from gateway.backchannel.letters import case_reference
from gateway.backchannel.work import CaseWork
from gateway.contract.ids import new_id
from gateway.contract.report import Reference, Report, ReportType
from gateway.contract.states import CitizenStatus, Direction
from gateway.domain.calendar import today
from gateway.domain.case import FINAL, CaseEvent
from gateway.errors import Problem, ReportRejected
from gateway.standards import Catalogue
from gateway.store import reads, reports
from gateway.store.reports import ReportState
from gateway.store.rows import BackMessage, Part
from gateway.xml import rueckkanal_read
from gateway.xml.text import label, line

_log = structlog.get_logger()

# Which messages a report type may carry; what is not listed travels as case.message.
_DECISIONS = frozenset({"rueckkanal.bescheid.1150", "rueckkanal.ergebnis.1151"})
_TYPES = {
    ReportType.CASE_STATUS: frozenset({"rueckkanal.status.1120"}),
    ReportType.CASE_QUERY: frozenset({"rueckkanal.rueckfrage.1130"}),
    ReportType.CASE_DECISION: _DECISIONS,
}
MAX_NUMBER, MAX_CONTACT = 250, 500
"""What a message of the back channel has room for."""

_STATUS_EVENTS = {
    CitizenStatus.PROCESSING: CaseEvent.PROCESSING,
    CitizenStatus.ACTION_REQUIRED: CaseEvent.QUERY,
    CitizenStatus.COMPLETED: CaseEvent.DECISION,
}


@dataclass(frozen=True, slots=True)
class CaseReport:
    """A case report that was read: what it does to the case and what goes into the mailbox.

    `about` is the reference by which the message itself names its case.
    """

    message_type: str | None = None
    body: bytes = field(default=b"", repr=False)
    event: CaseEvent | None = None
    due_on: date | None = None
    digests: tuple[str, ...] = ()
    about: str | None = None
    reference: Reference | None = None


def read(catalogue: Catalogue, report: Report) -> CaseReport:
    """Read and validate a case report.

    Raises:
        ReportRejected: the XML is refused, or is no message that this type of report may carry.
        pydantic.ValidationError: the JSON is not to contract.
    """
    if report.type is ReportType.CASE_REFERENCE:
        return CaseReport(reference=_read_reference(report.body))
    try:
        incoming = catalogue.read(report.body, today=today())
    except Problem as problem:
        raise ReportRejected(problem.type) from problem
    name = incoming.message_type.name
    allowed = _TYPES.get(report.type)
    listed = {each for names in _TYPES.values() for each in names}
    if incoming.message_type.direction is Direction.IN:
        raise ReportRejected("direction")
    if name not in allowed if allowed else name in listed:
        raise ReportRejected("wrong_report_type")
    event, due_on = _effect(report.type, incoming.root)
    digests = tuple(each.sha256 for each in rueckkanal_read.attachments(incoming.root))
    stated = rueckkanal_read.reference(incoming.root)
    about = stated.reference if stated else None
    return CaseReport(incoming.message_type.id, report.body, event, due_on, digests, about)


def _read_reference(body: bytes) -> Reference:
    reference = Reference.model_validate_json(body)
    try:
        for number in (reference.aktenzeichen, reference.kassenzeichen or "-"):
            line(number, "reference number", MAX_NUMBER)
        label(reference.contact or "-", "contact", MAX_CONTACT)
    except ValueError as error:
        raise ReportRejected("number_not_printable") from error
    return reference


def _effect(type_: ReportType, root: etree._Element) -> tuple[CaseEvent | None, date | None]:
    deadline = rueckkanal_read.deadline(root)
    due_on = deadline.day if deadline else None
    if type_ is ReportType.CASE_QUERY:
        return CaseEvent.QUERY, due_on
    if status := rueckkanal_read.status(root):
        return _STATUS_EVENTS.get(status.code), due_on
    if decision := rueckkanal_read.decision(root):
        return (CaseEvent.DECISION if decision.final else CaseEvent.INTERIM_DECISION), None
    if type_ is ReportType.CASE_DECISION:
        return CaseEvent.DECISION, None
    withdrawn = rueckkanal_read.withdrawal_accepted(root)
    return (CaseEvent.WITHDRAWAL if withdrawn else None), None


async def take(
    work: CaseWork, report: Report, read_report: CaseReport | None, fault: str | None, catalogue: Catalogue
) -> tuple[ReportState, str | None]:
    """Apply a case report, or park it until its number is due, and then what was parked behind it.

    Returns:
        What became of this report, and for a rejected one why.
    """
    if report.destination != work.case.lead:
        return await _take_from_copy(work, report, read_report)
    if report.case_sequence is None:
        return ReportState.REJECTED, "no_case_sequence"
    due = await reports.next_sequence(work.connection, work.case, report.destination)
    used = report.case_sequence < due
    if report.case_sequence > due:
        used = bool(
            await reports.fetch_parked(work.connection, work.case, report.destination, report.case_sequence)
        )
    if used:
        # Resends have the same report id and do not come this far: this adapter numbers anew.
        return ReportState.STALE, "number_used"
    if report.case_sequence > due:
        return ReportState.PARKED, None
    state, fault = await _apply(work, report, read_report, fault)
    number = await _apply_parked(work, report.destination, due + 1, catalogue)
    await reports.set_next_sequence(work.connection, work.store, work.case, report.destination, number)
    return state, fault


async def _take_from_copy(
    work: CaseWork, report: Report, read_report: CaseReport | None
) -> tuple[ReportState, str | None]:
    """A copy may say under which number it keeps the case, and nothing else."""
    if report.destination not in work.case.copies or read_report is None or not read_report.reference:
        return ReportState.REJECTED, "not_the_lead"
    await _index(work, report, read_report.reference)
    return ReportState.APPLIED, None


async def _apply_parked(work: CaseWork, destination: str, number: int, catalogue: Catalogue) -> int:
    while parked := await reports.fetch_parked(work.connection, work.case, destination, number):
        state, fault = await _apply_one_parked(work, parked, catalogue)
        if state is ReportState.REJECTED:
            await work.find("report_rejected", destination=destination, code=fault)
        await reports.mark(work.connection, parked, state, keep_body=state is ReportState.REJECTED)
        number += 1
    return number


async def _apply_one_parked(
    work: CaseWork, parked: Report, catalogue: Catalogue
) -> tuple[ReportState, str | None]:
    """Apply a parked report; what is wrong with it must not be held against the one that freed it."""
    try:
        async with work.attempt():
            return await _apply(work, parked, read(catalogue, parked), None)
    except ReportRejected as error:
        return ReportState.REJECTED, error.detail
    except ValidationError:
        return ReportState.REJECTED, "body_not_to_contract"
    except DBAPIError:
        raise
    except Exception:
        _log.exception("report_failed", report_id=parked.report_id)
        return ReportState.REJECTED, "cannot_be_handled"


async def _apply(
    work: CaseWork, report: Report, read_report: CaseReport | None, fault: str | None
) -> tuple[ReportState, str | None]:
    if fault or read_report is None:
        return ReportState.REJECTED, fault
    if read_report.reference:
        await _index(work, report, read_report.reference)
        await work.post(case_reference(work, read_report.reference))
        await work.record("case.reference", destination=report.destination)
        return ReportState.APPLIED, None
    if await _is_about_another(work, read_report.about):
        return ReportState.REJECTED, "about_another_case"
    parts = await _parts(work, report, read_report)
    if parts is None:
        return ReportState.REJECTED, "document_missing"
    after_final = work.case.status in FINAL
    if read_report.event:
        moved = await work.move(read_report.event, due_on=read_report.due_on)
        after_final = after_final and not moved
    await work.post(BackMessage(new_id(), read_report.message_type or "", parts, after_final))
    return ReportState.APPLIED, None


async def _is_about_another(work: CaseWork, about: str | None) -> bool:
    """A message that names another case of the tenant must not reach this one's applicant."""
    if about is None or about in {work.case.case_id, work.case.portal_reference}:
        return False
    return await reads.is_case(work.connection, about, client=work.case.client, tenant=work.case.tenant)


async def _parts(work: CaseWork, report: Report, read_report: CaseReport) -> tuple[Part, ...] | None:
    """The message and the documents it names, which the adapter has uploaded before."""
    body = read_report.body
    parts = [Part(0, "application/xml", sha256(body).hexdigest(), body)]
    for number, digest in enumerate(read_report.digests, start=1):
        document = await reports.fetch_document(work.connection, report.destination, digest)
        if document is None:
            return None
        media_type, data = document
        parts.append(Part(number, media_type, digest, data))
    return tuple(parts)


async def _index(work: CaseWork, report: Report, reference: Reference) -> None:
    for kind in ("aktenzeichen", "kassenzeichen", "contact"):
        if value := getattr(reference, kind):
            await reports.add_reference(
                work.connection, work.store, work.case, report.destination, kind, value
            )
