"""Why the engines may disagree: every reason that is known, and how to tell that it is the one.

libxml2 decides, so what it lets pass is accepted, and what it refuses wrongly is refused, but for white space
around dates and times. A disagreement that none of these explains is a violation.
Source of what is right: XML Schema 1.0 part 2; XML 1.0, fourth edition
"""

import re
from typing import Any

from fuzz.engines import Verdicts

# Everything but the value is libxml2's sentence; the value may hold anything.
_VALUE = re.compile(
    r": '(?P<value>.*)' is not a valid value of the (?P<kind>atomic|list|union) type '(?P<type>[^']*)'\.$",
    re.DOTALL,
)
_FACET = re.compile(r"\[facet '(?P<facet>\w+)'\] The value '(?P<value>.*?)' ", re.DOTALL)
_XSD = "{http://www.w3.org/2001/XMLSchema}"
_XML_SPACE = " \t\n\r"
_OTHER_SPACE = re.compile(r"[^\S \t\n\r]")
_PADDED_KEY = re.compile(r"value \(.*(?:'(?:\s|\\[tnr])|(?:\s|\\[tnr])').*\) not found for ", re.DOTALL)
_FOLLOWS = ("SCHEMAV_CVC_IDC",)
"""What libxml2 says besides, because it has no value for a key."""


def find(verdicts: Verdicts) -> str | None:
    """Return the reasons of a disagreement; None where one of its errors has none."""
    if verdicts.libxml2:
        found = {_of_libxml2(code, text) for code, text in verdicts.libxml2 if code not in _FOLLOWS}
    elif verdicts.broke == "OverflowError":
        return "accepted by libxml2 alone: a year beyond Python's, for which xmlschema raises (right)"
    else:
        found = {_of_xmlschema(each) for each in verdicts.xmlschema}
    return None if None in found else "; ".join(sorted(map(str, found)))


def identity_only(verdicts: Verdicts) -> bool:
    """Say whether xmlschema objects to identifiers and references to them only, which libxml2 leaves out."""
    return bool(verdicts.xmlschema) and all(_is_identity(each) for each in verdicts.xmlschema)


def padding_only(verdicts: Verdicts) -> bool:
    """Say whether libxml2 objects to nothing but white space that the gateway takes away for it."""
    return not verdicts.agree and bool(verdicts.libxml2) and find(verdicts) == _PADDING


def _is_identity(error: Any) -> bool:
    return (error.reason or "").startswith(("IDREF ", "duplicated xs:ID"))


def _of_libxml2(code: str, text: str) -> str | None:
    if code == "SCHEMAV_CVC_ELT_1" and text.startswith(f"Element '{_XSD}"):
        return "refused by libxml2 alone: an element of XML Schema itself, which no schema declares (right)"
    if code == "SCHEMAV_CVC_COMPLEX_TYPE_2_3":
        return _SPACE  # xmlschema takes text between elements for white space where Python does
    if code == "SCHEMAV_CVC_ELT_4_3":
        return "refused by libxml2 alone: xsi:type makes a list of a value, which is none of its kind (right)"
    if code in {"SCHEMAV_CVC_ELT_5_2_2_2_2", "SCHEMAV_CVC_AU"}:
        return "refused by libxml2 alone: a fixed value that is written otherwise (wrong)"
    if found := _VALUE.search(text):
        return _of_value(found["value"], found["type"])
    found = _FACET.search(text)
    if found and _OTHER_SPACE.search(found["value"]):
        return _SPACE
    if found and found["facet"] in {"minInclusive", "maxInclusive", "minExclusive", "maxExclusive"}:
        return _NO_ORDER
    return None


def _of_value(value: str, kind: str) -> str | None:
    if _OTHER_SPACE.search(value):
        return _SPACE
    if value.strip(_XML_SPACE) != value:
        return _PADDING
    if kind.endswith("anyURI"):
        return "refused by libxml2 alone: an address that is none by RFC 3986 (xmlschema hardly looks)"
    if re.fullmatch(r"[\d_+\-. ]+", value):
        return "refused by libxml2 alone: digits that are not ASCII, _ or spaces in a number (right)"
    if any(ord(each) > 0x2FF for each in value):
        return "refused by libxml2 alone: a name by the fifth edition of XML (right by the fourth)"
    return None


_PADDING = "refused by libxml2 alone: white space around a date, a time, a duration, INF or NaN (mended)"
_NO_ORDER = (
    "refused by libxml2 alone: NaN, a duration or a moment without zone beside a bound (right: no order)"
)
_SPACE = "the other white space of Unicode, which xmlschema takes for white space of XML (libxml2 is right)"


def _of_xmlschema(error: Any) -> str | None:
    said = f"{getattr(error.validator, '__name__', '')} {error.reason or ''}"
    if _is_identity(error):
        return "identifiers and references, which libxml2 leaves out and the gateway looks at itself"
    if error.elem is not None and str(error.elem.tag).startswith(_XSD):
        return "accepted by libxml2 alone: an element of XML Schema itself in lax content (right: undeclared)"
    if _OTHER_SPACE.search(_values(error)):
        return _SPACE
    if _PADDED_KEY.match(error.reason or ""):
        return "accepted by libxml2 alone: white space around the value of a key, which is none of it (right)"
    return next((why for words, why in _ACCEPTED if words in said), None)


def _values(error: Any) -> str:
    """Return all that it may be about: it tells an attribute from a value in words only."""
    return " ".join([error.elem.text or "", *error.elem.attrib.values()]) if error.elem is not None else ""


_ACCEPTED = (
    ("is not nillable", "accepted by libxml2 alone: xsi:nil at an element that no schema declares (right)"),
    ("base64", "accepted by libxml2 alone: stray characters in base64 (wrong)"),
    ("|INF|-INF|NaN", "accepted by libxml2 alone: an exponent without digits (wrong)"),
    ("string to float", "accepted by libxml2 alone: an exponent without digits (wrong)"),
    ("duration", "accepted by libxml2 alone: seconds as `1.` or `.5` (wrong)"),
    ("xs:decimal", "accepted by libxml2 alone: hundreds of digits, more than xmlschema takes (right)"),
    ("length cannot be lesser than 1", "accepted by libxml2 alone: a list of names that has none (wrong)"),
)
