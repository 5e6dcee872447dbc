"""What stands in elements whose name is wrong, judged as what they are taken for.

Neither engine looks into an element that the schema does not know at its place, so one misspelt name would
hide all that is wrong in it. Where it is clear which element was meant, a copy is built under right names,
also of what is misnamed within, and the second engine is asked about that. The message stays as it is, and so
do the names in what is said of it.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import cast

from lxml import etree

from gateway.xml import content, xmlschema_faults
from gateway.xml.declarations import Declarations, Declared, Look
from gateway.xml.faults import Fault, Kind
from gateway.xml.model import Component
from gateway.xml.parse import Limits, parse
from gateway.xml.words import direct_text, local, local_of
from gateway.xml.xmlschema_faults import MAX_VALUE

_MAX_ELEMENTS = 2000
"""So many elements are copied, about which the second engine takes a tenth of a second."""
MISNAMED = {Kind.UNEXPECTED_CHILD, Kind.WRONG_NAMESPACE, Kind.WRONG_CASE}
_DISPLACED = {*MISNAMED, Kind.WRONG_PARENT, Kind.MISSING_PARENT}


def is_mistaken(fault: Fault) -> bool:
    """Say whether an element is known under its name, and taken for another."""
    return fault.kind is Kind.WRONG_NAME or (fault.kind is Kind.TOO_OFTEN and fault.instead is not None)


def is_displaced(fault: Fault) -> bool:
    """Say whether a fault is that an element stands where it is taken for another, or belongs elsewhere."""
    return fault.kind in _DISPLACED or is_mistaken(fault)


class Guessing(Look):
    """The declarations of the elements of one message, also of those that are taken for others."""

    def __init__(self, declarations: Declarations) -> None:
        super().__init__(declarations)
        self.misnamed: set[etree._Element] = set()
        self.guesses = content.Guesses()
        self.judged: set[etree._Element] = set()
        """What was looked at as what it is taken for."""

    def take(self, element: etree._Element, name: str, declared: Declared | None) -> None:
        """Note what an element should be called, and the declaration that is its own then."""
        self._known[element] = declared
        self.judged.add(element)
        if element.tag != name:
            self.misnamed.add(element)

    def under(self, parent: etree._Element, element: etree._Element, name: str) -> Declared | None:
        """Return the declaration of an element, were it a child of that name."""
        above = self.at(parent)
        return self._below(above.type, element, name) if above else None

    def within(self, parent: etree._Element, between: str, element: etree._Element) -> Declared | None:
        """Return the declaration of an element, were a child of that name between it and its parent."""
        above = self.at(parent)
        missing = self.declarations.child(above.type, between) if above else None
        return self._below(missing.type, element, str(element.tag)) if missing is not None else None

    def _below(self, above: Component, element: etree._Element, name: str) -> Declared | None:
        found = self.declarations.child(above, name)
        if found is None:
            return None
        return Declared(found, self.declarations.named_type(element, found.type))

    def names(self, parent: etree._Element) -> list[str]:
        """Return the expanded names that the children of an element may have."""
        above = self.at(parent)
        return [*self.declarations.children(above.type)] if above else []


def find_faults(faults: Iterable[Fault], look: Guessing, body: bytes) -> list[Fault]:
    """Return what is wrong in elements that are misnamed.

    Args:
        faults: about children, as `content` finds them.
        look: gains the declarations of what misnamed elements are taken for, and of all in them.
        body: the whole message.
    """
    if not xmlschema_faults.takes(body):
        return []
    copies = _Copies(look, body)
    for fault in sorted(faults, key=is_mistaken, reverse=True):  # what is in these is looked at with them
        copies.add(fault)
    return [*copies.faults, *copies.originals(xmlschema_faults.find_faults(body, copies.roots))]


def count_faults(fault: Fault, look: Guessing, body: bytes) -> int | None:
    """Count what is wrong in an element if it is what a fault takes it for; None where nobody can tell.

    Args:
        look: the declarations of the message's elements; it stays as it is.
        body: the whole message, of a size that the second engine takes.
    """
    copies = _Copies(Guessing(look.declarations), body)
    copies.add(fault)
    found = xmlschema_faults.find_all(copies.roots) if copies.roots else None
    return None if found is None else len(copies.faults) + len([*copies.originals(found)])


class _Copies:
    """Misnamed elements under the names that were meant; `faults` says what else is misnamed within them."""

    def __init__(self, look: Guessing, body: bytes) -> None:
        self._look = look
        self._body = body
        self._originals: dict[etree._Element, etree._Element] = {}
        self._told: set[etree._Element] = set()
        self.roots: list[tuple[etree._Element, Component]] = []
        self.faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Copy the element that a fault is about, if it is clear what was meant."""
        name, element, parent = self._meant(fault), fault.element, _owner(fault)
        if name is None or element in self._look.judged:
            return
        if not _is_small(element, _MAX_ELEMENTS - len(self._originals)):
            return
        if fault.kind is Kind.MISSING_PARENT:
            declared = self._look.within(parent, fault.names[0][0], element)
        else:
            declared = self._look.under(parent, element, name)
        if declared is not None and not declared.element.abstract:
            if fault.kind is not Kind.MISSING_PARENT:
                self._look.misnamed.add(element)
            copy = etree.Element(name, nsmap=_namespaces(element))
            self.roots.append((copy, declared.element))
            self._fill(copy, element, declared)

    def originals(self, faults: Iterable[Fault]) -> Iterator[Fault]:
        """Yield what is wrong with copies as faults of what was copied, but what `faults` says already."""
        for fault in faults:
            fault.element = self._originals[fault.element]
            fault.other = self._originals[fault.other] if fault.other is not None else None
            if fault.kind is not Kind.CONTENT or fault.element not in self._told:
                yield fault

    def _fill(self, copy: etree._Element, original: etree._Element, declared: Declared | None) -> None:
        waiting = [(copy, original, declared)]
        while waiting:
            copy, original, declared = waiting.pop()
            self._originals[copy] = original
            copy.attrib.update(self._stated(original))
            for child in original.iterchildren("*"):
                self._look.at(child)  # by its own name, as long as that of its parent counts
            self._look.take(original, str(copy.tag), declared)
            copy.text, copy.tail = _cut(original.text), _cut(original.tail)
            for child, name in self._children(original):
                own = _namespaces(child) if child.nsmap != original.nsmap else None
                below = self._look.under(original, child, name)
                waiting.append((etree.SubElement(copy, name, nsmap=own), child, below))

    def _stated(self, element: etree._Element) -> dict[str | bytes, str | bytes]:
        """Return the attributes of an element without those that libxml2 has added because of its name."""
        own, attributes = self._look.at(element), dict(element.attrib.items())
        added = self._look.declarations.defaults(own.type) if own else ()
        if not any(attributes.get(name) == value for name, value in added):
            return attributes
        return dict(self._as_sent[element].attrib.items())

    @cached_property
    def _as_sent(self) -> dict[etree._Element, etree._Element]:
        root = next(iter(self._originals.values())).getroottree().getroot()
        # It has been accepted by whatever limits; 256 is libxml2's own.
        sent = parse(self._body, Limits(2 * len(self._body), 256, sys.maxsize))
        return dict(zip(root.iter("*"), sent.iter("*"), strict=True))

    def _children(self, element: etree._Element) -> list[tuple[etree._Element, str]]:
        """Return the children with the names that were meant, without those of which that is not clear."""
        children = [(child, str(child.tag)) for child in element.iterchildren("*")]
        model = self._look.model(element)
        if model is None or all(model.find(name) for _, name in children):
            return children
        found = content.find_faults(model, element, self._look.guesses)
        self.faults += found
        self._told.add(element)
        meant = {fault.element: self._meant(fault) for fault in found if fault.element is not element}
        named = [(child, name if model.find(name) else meant.get(child)) for child, name in children]
        return [(child, name) for child, name in named if name is not None]

    def _meant(self, fault: Fault) -> str | None:
        """Return the expanded name that an element should have; None where that is not clear."""
        if not is_displaced(fault):
            return None
        if fault.kind is Kind.MISSING_PARENT:
            within = [self._look.within(_owner(fault), name, fault.element) for name in fault.names[0]]
            return str(fault.element.tag) if _all_same(within) else None
        if fault.kind is Kind.WRONG_NAME:
            return fault.names[0][0]
        known = self._look.names(_owner(fault))
        if fault.kind is Kind.WRONG_PARENT:
            return name if (name := str(fault.element.tag)) in known else None
        if fault.instead is not None:  # its name says nothing, so its children must
            guess: str | None = fault.instead
        else:
            guess = self._only_guess(fault, known)
        if guess is None or guess not in known:  # what a wildcard takes is not
            return None
        return guess if self._fits(fault, guess) else None

    def _only_guess(self, fault: Fault, known: list[str]) -> str | None:
        """Return the one name that a fault guesses; None where another is as likely."""
        if len(fault.names) != 1 or len(fault.names[0]) != 1:
            return None
        (name,), own = fault.names[0], local_of(fault.element)
        locals_ = [local(each) for each in known]
        if fault.kind is Kind.WRONG_NAMESPACE:
            return name if locals_.count(own) == 1 else None
        model, tag = self._look.model(_owner(fault)), str(fault.element.tag)
        if model is None:
            return None
        near = {self._look.guesses.guess(model, tag, locals_, last=last) for last in (False, True)}
        return name if near == {local(name)} else None

    def _fits(self, fault: Fault, name: str) -> bool:
        """Say whether an element has what one of that name may: a value only, or a child that is known."""
        element, by_name = fault.element, fault.instead is None or is_mistaken(fault)
        declared = self._look.under(_parent(element), element, name)
        known = self._look.declarations.children(declared.type) if declared else {}
        children = {local_of(child) for child in element.iterchildren("*")}
        if declared is not None and children:
            return not children.isdisjoint(map(local, known))
        if fault.kind is Kind.UNEXPECTED_CHILD and known and direct_text(element).strip():
            return False  # a name that is only like another says less than that
        return by_name


def _all_same(found: Sequence[Declared | None]) -> bool:
    """Say whether an element is of one type by all that it may be."""
    first = found[0]
    return first is not None and all(each is not None and each.type is first.type for each in found)


def _namespaces(element: etree._Element) -> dict[str, str]:
    """Return those in scope; that the default one has None for a prefix is fine where elements are made."""
    return cast("dict[str, str]", element.nsmap)


def _owner(fault: Fault) -> etree._Element:
    """Return the element whose child one was meant to be."""
    if fault.kind is Kind.WRONG_PARENT and fault.other is not None:
        return fault.other
    return _parent(fault.element)


def _parent(element: etree._Element) -> etree._Element:
    parent = element.getparent()
    return element if parent is None else parent


def _is_small(element: etree._Element, limit: int) -> bool:
    """Say whether it has at most so many elements, and no attribute that the second engine is kept from."""
    elements = list(islice(element.iter("*"), limit + 1))
    return len(elements) <= limit and all(
        len(value) <= MAX_VALUE for each in elements for value in each.attrib.values()
    )


def _cut(text: str | None) -> str | None:
    """Cut a text that the second engine does not look at for its length, and keep it that long."""
    return text[: MAX_VALUE + 1] if text else None
