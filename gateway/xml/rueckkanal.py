"""Write every message of the back channel (xrueckkanal 1.0): one function each, named as the message.

Each returns the message as UTF-8 bytes that its schema accepts, or raises ValueError with a sentence that
names the field. The values are those of the German message; `head` says from whom to whom, `reference`
which case it is about. Reading is in `rueckkanal_read`.

Texts (see `gateway.xml.text`): typographic signs become plain ones in all of them. What only informs
(status text and addition, contact, hints, names) is cut, and letters outside DIN 91379 become `?`. What
somebody declares (queries, answers, messages, decisions, reference numbers) is refused rather than altered.
"""

import base64
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from lxml import etree

from gateway.contract.states import CitizenStatus
from gateway.xml.rueckkanal_frame import (
    LISTS,
    SHA256,
    Attachment,
    Consequence,
    Deadline,
    Head,
    Party,
    R,
    Reference,
    write_attachments,
)
from gateway.xml.rueckkanal_parts import (
    Answer,
    Consent,
    Disclosure,
    DisclosureKind,
    FeeItem,
    ItemKind,
    Payment,
    PaymentStatus,
    QueryItem,
    QueryKind,
    RejectDetail,
    RejectReason,
    Remedy,
    ResultKind,
    Tenor,
)
from gateway.xml.text import label, line, prose
from gateway.xml.write import (
    add,
    add_code,
    amount_text,
    bool_text,
    date_text,
    matching,
    time_text,
    to_bytes,
    uuid_text,
)

__all__ = [
    "Answer",
    "Attachment",
    "Consent",
    "Consequence",
    "Deadline",
    "Disclosure",
    "DisclosureKind",
    "FeeItem",
    "Head",
    "ItemKind",
    "Party",
    "Payment",
    "PaymentStatus",
    "QueryItem",
    "QueryKind",
    "Reference",
    "RejectDetail",
    "RejectReason",
    "Remedy",
    "ResultKind",
    "Tenor",
    "aktenzeichen",
    "antragsaenderung",
    "antragsruecknahme",
    "antwort",
    "bekanntgabemeldung",
    "bescheid",
    "eingangsbestaetigung",
    "ergebnis",
    "gebuehrenbescheid",
    "mitteilung",
    "nachreichung",
    "rueckfrage",
    "ruecknahmebestaetigung",
    "rueckweisung",
    "status",
    "zahlungsmeldung",
]

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


def eingangsbestaetigung(
    *,
    head: Head,
    reference: Reference,
    received_at: datetime,
    received_by: Party,
    sha256: str,
    deadline_note: str | None = None,
) -> bytes:
    """Write 1110: the message with digest `sha256` was received; the note is cut to 2000 characters."""
    root = _start("rueckkanal.eingangsbestaetigung.1110", head, reference)
    add(root, f"{R}eingangszeitpunkt", time_text(received_at, "received_at"))
    received_by.write(root, f"{R}eingegangenBei")
    add(root, f"{R}sha256", matching(SHA256, sha256, "sha256"))
    if deadline_note:
        add(root, f"{R}fristhinweis", label(deadline_note, "deadline_note", 2000))
    return to_bytes(root)


def aktenzeichen(
    *,
    head: Head,
    reference: Reference,
    file_number: str,
    office: Party,
    cash_number: str | None = None,
    contact: str | None = None,
) -> bytes:
    """Write 1111: the numbers under which the office keeps the case; the contact is cut to 500 characters."""
    root = _start("rueckkanal.aktenzeichen.1111", head, reference)
    add(root, f"{R}aktenzeichen", line(file_number, "file_number", 250))
    if cash_number:
        add(root, f"{R}kassenzeichen", line(cash_number, "cash_number", 250))
    office.write(root, f"{R}stelle")
    if contact:
        add(root, f"{R}ansprechpartner", label(contact, "contact", 500))
    return to_bytes(root)


def status(
    *,
    head: Head,
    reference: Reference,
    code: CitizenStatus,
    text: str,
    addition: str | None = None,
    deadline: Deadline | None = None,
) -> bytes:
    """Write 1120: where the case stands; `text` is cut to 50 characters, `addition` to 100."""
    root = _start("rueckkanal.status.1120", head, reference)
    add_code(root, f"{R}code", code.value, f"{LISTS}xrueckkanal.buergerstatus")
    add(root, f"{R}text", label(text, "text", 50))
    if addition:
        add(root, f"{R}zusatz", label(addition, "addition", 100))
    if deadline:
        deadline.write(root)
    return to_bytes(root)


def rueckfrage(
    *, head: Head, reference: Reference, kind: QueryKind, items: Sequence[QueryItem], deadline: Deadline
) -> bytes:
    """Write 1130: what the authority needs before it can decide, each item with an id of its own."""
    root = _start("rueckkanal.rueckfrage.1130", head, reference)
    add_code(root, f"{R}art", kind.value, f"{LISTS}xrueckkanal.rueckfrageart")
    _distinct([item.id for item in items], "items")
    for item in items:
        item.write(root)
    deadline.write(root)
    return to_bytes(root)


def antwort(*, head: Head, reference: Reference, answers: Sequence[Answer]) -> bytes:
    """Write 1131: the applicant's answers; `reference.message_id` names the query."""
    root = _start("rueckkanal.antwort.1131", head, reference)
    _distinct([answer.item for answer in answers], "answers")
    _distinct_attachments([document for answer in answers for document in answer.attachments])
    first = 1
    for answer in answers:
        answer.write(root, head.day, first)
        first += len(answer.attachments)
    return to_bytes(root)


def nachreichung(*, head: Head, reference: Reference, attachments: Sequence[Attachment]) -> bytes:
    """Write 1132: documents that the applicant hands in later."""
    root = _start("rueckkanal.nachreichung.1132", head, reference)
    _write_documents(root, attachments, head, needed=True)
    return to_bytes(root)


def antragsaenderung(
    *,
    head: Head,
    reference: Reference,
    message: bytes | None = None,
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """Write 1133: the whole application anew as `message`, or else new versions of attachments."""
    if (message is None) == (not attachments):
        raise ValueError("a correction states either the whole new message or attachments")
    root = _start("rueckkanal.antragsaenderung.1133", head, reference)
    if message is not None:
        add(root, f"{R}nachricht", _original(message))
    _write_documents(root, attachments, head)
    return to_bytes(root)


def mitteilung(
    *,
    head: Head,
    reference: Reference,
    subject: str,
    text: str,
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """Write 1134, in either direction: a subject of at most 250 and a text of at most 10000 characters."""
    root = _start("rueckkanal.mitteilung.1134", head, reference)
    add(root, f"{R}betreff", line(subject, "subject", 250))
    add(root, f"{R}text", prose(text, "text", 10_000))
    _write_documents(root, attachments, head)
    return to_bytes(root)


def antragsruecknahme(*, head: Head, reference: Reference, reason: str | None = None) -> bytes:
    """Write 1140: the applicant withdraws."""
    root = _start("rueckkanal.antragsruecknahme.1140", head, reference)
    if reason:
        add(root, f"{R}begruendung", prose(reason, "reason", 2000))
    return to_bytes(root)


def ruecknahmebestaetigung(
    *, head: Head, reference: Reference, accepted: bool, text: str | None = None
) -> bytes:
    """Write 1141: whether the withdrawal came in time."""
    root = _start("rueckkanal.ruecknahmebestaetigung.1141", head, reference)
    add(root, f"{R}akzeptiert", bool_text(accepted))
    if text:
        add(root, f"{R}text", prose(text, "text", 2000))
    return to_bytes(root)


def bescheid(
    *,
    head: Head,
    reference: Reference,
    tenor: Tenor,
    final: bool,
    automated: bool,
    day: date,
    subject: str,
    remedy: Remedy,
    disclosure: Disclosure,
    attachments: Sequence[Attachment],
    conditions: Sequence[str] = (),
    reasons: str | None = None,
) -> bytes:
    """Write 1150: the decision; the first attachment is the document that is legally decisive."""
    root = _start("rueckkanal.bescheid.1150", head, reference)
    add(root, f"{R}tenor", tenor.value)
    add(root, f"{R}abschliessend", bool_text(final))
    add(root, f"{R}automatisiert", bool_text(automated))
    add(root, f"{R}datum", date_text(day))
    add(root, f"{R}gegenstand", line(subject, "subject", 250))
    for condition in conditions:
        add(root, f"{R}nebenbestimmung", prose(condition, "conditions", 2000))
    if reasons:
        add(root, f"{R}begruendung", prose(reasons, "reasons", 10_000))
    remedy.write(root)
    disclosure.write(root)
    _write_documents(root, attachments, head, needed=True)
    return to_bytes(root)


def ergebnis(
    *,
    head: Head,
    reference: Reference,
    kind: ResultKind,
    text: str,
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """Write 1151: the end of a case that needs no administrative act."""
    root = _start("rueckkanal.ergebnis.1151", head, reference)
    add(root, f"{R}art", kind.value)
    add(root, f"{R}text", prose(text, "text", 10_000))
    _write_documents(root, attachments, head)
    return to_bytes(root)


def gebuehrenbescheid(
    *,
    head: Head,
    reference: Reference,
    items: Sequence[FeeItem],
    cash_number: str,
    iban: str,
    due: date,
    remedy: Remedy,
) -> bytes:
    """Write 1160: fees in euros; the total is the sum of the items."""
    if not items:
        raise ValueError("items: a fee notice needs at least one")
    root = _start("rueckkanal.gebuehrenbescheid.1160", head, reference)
    for item in items:
        item.write(root)
    total = sum((item.amount for item in items), Decimal())
    add(root, f"{R}summe", amount_text(total, "sum of the items"))
    add(root, f"{R}waehrung", "EUR")
    add(root, f"{R}kassenzeichen", line(cash_number, "cash_number", 50))
    add(root, f"{R}iban", matching(_IBAN, iban.replace(" ", ""), "iban"))
    add(root, f"{R}faelligAm", date_text(due))
    remedy.write(root)
    return to_bytes(root)


def zahlungsmeldung(*, head: Head, reference: Reference, payment: Payment) -> bytes:
    """Write 1161: how a payment stands."""
    root = _start("rueckkanal.zahlungsmeldung.1161", head, reference)
    payment.write(root)
    return to_bytes(root)


def bekanntgabemeldung(
    *,
    head: Head,
    reference: Reference,
    message_id: str,
    provided_at: datetime,
    notified_at: datetime | None = None,
    retrieved_at: datetime | None = None,
) -> bytes:
    """Write 1170: when message `message_id` was put at the citizen's disposal, announced and retrieved."""
    root = _start("rueckkanal.bekanntgabemeldung.1170", head, reference)
    add(root, f"{R}nachricht", uuid_text(message_id, "message_id"))
    add(root, f"{R}bereitgestelltAm", time_text(provided_at, "provided_at"))
    if notified_at:
        add(root, f"{R}benachrichtigtAm", time_text(notified_at, "notified_at"))
    if retrieved_at:
        add(root, f"{R}abgerufenAm", time_text(retrieved_at, "retrieved_at"))
    return to_bytes(root)


def rueckweisung(
    *,
    head: Head,
    reference: Reference | None,
    reasons: Sequence[RejectReason],
    examined_by: str | None = None,
    transport_note: str | None = None,
    message: bytes | None = None,
) -> bytes:
    """Write 1190: why a message is refused.

    Args:
        reference: None only where the message is too broken to name its case.
        examined_by: who refuses, cut to 250 characters.
        transport_note: what helps to find the cause, cut to 2000 characters.
        message: the refused message itself; leave it out to keep personal data where they are.
    """
    if not reasons:
        raise ValueError("reasons: a rejection needs at least one")
    root = _start("rueckkanal.rueckweisung.1190", head, reference)
    if examined_by:
        instance = add(root, f"{R}rueckweisendeStelle")
        add(instance, f"{R}pruefinstanz", label(examined_by, "examined_by", 250))
    for reason in reasons:
        reason.write(root)
    if transport_note:
        add(root, f"{R}transportinformationen", label(transport_note, "transport_note", 2000))
    if message is not None:
        add(root, f"{R}nachricht", _original(message))
    return to_bytes(root)


def _start(name: str, head: Head, reference: Reference | None) -> etree._Element:
    root = head.start(name)
    if reference is not None:
        reference.write(root)
    return root


def _write_documents(
    root: etree._Element, attachments: Sequence[Attachment], head: Head, *, needed: bool = False
) -> None:
    if needed and not attachments:
        raise ValueError("attachments: at least one is needed")
    _distinct_attachments(attachments)
    write_attachments(root, attachments, head.day)


def _distinct_attachments(attachments: Sequence[Attachment]) -> None:
    if attachments:
        _distinct(
            [document.id or f"A{number}" for number, document in enumerate(attachments, 1)], "attachments"
        )


def _distinct(ids: Sequence[str], field: str) -> None:
    if not ids or len(set(ids)) < len(ids):
        raise ValueError(f"{field}: at least one is needed, and no two with the same id")


def _original(message: bytes) -> str:
    if not message:
        raise ValueError("message: is empty")
    return base64.b64encode(message).decode()
