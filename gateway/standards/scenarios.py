"""Configurations of the KoSIT validator (`scenarios.xml`) as a source of message types, schemas and rules.

A scenario says what it applies to (`match`), by which schema and which compiled Schematron a message is
checked, what single rules weigh (`customLevel`), and what of the report accepts a message (`acceptMatch`,
which framework version 2 keeps and does not evaluate).
Source: KoSIT validator, scenarios.xsd (framework versions 1 and 2)
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

from lxml import etree

from gateway.contract.findings import Bilingual, Severity
from gateway.contract.states import Direction
from gateway.errors import ConfigurationError
from gateway.standards.acceptance import DEFAULT, VARL
from gateway.standards.manifest import MessageTypeRules, RulesFile
from gateway.standards.survey import SCENARIOS, SchemaFile
from gateway.xml.reference import parse_reference

MAX_MESSAGE_TYPES = 5_000
"""Of one release; XBau has 121."""
_MAX_WEIGHTS = 50_000
"""Rule files of all scenarios, each with all that its scenario says of single rules. XRechnung has 3,000."""
_FRAMEWORK_1, _ = SCENARIOS
# A path of the match that names a root element, such as `/invoice:Invoice[…]`.
_NAMED = re.compile(r"(?:^|(?<=[\s(\[,|=]))/\s*([A-Za-z_][\w.-]*):([A-Za-z_][\w.-]*)")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_LEVELS = {"error": Severity.ERROR, "warning": Severity.WARNING, "information": Severity.WARNING}


@dataclass(frozen=True)
class Scenario:
    """One scenario; paths are relative to the folder that `read_scenarios` was given."""

    name: str
    namespaces: dict[str, str]
    match: str
    schemas: tuple[Path, ...]
    rules: dict[Path, dict[str, Severity]]
    """Each file, with what single rules of it weigh here."""
    accept: str | None


@dataclass(frozen=True)
class Configuration:
    """A whole configuration: its title, the day of its release, its scenarios."""

    name: str
    date: str
    scenarios: tuple[Scenario, ...]


def read_scenarios(path: Path, folder: Path) -> Configuration:
    """Read a `scenarios.xml` below `folder`.

    Raises:
        ConfigurationError: something is missing in it, or a file that it names.
    """
    root = parse_reference(path.read_bytes())
    scenarios = tuple(_scenario(each, path, folder) for each in root.iterfind("{*}scenario"))
    if not scenarios:
        raise ConfigurationError(f"{path.relative_to(folder)}: has no scenario")
    # Every scenario is at least one message type.
    weights = sum(1 + len(levels) for each in scenarios for levels in each.rules.values())
    if len(scenarios) > MAX_MESSAGE_TYPES or weights > _MAX_WEIGHTS:
        raise ConfigurationError(
            f"{path.relative_to(folder)}: has more scenarios, rules and customLevels than are taken; part it"
        )
    return Configuration(_text(root, "name"), _text(root, "date"), scenarios)


def _scenario(element: etree._Element, path: Path, folder: Path) -> Scenario:
    match = _text(element, "match")
    if not match:
        raise ConfigurationError(f"{path.relative_to(folder)}: scenario {_text(element, 'name')}: no match")
    is_asked = etree.QName(element).namespace == _FRAMEWORK_1
    levels = [_levels(each) for each in element.iterfind("{*}createReport")]
    return Scenario(
        name=_text(element, "name"),
        namespaces={
            each.get("prefix", ""): (each.text or "").strip() for each in element.iterfind("{*}namespace")
        },
        match=match,
        schemas=tuple(
            location
            for each in element.iterfind("{*}validateWithXmlSchema")
            for location in _locations(each, path, folder)
        ),
        rules={
            location: dict(chain(*levels, _levels(each)))
            for each in element.iterfind("{*}validateWithSchematron")
            for location in _locations(each, path, folder)
        },
        accept=_text(element, "acceptMatch") or None if is_asked else None,
    )


def _locations(step: etree._Element, path: Path, folder: Path) -> Iterator[Path]:
    for location in step.iterfind("{*}resource/{*}location"):
        named = (location.text or "").strip()
        found = (path.parent / PurePosixPath(named)).resolve()
        if not found.is_relative_to(folder) or not _is_file(found):
            raise ConfigurationError(f"{path.relative_to(folder)}: {_missing(named, folder)}")
        yield found.relative_to(folder)


def _missing(named: str, folder: Path) -> str:
    """Say that a file is not where a scenario names it, and where one of that name is."""
    name = PurePosixPath(named).name
    places = sorted(each.relative_to(folder) for each in folder.rglob("*") if each.name == name)
    said = f"{named} is not in the release"
    return f"{said}; put {places[0]} there, and what is beside it" if places else said


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def _levels(step: etree._Element) -> list[tuple[str, Severity]]:
    return [
        (rule, _LEVELS.get(each.get("level", ""), Severity.ERROR))
        for each in step.iterfind("{*}customLevel")
        for rule in (each.text or "").split()
    ]


def _text(element: etree._Element, name: str) -> str:
    return " ".join(element.findtext(f"{{*}}{name}", "").split())


def prefixes(configuration: Configuration) -> dict[str, str]:
    """Return what the prefixes of all scenarios stand for; of several namespaces the first."""
    found: dict[str, str] = {}
    for scenario in configuration.scenarios:
        for prefix, uri in scenario.namespaces.items():
            if uri != VARL:
                found.setdefault(prefix, uri)
    return found


def named_roots(match: str, namespaces: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return namespace and local name of each root element that a match names."""
    return {(namespaces[prefix], name) for prefix, name in _NAMED.findall(match) if prefix in namespaces}


def message_types(
    scenario: Scenario, schemas: Iterable[SchemaFile], common: Mapping[str, str]
) -> list[MessageTypeRules]:
    """Return the message types of a scenario: of the elements that its match names, else of every one.

    Args:
        schemas: the schema files of the release, of which its own declare the elements.
        common: what prefixes stand for in the whole standard.
    """
    own = [each for each in schemas if each.path in scenario.schemas]
    declared = {(each.namespace, str(element.get("name"))) for each in own for element in each.elements}
    roots = named_roots(scenario.match, scenario.namespaces)
    named = declared & roots if roots else declared
    accept = None if scenario.accept in (None, DEFAULT) else scenario.accept
    asked = f"{scenario.match} {accept}"
    own_prefixes = {
        prefix: uri
        for prefix, uri in scenario.namespaces.items()
        if common.get(prefix) != uri and re.search(rf"\b{re.escape(prefix)}\s*:(?!:)", asked)
    }
    slug = re.sub(r"[^a-z0-9.]+", "-", scenario.name.lower().translate(_UMLAUTS)).strip("-.")
    return [
        MessageTypeRules(
            name=slug if len(named) == 1 else f"{slug}.{local}",
            root=local,
            namespace=namespace,
            match=scenario.match,
            accept=accept,
            namespaces=own_prefixes,
            direction=Direction.IN,
            title=Bilingual(de=scenario.name, en=scenario.name),
        )
        for namespace, local in sorted(named)
    ]


def rule_files(scenarios: Iterable[tuple[Scenario, list[MessageTypeRules]]]) -> list[RulesFile]:
    """Return the rule files of all scenarios, one entry for each way of weighing their rules."""
    entries: dict[tuple[Path, tuple[tuple[str, Severity], ...]], RulesFile] = {}
    for scenario, types in scenarios:
        for path, levels in scenario.rules.items():
            key = (path, tuple(sorted(levels.items())))
            entry = entries.setdefault(key, RulesFile(file=path.as_posix(), severity=levels))
            entry.message_types.extend(each.name for each in types)
    return list(entries.values())
