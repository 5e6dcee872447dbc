"""Have an example say what its message type's `match` asks for, where that compares values with texts.

Several types may have one root element, as the scenarios of a configuration do, and be told by a value.
"""

import re

from gateway.standards.condition import Condition
from gateway.standards.examples.links import NoTarget
from gateway.standards.examples.parts import Field, Part
from gateway.standards.examples.tree import Tree
from gateway.standards.examples.values import is_valid

# `k:name = 'text'`, `@name = "text"`
_EQUALS = re.compile(
    r"(?P<at>@?)(?:(?P<prefix>[\w.-]+):)?(?P<local>[\w.-]+)(?:/text\(\))?\s*=\s*"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\")"
)


def fulfil(tree: Tree, root: Part, match: Condition) -> None:
    """Write the texts that a match compares with, until it holds or there are no more.

    Raises:
        NoTarget: nothing of a name stands there yet.
    """
    for found in _EQUALS.finditer(match.xpath):
        if match.holds(root.element):
            return
        uri = match.namespaces[found["prefix"]] if found["prefix"] else ""
        name = f"{{{uri}}}{found['local']}" if uri else found["local"]
        text = found["single"] if found["double"] is None else found["double"]
        if place := _place(tree, root, name, text, of_attribute=bool(found["at"])):
            place.write(text)
        elif found["local"] not in tree.needed and not found["at"]:
            raise NoTarget(frozenset({found["local"]}))


def _place(tree: Tree, root: Part, name: str, text: str, *, of_attribute: bool) -> Field | None:
    """Return the first value of that name that may be this text."""
    for element in root.element.iter("*"):
        part = tree.parts.get(element)
        has_it = element.get(name) is not None if of_attribute else element.tag == name
        if part and has_it:
            place = Field(part, name if of_attribute else None)
            if may_say(place, text):
                return place
    return None


def may_say(place: Field, text: str) -> bool:
    """Say whether the schema lets a value be this text."""
    fixed = place.declared is None or place.declared.fixed is not None
    return not fixed and place.simple is not None and is_valid(place.simple, text)
