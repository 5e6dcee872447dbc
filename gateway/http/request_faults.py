"""What pydantic finds wrong with a request, as findings in words of ours; never a value that was sent."""

import re
from collections.abc import Iterable

from pydantic_core import ErrorDetails

from gateway.contract.codes import RejectCode
from gateway.contract.findings import Bilingual, Finding

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,40}")


def _said(german: str, english: str) -> Bilingual:
    return Bilingual(de=german, en=english)


_INVALID = _said("Die Angabe ist ungültig.", "This is not valid.")
_NO_TEXT = _said("Hier muss Text stehen.", "This must be text.")
_NO_OBJECT = _said("Hier muss ein JSON-Objekt stehen.", "This must be a JSON object.")
_NO_LIST = _said("Hier muss eine Liste stehen.", "This must be a list.")
_NO_WHOLE_NUMBER = _said("Hier muss eine ganze Zahl stehen.", "This must be a whole number.")
_NO_TRUTH = _said("Hier muss true oder false stehen.", "This must be true or false.")
_NO_NUMBER = _said("Hier muss eine Zahl stehen.", "This must be a number.")
_NO_DATE = _said("Hier muss ein Datum stehen: JJJJ-MM-TT.", "This must be a date: YYYY-MM-DD.")
_NO_TIME = _said(
    "Hier muss ein Zeitpunkt stehen, etwa 2026-03-02T09:15:27Z.",
    "This must be a point in time, such as 2026-03-02T09:15:27Z.",
)

_SENTENCES = {
    "missing": _said("Die Angabe fehlt.", "This is missing."),
    "extra_forbidden": _said("Diese Angabe gibt es hier nicht.", "There is no such thing here."),
    "json_invalid": _said("Das ist kein gültiges JSON.", "This is not valid JSON."),
    "json_type": _said("Das ist kein gültiges JSON.", "This is not valid JSON."),
    "model_type": _NO_OBJECT,
    "model_attributes_type": _NO_OBJECT,
    "dict_type": _NO_OBJECT,
    "tuple_type": _NO_LIST,
    "string_type": _NO_TEXT,
    "string_pattern_mismatch": _said(
        "Die Angabe hat nicht die vorgeschriebene Form: {pattern}", "This does not have the form: {pattern}"
    ),
    "literal_error": _said("Zulässig sind nur {expected}.", "Only {expected} are allowed."),
    "too_long": _said("Höchstens {max_length} Einträge sind zulässig.", "At most {max_length} are allowed."),
    "greater_than_equal": _said("Die Zahl muss mindestens {ge} sein.", "The number must be at least {ge}."),
    "less_than_equal": _said("Die Zahl darf höchstens {le} sein.", "The number must be at most {le}."),
    "bool_type": _NO_TRUTH,
    "bool_parsing": _NO_TRUTH,
    "int_type": _NO_WHOLE_NUMBER,
    "int_parsing": _NO_WHOLE_NUMBER,
    "int_parsing_size": _NO_WHOLE_NUMBER,
    "int_from_float": _NO_WHOLE_NUMBER,
    "float_type": _NO_NUMBER,
    "float_parsing": _NO_NUMBER,
    "finite_number": _NO_NUMBER,
    "date_type": _NO_DATE,
    "date_parsing": _NO_DATE,
    "date_from_datetime_parsing": _NO_DATE,
    "date_from_datetime_inexact": _NO_DATE,
    "datetime_type": _NO_TIME,
    "datetime_parsing": _NO_TIME,
    "datetime_from_date_parsing": _NO_TIME,
}
"""By pydantic's type of error; a name in braces is what the rule says, never what was sent."""

FORMS = {
    r"^[^\x00-\x1f\x7f]{1,200}$": _said(
        "1 bis 200 Zeichen, keine Steuerzeichen", "1 to 200 characters, no control characters"
    ),
    r"^99[0-9]{12}$": _said(
        "LeiKa-Schlüssel, 14 Ziffern wie 99050012104000", "LeiKa key, 14 digits such as 99050012104000"
    ),
    r"^([0-9]{2}|[0-9]{3}|[0-9]{5}|[0-9]{9}|[0-9]{12})$": _said(
        "ARS mit 12, 9, 5, 3 oder 2 Ziffern", "ARS of 12, 9, 5, 3 or 2 digits"
    ),
    r"^\d{1,9}\.\d{2}$": _said("Betrag wie 12.00", "amount such as 12.00"),
    r"^[A-Z]{3}$": _said("Währung wie EUR", "currency such as EUR"),
    r"^[0-9a-f]{64}$": _said("SHA-256, 64 Hexziffern, klein", "SHA-256, 64 lower-case hex digits"),
}
"""The patterns of `Metadata` and of addresses, in words."""


def findings_of(faults: Iterable[ErrorDetails], base: str = "") -> list[Finding]:
    """Translate pydantic's errors, leaving out the values; `base` is where the document was sent."""
    return [
        Finding(code=RejectCode.OTHER, path=_path(fault["loc"], base), message=_sentence(fault))
        for fault in faults
    ]


def _sentence(fault: ErrorDetails) -> Bilingual:
    sentence = _SENTENCES.get(fault["type"], _INVALID)
    rule = {name: str(value).removesuffix(".0") for name, value in fault.get("ctx", {}).items()}
    form = FORMS.get(rule.get("pattern", ""))
    return _said(
        sentence.de.format_map(_in_german(rule) | ({"pattern": form.de} if form else {})),
        sentence.en.format_map(rule | ({"pattern": form.en} if form else {})),
    )


def _in_german(rule: dict[str, str]) -> dict[str, str]:
    """Join a choice as German does; pydantic writes `'a', 'b' or 'c'`."""
    return {name: value.replace(" or ", " oder ") for name, value in rule.items()}


def _path(location: tuple[int | str, ...], base: str) -> str:
    steps = [base] if base else []
    for step in location:
        plain = isinstance(step, int) or _PLAIN_NAME.fullmatch(step)
        steps.append(str(step) if plain else "…")
    return "/".join(steps) or "/"
