"""Write the manifest of a surveyed release: everything that its files tell, for an operator to review."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from gateway.contract.findings import Bilingual
from gateway.contract.states import Direction
from gateway.errors import ConfigurationError
from gateway.standards.gaps import XSD
from gateway.standards.manifest import (
    CodeListFile,
    Gap,
    Manifest,
    MessageTypeRules,
)
from gateway.standards.scenarios import (
    MAX_MESSAGE_TYPES,
    Configuration,
    message_types,
    prefixes,
    read_scenarios,
    rule_files,
)
from gateway.standards.survey import SchemaFile, Survey

if TYPE_CHECKING:
    pass

_STANDARD, _VERSION = "standard", "versionStandard"
_VERSION_PART = re.compile(r"v?\d+([._-]\d+)*")
_GENERIC = frozenset(
    {"urn", "http", "https", "xsd", "def", "schema", "schemas", "schemata", "standard", "ns"}
)
_MAX_TITLE = 150


@dataclass(frozen=True)
class Identity:
    """Which standard a release is, and in which namespaces its messages are; none for shared types only.

    `guessed` are `name` and `version`, where no file tells them.
    """

    standard: str
    version: str
    title: str
    identifier: str | None = None
    namespaces: tuple[str, ...] = field(default=())
    guessed: frozenset[str] = frozenset()


def identify(found: Survey, source_name: str) -> Identity:
    """Tell name and version from `xs:appinfo`, else from the namespace, else from the name of the source.

    Raises:
        ConfigurationError: the release holds several standards.
    """
    if found.scenarios:
        return _configured(found, source_name)
    namespaces = _message_namespaces(found)
    leading = [each for name in namespaces or found.namespaces for each in found.of(name)]
    stated = {_stated(each) for each in leading} - {None}
    if len(stated) > 1:
        listed = ", ".join(sorted(" ".join(filter(None, each)) for each in stated if each))
        raise ConfigurationError(f"it holds several standards ({listed}): add the folder of each by itself")
    names = _names(namespaces[0] if len(namespaces) == 1 else "", source_name)
    said = next((each for each in leading if _stated(each)), None)
    if said is None:
        versions = {each.root.get("version") for each in leading} - {None}
        version = next(iter(versions)) if len(versions) == 1 else names[1]
        guessed = names.guessed - ({"version"} if len(versions) == 1 else set())
        return Identity(names.name, _version(str(version)), names.name, None, tuple(namespaces), guessed)
    name = said.stated(_STANDARD, "nameTechnisch") or said.stated(_STANDARD, "nameKurz") or names.name
    stated_version = said.stated(_VERSION, "version") or said.root.get("version")
    title = said.stated(_STANDARD, "nameLang") or said.stated(_STANDARD, "nameKurz") or name
    identifier = said.stated(_STANDARD, "kennung")
    guessed = names.guessed - ({"name", "version"} if stated_version else {"name"})
    version = _version(stated_version or names.version)
    return Identity(_slug(name), version, title, identifier, tuple(namespaces), guessed)


def _configured(found: Survey, source_name: str) -> Identity:
    configuration = _configuration(found)
    names = _names("", source_name.removeprefix("validator-configuration-"))
    numbers = re.findall(r"\d+(?:\.\d+)+", configuration.name)
    said = numbers[-1] if numbers else configuration.date
    title = configuration.name or names.name
    guessed = names.guessed - ({"version"} if said else set())
    return Identity(names.name, _version(said or names.version), title, guessed=guessed)


def _configuration(found: Survey) -> Configuration:
    if len(found.scenarios) > 1:
        listed = ", ".join(map(str, found.scenarios))
        raise ConfigurationError(f"it holds several configurations ({listed}): add the folder of one")
    return read_scenarios(found.folder / found.scenarios[0], found.folder)


def _message_namespaces(found: Survey) -> list[str]:
    """Return those that state a standard, else those of sample messages or of a single message each."""
    names = found.namespaces
    stating = [name for name in names if any(map(_stated, found.of(name)))]
    shown = [name for name in names if any(each.namespace == name for each in found.instances)]
    single = [name for name in names if sum(map(_heads, found.of(name))) == 1]
    return stating or shown or (names if len(names) == 1 else single)


def _heads(schema: SchemaFile) -> int:
    """Count the elements of a schema that stand for no others."""
    return sum(each.get("substitutionGroup") is None for each in schema.elements)


def _stated(schema: SchemaFile) -> tuple[str | None, str | None] | None:
    name = schema.stated(_STANDARD, "nameTechnisch") or schema.stated(_STANDARD, "nameKurz")
    return (name, schema.stated(_VERSION, "version")) if name else None


class _Names(NamedTuple):
    name: str
    version: str
    guessed: frozenset[str]


def _names(namespace: str, source_name: str) -> _Names:
    """Take name and version from a namespace, and what it does not tell from a folder's or file's name."""
    parts = [part for part in re.split(r"[/:#?]+", namespace) if part]
    words = [
        part
        for part in parts
        if not _VERSION_PART.fullmatch(part) and part.lower() not in _GENERIC and not part.startswith("www.")
    ]
    numbers = [part for part in parts if _VERSION_PART.fullmatch(part)]
    name, _, _ = source_name.partition(".zip")
    found = re.search(r"\d+([._]\d+)*$", name)
    base = name[: found.start()] if found else name
    version = ".".join(numbers) or (found[0] if found else "1")
    guessed = {"name": not words, "version": not numbers}
    return _Names(
        _slug(words[-1] if words else base), version, frozenset(word for word in guessed if guessed[word])
    )


def _slug(text: str) -> str:
    slug = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")
    return slug if slug[:1].isalpha() else f"x{slug}"


def _version(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "1"


def draft(found: Survey, identity: Identity, gaps: Iterable[Gap] = ()) -> Manifest:
    """Return the manifest without what only the compiled schema tells: `completed` adds that.

    Raises:
        ConfigurationError: one message is declared in two files.
    """
    if found.scenarios:
        return _from_scenarios(found, identity)
    namespaces = identity.namespaces
    main = next(iter(namespaces), "") or next(filter(None, found.namespaces), "")
    _require_one_of_each(found, namespaces)
    declared = [
        (element, each.namespace)
        for name in namespaces
        for each in found.of(name)
        for element in each.elements
    ]
    if declared and not main:
        raise ConfigurationError(
            f"{found.schemas[0].path}: has no targetNamespace, by which messages are told apart; it "
            "cannot be added"
        )
    if len(declared) > MAX_MESSAGE_TYPES:
        raise ConfigurationError(
            f"its schemas declare {len(declared)} elements that may be messages, at most {MAX_MESSAGE_TYPES} "
            "are taken; add the folders of single standards"
        )
    types = [_message_type(element, namespace, main) for element, namespace in declared]
    prefixes = _prefixes(found, namespaces or [main])
    return Manifest(
        standard=identity.standard,
        version=identity.version,
        identifier=identity.identifier,
        title=Bilingual(de=identity.title, en=identity.title),
        namespace=main or "urn:none",
        schemas=[path.as_posix() for path in found.entries(namespaces or found.namespaces)],
        gaps=list(gaps),
        namespaces=prefixes,
        code_lists=[CodeListFile(file=path.as_posix()) for path in found.code_lists],
        message_types=sorted(types, key=lambda each: each.name),
    )


def _from_scenarios(found: Survey, identity: Identity) -> Manifest:
    configuration = _configuration(found)
    common = prefixes(configuration)
    typed = [(each, message_types(each, found.schemas, common)) for each in configuration.scenarios]
    types = [each for _, some in typed for each in some]
    if not types:
        raise ConfigurationError("no scenario has a message type: its schemas declare no such element")
    return Manifest(
        standard=identity.standard,
        version=identity.version,
        title=Bilingual(de=identity.title, en=identity.title),
        namespace=str(types[0].namespace),
        schemas=list(dict.fromkeys(path.as_posix() for each, _ in typed for path in each.schemas)),
        namespaces=common,
        code_lists=[CodeListFile(file=path.as_posix()) for path in found.code_lists],
        rules=rule_files(typed),
        message_types=types,
    )


def _require_one_of_each(found: Survey, namespaces: Iterable[str]) -> None:
    for name in namespaces:
        declared: dict[str | None, SchemaFile] = {}
        for schema in found.of(name):
            for element in schema.elements:
                other = declared.setdefault(element.get("name"), schema)
                if other is not schema:
                    raise ConfigurationError(
                        f"{element.get('name')} is declared in {other.path} and in {schema.path}: "
                        "add the folder of one of the two"
                    )


def _message_type(element: etree._Element, namespace: str, main: str) -> MessageTypeRules:
    name = element.get("name", "")
    title = _title(element) or name
    return MessageTypeRules(
        name=name,
        root=name,
        namespace=namespace if namespace != main else None,
        direction=Direction.IN,
        title=Bilingual(de=title, en=title),
    )


def _title(element: etree._Element) -> str | None:
    """Return the title that XÖV gives a message, else the first sentence about it."""
    title = element.findtext(f"{XSD}annotation/{XSD}appinfo/title")
    about = element.findtext(f"{XSD}annotation/{XSD}documentation")
    text = " ".join((title or about or "").split())
    sentence = text if title else text.partition(". ")[0]
    return sentence if len(sentence) <= _MAX_TITLE else f"{sentence[: _MAX_TITLE - 1]}…"


def _prefixes(found: Survey, namespaces: Iterable[str]) -> dict[str, str]:
    """Call namespaces what the schemas call them."""
    prefixes: dict[str, str] = {}
    for schema in found.schemas:
        for prefix, uri in schema.root.nsmap.items():
            if prefix and uri in namespaces and uri not in prefixes.values():
                prefixes.setdefault(prefix, uri)
    for uri in namespaces:
        if uri and uri not in prefixes.values():
            prefixes[f"m{len(prefixes) or ''}"] = uri
    return prefixes
