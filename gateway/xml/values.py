"""What is wrong with a value, and what would be right, by the simple type that the schema gives it.

The value itself is looked at and never repeated.
"""

import re
from collections.abc import Iterator

from gateway.contract.findings import Bilingual
from gateway.xml import forms
from gateway.xml.declarations import XSD_NAMESPACE, chain, first_words
from gateway.xml.faults import Fault, Kind
from gateway.xml.model import Component
from gateway.xml.near import nearest
from gateway.xml.words import Option, allowed, meant, say, together
from gateway.xml.xmlschema_faults import FACETS

_XS = f"{{{XSD_NAMESPACE}}}"
_MAX_PATTERN = 120
_MAX_VALUE = 10_000
_IN_FORM = {
    "date": re.compile(r"-?\d{4,}-\d\d-\d\d(Z|[+-]\d\d:\d\d)?"),
    "dateTime": re.compile(r"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"),
}
_IMPOSSIBLE = {
    "date": say("Diesen Tag gibt es im Kalender nicht", "There is no such day in the calendar"),
    "dateTime": say("Diesen Zeitpunkt gibt es nicht", "There is no such point in time"),
}
_UNITS = {"base64Binary": "Byte", "hexBinary": "Byte"}


def tell(
    fault: Fault, kind: Component | None, text: str, subject: Bilingual
) -> tuple[Bilingual, Bilingual | None]:
    """Say what is wrong with a value and what would be right.

    Args:
        fault: of the group "value".
        kind: the simple type of the value; None where it is not known.
        text: the value as it stands in the message.
        subject: the thing that has the value, such as "»plz«".
    """
    if kind is None:
        return _plain(fault, subject), None
    if kind.is_list() and (found := _entry(fault, kind, text, subject)):
        return found
    if kind.is_list() and fault.kind in (Kind.DATATYPE, Kind.PATTERN, Kind.ENUMERATION):
        return _say(subject, "enthält einen ungültigen Eintrag", "contains an invalid entry"), form(kind)
    if kind.is_union():
        return _say(subject, "hat keine der zulässigen Formen", "has none of the allowed forms"), form(kind)
    if fault.kind is Kind.ENUMERATION:
        hint = together([_suggestion(kind, text), form(kind)])
        return _say(subject, "hat keinen der zulässigen Werte", "has none of the allowed values"), hint
    if fault.kind is Kind.DATATYPE or not _is_of_datatype(kind, text):
        return _not_of_datatype(kind, text, subject)
    if fault.kind is Kind.PATTERN:
        return _pattern(fault, kind, text, subject)
    return _bound(fault.kind, kind, subject), None


def _entry(
    fault: Fault, kind: Component, text: str, subject: Bilingual
) -> tuple[Bilingual, Bilingual | None] | None:
    """Say which entry of a list is wrong first, and what would be right; None where it is none by itself."""
    if len(text) > _MAX_VALUE:
        return None
    item = _item_type(kind)
    for number, entry in enumerate(text.split(), start=1):
        error = next(iter(item.iter_errors(entry)), None)
        if error is not None:
            broken = FACETS.get(type(error.validator).__name__, Kind.DATATYPE)
            pattern = "|".join(error.validator.regexps) if broken is Kind.PATTERN else None
            where = say(f"{subject.de}, {number}. Eintrag,", f"{subject.en}, entry no. {number},")
            return tell(Fault(fault.element, broken, fault.attribute, pattern=pattern), item, entry, where)
    return None


def _item_type(kind: Component) -> Component:
    while not hasattr(kind, "item_type"):  # XML Schema's own lists, such as xs:IDREFS, restrict one
        kind = kind.base_type
    return kind.item_type


def _say(subject: Bilingual, german: str, english: str) -> Bilingual:
    return say(f"{subject.de} {german}.", f"{subject.en} {english}.")


def _plain(fault: Fault, subject: Bilingual) -> Bilingual:
    german, english = _PLAIN.get(fault.kind, ("hat keinen gültigen Wert", "has no valid value"))
    return _say(subject, german, english)


_PLAIN = {
    Kind.TOO_LONG: ("ist zu lang", "is too long"),
    Kind.TOO_SHORT: ("ist zu kurz", "is too short"),
    Kind.TOO_SMALL: ("ist zu klein", "is too small"),
    Kind.TOO_LARGE: ("ist zu groß", "is too large"),
}


def form(kind: Component) -> Bilingual | None:
    """Say what values of a type look like: the allowed ones, a known pattern, or XML Schema's own type."""
    if kind.is_union():
        return _either([form(member) for member in kind.member_types])
    if kind.is_list():
        return form(_item_type(kind))
    if options := list(_options(kind)):
        return allowed(options)
    known = next((words for each in _patterns(kind) if (words := forms.PATTERNS.get(each))), None)
    if known:
        return say(f"Erwartet: {known[0]}", f"Expected: {known[1]}")
    builtin = _builtin(kind)
    if builtin in ("string", "normalizedString", "token", "anySimpleType"):
        return None
    _, _, german, english = forms.datatype(builtin)
    least, most = _narrowed(kind, "minInclusive"), _narrowed(kind, "maxInclusive")
    if least is not None:
        german, english = f"{german}, mindestens {least}", f"{english}, at least {least}"
    if most is not None:
        german, english = f"{german}, höchstens {most}", f"{english}, at most {most}"
    return say(f"Erwartet: {german}", f"Expected: {english}")


def _narrowed(kind: Component, limit: str) -> object:
    """Return a limit that a type sets to one of XML Schema's own; None where it has none but that one's."""
    value = _facet(kind, limit)
    return None if value == _facet([*chain(kind)][-1], limit) else value


def _either(members: list[Bilingual | None]) -> Bilingual | None:
    known = list(dict.fromkeys((each.de, each.en) for each in members if each))
    if not known:
        return None
    german = [de.partition(": ")[2] for de, _ in known]
    english = [en.partition(": ")[2] for _, en in known]
    return say("Erwartet: " + " oder ".join(german), "Expected: " + " or ".join(english))


def _builtin(kind: Component) -> str:
    name: str = [*chain(kind)][-1].local_name
    return name


def _patterns(kind: Component) -> Iterator[str]:
    for each in chain(kind):
        facet = each.facets.get(f"{_XS}pattern") if hasattr(each, "facets") else None
        if facet is not None:
            yield from facet.regexps


def _options(kind: Component) -> Iterator[Option]:
    """Yield the values of an enumeration, with what the schema calls them."""
    for each in chain(kind):
        if getattr(each, "enumeration", None):
            elements = each.elem.iter(f"{_XS}enumeration")
            labels = {element.get("value"): _enumeration_label(element) for element in elements}
            yield from (Option(str(value), labels.get(str(value))) for value in each.enumeration)
            return


def _enumeration_label(element: Component) -> str | None:
    """Read the documentation of one value, or what XÖV schemas write into appinfo instead."""
    for path in (f"{_XS}annotation/{_XS}documentation", f"{_XS}annotation/{_XS}appinfo"):
        found = element.find(path)
        text = " ".join("".join(found.itertext()).split()) if found is not None else ""
        if text:
            return first_words(text)
    return None


def _suggestion(kind: Component, text: str) -> Bilingual | None:
    options = {each.written: each for each in _options(kind)}
    by_label = {each.label: each for each in options.values() if each.label}
    if near := nearest(text, options):
        return meant(options[near])
    near = nearest(f"{text} ", by_label) or (text if text in by_label else None)
    return meant(by_label[near]) if near else None


def _is_of_datatype(kind: Component, text: str) -> bool:
    """Whether a value is one of XML Schema's own type; a facet is only worth a word if it is."""
    builtin = [*chain(kind)][-1]
    try:
        return len(text) > _MAX_VALUE or bool(builtin.is_valid(text))
    except Exception:  # it was not written for hostile input
        return True


def _not_of_datatype(kind: Component, text: str, subject: Bilingual) -> tuple[Bilingual, Bilingual | None]:
    builtin = _builtin(kind)
    german, english, *_ = forms.datatype(builtin)
    message = _say(subject, f"ist {german}", f"is {english}")
    if builtin in _IN_FORM and _IN_FORM[builtin].fullmatch(text.strip()):
        return message, _IMPOSSIBLE[builtin]
    return message, form(kind)


def _pattern(
    fault: Fault, kind: Component, text: str, subject: Bilingual
) -> tuple[Bilingual, Bilingual | None]:
    """A pattern in words, or as it is if it is short; a long one states a repertoire of characters."""
    # Of a value of thousands of characters libxml2's sentence, which says the pattern, was not read.
    patterns = [fault.pattern] if fault.pattern is not None else [*_patterns(kind)]
    pattern = patterns[0] if len(patterns) == 1 else None
    if pattern is not None and (known := forms.PATTERNS.get(pattern)):
        hint = say(f"Erwartet: {known[0]}", f"Expected: {known[1]}")
        return _say(subject, "hat nicht die vorgeschriebene Form", "does not have the required form"), hint
    if pattern is not None and len(pattern) <= _MAX_PATTERN:
        hint = say(f"Erwartet: das Muster {pattern}", f"Expected: the pattern {pattern}")
        return _say(subject, "hat nicht die vorgeschriebene Form", "does not have the required form"), hint
    message = _say(subject, "enthält unzulässige Zeichen", "contains characters that are not allowed")
    return message, _first_wrong_character(kind, text)


def _first_wrong_character(kind: Component, text: str) -> Bilingual | None:
    """Say at which character a value leaves the repertoire, which is a pattern that its beginnings match."""
    facets = [each.facets.get(f"{_XS}pattern") for each in chain(kind) if hasattr(each, "facets")]
    patterns = [regex for facet in facets if facet is not None for regex in facet.patterns]
    if len(text) > _MAX_VALUE or not patterns or not all(regex.match("") for regex in patterns):
        return None
    good, bad = 0, len(text)
    if all(regex.match(text) for regex in patterns):
        return None
    while bad - good > 1:
        middle = (good + bad) // 2
        if all(regex.match(text[:middle]) for regex in patterns):
            good = middle
        else:
            bad = middle
    return say(f"Unzulässig ist das {bad}. Zeichen", f"Character no. {bad} is not allowed")


def _bound(fault: Kind, kind: Component, subject: Bilingual) -> Bilingual:
    """Say a limit of length, size or digits."""
    if fault in (Kind.TOO_SHORT, Kind.TOO_LONG, Kind.LENGTH):
        return _length(fault, kind, subject)
    if fault in (Kind.TOTAL_DIGITS, Kind.FRACTION_DIGITS):
        after = fault is Kind.FRACTION_DIGITS
        limit = _facet(kind, "fractionDigits" if after else "totalDigits")
        german, english = ("Nachkommastellen", "decimal places") if after else ("Stellen", "digits")
        return _say(
            subject,
            f"hat zu viele {german}: höchstens {limit} {'ist' if limit == 1 else 'sind'} zulässig",
            f"has too many {english}: at most {limit} {'is' if limit == 1 else 'are'} allowed",
        )
    return _size(fault, kind, subject)


def _length(fault: Kind, kind: Component, subject: Bilingual) -> Bilingual:
    german, english = ("Zeichen", "characters")
    if kind.is_list():
        german, english = ("Einträge", "entries")
    elif _builtin(kind) in _UNITS:
        german = english = "Byte"
    if fault is Kind.LENGTH:
        limit = _facet(kind, "length")
        return _say(
            subject,
            f"hat nicht die vorgeschriebene Länge von {limit} {german}",
            f"does not have the required length of {limit} {english}",
        )
    short = fault is Kind.TOO_SHORT
    limit = _facet(kind, "minLength" if short else "maxLength")
    word, word_en = ("kurz: mindestens", "short: at least") if short else ("lang: höchstens", "long: at most")
    return _say(
        subject,
        f"ist zu {word} {limit} {german} {'sind nötig' if short else 'sind zulässig'}",
        f"is too {word_en} {limit} {english} {'are needed' if short else 'are allowed'}",
    )


def _size(fault: Kind, kind: Component, subject: Bilingual) -> Bilingual:
    small = fault is Kind.TOO_SMALL
    end = "min" if small else "max"
    limit = _facet(kind, f"{end}Inclusive")
    excluded = limit is None
    if excluded:
        limit = _facet(kind, f"{end}Exclusive")
    in_time = not isinstance(limit, int | float) and "Decimal" not in type(limit).__name__
    if in_time:
        german, english = ("früh", "early") if small else ("spät", "late")
    else:
        german, english = ("klein", "small") if small else ("groß", "large")
    bound = ("ab" if small else "bis", "from" if small else "up to")
    if excluded:
        bound = ("über" if small else "unter", "above" if small else "below")
        if in_time:
            bound = ("nach" if small else "vor", "after" if small else "before")
    return _say(
        subject,
        f"ist zu {german}: zulässig sind Werte {bound[0]} {limit}",
        f"is too {english}: values {bound[1]} {limit} are allowed",
    )


def _facet(kind: Component, name: str) -> object:
    facet = kind.get_facet(f"{_XS}{name}")
    return facet.value if facet is not None else None
