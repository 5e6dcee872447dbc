"""Mutated messages, as hypothesis strategies."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st
from lxml import etree

from fuzz.guide import Guide
from fuzz.mutations import EDITS, MARKS, Work
from fuzz.seeds import Start
from gateway.standards import Standard
from gateway.xml.parse import parse

_MARK = re.compile(f"{MARKS[0]}(\\d+){MARKS[1]}")
_EDITS = (1, 1, 1, 2, 3, 6)
"""How many at once: alone each shows what it does."""


@dataclass(frozen=True)
class Mutant:
    """A message that was changed; `history` says how, `start` what it was."""

    body: bytes
    start: Start
    history: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Mutant({self.start.name}: {', '.join(self.history)}; {len(self.body)} bytes)"


@cache
def guide_of(standard: Standard) -> Guide:
    """Return the guide to a standard's schema."""
    return Guide(standard)


@st.composite
def mutants(draw: Callable[[st.SearchStrategy[Any]], Any], starts: Sequence[Start]) -> Mutant:
    """Take one of the valid messages, change it a few times, and write it in some way or other."""
    by_standard = sorted({id(each.standard): each.standard for each in starts}.values(), key=str)
    standard = draw(st.sampled_from(by_standard))
    start = draw(st.sampled_from([each for each in starts if each.standard is standard]))
    work = Work(parse(start.body), guide_of(start.standard), draw)
    edits = [draw(st.sampled_from(EDITS)) for _ in range(draw(st.sampled_from(_EDITS)))]
    for edit in edits:
        edit(work)
    text = _MARK.sub(lambda mark: work.raw[int(mark[1])], etree.tostring(work.root, encoding="unicode"))
    written = text.encode("utf-8", "surrogatepass")
    way = draw(st.sampled_from(_WAYS))
    return Mutant(way(written, draw), start, (*(each.__name__ for each in edits), way.__name__))


Draw = Callable[[st.SearchStrategy[Any]], Any]


def plain(body: bytes, draw: Draw) -> bytes:
    """Write it as lxml does."""
    return body


def declared(body: bytes, draw: Draw) -> bytes:
    """Begin with a declaration, right or wrong."""
    version = draw(st.sampled_from([b"1.0", b"1.0", b"1.1", b"2.0", b""]))
    encoding = draw(st.sampled_from([b"UTF-8", b"utf-8", b"utf8", b"UTF-16", b"ISO-8859-1", b"x"]))
    return b'<?xml version="%s" encoding=\'%s\' standalone="yes"?>\n%s' % (version, encoding, body)


def marked(body: bytes, draw: Draw) -> bytes:
    """Begin with a byte order mark."""
    return b"\xef\xbb\xbf" + body


def in_windows(body: bytes, draw: Draw) -> bytes:
    """End lines as Windows does, or as old Macs did."""
    return body.replace(b"\n", draw(st.sampled_from([b"\r\n", b"\r"])))


def on_one_line(body: bytes, draw: Draw) -> bytes:
    """Leave out line ends between tags."""
    return re.sub(rb">\s+<", b"><", body)


def with_surroundings(body: bytes, draw: Draw) -> bytes:
    """Put something before and behind the root element."""
    around = st.sampled_from(
        [b"", b"\n\n", b"<!-- ! -->", b"<?pi ?>", b" ", b"<!DOCTYPE a>", b"<a/>", b"x", b"\xef\xbb\xbf"]
    )
    return draw(around) + body + draw(around)


def cut_off(body: bytes, draw: Draw) -> bytes:
    """End somewhere in the middle."""
    return body[: draw(st.integers(0, len(body)))]


def with_other_bytes(body: bytes, draw: Draw) -> bytes:
    """Put bytes into the middle that may be no UTF-8."""
    place = draw(st.integers(0, len(body)))
    return body[:place] + draw(st.binary(min_size=1, max_size=4)) + body[place + draw(st.integers(0, 3)) :]


def in_other_quotes(body: bytes, draw: Draw) -> bytes:
    """Quote attributes in the other way, and put each on a line of its own."""
    return re.sub(rb' ([\w:.-]+)="([^"\'<]*)"', rb"\n  \1 = '\2'", body)


_WAYS = (
    plain, plain, plain, plain, plain, plain, plain, plain, declared, marked, in_windows, on_one_line,
    on_one_line,
    with_surroundings, cut_off, with_other_bytes, in_other_quotes,
)  # fmt: skip
"""Mostly plain: a message that is no XML tells nothing of the schema."""
