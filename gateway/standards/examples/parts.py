"""What an example consists of: elements, what the schema says of them, what may go, where values stand."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from lxml import etree
from xmlschema.validators import XsdAttribute, XsdComplexType, XsdElement, XsdSimpleType, XsdType

from gateway.standards.examples.codes import Coding
from gateway.standards.examples.model import Option

Tags: TypeAlias = tuple[str, ...]
"""Where an element stands, whichever it is of its kind there: the names from the root to itself."""


@dataclass(eq=False)
class Spare:
    """Elements that may go without making their parent invalid, if they go together."""

    outer: "Spare | None"
    parts: list["Part"] = field(default_factory=list)

    def add(self, part: "Part") -> None:
        """Note an element, here and in what is around."""
        self.parts.append(part)
        if self.outer is not None:
            self.outer.add(part)


@dataclass(eq=False)
class Part:
    """One element of the example, and what the schema says of it."""

    element: etree._Element
    option: Option | None
    """None for an element that no schema knows, in a wildcard."""
    parent: "Part | None" = None
    spare: Spare | None = None
    full: bool = False
    again: bool = False
    """It stands somewhere within an element of the same type."""
    foreign: bool = False
    """It stands for a wildcard, or within what does."""
    open: frozenset[XsdType] = frozenset()
    coding: Coding | None = None
    depth: int = 0

    @property
    def name(self) -> str:
        """The local name."""
        return etree.QName(self.element).localname

    @cached_property
    def place(self) -> Tags:
        """Where it stands; it is asked for when it stands there."""
        return tags(self.element)

    @property
    def simple(self) -> XsdSimpleType | None:
        """The type of its text; None where it has only elements, or is of no declared type."""
        declared = self.option.type if self.option else None
        if isinstance(declared, XsdComplexType):
            declared = declared.content if isinstance(declared.content, XsdSimpleType) else None
        return declared if isinstance(declared, XsdSimpleType) else None


def tags(element: etree._Element) -> Tags:
    """Return where an element stands."""
    around = reversed(list(element.iterancestors()))
    return (*(str(each.tag) for each in around), str(element.tag))


@dataclass(frozen=True)
class Field:
    """Where a value stands: the text of an element, or of one of its attributes."""

    part: Part
    attribute: str | None

    @property
    def text(self) -> str:
        """The value."""
        element = self.part.element
        return (element.get(self.attribute) if self.attribute else element.text) or ""

    @property
    def simple(self) -> XsdSimpleType | None:
        """The type of the value; None where there is none."""
        if self.attribute is None:
            return self.part.simple
        return self.declared.type if isinstance(self.declared, XsdAttribute) else None

    @property
    def declared(self) -> XsdElement | XsdAttribute | None:
        """What the schema says of the element or attribute."""
        option = self.part.option
        if option is None or self.attribute is None:
            return option.element if option else None
        attributes = option.type.attributes if isinstance(option.type, XsdComplexType) else {}
        found = attributes.get(self.attribute)
        return found if isinstance(found, XsdAttribute) else None

    @property
    def name(self) -> str:
        """The local name of the element or attribute."""
        return etree.QName(self.attribute).localname if self.attribute else self.part.name

    def write(self, text: str) -> None:
        """Replace the value."""
        if self.attribute:
            self.part.element.set(self.attribute, text)
        else:
            self.part.element.text = text
