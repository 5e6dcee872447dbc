"""Fuzzing in small: the same strategies and the same oracle as `make fuzz`, and that it would notice."""

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lxml import etree

from fuzz import engines, reasons
from fuzz.campaign import Campaign, Violation
from fuzz.guide import values_of
from fuzz.oracle import Oracle
from fuzz.overheard import Overheard
from fuzz.releases import Changed, ReleaseOracle, changed
from fuzz.seeds import Start, catalogue, starts
from fuzz.strategies import Mutant, guide_of, mutants
from fuzz.surface import Surface
from fuzz.values import CANARY
from gateway.errors import ForbiddenXml, SchemaViolation
from gateway.standards import Catalogue, Standard
from gateway.xml.paths import Names

BRIEFLY = settings(
    max_examples=80,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def loaded() -> Iterator[Catalogue]:
    with catalogue() as found:
        yield found


@pytest.fixture(scope="module")
def messages(loaded: Catalogue) -> list[Start]:
    return starts(loaded)


@pytest.fixture
def oracle(loaded: Catalogue) -> Iterator[Oracle]:
    with Overheard() as overheard:
        yield Oracle(loaded, overheard)


def of(messages: list[Start], name: str) -> Start:
    return next(each for each in messages if each.name == name)


def kinds(oracle: Oracle, start: Start, body: bytes | None = None) -> list[str]:
    return [each.kind for each in oracle.check(Mutant(start.body if body is None else body, start, ()))]


def test_messages_that_are_started_from_break_nothing(oracle: Oracle, messages: list[Start]) -> None:
    assert [each.name for each in messages if kinds(oracle, each)] == []
    # No attachment comes along.
    assert set(oracle.outcomes) == {"accepted", "attachment-mismatch"}


def test_changed_messages_break_no_promise(oracle: Oracle, messages: list[Start], tmp_path: Path) -> None:
    with Surface(oracle.catalogue, tmp_path) as surface:
        oracle.surface = surface

        @BRIEFLY
        @given(mutants(messages))
        def check(mutant: Mutant) -> None:
            assert oracle.check(mutant) == []

        check()
    assert len(oracle.outcomes) > 3  # not all are refused for the same reason


def test_changed_releases_are_added_or_refused(tmp_path: Path) -> None:
    oracle = ReleaseOracle(tmp_path)

    @settings(BRIEFLY, max_examples=15)
    @given(changed())
    def check(release: Changed) -> None:
        assert oracle.check(release) == []

    check()
    assert set(oracle.outcomes) == {"added", "refused"}


# It must be able to fail


def _raise(kind: Exception) -> object:
    def read(*_: object, **__: object) -> None:
        raise kind

    return read


def _refused(messages: list[Start]) -> tuple[Start, bytes]:
    start = of(messages, "probe:1:werte full")
    return start, start.body.replace(b"<p:datum>", f"<p:datum>{CANARY}".encode())


def test_oracle_notices_when_reading_raises(
    oracle: Oracle, messages: list[Start], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Catalogue, "judge", _raise(KeyError("x")))
    assert kinds(oracle, messages[0])[0].startswith("raises KeyError")


def test_oracle_notices_when_a_valid_message_is_refused(
    oracle: Oracle, messages: list[Start], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Catalogue, "judge", _raise(SchemaViolation()))
    assert kinds(oracle, messages[0]) == ["the verdict is not libxml2's"]


def test_oracle_notices_when_a_path_leads_elsewhere(
    oracle: Oracle, messages: list[Start], monkeypatch: pytest.MonkeyPatch
) -> None:
    start, body = _refused(messages)
    assert kinds(oracle, start, body) == []
    monkeypatch.setattr(Names, "path", lambda *_: "/p:werte/p:text")
    assert kinds(oracle, start, body)[0].startswith("X001 its path leads to (")
    monkeypatch.setattr(Names, "path", lambda *_: "/p:werte/p:*")
    assert kinds(oracle, start, body)[0].endswith("nodes")


def test_oracle_notices_when_a_value_is_repeated(
    oracle: Oracle, messages: list[Start], monkeypatch: pytest.MonkeyPatch
) -> None:
    start, body = _refused(messages)
    monkeypatch.setattr(Names, "namespaces", lambda *_: {"p": "urn:amtsbote:probe:1", "x": CANARY})
    assert kinds(oracle, start, body) == ["a finding repeats a value of the message"]


def test_oracle_notices_when_http_says_something_else(
    oracle: Oracle, messages: list[Start], tmp_path: Path
) -> None:
    start, body = _refused(messages)
    with Surface(oracle.catalogue, tmp_path) as surface:
        assert [*surface.check(start.body, None)] == []
        said = {kind for kind, _ in surface.check(body, ForbiddenXml())}
    assert said >= {
        "HTTP says another status",
        "HTTP says another findings",
        "the command line says something else",
    }


def test_oracle_gives_a_reason_for_each_disagreement(oracle: Oracle, messages: list[Start]) -> None:
    start = of(messages, "probe:1:werte full")
    spaced = start.body.replace(b"<p:datum>", b"<p:datum> ")
    stray = start.body.replace(b"<p:base64>", b"<p:base64>*")
    other_space = start.body.replace(b"<p:datum>", "<p:datum>\u00a0".encode())
    assert kinds(oracle, start, spaced) + kinds(oracle, start, stray) == []
    assert kinds(oracle, start, other_space) == []
    typed = b'<p:int xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="p:Zahlen">'
    assert kinds(oracle, start, start.body.replace(b"<p:int>", typed)) == []
    assert len(oracle.disagreements) == 4


def test_engines_disagree_for_known_reasons_only_whatever_the_value(loaded: Catalogue) -> None:
    schema, root = standard_of(loaded, "probe").schema, etree.Element("{urn:amtsbote:probe:1}werte")
    disagreements = Counter[str | None]()
    for declared in guide_of(standard_of(loaded, "probe")).children(root):
        for value in values_of(declared.type):
            message = deepcopy(root)
            etree.SubElement(message, declared.name).text = value
            verdicts = engines.judge(schema, etree.tostring(message))
            if not verdicts.agree:
                disagreements[reasons.find(verdicts)] += 1
    assert None not in disagreements
    assert len(disagreements) > 8


def standard_of(loaded: Catalogue, name: str) -> Standard:
    return next(each for each in loaded.standards if each.manifest.standard == name)


def test_campaign_keeps_the_smallest_input_that_breaks_something_and_goes_on(tmp_path: Path) -> None:
    def check(number: int) -> list[Violation]:
        return [Violation("is large", str(number))] if number >= 1000 else []

    campaign = Campaign("numbers", tmp_path, check, lambda number: str(number).encode())
    for first_seed in (1, 2):
        campaign.run(st.integers(0, 10**6), seconds=1, first_seed=first_seed)
    (kept,) = (path for path in tmp_path.glob("numbers-*.input") if path.name != "numbers-last.input")
    assert kept.read_bytes() == b"1000"
    assert campaign.again["is large"] > 0
