"""What back-channel messages say: queries and answers, decisions and remedies, money, reject reasons.

Everything here is plain data that knows how to write itself. What somebody states is never shortened, and
its letters are never replaced: ValueError says which field does not fit. Only reject details are cut.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from lxml import etree

from gateway.xml.rueckkanal_frame import KEY, LISTS, Attachment, B, Deadline, R, write_attachments
from gateway.xml.text import label, line, prose
from gateway.xml.write import add, add_code, amount_text, matching, time_text

MAX_DESCRIPTION = 2000
"""So many characters of a fault reach the reader of a Rückweisung."""

_URN = re.compile(r"urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:[A-Za-z0-9._:-]{1,200}")


class QueryKind(StrEnum):
    """The legal character of a query."""

    QUERY = "rueckfrage"
    FURTHER_DOCUMENTS = "nachforderung"
    HEARING = "anhoerung"


class ItemKind(StrEnum):
    """What one item of a query asks for."""

    STATEMENT = "angabe"
    DOCUMENT = "nachweis"
    COMMENT = "stellungnahme"


@dataclass(frozen=True, slots=True)
class QueryItem:
    """One thing the authority wants to know or have; `id` is repeated by the answer.

    `document_kind` is a code of the list `anlageart`.
    """

    id: str
    kind: ItemKind
    text: str
    document_kind: str | None = None

    def write(self, parent: etree._Element) -> None:
        """Append `befund`."""
        element = add(parent, f"{R}befund")
        add(element, f"{R}id", matching(KEY, self.id, "query item id"))
        add(element, f"{R}art", self.kind.value)
        add(element, f"{R}text", prose(self.text, "query item text", 2000))
        if self.document_kind:
            add_code(element, f"{R}verlangteAnlageart", self.document_kind, f"{LISTS}anlageart")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the applicant says to one item of a query."""

    item: str
    text: str
    attachments: Sequence[Attachment] = ()

    def write(self, parent: etree._Element, day: date, first: int) -> None:
        """Append `antwort`, its attachments numbered from `first`."""
        element = add(parent, f"{R}antwort")
        add(element, f"{R}befund", matching(KEY, self.item, "answer item"))
        add(element, f"{R}text", prose(self.text, "answer text", 10_000))
        write_attachments(element, self.attachments, day, first)


class Tenor(StrEnum):
    """How an application was decided."""

    GRANTED = "bewilligt"
    PARTLY_GRANTED = "teilweiseBewilligt"
    REJECTED = "abgelehnt"
    OTHER = "sonstige"


class ResultKind(StrEnum):
    """How a case ends that needs no administrative act."""

    ISSUED = "ausgestellt"
    INFORMATION = "auskunft"
    DONE = "erledigt"
    PASSED_ON = "abgegeben"


class DisclosureKind(StrEnum):
    """How a decision is made known (Bekanntgabe)."""

    RETRIEVAL = "abruf"
    MAILBOX = "postfach"
    ELECTRONIC = "elektronisch"
    LETTER = "brief"
    FORMAL = "zustellung"


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that can be proven later; `kind` is a code of the list `einwilligung`."""

    kind: str
    given_at: datetime
    wording: str


@dataclass(frozen=True, slots=True)
class Disclosure:
    """How a decision is made known, with the consent where the law demands one."""

    kind: DisclosureKind
    consent: Consent | None = None

    def write(self, parent: etree._Element) -> None:
        """Append `bekanntgabe`."""
        element = add(parent, f"{R}bekanntgabe")
        add_code(element, f"{R}art", self.kind.value, f"{LISTS}xrueckkanal.bekanntgabeart")
        if self.consent:
            consent = add(element, f"{R}einwilligung")
            add_code(consent, f"{B}art", self.consent.kind, f"{LISTS}einwilligung")
            add(consent, f"{B}zeitpunkt", time_text(self.consent.given_at, "consent given_at"))
            add(consent, f"{B}textfassung", line(self.consent.wording, "consent wording", 50))


@dataclass(frozen=True, slots=True)
class Remedy:
    """How, until when and where a decision can be challenged (Rechtsbehelf)."""

    instruction: str
    deadline: Deadline
    office: str

    def write(self, parent: etree._Element) -> None:
        """Append `rechtsbehelf`."""
        element = add(parent, f"{R}rechtsbehelf")
        add(element, f"{R}belehrung", prose(self.instruction, "remedy instruction", 10_000))
        self.deadline.write(element)
        add(element, f"{R}stelle", line(self.office, "remedy office", 250))


@dataclass(frozen=True, slots=True)
class FeeItem:
    """One item of a fee notice, in euros."""

    label: str
    amount: Decimal
    basis: str | None = None

    def write(self, parent: etree._Element) -> None:
        """Append `position`."""
        element = add(parent, f"{R}position")
        add(element, f"{R}bezeichnung", line(self.label, "fee label", 250))
        add(element, f"{R}betrag", amount_text(self.amount, "fee amount"))
        if self.basis:
            add(element, f"{R}rechtsgrundlage", line(self.basis, "fee basis", 250))


class PaymentStatus(StrEnum):
    """Where a payment stands."""

    OPEN = "offen"
    PAID = "bezahlt"
    FAILED = "fehlgeschlagen"
    REFUNDED = "erstattet"


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment in euros as the payment service reports it; `method` is a code of `zahlverfahren`."""

    status: PaymentStatus
    amount: Decimal
    method: str
    transaction: str
    at: datetime
    cash_number: str | None = None

    def write(self, parent: etree._Element) -> None:
        """Append `zahlung`."""
        element = add(parent, f"{R}zahlung")
        add(element, f"{B}status", self.status.value)
        add(element, f"{B}betrag", amount_text(self.amount, "payment amount"))
        add(element, f"{B}waehrung", "EUR")
        if self.cash_number:
            add(element, f"{B}kassenzeichen", line(self.cash_number, "payment cash_number", 50))
        add_code(element, f"{B}verfahren", self.method, f"{LISTS}zahlverfahren")
        add(element, f"{B}transaktion", line(self.transaction, "payment transaction", 100))
        add(element, f"{B}zeitpunkt", time_text(self.at, "payment at"))


@dataclass(frozen=True, slots=True)
class RejectDetail:
    """One fault behind a reject reason; cut to 100 and 2000 characters."""

    code: str
    description: str


@dataclass(frozen=True, slots=True)
class RejectReason:
    """A reason of a reject list, with the faults behind it."""

    code: str
    list_uri: str
    list_version: str
    details: Sequence[RejectDetail] = ()

    def write(self, parent: etree._Element) -> None:
        """Append `rueckweisungsgrund`."""
        element = add(parent, f"{R}rueckweisungsgrund")
        list_uri = matching(_URN, self.list_uri, "reject list")
        add_code(
            element, f"{R}grund", self.code, list_uri, label(self.list_version, "reject list version", 50)
        )
        for detail in self.details:
            specific = add(element, f"{R}grundSpezifisch")
            add(specific, f"{R}fehlercode", label(detail.code, "reject detail code", 100))
            add(
                specific,
                f"{R}fehlerbeschreibung",
                label(detail.description, "reject detail", MAX_DESCRIPTION),
            )
