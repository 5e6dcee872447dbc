"""What a schema says of the places in a message: which elements may stand there, and which values."""

from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache
from random import Random
from typing import Any

from lxml import etree
from xmlschema.names import XSD_ENUMERATION, XSD_PATTERN
from xmlschema.validators import XsdElement, XsdSimpleType

from fuzz.values import CANARY, NUMBER_CANARY, SPECIAL, STRANGE
from gateway.standards import Standard
from gateway.standards.examples.patterns import matching
from gateway.standards.examples.values import builtin_name

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_LENGTHS = tuple(f"{_XSD}{name}" for name in ("length", "minLength", "maxLength"))
_BOUNDS = tuple(f"{_XSD}{side}{kind}" for side in ("min", "max") for kind in ("Inclusive", "Exclusive"))
_DIGITS = tuple(f"{_XSD}{name}" for name in ("totalDigits", "fractionDigits"))


class Guide:
    """The declarations of one standard's schema, by the places of a message."""

    def __init__(self, standard: Standard) -> None:
        self._schema = standard.schema.xmlschema

    def declared(self, element: etree._Element) -> XsdElement | None:
        """Return what the schema says of an element where it stands; None where it says nothing."""
        parent = element.getparent()
        if parent is None:
            return self._schema.maps.elements.get(element.tag)
        return next((each for each in self.children(parent) if each.name == element.tag), None)

    def children(self, element: etree._Element) -> list[XsdElement]:
        """Return the declarations of elements that may stand in one, and of those that stand for them."""
        declared = self.declared(element)
        content = getattr(getattr(declared, "type", None), "content", None)
        if content is None or isinstance(content, XsdSimpleType):
            return []
        named = [each for each in content.iter_elements() if each.name]
        return [*named, *(other for each in named for other in each.iter_substitutes())]

    def attributes(self, element: etree._Element) -> dict[str, Any]:
        """Return the declarations of an element's attributes by their names."""
        declared = self.declared(element)
        return (
            {name: each for name, each in declared.attributes.items() if name} if declared is not None else {}
        )

    def simple_type(self, element: etree._Element) -> XsdSimpleType | None:
        """Return the type of an element's value."""
        declared = self.declared(element)
        if declared is None:
            return None
        if isinstance(declared.type, XsdSimpleType):
            return declared.type
        content = declared.type.content
        return content if isinstance(content, XsdSimpleType) else None

    @cached_property
    def elements(self) -> list[str]:
        """The names of all global elements."""
        return sorted(self._schema.maps.elements)

    @cached_property
    def types(self) -> list[str]:
        """The names of all global types, and of some of XML Schema's own."""
        own = sorted(name for name in self._schema.maps.types if not name.startswith(_XSD))
        return [*own, f"{_XSD}int", f"{_XSD}anyType", f"{_XSD}string"]


@lru_cache(maxsize=5000)
def values_of(simple: XsdSimpleType) -> tuple[str, ...]:
    """Return values at the bounds of a type and beyond, and such as its data type is known to be hard on."""
    offers = [CANARY, *SPECIAL.get(builtin_name(simple), ()), *STRANGE]
    for name in (*_LENGTHS, *_DIGITS):
        if isinstance(size := getattr(simple.get_facet(name), "value", None), int):
            offers += [text for each in (size - 1, size, size + 1) if each >= 0 for text in _of_size(each)]
    for name in _BOUNDS:
        if (facet := simple.get_facet(name)) is not None:
            offers += _around(facet.elem.get("value", ""))
    if (enumeration := simple.get_facet(XSD_ENUMERATION)) is not None:
        for value in [each.get("value", "") for each in enumeration][:10]:
            offers += [value, value.upper(), f" {value}", f"{value}{CANARY}"]
    if (pattern := simple.get_facet(XSD_PATTERN)) is not None:
        made = [matching(each, Random(0), repeats) for each in pattern.patterns for repeats in (0, 3, 40)]  # noqa: S311
        offers += [text for each in made for text in (each, f"{each}{CANARY}", each[1:])]
    return tuple(dict.fromkeys(offers))


def _of_size(size: int) -> list[str]:
    whole = (CANARY * (size // len(CANARY) + 1))[:size]
    number = (NUMBER_CANARY * (size // len(NUMBER_CANARY) + 1))[:size]
    return [whole, number, f"0.{number}", "ß" * size, "\U0001f600" * size, " " * size]


def _around(bound: str) -> list[str]:
    try:
        number = Decimal(bound)
    except InvalidOperation:
        return [bound, f"{bound}Z", f"{bound}+14:00", f"{bound}-14:00", bound[:-1], f"{bound}.001"]
    near = [number + each for each in (0, 1, -1, Decimal("0.0000001"), Decimal("-0.0000001"), 10**30)]
    return [f"{each:f}" for each in near] + [
        f"+{bound}",
        f"{bound}0",
        f"{bound}.0",
        f" {bound} ",
        f"{bound}e0",
    ]
