"""Patterns that state a repertoire of characters, and a cheap way to know that a message keeps to it.

XÖV standards restrict their texts to the characters of DIN 91379, by a pattern of the form `(…)*` over some
thousand letters. libxml2 follows it character by character, which is most of a whole validation. Such a
pattern matches whatever can be put together from what it matches: where it matches every character of a
message by itself it matches every value in it, and the verdict is the same without it.
"""

import re
from collections.abc import Mapping, Sequence

from lxml import etree

from gateway.xml.declarations import XSD_NAMESPACE
from gateway.xml.patterns import matches, schema_of
from gateway.xml.reference import parse_reference, write_reference

_PATTERN, _RESTRICTION, _ELEMENT = (
    f"{{{XSD_NAMESPACE}}}{name}" for name in ("pattern", "restriction", "element")
)
_ASCII = "\t\n\r" + "".join(map(chr, range(0x20, 0x7F)))
_ASCII_BYTES = _ASCII.encode()
_REFERENCE = re.compile(rb"&#(\d+|x[\dA-Fa-f]+);")
_OF_XML = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_DIFFERENT = 256
"""In one message: each that is new costs some microseconds. German texts have a dozen."""
_MAX_KNOWN = 10_000
_CHUNK = 65_536


class Repertoire:
    """The characters that every one of some patterns matches by itself."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._schema = schema_of(patterns)
        self._known: set[str] = set()

    def covers(self, body: bytes) -> bool:
        """Say whether every character of a message is one of them; only for bytes that `parse` has accepted.

        False where it would take a longer look, at hundreds of different ones.
        """
        # Of ASCII all are covered, or the patterns would not be here.
        text = body.translate(None, _ASCII_BYTES).decode()
        others: set[str | None] = {*text[:_CHUNK]}
        for start in range(_CHUNK, len(text), _CHUNK):  # a million different ones would take 120 MB
            others.update(text[start : start + _CHUNK])
            if len(others) > _MAX_DIFFERENT:
                return False
        numbers: set[bytes] = set()
        start = body.find(b"&")
        while start != -1:
            end = body.find(b"&", start + _CHUNK)  # no reference goes across one
            numbers.update(_REFERENCE.findall(body, start, len(body) if end == -1 else end))
            if len(numbers) > _MAX_DIFFERENT:
                return False
            start = end
        others.update(map(_referred, numbers))
        return others <= self._known or (len(others) <= _MAX_DIFFERENT and all(map(self._has, others)))

    def _has(self, character: str | None) -> bool:
        if character is None or character in self._known:
            return character is not None
        matched = matches(self._schema, character)
        if matched and len(self._known) < _MAX_KNOWN:
            self._known.add(character)
        return matched


def _referred(number: bytes) -> str | None:
    """Return the character that a reference stands for; in a comment it may be none of XML."""
    try:
        character = chr(int(number[1:], 16) if number.startswith(b"x") else int(number))
    except (ValueError, OverflowError):
        return None
    return character if _OF_XML.fullmatch(character) else None


def split(files: Mapping[str, bytes]) -> tuple[dict[str, bytes], Repertoire] | None:
    """Return schema documents without the patterns that all of ASCII keeps to, and their repertoire.

    None if there is no such pattern, or if a default or fixed value of an element, which can become a value
    of a message, does not keep to them.
    """
    roots = {name: parse_reference(content) for name, content in files.items()}
    found = [each for root in roots.values() for each in root.iter(_PATTERN) if _states_repertoire(each)]
    if not found:
        return None
    repertoire = Repertoire(sorted({each.get("value", "") for each in found}))
    elements = (each for root in roots.values() for each in root.iter(_ELEMENT))
    given = (each.get(name, "") for each in elements for name in ("default", "fixed"))
    if not all(repertoire.covers(value.encode()) for value in given):
        return None
    for each in found:
        each.getparent().remove(each)  # type: ignore[union-attr]  # a restriction's
    return {name: write_reference(root) for name, root in roots.items()}, repertoire


def _states_repertoire(element: etree._Element) -> bool:
    pattern, restriction = element.get("value", ""), element.getparent()
    # A value has to match one of several patterns of a restriction, so that none of them is superfluous.
    if restriction is None or restriction.tag != _RESTRICTION:
        return False
    if len(restriction.findall(_PATTERN)) > 1 or not _repeats_one_group(pattern):
        return False
    try:
        schema = schema_of([pattern])
    except etree.XMLSchemaError:
        return False  # that the whole schema does not compile either is not said here
    return all(matches(schema, character) for character in _ASCII)


def _repeats_one_group(pattern: str) -> bool:
    """Say whether a pattern is one group, any number of times."""
    if not (pattern.startswith("(") and pattern.endswith(")*")):
        return False
    depth, classes, escaped = 0, 0, False
    for character in pattern[:-2]:
        if escaped or character == "\\":
            escaped = not escaped
        elif character in "[]":
            classes += 1 if character == "[" else -1
        elif character in "()" and not classes:
            depth += 1 if character == "(" else -1
            if depth == 0:
                return False
    return depth == 1 and not escaped
