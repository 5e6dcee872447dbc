"""The local catalogue of schema files: what an import means, without asking the network.

Published schemas import shared types by addresses of the web. An import is resolved by target namespace and
file name among the files of all standards; one that is not found is an error, because both engines would
silently go on without it. The documents of a schema are renamed and made to refer to each other by these
names; where several files share a namespace, one file that includes them all stands for it (libxml2 ignores
a second import of a namespace).
"""

import copy
import importlib.resources
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.standards.gaps import XSD, open_derived, stand_in, uses
from gateway.xml.reference import parse_reference, read_reference, write_reference
from gateway.xml.validate import Documents

_IMPORT = f"{XSD}import"
_INCLUSIONS = (f"{XSD}include", f"{XSD}redefine")
_OF_1_1 = {
    f"{XSD}{name}"
    for name in ("alternative", "assert", "assertion", "defaultOpenContent", "openContent", "override")
}
_MIN_VERSION = "{http://www.w3.org/2007/XMLSchema-versioning}minVersion"
_NOT_IN_A_URI = re.compile(r"[^A-Za-z0-9._-]")

# Schemas of the W3C that standards import by address; they come with xmlschema.
_W3C = {
    "http://www.w3.org/XML/1998/namespace": "XML/xml.xsd",
    "http://www.w3.org/1999/xlink": "XLINK/xlink.xsd",
    "http://www.w3.org/2000/09/xmldsig#": "DSIG/xmldsig-core-schema.xsd",
    "http://www.w3.org/2001/04/xmlenc#": "XENC/xenc-schema.xsd",
}


class UnresolvedImport(ConfigurationError):
    """A schema file that another one names is not here."""


class SchemaFiles:
    """All schema files of all standards, by target namespace and file name; a folder is read when asked."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = [folder.resolve() for folder in folders]
        self._indexes: dict[Path, dict[tuple[str, str], list[Path]]] = {}

    def resolve(self, origin: Path, namespace: str, location: str, relation: str = "import") -> Path:
        """Return the file that a schema means by a namespace and a location, first of its own folder.

        Raises:
            ConfigurationError: there is none, or several that differ.
        """
        name = _base_name(location)
        home = next((folder for folder in self._folders if origin.is_relative_to(folder)), None)
        found = self._find([home] if home else [], namespace, name)
        found = found or self._find(self._folders, namespace, name)
        if not found and namespace in _W3C:
            found = [Path(str(importlib.resources.files("xmlschema"))) / "schemas" / _W3C[namespace]]
        beside = (origin.parent / location).resolve() if location and "://" not in location else None
        if beside in found:
            return beside
        return _only(found, f"{origin}: {relation} of {namespace or 'no namespace'}", location)

    def _find(self, folders: Iterable[Path], namespace: str, name: str) -> list[Path]:
        indexes = [self._index(folder) for folder in folders]
        if name:
            return [path for index in indexes for path in index.get((namespace, name), [])]
        return [
            path
            for index in indexes
            for (known, _), paths in index.items()
            if known == namespace
            for path in paths
        ]

    def _index(self, folder: Path) -> dict[tuple[str, str], list[Path]]:
        if folder not in self._indexes:
            index: dict[tuple[str, str], list[Path]] = {}
            for path in schema_paths(folder):
                namespace = read_schema(path).get("targetNamespace", "")
                index.setdefault((namespace, path.name), []).append(path)
            self._indexes[folder] = index
        return self._indexes[folder]


def schema_paths(folder: Path) -> list[Path]:
    """Return every schema file below a folder, whichever case its suffix is in."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".xsd" and path.is_file())


def _only(found: Iterable[Path], what: str, location: str) -> Path:
    distinct = list({path.read_bytes(): path for path in found}.values())
    if len(distinct) > 1:
        distinct = list({_meaning(path): path for path in distinct}.values())
    if len(distinct) == 1:
        return distinct[0]
    if distinct:
        listed = ", ".join(map(str, distinct))
        raise ConfigurationError(
            f"{what} ({location}) is ambiguous: {listed}; put the file that is meant into the folder of the "
            "standard that imports it"
        )
    raise UnresolvedImport(
        f"{what} from {location or '(no location)'} is not among the schema files of the standards; put the "
        "file into a standard's folder"
    )


def read_schema(path: Path) -> etree._Element:
    """Parse one schema file.

    Raises:
        ConfigurationError: it cannot be read or is not XML.
    """
    root = read_reference(path)
    require_no_entities(root, path)
    return root


def require_version_1_0(root: etree._Element, path: Path) -> None:
    """Refuse a schema of XML Schema 1.1: libxml2, which decides, would take its conditions for nothing.

    Raises:
        ConfigurationError: it uses what only 1.1 has.
    """
    for element in root.iter(f"{XSD}*"):
        if element.tag in _OF_1_1 or element.get(_MIN_VERSION, "1.0") != "1.0":
            raise ConfigurationError(
                f"{path}:{element.sourceline}: uses XML Schema 1.1 ({etree.QName(element).localname}), and "
                "only 1.0 is validated here; take a release for 1.0, or leave this file out"
            )


def require_no_entities(root: etree._Element, path: Path) -> None:
    """Refuse a schema that uses entities of its own DTD: they are not expanded, and no engine gets the DTD.

    Schemas of the W3C declare some and use none.

    Raises:
        ConfigurationError: it does.
    """
    if root.getroottree().docinfo.internalDTD is None:
        return
    try:
        whole = not any(True for _ in root.iter(etree.Entity))
        parse_reference(write_reference(root))  # in attributes they are no nodes
    except etree.XMLSyntaxError:
        whole = False
    if not whole:
        raise ConfigurationError(
            f"{path}: uses entities that its DOCTYPE declares, which are not expanded here; write out in the "
            "file what they stand for"
        )


def global_elements(files: Iterable[bytes]) -> frozenset[str]:
    """Return the expanded names of all global elements of schema documents.

    Those of a document without a namespace of its own are in that of whatever includes it.
    """
    names: dict[str | None, set[str | None]] = {}
    for content in files:
        root = parse_reference(content)
        own = names.setdefault(root.get("targetNamespace"), set())
        own.update(each.get("name") for each in root.iterchildren(f"{XSD}element"))
    anywhere = names.pop(None, set())
    return frozenset(f"{{{namespace}}}{name}" for namespace in names for name in names[namespace] | anywhere)


def collect(entries: Iterable[Path], files: SchemaFiles, gaps: Iterable[str] = ()) -> Documents:
    """Gather everything that the entry schemas of a standard need.

    Args:
        gaps: namespaces that nobody has delivered, for which something stands in that holds anything.

    Raises:
        ConfigurationError: an import cannot be resolved, or a file cannot be read.
    """
    collection = _Collection(files, frozenset(gaps))
    return collection.documents([path.resolve() for path in entries])


@dataclass(frozen=True)
class Unresolved:
    """A namespace that is imported and of which no file is here, the first import, and what is used of it."""

    namespace: str
    location: str
    origin: Path
    line: int
    used: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.origin}:{self.line}: {self.namespace} from {self.location or '(no schemaLocation)'}"


@dataclass(frozen=True)
class Imports:
    """Every file that some schemas need, themselves included, and what of it is nowhere."""

    files: tuple[Path, ...]
    unresolved: tuple[Unresolved, ...]


def find_imports(entries: Iterable[Path], files: SchemaFiles) -> Imports:
    """Follow everything that the entry schemas of a standard refer to.

    Raises:
        ConfigurationError: an included file is missing, an import is ambiguous, or a file cannot be read.
    """
    collection = _Collection(files, None)
    collection.documents([path.resolve() for path in entries])
    unresolved = [
        Unresolved(namespace, location, origin, line, collection.used[namespace])
        for namespace, (origin, line, location) in collection.missing.items()
        if namespace in collection.used
    ]
    return Imports(tuple(collection.roots), tuple(unresolved))


def _used(schemas: Iterable[etree._Element], namespace: str) -> tuple[str, ...]:
    return tuple(sorted({name for schema in schemas for _, name in uses(schema, namespace)}))


@dataclass
class _Collection:
    files: SchemaFiles
    gaps: frozenset[str] | None
    """Namespaces that may be missing; None: any."""
    names: dict[Path, str] = field(default_factory=dict)
    roots: dict[Path, etree._Element] = field(default_factory=dict)
    imported: dict[str, list[Path]] = field(default_factory=dict)
    missing: dict[str, tuple[Path, int, str]] = field(default_factory=dict)
    """Where each namespace that is nowhere is imported first, and from which location."""
    errors: dict[str, UnresolvedImport] = field(default_factory=dict)
    used: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What is used of each namespace that is missing."""

    def documents(self, entries: list[Path]) -> Documents:
        for entry in entries:
            for path in self._import(entry, self._read(entry).get("targetNamespace", "")):
                self._read(path)
        namespaces = dict.fromkeys(self._read(entry).get("targetNamespace", "") for entry in entries)
        gaps = {
            namespace: write_reference(stand_in(namespace, self.roots.values()))
            for namespace in self.missing
            if namespace not in self.imported
        }
        # Another file may import from elsewhere what this one does not find.
        for namespace in gaps:
            if self.gaps is not None and namespace not in self.gaps:
                raise self.errors[namespace]
        self.used = {name: _used(self.roots.values(), name) for name in gaps}
        open_derived(self.roots.values(), gaps)
        for root in self.roots.values():
            self._redirect(root)
        written = {self._gap(namespace): content for namespace, content in gaps.items()}
        written |= {self.names[path]: write_reference(root) for path, root in self.roots.items()}
        for namespace, paths in self.imported.items():
            if len(paths) > 1:
                written[self._stand_in(namespace)] = self._including(namespace, paths)
        origins = {name: str(path) for path, name in self.names.items()}
        origins |= {self._gap(namespace): f"what stands in for {namespace}" for namespace in gaps}
        if len(namespaces) == 1:
            return Documents(self._stand_in(next(iter(namespaces))), written, origins)
        written["entry.xsd"] = self._importing(namespaces)
        return Documents("entry.xsd", written, origins)

    def _read(self, path: Path) -> etree._Element:
        """Read a file once, and everything it refers to, however long the chain."""
        waiting = [] if path in self.roots else [self._visit(path)]
        while waiting:
            following = next(waiting[-1], None)
            if following is None:
                waiting.pop()
            elif following not in self.roots:
                waiting.append(self._visit(following))
        return self.roots[path]

    def _visit(self, path: Path) -> Iterator[Path]:
        """Read a file and yield what it refers to, which is read then; it is noted in the file's own tree."""
        root = self.roots[path] = read_schema(path)
        # As a location a name is a URI, which has no spaces.
        self.names[path] = f"{len(self.names)}-{_NOT_IN_A_URI.sub('_', path.name)}"
        target = root.get("targetNamespace", "")
        for reference in _references(root):
            location = reference.get("schemaLocation", "")
            if reference.tag == _IMPORT:
                yield from self._follow(path, reference)
            else:
                included = self._included(path, target, location)
                yield included
                reference.set("schemaLocation", self.names[included])

    def _follow(self, path: Path, reference: etree._Element) -> Iterator[Path]:
        namespace, location = reference.get("namespace", ""), reference.get("schemaLocation", "")
        try:
            found = self.files.resolve(path, namespace, location)
        except UnresolvedImport as error:
            self.errors.setdefault(namespace, error)
            line: Any = reference.sourceline  # of which the stubs of lxml do not say what it is
            self.missing.setdefault(namespace, (path, line, location))
        else:
            yield from self._import(found, namespace)

    def _included(self, path: Path, target: str, location: str) -> Path:
        """An included file has the includer's target namespace or none of its own."""
        try:
            return self.files.resolve(path, target, location, "include")
        except UnresolvedImport:
            if not target:
                raise
            return self.files.resolve(path, "", location, "include")

    def _import(self, path: Path, namespace: str) -> Iterator[Path]:
        """Yield the file, unless the namespace has it already or a copy of it."""
        paths = self.imported.setdefault(namespace, [])
        if path not in paths and not any(_is_copy(path, known) for known in paths):
            paths.append(path)
            yield path

    def _redirect(self, root: etree._Element) -> None:
        for reference in _references(root):
            if reference.tag == _IMPORT:
                reference.set("schemaLocation", self._stand_in(reference.get("namespace", "")))

    def _gap(self, namespace: str) -> str:
        return f"gap-{list(self.missing).index(namespace)}.xsd"

    def _stand_in(self, namespace: str) -> str:
        if namespace not in self.imported:
            return self._gap(namespace)
        paths = self.imported[namespace]
        if len(paths) == 1:
            return self.names[paths[0]]
        return f"all-{list(self.imported).index(namespace)}.xsd"

    def _including(self, namespace: str, paths: Iterable[Path]) -> bytes:
        schema = etree.Element(f"{XSD}schema", {"targetNamespace": namespace} if namespace else {})
        for path in paths:
            etree.SubElement(schema, f"{XSD}include", schemaLocation=self.names[path])
        return write_reference(schema)

    def _importing(self, namespaces: Iterable[str]) -> bytes:
        schema = etree.Element(f"{XSD}schema")
        for namespace in namespaces:
            location = self._stand_in(namespace)
            etree.SubElement(schema, _IMPORT, namespace=namespace, schemaLocation=location)
        return write_reference(schema)


def _base_name(location: str) -> str:
    return location.replace("\\", "/").rpartition("/")[2]


def _is_copy(path: Path, other: Path) -> bool:
    """Say whether a file was delivered twice: releases bring along the shared types that they use."""
    return path.name == other.name and _meaning(path) == _meaning(other)


def meaning(schema: etree._Element) -> bytes:
    """Return what is equal for two copies of a schema document that differ in notes and layout only."""
    root = copy.deepcopy(schema)
    etree.strip_elements(
        root, f"{XSD}annotation", etree.Comment, etree.ProcessingInstruction, with_tail=False
    )
    for element in root.iter():
        element.text = element.tail = None
    return etree.tostring(root, method="c14n")


def _meaning(path: Path) -> bytes:
    return meaning(read_schema(path))


def _references(root: etree._Element) -> Iterator[etree._Element]:
    return root.iterchildren(_IMPORT, *_INCLUSIONS)
