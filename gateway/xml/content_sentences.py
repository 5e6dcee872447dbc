"""Sentences on the children of an element: what is missing, too much, or in the wrong place."""

from collections.abc import Sequence

from lxml import etree

from gateway.contract.findings import Bilingual
from gateway.xml import declarations
from gateway.xml.content import near_name
from gateway.xml.declarations import Look
from gateway.xml.faults import Fault
from gateway.xml.model import Component
from gateway.xml.telling import Told, child_of, declared_at, documented, labelled
from gateway.xml.words import (
    Option,
    in_english,
    local,
    local_of,
    meant,
    possible,
    quoted,
    say,
    times,
    together,
)


def missing(fault: Fault, look: Look | None) -> Told:
    """Tell of children that are missing."""
    within = local_of(fault.element)
    single = [names[0] for names in fault.names if len(names) == 1]
    if len(fault.names) == 1 and single:
        name = labelled(fault, look, single[0])
        english = in_english(name)
        if single[0] == "*":
            name, english = "ein weiteres Element", "another element"
        return Told(
            say(f"Im Element »{within}« fehlt {name}.", f"In the element “{within}”, {english} is missing."),
            None if single[0] == "*" else _behind(fault, local(single[0])),
            documented(child_of(fault, look, single[0])),
        )
    every, verb = _every(fault.names)
    hint = None
    if len(fault.names) == 1:
        hint = possible(
            Option(local(name), declarations.label(child_of(fault, look, name))) for name in fault.names[0]
        )
    return Told(
        say(
            f"Im Element »{within}« {verb.de} {every.de}.",
            f"In the element “{within}”, {every.en} {verb.en} missing.",
        ),
        hint,
    )


def _every(names: Sequence[Sequence[str]]) -> tuple[Bilingual, Bilingual]:
    """Return all that is missing, each with its alternatives, and the verb that goes with it."""
    parts = [_either(each) for each in names]
    every = say(_and([each.de for each in parts], "und"), _and([each.en for each in parts], "and"))
    return every, say("fehlt", "is") if len(parts) == 1 else say("fehlen", "are")


def _either(names: Sequence[str]) -> Bilingual:
    if len(names) == 1:
        return quoted([local(names[0])])
    listed = quoted(map(local, names), "oder", "or")
    return say(f"eines von {listed.de}", f"one of {listed.en}")


def _and(parts: Sequence[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _behind(fault: Fault, name: str) -> Bilingual | None:
    if fault.after is None:
        return None
    if not fault.after:
        return say(f"»{name}« gehört an den Anfang", f"“{name}” belongs at the beginning")
    after = local(fault.after)
    return say(f"»{name}« gehört hinter »{after}«", f"“{name}” belongs after “{after}”")


def too_few(fault: Fault, look: Look | None) -> Told:
    """Tell of a child that occurs too seldom."""
    name, within = local(fault.names[0][0]), local_of(fault.element)
    count, limit = times(fault.count), times(fault.limit or 0)
    return Told(
        say(
            f"»{name}« kommt im Element »{within}« nur {count.de} vor; nötig ist es mindestens {limit.de}.",
            f"“{name}” occurs only {count.en} in the element “{within}”; it is needed at least {limit.en}.",
        ),
        None,
        documented(child_of(fault, look, fault.names[0][0])),
    )


def too_often(fault: Fault, look: Look | None) -> Told:
    """Tell of a child that occurs too often."""
    name, count, limit = local_of(fault.element), times(fault.count), times(fault.limit or 0)
    hint, text = None, documented(child_of(fault, look, str(fault.element.tag)))
    if fault.instead:
        hint, text = _expected(fault, look, fault.instead)
    return Told(
        say(
            f"»{name}« kommt im Element »{_parent(fault)}« {count.de} vor; zulässig ist es höchstens "
            f"{limit.de}.",
            f"“{name}” occurs {count.en} in the element “{_parent(fault)}”; it is allowed at most "
            f"{limit.en}.",
        ),
        hint,
        text,
    )


def misplaced(fault: Fault, look: Look | None) -> Told:
    """Tell of a child that stands in the wrong place."""
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
    declared = declared_at(look, fault.element)
    return Told(
        say(
            f"»{name}« steht im Element »{within}« an der falschen Stelle{where.de}.",
            f"“{name}” stands in the wrong place in the element “{within}”{where.en}.",
        ),
        None,
        documented(declared.element) if declared else None,
    )


def conflict(fault: Fault, look: Look | None) -> Told:
    """Tell of a child that a choice excludes because of another."""
    name, within = local_of(fault.element), _parent(fault)
    first = local_of(fault.other) if fault.other is not None else "…"
    hint = None
    if fault.names and len(fault.names[0]) > 2:
        listed = quoted(map(local, fault.names[0]), "oder", "or")
        hint = say(f"Zulässig ist genau eines von {listed.de}", f"Exactly one of {listed.en} is allowed")
    declared = declared_at(look, fault.element)
    return Told(
        say(
            f"»{name}« darf im Element »{within}« nicht neben »{first}« stehen; nur eines von beiden ist "
            "zulässig.",
            f"“{name}” must not stand beside “{first}” in the element “{within}”; only one of them is "
            "allowed.",
        ),
        hint,
        documented(declared.element) if declared else None,
    )


def unexpected(fault: Fault, look: Look | None) -> Told:
    """Tell of a child that the schema does not know there."""
    name = local_of(fault.element)
    names = fault.names[0] if fault.names else []
    hint, text = None, None
    if fault.instead:
        hint, text = _expected(fault, look, fault.instead)
    elif near := near_name(fault):
        hint = meant(labelled(fault, look, near))
        text = documented(child_of(fault, look, near))
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


def _expected(fault: Fault, look: Look | None, name: str) -> tuple[Bilingual, str | None]:
    """Say what is missing where an element stands, and what the schema says of that."""
    expected = labelled(fault, look, name)
    hint = say(f"Erwartet wird hier {expected}", f"Expected here is {in_english(expected)}")
    if name == "*":
        hint = say("Erwartet wird hier ein anderes Element", "Expected here is another element")
    return hint, documented(child_of(fault, look, name))


def wrong_name(fault: Fault, look: Look | None) -> Told:
    """Tell of a child that has the name of another."""
    name, other = local_of(fault.element), fault.names[0][0]
    return Told(
        say(
            f"»{name}« im Element »{_parent(fault)}« enthält, was in ein Element mit anderem Namen gehört.",
            f"“{name}” in the element “{_parent(fault)}” holds what belongs in an element of another name.",
        ),
        meant(labelled(fault, look, other)),
        documented(child_of(fault, look, other)),
    )


def wrong_parent(fault: Fault, look: Look | None) -> Told:
    """Tell of a child that belongs in another element near by."""
    name, within = local_of(fault.element), _parent(fault)
    right = local_of(fault.other) if fault.other is not None else "…"
    above = declared_at(look, fault.other) if fault.other is not None else None
    own = look.declarations.children(above.type).get(fault.names[0][0]) if look and above else None
    return Told(
        say(
            f"»{name}« steht im Element »{within}«, gehört aber in »{right}«.",
            f"“{name}” stands in the element “{within}”, but belongs in “{right}”.",
        ),
        _behind(fault, name),
        documented(own),
    )


def missing_parent(fault: Fault, look: Look | None) -> Told:
    """Tell of children that stand where the element around them is missing."""
    name, within = local_of(fault.element), _parent(fault)
    around, *lacking = fault.names
    only = around[0] if len(around) == 1 else None
    right = quoted(map(local, around), "oder", "or")
    stand = say("steht", "stands")
    if fault.further:
        count = fault.further
        stand = say(
            "und ein weiteres Element stehen" if count == 1 else f"und {count} weitere Elemente stehen",
            "and one further element stand" if count == 1 else f"and {count} further elements stand",
        )
    they, they_en = ("sie gehören", "they belong") if fault.further else ("es gehört", "it belongs")
    hint = _lacking(right, lacking)
    if only:
        hint = together([hint, _attributes(child_of(fault, look, only))])
    return Told(
        say(
            f"»{name}« {stand.de} unmittelbar im Element »{within}«; es fehlt das Element {right.de}, in das "
            f"{they}.",
            f"“{name}” {stand.en} directly in the element “{within}”; the element {right.en} that {they_en} "
            "in is missing.",
        ),
        hint,
        documented(child_of(fault, look, only)) if only else None,
    )


def _lacking(within: Bilingual, lacking: Sequence[Sequence[str]]) -> Bilingual | None:
    """Say which children an element lacks even so."""
    if not lacking:
        return None
    every, verb = _every(lacking)
    return say(
        f"In {within.de} {verb.de} dann noch {every.de}",
        f"In {within.en}, {every.en} {verb.en} then still missing",
    )


def _attributes(declared: Component | None) -> Bilingual | None:
    """Say which attributes an element must have."""
    every = declarations.attributes_of(declared.type) if declared is not None else {}
    names = [local(name) for name, each in every.items() if each.use == "required"]
    if declared is None or not names:
        return None
    element, needed = quoted([local(declared.name)]), quoted(names)
    word = say("das Attribut", "the attribute") if len(names) == 1 else say("die Attribute", "the attributes")
    return say(f"{element.de} braucht {word.de} {needed.de}", f"{element.en} needs {word.en} {needed.en}")


def wrong_case(fault: Fault, look: Look | None) -> Told:
    """Tell of a child whose name has other letters in capitals."""
    name, right = local_of(fault.element), local(fault.names[0][0])
    return Told(
        say(
            f"Das Element »{name}« heißt richtig »{right}«: Groß- und Kleinschreibung zählt.",
            f"The element “{name}” is really called “{right}”: upper and lower case matter.",
        ),
        None,
        documented(child_of(fault, look, fault.names[0][0])),
    )


def wrong_namespace(fault: Fault, look: Look | None) -> Told:
    """Tell of a child in another namespace than its own."""
    name = fault.names[0][0]
    right, wrong = etree.QName(name).namespace, etree.QName(fault.element).namespace
    stands = say(f"im Namensraum {wrong}", f"in the namespace {wrong}")
    if wrong is None:
        stands = say("in keinem Namensraum", "in no namespace")
    belongs = say(f"in den Namensraum {right}", f"in the namespace {right}")
    hint = None
    if right is None:
        belongs = say("in keinen", "in none")
        without = local(name) if None not in fault.element.nsmap else f'{local(name)} xmlns=""'
        hint = say(f"Zu schreiben ist {without}", f"Write {without}")
    elif prefix := next((key for key, uri in fault.element.nsmap.items() if uri == right and key), None):
        hint = say(f"Zu schreiben ist {prefix}:{local(name)}", f"Write {prefix}:{local(name)}")
    also = _also(fault.further)
    return Told(
        say(
            f"Das Element »{local(name)}« steht {stands.de}; es gehört {belongs.de}{also.de}.",
            f"The element “{local(name)}” stands {stands.en}; it belongs {belongs.en}{also.en}.",
        ),
        hint,
        documented(child_of(fault, look, name)),
    )


def _also(further: int) -> Bilingual:
    if further == 0:
        return say("", "")
    if further == 1:
        return say(", ebenso ein weiteres Element", ", and so does one further element")
    return say(f", ebenso {further} weitere Elemente", f", and so do {further} further elements")


def _parent(fault: Fault) -> str:
    parent = fault.element.getparent()
    return local_of(parent) if parent is not None else "/"
