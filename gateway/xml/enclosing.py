"""Elements that stand directly in another because the one that should be around them was forgotten.

Each of them by itself only tells that nobody knows it there.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lxml import etree

from gateway.xml import content
from gateway.xml.faults import Fault, Kind
from gateway.xml.meant import MISNAMED, Guessing
from gateway.xml.model import Component, required
from gateway.xml.words import direct_text

_MAX_AROUND = 3
"""So many elements may be the one that is missing around several children."""
_KNOWN = {Kind.TOO_OFTEN, Kind.MISPLACED_CHILD, Kind.CHOICE_CONFLICT}
"""What may be wrong with a child for the same reason whose name is known where it stands."""


def join(faults: list[Fault], look: Guessing) -> list[Fault]:
    """Make one fault of all children that are unexpected, but may stand in an element that could be there.

    To a reader that is one fault: the first child's says of how many others it is true, and is the `other` of
    theirs.
    """
    elsewhere = {fault.kin for fault in faults if fault.kind is Kind.WRONG_PARENT}
    loose: defaultdict[etree._Element, list[Fault]] = defaultdict(list)
    for fault in faults:
        parent = fault.element.getparent()
        several = fault.kind is Kind.TOO_OFTEN and fault.count > (fault.limit or 0) + 1
        unfit = fault.kind in MISNAMED | _KNOWN and not several and fault.kin not in elsewhere
        if unfit and parent is not None:
            loose[parent].append(fault)
    groups = [group for parent, those in loose.items() for group in _groups(those, parent, look)]
    enclosed = {fault: said for group in groups for fault, said in group.enclosed(look).items()}
    there = {group.parent: set[str]() for group in groups}
    for group in groups:
        there[group.parent].update(group.around)
    for fault in faults:
        if fault.kind is Kind.MISSING_CHILD and (names := there.get(fault.element)):
            fault.names = [each for each in fault.names if names.isdisjoint(each)]
            if not fault.names:
                enclosed[fault] = []
    moved = {each.element for said in enclosed.values() for each in said if each.kind is Kind.MISSING_PARENT}
    return [
        each
        for fault in faults
        for each in enclosed.get(fault, [fault] if fault.element not in moved else [])
    ]


@dataclass
class _Group:
    """Children of one element, and the names of what may be missing around all of them."""

    parent: etree._Element
    around: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    beside: bool = False
    """Whether the first may as well belong in an element that is there."""

    @property
    def is_clear(self) -> bool:
        """Whether it is clear enough what is missing."""
        if len(self.faults) == 1:
            return len(self.around) == 1 and not self.beside
        return 0 < len(self.around) <= _MAX_AROUND

    def enclosed(self, look: Guessing) -> dict[Fault, list[Fault]]:
        """Return what to say instead of each fault."""
        said: dict[Fault, list[Fault]] = {}
        whole = [name for name in self.around if not any(self._lacking(name, look))]
        self.around = whole or self.around
        first: Fault | None = None
        for fault in self.faults:
            said[fault] = []
            if fault.kind not in _KNOWN:
                enclosed = Fault(fault.element, Kind.MISSING_PARENT, names=[self.around])
                said[fault].append(enclosed)
                if first is None:
                    first = enclosed
                else:
                    enclosed.other = first.element
            if fault.instead and fault.instead not in self.around:
                said[fault].append(Fault(self.parent, Kind.MISSING_CHILD, names=[[fault.instead]]))
        if first is not None:
            namesakes = self._namesakes(look)
            said[self.faults[0]] += (
                Fault(child, Kind.MISSING_PARENT, names=[self.around], other=first.element)
                for child in namesakes
            )
            lacking = self._lacking(self.around[0], look) if len(self.around) == 1 else ()
            first.names = [self.around, *lacking]
            first.further = len({*namesakes, *(fault.element for fault in self.faults)}) - 1
        return said

    def _namesakes(self, look: Guessing) -> list[etree._Element]:
        """Return the children known by name where they stand, but with what that name holds further in."""
        outer, inner = _known(self.parent, look), look.declarations.children
        if len(self.around) > 1:
            return []
        within = inner(outer[self.around[0]].type)
        found = []
        for child in self.parent.iterchildren("*"):
            tag, nested = str(child.tag), len(child) > 0
            if tag in outer and tag in within and (nested or direct_text(child).strip()):
                here, there = bool(inner(outer[tag].type)), bool(inner(within[tag].type))
                if here is not nested and there is nested:
                    found.append(child)
        return found

    def _lacking(self, name: str, look: Guessing) -> Iterator[Sequence[str]]:
        """Yield what an element would lack even if it stood around these children."""
        declared = _known(self.parent, look)[name]
        model = look.declarations.model(declared.type)
        present = {place for fault in self.faults for place in model.find(str(fault.element.tag))}
        beside = {str(child.tag) for child in self.parent.iterchildren("*")}
        yield from (names for names in required(model, model.group, present) if beside.isdisjoint(names))


def _known(parent: etree._Element, look: Guessing) -> dict[str, Component]:
    """Return the declarations of all that may be in an element."""
    above = look.at(parent)
    return look.declarations.children(above.type) if above else {}


def _groups(unfit: list[Fault], parent: etree._Element, look: Guessing) -> Iterator[_Group]:
    """Yield the children of a parent that may belong in one element which is not there."""
    known = _known(parent, look)
    there = {str(child.tag) for child in parent.iterchildren("*")}.intersection(known)
    group, doubtful = _Group(parent), list[Fault]()

    def takes(name: str, tag: str) -> bool:
        return name in known and tag in look.declarations.children(known[name].type)

    for fault in unfit:
        tag = str(fault.element.tag)
        own = [name for name in _possible(fault) if takes(name, tag)]
        around = [name for name in group.around if (name in own if own else takes(name, tag))]
        if around:
            group.around = around
            group.faults.append(fault)
        elif own:
            if group.is_clear:
                yield group
            before = []
            for each in doubtful:
                if fitting := [name for name in own if takes(name, str(each.element.tag))]:
                    own = fitting
                    before.append(each)
            beside = any(takes(name, tag) for name in there)
            group, doubtful = _Group(parent, own, [*before, fault], beside), []
        else:
            doubtful.append(fault)
    if group.is_clear:
        yield group


def _possible(fault: Fault) -> list[str]:
    """Return the names of elements that could stand where a child does that nobody knows there."""
    if fault.kind is Kind.WRONG_NAMESPACE and not len(
        fault.element
    ):  # a code in an element that is called code
        return [*fault.names[0]]
    if fault.kind is not Kind.UNEXPECTED_CHILD or content.near_name(fault):
        return []
    return [*dict.fromkeys([*filter(None, [fault.instead]), *(fault.names[0] if fault.names else ())])]
