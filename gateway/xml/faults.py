"""What can be wrong with an element or attribute, as both engines and the content models tell it.

A fault is raw: what it means to a person is said in `sentences`. It never holds the rejected value.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import TypeAlias

from lxml import etree


class Kind(StrEnum):
    """What is wrong."""

    CONTENT = auto()
    """The children are not as the content model has them; `content` says what that means."""
    MISSING_CHILD = auto()
    TOO_FEW = auto()
    TOO_OFTEN = auto()
    MISPLACED_CHILD = auto()
    CHOICE_CONFLICT = auto()
    UNEXPECTED_CHILD = auto()
    WRONG_NAMESPACE = auto()
    WRONG_CASE = auto()
    WRONG_NAME = auto()
    WRONG_PARENT = auto()
    MISSING_PARENT = auto()
    UNKNOWN_ROOT = auto()
    NOT_DECLARED = auto()
    TEXT_NOT_ALLOWED = auto()
    NOT_EMPTY = auto()
    CHILDREN_NOT_ALLOWED = auto()
    DATATYPE = auto()
    ENUMERATION = auto()
    FIXED = auto()
    PATTERN = auto()
    TOO_SHORT = auto()
    TOO_LONG = auto()
    LENGTH = auto()
    TOO_SMALL = auto()
    TOO_LARGE = auto()
    TOTAL_DIGITS = auto()
    FRACTION_DIGITS = auto()
    MISSING_ATTRIBUTE = auto()
    UNEXPECTED_ATTRIBUTE = auto()
    ABSTRACT = auto()
    WRONG_TYPE = auto()
    NOT_NILLABLE = auto()
    NIL_NOT_EMPTY = auto()
    DUPLICATE_KEY = auto()
    MISSING_KEY = auto()
    DANGLING_REFERENCE = auto()
    DUPLICATE_ID = auto()
    DANGLING_ID_REFERENCE = auto()
    OTHER = auto()

    @property
    def group(self) -> str:
        """The name of all kinds that are one fault to a reader, at one place."""
        return _GROUP_OF.get(self, "value")


_GROUPS = {
    "content": {
        Kind.CONTENT,
        Kind.MISSING_CHILD,
        Kind.TOO_FEW,
        Kind.TOO_OFTEN,
        Kind.MISPLACED_CHILD,
        Kind.CHOICE_CONFLICT,
        Kind.UNEXPECTED_CHILD,
        Kind.WRONG_NAMESPACE,
        Kind.WRONG_CASE,
        Kind.WRONG_NAME,
        Kind.WRONG_PARENT,
        Kind.MISSING_PARENT,
    },
    "root": {Kind.UNKNOWN_ROOT},
    "text": {Kind.TEXT_NOT_ALLOWED, Kind.NOT_EMPTY},
    "attribute": {Kind.MISSING_ATTRIBUTE, Kind.UNEXPECTED_ATTRIBUTE},
    "type": {Kind.NOT_DECLARED, Kind.ABSTRACT, Kind.WRONG_TYPE, Kind.NOT_NILLABLE, Kind.NIL_NOT_EMPTY},
    "key": {
        Kind.DUPLICATE_KEY,
        Kind.MISSING_KEY,
        Kind.DANGLING_REFERENCE,
        Kind.DUPLICATE_ID,
        Kind.DANGLING_ID_REFERENCE,
    },
    "other": {Kind.OTHER},
}
_GROUP_OF = {kind: name for name, kinds in _GROUPS.items() for kind in kinds}
LACKING = {Kind.MISSING_CHILD, Kind.TOO_FEW}
"""What an element has too little of."""

Key: TypeAlias = tuple[etree._Element, str | None, str]
Kin: TypeAlias = tuple[etree._Element | None, str]


@dataclass(eq=False)
class Fault:
    """One error, at an element or at one of its attributes (an expanded name)."""

    element: etree._Element
    kind: Kind
    attribute: str | None = None
    names: Sequence[Sequence[str]] = ()
    """Expanded names: what is missing or may stand here, or was meant; each with its alternatives."""
    other: etree._Element | None = None
    """The element that this one conflicts with or repeats, or belongs in."""
    told_at: etree._Element | None = None
    """The element whose fault tells of this one too."""
    instead: str | None = None
    """The expanded name of what is missing where a child or attribute stands that is unknown."""
    after: str | None = None
    """The expanded name behind which an element belongs; "" for the beginning."""
    before: str | None = None
    """The expanded name before which an element belongs."""
    count: int = 0
    limit: int | None = None
    """How often an element may or must stand here, beside `count`, how often it does."""
    further: int = 0
    """Of how many elements behind this one the same is true."""
    pattern: str | None = field(default=None, repr=False)
    """The pattern of the schema that a value does not match."""
    constraint: str | None = None
    """The expanded name of the key or reference that the schema demands."""

    @property
    def key(self) -> Key:
        """Equal for what is one fault to a reader, such as one value that breaks three rules."""
        group = self.kind.group
        return self.element, None if group == "type" else self.attribute, group

    @property
    def kin(self) -> Kin:
        """Equal for faults at children of one element that are called the same."""
        return kin(self.element)


def kin(element: etree._Element) -> Kin:
    """Return the parent and the name of an element."""
    return element.getparent(), str(element.tag)


def owner(fault: Fault) -> etree._Element | None:
    """Return the element whose content model a fault is about."""
    return fault.element if fault.kind in LACKING else fault.element.getparent()


def signs(fault: Fault) -> Iterator[tuple[Kind, etree._Element, tuple[str, ...]]]:
    """Yield what is equal for the same fault before and after a trial."""
    for names in fault.names if fault.kind in LACKING else [()]:
        yield fault.kind, fault.element, tuple(names)
