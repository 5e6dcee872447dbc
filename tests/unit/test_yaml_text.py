"""What is said of a `standard.yaml` and of a configuration: place and remedy, in words of people."""

import copy
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import load_config
from gateway.errors import ConfigurationError
from gateway.settings import data_folder, load_settings
from gateway.standards.manifest import read_manifest

STANDARD: dict[str, Any] = {
    "standard": "probe",
    "version": "1.0",
    "identifier": "urn:example:probe",
    "title": {"de": "Probe", "en": "Probe"},
    "namespace": "urn:example:probe:1.0",
    "valid_from": date(2026, 1, 1),
    "valid_until": date(2026, 6, 30),
    "grace_until": date(2026, 12, 31),
    "schemas": ["probe.xsd"],
    "gaps": [{"namespace": "urn:gap", "location": "gap.xsd"}],
    "header": {"standard": "p", "version": "1", "profile": "none", "xpaths": {"version": "@version"}},
    "namespaces": {"p": "urn:example:probe:1.0"},
    "code_lists": [{"file": "list.xml", "closed": True}],
    "closed_code_lists": False,
    "rules": [{"file": "a.sch", "message_types": ["a"], "phase": "b", "severity": {"R1": "warning"}}],
    "conversions": [{"to": "1.1", "file": "to.xsl", "drops": ["a"]}],
    "reject_list": {"uri": "urn:list", "version": "1"},
    "message_types": [
        {
            "name": "a",
            "root": "a",
            "namespace": "urn:other",
            "match": "true()",
            "accept": "true()",
            "code": "1",
            "direction": "in",
            "title": {"de": "A", "en": "A"},
        }
    ],
}
CONFIGURATION = yaml.safe_load((data_folder("fixtures") / "demo" / "config.yaml").read_text("utf-8"))
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
ODD: list[Any] = [None, 7, "ä:?", [], [None], {"odd": 1}, {7: 7}]
RAW = re.compile(
    r"\b(should|Input|input|pydantic|Errno|validation|instance|dictionary|pattern '|Value error)\b"
)
"""What only those who wrote the libraries say so."""


def places(content: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """List where something stands, the first of each list only."""
    yield path
    steps: Iterable[str | int] = ()
    if isinstance(content, dict):
        steps = content
    elif isinstance(content, list):
        steps = range(min(len(content), 1))
    for step in steps:
        yield from places(content[step], (*path, step))


def changed(content: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    new = place = copy.deepcopy(content)
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return new


def told(read: Callable[[Path], object], file: Path, content: Any) -> list[str]:
    file.write_text(yaml.dump(content, Dumper=DUMPER, allow_unicode=True), "utf-8")
    try:
        read(file)
    except ConfigurationError as error:
        return error.detail.splitlines()
    return []


@pytest.mark.parametrize(
    ("read", "content"), [(read_manifest, STANDARD), (load_config, CONFIGURATION)], ids=["standard", "config"]
)
def test_fault_is_said_with_place_and_line_when_any_value_is_odd(
    tmp_path: Path, read: Callable[[Path], object], content: dict[str, Any]
) -> None:
    file, wrong = tmp_path / "a.yaml", []
    assert told(read, file, content) == []
    for path in places(content):
        for value in ODD:
            first, *lines = told(read, file, changed(content, path, value)) or [f"{file}:"]
            lines_fit = all(re.match(r"  [^ ].*: .* \(line \d+\)$", each) for each in lines)
            if not (str(file) in first and lines_fit and not any(map(RAW.search, lines))):
                wrong.append((path, value, lines))
    assert wrong == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("versoin",), "1.0", "versoin: unknown key; did you mean version?"),
        (("title", "en"), None, "title.en: must be text; nothing stands there"),
        (("title",), {"de": "Probe"}, "title.en: is missing"),
        (("version",), 1.0, "version: must be text; write it in quotes"),
        (("standard",), "Probe", "standard: 'Probe' is no name of a standard: write lower-case letters"),
        (("schemas",), "probe.xsd", "schemas: must be a list"),
        (("schemas",), [], "schemas: must name the schema files of the message types"),
        (("namespaces",), {"1p": "urn:x"}, "namespaces.1p: '1p' is no prefix: write letters"),
        (
            ("message_types", 0, "direction"),
            "up",
            "message_types[0].direction: must be 'in', 'back' or 'both'",
        ),
        (("message_types", 0, "adress"), "x", "message_types[0].adress: unknown key; there are name, root,"),
        (("header", "profil"), "none", "header.profil: unknown key; did you mean profile?"),
        (("rules", 0, "message_types"), ["b"], "rules[0].message_types: no message type is called b"),
        (("valid_until",), date(2025, 1, 1), "valid_until: 2025-01-01 lies before valid_from, 2026-01-01"),
        (("valid_until",), None, "grace_until: follows the last day (valid_until), and there is none"),
        ((), "just words", "the file: must hold keys, each written as `key: value`"),
    ],
)
def test_standard_is_refused_in_a_sentence_that_says_what_to_write(
    tmp_path: Path, path: tuple[str | int, ...], value: Any, said: str
) -> None:
    first, line = told(read_manifest, tmp_path / "standard.yaml", changed(STANDARD, path, value))
    assert first == f"{tmp_path / 'standard.yaml'}:"
    assert line.strip().startswith(said)


def test_standard_is_refused_by_the_line_that_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "standard.yaml"
    lines = yaml.safe_dump(STANDARD, sort_keys=False).splitlines()
    number = 1 + next(i for i, each in enumerate(lines) if "direction: in" in each)
    file.write_text("\n".join(lines).replace("direction: in", "direction: up"), "utf-8")
    with pytest.raises(ConfigurationError, match=rf"direction: .* \(line {number}\)$"):
        read_manifest(file)


def test_standard_that_is_not_there_is_said_without_numbers(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_manifest(tmp_path / "standard.yaml")
    assert refused.value.detail == f"{tmp_path / 'standard.yaml'}: No such file or directory"


def test_setting_is_refused_in_the_same_words() -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(port="http")
    assert refused.value.detail == "AMTSBOTE_PORT: must be a whole number"


def test_fault_of_a_file_that_one_loader_alone_can_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "standard.yaml"
    path.write_text("standard: x\nversion: \t\n", "utf-8")
    with pytest.raises(ConfigurationError, match="version: must be text"):
        read_manifest(path)
