"""What can be wrong with an element, in words of ours: the sentences behind every X001.

Both engines' errors are turned into `Fault`s; a fault becomes a sentence in German and English and a hint.
Neither ever repeats the rejected value; what a schema allows may be said.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from lxml import etree

from gateway.contract.findings import Bilingual, Severity
from gateway.xml.forms import DATATYPES, PATTERNS

_MAX_ALLOWED = 20
_MAX_PATTERN = 120


class Kind(Enum):
    """What is wrong: the group of faults that are one to a reader, and the sentence in two languages."""

    MISSING_CHILD = (
        "content",
        "In diesem Element fehlt ein vorgeschriebenes Kindelement.",
        "A required child element is missing in this element.",
    )
    UNEXPECTED_CHILD = (
        "content",
        "Dieses Element ist hier nicht vorgesehen.",
        "This element is not provided for here.",
    )
    MISPLACED_CHILD = (
        "content",
        "Dieses Element steht an der falschen Stelle oder kommt zu oft vor.",
        "This element stands in the wrong place or occurs too often.",
    )
    UNKNOWN_ROOT = (
        "root",
        "Dieses Wurzelelement kennt das Schema nicht.",
        "The schema does not know this root element.",
    )
    NOT_DECLARED = (
        "type",
        "Für dieses Element gibt es im Schema keine Vereinbarung.",
        "The schema has no declaration for this element.",
    )
    TEXT_NOT_ALLOWED = (
        "text",
        "Dieses Element darf keinen Text enthalten, nur Kindelemente.",
        "This element must not contain text, only child elements.",
    )
    NOT_EMPTY = ("text", "Dieses Element muss leer sein.", "This element must be empty.")
    CHILDREN_NOT_ALLOWED = (
        "value",
        "Dieses Element darf keine Kindelemente enthalten, nur einen Wert.",
        "This element must not contain child elements, only a value.",
    )
    DATATYPE = (
        "value",
        "Der Wert entspricht nicht dem vorgeschriebenen Datentyp.",
        "The value does not conform to the required data type.",
    )
    ENUMERATION = (
        "value",
        "Der Wert gehört nicht zu den zulässigen Werten.",
        "The value is not one of the allowed values.",
    )
    FIXED = (
        "value",
        "Hier ist ein bestimmter Wert vorgeschrieben.",
        "A certain value is prescribed here.",
    )
    PATTERN = (
        "value",
        "Der Wert hat nicht die vorgeschriebene Form oder enthält unzulässige Zeichen.",
        "The value does not have the required form or contains characters that are not allowed.",
    )
    TOO_SHORT = ("value", "Der Wert fehlt oder ist zu kurz.", "The value is missing or too short.")
    TOO_LONG = ("value", "Der Wert ist zu lang.", "The value is too long.")
    LENGTH = ("value", "Der Wert hat nicht die vorgeschriebene Länge.", "The value has the wrong length.")
    TOO_SMALL = ("value", "Der Wert ist zu klein oder liegt zu früh.", "The value is too small or too early.")
    TOO_LARGE = ("value", "Der Wert ist zu groß oder liegt zu spät.", "The value is too large or too late.")
    DIGITS = ("value", "Die Zahl hat zu viele Stellen.", "The number has too many digits.")
    MISSING_ATTRIBUTE = (
        "attribute",
        "In diesem Element fehlt ein vorgeschriebenes Attribut.",
        "A required attribute is missing in this element.",
    )
    UNEXPECTED_ATTRIBUTE = (
        "attribute",
        "Dieses Attribut ist hier nicht vorgesehen.",
        "This attribute is not provided for here.",
    )
    ABSTRACT = (
        "type",
        "Dieses Element braucht mit xsi:type die Angabe eines konkreten Typs.",
        "This element needs xsi:type to name a concrete type.",
    )
    WRONG_TYPE = (
        "type",
        "Der mit xsi:type angegebene Typ ist unbekannt oder hier nicht zulässig.",
        "The type named by xsi:type is unknown or not allowed here.",
    )
    NOT_NILLABLE = (
        "type",
        "Dieses Element darf nicht mit xsi:nil als leer gekennzeichnet werden, oder es ist nicht leer.",
        "This element must not be marked as empty by xsi:nil, or it is not empty.",
    )
    DUPLICATE_KEY = (
        "key",
        "Dieser Schlüssel kommt in der Nachricht mehrfach vor oder fehlt; er muss eindeutig sein.",
        "This key occurs more than once in the message or is missing; it must be unique.",
    )
    DANGLING_REFERENCE = (
        "key",
        "Dieser Verweis führt zu keinem Schlüssel in der Nachricht.",
        "This reference leads to no key in the message.",
    )
    OTHER = (
        "other",
        "Dieses Element entspricht nicht dem Schema.",
        "This element does not conform to the schema.",
    )

    def __init__(self, group: str, german: str, english: str) -> None:
        self.group = group
        self.sentence = Bilingual(de=german, en=english)


Key: TypeAlias = tuple[etree._Element, str | None, str]


@dataclass
class Fault:
    """One error of an engine, at an element or at one of its attributes (an expanded name)."""

    element: etree._Element
    kind: Kind
    attribute: str | None = None
    expected: list[str] = field(default_factory=list)
    """Expanded names of the elements that may stand here."""
    hints: list[Bilingual] = field(default_factory=list)
    severity: Severity = Severity.ERROR

    @property
    def key(self) -> Key:
        """Equal for what is one fault to a reader, such as one value that breaks three rules."""
        attribute = None if self.kind.group == "type" else self.attribute
        return self.element, attribute, self.kind.group

    @property
    def common_key(self) -> Key:
        """Equal for one fault seen by two engines, which disagree on the element when content is amiss."""
        element, attribute, group = self.key
        parent = element.getparent()
        if self.kind in (Kind.UNEXPECTED_CHILD, Kind.MISPLACED_CHILD) and parent is not None:
            element = parent
        return element, attribute, group


def allowed_values(values: Iterable[object]) -> Bilingual:
    """Say which values are allowed."""
    known = [str(value) for value in values]
    shown = ", ".join(known[:_MAX_ALLOWED]) + (", …" if len(known) > _MAX_ALLOWED else "")
    return Bilingual(de=f"Zulässig: {shown}", en=f"Allowed: {shown}")


def expected_names(names: Iterable[str]) -> Bilingual:
    """Say which elements or attributes are expected, by names already written with a prefix."""
    known = list(dict.fromkeys(names))
    shown = ", ".join(known[:_MAX_ALLOWED]) + (", …" if len(known) > _MAX_ALLOWED else "")
    return Bilingual(de=f"Erwartet: {shown}", en=f"Expected: {shown}")


def pattern(expression: str) -> Bilingual | None:
    """Say which form is required, in words where we have some; None for one too long to help anyone."""
    if known := PATTERNS.get(expression):
        return Bilingual(de=f"Erwartet: {known[0]}", en=f"Expected: {known[1]}")
    if len(expression) > _MAX_PATTERN:
        return None
    return Bilingual(de=f"Muster: {expression}", en=f"Pattern: {expression}")


def bound(kind: Kind, value: object) -> Bilingual:
    """Say how long, how large or how precise a value may be."""
    german, english = _BOUNDS[kind]
    return Bilingual(de=f"{german} {value}", en=f"{english} {value}")


def datatype(name: str) -> Bilingual:
    """Say what a value of one of XML Schema's own types looks like."""
    german, english = DATATYPES.get(name, (f"Datentyp xs:{name}", f"data type xs:{name}"))
    return Bilingual(de=f"Erwartet: {german}", en=f"Expected: {english}")


_BOUNDS = {
    Kind.TOO_SHORT: ("Mindestlänge:", "Minimum length:"),
    Kind.TOO_LONG: ("Höchstlänge:", "Maximum length:"),
    Kind.LENGTH: ("Länge:", "Length:"),
    Kind.TOO_SMALL: ("Untergrenze:", "Lower bound:"),
    Kind.TOO_LARGE: ("Obergrenze:", "Upper bound:"),
    Kind.DIGITS: ("Höchstzahl der Stellen:", "Maximum number of digits:"),
}
