"""Every queue has a consumer, and what passes through leaves no personal data in the logs."""

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import structlog
import yaml

from gateway.bootstrap import Parts, adapter_class, running_gateway, secret_files
from gateway.broker import topology
from gateway.broker.topology import Topology
from gateway.config import load_config
from gateway.contract.ids import new_id
from gateway.portal import Portal, PortalError, read_file
from gateway.settings import Settings, data_folder, read_secret
from gateway.store.migrate import migrate
from tests.unit.backchannel.world import poll

FIXTURES = data_folder("fixtures")
DEMO = FIXTURES / "demo" / "config.yaml"
PERSONAL = (
    *("familienname", "geburtsname", "vornamen", "rufname", "jahrMonatTag", "strasse", "kennzeichen"),
    *("dateiname", "registernummer", "transaktion", "text", "gegenstand", "betreff"),
)


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[Parts]:
    """Run the demo's gateway with all its adapters; the clerks' pages stay closed."""
    config = yaml.safe_load(DEMO.read_text(encoding="utf-8"))
    for destination in config["destinations"]:
        destination.get("options", {}).pop("page_port", None)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    settings = Settings(config=path, var=folder / "var")
    for secret in secret_files(settings, load_config(path)):
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text(f"{secret.name}-0123456789abcdef", encoding="utf-8")
    migrate(settings.store_url)
    async with running_gateway(settings) as parts:
        yield parts


@asynccontextmanager
async def portal_of(parts: Parts) -> AsyncIterator[Portal]:
    secret = read_secret(parts.settings.secrets / "clients" / "demo-portal")
    async with Portal("http://gateway", "demo-portal", secret) as portal:
        await portal._http.aclose()
        portal._http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=parts.app), base_url="http://gateway"
        )
        yield portal


async def test_every_queue_has_a_consumer_when_the_gateway_runs(tmp_path: Path) -> None:
    async with demo(tmp_path) as parts:
        depths = await parts.broker.depths()
        declared = {queue.name for queue in Topology().queues(parts.config.destination)}
        assert {depth.queue for depth in depths} == declared
        assert {topology.REPORTS, topology.DEAD} <= declared
        assert [depth.queue for depth in depths if not depth.consumers] == []
        assert {each.destination for each in depths if each.destination} == set(parts.config.destination)


def test_every_destination_of_the_demo_has_an_adapter_that_is_installed() -> None:
    for destination in load_config(DEMO).destinations:
        assert adapter_class(destination.adapter)


def test_every_queue_is_bound_to_an_exchange_that_is_declared() -> None:
    for queue in Topology().queues(["a", "b"]):
        assert queue.exchange in topology.EXCHANGES
        dead = queue.arguments.get("x-dead-letter-exchange")
        assert dead in {None, *topology.EXCHANGES}


# --- logs


def sample(path: str) -> bytes:
    body = (FIXTURES / path).read_text(encoding="utf-8")
    return re.sub(r"(<nachrichtenUUID>)[^<]*", rf"\g<1>{new_id()}", body).encode()


def personal(body: bytes) -> set[str]:
    """Return what a message says of persons: whole texts, and each longer word of them."""
    texts = set()
    for element in PERSONAL:
        texts.update(re.findall(rf"<(?:\w+:)?{element}>([^<]{{3,}})<", body.decode("utf-8", "replace")))
    words = {word for text in texts for word in re.findall(r"[^\W\d_]{7,}", text)}
    return texts | words


# The words of our own log lines: a sample's text may use them too.
_ORDINARY = {"Urkunde", "Eheurkunde", "Geburtsurkunde"}


async def test_logs_hold_no_personal_data_of_what_passes_through(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    accepted = [
        ("xurkunde/1.1/valid/01-geburtsurkunde-zwei-staatsangehoerigkeiten.xml", []),
        (
            "xurkunde/1.1/valid/03-bevollmaechtigter-mit-vollmacht.xml",
            ["xurkunde/1.1/anlagen/vollmacht-quandt.pdf", "xurkunde/1.1/anlagen/ausweis-quandt.png"],
        ),
        ("xparken/1.0/valid/01-neu-online.xml", []),
    ]
    refused = 0
    said: set[str] = set()
    with structlog.testing.capture_logs() as logs:
        async with demo(tmp_path) as parts, portal_of(parts) as portal:
            cases = set()
            for path, files in accepted:
                body = sample(path)
                said |= personal(body) | {Path(name).name for name in files}
                answer = await portal.submit(body, files=[read_file(FIXTURES / name) for name in files])
                cases.add(answer["case_id"])
            for path in sorted(FIXTURES.glob("xurkunde/1.1/invalid/*.xml")):
                said |= personal(path.read_bytes())
                try:
                    await portal.submit(path.read_bytes())
                except PortalError:
                    refused += 1
            await poll(lambda: cases <= _dealt_with(logs))
            page = await portal.mailbox()
    events = {each["event"] for each in logs}
    assert {"submission_accepted", "report_taken"} <= events
    assert page["items"]
    assert refused > 10
    assert len(said) > 30
    lines = [str(each) for each in logs] + [caplog.text]
    found = {text for text in said - _ORDINARY if any(text in line for line in lines)}
    assert found == set()


def _dealt_with(logs: list[dict[str, object]]) -> set[object]:
    """Return the cases in which the lead has said something."""
    return {
        each["case_id"]
        for each in logs
        if each["event"] == "report_taken" and str(each["type"]).startswith("case.")
    }
