"""The console of a gateway that runs: its own adapters, real samples, and nothing of what they contain."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lxml import html

from gateway.bootstrap import Parts, running_gateway, secret_files
from gateway.config import load_config
from gateway.demo.samples import Sample, load_samples
from gateway.settings import Settings, data_folder
from gateway.store.migrate import migrate
from tests.integration.console.operator import Browser, rows, secret_of, tables
from tests.integration.http.portal import PORTAL, Portal
from tests.integration.http.portal import secret_of as secret_of_caller

WITHIN_S = 60
SAMPLES = (
    "xparken 1.0 01-neu-online",
    "xparken 1.0 05-leasingwagen-mit-ueberlassung",
    "xurkunde 1.1 03-bevollmaechtigter-mit-vollmacht",
)
STEPS = ("Vorgang in Bearbeitung case in progress", "Vorgang entschieden case decided")
PERSONAL = (
    "familienname|geburtsname|vornamen|rufname|strasse|jahrMonatTag|kennzeichen|registernummer|"
    "begruendung|verwendungszweck|dateiname|beschreibung|text"
)
_VALUE = re.compile(rf"<(?:\w+:)?(?:{PERSONAL})>([^<]{{4,}})</")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Parts]:
    """Everything in this process: SQLite, the in-process broker, the demo's adapters."""
    config = yaml.safe_load((data_folder("fixtures") / "demo" / "config.yaml").read_text(encoding="utf-8"))
    for destination in config["destinations"]:
        destination.get("options", {}).pop("page_port", None)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    settings = Settings(var=tmp_path, config=tmp_path / "config.yaml")
    for path in secret_files(settings, load_config(settings.config)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secret_of(path.name) if path.parent.name == "operators" else _secret_of(path))
    migrate(settings.store_url)
    async with running_gateway(settings) as parts:
        yield parts


def _secret_of(path: Path) -> str:
    return secret_of_caller(f"destination:{path.name}" if path.parent.name == "destinations" else path.name)


async def post(portal: Portal, sample: Sample) -> dict[str, Any]:
    parts = [("message", ("message.xml", sample.body, "application/xml"))]
    parts += [("attachment", (each.name, each.data, each.media_type)) for each in sample.files]
    answer = await portal.post("/v1/submissions", files=parts, caller=PORTAL)
    assert answer.status_code == 202, answer.text
    accepted: dict[str, Any] = answer.json()
    return accepted


async def all_quiet(browser: Browser) -> Any:
    """Look at the overview until every case is decided and nothing is on its way."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            page = await browser.page("/console?refresh=off")
            seen = tables(page)
            decided = all(row["Vorgang"].startswith("entschieden") for row in rows(seen["Letzte Eingänge"]))
            busy = [row for row in _destinations(page) if (row["wartet"], row["unterwegs"]) != ("0", "0")]
            if decided and not busy:
                return page
            await asyncio.sleep(0.2)


def _destinations(page: Any) -> list[dict[str, str]]:
    return rows(tables(page)["Ziele und ihre Warteschlangen"])


async def test_console_shows_how_samples_travel_and_nothing_that_they_contain(running: Parts) -> None:
    found = load_samples(data_folder("fixtures"), running.app.state.service.catalogue)
    samples = [each for each in found if each.name in SAMPLES]
    assert len(samples) == len(SAMPLES)
    portal, browser = Portal(running.app, running.app.state.service), Browser(running.app)
    await browser.sign_in("demo")
    accepted = [await post(portal, each) for each in samples]
    overview = await all_quiet(browser)
    assert {row["Verbraucher"] for row in _destinations(overview)} == {"1"}
    assert {row["gescheitert"] for row in _destinations(overview)} == {"0"}
    pages = [overview, *[await browser.page(f"/console/cases/{each['case_id']}") for each in accepted]]
    for page in pages[1:]:
        happened = [row["Ereignis"] for row in rows(tables(page)["Verlauf"])]
        assert happened[0] == "Eingang angenommen submission accepted"
        order = [
            happened.index(f"Vorgang {step}")
            for step in ("in Bearbeitung case in progress", "entschieden case decided")
        ]
        assert order == sorted(order)
        (number,) = {row["Wert"] for row in rows(tables(page)["Aktenzeichen"])}
        assert (await browser.search(number)).status_code == 303
    pages.append(await browser.page("/console/standards"))
    shown = "\n".join(html.tostring(page, encoding="unicode") for page in pages)
    contained = {value for each in samples for value in _VALUE.findall(each.body.decode())}
    contained |= {file.name for each in samples for file in each.files}
    assert len(contained) > 10
    assert [value for value in sorted(contained) if value in shown] == []
    await browser.http.aclose()
    await portal.http.aclose()
