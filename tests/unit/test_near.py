"""Which word was meant: near ones, never the wrong one itself, no number for another."""

import time

import pytest

from gateway.xml.near import nearest

ADDRESS = "http://xschule.digital/def/xschule/1.0/code/artdeszeugnisses/"


@pytest.mark.parametrize(
    ("wrong", "known", "expected"),
    [
        ("vorname", ["vornamen", "familienname"], "vornamen"),
        ("VORNAMEN", ["vornamen"], "vornamen"),
        ("gebrut", ["geburt", "ehe"], "geburt"),
        ("substanziell", ["niedrig", "substantiell"], "substantiell"),
        (" geburt ", ["geburt"], None),
        ("hund", ["katze", "maus"], None),
        ("ab", ["ac"], None),
        ("01", ["02", "03"], None),
        ("1", ["01", "02"], "01"),
        ("163", ["164"], None),
        ("", ["a"], None),
        ("x" * 100, ["x" * 99], None),
        (
            f"{ADDRESS}abschlusszeugnisq",
            [f"{ADDRESS}abgangszeugnis", f"{ADDRESS}abschlusszeugnis"],
            f"{ADDRESS}abschlusszeugnis",
        ),
        (f"{ADDRESS}abschluszeugnis", [f"{ADDRESS}abschlusszeugnis"], f"{ADDRESS}abschlusszeugnis"),
        (f"{ADDRESS}hund", [f"{ADDRESS}katze", f"{ADDRESS}maus"], None),
        ("urn:" + "x" * 100, [f"{ADDRESS}hund"], None),
        (f"{ADDRESS}hund{'d' * 70}", [f"{ADDRESS}hund", f"{ADDRESS}katze"], None),
    ],
)
def test_nearest_is_the_word_that_was_meant(wrong: str, known: list[str], expected: str | None) -> None:
    assert nearest(wrong, known) == expected


def test_nearest_takes_the_nearer_of_two() -> None:
    assert nearest("vertretr", ["vertreten", "vertreter"]) == "vertreter"


def test_nearest_ends_soon_whatever_it_is_given() -> None:
    started = time.perf_counter()
    nearest("x" * 64, (f"{'y' * 60}{number:04}" for number in range(100_000)))
    assert time.perf_counter() - started < 2
