"""Content models laid out: where each element and wildcard of a type may stand, how often, beside which."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

Component: TypeAlias = Any
"""An element, attribute, type, facet or constraint of xmlschema, whose classes are not exported as types."""


@dataclass(eq=False)
class Place:
    """An element or wildcard of a content model; those in a repeated group have one rank."""

    particle: Component
    rank: int
    least: int
    most: int | None
    choices: tuple[tuple[Component, int], ...]
    """The choices that it is an alternative of, and which."""

    @property
    def name(self) -> str | None:
        """The expanded name; None for a wildcard."""
        name: str | None = self.particle.name
        return name


@dataclass(eq=False)
class Model:
    """A content model as a list of places in order, and the group that says what is required."""

    group: Component
    places: list[Place] = field(default_factory=list)
    by_name: dict[str, list[Place]] = field(default_factory=dict)
    repeats: bool = False
    """Whether a group in it may come more than once, of whose order nothing is known then."""

    @classmethod
    def of(cls, group: Component) -> "Model":
        """Lay a group of xmlschema out."""
        model = cls(group)
        model._lay_out(group, repeated=False, most=1, rank=None, choices=())
        for place in model.places:
            if place.name is not None:
                for name in (place.name, *(each.name for each in place.particle.iter_substitutes())):
                    model.by_name.setdefault(name, []).append(place)
        return model

    def _lay_out(
        self,
        group: Component,
        *,
        repeated: bool,
        most: int | None,
        rank: int | None,
        choices: tuple[tuple[Component, int], ...],
    ) -> None:
        repeated = repeated or group.max_occurs != 1
        self.repeats |= repeated
        most = _times(most, group.max_occurs)
        if rank is None and (repeated or group.model == "all"):
            rank = len(self.places)
        for number, particle in enumerate(group):
            within = choices
            if group.model == "choice" and not repeated:
                within = (*choices, (group, number))
            if hasattr(particle, "model"):
                self._lay_out(particle, repeated=repeated, most=most, rank=rank, choices=within)
            else:
                own = len(self.places) if rank is None else rank
                limit = _times(most, particle.max_occurs)
                least = particle.min_occurs if not repeated else min(particle.min_occurs, 1)
                self.places.append(Place(particle, own, least, limit, within))

    def find(self, tag: str) -> list[Place]:
        """Return where a child may stand: the places of its name, or else of wildcards that let it in."""
        uri = tag.rpartition("}")[0][1:]
        if found := self.by_name.get(tag):
            return found
        return [place for place in self.wildcards if place.particle.is_namespace_allowed(uri)]

    @cached_property
    def wildcards(self) -> list[Place]:
        """The places that take elements of any name."""
        return [place for place in self.places if place.name is None]


def required(model: Model, group: Component, present: set[Place]) -> Iterator[list[str]]:
    """Yield what a group demands and the children lack, each with its alternatives."""
    own = {place.particle: place for place in model.places}
    if group.model == "choice":
        chosen = [each for each in group if _is_present(each, own, present)]
        if chosen:
            yield from _required_of(model, chosen[0], own, present)
        elif not any(_is_emptiable(each) for each in group):
            yield [each.name or "*" for each in map(first_element, group)]
        return
    for particle in group:
        yield from _required_of(model, particle, own, present)


def _required_of(
    model: Model, particle: Component, own: dict[Component, Place], present: set[Place]
) -> Iterator[list[str]]:
    there = _is_present(particle, own, present)
    if particle.min_occurs == 0 and not there:
        return
    if hasattr(particle, "model"):
        yield from required(model, particle, present)
    elif not there:
        yield [particle.name or "*"]


def _is_present(particle: Component, own: dict[Component, Place], present: set[Place]) -> bool:
    if hasattr(particle, "model"):
        return any(_is_present(each, own, present) for each in particle)
    return own[particle] in present


def _is_emptiable(particle: Component) -> bool:
    if particle.min_occurs == 0:
        return True
    if not hasattr(particle, "model"):
        return False
    check = any if particle.model == "choice" else all
    return check(_is_emptiable(each) for each in particle)


def first_element(particle: Component) -> Component:
    """Return the element or wildcard that a group begins with, or else the particle itself."""
    while hasattr(particle, "model") and len(particle):
        particle = particle[0]
    return particle


def _times(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first * second
