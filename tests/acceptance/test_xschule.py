"""A published standard that nobody here wrote: XSchule's own messages travel over RabbitMQ and are decided.

Its schemas import shared types by absolute addresses, which the local catalogue resolves among the folders
beside it. Its messages have no header: metadata and `Idempotency-Key` stand in. `pytest -s -m material`
prints what became of each message.
"""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from lxml import etree
from rich.console import Console
from rich.table import Table
from structlog.testing import capture_logs

from adapters.kit.runner import build_runner
from gateway.broker import RabbitBroker
from gateway.xml import rueckkanal_read
from gateway.xml.parse import parse
from tests.acceptance.installation import (
    AUTHORITY,
    ROOT,
    SERVICE,
    START_S,
    Installation,
    one_office_config,
    secret_of,
    signed_in,
)
from tests.acceptance.school import School, digest_of_certificate
from tests.acceptance.town import FINAL, Letter, Mail
from tests.services import PostgreSQL, RabbitMQ
from tests.unit.test_bad_inputs import MATERIAL

PUBLISHED = MATERIAL / "standards"
NEEDED = ("xschule", "xbildung-1.2", "common")
__test__ = all((PUBLISHED / name).is_dir() for name in NEEDED)
pytestmark = pytest.mark.material

ALTERED = "(the first, with one element renamed)"
NAMESPACE = "http://xschule.digital/def/xschule/1.2/xsd"
_XSD = "{http://www.w3.org/2001/XMLSchema}"
TYPES_ONLY = {
    "xbildung-1.2": ("http://xbildung.de/def/xbildung/1.2/xsd", "xsd/xbildung.xsd"),
    "common": ("http://xoev.de/schemata/code/1_0", "xoev-code.xsd"),
}


@dataclass
class Way:
    """What became of one published message."""

    name: str
    body: bytes = field(repr=False)
    status: int
    answer: dict[str, Any] = field(repr=False)
    accepted_s: float
    decided_s: float | None = None
    letters: list[Letter] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        return self.status == httpx2.codes.ACCEPTED

    def verdict(self) -> str:
        """Say in a line what became of it."""
        if self.accepted:
            ended = self.letters[-1].type.rpartition(":")[2] if self.letters else "not decided"
            return f"valid → {ended}"
        finding = (self.answer["findings"] or [{"path": "/", "message": {"en": self.answer["detail"]}}])[0]
        return f"{self.answer['code']} {finding['path']}: {finding['message']['en']}"


@pytest.fixture(scope="module")
def ways(
    rabbitmq: RabbitMQ, postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Way]:
    """Every published message, posted to one gateway and followed to its decision."""
    folder = tmp_path_factory.mktemp("xschule")
    amqp_url, database_url = rabbitmq.create_vhost(), postgresql.create_database()
    town = Installation(
        folder / "town",
        config=one_office_config("xschule:*"),
        database_url=database_url,
        amqp_url=amqp_url,
        AMTSBOTE_STANDARDS=f"{_standards(folder / 'standards')},{ROOT / 'schemas'}",
    )
    try:
        town.migrate()
        with capture_logs():  # of the adapter, which runs in this process
            return asyncio.run(_travel(town, amqp_url))
    finally:
        town.close()
        rabbitmq.delete_vhost(amqp_url)
        postgresql.drop_database(database_url)


def _standards(folder: Path) -> Path:
    """Make standards of the published folders: one with messages, the others with types only."""
    for name in NEEDED:
        shutil.copytree(PUBLISHED / name, folder / name)
    for name, (namespace, entry) in TYPES_ONLY.items():
        _write_manifest(folder / name, name.partition("-")[0], namespace, entry, [])
    schema = etree.parse(folder / "xschule" / "xsd" / "xschule-nachweise.xsd").getroot()
    roots = [element.get("name", "") for element in schema.iterchildren(f"{_XSD}element")]
    _write_manifest(folder / "xschule", "xschule", NAMESPACE, "xsd/xschule.xsd", roots)
    return folder


def _write_manifest(folder: Path, name: str, namespace: str, entry: str, roots: list[str]) -> None:
    manifest = {
        "standard": name,
        "version": "1.2" if roots else "1",
        "title": {"de": name, "en": name},
        "namespace": namespace,
        "valid_from": "2025-01-01",
        "schemas": [entry],
        "header": {"profile": "none"},
        "message_types": [
            {"name": root, "root": root, "direction": "in", "title": {"de": root, "en": root}}
            for root in roots
        ],
    }
    (folder / "standard.yaml").write_text(yaml.safe_dump(manifest, allow_unicode=True), "utf-8")


async def _travel(town: Installation, amqp_url: str) -> dict[str, Way]:
    town.serve()
    await town.ready()
    messages = _published()
    async with _office(town, amqp_url) as school, town.portal("portal") as portal, Mail(portal) as mail:
        with signed_in(town, "portal") as http:
            ways = [await asyncio.to_thread(_post, http, name, body) for name, body in messages.items()]
            for way in filter(lambda way: way.accepted, ways):
                await _follow(way, mail)
            again = await asyncio.to_thread(_post, http, ways[0].name, ways[0].body)
    assert again.status == (httpx2.codes.OK if ways[0].accepted else ways[0].status)
    _print(ways)
    assert sorted(school.entries.values()) == sorted(way.body for way in ways if way.accepted)
    return {way.name: way for way in ways}


@asynccontextmanager
async def _office(town: Installation, amqp_url: str) -> AsyncIterator[School]:
    """Run the adapter on RabbitMQ, as a worker process would."""
    broker = RabbitBroker([amqp_url])
    await broker.start()
    async with httpx2.AsyncClient(base_url=town.url) as http:
        runner = build_runner(
            School,
            destination="office",
            options={},
            data_dir=town.folder / "office",
            store_url=f"sqlite:///{town.folder / 'office' / 'adapter.db'}",
            broker=broker,
            http=http,
            secret=secret_of("destination:office"),
        )
        await runner.start()
        assert isinstance(runner.adapter, School)
        try:
            yield runner.adapter
        finally:
            await runner.stop()
            await broker.close()


def _published() -> dict[str, bytes]:
    paths = sorted((PUBLISHED / "xschule" / "instances").glob("*.xml"))
    messages = {path.name: path.read_bytes() for path in paths}
    altered = (
        messages[paths[0].name]
        .replace(b"<xbd:titel>", b"<xbd:title>")
        .replace(b"/xbd:titel>", b"/xbd:title>")
    )
    return messages | {ALTERED: altered}


def _post(http: httpx2.Client, name: str, body: bytes) -> Way:
    metadata = json.dumps({"service": SERVICE, "authority": AUTHORITY, "channel": "online"})
    parts = [
        ("message", ("message.xml", body, "application/xml")),
        ("metadata", ("metadata.json", metadata.encode(), "application/json")),
    ]
    started = time.perf_counter()
    answer = http.post("/v1/submissions", files=parts, headers={"Idempotency-Key": name})
    return Way(name, body, answer.status_code, answer.json(), time.perf_counter() - started)


async def _follow(way: Way, mail: Mail) -> None:
    case_id = way.answer["case_id"]
    await mail.decided([case_id], START_S)
    way.letters = mail.letters[case_id]
    received_at = datetime.fromisoformat(way.answer["received_at"])
    way.decided_s = (mail.decisions(case_id)[0].created_at - received_at).total_seconds()


def _print(ways: list[Way]) -> None:
    table = Table("message", "bytes", "answer", "verdict", "accepted", "decided after")
    for way in ways:
        decided = f"{way.decided_s * 1000:.0f} ms" if way.decided_s is not None else "–"
        times = (f"{way.accepted_s * 1000:.0f} ms", decided)
        table.add_row(way.name, str(len(way.body)), str(way.status), way.verdict(), *times)
    Console(width=180).print(table)


def test_every_published_message_is_accepted(ways: dict[str, Way]) -> None:
    refused = {way.name: way.verdict() for way in ways.values() if not way.accepted}
    assert refused.keys() == {ALTERED}, refused


def test_message_that_differs_from_the_published_schema_is_refused_with_its_place(
    ways: dict[str, Way],
) -> None:
    assert ways[ALTERED].status == httpx2.codes.UNPROCESSABLE_CONTENT
    paths = [finding["path"] for finding in ways[ALTERED].answer["findings"]]
    assert paths == ["/xsc:schueler.abiturzeugnis.0002/xbd:title"]


def test_accepted_message_comes_back_decided_with_its_certificate(ways: dict[str, Way]) -> None:
    accepted = [way for way in ways.values() if way.accepted]
    assert accepted
    for way in accepted:
        (decision,) = [letter for letter in way.letters if letter.is_one_of(FINAL)]
        (named,) = rueckkanal_read.attachments(parse(decision.body))
        (certificate,) = decision.attachments
        assert named.sha256 == sha256(certificate).hexdigest() == digest_of_certificate()
