"""Build elements of an outgoing message and write it; the counterpart of `parse`.

Knows XML, codes and lexical forms, but no message. Whatever it is given, it writes what a schema with these
types accepts, or raises ValueError with a sentence that names the field.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from lxml import etree

from gateway.contract.ids import UUID_PATTERN

_UUID = re.compile(UUID_PATTERN, re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9._:+\-]+")
_CENT = Decimal("0.01")


def add(parent: etree._Element, tag: str, text: str | None = None) -> etree._Element:
    """Append an element `{namespace}name` with `text` and return it."""
    child = etree.SubElement(parent, tag)
    child.text = text
    return child


def add_code(
    parent: etree._Element, tag: str, code: str, list_uri: str, version: str = "1"
) -> etree._Element:
    """Append a value of a code list, as the XÖV type Code has it."""
    child = etree.SubElement(parent, tag, listURI=list_uri, listVersionID=version)
    add(child, "code", matching(_TOKEN, code, "code"))
    return child


def matching(pattern: re.Pattern[str], text: str, field: str) -> str:
    """Return `text` when the whole of it matches, for values that must not be altered.

    Raises:
        ValueError: it does not.
    """
    if not pattern.fullmatch(text):
        raise ValueError(f"{field}: is not of the form {pattern.pattern}")
    return text


def uuid_text(text: str, field: str) -> str:
    """Return a UUID as it is; anything else is a ValueError."""
    return matching(_UUID, text, field)


def time_text(moment: datetime, field: str) -> str:
    """Write a moment in UTC with milliseconds; one without zone is a ValueError."""
    if moment.utcoffset() is None:
        raise ValueError(f"{field}: has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def date_text(day: date) -> str:
    """Write a calendar day."""
    return f"{day.year:04}-{day.month:02}-{day.day:02}"


def amount_text(amount: Decimal, field: str) -> str:
    """Write an amount of money; ValueError unless it is whole cents from 0 to 9999999.99."""
    try:
        exact = amount.is_finite() and amount == amount.quantize(_CENT)
    except InvalidOperation:
        exact = False
    if not exact or not 0 <= amount < 10_000_000:
        raise ValueError(f"{field}: must be whole cents from 0 to 9999999.99")
    return f"{abs(amount):.2f}"


def bool_text(value: bool) -> str:
    """Write a truth value."""
    return "true" if value else "false"


def to_bytes(root: etree._Element) -> bytes:
    """Write a message as indented UTF-8 with XML declaration."""
    etree.indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)
