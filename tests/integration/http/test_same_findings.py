"""Whoever judges a message says the same: catalogue, both calls of HTTP, and the command line."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from gateway.cli import app
from gateway.contract.states import Direction
from gateway.domain.calendar import today
from gateway.errors import Problem
from gateway.portal import File, read_file
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.xml.attachments import Sent
from tests.integration.http.portal import Portal
from tests.unit.test_broken_messages import ROWS, broken

FIXTURES = data_folder("fixtures")
CATALOGUE = Catalogue.load([data_folder("schemas")])
ELSEWHERE = {"no-route", "metadata-mismatch", "not-authorised", "trust-level-too-low", "duplicate-message-id"}
"""What only the gateway can find: whose message it is, and where it would go."""


@dataclass(frozen=True)
class Case:
    """A message with what comes along."""

    name: str
    body: bytes
    files: tuple[Path, ...] = ()
    metadata: str | None = None


def broken_messages() -> Iterator[Case]:
    """Every row of the table of broken messages, without the attachments that some name."""
    return (Case(row["fault"], broken(row)) for row in ROWS if row["base"] != "probe")


def samples() -> Iterator[Case]:
    """Every sample with its attachments, and those that have some without."""
    for table in sorted(FIXTURES.glob("*/*/cases.yaml")):
        for row in yaml.safe_load(table.read_text("utf-8")):
            path = table.parent / row["file"]
            metadata = json.dumps(row["metadata"]) if "metadata" in row else None
            files = tuple(table.parent / name for name in row.get("attachments", []))
            yield Case(str(path.relative_to(FIXTURES)), path.read_bytes(), files, metadata)
            if files:
                yield Case(f"{path.relative_to(FIXTURES)}, bare", path.read_bytes(), (), metadata)


def from_catalogue(case: Case) -> tuple[str | None, Any]:
    files = [read_file(path) for path in case.files]
    sent = [Sent(sha256(each.data).hexdigest(), len(each.data), each.media_type, each.name) for each in files]
    try:
        incoming = CATALOGUE.read(case.body, today=today(), sent=sent)
    except Problem as problem:
        return problem.type, [each.model_dump(mode="json") for each in problem.findings]
    if incoming.message_type.direction is Direction.BACK:
        return "unknown-message-type", None  # the one thing that intake adds to the message itself
    return None, [each.model_dump(mode="json") for each in incoming.warnings.shown]


def from_command_line(case: Case, folder: Path) -> tuple[str | None, Any]:
    path = folder / "message.xml"
    path.write_bytes(case.body)
    attached = [part for file in case.files for part in ("--attach", str(file))]
    done = CliRunner().invoke(app, ["validate", str(path), "--json", *attached])
    assert done.exception is None or isinstance(done.exception, SystemExit), case.name
    return of_document(json.loads(done.stdout))


async def from_http(portal: Portal, path: str, case: Case) -> tuple[str | None, Any]:
    parts: list[Any] = [("message", ("message.xml", case.body, "application/xml"))]
    if case.metadata:
        parts.append(("metadata", ("metadata.json", case.metadata.encode(), "application/json")))
    files: list[File] = [read_file(each) for each in case.files]
    parts += [("attachment", (each.name, each.data, each.media_type)) for each in files]
    return of_document((await portal.post(path, files=parts)).json())


def of_document(document: dict[str, Any]) -> tuple[str | None, Any]:
    kind = document["type"].removeprefix("/problems/") if "title" in document else None
    return kind, document.get("findings", [])


@pytest.mark.parametrize("cases", [broken_messages, samples])
async def test_findings_are_the_same_whoever_judges_a_message(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cases: Any
) -> None:
    # Compiling every standard anew for each of some hundred commands would take minutes.
    monkeypatch.setattr(Catalogue, "load", classmethod(lambda *_: CATALOGUE))
    differing, compared = {}, 0
    for case in cases():
        expected = from_catalogue(case)
        commanded = await asyncio.to_thread(from_command_line, case, tmp_path)
        answers = {
            "command line": commanded,
            "validate": await from_http(portal, "/v1/validate", case),
            "submissions": await from_http(portal, "/v1/submissions", case),
        }
        if expected[1] is None:
            expected = expected[0], commanded[1]
        if expected[0] is None:
            answers = {name: each for name, each in answers.items() if each[0] not in ELSEWHERE}
        compared += len(answers)
        if wrong := {name: each for name, each in answers.items() if each != expected}:
            differing[case.name] = (expected, wrong)
    assert differing == {}
    assert compared > 150
