"""What a standard asks of a document, by libxml2 or by Saxon."""

import pytest
from lxml import etree

from gateway.errors import ConfigurationError
from gateway.standards.condition import Condition

NAMESPACES = {"k": "urn:example:katze"}
CAT = b"""<k:katze xmlns:k="urn:example:katze" xml:lang="de">
 <k:jahr>2018</k:jahr><k:monat>6</k:monat><k:version>2.0.1</k:version></k:katze>"""


@pytest.mark.parametrize(
    ("xpath", "answer", "takes_time"),
    [
        ("/k:katze", True, False),
        ("/k:katze[k:jahr = '2018'] and not(k:hund)", True, False),
        ("exists(/k:katze[k:jahr = 'k:2018'])", False, False),
        ("empty(/k:katze/k:hund)", True, False),
        ("/k:katze[@xml:lang = 'de']", True, False),
        ("/k:katze[starts-with(k:version, '2.')]", True, False),
        # In XPath 1.0 no number is greater than this version, and it is less than none.
        ("/k:katze/k:version > '2.0'", True, True),
        ("/k:katze[matches(k:version, '^2[.]0')]", True, True),
        ("/k:katze[k:hund[matches(., '')]]", False, True),
        ("/k:katze['2018-05' le concat(k:jahr, '-', format-number(xs:integer(k:monat), '00'))]", True, True),
        ("some $each in /k:katze/* satisfies $each = '2018'", True, True),
        ("(: whoever :) /Q{urn:example:katze}katze", True, True),
        ("let $each := /k:katze return $each/k:jahr", True, True),
        # What fails on a document does not hold.
        ("xs:integer(/k:katze/k:version) gt 0", False, True),
    ],
)
def test_condition_is_answered_as_by_xpath_3(xpath: str, answer: bool, takes_time: bool) -> None:
    condition = Condition(xpath, NAMESPACES)
    condition.check()
    assert (condition.holds(etree.fromstring(CAT)), condition.takes_time) == (answer, takes_time)


@pytest.mark.parametrize(
    ("xpath", "words"),
    [
        ("/k:katze[k:jahr[h:hund]]", "the prefix h stands for no namespace; add it to `namespaces`"),
        ("/k:katze[1 le h:hund]", "the prefix h stands for no namespace"),
        ("/k:katze[", "is no XPath: XPST0003"),
        ("/k:katze[k:hund[bellt(.)]]", "is no XPath: XPST0017"),
        ("/k:katze[k:hund = $hund]", "is no XPath: XPST0008"),
        ("", "is no XPath"),
        ("a" * 6000, "has more than 5000 characters"),
        ("/k:katze[. = '\x01']", "or some that no XML has"),
    ],
)
def test_condition_that_cannot_be_asked_is_refused_when_it_is_checked(xpath: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Condition(xpath, NAMESPACES).check()


def test_conditions_are_equal_when_they_ask_the_same() -> None:
    others = {"k": "urn:example:katze", "h": "urn:example:hund"}
    assert Condition("/k:katze", NAMESPACES) == Condition("/k:katze", others)
    assert Condition("/k:katze", NAMESPACES) != Condition("/k:katze", {"k": "urn:example:hund"})
