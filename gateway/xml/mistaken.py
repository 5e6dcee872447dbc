"""Elements that have the name of another one that their parent knows as well.

A schema goes by the name and blames everything that such an element holds. What it holds shows what was
meant: little of it belongs where the name says, and all of it in an element of one other name.
"""

from collections.abc import Iterable, Iterator, Mapping, Set

from lxml import etree

from gateway.xml import content
from gateway.xml.declarations import Declared, attributes_of, value_type
from gateway.xml.enclosing import Budget, owner, weight
from gateway.xml.faults import LACKING, Fault, Kind
from gateway.xml.meant import MISNAMED, Guessing, is_mistaken
from gateway.xml.model import Component
from gateway.xml.xmlschema_faults import MAX_VALUE

_SETTLED = {Kind.WRONG_PARENT, Kind.MISSING_PARENT}
_UNFIT = {Kind.CHILDREN_NOT_ALLOWED, Kind.TEXT_NOT_ALLOWED}


def join(faults: list[Fault], others: Iterable[Fault], look: Guessing) -> list[Fault]:
    """Make one fault of a name that is another's and all that is wrong for this reason in the parent.

    What is wrong in the element itself stays, until it was looked at as what it is taken for.

    Args:
        faults: about children, as `content`, `parents` and `enclosing` find them.
        others: about anything else.
        look: the declarations of the message's elements.
    """
    settled = {owner(fault) for fault in faults if fault.kind in _SETTLED}
    unsettled = {owner(fault) for fault in faults if fault.kind in MISNAMED}
    budget = Budget()
    found: dict[etree._Element, _Renaming] = {}
    for element, parent in _strange(faults, others):
        declared = look.at(parent)
        if declared is not None and parent not in settled:
            if parent not in found:
                found[parent] = _Renaming(parent, declared, look, budget)
            found[parent].rename(element, is_explained=element in settled - unsettled)
    renamed = {parent: each for parent, each in found.items() if each.names}
    kept = [fault for fault in faults if owner(fault) not in renamed]
    return kept + [fault for each in renamed.values() for fault in each.faults()]


def _strange(
    faults: Iterable[Fault], others: Iterable[Fault]
) -> Iterator[tuple[etree._Element, etree._Element]]:
    """Yield the elements that hold what does not belong in them, or not enough, with their parents."""
    holding = {owner(fault): None for fault in faults if fault.kind in MISNAMED | _SETTLED | LACKING}
    holding |= {fault.element: None for fault in others if _is_of_content(fault)}
    known = {fault.element for fault in faults if is_mistaken(fault)}
    for element in holding:
        parent = None if element is None else element.getparent()
        if element is not None and parent is not None and element not in known:
            yield element, parent


def _is_of_content(fault: Fault) -> bool:
    return fault.attribute is None and (fault.kind in _UNFIT or fault.kind.group == "value")


class _Renaming:
    """The children of one element, some of them under the names that were meant."""

    def __init__(self, parent: etree._Element, declared: Declared, look: Guessing, budget: Budget) -> None:
        self._parent = parent
        self._look = look
        self._budget = budget
        self._model = look.declarations.model(declared.type)
        self._known = look.declarations.children(declared.type)
        self._now: int | None = None
        self.names: dict[etree._Element, list[str]] = {}

    def rename(self, element: etree._Element, *, is_explained: bool) -> None:
        """Find what an element should be called, if that is clear.

        Less must be wrong in the parent then; or as much, where most children do not belong in an element of
        its own name and nothing else explains these.
        """
        own, now = self._known.get(str(element.tag)), self._weigh_now()
        held = {str(child.tag) for child in element.iterchildren("*")}
        strangers = held - self._look.declarations.children(own.type).keys() if own is not None else held
        is_strange = 2 * len(strangers) > len(held)
        if own is None or not (now or is_strange) or not self._budget.take(len(self._known)):
            return
        names = self._by_children(element, held) if held else self._by_text(element)
        costs: dict[str, int] = {}
        for name in names:
            if not self._budget.take(len(self._parent)):
                return
            outside = weight(self._found({element: name}))
            is_better = is_strange or not held or self._inside(element, name) < self._inside(element, "")
            if (outside < now and is_better) or (outside == now and is_strange and not is_explained):
                costs[name] = outside + self._unfit(element, name)
        best = [name for name, cost in costs.items() if cost == min(costs.values())]
        if best and len({self._known[name].type for name in best}) == 1:
            self.names[element] = best
            self._now = None

    def _weigh_now(self) -> int:
        if self._now is None:
            self._now = weight(self._found({})) if self._budget.take(len(self._parent)) else 0
        return self._now

    def faults(self) -> list[Fault]:
        """Return what is wrong with the children, the names that are others' first."""
        wrong = [Fault(element, Kind.WRONG_NAME, names=[names]) for element, names in self.names.items()]
        return wrong + self._found({})

    def _by_children(self, element: etree._Element, held: Set[str]) -> list[str]:
        """Return the names that all children of an element belong under."""
        children = self._look.declarations.children
        return [name for name, each in self._others(element) if held <= children(each.type).keys()]

    def _by_text(self, element: etree._Element) -> list[str]:
        """Return the names of which the value of an element is one."""
        text = element.text or ""
        if not text.strip() or len(text) > MAX_VALUE:  # nothing speaks for no name
            return []
        values = ((name, value_type(each)) for name, each in self._others(element))
        return [name for name, value in values if value is not None and value.is_valid(text)]

    def _others(self, element: etree._Element) -> Iterator[tuple[str, Component]]:
        for name, each in self._known.items():
            if name != str(element.tag) and not each.abstract:
                yield name, each

    def _inside(self, element: etree._Element, name: str) -> int:
        """Weigh what is wrong with the children of an element, were it called so; as it is for no name."""
        declared = self._known[name or str(element.tag)]
        if not self._look.declarations.children(declared.type):
            return 0
        model = self._look.declarations.model(declared.type)
        return weight(content.find_faults(model, element, self._look.guesses))

    def _unfit(self, element: etree._Element, name: str) -> int:
        """Count the attributes that one of that name does not have, or not with that value."""
        attributes = attributes_of(self._known[name].type)
        wrong = 0
        for own, value in element.attrib.items():
            declared = attributes.get(str(own))
            wrong += declared is None or declared.fixed not in (None, value)
        return wrong

    def _found(self, more: Mapping[etree._Element, str]) -> list[Fault]:
        names = {**{element: names[0] for element, names in self.names.items()}, **more}
        children = ((child, names.get(child, str(child.tag))) for child in self._parent.iterchildren("*"))
        return content.find_faults_of(self._model, self._parent, children, self._look.guesses)
