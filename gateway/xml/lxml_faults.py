"""What libxml2 finds wrong with a message, as faults.

Its validator can tell where a fault is only by counting siblings for every single one, so it is run over the
bytes instead, tag by tag where faults are: the tag just fed is the place.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lxml import etree

from gateway.contract.findings import Bilingual
from gateway.xml.faults import Fault, Kind, allowed_values, bound, datatype, pattern
from gateway.xml.positions import iterate_tags

if TYPE_CHECKING:
    from gateway.xml.validate import Schema

MAX_ERRORS = 2000
MAX_TREE_TAGS = 10_000
"""libxml2 writes the path of every fault by counting siblings, which takes hours on a large message full of
faults. A message with more tags is validated as a stream, which knows no paths and can be stopped."""
_WINDOW_BYTES = 4096
_LONG_MESSAGE = 4000
"""libxml2 cuts its sentences off: a long one may end within the rejected value, so it is not read."""

_SUBJECT = re.compile(r"Element '(?P<element>[^']*)'(?:, attribute '(?P<attribute>[^']*)')?: ")
_KEY = re.compile(r"Element '(?P<element>[^']*)': .*?key-sequence \['(?P<key>[^']*)'")
_NAMED_ATTRIBUTE = re.compile(r"The attribute '([^']*)' is (?:required but missing|not allowed)\.$")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*) \)\.$")
# Greedy up to the last occurrence: the rejected value stands before it and may contain anything.
_PATTERN = re.compile(r".*by the pattern '(.*)'\.$", re.DOTALL)
_SET = re.compile(r".*is not an element of the set \{(.*)\}\.$", re.DOTALL)
_FIXED = re.compile(r".*the fixed value constraint '(.*)'\.$", re.DOTALL)
_TYPE = re.compile(r".*of the (?:atomic|list|union) type 'xs:(\w+)'\.$", re.DOTALL)
_BOUND = re.compile(r".*'(-?[\w.:+-]+)'\)?\.$", re.DOTALL)

_KINDS = {
    "CVC_ELT_1": Kind.UNKNOWN_ROOT,
    "CVC_ELT_2": Kind.ABSTRACT,
    "CVC_ELT_3_1": Kind.NOT_NILLABLE,
    "CVC_ELT_3_2_1": Kind.NOT_NILLABLE,
    "CVC_ELT_3_2_2": Kind.NOT_NILLABLE,
    "CVC_ELT_4_1": Kind.WRONG_TYPE,
    "CVC_ELT_4_2": Kind.WRONG_TYPE,
    "CVC_ELT_4_3": Kind.WRONG_TYPE,
    "CVC_ELT_5_2_2_1": Kind.FIXED,
    "CVC_ELT_5_2_2_2_1": Kind.FIXED,
    "CVC_ELT_5_2_2_2_2": Kind.FIXED,
    "CVC_AU": Kind.FIXED,
    "CVC_TYPE_2": Kind.ABSTRACT,
    "CVC_TYPE_3_1_1": Kind.UNEXPECTED_ATTRIBUTE,
    "CVC_TYPE_3_1_2": Kind.CHILDREN_NOT_ALLOWED,
    "CVC_COMPLEX_TYPE_2_1": Kind.NOT_EMPTY,
    "CVC_COMPLEX_TYPE_2_2": Kind.CHILDREN_NOT_ALLOWED,
    "CVC_COMPLEX_TYPE_2_3": Kind.TEXT_NOT_ALLOWED,
    "CVC_COMPLEX_TYPE_2_4": Kind.UNEXPECTED_CHILD,
    "CVC_COMPLEX_TYPE_3_2_1": Kind.UNEXPECTED_ATTRIBUTE,
    "CVC_COMPLEX_TYPE_3_2_2": Kind.UNEXPECTED_ATTRIBUTE,
    "CVC_COMPLEX_TYPE_4": Kind.MISSING_ATTRIBUTE,
    "ELEMENT_CONTENT": Kind.UNEXPECTED_CHILD,
    "CVC_WILDCARD": Kind.NOT_DECLARED,
    "CVC_DATATYPE_VALID_1_2_1": Kind.DATATYPE,
    "CVC_DATATYPE_VALID_1_2_2": Kind.DATATYPE,
    "CVC_DATATYPE_VALID_1_2_3": Kind.DATATYPE,
    "CVC_ENUMERATION_VALID": Kind.ENUMERATION,
    "CVC_PATTERN_VALID": Kind.PATTERN,
    "CVC_LENGTH_VALID": Kind.LENGTH,
    "CVC_MINLENGTH_VALID": Kind.TOO_SHORT,
    "CVC_MAXLENGTH_VALID": Kind.TOO_LONG,
    "CVC_MININCLUSIVE_VALID": Kind.TOO_SMALL,
    "CVC_MINEXCLUSIVE_VALID": Kind.TOO_SMALL,
    "CVC_MAXINCLUSIVE_VALID": Kind.TOO_LARGE,
    "CVC_MAXEXCLUSIVE_VALID": Kind.TOO_LARGE,
    "CVC_TOTALDIGITS_VALID": Kind.DIGITS,
    "CVC_FRACTIONDIGITS_VALID": Kind.DIGITS,
    "CVC_IDC": Kind.DUPLICATE_KEY,
}


def find_faults(schema: "Schema", root: etree._Element, body: bytes) -> list[Fault]:
    """Return the faults of a refused message in the order of its tags, at most MAX_ERRORS."""
    faults = list(_stream_faults(schema, root, body))
    rest = [fault for fault in faults if fault.kind is not Kind.DANGLING_REFERENCE]
    if len(rest) == len(faults) or body.count(b"<") > MAX_TREE_TAGS:
        return faults
    return rest + _dangling_references(schema, root)


def _dangling_references(schema: "Schema", root: etree._Element) -> list[Fault]:
    """References are compared where the element that demands it ends; only a tree knows their lines."""
    faults = [_fault(_referrer(root, error), error) for error in schema.tree_errors(root)]
    return [fault for fault in faults if fault.kind is Kind.DANGLING_REFERENCE]


def _referrer(root: etree._Element, error: etree._LogEntry) -> etree._Element:
    """Find the element by name and line, of several on one line the one that has the key in it."""
    found = _KEY.match(str(error.message))
    if not found:
        return root
    named = [element for element in root.iter(found["element"]) if element.sourceline == error.line]
    with_key = (element for element in named if found["key"] in _values(element))
    return next(with_key, named[0] if named else root)


def _values(element: etree._Element) -> set[str]:
    values = {(node.text or "").strip() for node in element.iter("*")}
    return values.union(*(map(str, node.attrib.values()) for node in element.iter("*")))


def _stream_faults(schema: "Schema", root: etree._Element, body: bytes) -> Iterator[Fault]:
    faulty = _faulty_windows(schema, body)
    parser = schema.stream_parser()
    fed = seen = 0
    for tag in iterate_tags(body, root):
        if (tag.end - 1) // _WINDOW_BYTES not in faulty:
            continue
        parser.feed(body[fed : tag.end])
        fed = tag.end
        errors = parser.feed_error_log
        for error in errors[seen:]:
            yield _fault(tag.element, error)
        seen = len(errors)
        if seen >= MAX_ERRORS:
            return


def _faulty_windows(schema: "Schema", body: bytes) -> set[int]:
    parser = schema.stream_parser()
    faulty: set[int] = set()
    seen = 0
    for window, start in enumerate(range(0, len(body), _WINDOW_BYTES)):
        parser.feed(body[start : start + _WINDOW_BYTES])
        count = len(parser.feed_error_log)
        if count > seen:
            faulty.add(window)
        seen = count
        if seen >= MAX_ERRORS:
            break
    return faulty


def _fault(element: etree._Element, error: etree._LogEntry) -> Fault:
    text = str(error.message)
    kind = _KINDS.get(str(error.type_name).removeprefix("SCHEMAV_"), Kind.OTHER)
    if kind is Kind.UNEXPECTED_CHILD and "Missing child element" in text:
        kind = Kind.MISSING_CHILD
    if kind is Kind.DUPLICATE_KEY and "No match found" in text:
        kind = Kind.DANGLING_REFERENCE
    subject = _SUBJECT.match(text)
    attribute = subject["attribute"] if subject else None
    if subject and kind is not Kind.DANGLING_REFERENCE:
        element = _named(element, subject["element"])
    named = _NAMED_ATTRIBUTE.search(text)
    if named and kind.group == "attribute":
        attribute = named[1]
    fault = Fault(element, kind, attribute)
    if len(text) < _LONG_MESSAGE:
        fault.expected = _expected(text)
        fault.hints = [hint] if (hint := _hint(kind, text)) else []
    return fault


def _named(element: etree._Element, tag: str) -> etree._Element:
    """Return the element an error speaks of: text or children in the wrong place show at a child's tag."""
    return next((node for node in (element, *element.iterancestors()) if node.tag == tag), element)


def _expected(text: str) -> list[str]:
    found = _EXPECTED.search(text)
    return [name for name in found[1].split(", ") if "##" not in name] if found else []


def _hint(kind: Kind, text: str) -> Bilingual | None:
    """Read what is allowed from the end of the sentence, behind the rejected value."""
    if kind is Kind.PATTERN and (found := _PATTERN.match(text)):
        return pattern(found[1])
    if kind is Kind.ENUMERATION and (found := _SET.match(text)):
        return allowed_values(value.strip("'") for value in found[1].split(", "))
    if kind is Kind.FIXED and (found := _FIXED.match(text)):
        return allowed_values([found[1]])
    if kind is Kind.DATATYPE and (found := _TYPE.match(text)):
        return datatype(found[1])
    if kind in _BOUNDED and (found := _BOUND.match(text)):
        return bound(kind, found[1])
    return None


_BOUNDED = {Kind.TOO_SHORT, Kind.TOO_LONG, Kind.LENGTH, Kind.TOO_SMALL, Kind.TOO_LARGE, Kind.DIGITS}
