"""Elements that have the name of another one that their parent knows as well.

A schema goes by the name: it blames all that such an element holds, and says that the other one is missing.
That the name is wrong is the better reason where it is the only one: under the other name nothing is wrong
with what the element holds, nothing in its parent that was right, and fewer faults are left.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from lxml import etree

from gateway.xml import content
from gateway.xml.declarations import XSI_TYPE, Declared, attributes_of, is_nil, value_type
from gateway.xml.enclosing import Budget, owner, signs
from gateway.xml.faults import Fault, Kind
from gateway.xml.meant import Guessing, is_displaced
from gateway.xml.model import Component
from gateway.xml.words import direct_text

_MAX_TEXT = 200
"""Characters: a longer value may be that of many elements, and takes its time to be looked at."""
_MOVED = {Kind.WRONG_PARENT, Kind.MISSING_PARENT}
_OF_ITSELF = {"text", "attribute", "value"}

_Inside: TypeAlias = Mapping[etree._Element, int]


def join(faults: list[Fault], others: Iterable[Fault], look: Guessing) -> list[Fault]:
    """Make one fault of a name that is another's and of all that is wrong with children for this reason.

    Args:
        faults: about children, as `content`, `parents` and `enclosing` find them.
        others: about anything else; those that are about what is told here have to be dropped once it has
            been looked at as what it is taken for.
        look: the declarations of the message's elements.
    """
    found: dict[etree._Element, _Renaming] = {}
    budget = Budget()
    inside = _wrong_inside(faults, others)
    for element in _candidates(faults, inside, look):
        parent = element.getparent()
        declared = look.at(parent) if parent is not None else None
        if parent is not None and declared is not None:
            if parent not in found:
                found[parent] = _Renaming(parent, declared, look, budget)
            found[parent].elements.append(element)
    for each in found.values():
        each.search(inside)
    renamed = [each for each in found.values() if each.names]
    names = {element: name for each in renamed for element, name in each.names.items()}
    known = {sign for each in renamed for sign in each.signs_before}
    kept = [fault for fault in faults if owner(fault) not in names and not known.issuperset(signs(fault))]
    told = [Fault(element, Kind.WRONG_NAME, names=[[name]]) for element, name in names.items()]
    return [*told, *kept, *(fault for each in renamed for fault in each.faults())]


def _wrong_inside(faults: Iterable[Fault], others: Iterable[Fault]) -> dict[etree._Element, int]:
    """Count what is told of the children, the text and the attributes of each element."""
    inside: defaultdict[etree._Element, int] = defaultdict(int)
    for fault in faults:
        above = owner(fault)
        # Where there are no children at all, their absence is told with the text that stands instead.
        if above is not None and fault.told_at is None and len(above):
            inside[above] += 1
    for fault in others:
        if fault.kind.group in _OF_ITSELF:
            inside[fault.element] += 1
    return dict(inside)


def _candidates(faults: Iterable[Fault], inside: _Inside, look: Guessing) -> Iterator[etree._Element]:
    """Yield the elements in which something is wrong, but those of which another reason is known."""
    settled: set[etree._Element | None] = set()
    for fault in faults:
        if is_displaced(fault):
            settled.add(fault.element)
        if fault.kind in _MOVED:
            settled.add(fault.other)
        if fault.kind is Kind.WRONG_PARENT:
            settled.add(owner(fault))
    moved = {owner(fault) for fault in faults if fault.kind in _MOVED}
    for element in inside:
        is_plain = element.get(XSI_TYPE) is None and not is_nil(element) and look.at(element) is not None
        if is_plain and element not in settled and element.getparent() not in moved | settled:
            yield element


class _Renaming:
    """The children of one element, some of them under the names that were meant."""

    def __init__(self, parent: etree._Element, declared: Declared, look: Guessing, budget: Budget) -> None:
        self._parent = parent
        self._look = look
        self._budget = budget
        self._type = declared.type
        self._known = look.declarations.children(declared.type)
        self._now: set[object] | None = None
        self.elements: list[etree._Element] = []
        """Those that may have the name of another."""
        self.names: dict[etree._Element, str] = {}
        self.signs_before: set[object] = set()
        """What is wrong with the children under their own names."""

    def search(self, inside: _Inside) -> None:
        """Find what the elements should be called: what one is called may show what others are."""
        waiting = self.elements
        while True:
            left = [each for each in waiting if not self._is_renamed(each, inside[each])]
            if len(left) == len(waiting):
                return
            waiting = left

    def _is_renamed(self, element: etree._Element, inside: int) -> bool:
        """Find what an element should be called, if one name is better than all others."""
        own = self._known.get(str(element.tag))
        if own is None or not self._budget.take(len(self._known)):
            return False
        same = {name for each, name in self.names.items() if each.tag == element.tag}
        is_strange = self._is_strange(element, own)
        trials: list[tuple[int, str]] = []
        for name, each in self._known.items():
            if each.abstract or each.type is own.type or not self._holds(element, each):
                continue
            gone = self._gone(element, name)
            if gone is None or not (gone or is_strange or name in same):
                continue
            left = 1 + self._wrong_attributes(element, each) - len(gone)
            if left < inside:
                trials.append((left, name))
        least = min(trials, default=(0, ""))[0]
        best = [name for left, name in trials if left == least]
        if len(best) != 1:
            return False
        [self.names[element]] = best
        self._now = None
        return True

    def _gone(self, element: etree._Element, name: str) -> set[object] | None:
        """Return what is no longer wrong with the children if one has that name; None if anything is then."""
        if not self._budget.take(2 * len(self._parent)):
            return None
        if self._now is None:
            self._now = _signs(self._found(self.names))
        if not self.names:
            self.signs_before = self._now
        after = _signs(self._found({**self.names, element: name}))
        return self._now - after if after <= self._now else None

    def faults(self) -> list[Fault]:
        """Return what is wrong with the children under the names that were meant."""
        return self._found(self.names)

    def _found(self, names: Mapping[etree._Element, str]) -> list[Fault]:
        children = ((child, names.get(child, str(child.tag))) for child in self._parent.iterchildren("*"))
        model = self._look.declarations.model(self._type)
        return content.find_faults_of(model, self._parent, children, self._look.guesses)

    def _is_strange(self, element: etree._Element, own: Component) -> bool:
        """Say whether most of what an element holds does not belong in one of its name."""
        known, held = self._look.declarations.children(own.type).keys(), _held(element)
        return 2 * len(held - known) > len(held) if held else bool(known)

    def _holds(self, element: etree._Element, other: Component) -> bool:
        """Say whether what an element holds is all that one of another name must hold, and may."""
        text = direct_text(element)
        if not len(element):  # nothing speaks for no name
            value = value_type(other)
            is_short = text.strip() and len(text) <= _MAX_TEXT and self._budget.take(len(text))
            return value is not None and bool(is_short) and bool(value.is_valid(text))
        known = self._look.declarations.children(other.type)
        if text.strip() or not _held(element) <= known.keys() or not self._budget.take(len(element)):
            return False
        model = self._look.declarations.model(other.type)
        return not content.find_faults(model, element, self._look.guesses)

    def _wrong_attributes(self, element: etree._Element, other: Component) -> int:
        """Count the attributes that one of another name lacks, or does not have with that value."""
        known = attributes_of(other.type)
        own = self._look.at(element)
        added = self._look.declarations.defaults(own.type) if own else ()
        stated = {str(name): value for name, value in element.attrib.items() if (name, value) not in added}
        right = {
            name for name, value in stated.items() if name in known and known[name].fixed in (None, value)
        }
        required = {name for name, each in known.items() if each.use == "required"}
        return len(stated.keys() - right) + len(required - stated.keys())


def _signs(faults: Iterable[Fault]) -> set[object]:
    return {sign for fault in faults for sign in signs(fault)}


def _held(element: etree._Element) -> set[str]:
    return {str(child.tag) for child in element.iterchildren("*")}
