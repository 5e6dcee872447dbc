"""White space around dates, times and the like: XML Schema allows it, libxml2 refuses it.

Where a portal indents what it writes, a conforming message would be refused for it.
"""

import re
from collections.abc import Iterator
from typing import cast

from lxml import etree

from gateway.xml.declarations import Look, value_type
from gateway.xml.model import Component

_WHITE = " \t\r\n"
_PADDED = etree.XPath("descendant-or-self::*[not(*)][normalize-space() != string()]")
_WITH_PADDED_ATTRIBUTES = etree.XPath("descendant-or-self::*[@*[normalize-space() != string()]]")
"""The elements: a list of hundreds of thousands of attributes takes more than a message may."""
_LIKE = re.compile(r"[-+:.\dTZPYMDHSINFa]+")
"""What values of these types consist of."""
_TYPES = frozenset(
    {"date", "dateTime", "time", "duration", "gYear", "gYearMonth", "gMonth", "gMonthDay", "gDay"}
    | {"float", "double"}  # INF and NaN
)


def trim(root: etree._Element, look: Look) -> bool:
    """Take the white space away in a tree where libxml2 would be wrong to refuse it; say if there was any."""
    elements = cast("list[etree._Element]", _PADDED(root))
    found = [*_in_elements(elements, look), *_in_attributes(root, look)]
    for element, attribute, value in found:
        if attribute is None:
            element.text = value
        else:
            element.set(attribute, value)
    return bool(found)


def _in_elements(
    elements: list[etree._Element], look: Look
) -> Iterator[tuple[etree._Element, str | None, str]]:
    for element in elements:
        value = (element.text or "").strip(_WHITE)
        if _LIKE.fullmatch(value) and _is_affected(look.at(element)):
            yield element, None, value


def _in_attributes(root: etree._Element, look: Look) -> Iterator[tuple[etree._Element, str | None, str]]:
    for element in cast("list[etree._Element]", _WITH_PADDED_ATTRIBUTES(root)):
        for name, text in element.attrib.items():
            value = str(text).strip(_WHITE)
            if value != text and _LIKE.fullmatch(value) and _is_affected(look.attribute(element, str(name))):
                yield element, str(name), value


def _is_affected(declared: Component | None) -> bool:
    kind = value_type(declared) if declared is not None else None
    if kind is None or kind.is_list() or kind.is_union():  # of these libxml2 lets go of white space
        return False
    primitive = getattr(kind, "primitive_type", None)  # xs:anySimpleType has none
    return primitive is not None and primitive.local_name in _TYPES
