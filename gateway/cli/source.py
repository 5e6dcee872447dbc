"""A message as its sender wrote it, for excerpts that show where a finding stands.

Its lines hold personal data: they are shown to whoever has the file anyway, and to nobody else. What is
shown cannot steer a terminal: whatever is no printable character is made visible.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from rich.cells import cell_len

_NAME = re.compile(r"""<?[^\s=<>"'/]*""")
_TAB = "    "
_CUT = "…"
_MAX_MARKED = 40


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an excerpt, with what is marked in it, if anything."""

    number: int
    before: str
    marked: str = ""
    after: str = ""


class Source:
    """A message by the name of its file."""

    def __init__(self, name: str, body: bytes) -> None:
        self.name = visible(name)
        self.body = body

    @property
    def digest(self) -> str:
        """Its SHA-256 in hex."""
        return sha256(self.body).hexdigest()

    @cached_property
    def _lines(self) -> list[str]:
        # As findings count them: only a line feed ends a line, and a byte order mark is no character.
        return self.body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n")

    def excerpt(self, line: int, column: int, *, width: int, context: int = 0) -> list[Line]:
        """Return a line with the tag or attribute at a column marked, and `context` lines around it.

        Args:
            line, column: where a finding is, counted from 1.
            width: of what is returned, in cells of a terminal; a longer line is cut on both sides.
        """
        if not 0 < line <= len(self._lines):
            return []
        first, last = max(1, line - context), min(len(self._lines), line + context)
        texts = {number: self._lines[number - 1].removesuffix("\r") for number in range(first, last + 1)}
        at, end = _place(texts[line], min(max(column - 1, 0), len(texts[line])))
        start = 0 if _fits(texts[line], width) else max(0, at - width // 3)
        return [
            _marked(number, text, start, (at, end), width)
            if number == line
            else _plain(number, text, start, width)
            for number, text in texts.items()
        ]


def visible(text: str) -> str:
    """Return text in which every character shows, none moves a cursor, and all keep to one line."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(sign: str) -> str:
    if sign.isprintable() or unicodedata.category(sign) == "Zs":
        return sign
    if sign == "\t":
        return _TAB
    if sign < " ":
        return chr(0x2400 + ord(sign))
    return f"<U+{ord(sign):04X}>"


def _place(text: str, at: int) -> tuple[int, int]:
    """Return where what is marked begins and ends: the name of the tag or attribute at a column."""
    found = _NAME.match(text, at)
    return at, min(max(found.end() if found else at, at + 1), at + _MAX_MARKED)


def _marked(number: int, text: str, start: int, place: tuple[int, int], width: int) -> Line:
    at, end = place
    if _fits(text, width):
        return Line(number, visible(text[:at]), visible(text[at:end]), visible(text[end:]))
    before = _last_cells(text[start:at], width // 2, more=start > 0)
    marked = _first_cells(text[at:end], width // 4)
    return Line(number, before, marked, _first_cells(text[end:], width - cell_len(before + marked)))


def _plain(number: int, text: str, start: int, width: int) -> Line:
    before = _CUT if start and text else ""
    return Line(number, before + _first_cells(text[start:], width - len(before)))


def _fits(text: str, width: int) -> bool:
    # Characters may take no cell at all: a line of a million of these must be cut, too.
    return len(text) <= width and cell_len(visible(text)) <= width


def _first_cells(text: str, width: int) -> str:
    """Return the beginning that fits into so many cells."""
    return visible(text) if _fits(text, width) else _fitting(text, width - 1) + _CUT


def _last_cells(text: str, width: int, *, more: bool) -> str:
    """Return the end that fits into so many cells; `more` where something stood before it."""
    if _fits(text, width - 1):
        return (_CUT if more else "") + visible(text)
    return _CUT + _fitting(text, width - 1, from_end=True)


def _fitting(text: str, width: int, *, from_end: bool = False) -> str:
    kept: list[str] = []
    room = width
    for sign in reversed(text[-width:]) if from_end else text[:width]:
        room -= cell_len(_shown(sign))
        if room < 0:
            break
        kept.append(_shown(sign))
    return "".join(reversed(kept) if from_end else kept)
