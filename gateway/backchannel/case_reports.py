"""Case reports: status, query, decision, message and reference numbers, in the order the lead gave them.

Only the lead destination moves the case. A report whose number is not yet due is parked; one that is not
to contract is kept for an operator, and its number is used up, so that the next ones are not held up.
"""

from dataclasses import dataclass, field
from datetime import date

import structlog
from lxml import etree
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from gateway.backchannel.letters import case_reference
from gateway.backchannel.work import CaseWork
from gateway.contract.ids import new_id
from gateway.contract.report import Reference, Report, ReportType
from gateway.contract.states import CitizenStatus, Direction, FindingKind, ReportState
from gateway.domain.case import FINAL, CaseEvent
from gateway.errors import Problem, ReportRejected, Unavailable
from gateway.standards import Catalogue, reading
from gateway.store.rows import BackMessage, Document
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


async def read(catalogue: Catalogue, report: Report) -> CaseReport:
    """Read and validate a case report; its case was opened in whatever version was served then.

    Raises:
        Unavailable: it cannot be validated now; nothing is known of it.
        ReportRejected: the XML is refused, or is no message that this type of report may carry.
        pydantic.ValidationError: the JSON is not to contract.
    """
    if report.type is ReportType.CASE_REFERENCE:
        return CaseReport(reference=_read_reference(report.body))
    try:
        incoming = await reading.read(catalogue, report.body, today=None)
    except Unavailable:
        raise
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
        return _take_from_copy(work, report, read_report)
    if report.case_sequence is None:
        return ReportState.REJECTED, "no_case_sequence"
    due, number = work.next_sequence(report.destination), report.case_sequence
    if number < due or (number > due and work.fetch_parked(report.destination, number)):
        # Resends have the same report id and do not come this far: this adapter numbers anew.
        return ReportState.STALE, "number_used"
    if number > due:
        return ReportState.PARKED, None
    state, fault = await _apply(work, report, read_report, fault)
    then_due = await _apply_parked(work, report.destination, due + 1, catalogue)
    work.set_next_sequence(report.destination, then_due)
    return state, fault


def _take_from_copy(
    work: CaseWork, report: Report, read_report: CaseReport | None
) -> tuple[ReportState, str | None]:
    """A copy may say under which number it keeps the case, and nothing else."""
    if report.destination not in work.case.copies or read_report is None or not read_report.reference:
        return ReportState.REJECTED, "not_the_lead"
    _index(work, report, read_report.reference)
    return ReportState.APPLIED, None


async def _apply_parked(work: CaseWork, destination: str, number: int, catalogue: Catalogue) -> int:
    while parked := work.fetch_parked(destination, number):
        state, fault = await _apply_one_parked(work, parked, catalogue)
        if state is ReportState.REJECTED:
            work.find(FindingKind.REPORT_REJECTED, destination=destination, code=fault)
        work.mark(parked, state, keep_body=state is ReportState.REJECTED)
        number += 1
    return number


async def _apply_one_parked(
    work: CaseWork, parked: Report, catalogue: Catalogue
) -> tuple[ReportState, str | None]:
    """Apply a parked report; what is wrong with it must not be held against the one that freed it."""
    try:
        with work.attempt():
            return await _apply(work, parked, await read(catalogue, parked), None)
    except ReportRejected as error:
        return ReportState.REJECTED, error.detail
    except ValidationError:
        return ReportState.REJECTED, "body_not_to_contract"
    except (SQLAlchemyError, Unavailable):
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
        _index(work, report, read_report.reference)
        work.post(case_reference(work, read_report.reference))
        work.record("case.reference", destination=report.destination)
        return ReportState.APPLIED, None
    if read_report.about is not None and await work.names_another(read_report.about):
        # It must not reach this case's applicant.
        return ReportState.REJECTED, "about_another_case"
    documents = tuple(
        Document(work.case.tenant, report.destination, digest) for digest in read_report.digests
    )
    if not await work.has_documents(documents):
        return ReportState.REJECTED, "document_missing"
    after_final = work.case.status in FINAL
    if read_report.event:
        moved = work.move(read_report.event, due_on=read_report.due_on)
        after_final = after_final and not moved
    message_type = read_report.message_type or ""
    work.post(BackMessage(new_id(), message_type, read_report.body, documents, after_final))
    return ReportState.APPLIED, None


def _index(work: CaseWork, report: Report, reference: Reference) -> None:
    for kind in ("aktenzeichen", "kassenzeichen", "contact"):
        if value := getattr(reference, kind):
            work.add_reference(report.destination, kind, value)
