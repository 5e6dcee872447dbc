"""What xmlschema finds wrong with a message, as faults: it goes on where libxml2 stops.

It is slow and was not written for hostile input, so it only gets small trees that passed the parser's guard,
and whatever it raises costs nothing but its findings.
"""

import re
from collections.abc import Iterable
from typing import Any

import structlog
from lxml import etree

from gateway.xml.declarations import XSI_NIL, XSI_TYPE
from gateway.xml.faults import Fault, Kind
from gateway.xml.model import Component

_log = structlog.get_logger()

MAX_TAGS = 10_000
"""About a second, as is the same number of attributes; beyond, libxml2's findings stand alone."""
MAX_NAMESPACE_DECLARATIONS = 256
"""It copies all namespaces in scope for every element."""
MAX_VALUE = 10_000
"""A longer value is left to libxml2: Python takes time by the square of the digits of a number."""

_ATTRIBUTE_VALUE = re.compile(r"attribute ([^=\s']+)=|attribute '([^']+)' has a fixed value")
_ATTRIBUTE_NAME = re.compile(r"missing required attribute '([^']+)'|^'([^']+)' attribute not allowed")

FACETS = {
    "XsdPatternFacets": Kind.PATTERN,
    "XsdEnumerationFacets": Kind.ENUMERATION,
    "XsdLengthFacet": Kind.LENGTH,
    "XsdMinLengthFacet": Kind.TOO_SHORT,
    "XsdMaxLengthFacet": Kind.TOO_LONG,
    "XsdMinInclusiveFacet": Kind.TOO_SMALL,
    "XsdMinExclusiveFacet": Kind.TOO_SMALL,
    "XsdMaxInclusiveFacet": Kind.TOO_LARGE,
    "XsdMaxExclusiveFacet": Kind.TOO_LARGE,
    "XsdTotalDigitsFacet": Kind.TOTAL_DIGITS,
    "XsdFractionDigitsFacet": Kind.FRACTION_DIGITS,
}

# xmlschema's errors have no codes; these words of its sentences are what tells them apart.
_REASONS = (
    ("missing required attribute", Kind.MISSING_ATTRIBUTE),
    ("attribute not allowed", Kind.UNEXPECTED_ATTRIBUTE),
    ("has a fixed value", Kind.FIXED),
    ("must have the fixed value", Kind.FIXED),
    ("character data between", Kind.TEXT_NOT_ALLOWED),
    ("character data is not allowed", Kind.NOT_EMPTY),
    ("can't have child elements", Kind.CHILDREN_NOT_ALLOWED),
    ("is not nillable", Kind.NOT_NILLABLE),
    ("xsi:nil='true' but the element", Kind.NIL_NOT_EMPTY),
    ("must have a boolean value", Kind.DATATYPE),
    ("value must be", Kind.DATATYPE),  # of whole numbers that XML Schema itself limits
    ("cannot substitute", Kind.WRONG_TYPE),
    ("is blocked", Kind.WRONG_TYPE),
    ("abstract", Kind.ABSTRACT),
    ("is not an element of the schema", Kind.UNKNOWN_ROOT),
    ("invalid value", Kind.DATATYPE),
)
# Keys are libxml2's business, which names the key itself; identifiers are that of `identity`.
_NOT_ITS_OWN = ("IDREF ", "duplicated xs:ID", "duplicated value", "missing key field", "not found for")


def takes(body: bytes) -> bool:
    """Say whether a message is not too much for it."""
    return (
        max(body.count(b"<"), body.count(b"=")) <= MAX_TAGS
        and body.count(b"xmlns") <= MAX_NAMESPACE_DECLARATIONS
    )


def find_faults(body: bytes, unseen: Iterable[tuple[etree._Element, Component]]) -> list[Fault]:
    """Return what it finds in some elements; nothing when the message is too much for it.

    Args:
        body: the whole message.
        unseen: elements with the declarations that are theirs.
    """
    return (find_all(unseen) if takes(body) else None) or []


def find_all(unseen: Iterable[tuple[etree._Element, Component]]) -> list[Fault] | None:
    """Return what it finds in some elements of a message that it takes; None where it has failed."""
    try:
        return [fault for element, declared in unseen for fault in _faults(element, declared)]
    except Exception as error:  # LookupError, ValueError, OverflowError, RecursionError … have all been seen
        _log.info("second_engine_failed", error=type(error).__name__)
        return None


def _faults(element: etree._Element, declared: Component) -> list[Fault]:
    stated = _without_unknown_types(element, declared)
    try:
        errors = declared.iter_errors(element, namespaces=_prefixes(element), validation_hook=_is_long)
        found = [fault for error in errors if (fault := _fault(error, element))]
    finally:
        for each, name in stated.items():
            each.set(XSI_TYPE, name)
    return _of_typed([*(Fault(each, Kind.WRONG_TYPE, XSI_TYPE) for each in stated), *found])


def _without_unknown_types(element: etree._Element, declared: Component) -> dict[etree._Element, str]:
    """Take out each `xsi:type` that names no type, at which the engine would end; return what was there."""
    taken = {}
    for each in element.iter("*"):
        if (name := each.get(XSI_TYPE)) is None:
            continue
        try:
            declared.maps.get_instance_type(name.strip(), declared.maps.any_type, _prefixes(each))
        except KeyError:
            taken[each] = name
            del each.attrib[XSI_TYPE]
    return taken


def _prefixes(element: etree._Element) -> dict[str, str]:
    return {prefix or "": uri for prefix, uri in element.nsmap.items()}


def _of_typed(found: list[Fault]) -> list[Fault]:
    """Leave out what is said of an element, and within it, by another type than it should have."""
    first: dict[etree._Element, Fault] = {}
    for fault in found:
        if fault.kind in (Kind.WRONG_TYPE, Kind.ABSTRACT):
            first.setdefault(fault.element, fault)
    if not first:
        return found
    return [
        fault
        for fault in found
        if fault is first.get(fault.element)
        or not any(each in first for each in (fault.element, *fault.element.iterancestors()))
    ]


def _is_long(element: Any, _declaration: object) -> bool:
    return element.text is not None and len(element.text) > MAX_VALUE


def _fault(error: Any, root: etree._Element) -> Fault | None:
    reason = error.reason or ""
    element = root if error.elem is None else error.elem
    if hasattr(error, "expected"):
        return _content_fault(error, element)
    facet = FACETS.get(type(error.validator).__name__)
    if facet is None and any(words in reason for words in _NOT_ITS_OWN):
        return None
    kind = facet or (Kind.DATATYPE if hasattr(error, "decoder") else _kind(reason))
    if kind is Kind.WRONG_TYPE and type(error.validator).__name__ == "XsdGroup":
        return None  # the element itself says so as well, this its parent
    if kind is Kind.WRONG_TYPE and element.get(XSI_TYPE) is None:
        kind = Kind.OTHER  # it may not stand for another
    pattern = "|".join(error.validator.regexps) if kind is Kind.PATTERN else None
    return Fault(element, kind, _attribute(error, kind), pattern=pattern)


def _kind(reason: str) -> Kind:
    return next((kind for words, kind in _REASONS if words in reason), Kind.OTHER)


def _attribute(error: Any, kind: Kind) -> str | None:
    """Find the attribute's name, which stands in the sentence only, and expand it."""
    if kind is Kind.WRONG_TYPE:
        return XSI_TYPE
    if "xsi:nil attribute" in (error.reason or ""):
        return XSI_NIL
    expression = _ATTRIBUTE_NAME if kind.group == "attribute" else _ATTRIBUTE_VALUE
    found = expression.search(error.reason or "")
    if not found:
        return None
    name: str = found[1] or found[2]
    if name.startswith("{"):  # an expanded name; its namespace may have a colon
        return name
    prefix, _, local = name.rpartition(":")
    uri = (error.namespaces or {}).get(prefix) if prefix else None
    return f"{{{uri}}}{local}" if uri else local


def _content_fault(error: Any, parent: etree._Element) -> Fault:
    names = [particle.name for particle in error.expected or () if particle.name]
    surprise = parent[error.index] if error.index < len(parent) else None
    return Fault(parent, Kind.CONTENT, names=[names] if names else [], other=surprise)
