"""Convert messages into the neighbour version that a destination serves, by the XSLT that a manifest names.

Whoever converts answers for what arrives: the converted message is judged as one that arrives, and one that
would lose something that the sender has stated is not converted, unless the manifest names the element.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding
from gateway.domain.calendar import today
from gateway.domain.routing import covers
from gateway.errors import Problem, VersionNotServed
from gateway.standards import losses
from gateway.standards.catalogue import Catalogue, Opened
from gateway.standards.manifest import ConversionRules
from gateway.standards.profiles import Header, HeaderReader
from gateway.standards.reading import usable, waiting_room
from gateway.standards.standard import MessageType, Standard
from gateway.xml.parse import Limits, has_larger_tree, parse
from gateway.xml.paths import Names
from gateway.xml.positions import locate
from gateway.xml.workers import shared_workers

_log = structlog.get_logger()

MAX_BYTES, MAX_TREE = 2 * 1024 * 1024, 40_000
"""Bytes of a message that is converted, and its tags and attributes: its text is in memory a dozen times, and
comparing takes a kilobyte for each tag."""

Serves = Collection[str]
"""Message types that a destination takes, as in a route: `xurkunde:1.0:*`; none: whatever comes."""


@dataclass(frozen=True)
class Converted:
    """A message as a destination takes it."""

    message_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class _Step:
    source: Standard
    rules: ConversionRules
    target: Standard
    message_type: MessageType
    """What it becomes."""


class Converter:
    """Converts messages of the standards of one catalogue."""

    def __init__(self, catalogue: Catalogue, limits: Limits) -> None:
        self._catalogue = catalogue
        self._limits = limits

    def target(self, message_type: str, serves: Serves) -> str:
        """Return the id of the message type in which a message reaches a destination.

        Raises:
            VersionNotServed: no conversion leads to one that the destination serves.
        """
        if _served(message_type, serves):
            return message_type
        return self._way(message_type, serves)[-1].message_type.id

    async def convert(self, message_type: str, body: bytes, serves: Serves) -> Converted:
        """Return a message in a version that the destination serves; in a thread, where it takes a while.

        Raises:
            VersionNotServed: no conversion leads there, or it would lose something; with every element.
            Unavailable: the conversion could not be run.
        """
        if _served(message_type, serves):
            return Converted(message_type, body)
        way = self._way(message_type, serves)
        return await asyncio.get_running_loop().run_in_executor(waiting_room(), self._follow, way, body)

    def _follow(self, way: Sequence[_Step], body: bytes) -> Converted:
        for step in way:
            body = self._take(step, body)
        return Converted(way[-1].message_type.id, body)

    def _take(self, step: _Step, body: bytes) -> bytes:
        if len(body) > MAX_BYTES or has_larger_tree(body, MAX_TREE):
            raise VersionNotServed(_TOO_LARGE, hint=_in_version(step.target))
        root = parse(body, self._limits)
        with usable(step.source):
            stylesheet = step.source.conversion(step.rules)
            converted = shared_workers().transform(stylesheet, root)
        try:
            result = parse(converted, self._limits)
            # As if it arrived, but on no day: a destination may take a version that is no longer valid.
            opened = Opened(step.message_type, step.target, result, converted, None)
            with usable(step.target):
                opened.look()
                header = self._catalogue.judge(opened).header
        except Problem as problem:
            if problem.retryable:
                raise
            raise _failed(step, problem.type) from problem
        if not _is_of(step, result):
            raise _failed(step, "message type")
        if step.source.read_header(root).test != header.test:
            raise _failed(step, "test")
        _require_nothing_lost(step, root, body, result, _version(step.source, root, header))
        return converted

    def _way(self, message_type: str, serves: Serves) -> list[_Step]:
        """Search the conversions for the shortest way, broadly: versions are few."""
        standard, version, name = message_type.split(":", 2)
        waiting: list[tuple[str, list[_Step]]] = [(version, [])]
        seen = {version}
        for known, way in waiting:
            for step in self._steps(standard, known, name):
                if _served(step.message_type.id, serves):
                    return [*way, step]
                if step.rules.to not in seen:
                    seen.add(step.rules.to)
                    waiting.append((step.rules.to, [*way, step]))
        raise VersionNotServed(_NO_WAY, hint=_wanted(serves))

    def _steps(self, standard: str, version: str, name: str) -> Iterator[_Step]:
        source = self._catalogue.fetch(standard, version)
        for rules in source.manifest.conversions if source else ():
            target = self._catalogue.fetch(standard, rules.to)
            for message_type in target.message_types if target else ():
                if source and target and message_type.name == name:
                    yield _Step(source, rules, target, message_type)


def _served(message_type: str, serves: Serves) -> bool:
    """Say whether a message can travel as it is; a standard that is not named has no version to be wrong."""
    standard = message_type.partition(":")[0]
    named = any(pattern.partition(":")[0] == standard for pattern in serves)
    return not named or any(covers(pattern, message_type) for pattern in serves)


def _is_of(step: _Step, result: etree._Element) -> bool:
    """Say whether what a conversion has made is of the type and version that it is to become."""
    expected, target = step.message_type, step.target
    return result.tag == expected.root and target.matches(expected, result) and target.is_version_of(result)


def _version(source: Standard, root: etree._Element, converted: Header) -> set[losses.Place]:
    """Return where a message names its standard and version: these may become others, but not vanish."""
    rules = source.manifest.header
    reader = HeaderReader(rules.profile, rules.xpaths, source.manifest.namespaces)
    stated = [name for name in ("standard", "version") if getattr(converted, name)]
    return {
        (element, f"@{losses.local(attribute)}" if attribute else losses.local_of(element))
        for name in stated
        for element, attribute in reader.places(root, name)
    }


def _require_nothing_lost(
    step: _Step, root: etree._Element, body: bytes, result: etree._Element, spared: Collection[losses.Place]
) -> None:
    lost, torn = losses.find(root, result, spared=spared, drops=frozenset(step.rules.drops))
    if lost:
        raise _loss(step, root, body, lost, _LOST)
    if torn:
        raise _loss(step, root, body, torn, _TORN)


def _failed(step: _Step, why: str) -> VersionNotServed:
    """Say that what a conversion has made is not valid: its author must look, the sender has another way."""
    _log.error("conversion_failed", source=str(step.source), target=str(step.target), reason=why)
    return VersionNotServed(_NOT_CONVERTED, hint=_in_version(step.target))


def _loss(
    step: _Step, root: etree._Element, body: bytes, lost: Mapping[etree._Element, str], said: Bilingual
) -> VersionNotServed:
    positions = locate(body, root, [*lost][:MAX_FINDINGS])
    names, version = Names(root, step.source.manifest.namespaces), step.target.manifest.version
    findings = []
    for element, position in positions.items():
        name, path = lost[element], names.path(element)
        finding = Finding(
            code=str(RejectCode.VERSION),
            path=path,
            namespaces=names.namespaces(path),
            line=position.line,
            column=position.column,
            message=Bilingual(de=said.de.format(version, name), en=said.en.format(version, name)),
            hint=_without(step, element, name),
        )
        findings.append(finding)
    return VersionNotServed(findings=findings, more_findings=len(lost) - len(findings))


def _in_version(target: Standard) -> Bilingual | None:
    """Say in which version a message gets through; None where that is not taken today from whoever sends."""
    if not target.serves(today()):
        return None
    return Bilingual(de=f"Senden Sie die Nachricht als {target}.", en=f"Send the message as {target}.")


def _without(step: _Step, element: etree._Element, name: str) -> Bilingual | None:
    """Say how a message gets through; None where no way is known."""
    ways = []
    if step.target.serves(today()):
        ways.append((f"als {step.target}", f"as {step.target}"))
    if not step.source.schema.demands(element, name[1:] if name.startswith("@") else None):
        ways.append(("ohne diese Angabe", "without this"))
    if values := ", ".join(
        each.partition("=")[2] for each in step.rules.drops if each.startswith(f"{name}=")
    ):
        ways.append((f"mit {values} an dieser Stelle", f"with {values} here"))
    if not ways:
        return None
    german, english = " oder ".join(way for way, _ in ways), " or ".join(way for _, way in ways)
    return Bilingual(de=f"Senden Sie die Nachricht {german}.", en=f"Send the message {english}.")


def _wanted(serves: Serves) -> Bilingual:
    listed = ", ".join(serves)
    return Bilingual(de=f"Bedient werden: {listed}.", en=f"Served are: {listed}.")


_LOST = Bilingual(
    de="Die zuständige Stelle bedient nur Version {}; »{}« ginge bei der Umwandlung verloren.",
    en="The authority serves version {} only; “{}” would be lost by the conversion.",
)
_TORN = Bilingual(
    de="Die zuständige Stelle bedient nur Version {}; was in »{}« zusammengehört, geriete bei der Umwandlung "
    "in verschiedene Elemente.",
    en="The authority serves version {} only; what belongs together in “{}” would be put into different "
    "elements by the conversion.",
)
_TOO_LARGE = Bilingual(
    de="Die zuständige Stelle bedient diese Version nicht, und umgewandelt werden nur Nachrichten mit "
    f"höchstens {MAX_BYTES} Byte und {MAX_TREE} Tags und Attributen.",
    en="The authority does not serve this version, and only messages of at most "
    f"{MAX_BYTES} bytes and {MAX_TREE} tags and attributes are converted.",
)
_NO_WAY = Bilingual(
    de="Die zuständige Stelle bedient diese Version nicht, und keine Umwandlung führt zu einer anderen.",
    en="The authority does not serve this version, and no conversion leads to another.",
)
_NOT_CONVERTED = Bilingual(
    de="Die zuständige Stelle bedient diese Version nicht, und diese Nachricht ließ sich nicht umwandeln.",
    en="The authority does not serve this version, and this message could not be converted.",
)
