"""What a conversion has lost of a message: what it stated, and what belonged together."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from itertools import chain, islice
from typing import NamedTuple

from lxml import etree

from gateway.xml.words import direct_text

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA_LOCATIONS = {f"{{{_XSI}}}schemaLocation", f"{{{_XSI}}}noNamespaceSchemaLocation"}

Place = tuple[etree._Element, str]
"""An element, and its local name for its text or `@name` for an attribute."""
_Content = tuple[tuple[str, ...], str, str]
_Elements = defaultdict[tuple[str, ...], list[etree._Element]]
"""Those of names that both messages have, by these names from the root on, in document order."""
_LEVELS = 8
"""Within how many of the elements around it a statement is compared: a hostile message has hundreds."""


def find(
    root: etree._Element, result: etree._Element, *, spared: Collection[Place], drops: Set[str]
) -> tuple[Mapping[etree._Element, str], Mapping[etree._Element, str]]:
    """Return what a message has lost, and, where that is nothing, what was torn apart in it.

    Args:
        root: of the message as sent.
        result: the root of what it has become.
        spared: where it may say something else.
        drops: what the manifest allows to be lost, as `name` or `name=value`.

    Returns:
        Elements of the message as sent, with their local names, or `@name` for that of an attribute.
    """
    common = {*map(local_of, root.iter("*"))} & {*map(local_of, result.iter("*"))}
    before = [each for each in _stated(root, common) if (each.element, each.name) not in spared]
    after = [*_stated(result, common)]
    if lost := _lost(before, after, drops):
        return lost, {}
    return {}, _torn(before, after, drops, _by_path(root, common), _by_path(result, common))


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
                torn[each] = local_of(each)
    return torn


def _by_path(root: etree._Element, common: Collection[str]) -> _Elements:
    found: _Elements = defaultdict(list)
    paths: dict[etree._Element | None, tuple[str, ...]] = {None: ()}
    for each in root.iter("*"):
        paths[each] = around = paths[each.getparent() if each is not root else None]
        if (name := local_of(each)) in common:
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
            {self.name, f"{self.name}={self.text}", *map(local_of, _line(self.element))}
        )


def _stated(
    element: etree._Element, common: Collection[str], around: tuple[str, ...] = ()
) -> Iterator[_Statement]:
    """Yield every text, empty element and attribute value, but where schemas are: nobody looks there.

    A comment within a text states nothing, nor does white space.
    """
    name = local_of(element)
    text = " ".join(direct_text(element).split())
    children = [*element.iterchildren("*")]
    if text or not children:
        yield _Statement(element, around, name, text)
    within = (*around, name) if name in common else around
    for attribute, value in element.attrib.items():
        if attribute not in _SCHEMA_LOCATIONS:
            yield _Statement(element, within, f"@{local(str(attribute))}", " ".join(str(value).split()))
    for child in children:
        yield from _stated(child, common, within)


def _line(element: etree._Element) -> Iterator[etree._Element]:
    yield element
    yield from element.iterancestors()


def local_of(element: etree._Element) -> str:
    """Return the local part of an element's name."""
    return local(str(element.tag))


def local(name: str) -> str:
    """Return a name without its namespace, in full; a message has many, and QName takes thrice as long."""
    return name.rpartition("}")[2]
