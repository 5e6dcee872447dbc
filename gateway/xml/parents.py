"""Elements that stand in the wrong parent: a level too high or too low, or beside the right one.

Each parent by itself tells half of it: one lacks a child, another has one that it does not know.
"""

from collections import defaultdict
from collections.abc import Iterator

from lxml import etree

from gateway.xml import content
from gateway.xml.faults import Fault, Kind
from gateway.xml.meant import MISNAMED, Guessing


def join(faults: list[Fault], look: Guessing) -> list[Fault]:
    """Make one fault of a child that an element lacks and the one of that name that is unexpected near by.

    Near are the parent of the element where it stands, and the children of both. Where several of these lack
    such a child, it is not clear where it belongs, and all faults stay.
    """
    lacks = _Lacks(faults)
    moved = {fault: found for fault in faults if (found := lacks.fill(fault, look))}
    kept = [fault for fault in faults if fault not in lacks.filled]
    return [each for fault in kept for each in moved.get(fault, [fault])]


class _Lacks:
    """Which elements lack a child of a name; `filled` has the faults of those that lack nothing any more."""

    def __init__(self, faults: list[Fault]) -> None:
        self.filled: set[Fault] = set()
        self._moved: dict[etree._Element, list[str]] = defaultdict(list)
        self._at: dict[tuple[str, etree._Element], list[Fault]] = defaultdict(list)
        self._within: dict[tuple[str, etree._Element], list[Fault]] = defaultdict(list)
        for fault in faults:
            for name in _missing(fault):
                self._at[name, fault.element].append(fault)
                if (above := fault.element.getparent()) is not None:
                    self._within[name, above].append(fault)

    def fill(self, fault: Fault, look: Guessing) -> list[Fault]:
        """Return what is wrong with a child that is lacked near by, where it then is lacked no more."""
        one_too_many = fault.kind is Kind.TOO_OFTEN and fault.count == (fault.limit or 0) + 1
        if fault.kind not in MISNAMED and not one_too_many:
            return []
        name = str(fault.element.tag)
        found = [each for each in self._near(fault.element) if each.element is not fault.element]
        if len(found) != 1 or name not in _missing(found[0]):
            return []
        (lack,) = found
        element = _beside(lack.element, fault.element) if one_too_many else fault.element
        lack.names = [names for names in lack.names if name not in names]
        if not lack.names:
            self.filled.add(lack)
        after = self._after(lack.element, name, look)
        self._moved[lack.element].append(name)
        if len(lack.names) == 1:
            lack.after = self._after(lack.element, lack.names[0][0], look)
        moved = Fault(element, Kind.WRONG_PARENT, names=[[name]], other=lack.element, after=after)
        parent = fault.element.getparent()
        if fault.instead is None or parent is None:
            return [moved]
        behind = self._after(parent, fault.instead, look)
        return [Fault(parent, Kind.MISSING_CHILD, names=[[fault.instead]], after=behind), moved]

    def _after(self, parent: etree._Element, name: str, look: Guessing) -> str | None:
        model = look.model(parent)
        return content.predecessor(model, parent, name, self._moved[parent]) if model else None

    def _near(self, element: etree._Element) -> list[Fault]:
        name, parent = str(element.tag), element.getparent()
        if parent is None:
            return []
        found = self._within.get((name, parent), [])
        if (above := parent.getparent()) is not None:
            found = [*found, *self._within.get((name, above), []), *self._at.get((name, above), [])]
        return found


def _beside(other: etree._Element, element: etree._Element) -> etree._Element:
    """Return the neighbour of another element that has the name of `element`, or else that itself."""
    beside = next(other.itersiblings("*"), None), next(other.itersiblings("*", preceding=True), None)
    return next((each for each in beside if each is not None and each.tag == element.tag), element)


def _missing(fault: Fault) -> Iterator[str]:
    for names in fault.names if fault.kind is Kind.MISSING_CHILD else ():
        yield from names
