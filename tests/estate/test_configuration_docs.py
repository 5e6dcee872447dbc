"""The reference of the configuration: it names every setting and every key, with the defaults that hold."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from gateway.config import Config, Grant
from gateway.settings import Settings

TEXT = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line[:1] == "|"
]
PARTS: dict[str, Any] = dict(Config.model_fields)
NUMBERS = [name for name, field in Settings.model_fields.items() if isinstance(field.default, int | float)]


def names(cell: str) -> list[str]:
    """List what a cell sets in code."""
    return re.findall(r"`([^`]+)`", cell)


def keys() -> dict[str, dict[str, bool]]:
    """Part → the keys its rows name → whether the key must be given."""
    found: dict[str, dict[str, bool]] = {}
    part = ""
    for first, second, *_ in ROWS:
        part = names(first)[0] if names(first) else part
        if part in PARTS:
            found.setdefault(part, {}).update({key: f"**`{key}`**" in second for key in names(second)})
    return found


def settings() -> dict[str, str]:
    """Setting → the default its row gives."""
    return {
        name: value
        for first, second, *_ in ROWS
        if first.startswith("`AMTSBOTE_")
        for name, value in zip(names(first), second.split(", "), strict=len(names(first)) > 1)
    }


def model_of(part: str) -> type[BaseModel]:
    model: type[BaseModel] = get_args(PARTS[part].annotation)[0]
    return model


@pytest.mark.parametrize("part", PARTS)
def test_every_key_of_a_part_is_named_and_marked_when_it_must_be_given(part: str) -> None:
    fields = model_of(part).model_fields | (Grant.model_fields if part == "clients" else {})
    assert keys()[part] == {name: field.is_required() for name, field in fields.items()}


def test_part_is_marked_when_it_must_be_given() -> None:
    marked = {name for row in ROWS for name in re.findall(r"^\*\*`(\w+)`", row[0])}
    assert marked == {name for name, field in PARTS.items() if field.is_required()}


def test_every_setting_is_named_once_and_no_other() -> None:
    assert set(settings()) == {f"AMTSBOTE_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"AMTSBOTE_[A-Z_]+", TEXT)) <= set(settings())


@pytest.mark.parametrize(
    "name", [n for n, f in Settings.model_fields.items() if isinstance(f.default, int | float)]
)
def test_default_of_a_number_is_the_one_that_holds(name: str) -> None:
    assert settings()[f"AMTSBOTE_{name.upper()}"].strip("`") == str(Settings.model_fields[name].default)


def test_every_link_between_the_guides_leads_to_a_file() -> None:
    folder = Path(__file__).parents[2] / "docs"
    for guide in folder.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", guide.read_text(encoding="utf-8")):
            assert (folder / target).exists(), f"{guide.name}: {target}"
