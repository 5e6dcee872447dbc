"""Elements that stand directly in another because the one that should be around them was forgotten.

Each of them by itself only tells that nobody knows it there. So it is tried out: with an element around them
their parent must have fewer faults, and none that it has not now.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

from lxml import etree

from gateway.xml import content
from gateway.xml.budget import Budget
from gateway.xml.declarations import Declared
from gateway.xml.faults import LACKING, Fault, Kind, owner, signs
from gateway.xml.meant import MISNAMED, Guessing
from gateway.xml.model import Component, Model
from gateway.xml.words import direct_text

_MAX_TRIED = 20_000
"""So many children are looked at in all that is tried for a message, which takes a tenth of a second."""
_MAX_RUN = 50
"""So many children are tried one by one in an element; more only with all that follow, in the best one."""
_MAX_AROUND = 5
"""So many elements may be the one that is missing."""
_MAX_BEFORE = 3
"""So many children that the parent knows may be the first ones of the element that is missing."""


def join(faults: list[Fault], look: Guessing) -> list[Fault]:
    """Make one fault of what stands in an element without the one that belongs around it.

    Args:
        faults: about children, as `content` and `parents` find them.
        look: the declarations of the message's elements.

    Returns:
        The faults; those of such parents are what they were if the missing elements were there. Each child
        that lacks its parent has one; `told_at` is the first of those that lack the same.
    """
    moved = {fault.element: fault for fault in faults if fault.kind is Kind.WRONG_PARENT}
    filled: defaultdict[etree._Element | None, set[str]] = defaultdict(set)
    for fault in moved.values():
        filled[fault.other].update(*fault.names)
    parents = (fault.element.getparent() for fault in faults if fault.kind in MISNAMED)
    budget, found = Budget(_MAX_TRIED), dict[etree._Element, list[Fault]]()
    for parent in dict.fromkeys(each for each in parents if each is not None):
        declared = look.at(parent)
        if declared is None or not look.declarations.children(declared.type):
            continue
        children = [each for each in parent.iterchildren("*") if each not in moved]
        enclosed = _Children(parent, declared, children, look, budget)
        if enclosed.search():
            found[parent] = [*enclosed.faults(filled[parent])]
    kept = (fault for fault in faults if fault.kind is Kind.WRONG_PARENT or owner(fault) not in found)
    return [*kept, *chain.from_iterable(found.values())]


@dataclass(eq=False)
class _Run:
    """Children that lack their parent, what that may be called, and what it would lack."""

    around: list[str]
    children: list[etree._Element]
    lacking: list[Sequence[str]] = field(default_factory=list)


_Item: TypeAlias = etree._Element | _Run


@dataclass
class _Trial:
    """What came of taking the items from `start` to `stop` for the children of one element more."""

    start: int
    stop: int
    run: _Run
    cost: int
    demanded: bool
    """Whether the parent must have that element."""

    @property
    def rank(self) -> tuple[int, int]:
        """Least for the best: the fewest faults, and no more children than need be."""
        return self.cost, self.stop - self.start


class _Children:
    """The children of one element, some of them in elements that are missing."""

    def __init__(
        self,
        parent: etree._Element,
        declared: Declared,
        children: list[etree._Element],
        look: Guessing,
        budget: Budget,
    ) -> None:
        self._parent = parent
        self._look = look
        self._budget = budget
        self._model = look.declarations.model(declared.type)
        self._known = look.declarations.children(declared.type)
        self._effort = content.effort(self._model, parent)
        self._items: list[_Item] = [*children]
        self._now: list[Fault] | None = None

    def search(self) -> bool:
        """Find what is missing around children that are not known here; say whether there is any."""
        at, found = 0, False
        while at < len(self._items):
            item = self._items[at]
            if (
                isinstance(item, etree._Element)
                and not self._is_known(item)
                and (best := self._best(at, item))
            ):
                self._items[best.start : best.stop] = [best.run]
                at, found, self._now = best.start, True, None
            at += 1
        return found

    def faults(self, filled: Set[str]) -> Iterator[Fault]:
        """Yield what is wrong with the children; `filled` are names of what belongs here from elsewhere."""
        for fault in self._found(self._items):
            if fault.kind is Kind.MISSING_CHILD:
                fault.names = [names for names in fault.names if filled.isdisjoint(names)]
            if fault.kind is not Kind.MISSING_CHILD or fault.names:
                yield fault
        for run in self._items:
            if isinstance(run, _Run):
                first, *others = run.children
                names = [run.around, *run.lacking]
                yield Fault(first, Kind.MISSING_PARENT, names=names, further=len(others))
                yield from (Fault(each, Kind.MISSING_PARENT, names=names, told_at=first) for each in others)

    def _best(self, at: int, child: etree._Element) -> _Trial | None:
        """Return what is missing around the child there, and around which beside it."""
        candidates = self._candidates(str(child.tag))
        if not candidates or not self._budget.take(self._effort):
            return None
        before = self._now = self._found(self._items) if self._now is None else self._now
        known = {sign for fault in before for sign in signs(fault)}
        demanded = {name for fault in before for name in _demanded(fault)}
        known |= {(Kind.MISSING_CHILD, self._parent, (name,)) for name in demanded}
        trials = []
        for name in candidates:
            for start, stop in self._spans(at, name):
                if not self._budget.take(self._effort):
                    return None
                if trial := self._try(name, start, stop, known, demanded):
                    trials.append(trial)
        best = min(trials, key=lambda each: each.rank, default=None)
        guess = next((_guess(fault) for fault in before if fault.element is child), None)
        if best is None or not self._is_better(best, _weight(before), str(child.tag), guess):
            return None
        same = [
            (each.run.around[0], each.run.lacking)
            for each in trials
            if (each.cost, each.start, each.stop) == (best.cost, best.start, best.stop)
        ]
        if len(same) > 1 and not best.demanded:
            if len(best.run.children) == 1 or len(same) > _MAX_AROUND:
                return None
            best.run.around = [name for name, _ in same]
            best.run.lacking = best.run.lacking if all(each == same[0][1] for _, each in same) else []
        elif best.stop - best.start == _MAX_RUN:
            return self._extended(best, known, demanded)
        return best

    def _extended(self, trial: _Trial, known: Set[object], demanded: set[str]) -> _Trial:
        """Return what comes of taking all children that follow as well, as far as that may be told."""
        (name,) = trial.run.around
        inner = self._model_of(name)
        stop = trial.stop
        while stop < len(self._items) and self._may_be(self._items[stop], inner):
            stop += 1
        low, high = trial.stop, stop  # mostly all of them fit, or what follows is of another element
        while low < high and self._budget.take(stop - trial.start):
            if self._fits(name, trial.start, stop):
                low = stop
            else:
                high = stop - 1
            stop = (low + high + 1) // 2
        while low > trial.stop and self._is_own(self._items[low - 1]):
            low -= 1
        return self._try(name, trial.start, low, known, demanded) or trial

    def _candidates(self, tag: str) -> list[str]:
        """Return the names that a child here may have around one of that name."""
        inner = self._look.declarations.children
        return [name for name, each in self._known.items() if not each.abstract and tag in inner(each.type)]

    def _spans(self, at: int, name: str) -> Iterator[tuple[int, int]]:
        """Yield from where to where an element of that name may be around the child there."""
        inner = self._model_of(name)
        low = at
        while low > max(0, at - _MAX_BEFORE) and self._may_be(self._items[low - 1], inner, known=True):
            low -= 1
        for start in range(at, low - 1, -1):
            stop = start
            while stop < min(len(self._items), start + _MAX_RUN) and self._may_be(self._items[stop], inner):
                if not self._budget.take(stop - start + 1):
                    return
                if not self._fits(name, start, stop + 1):
                    break
                stop += 1
            if stop > at:
                yield start, stop
                shorter = stop
                while shorter > at + 1 and self._is_own(self._items[shorter - 1]):
                    shorter -= 1
                if shorter < stop:
                    yield start, shorter

    def _may_be(self, item: _Item, inner: Model, *, known: bool = False) -> bool:
        if isinstance(item, _Run) or not inner.find(str(item.tag)):
            return False
        return not known or self._is_known(item)

    def _is_known(self, element: etree._Element) -> bool:
        return bool(self._model.find(str(element.tag)))

    def _is_own(self, item: _Item) -> bool:
        """Say whether a child may as well stay where it is."""
        if isinstance(item, _Run) or not self._is_known(item):
            return False
        return not self._is_unfit(item, self._known.get(str(item.tag)))

    def _fits(self, name: str, start: int, stop: int) -> bool:
        return all(fault.kind in LACKING for fault in self._within(name, start, stop))

    def _within(self, name: str, start: int, stop: int) -> list[Fault]:
        shadow = etree.Element(name)
        for item in self._items[start:stop]:
            if isinstance(item, etree._Element):
                etree.SubElement(shadow, str(item.tag))
        return content.find_faults(self._model_of(name), shadow, self._look.guesses)

    def _model_of(self, name: str) -> Model:
        return self._look.declarations.model(self._known[name].type)

    def _try(self, name: str, start: int, stop: int, known: Set[object], demanded: set[str]) -> _Trial | None:
        """Return what comes of it; None if something is wrong then that was not before."""
        children = [item for item in self._items[start:stop] if isinstance(item, etree._Element)]
        run = _Run([name], children)
        outside = self._found([*self._items[:start], run, *self._items[stop:]])
        if any(sign not in known for fault in outside for sign in signs(fault)):
            return None
        inside = self._within(name, start, stop)
        run.lacking = [names for fault in inside if fault.kind in LACKING for names in fault.names]
        inner = self._look.declarations.children(self._known[name].type)
        unfit = sum(self._is_unfit(each, inner.get(str(each.tag))) for each in children)
        unfit -= sum(self._is_unfit(each, self._known.get(str(each.tag))) for each in children)
        cost = 1 + _weight(outside) + _weight(inside) + unfit
        return _Trial(start, stop, run, cost, name in demanded)

    def _is_better(self, trial: _Trial, now: int, tag: str, guess: str | None) -> bool:
        """Say whether less is wrong than now, or as much and it is as likely as that a name is wrong."""
        beside = [*self._items[: trial.start], *self._items[trial.stop :]]
        names = {str(item.tag) for item in beside if isinstance(item, etree._Element)}
        types = {self._known[name].type for name in names.intersection(self._known)}
        if any(tag in self._look.declarations.children(each) for each in types):
            return trial.cost < now and not trial.run.lacking
        if trial.cost == now and guess in (None, *trial.run.around):
            return trial.demanded or not trial.run.lacking
        return trial.cost < now

    def _is_unfit(self, element: etree._Element, declared: Component | None) -> bool:
        """Say whether an element has text where its declaration has elements, or the other way round."""
        if declared is None or not (len(element) or direct_text(element).strip()):
            return False
        return bool(self._look.declarations.children(declared.type)) is not (len(element) > 0)

    def _found(self, items: Sequence[_Item]) -> list[Fault]:
        """Return what is wrong with some children; at a run it is said of nothing in the message."""
        children = (
            (None, item.around[0]) if isinstance(item, _Run) else (item, str(item.tag)) for item in items
        )
        return content.find_faults_of(self._model, self._parent, children, self._look.guesses)


def _guess(fault: Fault) -> str | None:
    """Return the name that a child is taken to have."""
    if fault.kind is Kind.UNEXPECTED_CHILD:
        return content.near_name(fault)
    return fault.names[0][0] if fault.kind in MISNAMED else None


def _demanded(fault: Fault) -> Iterator[str]:
    """Yield the names that a parent lacks."""
    if fault.instead is not None:
        yield fault.instead
    if fault.kind is Kind.MISSING_CHILD:
        for names in fault.names:
            yield from names


def _weight(faults: list[Fault]) -> int:
    """Return how much is wrong: how many elements are missing, too many, or not as they should be."""
    return sum(
        len(fault.names)
        if fault.kind is Kind.MISSING_CHILD
        else max(1, fault.count - (fault.limit or 0))
        if fault.kind is Kind.TOO_OFTEN
        else 1
        for fault in faults
    )
