"""What a standard asks of a document, by libxml2 or by Saxon."""

import random

import pytest
from lxml import etree

from gateway.errors import ConfigurationError
from gateway.standards.condition import Condition
from gateway.xml.workers import shared_workers

NAMESPACES = {"k": "urn:example:katze"}
CAT = b"""<k:katze xmlns:k="urn:example:katze" xml:lang="de">
 <k:jahr>2018</k:jahr><k:monat>6</k:monat><k:version>2.0.1</k:version></k:katze>"""


@pytest.mark.parametrize(
    ("xpath", "answer", "takes_time"),
    [
        ("/k:katze", True, False),
        ("/k:katze[k:jahr = '2018'] and not(/k:katze/k:hund)", True, False),
        ('(: "who (: ever :)" :) /k:katze/*[last()][text()]', True, False),
        ("/k:katze[k:jahr[.='exists(x)']]", False, False),
        ("/k:katze[normalize-space(@xml:lang) = 'de' and text()]", True, False),
        ("/k:katze[@xml:lang != normalize-space(.)]", True, False),
        ("//*['6' = .][1]", True, False),
        ("/k:or/k:and/div or /k:katze", True, False),
        # libxml2 might take any time for these.
        ("//k:katze[k:jahr = /k:katze/k:jahr]", True, True),
        ("//k:katze[k:jahr = k:jahr]", True, True),
        ("/k:katze//k:jahr", True, True),
        ("/k:katze/k:jahr[../k:monat]", True, True),
        ("/k:katze/child::k:jahr", True, True),
        ("/k:katze[.//k:jahr]", True, True),
        (f"{'(' * 60}/k:katze{')' * 60}", True, True),
        (f"{'string(' * 60}'x'{')' * 60} = 'x'", True, True),
        # XPath 3.1 asks them of the document, whose only child is the cat.
        ("not(k:jahr) and k:katze", True, True),
        ("@xml:lang", False, True),
        ("local-name() = 'katze'", False, True),
        # Texts are numbers and truth values by other rules, or not at all.
        ("/k:katze/k:version != 2", False, True),
        ("/k:katze/k:jahr = true()", False, True),
        ("count(/k:katze/*) + 1 = 4", True, True),
        # One text is asked for, where there are several.
        ("starts-with(/k:katze/*, '2018')", False, True),
        ("/k:katze[starts-with(@*, 'de')]", True, True),
        ("exists(())", False, True),
        ("exists('')", True, True),
        ("(/k:katze, /k:hund)", True, True),
        ("/k:katze, /k:hund", True, True),
        ("exists(/k:katze[k:jahr = 'k:2018'])", False, False),
        ("empty(/k:katze/k:hund)", True, False),
        ("/k:katze[@xml:lang = 'de']", True, False),
        ("/k:katze[starts-with(k:version, '2.')]", True, True),
        ("/k:katze/k:version[starts-with(., '2.')]", True, False),
        # In XPath 1.0 no number is greater than this version, and it is less than none.
        ("/k:katze/k:version > '2.0'", True, True),
        ("/k:katze[matches(k:version, '^2[.]0')]", True, True),
        ("/k:katze[k:hund[matches(., '')]]", False, True),
        ("/k:katze['2018-05' le concat(k:jahr, '-', format-number(xs:integer(k:monat), '00'))]", True, True),
        ("some $each in /k:katze/* satisfies $each = '2018'", True, True),
        ("(: who (: ever :) :) /Q{urn:example:katze}katze", True, True),
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
        ("doc('file:///etc/passwd')", "asks for another file"),
        ("unparsed-text('file:///etc/passwd') = /k:katze", "asks for another file"),
        ("", "is no XPath: it is empty"),
        ("/k:katze[not(k:hund) = 'true']", "cannot compare xs:boolean to xs:string"),
        ("/k:katze[contains(@xml:lang, 'd') = 'true']", "cannot compare xs:boolean to xs:string"),
        ("/k:hund) or (/k:katze", "is no XPath: XPST0003"),
        ("/k:hund)) or ((/k:katze", "is no XPath: XPST0003"),
        ("/k:katze[\u00a0k:jahr]", "is no XPath: XPST0081"),
        ("/k:katze (: whoever", "is no XPath: XPST0003"),
        ("a" * 6000, "has more than 5000 characters"),
        ("/k:katze[. = '\x01']", "a character that no XML has"),
        ("/k:katze[. = '\uffff']", "a character that no XML has"),
        ("/k:katze[. = '\ud800']", "a character that no XML has"),
    ],
)
def test_condition_that_cannot_be_asked_is_refused_when_it_is_checked(xpath: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Condition(xpath, NAMESPACES).check()


def test_conditions_are_equal_when_they_ask_the_same() -> None:
    others = {"k": "urn:example:katze", "h": "urn:example:hund"}
    assert Condition("/k:katze", NAMESPACES) == Condition("/k:katze", others)
    assert Condition("/k:katze", NAMESPACES) != Condition("/k:katze", {"k": "urn:example:hund"})


STEPS = [
    "k:katze",
    "k:jahr",
    "k:monat",
    "k:hund",
    "*",
    "k:*",
    "katze",
    "text()",
    ".",
    "..",
    "@xml:lang",
    "@*",
]
AXES = ["", "", "", "", "", "", "self::", "parent::", "ancestor-or-self::", "descendant::", "child::"]
TEXTS = ["'2018'", '"6"', "''", "'de'", "' exists(x) '", "'a:b'"]


def _expression(chance: random.Random, depth: int = 3) -> str:
    """Write a condition of what libxml2 may answer and of what it may not."""

    def path() -> str:
        first = chance.choice(["/", "/", "//", ""] if depth == 3 else ["", "", "", "/"])
        steps = [
            chance.choice(AXES) + chance.choice(STEPS) + predicate() for _ in range(chance.randint(1, 3))
        ]
        return first + "".join(step + chance.choice(["/", "/", "/", "//"]) for step in steps[:-1]) + steps[-1]

    def predicate() -> str:
        if not depth or chance.random() < 0.6:
            return ""
        return f"[{chance.choice([inner, inner, lambda: '1', lambda: 'last()', lambda: '1 + 1'])()}]"

    def inner() -> str:
        return _expression(chance, depth - 1)

    def text() -> str:
        call = chance.choice(
            ["string", "normalize-space", "local-name", "namespace-uri", "starts-with", "name"]
        )
        inside = chance.choice(["", ".", "@xml:lang", chance.choice(TEXTS), "k:jahr", "., '2'", "'de', 'd'"])
        return chance.choice([f"{call}({inside})", chance.choice(TEXTS)])

    if not depth:
        return path()
    return chance.choice(
        [
            path,
            lambda: f"{path()} {chance.choice(['=', '!=', '<', 'eq'])} {text()}",
            lambda: f"{text()} = {chance.choice([path, text, inner])()}",
            lambda: f"{inner()} {chance.choice(['and', 'or'])} {inner()}",
            lambda: f"{chance.choice(['not', 'boolean', 'exists', 'empty', 'count', ''])}({inner()})",
        ]
    )()


def test_libxml2_is_asked_only_what_it_answers_as_saxon_does() -> None:
    chance = random.Random(7)  # noqa: S311 any will do
    root = etree.fromstring(CAT)
    written = dict.fromkeys(_expression(chance) for _ in range(5000))
    at_once = [each for each in (Condition(xpath, NAMESPACES) for xpath in written) if not each.takes_time]
    answers = shared_workers().run([each.stylesheet for each in at_once], root)
    told = {
        each.xpath: (each.holds(root), answer.decode()) for each, answer in zip(at_once, answers, strict=True)
    }
    assert {
        xpath: each for xpath, each in told.items() if each not in {(True, "true"), (False, "false")}
    } == {}
    # Otherwise this says little.
    assert 150 < len(told) < len(written) - 150
    assert 40 < sum(holds for holds, _ in told.values()) < len(told) - 40
