"""Read single things out of a parsed back-channel message, in either direction.

Each function takes the root of a message that its schema accepted and answers None, or nothing, where the
message has no such thing. Attachments are read from a message of any sample standard.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lxml import etree

from gateway.contract.states import CitizenStatus
from gateway.xml.rueckkanal_frame import Attachment, B, Consequence, Deadline, R, Reference
from gateway.xml.rueckkanal_parts import Answer, ItemKind, QueryItem, RejectDetail, ResultKind, Tenor


@dataclass(frozen=True, slots=True)
class Status:
    """What message 1120 says."""

    code: CitizenStatus
    text: str
    addition: str | None
    deadline: Deadline | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What message 1150 decides."""

    tenor: Tenor
    final: bool
    automated: bool
    day: date
    subject: str


@dataclass(frozen=True, slots=True)
class Note:
    """What message 1134 says."""

    subject: str
    text: str


def message_name(root: etree._Element) -> str:
    """Return the name of the message, for example `rueckkanal.status.1120`."""
    return etree.QName(root).localname


def message_id(root: etree._Element) -> str | None:
    """Return the sender's id of the message (nachrichtenUUID)."""
    return _text(root, "nachrichtenkopf.g2g/identifikation.nachricht/nachrichtenUUID")


def reference(root: etree._Element) -> Reference | None:
    """Return which case the message is about (bezug), and which message it answers."""
    stated = _text(root, f"{{*}}bezug/{B}referenz")
    if stated is None:
        return None
    return Reference(
        stated, _text(root, f"{{*}}bezug/{B}vorgang"), _text(root, f"{{*}}bezug/{B}bezugNachricht")
    )


def attachments(root: etree._Element) -> list[Attachment]:
    """Return every attachment that the message names, in document order."""
    return [_attachment(element) for element in root.iter("{*}anlage") if len(element)]


def status(root: etree._Element) -> Status | None:
    """Return code, text, addition and deadline of a status (1120)."""
    code, text = _text(root, f"{R}code/code"), _text(root, f"{R}text")
    if code is None or text is None:
        return None
    return Status(CitizenStatus(code), text, _text(root, f"{R}zusatz"), deadline(root))


def deadline(root: etree._Element) -> Deadline | None:
    """Return the deadline of a status (1120) or a query (1130)."""
    day = _text(root, f"{R}frist/{B}datum")
    if day is None:
        return None
    consequence = _text(root, f"{R}frist/{B}rechtsfolge")
    return Deadline(
        date.fromisoformat(day),
        _text(root, f"{R}frist/{B}rechtsgrundlage"),
        Consequence(consequence) if consequence else None,
    )


def query_items(root: etree._Element) -> list[QueryItem]:
    """Return what a query (1130) asks for; an answer repeats each item's id."""
    return list(_query_items(root))


def answers(root: etree._Element) -> list[Answer]:
    """Return what an answer (1131) says, item by item."""
    return [
        Answer(
            element.findtext(f"{R}befund", "").strip(),
            element.findtext(f"{R}text", ""),
            tuple(_attachment(document) for document in element.iterfind(f"{R}anlage")),
        )
        for element in root.iterfind(f"{R}antwort")
    ]


def note(root: etree._Element) -> Note | None:
    """Return subject and text of a message (1134)."""
    subject, text = _text(root, f"{R}betreff"), root.findtext(f"{R}text")
    return None if subject is None or text is None else Note(subject, text)


def withdrawal_accepted(root: etree._Element) -> bool | None:
    """Say whether a withdrawal was accepted (1141)."""
    return _truth(root, f"{R}akzeptiert")


def reject_details(root: etree._Element) -> list[RejectDetail]:
    """Return every fault that message 1190 names."""
    return [
        RejectDetail(_text(each, f"{R}fehlercode") or "", _text(each, f"{R}fehlerbeschreibung") or "")
        for each in root.iter(f"{R}grundSpezifisch")
    ]


def decision(root: etree._Element) -> Decision | None:
    """Return what a decision (1150) says; its documents are its attachments."""
    tenor, day = _text(root, f"{R}tenor"), _text(root, f"{R}datum")
    if tenor is None or day is None:
        return None
    return Decision(
        tenor=Tenor(tenor),
        final=_truth(root, f"{R}abschliessend") or False,
        automated=_truth(root, f"{R}automatisiert") or False,
        day=date.fromisoformat(day),
        subject=_text(root, f"{R}gegenstand") or "",
    )


def result_kind(root: etree._Element) -> ResultKind | None:
    """Return how a case without administrative act ended (1151)."""
    kind = _text(root, f"{R}art")
    return ResultKind(kind) if kind in set(ResultKind) else None


def _query_items(root: etree._Element) -> Iterator[QueryItem]:
    for element in root.iterfind(f"{R}befund"):
        yield QueryItem(
            _text(element, f"{R}id") or "",
            ItemKind(_text(element, f"{R}art") or ""),
            element.findtext(f"{R}text", ""),
            _text(element, f"{R}verlangteAnlageart/code"),
        )


def _attachment(element: etree._Element) -> Attachment:
    day = _text(element, f"{B}datum")
    return Attachment(
        name=element.findtext(f"{B}dateiname", ""),
        title=_text(element, f"{B}bezeichnung") or "",
        kind=_text(element, f"{B}anlageart/code") or "",
        media_type=_text(element, f"{B}mimeType") or "",
        size=int(_text(element, f"{B}groesse") or 0),
        sha256=_text(element, f"{B}sha256") or "",
        id=_text(element, f"{B}id"),
        day=date.fromisoformat(day) if day else None,
        replaces=_text(element, f"{B}ersetzt"),
    )


def _truth(root: etree._Element, path: str) -> bool | None:
    found = _text(root, path)
    return None if found is None else found in {"true", "1"}


def _text(root: etree._Element, path: str) -> str | None:
    found = root.findtext(path)
    return " ".join(found.split()) if found and found.strip() else None
