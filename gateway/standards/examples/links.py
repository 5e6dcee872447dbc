"""What in an example refers to something else in it: xs:IDREF, and the keys and references of a schema.

Where a reference that is not required has nothing to lead to, it goes; what cannot be put right is left for
the validators to name.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from lxml import etree
from xmlschema.names import XSI_NIL
from xmlschema.validators import XsdAttribute, XsdIdentity, XsdKey, XsdKeyref

from gateway.standards.examples.parts import Field, Part
from gateway.standards.examples.tree import ID, Tree, Unfillable
from gateway.standards.examples.values import NoValue, is_valid

_MAX_ROUNDS = 6


class NoTarget(Exception):
    """A required reference leads nowhere; with the names of what would have to be in the message."""

    def __init__(self, needed: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(needed)))
        self.needed = needed


@dataclass
class _Row:
    """What a constraint selects: an element, and its fields; None for one that is not there."""

    target: Part
    fields: list[Field | None]

    @property
    def values(self) -> tuple[str, ...] | None:
        return tuple(each.text for each in self.fields if each) if all(self.fields) else None

    @property
    def key(self) -> tuple[str, ...] | None:
        """What the values stand for: 1 is 01 and true."""
        return tuple(_meaning(each) for each in self.fields if each) if all(self.fields) else None


def link(tree: Tree, root: Part) -> None:
    """Make references lead somewhere and keys unique.

    Raises:
        NoTarget: there is nothing for a reference that must be there; it may help to write more.
        Unfillable: what would have to go is required.
    """
    _Links(tree, root).make()


@dataclass
class _Links:
    tree: Tree
    root: Part
    rows: dict[str, list[tuple[Part, tuple[str, ...]]]] = field(default_factory=dict)
    """By the name of a key: the element that it belongs to, and the values of each row."""

    def make(self) -> None:
        for _ in range(_MAX_ROUNDS):
            self.rows.clear()
            if not (self._identities() | self._references()):
                break

    def _references(self) -> bool:
        """Fill in every xs:IDREF; say whether any had to go."""
        texts = {text for each in self.root.element.iter() for text in (each.text, *each.values())}
        ids = [each for each in self.tree.ids if each in texts]
        dropped = False
        for number, each in enumerate(self.tree.references):
            if not self.tree.is_there(each.part) or each.text == "":
                continue
            target = Field(each.part, each.attribute)
            count = max(len(target.text.split()), 1)
            simple = each.simple
            fitting = [one for one in _texts(ids, count, number) if simple and is_valid(simple, one)]
            if fitting:
                target.write(fitting[0])
            else:
                self._remove(target, frozenset({ID}))
                dropped = True
        return dropped

    def _remove(self, reference: Field, needed: frozenset[str]) -> None:
        """Take out a reference that leads nowhere."""
        declared = reference.declared
        if isinstance(declared, XsdAttribute) and declared.use != "required":
            del reference.part.element.attrib[reference.attribute or ""]
            return
        try:
            self.tree.drop(reference.part)
        except Unfillable:
            if needed <= self.tree.needed:
                raise
            raise NoTarget(needed) from None

    def _identities(self) -> bool:
        """Put keys right, then what refers to them; say whether anything had to go."""
        found = [
            (part, identity)
            for part in list(self.tree.parts.values())
            if part.option and part.option.element.identities and self.tree.is_there(part)
            for identity in part.option.element.identities
        ]
        dropped = False
        for part, identity in found:
            if not isinstance(identity, XsdKeyref):
                dropped |= self._key(part, identity)
        for part, identity in found:
            if isinstance(identity, XsdKeyref):
                dropped |= self._keyref(part, identity)
        return dropped

    def _key(self, scope: Part, key: XsdIdentity) -> bool:
        taken: set[tuple[str, ...]] = set()
        dropped = False
        for row in self._rows(scope, key):
            if isinstance(key, XsdKey):
                self._complete(row, key)
            if row.key in taken:
                self._make_distinct(row, taken)
            if (row.key is None and isinstance(key, XsdKey)) or row.key in taken:
                self.tree.drop(row.target)
                dropped = True
            elif row.key is not None and row.values is not None:
                taken.add(row.key)
                self.rows.setdefault(key.name, []).append((scope, row.values))
        return dropped

    def _complete(self, row: _Row, key: XsdIdentity) -> None:
        """Write the attributes that a key needs and the type does not require."""
        for number, selector in enumerate(key.fields):
            name = selector.path.strip().removeprefix("@").removeprefix("attribute::")
            if row.fields[number] is None and name != selector.path.strip() and ":" not in name:
                missing = Field(row.target, name)
                with suppress(NoValue):
                    if missing.simple is not None:
                        missing.write(self.tree.values.of(missing.simple, name))
                        row.fields[number] = missing

    def _make_distinct(self, row: _Row, taken: set[tuple[str, ...]]) -> None:
        """Change one field so that the row is like no other, if that is possible."""
        for one in reversed([each for each in row.fields if each is not None]):
            before, tried = one.text, {one.text}
            while one.simple is not None and row.key in taken:
                try:
                    one.write(self.tree.values.of(one.simple, one.name, tried))
                except NoValue:
                    break
                tried.add(one.text)
            if row.key not in taken:
                if before in self.tree.ids:
                    self.tree.ids.append(one.text)
                return
            one.write(before)

    def _keyref(self, scope: Part, keyref: XsdKeyref) -> bool:
        key = keyref.refer
        if not isinstance(key, XsdIdentity):
            return False
        inside = set(scope.element.iter())
        possible = [values for part, values in self.rows.get(key.name, []) if part.element in inside]
        dropped = False
        for number, row in enumerate(self._rows(scope, keyref)):
            if not self.tree.is_there(row.target) or row.values is None or row.values in possible:
                continue
            turned = possible[number % len(possible) :] + possible if possible else []
            fitting = [each for each in turned if _fits(row, each)]
            if fitting:
                for one, text in zip(row.fields, fitting[0], strict=True):
                    cast("Field", one).write(text)
            else:
                self._remove(cast("Field", row.fields[-1]), _names(key))
                dropped = True
        return dropped

    def _rows(self, scope: Part, identity: XsdIdentity) -> Iterator[_Row]:
        if identity.selector is None:
            return
        namespaces = {prefix: uri for prefix, uri in identity.selector.namespaces.items() if prefix}
        for element in _evaluated(scope.element, identity.selector.path, namespaces):
            target = self.tree.parts.get(element)
            if target is not None:
                yield _Row(target, [self._field(target, each.path, namespaces) for each in identity.fields])

    def _field(self, target: Part, path: str, namespaces: dict[str, str]) -> Field | None:
        for found in _evaluated(target.element, path, namespaces):
            if isinstance(found, etree._Element):
                part = self.tree.parts.get(found)
                return Field(part, None) if part and found.get(XSI_NIL) is None else None
            owner = self.tree.parts.get(found.getparent())
            return Field(owner, found.attrname) if owner else None
        return None


def _evaluated(element: etree._Element, path: str, namespaces: dict[str, str]) -> list[etree._Element]:
    # A path of a constraint is XPath 1.0 but for an axis before attributes and elements that lxml knows too.
    return cast("list[etree._Element]", element.xpath(path, namespaces=namespaces))


def _meaning(place: Field) -> str:
    simple = place.simple
    return str(simple.text_decode(place.text)) if simple is not None else place.text


def _names(key: XsdIdentity) -> frozenset[str]:
    """Return the names of the elements on the way to what a key selects, and of its fields."""
    paths = [key.selector.path if key.selector else "", *(each.path for each in key.fields)]
    steps = (step.strip().rpartition(":")[2] for path in paths for step in re.split(r"[/|]", path))
    return frozenset(step for step in steps if step not in ("", ".", "*") and not step.startswith("@"))


def _texts(ids: list[str], count: int, number: int) -> Iterator[str]:
    """Say what a reference may read: so many ids, every time starting with another one."""
    for start in range(len(ids)):
        yield " ".join(ids[(number + start + each) % len(ids)] for each in range(count))


def _fits(row: _Row, values: tuple[str, ...]) -> bool:
    return all(
        one is not None and one.simple is not None and is_valid(one.simple, text)
        for one, text in zip(row.fields, values, strict=True)
    )
