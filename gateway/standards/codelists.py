"""Code lists in genericode, and whether the codes of a message are in them.

The address of a list is compared, never followed. Files differ by generation: six namespaces of metadata,
`recommendedKeyColumn` or `empfohleneCodeSpalte` or neither, one key or several.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding, Findings
from gateway.errors import ConfigurationError
from gateway.xml.faults import allowed_values
from gateway.xml.parse import parse_reference
from gateway.xml.paths import Names
from gateway.xml.positions import Position, locate

_KEY_MARKS = "recommendedKeyColumn", "empfohleneCodeSpalte"
# Where the schema fixes the list, validating has added its address.
_CODED = etree.XPath("//@listURI/..")


@dataclass(frozen=True)
class CodeList:
    """One version of a code list. An open one names some codes, not all that exist."""

    uri: str
    version: str
    codes: frozenset[str]
    closed: bool = True


def load_code_list(path: Path, *, closed: bool) -> CodeList:
    """Read a genericode file.

    Raises:
        ConfigurationError: it cannot be read, or names no list, version or code.
    """
    try:
        root = parse_reference(path.read_bytes())
    except (OSError, etree.XMLSyntaxError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error
    uri, version = root.findtext(".//CanonicalUri"), root.findtext(".//Identification/Version")
    codes = frozenset(_codes(root))
    if not (uri and version and codes):
        raise ConfigurationError(f"{path}: is no genericode list with CanonicalUri, Version and codes")
    return CodeList(uri.strip(), version.strip(), codes, closed)


def _codes(root: etree._Element) -> Iterable[str]:
    columns = [column.get("Id", "") for column in root.iterfind(".//ColumnSet/Column")]
    key = _key_column(root, columns)
    for row in root.iterfind(".//SimpleCodeList/Row"):
        position = -1
        for value in row.iterfind("Value"):
            # Genericode: a value without a reference belongs to the column after the last one.
            reference = value.get("ColumnRef")
            position = columns.index(reference) if reference in columns else position + 1
            text = value.findtext("SimpleValue")
            if text is not None and 0 <= position < len(columns) and columns[position] == key:
                yield " ".join(text.split())


def _key_column(root: etree._Element, columns: list[str]) -> str | None:
    keys = list(root.iterfind(".//ColumnSet/Key"))
    marked = [key for key in keys if any(True for _ in key.iter(*(f"{{*}}{mark}" for mark in _KEY_MARKS)))]
    for key in (*marked, *keys):
        reference = key.find("ColumnRef")
        if reference is not None:
            return reference.get("Ref")
    return columns[0] if columns else None


class CodeLists:
    """The lists of one standard; `closed` means that a message may name no other."""

    def __init__(self, lists: Iterable[CodeList], *, closed: bool) -> None:
        self._lists = {(item.uri, item.version): item for item in lists}
        self._closed = closed

    def has(self, uri: str, version: str, code: str) -> bool | None:
        """Say whether a list has a code; None where the list is not here or does not name all codes."""
        known = self._lists.get((uri, version))
        return code in known.codes if known and known.closed else None

    def find(self, root: etree._Element, body: bytes, prefixes: Mapping[str, str]) -> Findings:
        """Return the lists and codes of a message that are not known."""
        doubtful = [element for element in self._coded(root) if not self._is_plainly_right(element)]
        faults = [fault for element in doubtful if (fault := self._fault(element))]
        if not faults:
            return Findings()
        positions = locate(body, root, (fault.element for fault in faults[:MAX_FINDINGS]))
        names = Names(root, prefixes)
        shown = [fault.finding(positions, names) for fault in faults[:MAX_FINDINGS]]
        return Findings.of(shown, len(faults) - len(shown))

    def _coded(self, root: etree._Element) -> list[etree._Element]:
        found = _CODED(root) if self._closed or self._lists else []
        return cast("list[etree._Element]", found)

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
        return first.tag == "code" and first.text in known.codes and len(first) == 0

    def _fault(self, element: etree._Element) -> "_Fault | None":
        uri = (element.get("listURI") or "").strip()
        version = (element.get("listVersionID") or "").strip()
        known = self._lists.get((uri, version))
        if known is None:
            return self._unknown_list(element, uri) if self._closed else None
        code = _code_element(element)
        # Not `text`, which ends at a comment.
        if not known.closed or " ".join(str(code.xpath("string()")).split()) in known.codes:
            return None
        return _Fault(code, RejectCode.CODE, _UNKNOWN_CODE, allowed_values(sorted(known.codes)))

    def _unknown_list(self, element: etree._Element, uri: str) -> "_Fault":
        versions = sorted(item.version for item in self._lists.values() if item.uri == uri)
        if versions:
            allowed = allowed_values(versions)
            return _Fault(element, RejectCode.CODE_LIST, _UNKNOWN_VERSION, allowed, "listVersionID")
        uris = sorted({item.uri for item in self._lists.values()})
        hint = allowed_values(uris) if uris else None
        return _Fault(element, RejectCode.CODE_LIST, _UNKNOWN_LIST, hint, "listURI")


def used_codes(root: etree._Element) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield address and version of a list, and the code, for everything in a valid message that is coded."""
    for element in cast("list[etree._Element]", _CODED(root)):
        key = (element.get("listURI", "").strip(), element.get("listVersionID", "").strip())
        yield key, " ".join(str(_code_element(element).xpath("string()")).split())


def _code_element(element: etree._Element) -> etree._Element:
    """XÖV codes stand in a child `code`, with or without namespace; older ones in the element itself."""
    return next((child for child in element.iterchildren("{*}code")), element)


@dataclass(frozen=True)
class _Fault:
    element: etree._Element
    code: RejectCode
    message: Bilingual
    hint: Bilingual | None
    attribute: str | None = None

    def finding(self, positions: Mapping[etree._Element, Position], names: Names) -> Finding:
        position = positions[self.element]
        stated = self.attribute and self.element.get(self.attribute) is not None
        return Finding(
            code=str(self.code),
            path=names.path(self.element, self.attribute if stated else None),
            line=position.line,
            column=position.column,
            message=self.message,
            hint=self.hint,
        )


_UNKNOWN_LIST = Bilingual(
    de="Die hier genannte Codeliste ist in diesem Standard nicht zugelassen.",
    en="The code list named here is not allowed in this standard.",
)
_UNKNOWN_VERSION = Bilingual(
    de="Diese Version der Codeliste ist in diesem Standard nicht zugelassen.",
    en="This version of the code list is not allowed in this standard.",
)
_UNKNOWN_CODE = Bilingual(
    de="Der Code steht nicht in der angegebenen Codeliste.",
    en="The code is not in the code list named here.",
)
