"""The table of broken messages: what is said of each, word for word; see tests/unit/broken/messages.yaml."""

import datetime
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from lxml import etree

from gateway.contract.findings import Finding, Findings
from gateway.errors import Problem
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.xml.parse import parse
from gateway.xml.validate import Documents, Schema

FOLDER = Path(__file__).parent / "broken"
ROWS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "messages.yaml").read_text("utf-8"))
TODAY = datetime.date(2026, 6, 1)
PROBE = Schema(Documents("probe.xsd", {"probe.xsd": (FOLDER / "probe.xsd").read_bytes()}), {})
CATALOGUE = Catalogue.load([data_folder("schemas")])


def base_of(row: dict[str, Any]) -> Path:
    if row["base"] == "probe":
        return FOLDER / "probe.xml"
    standard, version, start = row["base"].split("/")
    (path,) = (data_folder("fixtures") / standard / version / "valid").glob(f"{start}*")
    return path


def broken(row: dict[str, Any]) -> bytes:
    text = base_of(row).read_text("utf-8")
    for old, new in row["change"]:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text.encode()


def look_at(row: dict[str, Any], body: bytes) -> tuple[Finding, ...]:
    if row["base"] == "probe":
        found: Findings = PROBE.find(parse(body), body)
        return found.shown
    try:
        return CATALOGUE.read(body, today=TODAY).warnings.shown
    except Problem as problem:
        return tuple(problem.findings)


def as_row(finding: Finding, expected: dict[str, Any]) -> dict[str, Any]:
    """Write a finding as the table has it."""
    row: dict[str, Any] = {"code": finding.code}
    if finding.severity != "error":
        row["severity"] = str(finding.severity)
    row |= {
        "path": finding.path,
        "at": f"{finding.line}:{finding.column}",
        "de": finding.message.de,
        "en": finding.message.en,
    }
    if finding.hint:
        row["hint"] = [finding.hint.de, finding.hint.en]
    if "documentation" in expected:
        row["documentation"] = finding.documentation
    return row


def test_table_has_many_rows_of_different_faults() -> None:
    names = [row["fault"] for row in ROWS]
    assert len(names) == len(set(names)) >= 100


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["fault"])
def test_broken_message_is_explained_word_for_word(row: dict[str, Any]) -> None:
    found = look_at(row, broken(row))
    expected = row["findings"] + [{}] * (len(found) - len(row["findings"]))
    assert [as_row(*pair) for pair in zip(found, expected, strict=True)] == row["findings"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["fault"])
def test_place_is_the_start_tag_or_attribute_that_the_path_selects(row: dict[str, Any]) -> None:
    body = broken(row)
    for finding in look_at(row, body):
        assert finding.line
        assert finding.column
        if finding.path == "/":
            continue
        (node,) = etree.fromstring(body).getroottree().xpath(finding.path, namespaces=finding.namespaces)
        text = body.decode().split("\n")[finding.line - 1][finding.column - 1 :]
        if isinstance(node, etree._Element):
            local = etree.QName(node).localname
            name = f"{node.prefix}:{local}" if node.prefix else local
            assert text.startswith(f"<{name}")
        else:
            local = etree.QName(node.attrname).localname
            assert re.match(rf"""(?:[\w.-]+:)?{local}=["']{re.escape(node)}["']""", text)
        assert set(finding.namespaces) == {
            step.lstrip("@").partition(":")[0] for step in finding.path.split("/") if ":" in step
        }


@pytest.mark.parametrize("row", [row for row in ROWS if not row.get("listed")], ids=lambda row: row["fault"])
def test_finding_never_repeats_the_value_it_is_about(row: dict[str, Any]) -> None:
    body = broken(row)
    for finding in look_at(row, body):
        if finding.path == "/":
            continue
        (node,) = etree.fromstring(body).getroottree().xpath(finding.path, namespaces=finding.namespaces)
        value = str(node) if isinstance(node, str) else (node.text or "").strip()
        said = f"{finding.message} {finding.hint} {finding.documentation}"
        assert len(value) < 3 or not re.search(rf"\b{re.escape(value)}\b", said)
