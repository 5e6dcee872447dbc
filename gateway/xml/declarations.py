"""What a schema declares for the elements and attributes of one message, and how it documents them.

Walks the components of xmlschema from the root element down; used only when a message is refused. Elements
that the schema does not know, and all in them, have no declaration.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from gateway.xml.model import Component, Model

if TYPE_CHECKING:
    import xmlschema

XSD_NAMESPACE = "http://www.w3.org/2001/XMLSchema"
XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_LANGUAGE = f"{{{XML_NAMESPACE}}}lang"
MAX_DOCUMENTATION = 300
_MAX_LABEL = 90
_SENTENCE_END = re.compile(r"(?<![A-Z0-9]\.)(?<!\b[A-Za-z]\.)(?<=[.!?])\s+(?=[A-ZÄÖÜ])")
# What follows explains or gives examples: the words before it name the thing.
_ASIDE = re.compile(r",? (?:zum Beispiel|z\. ?B\.|wie etwa|for example|e\.g\.) |; |: | \(")


class Declared(NamedTuple):
    """The declaration of an element, and its type, which `xsi:type` may have made another."""

    element: Component
    type: Component


@dataclass
class Declarations:
    """The declarations of one schema; what was looked up once is kept."""

    schema: "xmlschema.XMLSchema"
    _children: dict[Component, dict[str, Component]] = field(default_factory=dict)
    _models: dict[Component, Model] = field(default_factory=dict)
    _defaults: dict[Component, list[tuple[str, str]]] = field(default_factory=dict)

    def root(self, tag: str) -> Component | None:
        """Return the global element of that expanded name."""
        return self.schema.maps.elements.get(tag)

    def root_names(self) -> list[str]:
        """Return the expanded names of all global elements."""
        return sorted(self.schema.maps.elements)

    def child(self, parent: Component, tag: str) -> Component | None:
        """Return the declaration of a child in an element of a type, also one that a wildcard lets in."""
        known = self.children(parent)
        if tag in known:
            return known[tag]
        if any(_lets_in(each, tag) for each in wildcards(parent)):
            return self.root(tag)
        return None

    def children(self, parent: Component) -> dict[str, Component]:
        """Return the declarations of all children that the content model of a type names."""
        if parent not in self._children:
            found: dict[str, Component] = {}
            for each in content_of(parent):
                if each.name is not None:
                    found.setdefault(each.name, each)
                    for other in each.iter_substitutes():
                        found.setdefault(other.name, other)
            self._children[parent] = found
        return self._children[parent]

    def model(self, complex_type: Component) -> Model:
        """Return the content model of a type that has one."""
        if complex_type not in self._models:
            self._models[complex_type] = Model.of(complex_type.content)
        return self._models[complex_type]

    def defaults(self, any_type: Component) -> list[tuple[str, str]]:
        """Return names and values of the attributes that a type has even where they are left out."""
        if any_type not in self._defaults:
            self._defaults[any_type] = [
                (name, value)
                for name, each in attributes_of(any_type).items()
                if each.use == "optional" and (value := each.fixed or each.default) is not None
            ]
        return self._defaults[any_type]

    def named_type(self, element: etree._Element, fallback: Component) -> Component:
        """Return the type that `xsi:type` gives an element, or else `fallback`."""
        stated = element.get(XSI_TYPE)
        if stated is None:
            return fallback
        prefix, _, local = stated.strip().rpartition(":")
        uri = element.nsmap.get(prefix or None)
        return self.schema.maps.types.get(f"{{{uri}}}{local}" if uri else local) or fallback

    def concrete_types(self, element: Component) -> list[str]:
        """Return the local names of the types that may stand for that of an element."""
        base = element.type
        blocked = {*element.block.split(), *getattr(base, "block", "").split()}
        types: list[Component] = [each for each in self.schema.maps.types.values() if each.is_complex()]
        return sorted(
            str(each.local_name)
            for each in types
            if not each.abstract and each is not base and each.is_derived(base)
            if blocked.isdisjoint(_derivations(each, base))
        )


class Look:
    """The declarations of the elements of one message, found from the root down."""

    def __init__(self, declarations: Declarations) -> None:
        self.declarations = declarations
        self._known: dict[etree._Element, Declared | None] = {}

    def at(self, element: etree._Element) -> Declared | None:
        """Return the declaration of an element."""
        if element not in self._known:
            self._known[element] = self._find(element)
        return self._known[element]

    def _find(self, element: etree._Element) -> Declared | None:
        parent = element.getparent()
        if parent is None:
            found = self.declarations.root(str(element.tag))
        else:
            above = self.at(parent)
            found = self.declarations.child(above.type, str(element.tag)) if above else None
        if found is None:
            return None
        return Declared(found, self.declarations.named_type(element, found.type))

    def model(self, element: etree._Element) -> Model | None:
        """Return the content model of an element; None where it may have no children."""
        declared = self.at(element)
        if declared is None or not declared.type.is_complex() or declared.type.has_simple_content():
            return None
        return self.declarations.model(declared.type)

    def attribute(self, element: etree._Element, name: str) -> Component | None:
        """Return the declaration of an attribute."""
        above = self.at(element)
        return attributes_of(above.type).get(name) if above else None

    def complete(self, root: etree._Element) -> None:
        """Add the attributes that elements may leave out because the schema states a value."""
        for element in root.iter("*"):
            if declared := self.at(element):
                for name, value in self.declarations.defaults(declared.type):
                    if element.get(name) is None:
                        element.set(name, value)


def is_nil(element: etree._Element) -> bool:
    """Say whether an element is marked as having no content."""
    return element.get(XSI_NIL, "").strip() in {"true", "1"}


def content_of(complex_type: Component) -> Iterator[Component]:
    """Yield the elements and wildcards of a type's content model."""
    if complex_type.is_complex() and not complex_type.has_simple_content():
        yield from complex_type.content.iter_elements()


def wildcards(complex_type: Component) -> list[Component]:
    """Return the wildcards of a type's content model."""
    return [each for each in content_of(complex_type) if each.name is None]


def _lets_in(wildcard: Component, tag: str) -> bool:
    uri, _, _ = tag.rpartition("}")
    return wildcard.process_contents != "skip" and bool(wildcard.is_namespace_allowed(uri[1:]))


def _derivations(kind: Component, base: Component) -> Iterator[str]:
    """Yield by what a type is derived from another, step by step, as `block` names it."""
    while kind is not None and kind is not base:
        yield kind.derivation or ""
        kind = kind.base_type


def attributes_of(any_type: Component) -> dict[str, Component]:
    """Return the attributes that a type declares, by expanded name, but no wildcard."""
    if not any_type.is_complex():
        return {}
    return {name: each for name, each in any_type.attributes.items() if name is not None}


def value_type(declared: Component) -> Component | None:
    """Return the simple type of an element's or attribute's value; None where it has no value."""
    kind: Component = getattr(declared, "type", declared)
    if not kind.is_complex():
        return kind
    return kind.content if kind.has_simple_content() else None


def accepts(simple: Component, text: str) -> bool:
    """Say whether a text is a value of a simple type, as the second engine sees it."""
    try:
        return bool(simple.is_valid(text))
    except Exception:  # OverflowError has been seen, at a year that libxml2 takes
        return False


def chain(any_type: Component) -> Iterator[Component]:
    """Yield a type and the types it is derived from, down to the first one of XML Schema itself."""
    while any_type is not None:
        yield any_type
        if any_type.target_namespace == XSD_NAMESPACE:
            return
        any_type = any_type.base_type


def documentation(component: Component) -> str | None:
    """Return what the schema says of a component: the German text, or else the first; as one line."""
    origin = component if getattr(component, "ref", None) is None else component.ref
    annotations = getattr(origin, "annotations", None) or [getattr(origin, "annotation", None)]
    texts = [each for some in annotations if some is not None for each in some.documentation]
    best = sorted(texts, key=lambda each: (each.get(_LANGUAGE) or "de")[:2] != "de")
    return next((text for each in best if (text := " ".join("".join(each.itertext()).split()))), None)


def type_documentation(any_type: Component) -> str | None:
    """Return what the schema says of a type, or of the nearest documented one that it is derived from."""
    own = (each for each in chain(any_type) if each.target_namespace != XSD_NAMESPACE)
    return next((text for each in own if (text := documentation(each))), None)


def shorten(text: str) -> str:
    """Cut a text behind the last sentence that ends within MAX_DOCUMENTATION characters."""
    if len(text) <= MAX_DOCUMENTATION:
        return text
    kept = ""
    for sentence in _SENTENCE_END.split(text):
        if len(kept) + len(sentence) >= MAX_DOCUMENTATION:
            break
        kept = f"{kept} {sentence}" if kept else sentence
    return kept or f"{text[: MAX_DOCUMENTATION - 2].rpartition(' ')[0]} …"


def label(component: Component | None) -> str | None:
    """Return the first words of a component's documentation, as a name; None where they are no short one."""
    text = documentation(component) if component is not None else None
    return first_words(text) if text else None


def first_words(text: str) -> str | None:
    """Return what a text begins with, up to an example or an explanation; None if that is long.

    Nor if it is a value: such a text says what that means, and not what has it.
    """
    first = _ASIDE.split(_SENTENCE_END.split(text)[0])[0].rstrip(".")
    return first if len(first) <= _MAX_LABEL and first not in {"true", "false"} else None
