"""Elements that have the name of another one that their parent knows as well.

A schema goes by the name: it blames all that such an element holds, and says that the other one is missing.
That the name is wrong is the better reason where it is the only one: under the other name hardly anything is
wrong with what the element holds, and nothing in its parent that was right.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from lxml import etree

from gateway.xml import content, meant
from gateway.xml.budget import Budget
from gateway.xml.declarations import XSI_TYPE, Declared, accepts, is_nil, value_type
from gateway.xml.faults import Fault, Kind, owner, signs
from gateway.xml.meant import Guessing, is_displaced
from gateway.xml.words import direct_text, local, local_of

_MAX_TRIED = 25_000
_OF_JUDGING = 20
"""As much time as for so many children is taken by the second engine for an element."""
_MAX_TEXT = 200
"""Characters: a longer value may be that of many elements, and takes its time to be looked at."""
_MOVED = {Kind.WRONG_PARENT, Kind.MISSING_PARENT}
_OF_ITSELF = {"text", "attribute", "value"}


def join(faults: list[Fault], others: Iterable[Fault], look: Guessing, body: bytes) -> list[Fault]:
    """Make one fault of a name that is another's and of all that is wrong with children for this reason.

    Args:
        faults: about children, as `content`, `parents` and `enclosing` find them.
        others: about anything else; those that are about what is told here have to be dropped once it has
            been looked at as what it is taken for.
        look: the declarations of the message's elements.
        body: the whole message.

    Returns:
        The faults; as they were where it would take too long to find out.
    """
    inside = _Inside(faults, others)
    budget = Budget(_MAX_TRIED)
    found: dict[etree._Element, _Renaming] = {}
    for element in inside.candidates(look):
        parent = element.getparent()
        declared = look.at(parent) if parent is not None else None
        if parent is None or declared is None or not look.declarations.children(declared.type):
            continue
        if parent not in found:
            found[parent] = _Renaming(parent, declared, look, body, budget)
        found[parent].elements.append(element)
    for each in found.values():
        each.search(inside)
    renamed = [each for each in found.values() if each.names]
    if budget.left < 0 or not renamed:  # of equal ones none is told in another way than the rest
        return faults
    names = {element: name for each in renamed for element, name in each.names.items()}
    known = {sign for each in renamed for sign in each.before}
    kept = [
        fault for fault in faults if owner(fault) not in names and not known.issuperset(_signs([fault], {}))
    ]
    told = [_wrong_name(element, name) for element, name in names.items()]
    return [*told, *kept, *(fault for each in renamed for fault in each.faults())]


def part(faults: Iterable[Fault], look: Guessing) -> Iterator[Fault]:
    """Tell one too many and one that is missing as two faults, where it is right by its own name only.

    By its place alone it would be taken for the missing one.
    """
    for fault in faults:
        element, parent, name = fault.element, fault.element.getparent(), fault.instead
        if fault.kind is not Kind.TOO_OFTEN or name is None or parent is None:
            yield fault
            continue
        own, other = look.at(element), look.under(parent, element, name)
        if own and other and _holds(element, own, look) and not _holds(element, other, look):
            # Of equal ones the last is too many.
            fault.element, fault.instead = next(parent.iterchildren(element.tag, reversed=True)), None
            model = look.model(parent)
            after = content.predecessor(model, parent, name) if model else None
            yield Fault(parent, Kind.MISSING_CHILD, names=[[name]], after=after)
        yield fault


def _holds(element: etree._Element, declared: Declared, look: Guessing) -> bool:
    """Say whether an element holds what one that is declared so must: the right children, or such a value."""
    held, text = _held(element), direct_text(element).strip()
    if not held:
        kind = value_type(declared)
        return kind is not None and len(text) <= _MAX_TEXT and accepts(kind, text)
    if text or not held <= look.declarations.children(declared.type).keys():
        return False
    return not content.find_faults(look.declarations.model(declared.type), element, look.guesses)


def _wrong_name(element: etree._Element, name: str) -> Fault:
    return Fault(element, Kind.WRONG_NAME, names=[[name]])


class _Inside:
    """What is told of elements and all that they hold."""

    def __init__(self, faults: Iterable[Fault], others: Iterable[Fault]) -> None:
        self._count: Counter[etree._Element] = Counter()
        self._own: dict[etree._Element, None] = {}
        self._settled: set[etree._Element | None] = set()
        for fault in faults:
            above = owner(fault)
            if is_displaced(fault):
                self._settled.add(fault.element)
            if fault.kind in _MOVED:
                self._settled.add(fault.other)
            if fault.kind is Kind.WRONG_PARENT:
                self._settled.add(above)
            # Where there are no children at all, their absence is told with the text that stands instead.
            if above is not None and fault.told_at is None and len(above):
                self._add(above, is_own=True)
        for fault in others:
            self._add(fault.element, is_own=fault.kind.group in _OF_ITSELF)

    def _add(self, element: etree._Element, *, is_own: bool) -> None:
        self._count.update((element, *element.iterancestors()))
        if is_own:
            self._own[element] = None

    def count(self, element: etree._Element) -> int:
        """Return how much is told of an element and all that it holds, but of its place."""
        return self._count[element]

    def candidates(self, look: Guessing) -> Iterator[etree._Element]:
        """Yield the elements in which something is wrong, but those of which another reason is known."""
        for element in self._own:
            is_plain = element.get(XSI_TYPE) is None and not is_nil(element) and look.at(element) is not None
            if is_plain and self._settled.isdisjoint((element, element.getparent())):
                yield element


class _Renaming:
    """The children of one element, some of them under the names that were meant."""

    def __init__(
        self, parent: etree._Element, declared: Declared, look: Guessing, body: bytes, budget: Budget
    ) -> None:
        self._parent = parent
        self._look = look
        self._body = body
        self._budget = budget
        self._model = look.declarations.model(declared.type)
        self._known = look.declarations.children(declared.type)
        self._effort = content.effort(self._model, parent)
        self._judged: defaultdict[etree._Element, dict[str, int | None]] = defaultdict(dict)
        self._now: dict[object, int] = {}
        self.before: dict[object, int] = {}
        """What is wrong with the children under their own names, and how often they are too many."""
        self.elements: list[etree._Element] = []
        """Those that may have the name of another."""
        self.names: dict[etree._Element, str] = {}

    def search(self, inside: _Inside) -> None:
        """Find what the elements should be called: what one is called may show what others are."""
        if self._model.repeats or not self._budget.take(self._effort):  # nothing is said of order then
            return
        self.before = self._now = _signs(self._found({}), {})
        possible = {element: [*self._possible(element)] for element in self.elements}
        waiting = {element: names for element, names in possible.items() if names}
        while self._budget.left >= 0:
            found = [each for each, names in waiting.items() if self._is_renamed(each, names, inside)]
            if not found:
                return
            for element in found:
                del waiting[element]

    def faults(self) -> list[Fault]:
        """Return what is wrong with the children under the names that were meant."""
        return self._found(self.names)

    def _possible(self, element: etree._Element) -> Iterator[str]:
        """Yield the names under which an element could hold what it holds, and must."""
        own, held, text = self._known.get(str(element.tag)), _held(element), direct_text(element)
        if own is None or not self._budget.take(len(element) + len(self._known)):
            return
        # A text says little: it must at least not be a value by its own name.
        is_value = not held and text.strip() and len(text) <= _MAX_TEXT and value_type(own) is None
        for name, each in self._known.items():
            if local(name) == local_of(element):
                continue
            if held and not text.strip() and held <= self._look.declarations.children(each.type).keys():
                model = self._look.declarations.model(each.type)
                if model.repeats or not self._budget.take(len(element) + len(model.places)):
                    continue
                if not content.find_faults(model, element, self._look.guesses):
                    yield name
            elif is_value and self._budget.take(len(text)):
                kind = value_type(each)
                if kind is not None and accepts(kind, text):
                    yield name

    def _is_renamed(self, element: etree._Element, possible: Iterable[str], inside: _Inside) -> bool:
        """Find what an element should be called, if one name is better than all others."""
        own, held = self._known[str(element.tag)], _held(element)
        strangers = held - self._look.declarations.children(own.type).keys()
        is_strange = 2 * len(strangers) > len(held) or not held
        same = {name for each, name in self.names.items() if each.tag == element.tag}
        trials: list[tuple[int, str]] = []
        for name in possible:
            gone = self._gone(element, name)
            # Something is missing that it is; or most of what it holds does not belong in one of its name.
            if gone or (gone is not None and (is_strange or name in same)):
                left = self._judge(element, name)
                if left is not None and 1 + left - len(gone) < inside.count(element):
                    trials.append((left - len(gone), name))
        least = min(trials, default=(0, ""))[0]
        best = [name for left, name in trials if left == least]
        if len(best) != 1:
            return False
        [self.names[element]] = best
        self._now = _signs(self._found(self.names), self.names)
        return True

    def _gone(self, element: etree._Element, name: str) -> set[object] | None:
        """Return what is no longer wrong with the children if one has that name; None if anything is then.

        Nor may the element be one too many under that name, as it is under its own.
        """
        if not self._budget.take(self._effort):
            return None
        names = {**self.names, element: name}
        faults = self._found(names)
        if any(fault.element is element and fault.kind is not Kind.MISPLACED_CHILD for fault in faults):
            return None
        after = _signs(faults, names)
        if any(count > self._now.get(sign, 0) for sign, count in after.items()):
            return None
        return self._now.keys() - after.keys()

    def _judge(self, element: etree._Element, name: str) -> int | None:
        """Return how much is wrong in an element if it has that name; None where nobody can tell."""
        judged = self._judged[element]
        if name not in judged:
            size = sum(1 for _ in element.iter("*"))
            judged[name] = None
            if self._budget.take(_OF_JUDGING * size):
                judged[name] = meant.count_faults(_wrong_name(element, name), self._look, self._body)
        return judged[name]

    def _found(self, names: Mapping[etree._Element, str]) -> list[Fault]:
        children = ((child, names.get(child, str(child.tag))) for child in self._parent.iterchildren("*"))
        return content.find_faults_of(self._model, self._parent, children, self._look.guesses)


def _signs(faults: Iterable[Fault], names: Mapping[etree._Element, str]) -> dict[object, int]:
    """Return what is equal for the same fault by other names; of which of too many it is said may change."""
    found: dict[object, int] = {}
    for fault in faults:
        if fault.kind is Kind.TOO_OFTEN:
            name = names.get(fault.element, str(fault.element.tag))
            found[fault.kind, fault.element.getparent(), name] = fault.count
        else:
            found.update(dict.fromkeys(signs(fault), 1))
    return found


def _held(element: etree._Element) -> set[str]:
    return {str(child.tag) for child in element.iterchildren("*")}
