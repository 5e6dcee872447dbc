"""What a schema lets stand at a place: elements of a substitution group, concrete types, and their size.

The least size of a type is the number of elements below it that a message cannot do without; it is infinite
where a type always needs itself. It keeps an example finite, and steers it when it has grown enough.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from xmlschema import XMLSchema
from xmlschema.names import XSD_ANY_TYPE
from xmlschema.validators import XsdAnyElement, XsdComplexType, XsdElement, XsdGroup, XsdType

Particle = XsdElement | XsdAnyElement | XsdGroup

_NOT_FOR_MESSAGES = (
    "http://www.w3.org/2001/XMLSchema",
    "http://www.w3.org/2001/XMLSchema-instance",
    "http://www.w3.org/XML/1998/namespace",
)


@dataclass(frozen=True)
class Option:
    """An element that may stand at a place, and its type; `named` where only xsi:type says which."""

    element: XsdElement
    type: XsdType
    named: bool = False


class Model:
    """The content models of one schema."""

    def __init__(self, schema: XMLSchema) -> None:
        self._maps = schema.maps
        self._options: dict[XsdElement, list[Option]] = {}
        self._wildcards: dict[XsdAnyElement, list[XsdElement]] = {}
        self._sizes: dict[XsdType, float] = {}

    def options(self, element: XsdElement) -> list[Option]:
        """Return what may stand where this element is asked for: nothing where all of it is abstract."""
        if element not in self._options:
            substitutes = sorted(set(element.iter_substitutes()), key=lambda each: each.name)
            if "substitution" in element.block.split():
                substitutes = []
            elements = [element, *(each for each in substitutes if not each.type.is_blocked(element))]
            self._options[element] = [
                option for each in elements if not each.abstract for option in self._typed(each)
            ]
        return self._options[element]

    def globals(self, wildcard: XsdAnyElement) -> list[XsdElement]:
        """Return the declared elements that a wildcard takes, the smallest first."""
        if wildcard not in self._wildcards:
            self._wildcards[wildcard] = [
                each
                for each in self._maps.elements.values()
                if each.target_namespace not in _NOT_FOR_MESSAGES
                and wildcard.is_namespace_allowed(each.target_namespace)
                and self.options(each)
            ]
        self._measure(self._wildcards[wildcard])
        fitting = [each for each in self._wildcards[wildcard] if self.of_element(each) < math.inf]
        return sorted(fitting, key=lambda each: (self.of_element(each), each.name))

    def measure(self, root: XsdElement) -> None:
        """Find the least size of every type that a message with this root may have."""
        self._measure([root])

    def of_element(self, element: XsdElement) -> float:
        """Return the least number of elements that one such element comes to."""
        return min((self.of_option(each) for each in self.options(element)), default=math.inf)

    def of_option(self, option: Option) -> float:
        """Return the same for one way to write it."""
        return 1 + (0 if option.element.nillable else self.of_type(option.type))

    def of_type(self, xsd_type: XsdType) -> float:
        """Return the least number of elements below one of that type."""
        return self._sizes.get(xsd_type, math.inf) if group_of(xsd_type) is not None else 0

    def of_particle(self, particle: Particle, *, once: bool = False) -> float:
        """Return the least number of elements that a part of a content model comes to, at least `once`."""
        times = max(particle.min_occurs, 1 if once else 0)
        return times * self._of_one(particle) if times else 0

    def _of_one(self, particle: Particle) -> float:
        if isinstance(particle, XsdElement):
            return self.of_element(particle)
        if isinstance(particle, XsdAnyElement):
            return 1
        sizes = [self.of_particle(each) for each in _parts(particle)]
        return min(sizes, default=0) if particle.model == "choice" else sum(sizes)

    def _typed(self, element: XsdElement) -> Iterator[Option]:
        if not getattr(element.type, "abstract", False):
            yield Option(element, element.type)
            return
        for each in self._concrete_types:
            if each.is_derived(element.type) and not each.is_blocked(element):
                yield Option(element, each, named=True)

    @cached_property
    def _concrete_types(self) -> list[XsdComplexType]:
        types = (each for each in self._maps.types.values() if isinstance(each, XsdComplexType))
        return sorted((each for each in types if not each.abstract), key=lambda each: each.name or "")

    def _measure(self, elements: Iterable[XsdElement]) -> None:
        new = self._reached(elements)
        self._sizes |= dict.fromkeys(new, math.inf)
        changed = bool(new)
        while changed:
            changed = False
            for each, group in reversed(new.items()):
                size = self.of_particle(group)
                if size < self._sizes[each]:
                    self._sizes[each], changed = size, True

    def _reached(self, elements: Iterable[XsdElement]) -> dict[XsdType, XsdGroup]:
        """Return the types with content that lie below the elements and are not measured yet."""
        reached: dict[XsdType, XsdGroup] = {}
        waiting = list(elements)
        while waiting:
            for option in self.options(waiting.pop()):
                group = group_of(option.type)
                if group is not None and option.type not in reached and option.type not in self._sizes:
                    reached[option.type] = group
                    waiting.extend(elements_of(group))
        return reached


def group_of(xsd_type: XsdType) -> XsdGroup | None:
    """Return the content model of a type; None for a value, an empty type and xs:anyType."""
    if not isinstance(xsd_type, XsdComplexType) or xsd_type.name == XSD_ANY_TYPE:
        return None
    return xsd_type.content if isinstance(xsd_type.content, XsdGroup) else None


def _parts(group: XsdGroup) -> list[Particle]:
    return [each for each in group if each.max_occurs != 0]


def elements_of(group: XsdGroup) -> Iterator[XsdElement]:
    """Return the elements that a content model names, in order."""
    for each in _parts(group):
        if isinstance(each, XsdElement):
            yield each
        elif isinstance(each, XsdGroup):
            yield from elements_of(each)
