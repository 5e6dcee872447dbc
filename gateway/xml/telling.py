"""What the sentences on faults have in common: what is told, and the schema's words for what it is about."""

from typing import NamedTuple

from lxml import etree

from gateway.contract.findings import Bilingual
from gateway.xml import declarations
from gateway.xml.declarations import Declared, Look
from gateway.xml.faults import Fault, Kind
from gateway.xml.model import Component
from gateway.xml.words import Option, local


class Told(NamedTuple):
    """What a finding says of a fault."""

    message: Bilingual
    hint: Bilingual | None = None
    documentation: str | None = None


def declared_at(look: Look | None, element: etree._Element) -> Declared | None:
    """Return the declaration of an element, if there is any to be had."""
    return look.at(element) if look else None


def child_of(fault: Fault, look: Look | None, name: str) -> Component | None:
    """Return the declaration of a child that is named where it is missing or was meant."""
    inside = fault.kind in (Kind.MISSING_CHILD, Kind.TOO_FEW, Kind.TEXT_NOT_ALLOWED)
    parent = fault.element if inside else fault.element.getparent()
    above = declared_at(look, parent) if parent is not None else None
    return look.declarations.children(above.type).get(name) if look and above else None


def labelled(fault: Fault, look: Look | None, name: str) -> str:
    """Write a name with what the schema calls it: `»rolle« (Rolle der Person)`, without the first quotes."""
    return str(Option(f"»{local(name)}«", declarations.label(child_of(fault, look, name))))


def documented(component: Component | None) -> str | None:
    """Return the documentation of an element, or else of its type."""
    if component is None:
        return None
    return declarations.documentation(component) or declarations.type_documentation(component.type)
