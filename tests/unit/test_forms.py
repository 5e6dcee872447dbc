"""Patterns of the standards here are said in words, and the examples in the words are right."""

import re

import pytest
from lxml import etree

from gateway.settings import data_folder
from gateway.xml.forms import PATTERNS

PATTERN = "{http://www.w3.org/2001/XMLSchema}pattern"
SHORT = sorted(
    {
        value
        for path in data_folder("schemas").glob("*/*/*.xsd")
        for facet in etree.parse(path).iter(PATTERN)
        if len(value := facet.get("value")) <= 120
    }
)
EXAMPLE = re.compile(r"wie (.+)$")


@pytest.mark.parametrize("expression", SHORT)
def test_hint_is_in_words_when_a_schema_of_ours_has_the_pattern(expression: str) -> None:
    german, english = PATTERNS[expression]
    assert german != english


@pytest.mark.parametrize("expression", PATTERNS)
def test_example_fits_the_pattern_when_the_words_give_one(expression: str) -> None:
    said = EXAMPLE.search(PATTERNS[expression][0])
    for example in re.split(", | oder ", said[1]) if said else ():
        assert re.fullmatch(expression, example), example
