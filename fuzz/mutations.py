"""Changes to the tree of a message, guided by its schema; each draws from hypothesis what it does and where.

What a tree cannot hold, such as forbidden characters or CDATA in the middle of a text, is noted as a mark and
put in when the message is written.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st
from lxml import etree

from fuzz.guide import Guide, values_of
from fuzz.values import CANARY, NUMBER_CANARY, REFERENCES, TEXTS

T = TypeVar("T")
XSI = "http://www.w3.org/2001/XMLSchema-instance"
_XML = "http://www.w3.org/XML/1998/namespace"
_MARK = "\ue0f0{}\ue0f1"
MARKS = ("\ue0f0", "\ue0f1")
_MAX_NODES = 13_000
"""Enough to get to messages that are validated as a stream."""
_XS = "http://www.w3.org/2001/XMLSchema"
_BUILT_IN = ("anySimpleType", "anyType", "date", "string", "NMTOKENS", "NOTATION", "anyURI")
_FOREIGN = (
    "urn:amtsbote:probe:1", "urn:amtsbote:probe:2", "urn:amtsbote:xbasis:1.0", "urn:amtsbote:xurkunde:1.0",
    "urn:amtsbote:xurkunde:1.1", "urn:amtsbote:xurkunde:9.9", "urn:fremd",
    "http://www.w3.org/2001/XMLSchema", XSI,
    "", "ä", "urn:x y", "x" * 300,
)  # fmt: skip
_PREFIXES = (None, "a", "u", "b", "p", "ns1", "ns2", "xsi", "xs", "ä", "x" * 129,
    "x" + "ä" * 63, "a.b-c", "_",
)  # fmt: skip
_NAMES = (
    "unbekannt",
    "code",
    "name",
    "id",
    "ä",
    "x" * 127,
    "x" * 128,
    "x" * 129,
    "a.b",
    "_",
    "a-b",
    "\U00010000",
    "ns1",
)


@dataclass
class Work:
    """A message while it is changed; `raw` is what is put in for the marks."""

    root: etree._Element
    guide: Guide
    draw: Callable[[st.SearchStrategy[Any]], Any]
    raw: list[str] = field(default_factory=list)

    def pick(self) -> etree._Element:
        """Choose an element."""
        return self.one_of(list(self.root.iter("*")))

    def pick_below(self) -> etree._Element | None:
        """Choose an element that is not the root."""
        return self.one_of(list(self.root.iterdescendants("*")) or [None])

    def one_of(self, items: Sequence[T]) -> T:
        """Choose one of some."""
        return items[self.draw(st.integers(0, len(items) - 1))]

    def mark(self, raw: str) -> str:
        """Return a text in whose place `raw` will be written as it is."""
        self.raw.append(raw)
        return _MARK.format(len(self.raw) - 1)

    @property
    def room(self) -> int:
        """How many nodes may still be added."""
        return max(0, _MAX_NODES - sum(1 for _ in self.root.iter()))


def drop(work: Work) -> None:
    """Leave an element out."""
    if (element := work.pick_below()) is not None:
        element.getparent().remove(element)


def duplicate(work: Work) -> None:
    """Repeat an element, a few times or very often."""
    if (element := work.pick_below()) is not None:
        size = sum(1 for _ in element.iter())
        times = min(work.draw(st.sampled_from([1, 1, 2, 3, 10, 250, 3000])), work.room // size)
        for _ in range(times):
            element.addnext(deepcopy(element))


def reorder(work: Work) -> None:
    """Bring the children of an element into another order."""
    element = work.pick()
    children = list(element)
    if 1 < len(children) <= 60:
        element[:] = work.draw(st.permutations(children))


def move(work: Work) -> None:
    """Put an element somewhere else, or into itself."""
    element, target = work.pick_below(), work.pick()
    if element is not None and target not in element.iter():
        target.insert(work.draw(st.integers(0, len(target))), element)


def rename(work: Work) -> None:
    """Call an element what another is called here, or anything."""
    element = work.pick()
    parent = element.getparent()
    known = [str(each.name) for each in work.guide.children(parent)] if parent is not None else []
    namespace = etree.QName(element).namespace
    made_up = [f"{{{namespace}}}{name}" if namespace else name for name in _NAMES]
    element.tag = work.one_of([*known, *made_up, *work.guide.elements[:50]])


def change_namespace(work: Work) -> None:
    """Put an element, or all below it, into another namespace."""
    element = work.pick()
    uri = work.one_of(_FOREIGN)
    for each in list(element.iter("*")) if work.draw(st.booleans()) else [element]:
        local = etree.QName(each).localname
        each.tag = f"{{{uri}}}{local}" if uri and " " not in uri else local


def declare(work: Work) -> None:
    """Declare prefixes at an element, also such as stand for something else outside."""
    element = work.pick()
    uris = [uri for uri in (*_FOREIGN, etree.QName(element).namespace) if uri and " " not in uri]
    chosen = work.draw(
        st.dictionaries(st.sampled_from(_PREFIXES), st.sampled_from(uris), min_size=1, max_size=3)
    )
    if element.getparent() is None and None in chosen:
        chosen.pop(None)
    try:
        other = etree.Element(element.tag, dict(element.attrib), nsmap=chosen)
    except ValueError:
        return
    other.text, other.tail = element.text, element.tail
    other[:] = list(element)
    if (parent := element.getparent()) is None:
        work.root = other
    else:
        parent.replace(element, other)


def insert(work: Work) -> None:
    """Add an element that may stand here or elsewhere, with a value or without."""
    element = work.pick()
    known = [str(each.name) for each in work.guide.children(element)]
    child = etree.Element(work.one_of([*known, *work.guide.elements[:50], *_NAMES]))
    if work.draw(st.booleans()):
        child.text = work.draw(TEXTS)
    element.insert(work.draw(st.integers(0, len(element))), child)


def set_value(work: Work) -> None:
    """Give an element a value at or beyond a bound of its type."""
    element = work.pick()
    leaves = [each for each in element.iter("*") if len(each) == 0]
    element = work.one_of(leaves) if leaves else element
    simple = work.guide.simple_type(element)
    old = element.text or ""
    around = (
        f" {old} ",
        f"\t{old}\n",
        old[:-1],
        old * 2,
        f"{old}{CANARY}",
        f"{old}\u0301",
        f"{old}{NUMBER_CANARY}",
    )
    element.text = work.one_of([*(values_of(simple) if simple is not None else (CANARY,)), *around])


def set_text(work: Work) -> None:
    """Write any text into an element, or between two."""
    element = work.pick()
    text = work.draw(
        st.one_of(TEXTS, st.sampled_from(["x" * 300, "ä" * 9_999, "x" * 10_001, "9" * 20_000, CANARY * 3000]))
    )
    if work.draw(st.booleans()) or element is work.root:
        element.text = text
    else:
        element.tail = text


def break_up(work: Work) -> None:
    """Put references, a comment, an instruction or CDATA into the middle of a value."""
    element = work.pick()
    text = element.text or ""
    place = work.draw(st.integers(0, len(text)))
    piece = work.draw(st.one_of(REFERENCES, st.sampled_from(_PIECES)))
    element.text = text[:place] + work.mark(piece) + text[place:]


_PIECES = (
    "<!-- ! -->", "<!---->", "<!-- a -- b -->", f"<!--{CANARY}!-->", "<?pi?>", f"<?pi {CANARY}?>",
    "<?xml version='1.0'?>",
    "<?xml-stylesheet href='file:///etc/passwd'?>", "<![CDATA[]]>", f"<![CDATA[{CANARY}]]>",
    "<![CDATA[<a>&#1;</a>]]>",
    "<![CDATA[a]]><![CDATA[b]]>", "<![CDATA[ ]]> ]]>", "<!DOCTYPE a>", "<!ENTITY a 'b'>", "<", ">", "\x01",
    "\x00", "\x7f",
    "\x85", "\r", "\r\n", "\ufffe", "<a", "</a>", "<a/>", "<:a/>", "<a:b/>", "<a b='1' b='2'/>",
    "<a xmlns:x=''/>", "<1/>",
    "<!-- <a> ' \" -->", "<?a <b> ' ?>", "<a b=\"'>'\" c='\"'/>", "<a\n\tb\n=\n'1'\n/>", "<a b='&#10;&lt;'/>",
    "<a xmlns='urn:amtsbote:xbasis:1.0'><b xmlns=''/></a>",
    "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='a'/>",
)  # fmt: skip


_ATTRIBUTES = (
    "unbekannt", "x" * 129, "{urn:fremd}a", f"{{{_XML}}}lang", f"{{{_XML}}}id", f"{{{_XML}}}space",
    f"{{{XSI}}}schemaLocation", f"{{{XSI}}}noNamespaceSchemaLocation",
)  # fmt: skip


def set_attribute(work: Work) -> None:
    """Set, change or drop an attribute."""
    element = work.pick()
    known = work.guide.attributes(element)
    name = work.one_of([*known, *element.attrib, *_ATTRIBUTES])
    simple = getattr(known.get(name), "type", None)
    value = work.one_of(
        [None, "", CANARY, *(values_of(simple) if simple is not None else (f"a {CANARY}", NUMBER_CANARY))]
    )
    if value is None:
        element.attrib.pop(name, None)
    else:
        element.set(name, value)


def set_many_attributes(work: Work) -> None:
    """Give an element as many attributes as are taken, or more."""
    element = work.pick()
    for number in range(work.draw(st.sampled_from([2, 30, 255, 256, 300]))):
        element.set(f"a{number}", "")


def set_type(work: Work) -> None:
    """Name a type: one of the schema, one that does not fit, one that there is not."""
    element = work.pick()
    names = [etree.QName(each) for each in work.guide.types]
    name = work.one_of(names)
    prefix = next((known for known, uri in element.nsmap.items() if uri == name.namespace and known), None)
    written = f"{prefix}:{name.localname}" if prefix else name.localname
    wrong = (
        "",
        " ",
        "a b",
        "nirgends:typ",
        ":",
        "1",
        CANARY,
        f"{prefix}:{CANARY}",
        "xs:int",
        "{urn:x}y",
        "xsi:type",
        *(etree.QName(_XS, each) for each in _BUILT_IN),
    )
    element.set(f"{{{XSI}}}type", work.one_of([written, written, written, *wrong]))
    if len(element) == 0 and work.one_of([True, False]):
        element.text = work.one_of([" 2024-01-01 ", " 2024 ", "\tINF\n"])


def set_nil(work: Work) -> None:
    """Say that an element is nil, whether it may be or not."""
    element = work.pick()
    element.set(f"{{{XSI}}}nil", work.one_of(["true", "1", "false", "0", "TRUE", "", " true ", CANARY]))
    if work.draw(st.booleans()):
        element[:], element.text = [], None


def nest(work: Work) -> None:
    """Put an element into copies of itself."""
    element = work.pick_below()
    if element is None:
        return
    empty = deepcopy(element)  # lxml makes no new one in a namespace whose name is no URI
    empty.clear()
    for _ in range(work.draw(st.sampled_from([1, 2, 30, 63, 64, 70, 260]))):
        shell = deepcopy(empty)
        element.addprevious(shell)
        shell.append(element)


def change_code(work: Work) -> None:
    """Change a code, its list or its version, or what the header says of the message."""
    coded = [each for each in work.root.iter("*") if "listURI" in each.attrib or each.tag == "code"]
    element = work.one_of(coded) if coded else work.root
    names = ["listURI", "listVersionID", "version", "standard", "produkt", ""]
    name = work.one_of(names)
    value = work.one_of(
        [CANARY, "", "1", "2", "1.0", "1.1", "0101", "0102", f" {CANARY}", "urn:amtsbote:probe:weg"]
    )
    if name:
        element.set(name, value)
    else:
        element.text = value


EDITS: tuple[Callable[[Work], None], ...] = (
    drop, duplicate, reorder, move, rename, change_namespace, declare, insert, set_value, set_value,
    set_value, set_text,
    break_up, set_attribute, set_attribute, set_many_attributes, set_type, set_nil, nest, change_code,
)  # fmt: skip
"""Values are what engines differ in most, so they are changed more often."""
