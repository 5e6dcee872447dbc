"""Where the elements of a message are, without the product's help: expat for places, XPath for paths."""

import re
from collections.abc import Iterator
from typing import cast
from xml.parsers import expat

from lxml import etree

from gateway.contract.findings import Finding
from gateway.xml.parse import parse

_BOM = b"\xef\xbb\xbf"


class Places:
    """The elements of one well-formed message with their lines and columns.

    Raises:
        Problem: it is too deep or too broad.
        ExpatError: it has names that only the fifth edition of XML allows; libxml2 takes them.
    """

    def __init__(self, body: bytes) -> None:
        self.root = parse(body)
        self._elements = {element: number for number, element in enumerate(self.root.iter("*"))}
        self._positions = list(_positions(body))
        self._lines = body.removeprefix(_BOM).decode().split("\n")
        if len(self._positions) != len(self._elements):
            raise AssertionError("expat and libxml2 see different elements")

    def fault(self, finding: Finding) -> str | None:
        """Say what is wrong with a finding's path: it has to lead to one node, which stands at its place."""
        try:
            found = self.root.getroottree().xpath(finding.path, namespaces=finding.namespaces)
        except etree.XPathError as error:
            return f"its path is none: {error}"
        nodes = cast("list[etree._Element]", found)
        if len(nodes) != 1:
            return f"its path leads to {len(nodes)} nodes"
        [node] = nodes
        place = finding.line or 0, finding.column or 0
        if not isinstance(node, etree._Element):
            return self._fault_of_attribute(node, place)
        position = self._positions[self._elements[node]]
        return None if position == place else f"its path leads to {position}, not to its line and column"

    def _fault_of_attribute(self, value: etree._ElementUnicodeResult, place: tuple[int, int]) -> str | None:
        number = self._elements[cast("etree._Element", value.getparent())]
        begin, end = (*self._positions, (len(self._lines) + 1, 1))[number : number + 2]
        line, column = place
        local = re.escape(str(value.attrname).rpartition("}")[2])
        is_there = re.match(rf"(?:[^\s=:]+:)?{local}(?:\s*=|\s*$)", self._lines[line - 1][column - 1 :])
        if is_there and begin < place < end:
            return None
        return f"its path leads to an attribute of the element at {begin}, not to its line and column"


def _positions(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield line and column of every start tag in characters, both from 1."""
    starts: list[int] = []
    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler = lambda *_: starts.append(parser.CurrentByteIndex)
    parser.Parse(body, True)
    line, line_start, seen = 1, len(_BOM) if body.startswith(_BOM) else 0, 0
    for start in starts:
        line += body.count(b"\n", seen, start)
        line_start = max(line_start, body.rfind(b"\n", 0, start) + 1)
        yield line, len(body[line_start:start].decode()) + 1
        seen = start
