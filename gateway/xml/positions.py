"""Lines and columns of start tags and attributes, which the tree does not keep.

Reads the bytes of a message that the parser has already accepted: it is well-formed, UTF-8 and has no
DOCTYPE, so a `<` opens a tag, a comment, a CDATA section or a processing instruction and nothing else.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lxml import etree

from gateway.xml.paths import MAX_NAME

_SKIPPED = rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"
_ATTRIBUTES = rb"""[^>"']*+(?:(?:"[^"]*"|'[^']*')[^>"']*+)*+"""
_TAGS = re.compile(rb"<(?:([^!?/]" + _ATTRIBUTES + rb")|(/)[^>]*+)>|" + _SKIPPED, re.DOTALL)
_NAME = re.compile(rb"""\s([^\s=<>"'/]++)\s*+=\s*+(?:"[^"]*+"|'[^']*+')""")
_XML = "http://www.w3.org/XML/1998/namespace"
_START, _END = 1, 2
_SLASH = ord("/")


class Tag(NamedTuple):
    """A start, end or empty-element tag: its element, the bytes it takes, whether the element starts here."""

    element: etree._Element
    start: int
    end: int
    opens: bool


class Position(NamedTuple):
    """A place in the message; both numbers count from 1, columns in characters."""

    line: int
    column: int


class Place(NamedTuple):
    """An element of a message, or one of its attributes by expanded name, and where it stands."""

    element: etree._Element
    attribute: str | None
    position: Position


def iterate_tags(body: bytes, root: etree._Element) -> Iterator[Tag]:
    """Yield every tag of `body` in order, with its element of the tree under `root`."""
    elements = root.iter("*")
    open_elements: list[etree._Element] = []
    for match in _TAGS.finditer(body):
        kind = match.lastindex
        if kind == _START:
            element = next(elements)
            if body[match.end() - 2] != _SLASH:
                open_elements.append(element)
            yield Tag(element, match.start(), match.end(), True)
        elif kind == _END:
            yield Tag(open_elements.pop(), match.start(), match.end(), False)


def locate(
    body: bytes, root: etree._Element, wanted: Iterable[etree._Element]
) -> dict[etree._Element, Position]:
    """Return the position of the start tag of each wanted element, in document order."""
    missing = set(wanted)
    count = Counter(body)
    found: dict[etree._Element, Position] = {}
    for tag in iterate_tags(body, root):
        if not missing:
            break
        if tag.opens and tag.element in missing:
            missing.remove(tag.element)
            found[tag.element] = count.position(tag.start)
    return found


def find_places(
    body: bytes, root: etree._Element, places: Iterable[tuple[etree._Element, str | None]]
) -> list[Place]:
    """Return where elements, or attributes of some, stand in a message.

    For an attribute that is not written, as validating adds those that the schema gives a value to, its
    element stands: nobody can look it up in what was sent. So it does for one that no path can name.
    """
    places = list(places)
    wanted: dict[etree._Element, set[str]] = {}
    for element, attribute in places:
        wanted.setdefault(element, set())
        if attribute and len(attribute) <= MAX_NAME:
            wanted[element].add(attribute)
    missing, count = set(wanted), Counter(body)
    found: dict[tuple[etree._Element, str | None], Position] = {}
    for tag in iterate_tags(body, root) if missing else ():
        if not tag.opens or tag.element not in missing:
            continue
        missing.remove(tag.element)
        found[tag.element, None] = count.position(tag.start)
        for name, offset in _attributes(body, tag) if wanted[tag.element] else ():
            if name in wanted[tag.element]:
                found[tag.element, name] = count.position(offset)
        if not missing:
            break
    return [
        Place(*place, found[place]) if place in found else Place(place[0], None, found[place[0], None])
        for place in places
    ]


def _attributes(body: bytes, tag: Tag) -> Iterator[tuple[str, int]]:
    """Yield the expanded names of the attributes that a start tag has, and at which byte each begins."""
    namespaces = {**tag.element.nsmap, "xml": _XML}
    for found in _NAME.finditer(body, tag.start, tag.end):
        prefix, _, local = found[1].decode().rpartition(":")
        yield f"{{{namespaces.get(prefix, '')}}}{local}" if prefix else local, found.start(1)


class Counter:
    """Turns byte offsets, asked for in rising order, into lines and columns in one pass."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._seen = 3 if body.startswith(b"\xef\xbb\xbf") else 0
        self._line = 1
        self._column = 1

    def position(self, offset: int) -> Position:
        """Return where the byte at `offset` stands."""
        passed = self._body[self._seen : offset]
        newline = passed.rfind(b"\n")
        if newline >= 0:
            self._line += passed.count(b"\n")
            self._column = 1
        self._column += len(passed[newline + 1 :].decode("utf-8", "replace"))
        self._seen = max(offset, self._seen)
        return Position(self._line, self._column)
