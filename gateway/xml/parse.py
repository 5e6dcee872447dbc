"""The only parser of messages, of the gateway and of the adapters; what operators install `reference` reads.

What it blocks, for every message alike:

- every DOCTYPE, whatever is in it: no DTD, no declared entities, no expansion, no external subset;
- XML 1.1 and every encoding but UTF-8, by byte order mark, by declaration or by content;
- files and network: it is given bytes, never a path or an address; `xsi:schemaLocation`, XInclude and
  `xml-stylesheet` are read as data and never followed; compressed input is not XML;
- messages over `max_bytes`, or half of them with a character beyond U+FFFF, with more tags or attributes than
  should be in memory, nested deeper than `max_depth`, elements with more than `max_attributes` attributes or
  as many namespace declarations, and names or texts beyond libxml2's own limits (50,000 and 10,000,000
  bytes).

Comments and processing instructions are no part of what a message says, and not in the tree: a value is one
text, however it is written, to whoever reads it.

A message that passes costs a handful of C calls; nothing here loops over elements in Python unless a
message is suspicious or refused. Nothing that refuses a message repeats what stands in it.
"""

import re
import threading
from dataclasses import dataclass
from functools import cache
from typing import cast

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import Bilingual, Finding
from gateway.errors import ForbiddenXml, MalformedXml, MessageTooLarge, NotUtf8, Problem
from gateway.xml import wellformed
from gateway.xml.paths import Names
from gateway.xml.positions import Counter, iterate_tags, locate

_BOM = b"\xef\xbb\xbf"
_UTF16_STARTS = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
_USUAL_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'
_DECLARATION = re.compile(
    rb"""\s*<\?xml\s+version\s*=\s*["']([^"'<>]*)["'](?:\s+encoding\s*=\s*["']([^"'<>]*)["'])?"""
)
# Atomic and possessive, or a prolog of many comments would take exponential time.
_DOCTYPE = re.compile(rb"(?>\s+|<!--.*?-->|<\?.*?\?>)*+<!DOCTYPE", re.DOTALL)
_ASCII = bytes(range(128))
# In a text that has what the group finds, all characters take three or four bytes, here and wherever it goes.
_WIDE = re.compile(
    rb"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[[^\xf0-\xf4]*?\]\]>"
    rb"|([\xf0-\xf4]|&#(?:x0*(?:[1-9a-fA-F]|10)[0-9a-fA-F]{4}"
    rb"|0*(?:6553[6-9]|655[4-9]\d|65[6-9]\d{2}|6[6-9]\d{3}|[7-9]\d{4}|[1-9]\d{5,6}));)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(rb"""=\s*["']""")
_SHORTEST_TAG = b"<a/>"
_NAMESPACE_DECLARATION = re.compile(rb"""\sxmlns(?::[^\s=]+)?\s*=\s*(?:"[^"]*"|'[^']*')""")


@dataclass(frozen=True)
class Limits:
    """What a message may weigh; sizes are bytes, depth counts the root as 1."""

    max_bytes: int = 8 * 1024 * 1024
    max_depth: int = 64
    max_attributes: int = 256


DEFAULT_LIMITS = Limits()

MAX_TREE = 80_000
"""Tags and attributes of a whole message, with namespace declarations. A tree costs up to 330 bytes for each
and the text behind it: 8 MiB of empty elements would be half a gigabyte; and a thousand rules take most of a
second for so many. Real messages of that size have attachments or long texts."""

MAX_TREE_TAGS = 10_000
"""A message with more tags is validated as a stream: of a tree libxml2 writes the path of every fault by
counting siblings, which takes hours on a large message full of faults."""

_MAX_PATCHWORK = 100_000_000_000
"""Pieces × bytes of all texts, of a message that is streamed: about a second. libxml2 puts a text together
from its references, comments and sections, and copies what it has for every piece."""
_PIECE_BYTES = 300
"""As which it hands on what is not ASCII."""


class _OfThread(threading.local):
    """A parser for each thread: what it complains of is about the message that this thread has parsed.

    The encoding is fixed, so that no declaration can turn bytes that were checked as UTF-8 into something
    else.
    """

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            encoding="utf-8",
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            collect_ids=False,
            remove_comments=True,
            remove_pis=True,
        )


_OF_THREAD = _OfThread()


def parse(body: bytes, limits: Limits = DEFAULT_LIMITS) -> etree._Element:
    """Parse one message and return its root element.

    Raises:
        MessageTooLarge: more than `limits.max_bytes`.
        NotUtf8: another encoding, declared or used.
        ForbiddenXml: a DOCTYPE, XML 1.1, or beyond another limit.
        MalformedXml: not well-formed.
    """
    if len(body) > limits.max_bytes:
        raise too_large(limits.max_bytes)
    _require_plain_prolog(body)
    if has_larger_tree(body, MAX_TREE):
        raise _at_byte(ForbiddenXml, body, 0, _TREE_TOO_LARGE)
    parser = _OF_THREAD.parser
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        _require_utf8(body)
        raise _syntax_problem(body, int(error.code), *error.position, error.msg) from None  # type: ignore[attr-defined]
    # lxml goes by the last complaint alone: a warning hides an error about namespaces that came before it.
    for complaint in parser.error_log.filter_from_errors():
        _require_utf8(body)
        raise _syntax_problem(body, complaint.type, complaint.line, complaint.column, complaint.message)
    _require_small(root, body, limits)
    return root


def has_more_tags(body: bytes, tags: int) -> bool:
    """Say whether a message has more tags than so many; nobody counts where it has not even as many bytes."""
    return len(body) > tags and body.count(b"<") > tags


def has_larger_tree(body: bytes, most: int) -> bool:
    """Say whether a message has more tags and attributes than so many, by what looks like them."""
    if len(body) <= len(_SHORTEST_TAG) * most:
        return False
    tags = body.count(b"<")
    return tags + body.count(b"=") > most and tags + sum(1 for _ in _ATTRIBUTE.finditer(body)) > most


def _require_plain_prolog(body: bytes) -> None:
    if body.startswith(_UTF16_STARTS):
        raise _at_byte(NotUtf8, body, 0, _UTF16)
    if not body.startswith(_USUAL_DECLARATION):
        _require_plain_declaration(body)
    # One byte is found ten times as fast as what it begins is ruled out.
    if b"!" in body and (found := _DOCTYPE.match(body, 3 if body.startswith(_BOM) else 0)):
        raise _at_byte(ForbiddenXml, body, found.end() - len(b"<!DOCTYPE"), _DOCTYPE_FORBIDDEN)


def _require_plain_declaration(body: bytes) -> None:
    declaration = _DECLARATION.match(body, 3 if body.startswith(_BOM) else 0)
    if declaration:
        version, encoding = declaration.groups()
        if encoding is not None and encoding.lower() != b"utf-8":
            raise _at_byte(NotUtf8, body, declaration.start(2), _OTHER_ENCODING)
        if version != b"1.0":
            raise _at_byte(ForbiddenXml, body, declaration.start(1), _OTHER_VERSION)


def _require_utf8(body: bytes) -> None:
    """Say of a message that libxml2 has refused whether that is why: it takes no other bytes."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        ends_here = wellformed.ENDS_HERE if error.reason == "unexpected end of data" else None
        raise _at_byte(NotUtf8, body, error.start, _INVALID_BYTES, ends_here) from None


def _require_small(root: etree._Element, body: bytes, limits: Limits) -> None:
    """Check characters, depth and breadth; a byte count spares nearly every message most of it."""
    most = limits.max_bytes // 2
    if len(body) > most and (wide := next((each for each in _WIDE.finditer(body) if each[1]), None)):
        raise _at_byte(ForbiddenXml, body, wide.start(), _too_wide(most))
    # Each step takes its time, also where nothing is left to go down to.
    if _is_deeper(limits.max_depth // 4)(root) and _is_deeper(limits.max_depth)(root):
        raise _at_element(root, body, _first(root, "/*" * (limits.max_depth + 1)), _too_deep(limits))
    if has_more_tags(body, MAX_TREE_TAGS) and (element := find_patchwork(root, body)) is not None:
        raise _at_element(root, body, element, _PATCHWORK)
    if body.count(b"=") <= limits.max_attributes:
        return
    if _is_broader(limits.max_attributes)(root):
        element = _first(root, f"//*[@*[{limits.max_attributes + 1}]]")
        raise _at_element(root, body, element, _too_many_attributes(limits))
    if body.count(b"xmlns") > limits.max_attributes:
        _require_few_declarations(root, body, limits)


def too_large(max_bytes: int) -> MessageTooLarge:
    """Say the same of what has a length and of what is not read to its end."""
    return MessageTooLarge(
        Bilingual(
            de=f"Hier werden höchstens {max_bytes} Byte angenommen.",
            en=f"At most {max_bytes} bytes are taken here.",
        )
    )


def find_patchwork(root: etree._Element, body: bytes) -> etree._Element | None:
    """Return the element whose tag follows texts in too many pieces to be streamed; None if none does."""
    if _pieces(body) * len(body) <= _MAX_PATCHWORK:
        return None
    end = patchwork = 0
    for tag in iterate_tags(body, root):
        text = body[end : tag.start]
        patchwork += _pieces(text) * len(text)
        if patchwork > _MAX_PATCHWORK:
            return tag.element
        end = tag.end
    return None


def _pieces(text: bytes) -> int:
    if text.isascii():
        return text.count(b"&") + text.count(b"<")
    return text.count(b"&") + text.count(b"<") + len(text.translate(None, _ASCII)) // _PIECE_BYTES


def _require_few_declarations(root: etree._Element, body: bytes, limits: Limits) -> None:
    # Declarations are no attributes and no XPath counts them: the tags' bytes have to be read.
    for tag in iterate_tags(body, root):
        text = body[tag.start : tag.end]
        if text.count(b"xmlns") > limits.max_attributes:
            declarations = sum(1 for _ in _NAMESPACE_DECLARATION.finditer(text))
            if declarations > limits.max_attributes:
                raise _at_element(root, body, tag.element, _too_many_declarations(limits))


@cache
def _is_deeper(depth: int) -> etree.XPath:
    return etree.XPath("boolean(" + "/*" * (depth + 1) + ")", regexp=False)


@cache
def _is_broader(attributes: int) -> etree.XPath:
    return etree.XPath(f"boolean(//*[@*[{attributes + 1}]])", regexp=False)


def _first(root: etree._Element, xpath: str) -> etree._Element:
    return cast("list[etree._Element]", root.xpath(f"({xpath})[1]"))[0]


def _syntax_problem(body: bytes, code: int, line: int, column: int, said: str) -> Problem:
    if code in wellformed.LIMIT_ERRORS:
        return _problem(ForbiddenXml, line, column, wellformed.NODE_TOO_LARGE)
    end = Counter(body).position(len(body))
    hint = wellformed.hint(code, said, body, at_end=(line, column) == (end.line, end.column))
    return _problem(MalformedXml, line, column, wellformed.sentence(code, said), hint)


def _at_byte(
    kind: type[Problem], body: bytes, offset: int, message: Bilingual, hint: Bilingual | None = None
) -> Problem:
    position = Counter(body).position(offset)
    return _problem(kind, position.line, position.column, message, hint)


def _problem(
    kind: type[Problem], line: int, column: int, message: Bilingual, hint: Bilingual | None = None
) -> Problem:
    finding = Finding(code=_code(kind), line=max(line, 1), column=max(column, 1), message=message, hint=hint)
    return kind(findings=[finding])


def _at_element(root: etree._Element, body: bytes, element: etree._Element, message: Bilingual) -> Problem:
    position = locate(body, root, [element])[element]
    names = Names(root)
    path = names.path(element)
    finding = Finding(
        code=_code(ForbiddenXml),
        path=path,
        namespaces=names.namespaces(path),
        line=position.line,
        column=position.column,
        message=message,
    )
    return ForbiddenXml(findings=[finding])


def _code(kind: type[Problem]) -> str:
    return str(kind.code or RejectCode.OTHER)


_UTF16 = Bilingual(
    de="Die Nachricht ist in UTF-16 oder UTF-32 kodiert; angenommen wird nur UTF-8.",
    en="The message is encoded in UTF-16 or UTF-32; only UTF-8 is taken.",
)
_OTHER_ENCODING = Bilingual(
    de="Die XML-Deklaration nennt eine andere Kodierung als UTF-8; angenommen wird nur, was UTF-8 ist und "
    "sich so nennt.",
    en="The XML declaration names another encoding than UTF-8; only what is UTF-8 and says so is taken.",
)
_INVALID_BYTES = Bilingual(
    de="An dieser Stelle stehen Bytes, die kein gültiges UTF-8 sind; angenommen wird nur UTF-8.",
    en="The bytes at this place are not valid UTF-8; only UTF-8 is taken.",
)
_OTHER_VERSION = Bilingual(
    de="Die XML-Deklaration nennt nicht Version 1.0; angenommen wird nur XML 1.0.",
    en="The XML declaration does not say version 1.0; only XML 1.0 is taken.",
)
_TREE_TOO_LARGE = Bilingual(
    de=f"Die Nachricht hat mehr als {MAX_TREE} Tags und Attribute; so viele werden nicht angenommen.",
    en=f"The message has more than {MAX_TREE} tags and attributes; so many are not taken.",
)


def _too_wide(most: int) -> Bilingual:
    return Bilingual(
        de="An dieser Stelle steht ein Zeichen jenseits von U+FFFF, etwa ein Emoji; eine Nachricht mit einem "
        f"solchen darf höchstens {most} Byte haben.",
        en="At this place is a character beyond U+FFFF, such as an emoji; a message with one may have at "
        f"most {most} bytes.",
    )


_PATCHWORK = Bilingual(
    de="Der Text an dieser Stelle besteht aus mehr Zeichenreferenzen, Kommentaren und Abschnitten, als "
    "angenommen werden; schreiben Sie die Zeichen unmittelbar.",
    en="The text at this place consists of more character references, comments and sections than are taken; "
    "write the characters themselves.",
)
_DOCTYPE_FORBIDDEN = Bilingual(
    de="Die Nachricht enthält eine DOCTYPE-Deklaration; Nachrichten müssen ohne DOCTYPE und ohne eigene "
    "Entitäten auskommen.",
    en="The message has a DOCTYPE declaration; messages must do without a DOCTYPE and without entities of "
    "their own.",
)


def _too_deep(limits: Limits) -> Bilingual:
    return Bilingual(
        de=f"Das Element ist tiefer geschachtelt als die zulässigen {limits.max_depth} Ebenen.",
        en=f"The element is nested deeper than the {limits.max_depth} levels that are taken.",
    )


def _too_many_attributes(limits: Limits) -> Bilingual:
    return Bilingual(
        de=f"Das Element hat mehr als {limits.max_attributes} Attribute.",
        en=f"The element has more than {limits.max_attributes} attributes.",
    )


def _too_many_declarations(limits: Limits) -> Bilingual:
    return Bilingual(
        de=f"Das Element hat mehr als {limits.max_attributes} Namensraum-Deklarationen.",
        en=f"The element has more than {limits.max_attributes} namespace declarations.",
    )
