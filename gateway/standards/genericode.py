"""Code lists as genericode files have them: the codes, and what they are called.

Files differ by generation: six namespaces of metadata, `recommendedKeyColumn` or `empfohleneCodeSpalte` or
neither, one key or several, and columns of any name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.xml.reference import read_reference

_KEY_MARKS = "recommendedKeyColumn", "empfohleneCodeSpalte"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
# What the column with the names may be called, the likeliest first: whole, or as a part of it.
_NAMES = ("name", "bezeichnung", "beschreibung", "wert", "description", "longname", "shortname", "label")
_PARTS = ("kurz", "name", "bezeichn", "beschreib", "deutsch", "descr", "wert")
_ENGLISH = ("english", "englisch")


@dataclass(frozen=True)
class CodeList:
    """One version of a code list. An open one names some codes, not all that exist."""

    uri: str
    version: str
    names: Mapping[str, str] = field(hash=False)
    """Each code, in the order of the file, with what it is called; "" where it has no name."""
    closed: bool = True
    title: str | None = None

    def named(self, name: str) -> str | None:
        """Return the code of that name, whatever its case."""
        return self._by_name.get(name.casefold())

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return {name.casefold(): code for code, name in self.names.items() if name}

    @property
    def codes(self) -> frozenset[str]:
        """All codes."""
        return frozenset(self.names)


def load_code_list(path: Path, *, closed: bool) -> CodeList:
    """Read a genericode file.

    Raises:
        ConfigurationError: it cannot be read, or names no list, version or code.
    """
    root = read_reference(path)
    uri, version = root.findtext(".//CanonicalUri"), root.findtext(".//Identification/Version")
    names = _names(root)
    if not (uri and version and names):
        raise ConfigurationError(f"{path}: is no genericode list with CanonicalUri, Version and codes")
    return CodeList(uri.strip(), version.strip(), names, closed, _title(root))


def _title(root: etree._Element) -> str | None:
    found = [*root.iterfind("Identification/LongName"), *root.iterfind("Identification/ShortName")]
    best = sorted(found, key=lambda each: (each.get(_LANGUAGE) or "de")[:2] != "de")
    return next((text for each in best if (text := " ".join((each.text or "").split()))), None)


def _names(root: etree._Element) -> dict[str, str]:
    elements = root.findall(".//ColumnSet/Column")
    columns = [element.get("Id", "") for element in elements]
    keys = _key_columns(root, columns)
    labels = {each: _labels(element) for each, element in zip(columns, elements, strict=True)}
    name = _name_column({each: said for each, said in labels.items() if each not in keys[:1]})
    names: dict[str, str] = {}
    rows = list(_rows(root, columns))
    for key in keys:
        for row in rows:
            if code := row.get(key):
                names.setdefault(code, row.get(name or "", "") if name != key else "")
    return names


def _rows(root: etree._Element, columns: list[str]) -> Iterator[dict[str, str]]:
    for row in root.iterfind(".//SimpleCodeList/Row"):
        values: dict[str, str] = {}
        position = -1
        for value in row.iterfind("Value"):
            # Genericode: a value without a reference belongs to the column after the last one.
            reference = value.get("ColumnRef")
            position = columns.index(reference) if reference in columns else position + 1
            text = value.findtext("SimpleValue")
            if text is not None and 0 <= position < len(columns):
                values[columns[position]] = " ".join(text.split())
        yield values


def _key_columns(root: etree._Element, columns: list[str]) -> list[str]:
    """Return the recommended key column; without a recommendation a code may be any key's."""
    keys = list(root.iterfind(".//ColumnSet/Key"))
    marked = [key for key in keys if any(True for _ in key.iter(*(f"{{*}}{mark}" for mark in _KEY_MARKS)))]
    references = [key.find("ColumnRef") for key in marked[:1] or keys]
    found = [reference.get("Ref", "") for reference in references if reference is not None]
    return found or columns[:1]


def _labels(column: etree._Element) -> list[str]:
    """Return what a column is called."""
    return [(column.get("Id") or "").casefold(), (column.findtext("ShortName") or "").strip().casefold()]


def _name_column(labels: Mapping[str, list[str]]) -> str | None:
    """Return the column that most likely has the German names of the codes, of those that are not the key."""
    german = {
        column: said
        for column, said in labels.items()
        if not any(word in each for word in _ENGLISH for each in said)
    }
    for word in _NAMES:
        if found := next((column for column, said in german.items() if word in said), None):
            return found
    for word in _PARTS:
        if found := next((col for col, said in german.items() if any(word in each for each in said)), None):
            return found
    return next(iter(german or labels), None)
