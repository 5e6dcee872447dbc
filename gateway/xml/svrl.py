"""SVRL, the report that compiled Schematron writes: which rules a message breaks, and where.

A report may hold what stands in the message: the texts of rules often repeat it. So a stylesheet is gone
through before it is used. Whatever puts a value into a text is replaced by `…`, but for names of elements;
and what was seen to be so is marked. The text of a report that has no mark is not read.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lxml import etree

from gateway.xml.stylesheet import XSL

SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_REPORT = f"{SVRL}schematron-output"
_REPORTED = f"{SVRL}successful-report"
FAILURES = (f"{SVRL}failed-assert", _REPORTED)
_ERROR = f"{SVRL}error"
"""What a stylesheet writes that goes on where a rule has failed on a message."""
VALUE = "…"

_PREFIX = f"{SVRL}ns-prefix-in-attribute-values"
OURS = "{urn:amtsbote:svrl}"
MORE = f"{OURS}more"
"""Stands for as many failures of its rule and level as its `count` says, which nobody wants to see."""
SEEN = f"{OURS}seen"
_TEXTS = (f"{SVRL}text", f"{SVRL}diagnostic-reference")
_NAME_ONLY = re.compile(r"\s*(?:local-)?name\((?:\.|\.\.|[./*:\w-]*)\)\s*")
_READ = {_PREFIX, _ERROR, MORE, *FAILURES}
_MAX_TEXT = 2000
_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Failure:
    """One rule that a message breaks: its id, its own sentence and what diagnostics add.

    `location` is an XPath, `prefixes` what its prefixes stand for; `level` is what role or flag say.
    """

    rule: str | None
    level: str
    location: str
    prefixes: Mapping[str, str]
    text: str
    diagnostics: str
    is_report: bool = False
    """Whether it says what is the case, and not what should be."""


def writes_svrl(stylesheet: etree._Element) -> bool:
    """Say whether a stylesheet can write a report at all: of any other nothing would be heard."""
    made = (each.get("name", "") for each in stylesheet.iter(f"{XSL}element"))
    return next(stylesheet.iter(_REPORT), None) is not None or any(
        name.endswith("schematron-output") for name in made
    )


def silence(stylesheet: etree._Element) -> None:
    """Keep the values of a message out of the texts that a stylesheet writes."""
    for failure in stylesheet.iter(*FAILURES):
        failure.set(SEEN, "yes")
        if "{" in failure.get("id", "").replace("{{", ""):
            del failure.attrib["id"]
        for attribute in failure.iterchildren(f"{XSL}attribute"):
            if attribute.get("name") == "id" and (len(attribute) or "select" in attribute.attrib):
                failure.remove(attribute)
    for text in stylesheet.iter(*_TEXTS):
        text.set(SEEN, "yes")
        _silence(text, expands=any(_expands(each) for each in text.iterancestors()))


def _silence(element: etree._Element, *, expands: bool) -> None:
    expands = expands or _expands(element)
    if expands and element.text:
        element.text = _without_templates(element.text)
    for child in [*element]:
        if expands and child.tail:
            child.tail = _without_templates(child.tail)
        if not isinstance(child.tag, str):
            continue
        if not child.tag.startswith(XSL) or child.tag == f"{XSL}text":
            _silence(child, expands=expands)
        elif child.tag != f"{XSL}value-of" or not _NAME_ONLY.fullmatch(child.get("select", "")):
            silent = etree.Element(f"{XSL}text")
            silent.text, silent.tail, silent.sourceline = VALUE, child.tail, child.sourceline
            element.replace(child, silent)


def _expands(element: etree._Element) -> bool:
    """Whether `{…}` is evaluated in a text from here on; a `no` further in is not believed, which is safe."""
    stated = element.get("expand-text") or element.get(f"{XSL}expand-text") or "no"
    return stated.strip() in {"yes", "true", "1"}


def _without_templates(text: str) -> str:
    return re.sub(r"\{.*\}", VALUE, text, flags=re.DOTALL)


def read(
    report: bytearray, wanted: Callable[[str | None, str, int], bool] = lambda *_: True
) -> Iterator[Failure]:
    """Read a report, failure by failure; nothing of it that has not been through `silence` is told.

    Args:
        wanted: is asked with rule and level of every failure, and the number that it stands for, whether it
            is to be read any further.

    Raises:
        ValueError: it is none, or not complete.
    """
    prefixes: dict[str, str] = {}
    for element in _elements(report):
        if element.tag == _ERROR:
            raise ValueError("the report tells of an error")
        if element.tag == _PREFIX:  # these come first
            prefixes[element.get("prefix", "")] = element.get("uri", "")
            continue
        rule = element.get("id") if element.get(SEEN) else None
        level = (element.get("role") or element.get("flag") or "").strip().lower()
        if element.tag == MORE:
            wanted(rule, level, int(element.get("count", "0")))
        elif wanted(rule, level, 1):
            yield _failure(element, rule, level, prefixes)


def _elements(report: bytearray) -> Iterator[etree._Element]:
    """Yield what is to be read of a report, and keep nothing: there may be a hundred thousand failures."""
    parser = etree.XMLPullParser(events=("start", "end"), resolve_entities=False)
    root = failure = None
    for start in range(0, len(report), _PIECE_BYTES):
        is_xml = _feed(parser, bytes(report[start : start + _PIECE_BYTES]))
        events: Iterator[Any] = parser.read_events()
        for event, element in events:
            if event == "start":
                root = element if root is None else root
                failure = element if failure is None and element.tag in FAILURES else failure
                continue
            if element.tag in _READ:
                yield element
            if failure in {None, element}:
                failure = None
                above = element.getparent()
                if above is not None:
                    del above[: above.index(element)]
        if not is_xml:
            break
    if not _feed(parser, None):
        raise ValueError("the report is not XML")
    if root is None or root.tag != _REPORT:
        raise ValueError("the report is not SVRL")


def _feed(parser: etree.XMLPullParser, piece: bytes | None) -> bool:
    """Feed a piece, or close the parser, and say whether it is still XML."""
    try:
        if piece is None:
            parser.close()
        else:
            parser.feed(piece)
    except etree.XMLSyntaxError:
        return False
    return True


def _failure(element: etree._Element, rule: str | None, level: str, prefixes: Mapping[str, str]) -> Failure:
    seen = [each for each in element.iterchildren(*_TEXTS) if each.get(SEEN)]
    return Failure(
        rule,
        level,
        location=element.get("location", "/"),
        prefixes=prefixes,
        text=" ".join(_plain(each) for each in seen if each.tag == f"{SVRL}text"),
        diagnostics=" ".join(_plain(each) for each in seen if each.tag != f"{SVRL}text"),
        is_report=element.tag == _REPORTED,
    )


def _plain(element: etree._Element) -> str:
    return " ".join(str(element.xpath("string()")).split())[:_MAX_TEXT]


# How our own compiler writes the place of an element.
_NUMBER = re.compile(r"/descendant::\*\[(\d{1,9})\]")
# How the compilers that are in use write a step: Q{uri}a, *:a[namespace-uri()='uri'],
# *[local-name()='a' and namespace-uri()='uri'], p:a, a; each with or without a position.
_STEP = re.compile(
    r"""/(?P<attribute>@)?(?:
        Q\{(?P<uri1>[^{}]*)\}(?P<local1>[\w.-]+)
      | \*:(?P<local2>[\w.-]+)\[\s*namespace-uri\(\)\s*=\s*(?P<q>["'])(?P<uri2>.*?)(?P=q)\s*\]
      | \*\[\s*local-name\(\)\s*=\s*(?P<r>["'])(?P<local3>[\w.-]+)(?P=r)\s*(?:and|\]\s*\[)\s*
            namespace-uri\(\)\s*=\s*(?P<s>["'])(?P<uri3>.*?)(?P=s)\s*\]
      | (?:(?P<prefix>[\w.-]++):)?(?P<local4>[\w.-]++)(?![(:])
    )(?:\[(?P<position>\d+)\])?""",
    re.VERBOSE,
)


def resolve(root: etree._Element, failures: Sequence[Failure]) -> list[tuple[etree._Element, str | None]]:
    """Return for each failure the element that it is about and, where it is one, the attribute's name.

    Nothing of a location is evaluated, as it holds names that the sender has chosen. What cannot be followed,
    such as the step to a text, is left: its parent is as good a place.
    """
    numbers = {int(found[1]) for each in failures if (found := _NUMBER.fullmatch(each.location))}
    elements = islice(root.iter("*"), max(numbers, default=0))
    by_number = {number: each for number, each in enumerate(elements, start=1) if number in numbers}
    return [
        (by_number.get(int(found[1]), root), None)
        if (found := _NUMBER.fullmatch(each.location))
        else _follow(root, each)
        for each in failures
    ]


def _follow(root: etree._Element, failure: Failure) -> tuple[etree._Element, str | None]:
    found: etree._Element | None = None
    for step in _steps(failure.location):
        name = _expanded(step, failure.prefixes)
        if step["attribute"]:
            return (root, None) if found is None else (found, name if name in found.attrib else None)
        children = iter([root]) if found is None else found.iterchildren()
        same = (child for child in children if child.tag == name)
        following = next(islice(same, max(int(step["position"] or 1) - 1, 0), None), None)
        if following is None:
            break
        found = following
    return (root if found is None else found), None


def _steps(location: str) -> Iterator[re.Match[str]]:
    position = 0
    while step := _STEP.match(location, position):
        yield step
        position = step.end()


def _expanded(step: re.Match[str], prefixes: Mapping[str, str]) -> str:
    uri = step["uri1"] or step["uri2"] or step["uri3"] or prefixes.get(step["prefix"] or "", "")
    local = step["local1"] or step["local2"] or step["local3"] or step["local4"]
    return f"{{{uri}}}{local}" if uri else str(local)
