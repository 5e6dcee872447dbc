"""What the portal sends: distinct applications and follow-ups, made from the seed."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from chaos.history import Message
from gateway.settings import data_folder
from gateway.xml import rueckkanal
from gateway.xml.rueckkanal_frame import Head, Party, Reference

SAMPLE = data_folder("fixtures") / "xurkunde" / "1.1" / "valid" / "07-registerausdruck-ahnenforschung.xml"
SERVICE, AUTHORITY = "99900000000101", "psw:99102101"
OFFICE = Party("DVDV", AUTHORITY, "Standesamt des Landkreises Musterland")
PORTAL = Party("DVDV", "psw:99100000", "Serviceportal Musterland")

_MESSAGE_ID = re.compile(rb"(?<=<nachrichtenUUID>)[^<]+")
_REFERENCE = re.compile(rb"(?<=<b:referenz>)[^<]+")
_REQUIRED = re.compile(rb"<b:sprache>.*?</b:sprache>|<b:antragsdatum>.*?</b:antragsdatum>", re.DOTALL)
_WRITTEN_AT = datetime(2026, 3, 9, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Post:
    """One message with its bytes; those of a follow-up need the case and are made later."""

    message: Message
    body: bytes


def stable_id(*names: object) -> str:
    """Return the id that these names always have."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, names))))


def application(seed: int, number: int, *, valid: bool = True) -> Post:
    """Make the application with this number; an invalid one lacks what its schema demands."""
    message_id = stable_id("chaos", seed, number, 0)
    body = _MESSAGE_ID.sub(message_id.encode(), SAMPLE.read_bytes(), count=1)
    body = _REFERENCE.sub(stable_id("reference", seed, number).encode(), body, count=1)
    if not valid:
        body = _REQUIRED.sub(b"", body)
    return Post(Message(message_id, number, 0, sha256(body).hexdigest(), valid), body)


def follow_up(seed: int, number: int, place: int, case_id: str) -> Post:
    """Make what the applicant adds later: the message at this place of the dialogue."""
    message_id = stable_id("chaos", seed, number, place)
    body = rueckkanal.mitteilung(
        head=Head(author=PORTAL, reader=OFFICE, created_at=_WRITTEN_AT, message_id=message_id),
        reference=Reference(case_id),
        subject=f"Nachtrag {place}",
        text=f"Nachtrag {place} zu Antrag {number}.",
    )
    return Post(Message(message_id, number, place, sha256(body).hexdigest()), body)


def decision(case_id: str, message_id: str) -> bytes:
    """Make the office's decision about a message: the same bytes whenever it is made again."""
    return rueckkanal.ergebnis(
        head=Head(
            author=OFFICE, reader=PORTAL, created_at=_WRITTEN_AT, message_id=stable_id("decision", message_id)
        ),
        reference=Reference(case_id, message_id=message_id),
        kind=rueckkanal.ResultKind.ISSUED,
        text="Der Registerausdruck wurde ausgestellt.",
    )


def id_of(body: bytes) -> str:
    """Return the sender's own id of a message."""
    found = _MESSAGE_ID.search(body)
    return found[0].decode() if found else ""


def answered_by(body: bytes) -> Iterator[str]:
    """Return the ids of the messages that a letter is about."""
    for found in re.finditer(rb"(?<=bezugNachricht>)[^<]+", body):
        yield found[0].decode()
