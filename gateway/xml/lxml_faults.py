"""What libxml2 finds wrong with a message, as faults.

Its validator can tell where a fault is only by counting siblings for every single one. A message with many
tags is validated as a stream instead, tag by tag where faults are: the tag just fed is the place. So is one
with very long names, which libxml2 cuts off in the paths that it writes.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lxml import etree

from gateway.xml.declarations import XSI_TYPE
from gateway.xml.faults import Fault, Kind
from gateway.xml.parse import MAX_TREE_TAGS, find_patchwork, has_more_tags
from gateway.xml.positions import iterate_tags

if TYPE_CHECKING:
    from gateway.xml.validate import Schema

MAX_ERRORS = 2000
_WINDOW_BYTES = 4096
_CUT_OFF = re.compile(rb"<[^!?/>\s][^/>\s]{98}")
"""The start of a name over 98 bytes with its prefix: of such a name a path has the first 98, even if these
end within a character. What looks like one in a comment does no harm."""
_LONG_MESSAGE = 4000
"""libxml2 cuts its sentences off: a long one may end within the rejected value, so it is not read."""

_SUBJECT = re.compile(r"Element '(?P<element>[^']*)'(?:, attribute '(?P<attribute>[^']*)')?: ")
_NAMED_ATTRIBUTE = re.compile(r"The attribute '([^']*)' is (?:required but missing|not allowed)\.$")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*) \)\.$")
# Greedy up to the last occurrence: the rejected value stands before it and may contain anything.
_PATTERN = re.compile(r".*by the pattern '(.*)'\.$", re.DOTALL)
_CONSTRAINT = re.compile(r".*(?:identity-constraint|keyref) '([^']*)'(?: evaluate to a node)?\.$", re.DOTALL)

_KINDS = {
    "CVC_ELT_1": Kind.UNKNOWN_ROOT,
    "CVC_ELT_2": Kind.ABSTRACT,
    "CVC_ELT_3_1": Kind.NOT_NILLABLE,
    "CVC_ELT_3_2_1": Kind.NIL_NOT_EMPTY,
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
    "CVC_COMPLEX_TYPE_2_4": Kind.CONTENT,
    "CVC_COMPLEX_TYPE_3_2_1": Kind.UNEXPECTED_ATTRIBUTE,
    "CVC_COMPLEX_TYPE_3_2_2": Kind.UNEXPECTED_ATTRIBUTE,
    "CVC_COMPLEX_TYPE_4": Kind.MISSING_ATTRIBUTE,
    "ELEMENT_CONTENT": Kind.CONTENT,
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
    "CVC_TOTALDIGITS_VALID": Kind.TOTAL_DIGITS,
    "CVC_FRACTIONDIGITS_VALID": Kind.FRACTION_DIGITS,
    "CVC_IDC": Kind.DUPLICATE_KEY,
}


def find_faults(schema: "Schema", root: etree._Element, body: bytes) -> list[Fault]:
    """Return the faults of a refused message in the order of its tags, at most MAX_ERRORS.

    A reference without a key is found where the element that demands it ends, and is reported there.
    """
    if has_more_tags(body, MAX_TREE_TAGS):
        return list(_stream_faults(schema, root, body))
    if _CUT_OFF.search(body):  # where the stream would take too long, the message as a whole is at fault
        return list(_stream_faults(schema, root, body)) if find_patchwork(root, body) is None else []
    places = _Places(root)
    return [_fault(places.find(str(error.path)), error) for error in schema.tree_errors(root, body)]


class _Places:
    """Finds elements by the paths that libxml2 writes: `/u:a/*[2]/b:c`, with the prefixes of each element.

    An element in a default namespace is always a `*`, so a name without prefix is one without namespace.
    No XPath of these can be evaluated as it is: a prefix may stand for several namespaces in a message.
    """

    def __init__(self, root: etree._Element) -> None:
        self._root = root
        self._children: dict[etree._Element, dict[str, list[etree._Element]]] = {}

    def find(self, path: str) -> etree._Element:
        """Return the element, or as much of the way to it as there is."""
        element = self._root
        for step in path.split("/")[2:]:
            name, _, number = step.rstrip("]").partition("[")
            found = self._named(element).get(name, [])
            index = int(number or 1) - 1
            if index >= len(found):
                break
            element = found[index]
        return element

    def _named(self, parent: etree._Element) -> dict[str, list[etree._Element]]:
        if parent not in self._children:
            known: dict[str, list[etree._Element]] = {"*": []}
            for child in parent.iterchildren("*"):
                uri, _, local = str(child.tag).rpartition("}")
                known["*"].append(child)
                if child.prefix or not uri:
                    known.setdefault(f"{child.prefix}:{local}" if child.prefix else local, []).append(child)
            self._children[parent] = known
        return self._children[parent]


def _stream_faults(schema: "Schema", root: etree._Element, body: bytes) -> Iterator[Fault]:
    faulty = _faulty_windows(schema, body)
    parser = schema.stream_parser(body)
    fed = seen = passed = 0
    for tag in iterate_tags(body, root):
        # What is amiss in the text before a tag may show in an earlier window than that the tag ends in.
        windows = range(passed // _WINDOW_BYTES, (tag.end - 1) // _WINDOW_BYTES + 1)
        passed = tag.end
        if faulty.isdisjoint(windows):
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
    parser = schema.stream_parser(body)
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
    subject = _SUBJECT.match(text)
    attribute = subject["attribute"] if subject else None
    readable = len(text) < _LONG_MESSAGE
    fault = Fault(element, kind, attribute)
    if kind is Kind.DUPLICATE_KEY:
        fault.kind = _key_kind(text)
        found = _CONSTRAINT.match(text) if readable else None
        fault.constraint = found[1] if found else None
    if subject and fault.kind is not Kind.DANGLING_REFERENCE:
        fault.element = _named(element, subject["element"])
    if kind is Kind.DATATYPE and attribute == XSI_TYPE:
        fault.kind = Kind.WRONG_TYPE
    if kind is Kind.UNKNOWN_ROOT and fault.element.getparent() is not None:
        fault.kind = Kind.NOT_DECLARED
    if kind is Kind.CONTENT:
        _read_content(fault, text)
    if kind.group == "attribute" and (named := _NAMED_ATTRIBUTE.search(text)):
        fault.attribute = named[1]
    if kind is Kind.PATTERN and readable and (found := _PATTERN.match(text)):
        fault.pattern = found[1]
    return fault


def _key_kind(text: str) -> Kind:
    if "No match found" in text:
        return Kind.DANGLING_REFERENCE
    if text.endswith(("something strange happened.", "non-simple type.")):  # of a field that is wrong itself
        return Kind.OTHER
    return Kind.MISSING_KEY if text.endswith("evaluate to a node.") else Kind.DUPLICATE_KEY


def _named(element: etree._Element, tag: str) -> etree._Element:
    """Return the element an error speaks of: text or children in the wrong place show at a child's tag."""
    return next((node for node in (element, *element.iterancestors()) if node.tag == tag), element)


def _read_content(fault: Fault, text: str) -> None:
    """Note the child that surprised it, and what it would have liked better."""
    found = _EXPECTED.search(text) if len(text) < _LONG_MESSAGE else None
    names = [name for name in found[1].split(", ") if "##" not in name] if found else []
    fault.names = [names] if names else []
    parent = fault.element.getparent()
    if "Missing child element" not in text and parent is not None:
        fault.other, fault.element = fault.element, parent
