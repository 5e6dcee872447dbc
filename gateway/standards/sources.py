"""The local catalogue of schema files: what an import means, without asking the network.

Published schemas import shared types by addresses of the web. An import is resolved by target namespace and
file name among the files of all standards; one that is not found is an error, because both engines would
silently go on without it. The documents of a schema are renamed and made to refer to each other by these
names; where several files share a namespace, one file that includes them all stands for it (libxml2 ignores
a second import of a namespace).
"""

import importlib.resources
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.xml.parse import parse_reference
from gateway.xml.validate import Documents

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_IMPORT = f"{_XSD}import"
_INCLUSIONS = (f"{_XSD}include", f"{_XSD}redefine")

# Schemas of the W3C that standards import by address; they come with xmlschema.
_W3C = {
    "http://www.w3.org/XML/1998/namespace": "XML/xml.xsd",
    "http://www.w3.org/2000/09/xmldsig#": "DSIG/xmldsig-core-schema.xsd",
}


class SchemaFiles:
    """All schema files of all standards, by target namespace and file name."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = [folder.resolve() for folder in folders]

    @cached_property
    def _index(self) -> dict[tuple[str, str], list[Path]]:
        index: dict[tuple[str, str], list[Path]] = {}
        for folder in self._folders:
            for path in sorted(folder.rglob("*.xsd")):
                namespace = read_schema(path).get("targetNamespace", "")
                index.setdefault((namespace, path.name), []).append(path)
        return index

    def resolve(self, origin: Path, namespace: str, location: str) -> Path:
        """Return the file that a schema means by a namespace and a location.

        Raises:
            ConfigurationError: there is none, or several that differ.
        """
        name = location.replace("\\", "/").rpartition("/")[2]
        found = self._candidates(namespace, name)
        beside = (origin.parent / location).resolve() if location and "://" not in location else None
        if beside in found:
            return beside
        own = [path for path in found if self._folder(path) == self._folder(origin)]
        distinct = {path.read_bytes(): path for path in own or found}
        if len(distinct) == 1:
            return next(iter(distinct.values()))
        if distinct:
            listed = ", ".join(map(str, distinct.values()))
            raise ConfigurationError(f"{origin}: import of {namespace} ({name}) is ambiguous: {listed}")
        raise ConfigurationError(
            f"{origin}: import of {namespace or 'no namespace'} from {location or '(no location)'} is not "
            "among the schema files of the standards; put the file into a standard's folder"
        )

    def _candidates(self, namespace: str, name: str) -> list[Path]:
        found = self._index.get((namespace, name), [])
        if not found and not name:
            found = [
                path for (known, _), paths in self._index.items() if known == namespace for path in paths
            ]
        if not found and namespace in _W3C:
            found = [Path(str(importlib.resources.files("xmlschema"))) / "schemas" / _W3C[namespace]]
        return found

    def _folder(self, path: Path) -> Path | None:
        return next((folder for folder in self._folders if path.is_relative_to(folder)), None)


def read_schema(path: Path) -> etree._Element:
    """Parse one schema file.

    Raises:
        ConfigurationError: it cannot be read or is not XML.
    """
    try:
        return parse_reference(path.read_bytes())
    except (OSError, etree.XMLSyntaxError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error


def collect(entries: Iterable[Path], files: SchemaFiles) -> Documents:
    """Gather everything that the entry schemas of a standard need.

    Raises:
        ConfigurationError: an import cannot be resolved, or a file cannot be read.
    """
    return _Collection(files).documents([path.resolve() for path in entries])


@dataclass
class _Collection:
    files: SchemaFiles
    names: dict[Path, str] = field(default_factory=dict)
    roots: dict[Path, etree._Element] = field(default_factory=dict)
    imported: dict[str, list[Path]] = field(default_factory=dict)

    def documents(self, entries: list[Path]) -> Documents:
        for entry in entries:
            self._import(entry, self._read(entry).get("targetNamespace", ""))
        namespaces = dict.fromkeys(self._read(entry).get("targetNamespace", "") for entry in entries)
        for root in self.roots.values():
            self._redirect(root)
        written = {self.names[path]: etree.tostring(root) for path, root in self.roots.items()}
        for namespace, paths in self.imported.items():
            if len(paths) > 1:
                written[self._stand_in(namespace)] = self._including(namespace, paths)
        if len(namespaces) == 1:
            return Documents(self._stand_in(next(iter(namespaces))), written)
        written["entry.xsd"] = self._importing(namespaces)
        return Documents("entry.xsd", written)

    def _read(self, path: Path) -> etree._Element:
        """Read a file once, and everything it refers to; what it refers to is noted in its own tree."""
        if path in self.roots:
            return self.roots[path]
        root = self.roots[path] = read_schema(path)
        self.names[path] = f"{len(self.names)}-{path.name}"
        target = root.get("targetNamespace", "")
        for reference in _references(root):
            location = reference.get("schemaLocation", "")
            if reference.tag == _IMPORT:
                namespace = reference.get("namespace", "")
                self._import(self.files.resolve(path, namespace, location), namespace)
            else:
                included = self._included(path, target, location)
                self._read(included)
                reference.set("schemaLocation", self.names[included])
        return root

    def _included(self, path: Path, target: str, location: str) -> Path:
        """An included file has the includer's target namespace or none of its own."""
        try:
            return self.files.resolve(path, target, location)
        except ConfigurationError:
            if not target:
                raise
            return self.files.resolve(path, "", location)

    def _import(self, path: Path, namespace: str) -> None:
        paths = self.imported.setdefault(namespace, [])
        if path not in paths:
            paths.append(path)
            self._read(path)

    def _redirect(self, root: etree._Element) -> None:
        for reference in _references(root):
            if reference.tag == _IMPORT:
                reference.set("schemaLocation", self._stand_in(reference.get("namespace", "")))

    def _stand_in(self, namespace: str) -> str:
        paths = self.imported[namespace]
        if len(paths) == 1:
            return self.names[paths[0]]
        return f"all-{list(self.imported).index(namespace)}.xsd"

    def _including(self, namespace: str, paths: Iterable[Path]) -> bytes:
        schema = etree.Element(f"{_XSD}schema", {"targetNamespace": namespace} if namespace else {})
        for path in paths:
            etree.SubElement(schema, f"{_XSD}include", schemaLocation=self.names[path])
        return etree.tostring(schema)

    def _importing(self, namespaces: Iterable[str]) -> bytes:
        schema = etree.Element(f"{_XSD}schema")
        for namespace in namespaces:
            location = self._stand_in(namespace)
            etree.SubElement(schema, _IMPORT, namespace=namespace, schemaLocation=location)
        return etree.tostring(schema)


def _references(root: etree._Element) -> Iterator[etree._Element]:
    return root.iterchildren(_IMPORT, *_INCLUSIONS)
