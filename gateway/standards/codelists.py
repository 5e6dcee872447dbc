"""Code lists in genericode, and whether the codes of a message are in them.

The address of a list is compared, never followed. XÖV has four types of code: the schema fixes list, version
and codes (1), list and version (2), the list alone (3), or nothing (4). After validation all look alike,
since what the schema fixes has been added to the message; codes of type 1 are a matter of the schema.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import cast

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding, Findings, Severity
from gateway.standards.genericode import CodeList, load_code_list
from gateway.xml.declarations import XSD_NAMESPACE, is_nil
from gateway.xml.near import nearest
from gateway.xml.parse import has_more_tags
from gateway.xml.paths import Names
from gateway.xml.positions import Place, find_places
from gateway.xml.reference import parse_reference, write_reference
from gateway.xml.words import Option, allowed, local_of, meant, possible, say, together

__all__ = ["CodeList", "CodeLists", "fixed_lists", "load_code_list"]

# Where the schema fixes the list, validating has added its address.
_CODED = etree.XPath("//@listURI/..")
_CODED_IN_LARGE = etree.XPath("descendant-or-self::*[@listURI]")
_MANY_TAGS = 5_000
"""The first is twice as fast, and takes time by the square of what it finds."""
_MAX_NAME = 90
_XS = f"{{{XSD_NAMESPACE}}}"
_ANY_TEXT = {"anyURI", "string", "normalizedString", "token"}

Describe = Callable[[etree._Element], str | None]
"""Returns what the schema says of an element."""
Fixed = Callable[[etree._Element, str], str | None]
"""Says to which value the schema fixes an attribute of an element; None: to none."""


def fixed_lists(files: Mapping[str, bytes]) -> frozenset[tuple[str, str | None]]:
    """Return the lists that schema documents fix, with their versions; None where the message states it."""
    found = set()
    for content in files.values():
        if b"listURI" not in content:
            continue
        for node in parse_reference(content).iter(f"{_XS}attribute"):
            parent = node.getparent()
            if node.get("name") == "listURI" and node.get("fixed") and parent is not None:
                version = parent.find(f"{_XS}attribute[@name='listVersionID']")
                found.add((node.get("fixed", ""), version.get("fixed") if version is not None else None))
    return frozenset(found)


def asking_for_lists(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return schema documents by which a code that may leave its list out, and does, has an empty address.

    Validating adds it, as it does what the schema fixes, so that nobody has to search for such codes.
    """
    return {name: _asking(content) if b"listURI" in content else content for name, content in files.items()}


def _asking(content: bytes) -> bytes:
    root = parse_reference(content)
    for node in root.iter(f"{_XS}attribute"):
        prefix, _, type_name = node.get("type", "").rpartition(":")
        is_text = type_name in _ANY_TEXT and node.nsmap.get(prefix or None) == XSD_NAMESPACE
        is_local = node.getparent() is not root  # where others refer to it, they may fix it
        may_be_left_out = node.get("use", "optional") == "optional"
        has_value = "default" in node.attrib or "fixed" in node.attrib
        if node.get("name") == "listURI" and is_local and is_text and may_be_left_out and not has_value:
            node.set("default", "")
    return write_reference(root)


class CodeLists:
    """The lists of one standard.

    Args:
        lists: those that are here.
        closed: whether a message may name no other; otherwise one that is not known here is a warning.
        expected: lists, with or without version, that are no surprise where they are not here: the schema
            fixes them somewhere, and the operator knows.
    """

    def __init__(
        self,
        lists: Iterable[CodeList],
        *,
        closed: bool,
        expected: frozenset[tuple[str, str | None]] = frozenset(),
    ) -> None:
        self._lists = {(item.uri, item.version): item for item in lists}
        self._uris = {uri for uri, _ in self._lists}
        self._closed = closed
        self._expected = expected

    def has(self, uri: str, version: str, code: str) -> bool | None:
        """Say whether a list has a code; None where the list is not here or does not name all codes."""
        known = self._lists.get((uri, version))
        return code in known.names if known and known.closed else None

    def find(
        self,
        root: etree._Element,
        body: bytes,
        prefixes: Mapping[str, str],
        *,
        describe: Describe,
        fixed: Fixed,
        refused: bool = False,
    ) -> Findings:
        """Return the lists and codes of a message that are not known.

        A code that an open list lacks is none: such a list names some of its codes. Of lists that are not
        known, each is warned of once.

        Args:
            refused: whether the schema refuses the message. Then it has said what an element lacks that holds
                nothing, or where that stands instead, and which list is not the one that it fixes.
        """
        doubtful = self._doubtful(root, body)
        faults = _once(
            fault
            for element in doubtful
            for fault in self._faults(element, fixed)
            if not (refused and _is_told(fault, element, fixed))
        )
        told = list(islice(faults, MAX_FINDINGS))
        if not told:
            return Findings()
        names = Names(root, prefixes)
        places = find_places(body, root, ((fault.element, fault.attribute) for fault in told))
        shown = [fault.finding(place, names, describe) for fault, place in zip(told, places, strict=True)]
        return Findings.of(shown, sum(1 for _ in faults))

    def accept(self, root: etree._Element, body: bytes) -> bool:
        """Say whether every code is plainly right, so that `find` would find nothing."""
        return not self._doubtful(root, body)

    def _doubtful(self, root: etree._Element, body: bytes) -> list[etree._Element]:
        return [element for element in self._coded(root, body) if not self._is_plainly_right(element)]

    def _coded(self, root: etree._Element, body: bytes) -> list[etree._Element]:
        if not self._closed and not self._lists:
            return []
        search = _CODED_IN_LARGE if has_more_tags(body, _MANY_TAGS) else _CODED
        return cast("list[etree._Element]", search(root))

    def _is_plainly_right(self, element: etree._Element) -> bool:
        """Recognise nearly every code at a fraction of the cost: as written, in a first child `code`."""
        known = self._lists.get((element.get("listURI", ""), element.get("listVersionID", "")))
        if known is None:
            return False
        if not known.closed:
            return True
        if len(element) == 0:
            return False
        first = element[0]
        return first.tag == "code" and first.text in known.names and len(first) == 0

    def _faults(self, element: etree._Element, fixed: Fixed) -> Iterator["_Fault"]:
        uri = (element.get("listURI") or "").strip()
        version = (element.get("listVersionID") or "").strip()
        nil = is_nil(element)
        if nil and not uri:
            return
        if known := self._lists.get((uri, version)):
            meant_lists = [known]
        elif fault := self._unknown_list(element, uri, version, fixed):
            yield fault
            # Whichever version is meant: what is in none of them is wrong in all.
            meant_lists = self._versions(uri) if self._closed else []
        else:
            meant_lists = []
        if not meant_lists or nil or (code := _code_element(element)) is None:
            return
        # Not `text`, which ends at a comment.
        text = " ".join(str(code.xpath("string()")).split())
        if all(each.closed and text not in each.names for each in meant_lists):
            yield _unknown_code(element, code, text, max(meant_lists, key=lambda each: each.version))

    def _versions(self, uri: str) -> list[CodeList]:
        return [item for item in self._lists.values() if item.uri == uri]

    def _unknown_list(self, element: etree._Element, uri: str, version: str, fixed: Fixed) -> "_Fault | None":
        versions = self._versions(uri)
        # Where lists are closed, only what is fixed at this very place leaves the sender no choice.
        if self._is_expected(uri, version, listed=bool(versions)) and (
            not self._closed or fixed(element, "listURI") is not None
        ):
            return None
        if versions:
            return self._unknown_version(element, version, versions)
        message = _LIST_NOT_HERE
        if self._closed:
            message = _UNKNOWN_LIST if uri else _NO_LIST
        return self._list_fault(element, message, lambda: self._list_hint(element, uri), "listURI", uri)

    def _list_hint(self, element: etree._Element, uri: str) -> Bilingual | None:
        near = nearest(uri, sorted(self._uris)) or self._named_like(local_of(element))
        if near:
            return meant(near)
        return allowed(sorted(self._uris)) if self._closed and self._uris else None

    def _named_like(self, name: str) -> str | None:
        """Return the list whose address ends with the name of an element."""
        return next((uri for uri in sorted(self._uris) if re.split("[:.]", uri)[-1] == name), None)

    def _is_expected(self, uri: str, version: str, *, listed: bool) -> bool:
        """Say whether the schema fixes a list that is not here, or a version of one of which another is."""
        return (uri, version) in self._expected or (not listed and (uri, None) in self._expected)

    def _unknown_version(self, element: etree._Element, version: str, versions: list[CodeList]) -> "_Fault":
        message = _UNKNOWN_VERSION if self._closed else _VERSION_NOT_HERE
        options = sorted(item.version for item in versions)
        said = allowed if self._closed else possible
        return self._list_fault(
            element,
            message if version else _NO_VERSION,
            lambda: said(options),
            "listVersionID",
            versions[0].uri,
            versions[0],
        )

    def _list_fault(
        self,
        element: etree._Element,
        message: Bilingual,
        hint: Callable[[], Bilingual | None],
        attribute: str,
        uri: str,
        known: CodeList | None = None,
    ) -> "_Fault":
        severity = Severity.ERROR if self._closed else Severity.WARNING
        once = None if self._closed else (uri, element.get("listVersionID") if known else None)
        stated = element.get(attribute) is not None
        return _Fault(
            element,
            RejectCode.CODE_LIST,
            lambda: _filled(message, local_of(element), _title(known) if known else ""),
            hint,
            attribute if stated else None,
            severity,
            once,
        )


def _unknown_code(element: etree._Element, code: etree._Element, text: str, known: CodeList) -> "_Fault":
    def told() -> Bilingual:
        message, cited = _UNKNOWN_CODE if text else _EMPTY_CODE, _cited(known)
        name = local_of(element)
        return say(message.de.format(name, cited.de), message.en.format(name, cited.en))

    return _Fault(code, RejectCode.CODE, told, lambda: together([_suggestion(text, known), _allowed(known)]))


@lru_cache(maxsize=256)
def _allowed(known: CodeList) -> Bilingual:
    return allowed(_option(known, code) for code in known.names)


def _suggestion(text: str, known: CodeList) -> Bilingual | None:
    """Guess from a code that is nearly right, or from its name in a code's place."""
    code = nearest(text, known.names) or known.named(text)
    return meant(_option(known, code)) if code else None


def _option(known: CodeList, code: str) -> Option:
    name = known.names[code]
    if len(name) > _MAX_NAME:
        name = f"{name[:_MAX_NAME].rpartition(' ')[0]} …"
    return Option(code, name or None)


def _title(known: CodeList) -> str:
    return known.title or known.uri


def _cited(known: CodeList) -> Bilingual:
    """Name a list with its address, once: not every list has a title."""
    uri, version = known.uri, known.version
    if not known.title:
        return say(f"»{uri}« (Version {version})", f"“{uri}” (version {version})")
    return say(f"»{known.title}« ({uri}, Version {version})", f"“{known.title}” ({uri}, version {version})")


def _filled(message: Bilingual, *parts: str) -> Bilingual:
    return say(message.de.format(*parts), message.en.format(*parts))


def used_codes(root: etree._Element) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield address and version of a list, and the code, for everything in a valid message that is coded."""
    for element in cast("list[etree._Element]", _CODED(root)):
        key = (element.get("listURI", "").strip(), element.get("listVersionID", "").strip())
        if (code := _code_element(element)) is not None:
            yield key, " ".join(str(code.xpath("string()")).split())


def _code_element(element: etree._Element) -> etree._Element | None:
    """XÖV codes stand in a child `code`, with or without namespace; older ones in the element itself.

    Among other children there is none, which the schema says.
    """
    return next(element.iterchildren("{*}code"), None if len(element) else element)


def _is_bare(element: etree._Element) -> bool:
    return len(element) == 0 and not (element.text or "").strip()


def _is_told(fault: "_Fault", element: etree._Element, fixed: Fixed) -> bool:
    """Say whether the schema has refused for the same reason."""
    if fault.code is RejectCode.CODE:
        return fault.element is element and _is_bare(element)
    stated = ((fixed(element, name), element.get(name)) for name in ("listURI", "listVersionID"))
    return any(right is not None and given != right for right, given in stated)


def _once(faults: Iterable["_Fault"]) -> Iterator["_Fault"]:
    """Leave out what was warned of before."""
    warned = set()
    for fault in faults:
        if fault.once is None or fault.once not in warned:
            warned.add(fault.once)
            yield fault


@dataclass(frozen=True)
class _Fault:
    element: etree._Element
    code: RejectCode
    message: Callable[[], Bilingual]
    hint: Callable[[], Bilingual | None]
    """Both are only put together where they are shown."""
    attribute: str | None = None
    severity: Severity = Severity.ERROR
    once: tuple[str, str | None] | None = None

    def finding(self, place: Place, names: Names, describe: Describe) -> Finding:
        path = names.path(place.element, place.attribute)
        coded = self.element if self.code is RejectCode.CODE_LIST else _coded_above(self.element)
        return Finding(
            code=str(self.code),
            severity=self.severity,
            path=path,
            namespaces=names.namespaces(path),
            line=place.position.line,
            column=place.position.column,
            message=self.message(),
            hint=self.hint(),
            # Whoever is only warned does not wait for the schema to be read a second time.
            documentation=describe(coded) if self.severity is Severity.ERROR else None,
        )


def _coded_above(code: etree._Element) -> etree._Element:
    parent = code.getparent()
    return code if code.get("listURI") is not None or parent is None else parent


_UNKNOWN_LIST = say(
    "»{0}« nennt eine Codeliste, die in diesem Standard nicht zugelassen ist.",
    "“{0}” names a code list that is not allowed in this standard.",
)
_NO_LIST = say(
    "»{0}« nennt keine Codeliste; dieser Standard verlangt eine, die hier bekannt ist.",
    "“{0}” names no code list; this standard requires one that is known here.",
)
_UNKNOWN_VERSION = say(
    "»{0}« nennt eine Version der Codeliste »{1}«, die in diesem Standard nicht zugelassen ist.",
    "“{0}” names a version of the code list “{1}” that is not allowed in this standard.",
)
_NO_VERSION = say(
    "»{0}« nennt keine Version der Codeliste »{1}«.", "“{0}” names no version of the code list “{1}”."
)
_LIST_NOT_HERE = say(
    "»{0}« nennt eine Codeliste, die hier nicht bekannt ist; der Code wird nicht geprüft.",
    "“{0}” names a code list that is not known here; the code is not checked.",
)
_VERSION_NOT_HERE = say(
    "»{0}« nennt eine Version der Codeliste »{1}«, die hier nicht bekannt ist; der Code wird nicht geprüft.",
    "“{0}” names a version of the code list “{1}” that is not known here; the code is not checked.",
)
_UNKNOWN_CODE = say(
    "Der Code von »{0}« steht nicht in der Codeliste {1}.", "The code of “{0}” is not in the code list {1}."
)
_EMPTY_CODE = say(
    "Der Code von »{0}« ist leer; er muss aus der Codeliste {1} stammen.",
    "The code of “{0}” is empty; it must be of the code list {1}.",
)
