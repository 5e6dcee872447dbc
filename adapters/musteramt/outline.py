"""Shows a message to the clerk as lines of label and value, whatever its standard."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from adapters.musteramt import german
from adapters.musteramt.codes import CODE_LISTS, LANGUAGES, VALUES
from adapters.musteramt.labels import label
from adapters.musteramt.reading import HEADER
from adapters.musteramt.xml import Element, find, local_name, text
from gateway.contract.findings import Bilingual

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_YES_NO = {"true": "ja", "false": "nein"}
# By the names of elements, for other values may look the same: a plain number is no size.
_WRITERS: dict[str, Callable[[str], str]] = {
    "betrag": german.amount,
    "summe": german.amount,
    "groesse": lambda value: german.size(int(value)),
    "sprache": lambda value: LANGUAGES.get(value, value),
    "jahrMonat": lambda value: ".".join(reversed(value.split("-"))),
}
_CURRENCY = "waehrung"  # euros only, and every amount says so


@dataclass(frozen=True, slots=True)
class Line:
    """One value of a message for the clerk's eye; `value` is empty for a heading."""

    depth: int
    label: Bilingual
    value: str


def outline(root: Element, *, without: str | None = None) -> Iterator[Line]:
    """List every value of a message with its label, without the header and the part named."""
    for node in root.iterchildren("*"):
        if local_name(node) not in (HEADER, without):
            yield from _lines(node, 0)


def name_code(code_list: str, code: str) -> str:
    """Name a code; `code_list` is the list's URI or its end."""
    return CODE_LISTS.get(code_list.rpartition(":")[2], {}).get(code, code)


def _lines(node: Element, depth: int) -> Iterator[Line]:
    name = local_name(node)
    children = list(node.iterchildren("*"))
    if name == _CURRENCY:
        return
    if not children:
        yield Line(depth, label(name), _written(name, (node.text or "").strip()))
    elif find(node, "code") is not None:
        yield Line(depth, label(name), _code(node))
    else:
        yield Line(depth, label(name), "")
        for child in children:
            yield from _lines(child, depth + 1)


def _code(node: Element) -> str:
    return text(node, "name") or name_code(node.get("listURI", ""), text(node, "code"))


def _written(name: str, value: str) -> str:
    try:
        if name in _WRITERS:
            return _WRITERS[name](value)
        if _DAY.fullmatch(value):
            return german.day(date.fromisoformat(value))
        if _MOMENT.fullmatch(value):
            return german.moment(datetime.fromisoformat(value))
    except ValueError:
        return value
    return VALUES.get(name, {}).get(value) or _YES_NO.get(value, value)
