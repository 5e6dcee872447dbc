"""Texts made from patterns of XML Schema match these patterns, in plain characters where they may."""

import re
from random import Random

import pytest
import xmlschema

from gateway.standards.examples.patterns import matching
from gateway.standards.examples.values import NoValue, Values
from gateway.xml.forms import PATTERNS

XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:simpleType name="T">
<xs:restriction base="xs:string"><xs:pattern value="{}"/></xs:restriction></xs:simpleType></xs:schema>"""


def type_of(pattern: str) -> xmlschema.validators.XsdSimpleType:
    escaped = pattern.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return xmlschema.XMLSchema(XSD.format(escaped)).types["T"]


@pytest.mark.parametrize(
    "pattern",
    [
        *PATTERNS,
        "",
        "a",
        "a|b|cd",
        r"\d{5}(-\d{4})?",
        "x{3}",
        "x{2,}",
        "x{0,1000000}",
        "(a|b)*c+d?",
        "((ab){2}|c(d|e){1,3})+",
        r"\i\c*",
        r"[\i-[:]][\c-[:]]*",
        r"[a-z-[aeiou]]{4}",
        r"[\w-[\d_]]{3}",
        r"\p{L}+",
        r"\P{Lu}{3}",
        r"[\p{Lu}\p{Nd}]{6}",
        r"\p{IsGreek}{2}",
        "[α-ω]{3}",
        "[^a-zA-Z0-9]{3}",
        r"[^\s]+ [^\d]+",
        r"\S\D\W\I\C",
        r"\.\\\?\*\+\{\}\(\)\[\]\|\-\^",
        "^a$",
        ".{300,}",
        "[ -~]+",
    ],
)
def test_text_matches_the_pattern_whatever_the_seed(pattern: str) -> None:
    simple = type_of(pattern)
    assert simple.patterns is not None
    for seed in range(20):
        for more in (0, 1, 20):
            text = matching(simple.patterns.patterns[0], Random(seed), more)  # noqa: S311
            assert simple.text_is_valid(text), text


@pytest.mark.parametrize("pattern", [r"\S{8}", ".{8}", r"\w{8}", r"[\p{L}0-9 ]{8}", "[^/]{8}"])
def test_text_has_plain_letters_and_digits_when_the_pattern_lets_it(pattern: str) -> None:
    simple = type_of(pattern)
    assert simple.patterns is not None
    text = matching(simple.patterns.patterns[0], Random(1))  # noqa: S311
    assert re.fullmatch("[A-Za-z0-9]{8}", text)


def test_value_is_given_up_when_nothing_can_match() -> None:
    with pytest.raises(NoValue):
        Values(Random(1), {}).of(type_of("[a-[a]]"), "name")  # noqa: S311
