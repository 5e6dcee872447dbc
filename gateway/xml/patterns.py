"""Patterns of XML Schema as libxml2 matches them.

Python's expressions, which xmlschema makes of them, go back over a value again and again and stop every
other thread meanwhile: thirty characters can be enough for hours.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from lxml import etree

from gateway.xml.declarations import XSD_NAMESPACE
from gateway.xml.model import Component

if TYPE_CHECKING:
    import xmlschema


def schema_of(patterns: Sequence[str]) -> etree.XMLSchema:
    """Compile an element `c` whose text matches every one of the patterns."""
    root = etree.Element(f"{{{XSD_NAMESPACE}}}schema", nsmap={"xs": XSD_NAMESPACE})
    etree.SubElement(root, f"{{{XSD_NAMESPACE}}}element", name="c", type=f"t{len(patterns)}")
    for number, pattern in enumerate(patterns, start=1):
        kind = etree.SubElement(root, f"{{{XSD_NAMESPACE}}}simpleType", name=f"t{number}")
        base = f"t{number - 1}" if number > 1 else "xs:string"
        restriction = etree.SubElement(kind, f"{{{XSD_NAMESPACE}}}restriction", base=base)
        etree.SubElement(restriction, f"{{{XSD_NAMESPACE}}}pattern", value=pattern)
    return etree.XMLSchema(root)


def matches(schema: etree.XMLSchema, text: str) -> bool:
    """Say whether a text matches all patterns that a schema was made of; not where libxml2 gives them up."""
    element = etree.Element("c")
    element.text = text
    try:
        return schema.validate(element)
    except etree.XMLSchemaError:
        return False


class _Pattern:
    """Stands in for a compiled expression of Python, and keeps its text: examples are made from that."""

    def __init__(self, written: str, expression: re.Pattern[str]) -> None:
        self.pattern = expression.pattern
        self._written = written

    @cached_property
    def _schema(self) -> etree.XMLSchema:
        return schema_of([self._written])

    def match(self, text: str) -> "_Pattern | None":
        return self if matches(self._schema, text) else None


def match_by_libxml2(schema: "xmlschema.XMLSchema") -> None:
    """Take Python's expressions out of all types of a schema."""
    from xmlschema.validators import XsdSimpleType

    for each in schema.maps.schemas:
        if each.meta_schema is None:  # XML Schema's own, which all schemas share
            continue
        kinds: Iterator[Component] = each.iter_components(XsdSimpleType)
        for kind in kinds:
            if kind.patterns is not None:
                kind.patterns.patterns[:] = map(_Pattern, kind.patterns.regexps, kind.patterns.patterns)
