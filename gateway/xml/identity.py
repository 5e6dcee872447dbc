"""Identifiers of XML Schema's own types: `xs:ID` must be unique in a message, `xs:IDREF` must lead to one.

libxml2 does not check them. Which elements and attributes may have such a type is read from the schema
documents, once; a schema that has none pays nothing. A message is then looked at by names, which may take
one too many for an identifier: only what the declarations confirm is a fault.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from lxml import etree

from gateway.xml import declarations
from gateway.xml.declarations import Look
from gateway.xml.faults import Fault, Kind
from gateway.xml.model import Component
from gateway.xml.reference import parse_reference

_XS = f"{{{declarations.XSD_NAMESPACE}}}"
_MENTIONED = re.compile(rb"""["':\s](?:ID|IDREFS?)["'\s]""")
_ID, _REFERENCES = "ID", frozenset({"IDREF", "IDREFS"})

Node: TypeAlias = tuple[etree._Element, str | None, str]
"""An element, the expanded name of the attribute if it is one's, and the value without outer spaces."""


@dataclass(frozen=True)
class Identifiers:
    """Where messages of a schema may have identifiers and references to them."""

    ids: Sequence[etree.XPath]
    references: Sequence[etree.XPath]
    ambiguous: bool = False
    """Whether what has the name of an identifier may be none, elsewhere in the schema."""

    def may_be_wrong(self, root: etree._Element) -> bool:
        """Say whether a message needs a closer look: a value occurs twice, or a reference may find none."""
        values = [value for _, _, value in _nodes(self.ids, root)]
        known = set(values)
        if len(known) < len(values):
            return True
        found = _nodes(self.references, root)
        return any(self.ambiguous or each not in known for _, _, value in found for each in value.split())

    def find_faults(self, root: etree._Element, look: Look | None) -> list[Fault]:
        """Return identifiers that occur again, and references that lead nowhere.

        Args:
            look: the declarations of the message's elements; without them nothing is held against it.
        """
        order = {element: number for number, element in enumerate(root.iter())}
        ids = sorted(_nodes(self.ids, root), key=lambda node: order[node[0]])
        firsts: dict[str, etree._Element] = {}
        hidden = set()  # in elements that nobody knows, but would under their right names
        faults = []
        for element, attribute, value in ids:
            if not _is_of(element, attribute, look, {_ID}):
                if look is not None and look.at(element) is None:
                    hidden.add(value)
                continue
            first = firsts.setdefault(value, element)
            if first is not element:
                faults.append(Fault(element, Kind.DUPLICATE_ID, attribute, other=first))
        for element, attribute, value in _nodes(self.references, root):
            lost = any(each not in firsts and each not in hidden for each in value.split())
            if lost and _is_of(element, attribute, look, _REFERENCES):
                faults.append(Fault(element, Kind.DANGLING_ID_REFERENCE, attribute))
        return faults


def _nodes(searches: Iterable[etree.XPath], root: etree._Element) -> Iterator[Node]:
    seen = set()
    for search in searches:
        for node in cast("list[Any]", search(root)):
            is_element = isinstance(node, etree._Element)
            element, attribute = (node, None) if is_element else (node.getparent(), str(node.attrname))
            value = " ".join(str(node.xpath("string()") if is_element else node).split())
            if (value or attribute) and (element, attribute) not in seen:
                seen.add((element, attribute))
                yield element, attribute, value


def _is_of(element: etree._Element, attribute: str | None, look: Look | None, names: Iterable[str]) -> bool:
    """Say whether the schema gives a node one of these types of XML Schema, or one derived from it."""
    if look is None:
        return False
    if attribute is not None:
        component = look.attribute(element, attribute)
        kind = component.type if component is not None else None
    else:
        declared = look.at(element)
        kind = declarations.value_type(declared.type) if declared else None
    return kind is not None and _base(kind) in names


def _base(kind: Component) -> str:
    if kind.is_list() and kind.target_namespace != declarations.XSD_NAMESPACE:
        return _base(kind.item_type)
    last: str = [*declarations.chain(kind)][-1].local_name
    return last


def find_identifiers(files: Mapping[str, bytes]) -> Identifiers | None:
    """Return where messages of these schema documents may have identifiers; None if nowhere."""
    if not any(_MENTIONED.search(content) for content in files.values()):
        return None
    roots = [parse_reference(content) for content in files.values()]
    ids, ambiguous = _search(roots, {_ID})
    references, _ = _search(roots, set(_REFERENCES))
    return Identifiers(ids, references, ambiguous) if ids or references else None


def _search(roots: list[etree._Element], types: set[str]) -> tuple[list[etree.XPath], bool]:
    """Compile searches for all nodes whose declaration names one of the types or one derived from it.

    One for each name: libxml2 takes the product of two to unite what they find.

    Returns:
        The searches, and whether they also find nodes of other declarations.
    """
    steps: dict[str, None] = {}
    others: set[str] = set()
    prefixes: dict[str, str] = {}
    derived = _derived(roots, types)
    for root in roots:
        for node in root.iter(f"{_XS}element", f"{_XS}attribute"):
            if node.get("name"):
                step = _step(root, node, prefixes)
                if derived & _named_types(node):
                    steps[step] = None
                else:
                    others.add(step)
    searches = [etree.XPath(step, namespaces=prefixes) for step in steps]
    return searches, not others.isdisjoint(steps)


def _derived(roots: list[etree._Element], types: set[str]) -> set[str]:
    """Return the local names of the types, and of all named ones whose value is of one of them.

    Namespaces are left out of it: one too many costs a closer look, and no more.
    """
    named = [
        (node.get("name", ""), _named_types(node))
        for root in roots
        for node in root.iterchildren(f"{_XS}simpleType", f"{_XS}complexType")
    ]
    found = set(types)
    while fresh := {name for name, bases in named if name not in found and bases & found}:
        found |= fresh
    return found


def _named_types(node: etree._Element) -> set[str]:
    """Return the local names of the types that a declaration or definition builds its own value on."""
    found = {node.get("type", "")}
    for inner in node.iter(f"{_XS}restriction", f"{_XS}extension", f"{_XS}list"):
        found |= {inner.get("base", ""), inner.get("itemType", "")}
    return {name.rpartition(":")[2] for name in found if name}


def _step(root: etree._Element, node: etree._Element, prefixes: dict[str, str]) -> str:
    """Write the XPath of all nodes of a declaration."""
    # Not `//`, which takes time by the square of the siblings.
    at = "descendant-or-self::*/@" if node.tag == f"{_XS}attribute" else "descendant-or-self::"
    name, namespace = node.get("name", ""), root.get("targetNamespace")
    default = root.get(f"{etree.QName(node).localname}FormDefault", "unqualified")
    qualified = node.getparent() is root or node.get("form", default) == "qualified"
    if not qualified:
        return f"{at}{name}"
    if namespace is None:  # an included document takes the namespace of what includes it
        return f"{at}*[local-name() = '{name}']"
    prefix = next((key for key, uri in prefixes.items() if uri == namespace), f"n{len(prefixes)}")
    prefixes[prefix] = namespace
    return f"{at}{prefix}:{name}"
