"""The operator guide in both languages: the same commands, codes and settings, section by section."""

import re
from itertools import zip_longest
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_NAMES = re.compile(r"`(?:amtsbote[ _.][a-z_. ]*[a-z]|AMTSBOTE_\w+|[a-z]+(?:_[a-z]+)+|/[a-z]+)`")


def named(guide: str) -> list[set[str]]:
    text = (DOCS / guide).read_text(encoding="utf-8")
    return [set(_NAMES.findall(section)) for section in re.split(r"^## ", text, flags=re.MULTILINE)]


def test_both_languages_name_the_same_in_the_same_sections() -> None:
    german, english = named("operator-guide.md"), named("operator-guide.en.md")
    assert sum(map(len, german)) > 60
    assert [(a or set()) ^ (b or set()) for a, b in zip_longest(german, english)] == [set()] * len(german)
