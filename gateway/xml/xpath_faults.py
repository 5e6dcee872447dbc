"""What lxml finds wrong with an XPath that an operator has written, in words that help to put it right."""

from lxml import etree

_WORDS = {
    "Undefined namespace prefix": "has a prefix that stands for no namespace; add it to `namespaces`",
    "Unregistered function": "calls a function that XPath 1.0 does not have",
    "Undefined variable": "names a variable, and there are none here; write its value",
    "Invalid type": "gives a function something else than it takes, such as text instead of elements",
    "Invalid number of arguments": "gives a function more or less than it takes",
}
_NO_XPATH = "is no XPath 1.0; look at its brackets, quotes and operators"


def in_words(error: etree.XPathError) -> str:
    """Say what is wrong."""
    return _WORDS.get(str(error), _NO_XPATH)
