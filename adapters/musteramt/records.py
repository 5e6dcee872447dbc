"""What the register holds: the words this office uses for its own records."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from gateway.contract.ids import new_id
from gateway.contract.report import ReportType


class Subject(StrEnum):
    """What a case is about; it decides the prefix of the file number and how the case ends."""

    PARKING = "parken"
    CERTIFICATE = "urkunde"
    TRADE = "gewerbe"
    OTHER = "allgemein"


class Kind(StrEnum):
    """What an applicant's message is."""

    APPLICATION = "antrag"
    ANSWER = "antwort"
    FURTHER_DOCUMENTS = "nachreichung"
    CHANGE = "antragsaenderung"
    MESSAGE = "mitteilung"
    WITHDRAWAL = "antragsruecknahme"
    OTHER = "sonstige"

    @property
    def answers(self) -> bool:
        """Say whether the message puts a case in which the applicant was asked back on the desk."""
        return self in {Kind.ANSWER, Kind.FURTHER_DOCUMENTS, Kind.CHANGE, Kind.WITHDRAWAL}

    @property
    def withdraws(self) -> bool:
        """Say whether the applicant takes the application back."""
        return self is Kind.WITHDRAWAL


class State(StrEnum):
    """Where a case stands in this office."""

    OPEN = "offen"
    ASKED = "rueckfrage"
    DECIDED = "entschieden"
    WITHDRAWN = "zurueckgenommen"

    @property
    def closed(self) -> bool:
        """Say whether nothing more is to be decided."""
        return self in {State.DECIDED, State.WITHDRAWN}


class CaseChanged(Exception):
    """The case was changed in the meantime; look at it again before you act."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `reference` is the portal's own id of it; `version` grows with every change."""

    case_id: str
    aktenzeichen: str
    subject: Subject
    service: str
    authority: str
    reference: str
    test: bool
    lead: bool
    state: State
    version: int
    withdrawal_asked: bool
    opened_at: datetime
    changed_at: datetime

    def to_row(self) -> tuple[object, ...]:
        """Return the values in the order of the table's columns."""
        return (
            *(self.case_id, self.aktenzeichen, self.subject.value, self.service, self.authority),
            *(self.reference, self.test, self.lead, self.state.value, self.version),
            *(self.withdrawal_asked, self.opened_at.isoformat(), self.changed_at.isoformat()),
        )

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """Read the values in the order of the table's columns."""
        return cls(
            *(row[0], row[1], Subject(row[2]), row[3], row[4], row[5], bool(row[6]), bool(row[7])),
            *(State(row[8]), row[9], bool(row[10])),
            *(datetime.fromisoformat(row[11]), datetime.fromisoformat(row[12])),
        )


@dataclass(frozen=True, slots=True)
class Document:
    """A document the office made; it travels beside the report that names it."""

    sha256: str
    file_name: str
    media_type: str
    data: bytes = field(repr=False)

    @classmethod
    def pdf(cls, file_name: str, data: bytes) -> Self:
        """Return a PDF document under its digest."""
        return cls(hashlib.sha256(data).hexdigest(), file_name, "application/pdf", data)


@dataclass(frozen=True, slots=True)
class NewInbound:
    """A message that is to be entered, with what a new case would need."""

    submission_id: str
    case_id: str
    kind: Kind
    subject: Subject
    service: str
    authority: str
    reference: str
    message_type: str
    message_id: str
    test: bool
    lead: bool
    body: bytes = field(repr=False)
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a submission stands in the register."""

    number: str
    case_id: str
    aktenzeichen: str


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message of the applicant as it was entered."""

    number: int
    submission_id: str
    kind: Kind
    message_type: str
    message_id: str
    body: bytes = field(repr=False)
    received_at: datetime

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """Read the values in the order of the fields."""
        number, submission_id, kind, message_type, message_id, body, received_at = row
        at = datetime.fromisoformat(received_at)
        return cls(number, submission_id, Kind(kind), message_type, message_id, body, at)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One report with its final bytes; `summary` is what the clerk's page says of it."""

    case_id: str
    kind: ReportType
    body: bytes = field(repr=False)
    summary: str
    documents: tuple[Document, ...] = ()
    report_id: str = field(default_factory=new_id)
    created_at: datetime | None = None
    handed_over_at: datetime | None = None

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """Read a row of the table, without its documents."""
        report_id, case_id, kind, body, summary, created_at, handed_over_at = row
        return cls(
            *(case_id, ReportType(kind), body, summary, (), report_id, datetime.fromisoformat(created_at)),
            handed_over_at=datetime.fromisoformat(handed_over_at) if handed_over_at else None,
        )
