"""Whether what a message says of itself agrees with its root element, and with what its sender states."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import Bilingual, Finding, Findings
from gateway.standards.profiles import Header
from gateway.standards.standard import MessageType, Standard
from gateway.xml.paths import Names
from gateway.xml.positions import find_places
from gateway.xml.words import say

LONGEST = {"message_id": 200, "case_ref": 200, "channel": 20}
"""What the store keeps of what a message states freely; longer would be refused by PostgreSQL only."""


class _Fault(NamedTuple):
    field: str
    message: Bilingual
    hint: Bilingual | None


def find_disagreements(
    header: Header,
    message_type: MessageType,
    standard: Standard,
    root: etree._Element,
    body: bytes,
    stated: Mapping[str, str] | None,
) -> Findings:
    """Return where a message contradicts its root element (standard, version, type) or its sender.

    Args:
        stated: what the sender states of the message beside it, by fields of the header; None where the
            message does not come from a sender, so that nothing of it has to be stored either.
    """
    faults = [*_against_root(header, message_type, standard)]
    if stated is not None:
        faults += [*_against_sender(header, stated)]
    if not faults:
        return Findings()
    stood = [next(iter(standard.header_places(root, each.field)), (root, None)) for each in faults]
    names = Names(root)
    return Findings.of(
        Finding(
            code=RejectCode.OTHER.value,
            path=(path := names.path(place.element, place.attribute)),
            namespaces=names.namespaces(path),
            line=place.position.line,
            column=place.position.column,
            message=fault.message,
            hint=fault.hint,
        )
        for fault, place in zip(faults, find_places(body, root, stood), strict=True)
    )


def contradiction(field: str) -> tuple[Bilingual, Bilingual]:
    """Say that message and metadata state different things, and what to do."""
    return (
        say(
            f"Nachricht und Metadaten nennen für »{field}« Verschiedenes.",
            f"Message and metadata state different things for “{field}”.",
        ),
        say(
            f"Lassen Sie »{field}« in den Metadaten weg: die Angabe in der Nachricht genügt.",
            f"Leave “{field}” out of the metadata: what the message says is enough.",
        ),
    )


def _against_root(header: Header, message_type: MessageType, standard: Standard) -> Iterator[_Fault]:
    manifest = standard.manifest
    for field, expected, message in (
        ("standard", manifest.stated_standard, _STANDARD),
        ("version", manifest.stated_version, _VERSION),
        ("message_type_code", message_type.code, _CODE),
    ):
        said = getattr(header, field)
        if said is not None and expected and said != expected:
            yield _Fault(field, message, say(f"Erwartet: {expected}", f"Expected: {expected}"))


def _against_sender(header: Header, stated: Mapping[str, str]) -> Iterator[_Fault]:
    for field, text in stated.items():
        said = getattr(header, field)
        if said and said != text:
            yield _Fault(field, *contradiction(field))
    for field, most in LONGEST.items():
        if len(getattr(header, field) or "") > most:
            message = say(
                f"»{field}« ist länger als die erlaubten {most} Zeichen.",
                f"“{field}” is longer than the {most} characters allowed.",
            )
            yield _Fault(field, message, None)


_STANDARD = say(
    "Der Nachrichtenkopf nennt einen anderen Standard als das Wurzelelement.",
    "The header names another standard than the root element.",
)
_VERSION = say(
    "Der Nachrichtenkopf nennt eine andere Version des Standards als das Wurzelelement.",
    "The header names another version of the standard than the root element.",
)
_CODE = say(
    "Der Nachrichtentyp im Nachrichtenkopf passt nicht zum Wurzelelement.",
    "The message type in the header does not match the root element.",
)
