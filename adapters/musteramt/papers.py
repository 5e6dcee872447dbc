"""Turns what the office says into reports with their final bytes; message id and report id are the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from adapters.musteramt.reading import Reading
from adapters.musteramt.records import Case, Document, Outgoing
from gateway.contract.ids import new_id
from gateway.contract.report import Reference as FileNumbers
from gateway.contract.report import ReportType
from gateway.contract.states import CitizenStatus
from gateway.xml import rueckkanal
from gateway.xml.rueckkanal import Deadline, Head, ItemKind, Party, QueryItem, QueryKind, Reference

_PRODUCT = "Musteramt"
# A standard without XÖV header names neither portal nor office.
_DIRECTORY = "DVDV"
_UNNAMED_PORTAL = Party(_DIRECTORY, "portal", "Portal")


@dataclass(frozen=True, slots=True)
class Query:
    """One thing the applicant is asked; `wanted` is the code of a document (list anlageart)."""

    text: str
    wanted: str | None = None


@dataclass(frozen=True, slots=True)
class Correspondence:
    """Writes to the portal of one case: from this office, about this case, at this moment."""

    case: Case
    office: Party
    answering: Reading
    now: datetime

    def write(
        self,
        kind: ReportType,
        summary: str,
        message: Callable[[Head, Reference], bytes],
        documents: Sequence[Document] = (),
    ) -> Outgoing:
        """Return a report whose bytes `message` writes."""
        report_id = new_id()
        body = message(self._head(report_id), self._reference())
        return Outgoing(self.case.case_id, kind, body, summary, tuple(documents), report_id)

    def file_number(self, contact: str | None) -> Outgoing:
        """Tell the file number."""
        numbers = FileNumbers(aktenzeichen=self.case.aktenzeichen, contact=contact)
        body = numbers.model_dump_json(exclude_none=True).encode()
        return Outgoing(self.case.case_id, ReportType.CASE_REFERENCE, body, "Aktenzeichen mitgeteilt")

    def status(self, code: CitizenStatus, text: str) -> Outgoing:
        """Tell where the case stands."""
        return self.write(
            ReportType.CASE_STATUS,
            f"Status: {text}",
            lambda head, reference: rueckkanal.status(head=head, reference=reference, code=code, text=text),
        )

    def query(self, queries: Sequence[Query], answer_by: date) -> Outgoing:
        """Ask the applicant."""
        items = [_item(number, query) for number, query in enumerate(queries, start=1)]
        wants_documents = any(query.wanted for query in queries)
        return self.write(
            ReportType.CASE_QUERY,
            "Rückfrage",
            lambda head, reference: rueckkanal.rueckfrage(
                head=head,
                reference=reference,
                kind=QueryKind.FURTHER_DOCUMENTS if wants_documents else QueryKind.QUERY,
                items=items,
                deadline=Deadline(answer_by, basis="§ 26 Absatz 2 VwVfG"),
            ),
        )

    def message(self, subject: str, text: str) -> Outgoing:
        """Tell the applicant something."""
        return self.write(
            ReportType.CASE_MESSAGE,
            f"Mitteilung: {subject}",
            lambda head, reference: rueckkanal.mitteilung(
                head=head, reference=reference, subject=subject, text=text
            ),
        )

    def withdrawal_receipt(self, *, accepted: bool, text: str) -> Outgoing:
        """Answer a withdrawal."""
        return self.write(
            ReportType.CASE_MESSAGE,
            "Rücknahme bestätigt" if accepted else "Rücknahme kam zu spät",
            lambda head, reference: rueckkanal.ruecknahmebestaetigung(
                head=head, reference=reference, accepted=accepted, text=text or None
            ),
        )

    def _head(self, message_id: str) -> Head:
        return Head(
            author=self.office
            if self.office.id
            else Party(_DIRECTORY, self.case.authority, self.case.authority),
            reader=self.answering.portal if self.answering.portal.id else _UNNAMED_PORTAL,
            created_at=self.now,
            message_id=message_id,
            product=_PRODUCT,
            test=self.case.test,
        )

    def _reference(self) -> Reference:
        return Reference(self.case.reference, self.case.aktenzeichen, self.answering.message_id or None)


def _item(number: int, query: Query) -> QueryItem:
    kind = ItemKind.DOCUMENT if query.wanted else ItemKind.STATEMENT
    return QueryItem(id=f"F{number}", kind=kind, text=query.text, document_kind=query.wanted)


def _named(party: Party) -> Party | None:
    return party if party.directory and party.id and party.name else None
