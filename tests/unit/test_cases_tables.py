"""The tables beside the samples: what becomes of each file as far as the message alone decides.

What needs metadata, attachments or routes is decided by the intake; the catalogue accepts such a message.
"""

import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.errors import Problem
from gateway.settings import data_folder
from gateway.standards import Catalogue

TODAY = datetime.date(2026, 6, 1)
FIXTURES = data_folder("fixtures")
# Problems that the catalogue can raise.
OF_THE_MESSAGE = {
    "malformed-xml",
    "not-utf8",
    "forbidden-xml",
    "schema-violation",
    "code-list-violation",
    "rule-violation",
    "version-not-served",
    "unknown-message-type",
}
APPLICATION_STANDARDS = {"xurkunde/1.0", "xurkunde/1.1", "xparken/1.0", "xgewerbe/1.0"}


def table(path: Path) -> list[dict[str, Any]]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


TABLES = {
    path.parent.relative_to(FIXTURES).as_posix(): table(path)
    for path in sorted(FIXTURES.glob("*/*/cases.yaml"))
}
CASES = [
    pytest.param(FIXTURES / standard / case["file"], case["expect"], id=f"{standard}/{case['file']}")
    for standard, cases in TABLES.items()
    for case in cases
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load([data_folder("schemas")])


def outcome(catalogue: Catalogue, body: bytes) -> Any:
    try:
        catalogue.read(body, today=TODAY)
    except Problem as problem:
        return {
            "problem": problem.type,
            "code": str(problem.code),
            "findings": [{"code": finding.code, "path": finding.path} for finding in problem.findings],
        }
    return "accepted"


@pytest.mark.parametrize(("file", "expected"), CASES)
def test_sample_has_the_outcome_of_its_table(catalogue: Catalogue, file: Path, expected: Any) -> None:
    if expected != "accepted" and expected["problem"] not in OF_THE_MESSAGE:
        expected = "accepted"
    assert outcome(catalogue, file.read_bytes()) == expected


def test_tables_cover_every_application_standard() -> None:
    for standard in APPLICATION_STANDARDS:
        expectations = [case["expect"] for case in TABLES[standard]]
        assert expectations.count("accepted") >= 6, standard
        assert len(expectations) - expectations.count("accepted") >= 10, standard


def test_tables_name_every_sample() -> None:
    for standard, cases in TABLES.items():
        files = {
            path.relative_to(FIXTURES / standard).as_posix() for path in FIXTURES.glob(f"{standard}/*/*.xml")
        }
        assert files == {case["file"] for case in cases}, standard


def test_catalogue_compiles_every_standard(catalogue: Catalogue) -> None:
    catalogue.check()
    names = {f"{item.manifest.standard}/{item.manifest.version}" for item in catalogue.standards}
    assert names >= {*APPLICATION_STANDARDS, "xbasis/1.0", "xrueckkanal/1.0"}
