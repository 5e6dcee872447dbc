"""What rules ask for besides the message: workers open no other file, so a message would never be judged."""

import re
from collections.abc import Iterator

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.xml.stylesheet import XSL, Stylesheet

# Strings and comments are passed over; a name with another prefix is a function of the stylesheet's own.
_CALL = re.compile(
    r"""(?P<passed>"[^"]*"|'[^']*'|\(:.*?(?::\)|\Z))|"""
    r"(?<![\w.:-])(?:fn:)?(?:collection|doc|document|json-doc|unparsed-text|unparsed-text-lines)\s*\(",
    re.DOTALL,
)
_ARGUMENT = re.compile(r"""(?:"[^"]*"|'[^']*'|[^()"'])*\)?""")
_TEMPLATE = re.compile(r"\{([^{}]*)\}")
_GUARDS = ("doc-available(", "unparsed-text-available(")
_MAX_SHOWN = 100


def require_message_alone(rules: Stylesheet) -> None:
    """Refuse rules that read another file; those that ask whether it is there go on without it.

    Raises:
        ConfigurationError: they do; with an expression and the line where it stands.
    """
    if any(each in rules.text for each in _GUARDS):
        return
    # It stands on a line of its text, as what Saxon says does; libxml2 objects to namespaces it has written.
    root = etree.fromstring(rules.text.encode(), etree.XMLParser(huge_tree=True, recover=True))
    calls = ((each, call) for each in root.iter("*") for call in _calls(each))
    if (first := next(calls, None)) is None:
        return
    element, (expression, start) = first
    others = sum(1 for _ in calls)
    place = rules.localise(f"{_shown(expression[start:])} on line {element.sourceline}")
    more = f" (and {others} more)" if others else ""
    raise ConfigurationError(
        f"{place}{more} asks for another file, and rules see the message alone: write into them what they "
        "need of it"
    )


def _calls(element: etree._Element) -> Iterator[tuple[str, int]]:
    """Yield expressions of an element of XSLT that call such a function, each with where in it."""
    is_instruction = str(element.tag).startswith(XSL)
    for value in map(str, element.attrib.values()):
        for expression in [value] if is_instruction else _TEMPLATE.findall(value):
            found = _CALL.finditer(expression)
            yield from ((expression, each.start()) for each in found if each["passed"] is None)


def _shown(text: str) -> str:
    name, bracket, rest = text.partition("(")
    argument = _ARGUMENT.match(rest)
    written = " ".join(f"{name}{bracket}{argument[0] if argument else ''}".split())
    return written if len(written) <= _MAX_SHOWN else f"{written[:_MAX_SHOWN]}…"
