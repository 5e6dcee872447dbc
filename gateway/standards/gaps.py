"""Stand-ins for schemas that a release refers to and nobody has delivered.

A release may use a few types of a foreign standard whose files it only names by an address. Where the
manifest calls such a namespace a gap, what is used of it is declared to hold anything, so that the rest can
be validated. Nothing is filled in silently: a gap stands in the manifest, and importing reports it.
"""

from collections.abc import Collection, Iterable, Iterator

from lxml import etree

XSD = "{http://www.w3.org/2001/XMLSchema}"

_ANY = f"""<xs:complexType {{name}}mixed="true" xmlns:xs="{XSD[1:-1]}">
  <xs:sequence><xs:any processContents="lax" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>
  <xs:anyAttribute processContents="lax"/></xs:complexType>"""
_LABELLED = f"""<xs:complexType {{name}}xmlns:xs="{XSD[1:-1]}"><xs:simpleContent>
  <xs:extension base="xs:string"><xs:anyAttribute processContents="lax"/></xs:extension>
  </xs:simpleContent></xs:complexType>"""
_TEXT = f'<xs:simpleType {{name}}xmlns:xs="{XSD[1:-1]}"><xs:restriction base="xs:string"/></xs:simpleType>'
_REFERRING = ("type", "base", "ref", "itemType", "memberTypes", "substitutionGroup")
_DERIVATIONS = (f"{XSD}extension", f"{XSD}restriction")
_TYPES = {"simpleType": _TEXT, "simpleContent": _LABELLED, "complexType": _ANY}
"""What stands in for a type, the strictest first: elements and attributes may have the first, bases of simple
content may be one of the first two, elements take all."""
_DECLARATIONS = {
    "element": "element",
    "attribute": "attribute",
    "group": "group",
    "attributeGroup": "attributeGroup",
}


def stand_in(namespace: str, schemas: Iterable[etree._Element]) -> etree._Element:
    """Return a schema that declares whatever the others use of a namespace, with any content."""
    root = etree.Element(f"{XSD}schema", {"targetNamespace": namespace} if namespace else {})
    used = {use for schema in schemas for use in uses(schema, namespace)}
    for kind, name in sorted(used - _weaker(used)):
        root.append(_declaration(kind, name))
    return root


def _weaker(used: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the uses of a type that another one says more of: types of both kinds share one set of names."""
    kinds = [*_TYPES]
    return {
        (kind, name)
        for kind, name in used
        if kind in kinds and any((stricter, name) in used for stricter in kinds[: kinds.index(kind)])
    }


def open_derived(schemas: Collection[etree._Element], namespaces: Collection[str]) -> None:
    """Let types that are derived from a missing one hold anything: nobody knows what they add to."""
    opened: set[tuple[str, str]] = set()
    waiting = [(schema, each) for schema in schemas for each in schema.iter(*_DERIVATIONS)]
    while affected := [each for each in waiting if _builds_on(*each, namespaces, opened)]:
        waiting = [each for each in waiting if each not in affected]
        for schema, derivation in affected:
            kind = next(derivation.iterancestors(f"{XSD}complexType"))
            opened.add((schema.get("targetNamespace", ""), kind.get("name", "")))
            kind.set("mixed", "true")
            kind[:] = [*kind.findall(f"{XSD}annotation"), *etree.fromstring(_ANY.format(name=""))]


def _builds_on(
    schema: etree._Element,
    derivation: etree._Element,
    namespaces: Collection[str],
    opened: Collection[tuple[str, str]],
) -> bool:
    content = derivation.getparent()
    if content is None or content.tag != f"{XSD}complexContent":
        return False
    prefix, _, local = derivation.get("base", "").rpartition(":")
    namespace = derivation.nsmap.get(prefix or None) or schema.get("targetNamespace", "")
    return namespace in namespaces or (namespace, local) in opened


def uses(schema: etree._Element, namespace: str) -> Iterator[tuple[str, str]]:
    """Yield kind and name of everything that a schema document uses of a namespace."""
    for element in schema.iter(f"{XSD}*"):
        for attribute in _REFERRING:
            for name in element.get(attribute, "").split():
                prefix, _, local = name.rpartition(":")
                if element.nsmap.get(prefix or None) == (namespace or None):
                    yield _kind(element, attribute), local


def _kind(element: etree._Element, attribute: str) -> str:
    """Say what is meant: of types the kind that the use allows, `simpleType` where nothing else will do."""
    local = etree.QName(element).localname
    if attribute == "ref":
        return _DECLARATIONS[local]
    if attribute == "substitutionGroup":
        return "element"
    parent = element.getparent()
    within = "" if parent is None else etree.QName(parent).localname
    if within == "simpleContent":
        return "simpleContent"
    simple = attribute in ("itemType", "memberTypes") or local == "attribute"
    return "simpleType" if simple or within == "simpleType" else "complexType"


def _declaration(kind: str, name: str) -> etree._Element:
    if kind in _TYPES:
        return etree.fromstring(_TYPES[kind].format(name=f'name="{name}" '))
    declaration = etree.Element(f"{XSD}{kind}", name=name)
    if kind == "element":
        declaration.append(etree.fromstring(_ANY.format(name="")))
    elif kind == "attribute":
        declaration.append(etree.fromstring(_TEXT.format(name="")))
    elif kind == "attributeGroup":
        etree.SubElement(declaration, f"{XSD}anyAttribute", processContents="lax")
    else:
        sequence = etree.SubElement(declaration, f"{XSD}sequence")
        etree.SubElement(sequence, f"{XSD}any", processContents="lax", minOccurs="0")
    return declaration
