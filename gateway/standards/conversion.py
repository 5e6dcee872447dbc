"""Convert messages into the neighbour version that a destination serves, by the XSLT that a manifest names.

Whoever converts answers for what arrives: the converted message is judged as one that arrives, and one that
would lose something that the sender has stated is not converted, unless the manifest names the element.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NamedTuple

import structlog
from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding
from gateway.domain.calendar import today
from gateway.domain.routing import covers
from gateway.errors import Problem, VersionNotServed
from gateway.standards.catalogue import Catalogue, Opened
from gateway.standards.manifest import ConversionRules
from gateway.standards.profiles import Header, HeaderReader
from gateway.standards.reading import usable, waiting_room
from gateway.standards.standard import MessageType, Standard
from gateway.xml.parse import Limits, has_larger_tree, parse
from gateway.xml.paths import Names
from gateway.xml.positions import Position, locate
from gateway.xml.words import direct_text
from gateway.xml.workers import shared_workers

_log = structlog.get_logger()

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA_LOCATIONS = {f"{{{_XSI}}}schemaLocation", f"{{{_XSI}}}noNamespaceSchemaLocation"}

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
        if result.tag != step.message_type.root or not step.target.has(step.message_type, result):
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


_Place = tuple[etree._Element, str]
"""An element, and its local name for its text or `@name` for an attribute."""
_Content = tuple[tuple[str, ...], str, str]
_Elements = defaultdict[tuple[str, ...], list[etree._Element]]
"""Those of names that both messages have, by these names from the root on, in document order."""
MAX_BYTES, MAX_TREE = 2 * 1024 * 1024, 40_000
"""Bytes of a message that is converted, and its tags and attributes: its text is in memory a dozen times, and
comparing takes a kilobyte for each tag."""
_LEVELS = 8
"""Within how many of the elements around it a statement is compared: a hostile message has hundreds."""


def _version(source: Standard, root: etree._Element, converted: Header) -> set[_Place]:
    """Return where a message names its standard and version: these may become others, but not vanish."""
    rules = source.manifest.header
    reader = HeaderReader(rules.profile, rules.xpaths, source.manifest.namespaces)
    stated = [name for name in ("standard", "version") if getattr(converted, name)]
    return {
        (element, f"@{_bare(attribute)}" if attribute else _local(element))
        for name in stated
        for element, attribute in reader.places(root, name)
    }


def _require_nothing_lost(
    step: _Step, root: etree._Element, body: bytes, result: etree._Element, spared: Collection[_Place]
) -> None:
    common = {*map(_local, root.iter("*"))} & {*map(_local, result.iter("*"))}
    before = [each for each in _stated(root, common) if (each.element, each.name) not in spared]
    after, drops = [*_stated(result, common)], frozenset(step.rules.drops)
    if lost := _lost(before, after, drops):
        raise _loss(step, root, body, lost, _LOST)
    if torn := _torn(before, after, drops, _by_path(root, common), _by_path(result, common)):
        raise _loss(step, root, body, torn, _TORN)


def _lost(
    before: Iterable["_Statement"], after: Iterable["_Statement"], drops: Set[str]
) -> dict[etree._Element, str]:
    """Return what is stated in the source and not, under whatever prefix, in the result: where, and its name.

    A text is the same where its element has the same name and stands in elements of the same names: what is
    said of the child is not said of the mother. Elements around it count if both messages have some of that
    name, so that a version may rename, add or leave out a wrapper. What two renamed wrappers exchange is
    therefore not found; what two elements of the same name do, `_torn` finds.

    Args:
        before: what the message as sent states, as far as it is compared.
        after: what is stated in what it has become.
        drops: what the manifest allows to be lost.
    """
    kept = Counter(each.content for each in after)
    lost: dict[etree._Element, str] = {}
    for each in before:
        if kept[each.content]:
            kept[each.content] -= 1
        elif not each.may_go(drops):
            lost.setdefault(each.element, each.name)
    return lost


def _torn(
    before: Iterable["_Statement"],
    after: Iterable["_Statement"],
    drops: Set[str],
    sources: "_Elements",
    results: "_Elements",
) -> dict[etree._Element, str]:
    """Return which of several elements of one name say together what none of that name says any more.

    Two persons have exchanged their dates of birth, say. They may come in another order, say more than
    before, or be made one. Where there are more of a name than before, some were divided, and nothing is said
    of these; nor of the order of what has the same name.

    Args:
        before, after, drops: as of `_lost`, which has found nothing.
        sources, results: the elements of the message as sent, and of what it has become.
    """
    several = {path: them for path, them in sources.items() if 1 < len(them) >= len(results[path]) > 0}
    numbers: dict[_Content, int] = {}
    bound = (each for each in before if not each.may_go(drops))
    together = _together(bound, chain.from_iterable(several.values()), numbers)
    kept = _together(after, chain.from_iterable(results[path] for path in several), numbers)
    torn: dict[etree._Element, str] = {}
    for path, them in several.items():
        said = [kept[each] for each in results[path]]
        where = _index(said)
        for number, each in enumerate(them):
            wanted = together[each]
            if len(wanted) < 2 or (number < len(said) and wanted <= said[number]):
                continue
            rarest = min((where[content] for content in wanted), key=len)
            if not any(wanted <= said[other] for other in rarest):
                torn[each] = _local(each)
    return torn


def _by_path(root: etree._Element, common: Collection[str]) -> _Elements:
    found: _Elements = defaultdict(list)
    paths: dict[etree._Element | None, tuple[str, ...]] = {None: ()}
    for each in root.iter("*"):
        paths[each] = around = paths[each.getparent() if each is not root else None]
        if (name := _local(each)) in common:
            paths[each] = path = (*around, name)
            found[path].append(each)
    return found


def _together(
    statements: Iterable["_Statement"], among: Iterable[etree._Element], numbers: dict[_Content, int]
) -> defaultdict[etree._Element, set[int]]:
    """Return what each of some elements says, itself and in what it holds, by its number among `numbers`."""
    found: defaultdict[etree._Element, set[int]] = defaultdict(set)
    asked = {*among}
    for each in statements:
        number = numbers.setdefault(each.content, len(numbers))
        for element in islice((one for one in _line(each.element) if one in asked), _LEVELS):
            found[element].add(number)
    return found


def _index(said: Iterable[Set[int]]) -> defaultdict[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for number, contents in enumerate(said):
        for content in contents:
            found[content].append(number)
    return found


class _Statement(NamedTuple):
    element: etree._Element
    around: tuple[str, ...]
    name: str
    text: str

    @property
    def content(self) -> "_Content":
        return self.around, self.name, self.text

    def may_go(self, drops: Set[str]) -> bool:
        """Say whether the manifest allows it to be lost, or what it stands in."""
        if not drops:
            return False
        return not drops.isdisjoint(
            {self.name, f"{self.name}={self.text}", *map(_local, _line(self.element))}
        )


def _stated(
    element: etree._Element, common: Collection[str], around: tuple[str, ...] = ()
) -> Iterator[_Statement]:
    """Yield every text, empty element and attribute value, but where schemas are: nobody looks there.

    A comment within a text states nothing, nor does white space.
    """
    name = _local(element)
    text = " ".join(direct_text(element).split())
    children = [*element.iterchildren("*")]
    if text or not children:
        yield _Statement(element, around, name, text)
    within = (*around, name) if name in common else around
    for attribute, value in element.attrib.items():
        if attribute not in _SCHEMA_LOCATIONS:
            yield _Statement(element, within, f"@{_bare(str(attribute))}", " ".join(str(value).split()))
    for child in children:
        yield from _stated(child, common, within)


def _line(element: etree._Element) -> Iterator[etree._Element]:
    yield element
    yield from element.iterancestors()


def _local(element: etree._Element) -> str:
    return _bare(str(element.tag))


def _bare(name: str) -> str:
    """Return a name without its namespace; a message has many, and QName takes thrice as long."""
    return name.rpartition("}")[2]


def _failed(step: _Step, why: str) -> VersionNotServed:
    """Say that what a conversion has made is not valid: its author must look, the sender has another way."""
    _log.error("conversion_failed", source=str(step.source), target=str(step.target), reason=why)
    return VersionNotServed(_NOT_CONVERTED, hint=_in_version(step.target))


def _loss(
    step: _Step, root: etree._Element, body: bytes, lost: Mapping[etree._Element, str], said: Bilingual
) -> VersionNotServed:
    positions = locate(body, root, [*lost][:MAX_FINDINGS])
    names = Names(root, step.source.manifest.namespaces)
    findings = [
        _loss_of(step, said, lost[element], names.path(element), position, names)
        for element, position in positions.items()
    ]
    return VersionNotServed(findings=findings, more_findings=len(lost) - len(findings))


def _loss_of(step: _Step, said: Bilingual, name: str, path: str, position: Position, names: Names) -> Finding:
    version = step.target.manifest.version
    return Finding(
        code=str(RejectCode.VERSION),
        path=path,
        namespaces=names.namespaces(path),
        line=position.line,
        column=position.column,
        message=Bilingual(de=said.de.format(version, name), en=said.en.format(version, name)),
        hint=_without(step.target, [each for each in step.rules.drops if each.startswith(f"{name}=")]),
    )


def _in_version(target: Standard) -> Bilingual | None:
    """Say in which version a message gets through; None where that is not taken today from whoever sends."""
    if not target.serves(today()):
        return None
    return Bilingual(de=f"Senden Sie die Nachricht als {target}.", en=f"Send the message as {target}.")


def _without(target: Standard, harmless: Sequence[str]) -> Bilingual:
    """Say how a message gets through: `harmless` are the values, as `name=value`, that may be lost."""
    values = ", ".join(each.partition("=")[2] for each in harmless)
    with_these_de, with_these_en = (f" (oder mit {values})", f" (or with {values})") if values else ("", "")
    german, english = "", ""
    if target.serves(today()):
        german, english = f" als {target}, oder", f" as {target}, or"
    return Bilingual(
        de=f"Senden Sie die Nachricht{german} ohne diese Angabe{with_these_de}.",
        en=f"Send the message{english} without this{with_these_en}.",
    )


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
