"""Each error class says what is wrong, each problem can be answered, and each appears in a test."""

import inspect
import re
from pathlib import Path

import pytest

from gateway import errors
from gateway.contract.codes import RejectCode
from gateway.contract.findings import Bilingual
from gateway.contract.states import FindingKind
from gateway.errors import AmtsboteError, Problem
from gateway.http.console.words import word
from gateway.store.findings import ENDS

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, AmtsboteError) and kind.__module__ == errors.__name__
]
CONCRETE = [kind for kind in CLASSES if kind not in {AmtsboteError, Problem}]
PROBLEMS = [kind for kind in CONCRETE if issubclass(kind, Problem)]
TESTS = Path(__file__).parents[1]
GUIDES = [TESTS.parent / "docs" / name for name in ("operator-guide.md", "operator-guide.en.md")]


@pytest.mark.parametrize("kind", CONCRETE)
def test_error_has_a_sentence_of_its_own_as_its_message(kind: type[AmtsboteError]) -> None:
    message = str(kind())
    assert len(message) > 15
    assert message == (kind.title.en if issubclass(kind, Problem) else kind().detail)
    assert kind.__doc__ is not None
    assert kind.__doc__ != (kind.__base__ and kind.__base__.__doc__)
    said = Bilingual(de="ein Satz", en="a sentence") if issubclass(kind, Problem) else "a sentence"
    assert str(kind(said)) == "a sentence"


@pytest.mark.parametrize("kind", PROBLEMS)
def test_problem_says_its_type_status_and_title_in_both_languages(kind: type[Problem]) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", kind.type)
    assert 400 <= kind.status < 600
    assert kind.title.de
    assert kind.title.en
    assert kind.title.de != kind.title.en
    assert kind.code is None or kind.code in set(RejectCode)


@pytest.mark.parametrize("kind", PROBLEMS)
def test_problem_that_the_client_did_not_cause_may_be_sent_again(kind: type[Problem]) -> None:
    assert kind.retryable is (kind.status >= 500 or kind.status in {408, 429})


def test_problem_types_are_distinct_except_where_one_refines_another() -> None:
    by_type: dict[str, list[type[Problem]]] = {}
    for kind in PROBLEMS:
        by_type.setdefault(kind.type, []).append(kind)
    for kinds in by_type.values():
        widest = min(kinds, key=lambda each: len(each.__mro__))
        assert all(issubclass(each, widest) for each in kinds)


@pytest.mark.parametrize("kind", CONCRETE)
def test_error_appears_in_a_test_that_leads_to_it(kind: type[AmtsboteError]) -> None:
    name = re.compile(rf"\b{kind.__name__}\b")
    here = Path(__file__)
    assert any(
        name.search(path.read_text(encoding="utf-8")) for path in TESTS.rglob("*.py") if path != here
    ), f"no test mentions {kind.__name__}"


@pytest.mark.parametrize("kind", FindingKind)
def test_finding_has_a_name_for_operators_and_says_what_to_do(kind: FindingKind) -> None:
    assert word("finding", kind).de != kind
    assert word("finding", kind).en
    assert all(f"(`{kind}`)" in guide.read_text(encoding="utf-8") for guide in GUIDES)


@pytest.mark.parametrize("guide", GUIDES)
def test_guide_names_the_findings_that_are_closed_by_hand(guide: Path) -> None:
    listed = re.search(
        r"selbst erledigt \(([^)]*)\)|by itself\s\(([^)]*)\)", guide.read_text(encoding="utf-8")
    )
    assert listed
    assert set(re.findall(r"`(\w+)`", listed[0])) == set(FindingKind) - ENDS.keys()
