"""What xmlschema finds wrong with a message, as faults: it goes on where libxml2 stops.

It is slow and was not written for hostile input, so it only gets small trees that passed the parser's guard,
and whatever it raises costs nothing but its findings.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from lxml import etree

from gateway.contract.findings import Bilingual
from gateway.xml.faults import Fault, Kind, allowed_values, bound, datatype, pattern

if TYPE_CHECKING:
    from gateway.xml.validate import Schema

_log = structlog.get_logger()

XSD_NAMESPACE = "http://www.w3.org/2001/XMLSchema"
MAX_TAGS = 10_000
"""About a second, as is the same number of attributes; beyond, libxml2's findings stand alone."""
MAX_NAMESPACE_DECLARATIONS = 256
"""It copies all namespaces in scope for every element."""
_MAX_VALUE = 10_000
"""A longer value is left to libxml2: Python's expressions may need very long for the patterns of a schema."""

_ATTRIBUTE_VALUE = re.compile(r"attribute ([^=\s']+)=|attribute '([^']+)' has a fixed value")
_ATTRIBUTE_NAME = re.compile(r"missing required attribute '([^']+)'|^'([^']+)' attribute not allowed")

_FACETS: dict[str, tuple[Kind, Callable[[Any], Bilingual | None]]] = {
    "XsdPatternFacets": (Kind.PATTERN, lambda facet: _form(facet)),
    "XsdEnumerationFacets": (Kind.ENUMERATION, lambda facet: allowed_values(facet.enumeration)),
    "XsdLengthFacet": (Kind.LENGTH, lambda facet: bound(Kind.LENGTH, facet.value)),
    "XsdMinLengthFacet": (Kind.TOO_SHORT, lambda facet: bound(Kind.TOO_SHORT, facet.value)),
    "XsdMaxLengthFacet": (Kind.TOO_LONG, lambda facet: bound(Kind.TOO_LONG, facet.value)),
    "XsdMinInclusiveFacet": (Kind.TOO_SMALL, lambda facet: bound(Kind.TOO_SMALL, facet.value)),
    "XsdMinExclusiveFacet": (Kind.TOO_SMALL, lambda facet: bound(Kind.TOO_SMALL, facet.value)),
    "XsdMaxInclusiveFacet": (Kind.TOO_LARGE, lambda facet: bound(Kind.TOO_LARGE, facet.value)),
    "XsdMaxExclusiveFacet": (Kind.TOO_LARGE, lambda facet: bound(Kind.TOO_LARGE, facet.value)),
    "XsdTotalDigitsFacet": (Kind.DIGITS, lambda facet: bound(Kind.DIGITS, facet.value)),
    "XsdFractionDigitsFacet": (Kind.DIGITS, lambda facet: bound(Kind.DIGITS, facet.value)),
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
    ("nillable", Kind.NOT_NILLABLE),
    ("xsi:nil", Kind.NOT_NILLABLE),
    ("abstract", Kind.ABSTRACT),
    ("duplicated value", Kind.DUPLICATE_KEY),
    ("missing key field", Kind.DUPLICATE_KEY),
    ("not found for", Kind.DANGLING_REFERENCE),
    ("is not an element of the schema", Kind.UNKNOWN_ROOT),
    ("invalid value", Kind.DATATYPE),
)
# libxml2, which decides, does not check these: a message is not refused for them.
_NOT_REFUSED = ("IDREF ", "duplicated xs:ID")


def find_faults(schema: "Schema", root: etree._Element, body: bytes) -> list[Fault]:
    """Return what it finds, in the order of its own; nothing when the message is too much for it."""
    if (
        max(body.count(b"<"), body.count(b"=")) > MAX_TAGS
        or body.count(b"xmlns") > MAX_NAMESPACE_DECLARATIONS
    ):
        return []
    try:
        errors = list(schema.xmlschema.iter_errors(root, validation_hook=_is_long))
        return [fault for error in errors if (fault := _fault(error, root))]
    except Exception as error:  # LookupError, ValueError, OverflowError, RecursionError … have all been seen
        _log.info("second_engine_failed", error=type(error).__name__)
        return []


def _is_long(element: Any, _declaration: object) -> bool:
    return element.text is not None and len(element.text) > _MAX_VALUE


def _fault(error: Any, root: etree._Element) -> Fault | None:
    reason = error.reason or ""
    element = root if error.elem is None else error.elem
    if reason.startswith(_NOT_REFUSED):
        return None
    if hasattr(error, "expected"):
        return _content_fault(error, element)
    facet = _FACETS.get(type(error.validator).__name__)
    if facet:
        kind, hint = facet[0], facet[1](error.validator)
    elif hasattr(error, "decoder"):
        kind, hint = Kind.DATATYPE, _datatype(error.validator)
    else:
        kind = _kind(reason)
        hint = allowed_values([error.validator.fixed]) if kind is Kind.FIXED else None
    return Fault(element, kind, _attribute(error, kind), hints=[hint] if hint else [])


def _kind(reason: str) -> Kind:
    return next((kind for words, kind in _REASONS if words in reason), Kind.OTHER)


def _attribute(error: Any, kind: Kind) -> str | None:
    """Find the attribute's name, which stands in the sentence only, and expand it."""
    expression = _ATTRIBUTE_NAME if kind.group == "attribute" else _ATTRIBUTE_VALUE
    found = expression.search(error.reason or "")
    if not found:
        return None
    prefix, _, local = (found[1] or found[2]).rpartition(":")
    uri = (error.namespaces or {}).get(prefix) if prefix else None
    return f"{{{uri}}}{local}" if uri else local


def _content_fault(error: Any, parent: etree._Element) -> Fault:
    """Tell a missing element from one too many: both engines only say which child surprised them."""
    expected = [particle.name for particle in error.expected or () if particle.name]
    if error.index >= len(parent):
        return Fault(parent, Kind.MISSING_CHILD, expected=expected)
    child = parent[error.index]
    if error.expected is None or error.validator.match_element(child.tag) is None:
        return Fault(child, Kind.UNEXPECTED_CHILD, expected=expected)
    repeated = next(child.itersiblings(child.tag, preceding=True), None) is not None
    later = expected and next(child.itersiblings(*expected), None) is not None
    if not expected or later or repeated:
        return Fault(child, Kind.MISPLACED_CHILD, expected=expected)
    return Fault(parent, Kind.MISSING_CHILD, expected=expected)


def _datatype(validator: Any) -> Bilingual | None:
    members = [member.local_name for member in getattr(validator, "member_types", ())]
    if members and all(members):
        hints = [datatype(member) for member in members]
        return Bilingual(
            de="Erwartet: " + " oder ".join(hint.de.removeprefix("Erwartet: ") for hint in hints),
            en="Expected: " + " or ".join(hint.en.removeprefix("Expected: ") for hint in hints),
        )
    while validator is not None and validator.target_namespace != XSD_NAMESPACE:
        validator = validator.base_type
    return datatype(validator.local_name) if validator is not None else None


def _form(facet: Any) -> Bilingual | None:
    """Say the pattern, or for one too long to help anyone the name of the type that has it."""
    written = pattern(" | ".join(facet.regexps))
    name = getattr(facet.parent, "local_name", None) or getattr(facet.base_type, "local_name", None)
    return written or (Bilingual(de=f"Datentyp: {name}", en=f"Data type: {name}") if name else None)
