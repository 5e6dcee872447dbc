"""Shows a message to the clerk as lines of label and value, whatever its standard."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.musteramt.reading import HEADER
from adapters.musteramt.xml import Element, find, local_name, text

_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Element names have no umlauts; a rule cannot put them back ("neue", "Dauer").
_LABELS = {
    "ars": "ARS",
    "begruendung": "Begründung",
    "behoerde": "Behörde",
    "betriebsstaette": "Betriebsstätte",
    "bezugNachricht": "Bezugsnachricht",
    "bisherigeBetriebsstaette": "bisherige Betriebsstätte",
    "groesse": "Größe in Bytes",
    "gueltigBis": "gültig bis",
    "gueltigVon": "gültig von",
    "id": "Kennung",
    "jahrMonat": "Monat",
    "jahrMonatTag": "Tag",
    "mimeType": "Dateityp",
    "natuerlichePerson": "natürliche Person",
    "plz": "PLZ",
    "registerfuehrendesStandesamt": "registerführendes Standesamt",
    "sha256": "SHA-256",
    "staatsangehoerigkeit": "Staatsangehörigkeit",
    "strasse": "Straße",
    "taetigkeit": "Tätigkeit",
    "ueberlassung": "Überlassung",
    "verhaeltnis": "Verhältnis",
    "waehrung": "Währung",
    "wirtschaftsIdNr": "Wirtschafts-Identifikationsnummer",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One value of a message for the clerk's eye; `value` is empty for a heading."""

    depth: int
    label: str
    value: str


def outline(root: Element) -> Iterator[Line]:
    """List every value of a message with its element's name, without the message header."""
    for node in root.iterchildren("*"):
        if local_name(node) != HEADER:
            yield from _lines(node, 0)


def _lines(node: Element, depth: int) -> Iterator[Line]:
    label = _label(local_name(node))
    children = list(node.iterchildren("*"))
    if not children:
        yield Line(depth, label, (node.text or "").strip())
    elif find(node, "code") is not None:
        yield Line(depth, label, text(node, "name") or text(node, "code"))
    else:
        yield Line(depth, label, "")
        for child in children:
            yield from _lines(child, depth + 1)


def _label(name: str) -> str:
    return _LABELS.get(name) or _WORD_START.sub(" ", name)
