"""The tree of an example: elements and attributes as the schema asks for them, with a value in each.

It grows level by level, so that where it has to stop growing, what is near the root is complete. Whatever is
there without being required knows with which other elements it would have to go (`Spare`).
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from random import Random
from typing import TypeVar

from lxml import etree
from xmlschema.names import XSD_ANY_TYPE, XSI_NIL, XSI_TYPE
from xmlschema.validators import (
    XsdAnyElement,
    XsdAttribute,
    XsdComplexType,
    XsdElement,
    XsdGroup,
    XsdSimpleType,
)

from gateway.standards.examples.codes import URI, VERSION, Codes
from gateway.standards.examples.model import Model, Option, Particle, elements_of, group_of
from gateway.standards.examples.parts import Field, Part, Spare
from gateway.standards.examples.plan import Plan
from gateway.standards.examples.values import NoValue, Values, builtin_name, is_valid

MAX_ELEMENTS = 1000
"""Beyond this, an element that is not required is written only where it has not occurred yet."""
_MAX_DEPTH = 30
_MAX_SPAN = 40
"""How much larger than the smallest alternative another may be that the seed chooses."""
_MAX_FOREIGN = 3
"""How many elements may come of a wildcard that may be left empty: it takes a whole message, too."""
ID = "xs:ID"
FOREIGN = "urn:example:beispiel"

Leaf = XsdElement | XsdAnyElement
Place = tuple[Leaf, Spare | None]
T = TypeVar("T")


class Unfillable(Exception):
    """A required element or attribute has no valid value; with its path."""


@dataclass
class Tree:
    """Grows one example; `grow` is called once."""

    model: Model
    codes: Codes
    random: Random
    prefixes: Mapping[str, str]
    plan: Plan
    needed: frozenset[str] = frozenset()
    """Local names of elements (and ID) to write wherever they may stand: a reference leads to them."""
    parts: dict[etree._Element, Part] = field(default_factory=dict)
    references: list[Field] = field(default_factory=list)
    """Every xs:IDREF and xs:IDREFS; they lead nowhere yet."""
    ids: list[str] = field(default_factory=list)
    values: Values = field(init=False)
    _waiting: deque[Part] = field(default_factory=deque)
    _filling: XsdElement | None = None
    """What is written because an element must not stay empty."""
    _written: set[Particle] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.values = Values(self.random, dict(self.prefixes))

    def grow(self, declaration: XsdElement) -> Part:
        """Return the root of a tree that has everything but references.

        Raises:
            Unfillable: something that is required cannot be written.
        """
        self.model.measure(declaration)
        itself = [each for each in self.model.options(declaration) if each.element is declaration]
        try:
            option = self._option(itself, None)
        except NoValue:
            raise Unfillable(f"/{self._qname(declaration.name)}") from None
        nsmap = {prefix: namespace for namespace, prefix in self.prefixes.items()}
        element = etree.Element(declaration.name, nsmap=nsmap)
        root = Part(element, option, full=self.plan.full, open=frozenset({option.type}))
        self._add(root)
        while self._waiting:
            part = self._waiting.popleft()
            if self.is_there(part):
                self._fill(part)
        return root

    def is_there(self, part: Part) -> bool:
        """Say whether a part has not been dropped, alone or with what it stands in."""
        while part.parent is not None:
            if part.element.getparent() is not part.parent.element:
                return False
            part = part.parent
        return True

    def drop(self, part: Part) -> None:
        """Take out the part, with as little around it as can be spared.

        Raises:
            Unfillable: it is required.
        """
        spared = part
        while spared.spare is None:
            if spared.parent is None:
                raise Unfillable(part.element.getroottree().getpath(part.element))
            spared = spared.parent
        for each in spared.spare.parts:
            parent = each.element.getparent()
            if parent is not None:
                parent.remove(each.element)

    def _add(self, part: Part) -> None:
        self.parts[part.element] = part
        self._waiting.append(part)

    def _fill(self, part: Part) -> None:
        if part.option is None:
            part.element.text = "Beispiel"
            return
        if part.option.named:
            part.element.set(XSI_TYPE, self._qname(part.option.type.name or ""))
        if isinstance(part.option.type, XsdComplexType):
            self._write_attributes(part, part.option.type)
        try:
            self._write_content(part, part.option)
        except NoValue:
            self._do_without(part, part.option)

    def _do_without(self, part: Part, option: Option) -> None:
        if option.element.nillable:
            del part.element[:]
            part.element.set(XSI_NIL, "true")
        else:
            self.drop(part)

    def _write_content(self, part: Part, option: Option) -> None:
        element = option.element
        stated = element.fixed if element.fixed is not None else element.default
        if stated is not None:
            part.element.text = stated
        elif part.simple is not None:
            part.element.text = self._text(part, part.simple) or None
        elif option.type.name == XSD_ANY_TYPE:
            part.element.text = "Beispiel"
        elif (group := group_of(option.type)) is not None:
            if self.model.of_type(option.type) == math.inf or (part.again and element.nillable):
                raise NoValue
            self._write_children(part, group)

    def _text(self, part: Part, simple: XsdSimpleType) -> str:
        coding = part.parent.coding if part.parent and part.name == "code" else part.coding
        for code in coding.codes if coding else ():
            if is_valid(simple, code):
                return code
        return self._value(part, simple, part.name)

    def _value(self, part: Part, simple: XsdSimpleType, name: str, attribute: str | None = None) -> str:
        builtin = builtin_name(simple)
        text = self.values.of(simple, name, self.ids if builtin == "ID" else ())
        if builtin == "ID":
            self.ids.append(text)
        elif builtin in ("IDREF", "IDREFS"):
            self.references.append(Field(part, attribute))
        return text

    # Attributes

    def _write_attributes(self, part: Part, xsd_type: XsdComplexType) -> None:
        declared = {
            name: each
            for name, each in xsd_type.attributes.items()
            if name and isinstance(each, XsdAttribute) and each.use != "prohibited"
        }
        part.coding = self.codes.coding(declared, part.name, self.random)
        for name, attribute in declared.items():
            if attribute.use == "required" or part.full or self._is_needed(part, declared, name):
                self._write_attribute(part, attribute, name)

    def _is_needed(self, part: Part, declared: dict[str, XsdAttribute], name: str) -> bool:
        if ID in self.needed and builtin_name(declared[name].type) == "ID":
            return True
        if name == URI and declared[URI].default == "":  # one must be named, see `asking_for_lists`
            return True
        if name != VERSION or not part.coding or not part.coding.codes:
            return False
        # A list that the schema names without the message's saying so is known by its version, too.
        names_list = declared[URI].fixed is not None or declared[URI].default is not None
        return names_list or part.element.get(URI) is not None

    def _write_attribute(self, part: Part, attribute: XsdAttribute, name: str) -> None:
        try:
            part.element.set(name, self._attribute_value(part, attribute, name))
        except NoValue:
            if attribute.use == "required":
                self.drop(part)

    def _attribute_value(self, part: Part, attribute: XsdAttribute, name: str) -> str:
        coded = part.coding.attributes.get(name) if part.coding else None
        for stated in (attribute.fixed, coded, attribute.default):
            if stated is not None and is_valid(attribute.type, stated):
                return stated
        return self._value(part, attribute.type, etree.QName(name).localname, name)

    # Children

    def _write_children(self, part: Part, group: XsdGroup) -> None:
        if part.full and part.option and part.option.type.has_mixed_content():
            part.element.text = "Beispieltext "
        places = list(self._places(group, part, None))
        if not places and self.plan.fills(part.place):
            # That nothing be empty is the most common rule of all.
            self._filling = self._smallest_of(group)
            places = list(self._places(group, part, None))
            self._filling = None
        for particle, spare in places:
            self._write_child(part, particle, spare)

    def _write_child(self, parent: Part, particle: Leaf, spare: Spare | None) -> None:
        option = self._option_at(particle, parent)
        name = option.element.name if option else _foreign_name(particle)
        element = etree.SubElement(parent.element, name)
        child = Part(element, option, parent=parent, spare=spare, depth=parent.depth + 1)
        if option is not None:
            child.again = self._is_open(option, parent)
            child.foreign = parent.foreign or isinstance(particle, XsdAnyElement)
            child.full = self.plan.full and not child.again and not child.foreign
            child.open = parent.open | {option.type}
        if spare is not None:
            spare.add(child)
        self._add(child)

    def _places(self, particle: Particle, part: Part, spare: Spare | None) -> Iterator[Place]:
        """Say which elements stand where a part of a content model is asked for, in order."""
        if particle.max_occurs == 0:
            return
        occurrences = self._occurrences(particle, part)
        self._written.add(particle)
        for number, each in enumerate(occurrences):
            inner = Spare(spare) if number >= particle.min_occurs else spare
            if each is not particle:  # an alternative of a choice
                yield from self._places(each, part, inner)
            elif isinstance(each, XsdGroup):
                for child in each:
                    yield from self._places(child, part, inner)
            else:
                yield each, inner

    def _occurrences(self, particle: Particle, part: Part) -> list[Particle]:
        """Return a particle as often as it occurs; instead of a choice, what is chosen each time."""
        is_wanted = self._is_wanted(particle, part)
        times = particle.min_occurs or int(is_wanted)
        if not isinstance(particle, XsdGroup) or particle.model != "choice":
            return [particle] * times
        alternatives = [each for each in particle if each.max_occurs != 0]
        if is_wanted and particle.max_occurs != 1 and not self._is_large:
            each_once = [each for each in alternatives if self._is_wanted(each, part, once=True)]
            chosen = each_once[: particle.max_occurs]
            return chosen + [self._choose(alternatives, part) for _ in range(times - len(chosen))]
        return [self._choose(alternatives, part) for _ in range(times if alternatives else 0)]

    def _is_wanted(self, particle: Particle, part: Part, *, once: bool = False) -> bool:
        """Say whether something is written that need not be there."""
        if not (self.plan.has_all(part.place, full=part.full) or self._is_led_to(particle)):
            return False
        if isinstance(particle, XsdElement) and self.plan.leaves_out((*part.place, particle.name)):
            return False
        if part.depth >= _MAX_DEPTH or self._reopens(particle, part):
            return False
        if self.model.of_particle(particle, once=True) == math.inf:
            return False
        if not self._is_small(particle):
            return False
        return not self._is_large or self._filling is not None or particle not in self._written

    def _is_led_to(self, particle: Particle) -> bool:
        if isinstance(particle, XsdAnyElement) or not (self.needed or self._filling is not None):
            return False
        if isinstance(particle, XsdElement):
            return particle is self._filling or particle.local_name in self.needed
        return any(self._is_led_to(each) for each in particle)

    @property
    def _is_large(self) -> bool:
        return len(self.parts) >= MAX_ELEMENTS

    def _reopens(self, particle: Particle, part: Part) -> bool:
        """Say whether a part of a content model needs a type again that is being written."""
        if isinstance(particle, XsdElement):
            options = self.model.options(particle)
            return bool(options) and all(self._is_open(each, part) for each in options)
        if isinstance(particle, XsdAnyElement):
            return False
        if particle.model == "choice":
            return len(particle) > 0 and all(self._reopens(each, part) for each in particle)
        return any(each.min_occurs > 0 and self._reopens(each, part) for each in particle)

    def _is_open(self, option: Option, part: Part) -> bool:
        return option.type in part.open and group_of(option.type) is not None

    def _choose(self, alternatives: list[Particle], part: Part) -> Particle:
        """Let the seed decide among what does not lead back to where it came from, unless all of it does."""
        sized = [(self.model.of_particle(each, once=True), each) for each in alternatives]
        possible = [(size, each) for size, each in sized if size < math.inf and self._is_small(each)] or sized
        calm = [(size, each) for size, each in possible if not self._reopens(each, part)]
        return self._picked(calm or possible, settle=not calm or part.depth >= _MAX_DEPTH)

    def _picked(self, sized: list[tuple[float, T]], *, settle: bool) -> T:
        least = min(size for size, _ in sized)
        span = 0 if settle or self._is_large else _MAX_SPAN
        return self.random.choice([each for size, each in sized if size <= least + span])

    # What stands for a particle

    def _option_at(self, particle: Leaf, part: Part) -> Option | None:
        if isinstance(particle, XsdElement):
            return self._option(self.model.options(particle), part)
        if particle.process_contents != "strict":
            return None
        return self._option(
            [each for one in self._smallest(particle) for each in self.model.options(one)], part
        )

    def _smallest_of(self, group: XsdGroup) -> XsdElement | None:
        sized = [(self.model.of_particle(each, once=True), each) for each in elements_of(group)]
        return min(sized, key=itemgetter(0), default=(0, None))[1]

    def _smallest(self, wildcard: XsdAnyElement) -> list[XsdElement]:
        """Return the declared elements for a wildcard that make the least of it."""
        declared = self.model.globals(wildcard)
        return [
            each for each in declared if self.model.of_element(each) == self.model.of_element(declared[0])
        ]

    def _option(self, options: list[Option], part: Part | None) -> Option:
        sized = [(self.model.of_option(each), each) for each in options]
        possible = [(size, each) for size, each in sized if size < math.inf]
        if not possible:
            raise NoValue
        calm = [(size, each) for size, each in possible if part is None or not self._is_open(each, part)]
        return self._picked(calm or possible, settle=not calm)

    def _is_small(self, particle: Particle) -> bool:
        """Say whether it is no wildcard, or one that takes something small."""
        if not isinstance(particle, XsdAnyElement):
            return True
        if particle.process_contents == "strict":
            return any(self.model.of_element(each) <= _MAX_FOREIGN for each in self._smallest(particle))
        return bool(_foreign_names(particle))

    def _qname(self, name: str) -> str:
        qname = etree.QName(name)
        prefix = self.prefixes.get(qname.namespace or "")
        return f"{prefix}:{qname.localname}" if prefix else qname.localname


def _foreign_names(wildcard: XsdAnyElement) -> list[str]:
    stated = sorted(each for each in wildcard.namespace if not each.startswith("##"))
    possible = [FOREIGN, *stated]
    return [
        f"{{{each}}}beispiel" if each else "beispiel"
        for each in possible
        if wildcard.is_namespace_allowed(each)
    ]


def _foreign_name(wildcard: Leaf) -> str:
    names = _foreign_names(wildcard) if isinstance(wildcard, XsdAnyElement) else []
    if not names:
        raise NoValue
    return names[0]
