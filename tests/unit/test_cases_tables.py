"""The tables beside the samples: what becomes of each file as far as message and attachments decide.

What needs metadata or routes is decided by the intake; the catalogue accepts such a message.
"""

import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.errors import Problem
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.xml.attachments import Sent

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
    "attachment-mismatch",
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
    pytest.param(FIXTURES / standard, case, id=f"{standard}/{case['file']}")
    for standard, cases in TABLES.items()
    for case in cases
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load([data_folder("schemas")])


def sent(path: Path) -> Sent:
    data = path.read_bytes()
    return Sent(sha256(data).hexdigest(), len(data), "application/octet-stream", path.name)


def outcome(catalogue: Catalogue, body: bytes, attachments: list[Sent]) -> Any:
    try:
        catalogue.read(body, today=TODAY, sent=attachments)
    except Problem as problem:
        return {
            "problem": problem.type,
            "code": str(problem.code),
            "findings": [{"code": finding.code, "path": finding.path} for finding in problem.findings],
        }
    return "accepted"


@pytest.mark.parametrize(("folder", "case"), CASES)
def test_sample_has_the_outcome_of_its_table(catalogue: Catalogue, folder: Path, case: Any) -> None:
    attachments = [sent(folder / name) for name in case.get("attachments", [])]
    expected = case["expect"]
    if expected != "accepted" and expected["problem"] not in OF_THE_MESSAGE:
        expected = "accepted"
    assert outcome(catalogue, (folder / case["file"]).read_bytes(), attachments) == expected


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
