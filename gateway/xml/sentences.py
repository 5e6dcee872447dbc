"""What a fault means to a person: a sentence in two languages, what would be right, the schema's own words.

Never the rejected value; what a schema allows may be said.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lxml import etree

from gateway.contract.findings import Bilingual
from gateway.xml import declarations, keys, values
from gateway.xml.declarations import Declared, Look
from gateway.xml.faults import Fault, Kind
from gateway.xml.model import Component
from gateway.xml.near import nearest
from gateway.xml.words import Option, direct_text, local, local_of, meant, possible, quoted, say, times


class Told(NamedTuple):
    """What a finding says of a fault."""

    message: Bilingual
    hint: Bilingual | None = None
    documentation: str | None = None


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


def _declared(look: Look | None, element: etree._Element) -> Declared | None:
    return look.at(element) if look else None


def _child(fault: Fault, look: Look | None, name: str) -> Component | None:
    """Return the declaration of a child that is named where it is missing or was meant."""
    inside = fault.kind in (Kind.MISSING_CHILD, Kind.TOO_FEW)
    parent = fault.element if inside else fault.element.getparent()
    above = _declared(look, parent) if parent is not None else None
    return look.declarations.children(above.type).get(name) if look and above else None


def _labelled(fault: Fault, look: Look | None, name: str) -> str:
    """Write a name with what the schema calls it: `»rolle« (Rolle der Person)`, without the first quotes."""
    return str(Option(f"»{local(name)}«", declarations.label(_child(fault, look, name))))


def _documented(component: Component | None) -> str | None:
    """Return the documentation of an element, or else of its type."""
    if component is None:
        return None
    return declarations.documentation(component) or declarations.type_documentation(component.type)


def _english(text: str) -> str:
    return text.replace("»", "“").replace("«", "”")


def _parent(fault: Fault) -> str:
    parent = fault.element.getparent()
    return local_of(parent) if parent is not None else "/"


def describe(element: etree._Element, look: Look) -> str | None:
    """Return what the schema says of an element, or of its type."""
    declared = look.at(element)
    text = _documented(declared.element) if declared else None
    return declarations.shorten(text) if text else None


# Content


def _missing(fault: Fault, look: Look | None) -> Told:
    within = local_of(fault.element)
    single = [names[0] for names in fault.names if len(names) == 1]
    if len(fault.names) == 1 and single:
        name = _labelled(fault, look, single[0]) if single[0] != "*" else "ein weiteres Element"
        hint = _behind(fault, local(single[0])) if single[0] != "*" else None
        return Told(
            say(
                f"Im Element »{within}« fehlt {name}.",
                f"In the element “{within}”, {_english(name)} is missing.",
            ),
            hint,
            _documented(_child(fault, look, single[0])),
        )
    parts = [_either(names) for names in fault.names]
    verb = "fehlt" if len(parts) == 1 else "fehlen"
    verb_en = "is" if len(parts) == 1 else "are"
    every = say(_and([each.de for each in parts], "und"), _and([each.en for each in parts], "and"))
    hint = None
    if len(fault.names) == 1:
        hint = possible(
            Option(local(name), declarations.label(_child(fault, look, name))) for name in fault.names[0]
        )
    return Told(
        say(
            f"Im Element »{within}« {verb} {every.de}.",
            f"In the element “{within}”, {every.en} {verb_en} missing.",
        ),
        hint,
    )


def _either(names: Sequence[str]) -> Bilingual:
    if len(names) == 1:
        return quoted([local(names[0])])
    listed = quoted(map(local, names), "oder", "or")
    return say(f"eines von {listed.de}", f"one of {listed.en}")


def _and(parts: Sequence[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _behind(fault: Fault, name: str) -> Bilingual:
    if fault.after is None:
        return say(f"»{name}« gehört an den Anfang", f"“{name}” belongs at the beginning")
    after = local(fault.after)
    return say(f"»{name}« gehört hinter »{after}«", f"“{name}” belongs after “{after}”")


def _too_few(fault: Fault, look: Look | None) -> Told:
    name, within = local(fault.names[0][0]), local_of(fault.element)
    count, limit = times(fault.count), times(fault.limit or 0)
    return Told(
        say(
            f"»{name}« kommt im Element »{within}« nur {count.de} vor; nötig ist es mindestens {limit.de}.",
            f"“{name}” occurs only {count.en} in the element “{within}”; it is needed at least {limit.en}.",
        ),
        None,
        _documented(_child(fault, look, fault.names[0][0])),
    )


def _too_often(fault: Fault, look: Look | None) -> Told:
    name, count, limit = local_of(fault.element), times(fault.count), times(fault.limit or 0)
    declared = _declared(look, fault.element)
    return Told(
        say(
            f"»{name}« kommt im Element »{_parent(fault)}« {count.de} vor; zulässig ist es höchstens "
            f"{limit.de}.",
            f"“{name}” occurs {count.en} in the element “{_parent(fault)}”; it is allowed at most "
            f"{limit.en}.",
        ),
        None,
        _documented(declared.element) if declared else None,
    )


def _misplaced(fault: Fault, look: Look | None) -> Told:
    name, within = local_of(fault.element), _parent(fault)
    where = say("", "")
    if fault.after:
        where = say(
            f": es gehört hinter »{local(fault.after)}«", f": it belongs after “{local(fault.after)}”"
        )
    elif fault.before:
        where = say(
            f": es gehört vor »{local(fault.before)}«", f": it belongs before “{local(fault.before)}”"
        )
    declared = _declared(look, fault.element)
    return Told(
        say(
            f"»{name}« steht im Element »{within}« an der falschen Stelle{where.de}.",
            f"“{name}” stands in the wrong place in the element “{within}”{where.en}.",
        ),
        None,
        _documented(declared.element) if declared else None,
    )


def _conflict(fault: Fault, look: Look | None) -> Told:
    name, within = local_of(fault.element), _parent(fault)
    first = local_of(fault.other) if fault.other is not None else "…"
    hint = None
    if fault.names and len(fault.names[0]) > 2:
        listed = quoted(map(local, fault.names[0]), "oder", "or")
        hint = say(f"Zulässig ist genau eines von {listed.de}", f"Exactly one of {listed.en} is allowed")
    declared = _declared(look, fault.element)
    return Told(
        say(
            f"»{name}« darf im Element »{within}« nicht neben »{first}« stehen; nur eines von beiden ist "
            "zulässig.",
            f"“{name}” must not stand beside “{first}” in the element “{within}”; only one of them is "
            "allowed.",
        ),
        hint,
        _documented(declared.element) if declared else None,
    )


def _unexpected(fault: Fault, look: Look | None) -> Told:
    name = local_of(fault.element)
    names = fault.names[0] if fault.names else []
    hint, text = None, None
    if fault.instead:
        expected = _labelled(fault, look, fault.instead)
        hint = say(f"Erwartet wird hier {expected}", f"Expected here is {_english(expected)}")
        text = _documented(_child(fault, look, fault.instead))
    elif len(names) == 1 and nearest(name, [local(names[0])]):
        guess = meant(_labelled(fault, look, names[0]))
        hint = say(guess.de, _english(guess.en))
        text = _documented(_child(fault, look, names[0]))
    elif names:
        hint = possible(map(local, names))
    return Told(
        say(
            f"Das Element »{name}« ist im Element »{_parent(fault)}« nicht vorgesehen.",
            f"The element “{name}” is not provided for in the element “{_parent(fault)}”.",
        ),
        hint,
        text,
    )


def _wrong_case(fault: Fault, look: Look | None) -> Told:
    name, right = local_of(fault.element), local(fault.names[0][0])
    return Told(
        say(
            f"Das Element »{name}« heißt richtig »{right}«: Groß- und Kleinschreibung zählt.",
            f"The element “{name}” is really called “{right}”: upper and lower case matter.",
        ),
        None,
        _documented(_child(fault, look, fault.names[0][0])),
    )


def _wrong_namespace(fault: Fault, look: Look | None) -> Told:
    name = fault.names[0][0]
    right, wrong = etree.QName(name).namespace, etree.QName(fault.element).namespace
    stands = say(f"im Namensraum {wrong}", f"in the namespace {wrong}")
    if wrong is None:
        stands = say("in keinem Namensraum", "in no namespace")
    belongs = say(f"in den Namensraum {right}", f"in the namespace {right}")
    hint = None
    if right is None:
        belongs = say("in keinen", "in none")
    elif prefix := next((key for key, uri in fault.element.nsmap.items() if uri == right and key), None):
        hint = say(f"Zu schreiben ist {prefix}:{local(name)}", f"Write {prefix}:{local(name)}")
    return Told(
        say(
            f"Das Element »{local(name)}« steht {stands.de}; es gehört {belongs.de}.",
            f"The element “{local(name)}” stands {stands.en}; it belongs {belongs.en}.",
        ),
        hint,
        _documented(_child(fault, look, name)),
    )


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
        name, declared = local_of(fault.element), _declared(look, fault.element)
        return Told(
            say(german.format(name), english.format(name)),
            None,
            _documented(declared.element) if declared else None,
        )

    return told


def _type(german: str, english: str) -> Callable[[Fault, Look | None], Told]:
    """Tell of a type that `xsi:type` should name, and which it may name."""

    def told(fault: Fault, look: Look | None) -> Told:
        name, declared = local_of(fault.element), _declared(look, fault.element)
        names = look.declarations.concrete_types(declared.element.type) if look and declared else []
        text = _documented(declared.element) if declared else None
        return Told(say(german.format(name), english.format(name)), possible(names) if names else None, text)

    return told


_other = _at_element(
    "Das Element »{}« entspricht nicht dem Schema.", "The element “{}” does not conform to the schema."
)


# Attributes


def _missing_attribute(fault: Fault, look: Look | None) -> Told:
    component = look.attribute(fault.element, fault.attribute or "") if look else None
    name = str(Option(f"»{local(fault.attribute or '')}«", declarations.label(component)))
    within = local_of(fault.element)
    return Told(
        say(
            f"Im Element »{within}« fehlt das Attribut {name}.",
            f"In the element “{within}”, the attribute {_english(name)} is missing.",
        ),
        None,
        _documented(component),
    )


def _unexpected_attribute(fault: Fault, look: Look | None) -> Told:
    name, within = local(fault.attribute or ""), local_of(fault.element)
    declared = _declared(look, fault.element)
    known = declarations.attributes_of(declared.type) if declared else {}
    by_local = {local(each): component for each, component in known.items()}
    free = [each for each in by_local if fault.element.get(each) is None]
    hint, text = None, None
    if name in by_local:
        hint = say(f"»{name}« gehört in keinen Namensraum", f"“{name}” belongs in no namespace")
        text = _documented(by_local[name])
    elif near := nearest(name, free):
        hint = say(f"Gemeint ist vielleicht »{near}«", f"Perhaps “{near}” is meant")
        text = _documented(by_local[near])
    elif free:
        hint = possible(free)
    return Told(
        say(
            f"Das Attribut »{name}« ist am Element »{within}« nicht vorgesehen.",
            f"The attribute “{name}” is not provided for at the element “{within}”.",
        ),
        hint,
        text,
    )


# Values


def _value(fault: Fault, look: Look | None) -> Told:
    component: Component | None
    if fault.attribute:
        component = look.attribute(fault.element, fault.attribute) if look else None
        name, text = local(fault.attribute), fault.element.get(fault.attribute) or ""
        subject = say(f"Das Attribut »{name}«", f"The attribute “{name}”")
        kind = component.type if component is not None else None
    else:
        declared = _declared(look, fault.element)
        component = declared.element if declared else None
        name, text = local_of(fault.element), direct_text(fault.element)
        subject = say(f"»{name}«", f"“{name}”")
        kind = declared.type if declared else None
    simple = declarations.value_type(kind) if kind is not None else None
    told = _of_value(fault, component, simple, text, subject)
    return Told(*told, _of_both(component, None if fault.kind is Kind.FIXED else kind))


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
    Kind.MISSING_CHILD: _missing,
    Kind.TOO_FEW: _too_few,
    Kind.TOO_OFTEN: _too_often,
    Kind.MISPLACED_CHILD: _misplaced,
    Kind.CHOICE_CONFLICT: _conflict,
    Kind.UNEXPECTED_CHILD: _unexpected,
    Kind.WRONG_NAMESPACE: _wrong_namespace,
    Kind.WRONG_CASE: _wrong_case,
    Kind.UNKNOWN_ROOT: _root,
    Kind.NOT_DECLARED: _at_element(
        "Für das Element »{}« gibt es im Schema keine Deklaration.",
        "The schema has no declaration for the element “{}”.",
    ),
    Kind.TEXT_NOT_ALLOWED: _at_element(
        "Das Element »{}« darf keinen Text enthalten, nur Kindelemente.",
        "The element “{}” must not contain text, only child elements.",
    ),
    Kind.NOT_EMPTY: _at_element("Das Element »{}« muss leer sein.", "The element “{}” must be empty."),
    Kind.MISSING_ATTRIBUTE: _missing_attribute,
    Kind.UNEXPECTED_ATTRIBUTE: _unexpected_attribute,
    Kind.ABSTRACT: _type(
        "Das Element »{}« braucht mit xsi:type die Angabe eines konkreten Typs.",
        "The element “{}” needs xsi:type to name a concrete type.",
    ),
    Kind.WRONG_TYPE: _type(
        "Der Typ, den xsi:type beim Element »{}« nennt, ist unbekannt oder dort nicht zulässig.",
        "The type that xsi:type names at the element “{}” is unknown or not allowed there.",
    ),
    Kind.NOT_NILLABLE: _at_element(
        "Das Element »{}« darf nicht mit xsi:nil als leer gekennzeichnet werden.",
        "The element “{}” must not be marked as empty by xsi:nil.",
    ),
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
