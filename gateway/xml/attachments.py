"""Attachments against their references: what a message says of its documents, and what came along with it.

A reference is an `Anlage` of xbasis. Documents are matched by digest; what came instead of a missing one is
guessed, so that one fault is one finding. Findings name digests, sizes and media types, never file names.
"""

import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding, Findings, Severity
from gateway.xml.paths import Names
from gateway.xml.positions import locate
from gateway.xml.rueckkanal_frame import SHA256, B
from gateway.xml.words import say

_SIZE = re.compile(r"\+?[0-9]{1,15}")
_OFFICE = "application/vnd.openxmlformats-officedocument."
_KNOWN_TYPES = frozenset(
    {
        *mimetypes.MimeTypes().types_map[True].values(),  # Python's own, not the machine's
        *("application/zip", "application/xml", "image/jpeg", "image/heic", "image/webp"),
        *(f"application/vnd.oasis.opendocument.{kind}" for kind in ("text", "spreadsheet", "presentation")),
        f"{_OFFICE}wordprocessingml.document",
        f"{_OFFICE}spreadsheetml.sheet",
        f"{_OFFICE}presentationml.presentation",
    }
)
_TOP_TYPES = frozenset(each.partition("/")[0] for each in _KNOWN_TYPES)
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&\-^_.+]{1,63}/[a-z0-9!#$&\-^_.+]{1,127}")
_UNKNOWN_TYPE = "application/octet-stream"
"""What programs send that do not know better."""
_SHOWN_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Sent:
    """A document that came along: its digest (SHA-256, hex) and size in bytes; its name is never said."""

    sha256: str
    size: int
    media_type: str
    name: str

    def __str__(self) -> str:
        return _written(self.sha256, self.size, _media_type(self.media_type))


@dataclass(frozen=True, slots=True)
class _Named:
    element: etree._Element
    sha256: str
    size: int | None
    media_type: str | None
    name: str

    def __str__(self) -> str:
        return _written(self.sha256, self.size, self.media_type)


@dataclass(frozen=True, slots=True)
class _Fault:
    place: etree._Element | str
    message: Bilingual
    hint: Bilingual | None = None
    severity: Severity = Severity.ERROR


def agree(root: etree._Element, sent: Sequence[Sent]) -> bool:
    """Say whether `find` would find nothing in a message that is valid by its schema."""
    named = list(_named(root))
    return not [*_of_references(named, sent), *_unnamed(named, sent)]


def count(root: etree._Element) -> int:
    """Say how many attachments a message names, each of which has to be sent along."""
    return sum(1 for _ in _named(root))


def find(
    root: etree._Element,
    body: bytes,
    sent: Sequence[Sent],
    prefixes: Mapping[str, str],
    describe: Callable[[etree._Element], str | None],
    *,
    whole: bool,
) -> Findings:
    """Return what does not agree; a reference whose digest is none is left to the schema.

    Args:
        describe: says what the schema says of a reference.
        whole: whether the message is valid by its schema; where it is not, a document that it does not seem
            to name may well be meant by what is wrong.
    """
    named = list(_named(root))
    faults = [*_of_references(named, sent), *(_unnamed(named, sent) if whole else [])]
    return _findings(faults, root, body, prefixes, describe) if faults else Findings()


def _named(root: etree._Element) -> Iterator[_Named]:
    for element in root.iter("{*}anlage"):
        digest = _text(element, "sha256")
        if SHA256.fullmatch(digest):
            size = _text(element, "groesse")
            yield _Named(
                element,
                digest,
                int(size) if _SIZE.fullmatch(size) else None,
                _media_type(_text(element, "mimeType")),
                _text(element, "dateiname"),
            )


def _of_references(named: Sequence[_Named], sent: Sequence[Sent]) -> Iterator[_Fault]:
    there = {each.sha256: each for each in sent}
    instead = _replacements(named, sent)
    for each in named:
        if found := there.get(each.sha256):
            yield from _differences(each, found)
        elif other := instead.get(each.element):
            yield _Fault(
                each.element,
                say(
                    f"Statt dieser Anlage ({each}) kam eine andere Datei: {other}.",
                    f"Another file came instead of this attachment ({each}): {other}.",
                ),
                _UNCHANGED,
            )
        else:
            yield _Fault(
                each.element,
                say(
                    f"Diese Anlage fehlt unter dem, was mitgesandt wurde: {each}.",
                    f"This attachment is missing from what was sent: {each}.",
                ),
                _SEND,
            )


def _differences(named: _Named, sent: Sent) -> Iterator[_Fault]:
    if named.size is not None and named.size != sent.size:
        yield _Fault(
            named.element,
            say(
                f"Die Größe dieser Anlage ist mit {named.size} Byte angegeben; "
                f"die Datei mit ihrer Prüfsumme hat {sent.size}.",
                f"The size of this attachment is stated as {named.size} bytes; "
                f"the file with its digest has {sent.size}.",
            ),
        )
    came = _media_type(sent.media_type)
    if named.media_type and came and came not in {named.media_type, _UNKNOWN_TYPE}:
        stated, came = _shown_type(named.media_type), _shown_type(came)
        yield _Fault(
            named.element,
            say(
                f"Die Art dieser Anlage ist mit {stated} angegeben; gesandt wurde sie als {came}.",
                f"The type of this attachment is stated as {stated}; it was sent as {came}.",
            ),
            severity=Severity.WARNING,
        )


def _replacements(named: Sequence[_Named], sent: Sequence[Sent]) -> dict[etree._Element, Sent]:
    """Guess what came instead of what is missing: the file of the same name, or the only one left."""
    digests = {each.sha256 for each in sent}
    missing = [each for each in named if each.sha256 not in digests]
    left = _left(named, sent)
    found: dict[etree._Element, Sent] = {}
    by_name = {each.name: each for each in left if each.name}
    for each in missing:
        if other := by_name.pop(each.name, None):
            found[each.element] = other
    alone = [each for each in missing if each.element not in found]
    spare = [each for each in left if each not in found.values()]
    if len(alone) == len(spare) == 1:
        found[alone[0].element] = spare[0]
    return found


def _unnamed(named: Sequence[_Named], sent: Sequence[Sent]) -> Iterator[_Fault]:
    told = [each.sha256 for each in _replacements(named, sent).values()]
    numbers = {each.sha256: number for number, each in reversed(list(enumerate(sent, start=1)))}
    for each in _left(named, sent):
        if each.sha256 not in told:
            number = numbers[each.sha256]
            yield _Fault(
                f"attachment/{number}",
                say(
                    f"Anhang {number} ist in der Nachricht nicht genannt: {each}.",
                    f"Attachment {number} is not named in the message: {each}.",
                ),
                _NAME,
            )


def _left(named: Sequence[_Named], sent: Sequence[Sent]) -> list[Sent]:
    known = {each.sha256 for each in named}
    return list({each.sha256: each for each in sent if each.sha256 not in known}.values())


def _findings(
    faults: Sequence[_Fault],
    root: etree._Element,
    body: bytes,
    prefixes: Mapping[str, str],
    describe: Callable[[etree._Element], str | None],
) -> Findings:
    # Errors first: a message with more warnings than are shown must not pass for them.
    kept = sorted(faults, key=lambda each: each.severity is not Severity.ERROR)[:MAX_FINDINGS]
    positions = locate(body, root, [each.place for each in kept if not isinstance(each.place, str)])
    names = Names(root, prefixes)

    def finding(fault: _Fault) -> Finding:
        place: dict[str, Any] = {"path": fault.place}
        if not isinstance(fault.place, str):
            path = names.path(fault.place)
            place = {
                "path": path,
                "namespaces": names.namespaces(path),
                "documentation": describe(fault.place),
                **positions[fault.place]._asdict(),
            }
        said = {"severity": fault.severity, "message": fault.message, "hint": fault.hint}
        return Finding(code=RejectCode.ATTACHMENT, **place, **said)

    return Findings.of(map(finding, kept), len(faults) - len(kept))


def _written(digest: str, size: int | None, media_type: str | None) -> str:
    kind = _shown_type(media_type) if media_type else None
    stated = [f"SHA-256 {digest[:_SHOWN_DIGITS]}…", f"{size} B" if size is not None else None, kind]
    return ", ".join(filter(None, stated))


def _shown_type(media_type: str) -> str:
    """Write a type as far as it is a known one: what else stands there might be anything."""
    if media_type in _KNOWN_TYPES:
        return media_type
    top = media_type.partition("/")[0]
    return f"{top}/…" if top in _TOP_TYPES else "…/…"


def _media_type(text: str) -> str | None:
    found = text.partition(";")[0].strip().lower()
    return found if _MEDIA_TYPE.fullmatch(found) else None


def _text(element: etree._Element, name: str) -> str:
    return " ".join(element.findtext(f"{B}{name}", "").split())


_SEND = say(
    "Senden Sie die Datei als Teil `attachment` mit (Kommandozeile: `--attach`).",
    "Send the file along as a part `attachment` (command line: `--attach`).",
)
_UNCHANGED = say(
    "Senden Sie die Datei unverändert, oder nennen Sie Prüfsumme und Größe der Bytes, die Sie senden.",
    "Send the file unchanged, or state digest and size of the bytes that you send.",
)
_NAME = say(
    "Nennen Sie ihn in einem Element `anlage` mit seinem SHA-256, oder senden Sie ihn nicht mit.",
    "Name it in an element `anlage` by its SHA-256, or do not send it along.",
)
