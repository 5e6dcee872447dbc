"""What a fault means to a person: a sentence in two languages, what would be right, the schema's own words.

Never the rejected value; what a schema allows may be said.
"""

import re
from collections.abc import Callable

from lxml import etree

from gateway.contract.findings import Bilingual
from gateway.xml import content_sentences, declarations, keys, values
from gateway.xml.declarations import XSI_NIL, XSI_TYPE, Declared, Look
from gateway.xml.faults import Fault, Kind
from gateway.xml.model import Component
from gateway.xml.near import nearest
from gateway.xml.telling import Told, declared_at, documented, labelled
from gateway.xml.words import (
    Option,
    direct_text,
    in_english,
    local,
    local_of,
    meant,
    possible,
    say,
)


def tell(fault: Fault, look: Look | None) -> Told:
    """Say what is wrong at an element or attribute.

    Args:
        look: the declarations of the message's elements; None where there are none to be had.
    """
    if fault.kind.group == "value":
        return _value(fault, look)
    told = _TELLERS.get(fault.kind, _other)(fault, look)
    if told.documentation:
        return told._replace(documentation=declarations.shorten(told.documentation))
    return told


def describe(element: etree._Element, look: Look) -> str | None:
    """Return what the schema says of an element, or of its type."""
    declared = look.at(element)
    text = documented(declared.element) if declared else None
    return declarations.shorten(text) if text else None


# Elements as such


def _root(fault: Fault, look: Look | None) -> Told:
    name = local_of(fault.element)
    known = [local(each) for each in look.declarations.root_names()] if look else []
    near = nearest(name, known)
    return Told(
        say(
            f"Das Wurzelelement »{name}« kennt das Schema nicht.",
            f"The schema does not know the root element “{name}”.",
        ),
        meant(f"»{near}«") if near else None,
    )


def _at_element(german: str, english: str) -> Callable[[Fault, Look | None], Told]:
    def told(fault: Fault, look: Look | None) -> Told:
        name, declared = local_of(fault.element), declared_at(look, fault.element)
        return Told(
            say(german.format(name), english.format(name)),
            None,
            documented(declared.element) if declared else None,
        )

    return told


def _type(german: str, english: str) -> Callable[[Fault, Look | None], Told]:
    """Tell of a type that `xsi:type` should name, and which it may name."""

    def told(fault: Fault, look: Look | None) -> Told:
        name, declared = local_of(fault.element), declared_at(look, fault.element)
        if declared and declared.element.abstract:
            return _abstract(name, declared)
        names = look.declarations.concrete_types(declared.element) if look and declared else []
        text = documented(declared.element) if declared else None
        return Told(say(german.format(name), english.format(name)), possible(names) if names else None, text)

    return told


def _abstract(name: str, declared: Declared) -> Told:
    """Tell of an element that only stands for others."""
    return Told(
        say(
            f"Das Element »{name}« ist abstrakt; an seiner Stelle muss ein anderes stehen.",
            f"The element “{name}” is abstract; another one must stand in its place.",
        ),
        possible(sorted(str(each.local_name) for each in declared.element.iter_substitutes())),
        documented(declared.element),
    )


def _wrong_type(fault: Fault, look: Look | None) -> Told:
    name = _QNAME.fullmatch(fault.element.get(XSI_TYPE) or "")
    is_declared = name is None or name[1] == "xml" or name[1] in fault.element.nsmap
    return (_other_type if is_declared else _undeclared_type)(fault, look)


_QNAME = re.compile(r"\s*([\w.-]+):[\w.-]+\s*")


_other_type = _type(
    "Der Typ, den xsi:type beim Element »{}« nennt, ist unbekannt oder dort nicht zulässig.",
    "The type that xsi:type names at the element “{}” is unknown or not allowed there.",
)
_undeclared_type = _type(
    "Das Präfix vor dem Typ, den xsi:type beim Element »{}« nennt, ist nicht deklariert.",
    "The prefix of the type that xsi:type names at the element “{}” is not declared.",
)
_other = _at_element(
    "Das Element »{}« entspricht nicht dem Schema.", "The element “{}” does not conform to the schema."
)


def _text(fault: Fault, look: Look | None) -> Told:
    """Text beside elements, or in the place of those that are missing."""
    name, declared = local_of(fault.element), declared_at(look, fault.element)
    hint = None
    if len(fault.names) == 1 and len(fault.names[0]) == 1:
        expected = labelled(fault, look, fault.names[0][0])
        hint = say(f"Erwartet wird hier {expected}", f"Expected here is {in_english(expected)}")
    return Told(
        say(
            f"Das Element »{name}« darf keinen Text enthalten, nur Kindelemente.",
            f"The element “{name}” must not contain text, only child elements.",
        ),
        hint,
        documented(declared.element) if declared else None,
    )


def _nil(fault: Fault, look: Look | None) -> Told:
    """Tell of an element that may not be nil, and what it lacks if it is empty."""
    if (fault.element.get(XSI_NIL) or "").strip() in ("false", "0"):
        return _no_nil(fault, look)
    told = _not_nillable(fault, look)
    return told._replace(hint=content_sentences.missing(fault, look).message) if fault.names else told


_not_nillable = _at_element(
    "Das Element »{}« darf nicht mit xsi:nil als leer gekennzeichnet werden.",
    "The element “{}” must not be marked as empty by xsi:nil.",
)
_no_nil = _at_element(
    "Das Element »{}« darf kein Attribut xsi:nil haben, auch nicht als »false«.",
    "The element “{}” must not have an attribute xsi:nil, not even as “false”.",
)


# Attributes


def _missing_attribute(fault: Fault, look: Look | None) -> Told:
    component = look.attribute(fault.element, fault.attribute or "") if look else None
    name = str(Option(f"»{local(fault.attribute or '')}«", declarations.label(component)))
    within = local_of(fault.element)
    return Told(
        say(
            f"Im Element »{within}« fehlt das Attribut {name}.",
            f"In the element “{within}”, the attribute {in_english(name)} is missing.",
        ),
        None,
        documented(component),
    )


def meant_attribute(fault: Fault, look: Look) -> str | None:
    """Return the expanded name of the attribute that an unexpected one was probably meant to be."""
    if fault.instead is not None:
        return fault.instead
    declared = look.at(fault.element)
    known = declarations.attributes_of(declared.type) if declared else {}
    free = {local(each): each for each in known if fault.element.get(each) is None}
    name = local(fault.attribute or "")
    near = name if name in free else nearest(name, free)
    return free[near] if near else None


def _unexpected_attribute(fault: Fault, look: Look | None) -> Told:
    name, within = local(fault.attribute or ""), local_of(fault.element)
    declared = declared_at(look, fault.element)
    known = declarations.attributes_of(declared.type) if declared else {}
    right = meant_attribute(fault, look) if look else None
    hint = None
    if right is None:
        free = [local(each) for each in known if fault.element.get(each) is None]
        hint = possible(free) if free else None
    elif local(right) != name:
        hint = meant(f"»{local(right)}«")
    elif uri := etree.QName(right).namespace:
        hint = say(f"»{name}« gehört in den Namensraum {uri}", f"“{name}” belongs in the namespace {uri}")
    else:
        hint = say(f"»{name}« gehört in keinen Namensraum", f"“{name}” belongs in no namespace")
    return Told(
        say(
            f"Das Attribut »{name}« ist am Element »{within}« nicht vorgesehen.",
            f"The attribute “{name}” is not provided for at the element “{within}”.",
        ),
        hint,
        documented(known[right]) if right else None,
    )


# Values


def _value(fault: Fault, look: Look | None) -> Told:
    if fault.attribute == XSI_NIL:
        return _told_of_nil(fault, look)
    component: Component | None
    if fault.attribute:
        component = look.attribute(fault.element, fault.attribute) if look else None
        name, text = local(fault.attribute), fault.element.get(fault.attribute) or ""
        subject = say(f"Das Attribut »{name}«", f"The attribute “{name}”")
        kind = component.type if component is not None else None
    else:
        declared = declared_at(look, fault.element)
        component = declared.element if declared else None
        name, text = local_of(fault.element), direct_text(fault.element)
        subject = say(f"»{name}«", f"“{name}”")
        kind = declared.type if declared else None
    simple = declarations.value_type(kind) if kind is not None else None
    told = _of_value(fault, component, simple, text, subject)
    return Told(*told, _of_both(component, None if fault.kind is Kind.FIXED else kind))


def _told_of_nil(fault: Fault, look: Look | None) -> Told:
    declared = declared_at(look, fault.element)
    tell = _neither if declared is None or declared.element.nillable else _never_nil
    return tell(fault, look)


_never_nil = _at_element(
    "Das Element »{}« darf kein Attribut xsi:nil haben.",
    "The element “{}” must not have an attribute xsi:nil.",
)
_neither = _at_element(
    "Das Attribut xsi:nil am Element »{}« muss »true« oder »false« sein.",
    "The attribute xsi:nil at the element “{}” must be “true” or “false”.",
)


def _of_value(
    fault: Fault, component: Component | None, kind: Component | None, text: str, subject: Bilingual
) -> tuple[Bilingual, Bilingual | None]:
    if fault.kind is Kind.CHILDREN_NOT_ALLOWED:
        return say(
            f"{subject.de} darf nur einen Wert enthalten, keine Kindelemente.",
            f"{subject.en} must contain a value only, no child elements.",
        ), values.form(kind) if kind is not None else None
    fixed = getattr(component, "fixed", None)
    if fault.kind is Kind.FIXED and fixed is not None:
        return say(
            f"{subject.de} muss den Wert {fixed} haben.", f"{subject.en} must have the value {fixed}."
        ), None
    if not text.strip():
        hint = values.form(kind) if kind is not None else None
        return say(f"{subject.de} ist leer.", f"{subject.en} is empty."), hint
    return values.tell(fault, kind, text, subject)


def _of_both(component: Component | None, kind: Component | None) -> str | None:
    """Return the documentation of an element or attribute, which names it, and its type's, with the rules."""
    own = declarations.documentation(component) if component is not None else None
    general = declarations.type_documentation(kind) if kind is not None else None
    if own and general and general.startswith(own.rstrip(".")):
        own = None
    texts = [text if text.endswith((".", "!", "?")) else f"{text}." for text in (own, general) if text]
    return declarations.shorten(" ".join(texts)) if texts else None


# Keys


def earlier(line: int) -> Bilingual:
    """Say where the same value stands already."""
    return say(f"Derselbe Wert steht schon in Zeile {line}", f"The same value already stands in line {line}")


def _key(fault: Fault, look: Look | None) -> Told:
    return Told(*keys.tell(fault, look))


_TELLERS: dict[Kind, Callable[[Fault, Look | None], Told]] = {
    Kind.MISSING_CHILD: content_sentences.missing,
    Kind.TOO_FEW: content_sentences.too_few,
    Kind.TOO_OFTEN: content_sentences.too_often,
    Kind.MISPLACED_CHILD: content_sentences.misplaced,
    Kind.CHOICE_CONFLICT: content_sentences.conflict,
    Kind.UNEXPECTED_CHILD: content_sentences.unexpected,
    Kind.WRONG_NAMESPACE: content_sentences.wrong_namespace,
    Kind.WRONG_CASE: content_sentences.wrong_case,
    Kind.WRONG_NAME: content_sentences.wrong_name,
    Kind.WRONG_PARENT: content_sentences.wrong_parent,
    Kind.MISSING_PARENT: content_sentences.missing_parent,
    Kind.UNKNOWN_ROOT: _root,
    Kind.NOT_DECLARED: _at_element(
        "Für das Element »{}« gibt es im Schema keine Deklaration.",
        "The schema has no declaration for the element “{}”.",
    ),
    Kind.TEXT_NOT_ALLOWED: _text,
    Kind.NOT_EMPTY: _at_element("Das Element »{}« muss leer sein.", "The element “{}” must be empty."),
    Kind.MISSING_ATTRIBUTE: _missing_attribute,
    Kind.UNEXPECTED_ATTRIBUTE: _unexpected_attribute,
    Kind.ABSTRACT: _type(
        "Das Element »{}« braucht mit xsi:type die Angabe eines konkreten Typs.",
        "The element “{}” needs xsi:type to name a concrete type.",
    ),
    Kind.WRONG_TYPE: _wrong_type,
    Kind.NOT_NILLABLE: _nil,
    Kind.NIL_NOT_EMPTY: _at_element(
        "Das Element »{}« ist mit xsi:nil als leer gekennzeichnet, hat aber einen Inhalt.",
        "The element “{}” is marked as empty by xsi:nil, but has content.",
    ),
    **dict.fromkeys(
        (
            Kind.DUPLICATE_KEY,
            Kind.MISSING_KEY,
            Kind.DANGLING_REFERENCE,
            Kind.DUPLICATE_ID,
            Kind.DANGLING_ID_REFERENCE,
        ),
        _key,
    ),
}
