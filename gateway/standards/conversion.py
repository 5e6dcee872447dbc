"""Convert messages into the neighbour version that a destination serves, by the XSLT that a manifest names.

Whoever converts answers for what arrives: the converted message is validated before it leaves, and one that
would lose something that the sender has stated is not converted, unless the manifest names the element.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import structlog
from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding
from gateway.domain.routing import covers
from gateway.errors import Problem, VersionNotServed
from gateway.standards.catalogue import Catalogue
from gateway.standards.manifest import ConversionRules
from gateway.standards.reading import waiting_room
from gateway.standards.standard import MessageType, Standard
from gateway.xml.parse import Limits, parse
from gateway.xml.paths import Names
from gateway.xml.positions import Position, locate
from gateway.xml.workers import shared_workers

_log = structlog.get_logger()

Serves = Collection[str]
"""Message types that a destination takes, as in a route: `xurkunde:1.0:*`; none: whatever comes."""


@dataclass(frozen=True)
class Converted:
    """A message as a destination takes it."""

    message_type: str
    body: bytes


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
        root = parse(body, self._limits)
        stylesheet = step.source.conversion(step.rules)
        converted = shared_workers().transform(stylesheet, etree.tostring(root, encoding="unicode")).encode()
        try:
            result = parse(converted, self._limits)
            findings = step.target.find(result, converted, step.message_type)
        except Problem as problem:
            if problem.retryable:
                raise
            raise _failed(step, problem.type) from problem
        if findings.errors or result.tag != step.message_type.root:
            raise _failed(step, ", ".join(sorted(findings.errors)) or "root element")
        if lost := [*_lost(root, result, step.rules.drops)]:
            raise _loss(step, root, body, lost)
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


def _lost(source: etree._Element, result: etree._Element, drops: Collection[str]) -> Iterator[etree._Element]:
    """Yield what is stated in the source and not, under whatever prefix, in the result."""
    kept = Counter((name, text) for _, name, text in _stated(result))
    for element, name, text in _stated(source):
        if kept[name, text]:
            kept[name, text] -= 1
        elif not {name, f"{name}={text}", *map(_local, _line(element))} & set(drops):
            yield element


def _stated(root: etree._Element) -> Iterator[tuple[etree._Element, str, str]]:
    """Yield every text and attribute value with its local name; the root's attributes name the version."""
    for element in root.iter("*"):
        text = " ".join((element.text or "").split())
        if text:
            yield element, _local(element), text
        if element is not root:
            for name, value in element.attrib.items():
                yield element, f"@{etree.QName(name).localname}", str(value)


def _line(element: etree._Element) -> Iterator[etree._Element]:
    yield element
    yield from element.iterancestors()


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _failed(step: _Step, why: str) -> VersionNotServed:
    """Say that what a conversion has made is not valid: its author must look, the sender has another way."""
    _log.error("conversion_failed", source=str(step.source), target=str(step.target), reason=why)
    return VersionNotServed(_NOT_CONVERTED, hint=_in_version(step.target))


def _loss(step: _Step, root: etree._Element, body: bytes, lost: Sequence[etree._Element]) -> VersionNotServed:
    elements = list(dict.fromkeys(lost))
    positions = locate(body, root, elements[:MAX_FINDINGS])
    names = Names(root, step.source.manifest.namespaces)
    findings = [_loss_of(step, element, position, names) for element, position in positions.items()]
    return VersionNotServed(findings=findings, more_findings=len(elements) - len(findings))


def _loss_of(step: _Step, element: etree._Element, position: Position, names: Names) -> Finding:
    version, name, path = step.target.manifest.version, _local(element), names.path(element)
    return Finding(
        code=str(RejectCode.VERSION),
        path=path,
        namespaces=names.namespaces(path),
        line=position.line,
        column=position.column,
        message=Bilingual(
            de=f"Die zuständige Stelle bedient nur Version {version}; »{name}« ginge bei der Umwandlung "
            "verloren.",
            en=f"The authority serves version {version} only; “{name}” would be lost by the conversion.",
        ),
        hint=_in_version(step.target),
    )


def _in_version(target: Standard) -> Bilingual:
    return Bilingual(
        de=f"Senden Sie die Nachricht als {target}, oder ohne diese Angabe.",
        en=f"Send the message as {target}, or without this element.",
    )


def _wanted(serves: Serves) -> Bilingual:
    listed = ", ".join(serves)
    return Bilingual(de=f"Bedient werden: {listed}.", en=f"Served are: {listed}.")


_NO_WAY = Bilingual(
    de="Die zuständige Stelle bedient diese Version nicht, und keine Umwandlung führt zu einer anderen.",
    en="The authority does not serve this version, and no conversion leads to another.",
)
_NOT_CONVERTED = Bilingual(
    de="Die zuständige Stelle bedient diese Version nicht, und diese Nachricht ließ sich nicht umwandeln.",
    en="The authority does not serve this version, and this message could not be converted.",
)
