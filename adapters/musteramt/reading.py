"""Reads what comes in: what a message is, who sent it, and who takes part."""

from dataclasses import dataclass

from adapters.musteramt.records import Kind, Subject
from adapters.musteramt.xml import Element, find, find_all, local_name, text
from gateway.xml.parse import parse
from gateway.xml.rueckkanal import Party as Agency

_SUBJECTS = {"xparken": Subject.PARKING, "xurkunde": Subject.CERTIFICATE, "xgewerbe": Subject.TRADE}
_FOLLOW_UPS = {
    "1131": Kind.ANSWER,
    "1132": Kind.FURTHER_DOCUMENTS,
    "1133": Kind.CHANGE,
    "1134": Kind.MESSAGE,
    "1140": Kind.WITHDRAWAL,
}
HEADER = "nachrichtenkopf.g2g"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a message says of itself. `portal` sent it, `office` is who should read it: us."""

    root: Element
    kind: Kind
    subject: Subject
    message_id: str
    reference: str
    portal: Agency
    office: Agency


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who takes part (Beteiligter)."""

    id: str
    roles: frozenset[str]
    name: str
    address: tuple[str, ...]
    natural: bool
    protected: bool

    @property
    def applies(self) -> bool:
        """Say whether the person or organisation applies itself."""
        return "antragsteller" in self.roles


def read(body: bytes) -> Reading:
    """Read a message that the gateway has validated.

    Raises:
        gateway.errors.Problem: the bytes are not XML that may be read.
    """
    root = parse(body)
    return Reading(
        root=root,
        kind=_kind(root),
        subject=_SUBJECTS.get(root.get("standard", ""), Subject.OTHER),
        message_id=text(root, f"{HEADER}/identifikation.nachricht/nachrichtenUUID"),
        reference=text(root, "rahmen/referenz") or text(root, "bezug/referenz"),
        portal=_agency(root, f"{HEADER}/autor"),
        office=_agency(root, f"{HEADER}/leser"),
    )


def read_parties(root: Element) -> list[Party]:
    """Return everybody who takes part in an application or notice."""
    nodes = [
        *find_all(root, "beteiligter"),
        *find_all(root, "anzeigender/beteiligter"),
        *find_all(root, "anzeigender/vertreter"),
    ]
    return [_party(node) for node in nodes]


def recipient(parties: list[Party]) -> Party | None:
    """Return who gets the office's letters: the one empowered to receive, else the first who applies."""
    ranked = [
        *(each for each in parties if "empfangsbevollmaechtigter" in each.roles),
        *(each for each in parties if each.applies),
        *parties,
    ]
    return ranked[0] if ranked else None


def _kind(root: Element) -> Kind:
    if root.get("standard") != "xrueckkanal":
        return Kind.APPLICATION
    return _FOLLOW_UPS.get(local_name(root).rpartition(".")[2], Kind.OTHER)


def _agency(root: Element, path: str) -> Agency:
    return Agency(
        directory=text(root, f"{path}/verzeichnisdienst/code"),
        id=text(root, f"{path}/kennung"),
        name=text(root, f"{path}/name"),
    )


def _party(node: Element) -> Party:
    person = find(node, "natuerlichePerson")
    return Party(
        id=text(node, "id"),
        roles=frozenset(text(role, "code") for role in find_all(node, "rolle")),
        name=_person_name(person) if person is not None else text(node, "organisation/name"),
        address=_address(person if person is not None else find(node, "organisation")),
        natural=person is not None,
        protected=person is not None and find(person, "auskunftssperre") is not None,
    )


def _person_name(person: Element) -> str:
    parts = (text(person, "doktorgrad"), text(person, "vornamen"), text(person, "familienname"))
    return " ".join(part for part in parts if part)


def _address(owner: Element | None) -> tuple[str, ...]:
    if owner is None:
        return ()
    if (inland := find(owner, "anschrift/inland")) is not None:
        lines = (
            text(inland, "adresszusatz"),
            f"{text(inland, 'strasse')} {text(inland, 'hausnummer')}",
            f"{text(inland, 'plz')} {text(inland, 'ort')}",
        )
        return tuple(line for line in lines if line)
    if (box := find(owner, "anschrift/postfach")) is not None:
        return (f"Postfach {text(box, 'nummer')}", f"{text(box, 'plz')} {text(box, 'ort')}")
    return tuple((line.text or "").strip() for line in find_all(owner, "anschrift/ausland/zeile"))
