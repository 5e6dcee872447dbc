"""A valid value for any simple type: offers are tried until the type takes one.

The type itself judges, so that facets of every level, unions and lists are all heard; nothing here has to
understand more than where likely values come from.
"""

import re
from collections.abc import Container, Iterator
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, TypeVar

from xmlschema.names import XSD_ENUMERATION, XSD_LENGTH, XSD_MAX_LENGTH, XSD_MIN_LENGTH, XSD_PATTERN
from xmlschema.validators import XsdAtomicRestriction, XsdList, XsdSimpleType, XsdUnion
from xmlschema.validators.facets import XsdEnumerationFacets, XsdFacet, XsdPatternFacets

from gateway.standards.examples.patterns import matching
from gateway.standards.examples.texts import filler, of_datatype, texts

if TYPE_CHECKING:
    from xmlschema.validators import XsdType

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_BOUNDS = tuple(f"{_XSD}{side}{kind}" for side in ("min", "max") for kind in ("Inclusive", "Exclusive"))
_INTEGERS = frozenset({
    "byte", "int", "integer", "long", "negativeInteger", "nonNegativeInteger", "nonPositiveInteger",
    "positiveInteger", "short", "unsignedByte", "unsignedInt", "unsignedLong", "unsignedShort",
})  # fmt: skip
_YEAR = re.compile(r"\d{4}(?=-|$)")
_TEXTS = frozenset({
    "anyAtomicType", "anySimpleType", "Name", "NCName", "NMTOKEN", "normalizedString", "string", "token",
})  # fmt: skip
_ATTEMPTS = ((0, 24), (1, 24), (3, 24), (8, 24), (20, 4), (60, 4), (200, 4), (1000, 4))
"""How often a part of a pattern is repeated beyond need, at most, and how many such texts are tried."""
_MAX_OFFERS = 400

T = TypeVar("T")


class NoValue(Exception):
    """No valid value was found for a type."""


class Values:
    """Values for one example; what they are is decided by the random numbers alone."""

    def __init__(self, random: Random, prefixes: dict[str, str]) -> None:
        self._random = random
        self._prefixes = prefixes
        self._ids = 0

    def of(self, simple: XsdSimpleType, name: str, taken: Container[str] = ()) -> str:
        """Return a valid value for an element or attribute of that name, none of `taken`.

        Raises:
            NoValue: none was found.
        """
        for offer in islice(self._offers(simple, name), _MAX_OFFERS):
            if offer not in taken and is_valid(simple, offer):
                return offer
        raise NoValue

    def _offers(self, simple: XsdSimpleType, name: str) -> Iterator[str]:
        if chosen := self._enumerated(simple):
            yield from chosen
        elif isinstance(simple, XsdUnion):
            for member in self._turned(simple.member_types):
                yield from islice(self._offers(member, name), _MAX_OFFERS // len(simple.member_types))
        elif isinstance(simple, XsdList):
            yield from self._lists(simple.item_type, _length(simple), name)
        elif isinstance(simple, XsdAtomicRestriction) and (simple.is_list() or simple.is_union()):
            # A restricted list or union has its facets here and its parts in what it restricts.
            yield from self._of_parts(simple, name)
        else:
            yield from self._atoms(simple, name)

    def _of_parts(self, simple: XsdAtomicRestriction, name: str) -> Iterator[str]:
        base: XsdType | None = simple
        while isinstance(base, XsdAtomicRestriction):
            base = base.base_type
        if isinstance(base, XsdList):
            yield from self._lists(base.item_type, _length(simple), name)
        elif isinstance(base, XsdSimpleType):
            yield from self._offers(base, name)
        yield from self._patterned(simple)

    def _lists(self, item: XsdSimpleType, length: tuple[int, int | None], name: str) -> Iterator[str]:
        least, most = length
        for count in dict.fromkeys((max(least, 1), least, most or least)):
            try:
                yield " ".join(self.of(item, name) for _ in range(count))
            except NoValue:
                continue

    def _atoms(self, simple: XsdSimpleType, name: str) -> Iterator[str]:
        builtin = builtin_name(simple)
        if builtin in ("ID", "IDREF"):
            yield from self._numbered()
        elif builtin in _INTEGERS or builtin == "decimal":
            yield from self._numbers(simple, whole=builtin in _INTEGERS)
        else:
            yield from of_datatype(builtin, name, self._random)
        for bound in _bounds(simple):
            yield from (bound, _in_year(bound, 1), _in_year(bound, -1))
        if builtin in _TEXTS:
            yield from self._texts(simple, name)
        yield from self._patterned(simple)
        yield from self._numbered()

    def _texts(self, simple: XsdSimpleType, name: str) -> Iterator[str]:
        least, most = _length(simple)
        yield from texts(name, self._random)
        yield from (filler(length) for length in dict.fromkeys((least, most)) if length)
        yield "n" * least
        yield "1" * least

    def _patterned(self, simple: XsdSimpleType) -> Iterator[str]:
        """Texts by the patterns of the type, the innermost first, ever longer ones."""
        levels = list(_patterns(simple))
        for repeats, attempts in _ATTEMPTS:
            for level in levels:
                for _ in range(attempts):
                    yield matching(self._random.choice(level.patterns), self._random, repeats)

    def _numbered(self) -> Iterator[str]:
        """Texts that were not offered before."""
        for form in ("beispiel-{}", "A{}", "B{:03}", "{}"):
            for _ in range(8):
                self._ids += 1
                yield form.format(self._ids)

    def _numbers(self, simple: XsdSimpleType, *, whole: bool) -> Iterator[str]:
        yield str(self._random.randint(1, 9))
        if not whole:
            yield f"{self._random.randint(1, 99)}.50"
        numbers = [number for bound in _bounds(simple) if (number := _number(bound)) is not None]
        step = Decimal(1) if whole else Decimal("0.01")
        for number in (*numbers, *_between(numbers)):
            yield from (_written(number + each, whole=whole) for each in (0, step, -step, 1, -1))
        for digits in range(1, 19):
            yield str(self._random.randrange(10 ** (digits - 1), 10**digits))
        yield from ("0", "-1", "0.5", "0.05", "100.00")

    def _enumerated(self, simple: XsdSimpleType) -> list[str]:
        facet = simple.get_facet(XSD_ENUMERATION)
        if not isinstance(facet, XsdEnumerationFacets):
            return []
        values = [each.get("value", "") for each in facet]
        if builtin_name(simple) in ("QName", "NOTATION"):
            values = [self._qualified(value, facet) for value in values]
        return list(self._turned(values))

    def _qualified(self, value: str, facet: XsdFacet) -> str:
        """Write a name of the schema document with the prefix that the message uses."""
        prefix, _, local = value.rpartition(":")
        prefix = self._prefixes.get(facet.namespaces.get(prefix, ""), "")
        return f"{prefix}:{local}" if prefix else local

    def _turned(self, items: list[T]) -> list[T]:
        start = self._random.randrange(len(items)) if items else 0
        return items[start:] + items[:start]


def is_valid(simple: XsdSimpleType, text: str) -> bool:
    """Say whether a type takes a text."""
    # A name with a prefix is valid or not by where it stands.
    return builtin_name(simple) in ("QName", "NOTATION") or simple.text_is_valid(text)


def builtin_name(simple: "XsdType") -> str:
    """Return the local name of the type of XML Schema that a type goes back to; a list goes by its items."""
    if isinstance(simple, XsdList):
        return builtin_name(simple.item_type)
    base: XsdType | None = simple
    while base is not None and not (base.name or "").startswith(_XSD):
        base = base.base_type
    return (base.name or "").removeprefix(_XSD) if base is not None else ""


def _length(simple: XsdSimpleType) -> tuple[int, int | None]:
    exact, least, most = (_count(simple, tag) for tag in (XSD_LENGTH, XSD_MIN_LENGTH, XSD_MAX_LENGTH))
    return (exact, exact) if exact is not None else (least or 0, most)


def _count(simple: XsdSimpleType, tag: str) -> int | None:
    value = getattr(simple.get_facet(tag), "value", None)
    return value if isinstance(value, int) else None


def _patterns(simple: XsdSimpleType) -> Iterator[XsdPatternFacets]:
    base: XsdType | None = simple
    while isinstance(base, XsdSimpleType):
        facet = base.facets.get(XSD_PATTERN)
        if isinstance(facet, XsdPatternFacets):
            yield facet
        base = base.base_type


def _bounds(simple: XsdSimpleType) -> list[str]:
    facets = [simple.get_facet(tag) for tag in _BOUNDS]
    return [facet.elem.get("value", "") for facet in facets if isinstance(facet, XsdFacet)]


def _in_year(bound: str, years: int) -> str:
    """Move a date or a point in time by a few years; other bounds stay as they are."""
    year = _YEAR.match(bound)
    return f"{int(year[0]) + years:04}{bound[year.end() :]}" if year else bound


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _between(numbers: list[Decimal]) -> list[Decimal]:
    return [sum(numbers, Decimal(0)) / len(numbers)] if len(numbers) > 1 else []


def _written(number: Decimal, *, whole: bool) -> str:
    return f"{number.to_integral_value(ROUND_CEILING) if whole else number:f}"
