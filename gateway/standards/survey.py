"""What there is in a folder of a published release, told by what the files contain, never by their names."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.standards.codelists import CodeList, load_code_list
from gateway.standards.gaps import XSD
from gateway.standards.sources import meaning, require_no_entities, require_version_1_0
from gateway.xml.reference import count_nodes, parse_reference
from gateway.xml.schematron_source import SCH
from gateway.xml.stylesheet import XSL
from gateway.xml.svrl import writes_svrl

SCHEMATRON = frozenset({SCH[1:-1], "http://www.ascc.net/xml/schematron"})
XSLT = XSL[1:-1]
SCENARIOS = tuple(f"http://www.xoev.de/de/validator/framework/{version}/scenarios" for version in (1, 2))
"""Versions of the framework of the KoSIT validator."""

MAX_NODES = 600_000
"""Of one file, in elements, attributes and notes; a tree costs 240 bytes for each. Of nine thousand published
files the largest code list has 160,000, and an export that lies beside schemas 230,000."""
MAX_WEIGHT = {"schemas": 500_000, "code lists": 2_000_000, "rules": 500_000}
"""Of all files of a kind, which are in memory together: nodes, or what is as long. The schemas of XJustiz 3.6
weigh 95,000 and cost 1.7 KiB a node when they are compiled, those of a profile of UBL weigh 175,000; the 72
code lists of XWasser 370,000; the rules of public procurement 73,000."""
_NODE_BYTES = 32
"""As long are published files for each of their nodes."""

_INCLUSIONS = (f"{XSD}include", f"{XSD}redefine")
_GLOBAL = (f"{XSD}element",)


@dataclass(frozen=True)
class SchemaFile:
    """One XML schema document of a release; `path` is relative to the release's folder."""

    path: Path
    root: etree._Element = field(repr=False)

    @property
    def namespace(self) -> str:
        """Its target namespace, empty where it has none."""
        return self.root.get("targetNamespace", "")

    @property
    def imports(self) -> frozenset[str]:
        """The namespaces it imports."""
        return frozenset(each.get("namespace", "") for each in self.root.iterchildren(f"{XSD}import"))

    @property
    def included(self) -> frozenset[str]:
        """The file names it includes."""
        return frozenset(
            each.get("schemaLocation", "").rpartition("/")[2] for each in self.root.iterchildren(*_INCLUSIONS)
        )

    @property
    def elements(self) -> list[etree._Element]:
        """Its global elements that a message may have as its root."""
        return [
            each for each in self.root.iterchildren(*_GLOBAL) if each.get("abstract") not in ("true", "1")
        ]

    def stated(self, *path: str) -> str | None:
        """Return what its `xs:appinfo` says of the standard, as the XÖV profile has it."""
        steps = "/".join(f"{{*}}{step}" for step in path)
        found = self.root.findtext(f"{XSD}annotation/{XSD}appinfo/{steps}")
        return " ".join(found.split()) if found and found.strip() else None


@dataclass(frozen=True)
class Instance:
    """A document that is no part of the standard itself: perhaps a sample message of it."""

    path: Path
    tag: str

    @property
    def namespace(self) -> str:
        """The namespace of its root element."""
        return etree.QName(self.tag).namespace or ""


@dataclass
class Survey:
    """Everything found below a folder; paths are relative to it."""

    folder: Path
    schemas: list[SchemaFile] = field(default_factory=list)
    code_lists: dict[Path, CodeList] = field(default_factory=dict)
    rules: list[Path] = field(default_factory=list)
    """Schematron, as it is written or compiled to XSLT."""
    parts_of_rules: set[Path] = field(default_factory=set)
    """Of these, what others include: it does not stand by itself."""
    stylesheets: list[Path] = field(default_factory=list)
    """XSLT that is no rule set: conversions, views."""
    scenarios: list[Path] = field(default_factory=list)
    """Configurations of the KoSIT validator."""
    instances: list[Instance] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)
    """What should be XML and is not, or is too large to look at, with the reason."""
    weights: Counter[str] = field(default_factory=Counter)
    """How much of MAX_WEIGHT is taken."""

    @cached_property
    def namespaces(self) -> list[str]:
        """Target namespaces that no other namespace of the release imports."""
        own = dict.fromkeys(each.namespace for each in self.schemas)
        imported = {
            name for each in self.schemas for name in each.imports if name in own and name != each.namespace
        }
        return [name for name in own if name not in imported] or list(own)

    def of(self, namespace: str) -> list[SchemaFile]:
        """Return the schema files with that target namespace."""
        return [each for each in self.schemas if each.namespace == namespace]

    def entries(self, namespaces: Iterable[str]) -> list[Path]:
        """Return the files of these namespaces that no other file includes: together they are all of it."""
        included = {name for each in self.schemas for name in each.included}
        found = []
        for namespace in namespaces:
            files = [each.path for each in self.of(namespace)]
            found += [path for path in files if path.name not in included] or files
        return found


def survey(folder: Path) -> Survey:
    """Look at every file below `folder`.

    Raises:
        ConfigurationError: there is neither a schema that can be read nor a code list, or more than fits
            into memory.
    """
    found = Survey(folder)
    # The shallowest first: what lies deeper may be a copy of it.
    for path in sorted((each for each in folder.rglob("*") if each.is_file()), key=_depth):
        _classify(found, path.relative_to(folder))
    unread = any(path.suffix.lower() == ".xsd" for path in found.unreadable)
    if not found.schemas and (unread or not found.code_lists):
        broken = "".join(f"\n  {path}: {reason}" for path, reason in found.unreadable.items())
        if unread:
            raise ConfigurationError(f"none of its schemas can be read{broken}")
        raise ConfigurationError(f"there is no XML schema and no code list in it{broken}")
    return found


def _classify(found: Survey, path: Path) -> None:
    body = (found.folder / path).read_bytes()
    try:
        if (nodes := count_nodes(body, MAX_NODES)) > MAX_NODES:
            found.unreadable[path] = (
                f"has more than {MAX_NODES} tags and attributes, or a DOCTYPE and more than "
                f"{MAX_NODES * 4 >> 20} MiB; leave it out, or part it"
            )
            return
        root = parse_reference(body)
    except etree.XMLSyntaxError as error:
        found.unreadable[path] = str(error.msg)
        return
    weight = max(nodes, len(body) // _NODE_BYTES)
    name = etree.QName(root)
    namespace, local = name.namespace or "", name.localname
    if (namespace, local) == (XSD[1:-1], "schema"):
        _weigh(found, "schemas", weight)
        _add_schema(found, SchemaFile(path, root))
    elif namespace in SCHEMATRON and local == "schema":
        _weigh(found, "rules", weight)
        found.rules.append(path)
        found.parts_of_rules |= _included_rules(root, path)
    elif namespace == XSLT:
        _weigh(found, "rules", weight)
        (found.rules if writes_svrl(root) else found.stylesheets).append(path)
    elif namespace in SCENARIOS and local == "scenarios":
        found.scenarios.append(path)
    elif local == "CodeList" and "genericode" in namespace.lower():
        _weigh(found, "code lists", weight)
        del root  # it is parsed once more, and two trees need twice the memory
        _add_code_list(found, path)
    else:
        found.instances.append(Instance(path, str(root.tag)))


def _weigh(found: Survey, kind: str, weight: int) -> None:
    found.weights[kind] += weight
    if found.weights[kind] > MAX_WEIGHT[kind]:
        raise ConfigurationError(
            f"its {kind} have more than {MAX_WEIGHT[kind]} tags and attributes altogether, or more than "
            f"{MAX_WEIGHT[kind] * _NODE_BYTES >> 20} MiB; add folders of it one by one"
        )


def _included_rules(root: etree._Element, path: Path) -> set[Path]:
    named = (each.get("href", "") for each in root.iter("{*}include", "{*}extends"))
    return {Path(os.path.normpath(path.parent / href.partition("#")[0])) for href in named if href}


def _depth(path: Path) -> tuple[int, Path]:
    return len(path.parts), path


def _add_schema(found: Survey, schema: SchemaFile) -> None:
    """Leave out a file that was delivered twice, as releases with several packages do."""
    require_no_entities(schema.root, schema.path)
    require_version_1_0(schema.root, schema.path)
    twins = (each for each in found.of(schema.namespace) if each.path.name == schema.path.name)
    if not any(meaning(each.root) == meaning(schema.root) for each in twins):
        found.schemas.append(schema)


def _add_code_list(found: Survey, path: Path) -> None:
    try:
        new = load_code_list(found.folder / path, closed=True)
    except ConfigurationError as error:
        found.unreadable[path] = error.detail.partition(": ")[2]
        return
    for other, known in found.code_lists.items():
        if (known.uri, known.version) == (new.uri, new.version):
            if known.codes != new.codes:
                found.unreadable[path] = f"has address and version of {other}, but other codes; that is used"
            return
    found.code_lists[path] = new


def fixed_code_lists(root: etree._Element) -> Iterator[tuple[str, str | None]]:
    """Yield address and version of every code list that a schema document fixes for an element."""
    for attribute in root.iter(f"{XSD}attribute"):
        if attribute.get("name") != "listURI" or not attribute.get("fixed"):
            continue
        parent = attribute.getparent()
        versions = [] if parent is None else parent.findall(f"{XSD}attribute[@name='listVersionID']")
        yield attribute.get("fixed", ""), next((each.get("fixed") for each in versions), None)
