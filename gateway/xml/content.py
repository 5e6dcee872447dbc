"""What is wrong with the children of one element: missing, unknown, misplaced, too many, in conflict.

Engines tell where they stumbled; a person wants to know what to change. So the children are held against the
content model as a whole: which of them it does not know, which occur too often, which exclude each other,
which stand in the wrong place, and what is missing. Where a model repeats groups, order in them is not looked
at, and nothing may be found; the engine's word then stands.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice

from lxml import etree

from gateway.xml.faults import Fault, Kind
from gateway.xml.model import Component, Model, Place, first_element, required
from gateway.xml.near import nearest
from gateway.xml.words import local, local_of

MAX_FAULTS = 2000
_MAX_CHILDREN = 20_000
"""Of an element with more, only an engine's word is said: 300 bytes for each would be too much."""
_MAX_ALTERNATIVES = 5
"""So many alternatives of a choice are tried for one that would be enough."""
_MAX_COMPARED = 200_000
"""Letters of unknown names in a message, times the names that each is compared with: two hundred usual
names, with fifty others each. In the worst case it takes half a second."""
_PLACES = 8
"""So many are looked through in the time that one child takes."""
_MAX_GUESSES = 50
"""Of so many children of one element it is said what is missing in their place."""


class Guesses:
    """What unknown names were meant to be, by the models that do not know them: those of one message.

    Comparing letters takes long, and a message may have any number of names.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Model, str, bool], str | None] = {}
        self._left = _MAX_COMPARED

    def guess(self, model: Model, tag: str, names: Sequence[str], *, last: bool = False) -> str | None:
        """Return which of some local names one nearly is: of equally near ones the first, or the `last`."""
        key = model, tag, last
        if key not in self._known:
            own = etree.QName(tag).localname
            cost = len(own) * len(names)
            if cost > self._left:
                return None
            self._left -= cost
            self._known[key] = nearest(own, reversed(names) if last else names)
        return self._known[key]


def find_faults(model: Model, parent: etree._Element, guesses: Guesses) -> list[Fault]:
    """Return what is wrong with the children of `parent`, at most MAX_FAULTS."""
    if len(parent) > _MAX_CHILDREN:
        return []
    return list(islice(_Comparison(model, parent, guesses).faults(), MAX_FAULTS))


def find_faults_of(
    model: Model,
    parent: etree._Element,
    children: Iterable[tuple[etree._Element | None, str]],
    guesses: Guesses,
) -> list[Fault]:
    """Return what would be wrong if `parent` had other children.

    Args:
        children: what they would be called; None for one that is in no message.
    """
    shadow = etree.Element(parent.tag)
    original: dict[etree._Element, etree._Element] = {shadow: parent}
    for child, name in children:
        made = etree.SubElement(shadow, name)
        if child is not None:
            original[made] = child
    found = find_faults(model, shadow, guesses)
    for fault in found:
        fault.element = original.get(fault.element, fault.element)
        fault.other = fault.other if fault.other is None else original.get(fault.other, fault.other)
    return found


def effort(model: Model, parent: etree._Element) -> int:
    """Return what comparing the children of `parent` takes, as much as so many children that are known.

    For each that is unknown all places are looked through.
    """
    unknown = sum(
        1 for child in islice(parent.iterchildren("*"), _MAX_CHILDREN) if not model.find(str(child.tag))
    )
    return len(parent) + len(model.places) * (1 + min(unknown, _MAX_GUESSES)) // _PLACES


def is_demanded(model: Model, element: etree._Element) -> bool:
    """Say whether a valid element could not be left out where it stands, among few others."""
    parent = element.getparent()
    if parent is None or len(parent) > _MAX_GUESSES:
        return parent is None
    without = etree.Element(parent.tag)
    for child in parent.iterchildren("*"):
        if child is not element:
            etree.SubElement(without, child.tag)
    return bool(find_faults(model, without, Guesses()))


def near_name(fault: Fault) -> str | None:
    """Return the expanded name that an unexpected child nearly has; None where it has none like one known."""
    names = fault.names[0] if len(fault.names) == 1 else []
    if len(names) != 1 or fault.instead:
        return None
    return names[0] if nearest(local_of(fault.element), [local(names[0])]) else None


def predecessor(model: Model, parent: etree._Element, name: str, others: Iterable[str] = ()) -> str | None:
    """Return behind which child of `parent` one belongs; "" for the beginning, None for anywhere.

    Args:
        others: expanded names of children that will be there as well.
    """
    own = model.by_name.get(name)
    if not own or sum(place.rank == own[0].rank for place in model.places) > 1:
        return None
    ranks = {each: model.by_name[each][0].rank for each in others if each in model.by_name}
    for child in parent.iterchildren("*", reversed=True):
        places = model.find(str(child.tag))
        if places and places[0].rank < own[0].rank:
            ranks[str(child.tag)] = places[0].rank
            break
    before = [each for each, rank in ranks.items() if rank < own[0].rank]
    return max(before, key=ranks.__getitem__, default="")


class _Comparison:
    """The children of one element, each with the place it takes or was meant to take."""

    def __init__(self, model: Model, parent: etree._Element, guesses: Guesses) -> None:
        self._model = model
        self._parent = parent
        self._guesses = guesses
        self._unknown: list[Fault] = []
        self._taken: list[tuple[etree._Element, Place]] = []
        self._meant: set[Place] = set()
        self._settle()

    def _settle(self) -> None:
        counts: dict[Place, int] = {}
        last = 0
        for child in self._parent.iterchildren("*"):
            places = self._model.find(str(child.tag))
            if not places:
                self._add_unknown(child)
                continue
            free = [each for each in places if each.most is None or counts.get(each, 0) < each.most]
            place = next((each for each in free if each.rank >= last), (free or places)[0])
            counts[place] = counts.get(place, 0) + 1
            last = max(last, place.rank)
            self._taken.append((child, place))

    def _add_unknown(self, child: etree._Element) -> None:
        if len(self._unknown) >= MAX_FAULTS:
            return
        kind, name = self._guess(str(child.tag))
        self._unknown.append(Fault(child, kind, names=[[name]] if name else []))
        if name:
            self._meant.update(self._model.by_name[name])

    def _guess(self, tag: str) -> tuple[Kind, str | None]:
        """Find the name that was meant: in another namespace, in other case, or nearly so."""
        own = etree.QName(tag).localname
        if own in self._locals:
            return Kind.WRONG_NAMESPACE, self._locals[own]
        found = self._guesses.guess(self._model, tag, [*self._locals])
        if found is None:
            return Kind.UNEXPECTED_CHILD, None
        same = found.lower() == own.lower()  # not casefold, which takes ß for ss
        return Kind.WRONG_CASE if same else Kind.UNEXPECTED_CHILD, self._locals[found]

    @cached_property
    def _locals(self) -> dict[str, str]:
        """The names that children may have, by their local part."""
        return {etree.QName(name).localname: name for name in self._model.by_name}

    def faults(self) -> Iterator[Fault]:
        conflicts = list(self._conflicts())
        self._drop(conflicts)
        surplus = self._surplus()
        self._suggest()
        return chain(self._missing(), self._too_few(), self._unknown, conflicts, surplus, self._misplaced())

    def _drop(self, faults: list[Fault]) -> None:
        wrong = {fault.element for fault in faults}
        self._taken = [(child, place) for child, place in self._taken if child not in wrong]

    def _conflicts(self) -> Iterator[Fault]:
        """Yield each child that a choice excludes because of one before it."""
        chosen: dict[Component, tuple[int, etree._Element]] = {}
        for child, place in self._taken:
            for group, number in place.choices:
                first_number, first = chosen.setdefault(group, (number, child))
                if number != first_number and child.tag != first.tag:
                    names = [each.name for each in self._alternatives(group) if each.name]
                    yield Fault(child, Kind.CHOICE_CONFLICT, other=first, names=[names])
                    break

    def _alternatives(self, group: Component) -> list[Component]:
        return [first_element(particle) for particle in group]

    def _surplus(self) -> list[Fault]:
        """Return the first child that is too many at each place, and leave out all that are.

        Too many are those in the wrong place, then the last. One that stands where a child of another name is
        missing is taken for that.
        """
        numbers: defaultdict[Place, list[int]] = defaultdict(list)
        for number, (_, place) in enumerate(self._taken):
            numbers[place].append(number)
        over = {place: each for place, each in numbers.items() if len(each) > (place.most or len(each))}
        if not over:
            return []
        in_order = set(_longest_rising([place.rank for _, place in self._taken]))
        missing = [names[0] for names in self._needed() if len(names) == 1]
        found: list[Fault] = []
        spare: set[int] = set()
        for place, each in over.items():
            limit = place.most or 0
            own = sorted(each, key=lambda number: (number in in_order, -number))[: len(each) - limit]
            instead = None
            if len(own) == 1 and len(each) <= _MAX_GUESSES and (mistaken := self._mistaken(each, missing)):
                own, instead = [mistaken[0]], mistaken[1]
                missing.remove(instead)
                self._meant.update(self._model.by_name[instead])
            spare.update(own)
            first = self._taken[min(own)][0]
            found.append(Fault(first, Kind.TOO_OFTEN, instead=instead, count=len(each), limit=limit))
        self._taken = [each for number, each in enumerate(self._taken) if number not in spare]
        return found

    def _mistaken(self, numbers: Iterable[int], missing: Iterable[str]) -> tuple[int, str] | None:
        """Return which of the children stands where one is missing, and what that is called."""
        ranks = [0, *(place.rank for _, place in self._taken), len(self._model.places)]
        for number in numbers:
            before, behind = ranks[number], ranks[number + 2]
            for name in missing:
                places = self._model.by_name.get(name, ())
                if any(before <= place.rank <= behind for place in places):
                    return number, name
        return None

    def _too_few(self) -> Iterator[Fault]:
        counts: dict[Place, int] = {}
        for _, place in self._taken:
            counts[place] = counts.get(place, 0) + 1
        for place, count in counts.items():
            if count < place.least and place.name and place not in self._meant:
                names = [[place.name]]
                yield Fault(self._parent, Kind.TOO_FEW, names=names, count=count, limit=place.least)

    def _misplaced(self) -> Iterator[Fault]:
        """Yield the fewest children whose removal leaves the others in order."""
        kept = set(_longest_rising([place.rank for _, place in self._taken]))
        numbers = range(len(self._taken))
        if len(kept) == len(numbers):
            return
        # As it should be: a child that is moved goes behind those of its place that stay.
        in_order = sorted(numbers, key=lambda each: (self._taken[each][1].rank, each not in kept, each))
        first = str(self._taken[min(kept)][0].tag)
        after: dict[int, str | None] = {}
        behind = anchor = moved = None
        for number in in_order:
            tag = str(self._taken[number][0].tag)
            if tag != moved:
                anchor = behind
            moved = None if number in kept else tag
            if moved:
                after[number] = anchor
            behind = tag
        for number in sorted(after):
            yield Fault(self._taken[number][0], Kind.MISPLACED_CHILD, after=after[number], before=first)

    def _missing(self) -> list[Fault]:
        needed = list(self._needed())
        if not needed:
            return []
        fault = Fault(self._parent, Kind.MISSING_CHILD, names=needed)
        if len(needed) == 1:
            there = [each.name for each in self._meant if each.name]
            fault.after = predecessor(self._model, self._parent, needed[0][0], there)
        return [fault]

    def _needed(self) -> Iterator[list[str]]:
        return required(self._model, self._model.group, {place for _, place in self._taken} | self._meant)

    def _suggest(self) -> None:
        """Tell of each unknown child without a near name what is missing there, or could stand there."""
        needed = [*self._needed()]
        missing = [names[0] for names in needed if len(names) == 1]
        tried: set[Place] = set()
        guessed = [fault for fault in self._unknown[:_MAX_GUESSES] if not fault.names]
        around = self._neighbours({fault.element for fault in guessed})
        for fault in guessed:
            possible = self._possible(*around[fault.element])
            fault.names = [[place.name for place in possible if place.name is not None]]
            instead = next((place for place in possible if (place.name or "*") in missing), None)
            if instead is not None:
                fault.instead = instead.name or "*"
                missing.remove(fault.instead)
                self._meant.add(instead)
            elif alternative := self._alternative(possible, needed, tried):
                self._meant.add(alternative)
            else:
                continue
            needed, tried = [*self._needed()], set()

    def _alternative(self, possible: list[Place], needed: list[list[str]], tried: set[Place]) -> Place | None:
        """Return what would be enough where one of several is missing, if it was not tried before."""
        names = {name for each in needed if len(each) > 1 for name in each}
        present = {place for _, place in self._taken} | self._meant
        likely = islice((each for each in possible if each.name in names), _MAX_ALTERNATIVES)
        for place in (each for each in likely if each not in tried):
            rest = [*required(self._model, self._model.group, present | {place})]
            if len(rest) < len(needed):
                return place
            tried.add(place)
        return None

    def _neighbours(
        self, wanted: Collection[etree._Element]
    ) -> dict[etree._Element, tuple[Place | None, Place | None]]:
        """Return the places of the known children before and behind each that is wanted."""
        places = dict(self._taken)
        found: dict[etree._Element, tuple[Place | None, Place | None]] = {}
        before: Place | None = None
        waiting: list[etree._Element] = []
        for child in self._parent.iterchildren("*") if wanted else ():
            if place := places.get(child):
                found |= {each: (found[each][0], place) for each in waiting}
                before, waiting = place, []
            elif child in wanted:
                found[child] = (before, None)
                waiting.append(child)
        return found

    def _possible(self, before: Place | None, behind: Place | None) -> list[Place]:
        """Return the places between two that are taken."""
        low = before.rank if before else 0
        high = behind.rank if behind else len(self._model.places)
        full = {place for _, place in self._taken if place.most == 1}
        chosen = dict(choice for _, place in self._taken for choice in place.choices)
        return [
            each
            for each in self._model.places
            if low <= each.rank <= high and each not in full
            if all(chosen.get(group, number) == number for group, number in each.choices)
        ]


def _longest_rising(ranks: Sequence[int]) -> list[int]:
    """Return the positions of a longest sequence of ranks that never falls."""
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int | None] = []
    for number, rank in enumerate(ranks):
        slot = bisect_right(tails, rank)
        previous.append(ends[slot - 1] if slot else None)
        tails[slot : slot + 1], ends[slot : slot + 1] = [rank], [number]
    found: list[int] = []
    at: int | None = ends[-1] if ends else None
    while at is not None:
        found.append(at)
        at = previous[at]
    return found
