"""What operators see of standards: which end soon, and which clients of their tenants still send them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import insert, select, update

from gateway.contract.ids import new_id
from gateway.http.console import standards
from gateway.http.console.render import german_date as day
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.store.tables import messages
from tests.integration.console.operator import Browser, rows, tables
from tests.integration.http.portal import OTHER, PORTAL, Portal
from tests.unit.standards import served

PAGE = "/console/standards"
VERSIONS = "Versionen und wer sie sendet; was bald endet, zuerst"
OLD = "xurkunde:1.0:urkunde.anforderung.0101"


def ending(portal: Portal, folder: Path, until: int, grace_until: int | None = None) -> None:
    """Have xurkunde 1.0 end in so many days."""
    ends = {("xurkunde", "1.0"): (until, grace_until)}
    portal.service.catalogue = Catalogue.load([served.write(folder / "schemas", ends)])


async def received(portal: Portal, *clients: str, days_ago: int = 0, **changes: Any) -> None:
    """Have a submission of the old version come in from each of the clients, so many days ago."""
    accepted = await portal.submitted()
    own = messages.c.message_id == accepted["submission_id"]
    moved = {"message_type": OLD, "received_at": datetime.now(UTC) - timedelta(days=days_ago)} | changes
    async with portal.store.write() as connection:
        for client in clients:
            await connection.execute(update(messages).where(own).values(client=client, **moved))
            (row,) = (await connection.execute(select(messages).where(own))).mappings()
            if client != clients[-1]:
                again = {"message_id": new_id(), "sender_message_id": new_id(), "case_id": new_id()}
                await connection.execute(insert(messages).values(dict(row) | again))


async def seen(browser: Browser) -> dict[str, dict[str, str]]:
    table = tables(await browser.page(PAGE))[VERSIONS]
    return {" ".join(row["Standard"].split()[:2]): row for row in rows(table)}


def notices(page: Any) -> list[str]:
    return [" ".join(each.text_content().split()) for each in page.find_class("soon")]


async def test_title_that_has_no_translation_stands_once(
    portal: Portal, demo: Browser, tmp_path: Path
) -> None:
    """As in published standards."""
    schemas = served.write(tmp_path / "schemas", {})
    manifest = schemas / "xbasis" / "1.0" / "standard.yaml"
    title = yaml.safe_load(manifest.read_text("utf-8"))["title"]
    manifest.write_text(manifest.read_text("utf-8").replace(title["en"], title["de"]), "utf-8")
    portal.service.catalogue = Catalogue.load([schemas])
    assert (await seen(demo))["xbasis 1.0"]["Standard"] == f"xbasis 1.0 {title['de']}"


async def test_page_shows_every_version_what_ends_soon_first(
    portal: Portal, demo: Browser, tmp_path: Path
) -> None:
    ending(portal, tmp_path, 3, 20)
    shown = await seen(demo)
    assert list(shown) == [
        "xurkunde 1.0",
        "xbasis 1.0",
        "xgewerbe 1.0",
        "xparken 1.0",
        "xrueckkanal 1.0",
        "xurkunde 1.1",
    ]
    assert shown["xurkunde 1.0"] == {
        "Standard": "xurkunde 1.0 Amtsbote-Beispielstandard Urkundenanforderung "
        "Amtsbote sample standard: order of a civil status certificate",
        "Stand": "endet bald ends soon",
        "gültig ab": day(served.LONG_AGO),
        "bis (Stichtag)": day(served.in_days(3)),
        "mit Warnung bis": day(served.in_days(20)),
        "Nachrichtentypen": "2",
        "Clients in 30 Tagen, zuletzt": "–",
    }
    assert (shown["xurkunde 1.1"]["Stand"], shown["xurkunde 1.1"]["bis (Stichtag)"]) == (
        "bedient served",
        "–",
    )


async def test_page_shows_who_sent_a_version_lately(portal: Portal, demo: Browser) -> None:
    await portal.submitted()
    await received(portal, OTHER, PORTAL, days_ago=5)
    await received(portal, PORTAL, days_ago=28)
    await received(portal, OTHER, days_ago=31)
    shown = await seen(demo)
    again = await seen(demo)
    for each in (shown, again):
        assert each["xurkunde 1.0"]["Clients in 30 Tagen, zuletzt"] in (
            f"{OTHER} 1 × · vor 5 Tagen {PORTAL} 2 × · vor 5 Tagen",
            f"{PORTAL} 2 × · vor 5 Tagen {OTHER} 1 × · vor 5 Tagen",
        )
        assert each["xurkunde 1.1"]["Clients in 30 Tagen, zuletzt"].startswith(f"{PORTAL} 1 × · ")


async def test_what_comes_in_while_somebody_looks_is_counted(portal: Portal, demo: Browser) -> None:
    for count in (1, 2):
        await received(portal, PORTAL)
        await received(portal, PORTAL, received_at=datetime.now(UTC) - timedelta(hours=23))
        assert f"{PORTAL} {2 * count} ×" in (await seen(demo))["xurkunde 1.0"]["Clients in 30 Tagen, zuletzt"]


async def test_only_what_the_operators_tenants_got_is_counted(portal: Portal, demo: Browser) -> None:
    await received(portal, PORTAL, days_ago=2)
    own, foreign = Browser(portal.app), Browser(portal.app)
    await own.sign_in("muster")
    await foreign.sign_in("beispiel")
    counted = [
        (await seen(each))["xurkunde 1.0"]["Clients in 30 Tagen, zuletzt"] for each in (demo, own, foreign)
    ]
    assert [PORTAL in each for each in counted] == [True, True, False]
    await own.http.aclose()
    await foreign.http.aclose()


async def test_counting_goes_on_at_the_next_look_when_it_takes_long(
    portal: Portal, demo: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await received(portal, PORTAL, days_ago=10)
    monkeypatch.setattr(standards, "COUNT_FOR_S", -1.0)
    page = await demo.page(PAGE)
    assert notices(page)[0].startswith(f"Gezählt ist erst ab {day(served.in_days(-1))}.")
    assert PORTAL not in page.text_content()
    monkeypatch.setattr(standards, "COUNT_FOR_S", 60.0)
    page = await demo.page(PAGE)
    assert notices(page) == []
    assert PORTAL in page.text_content()
    monkeypatch.setattr(standards, "COUNT_FOR_S", -1.0)
    assert PORTAL in (await demo.page(PAGE)).text_content()


@pytest.mark.parametrize(
    ("until", "grace_until", "clients", "sentence"),
    [
        (30, None, [PORTAL], "1 Client sendet noch xurkunde 1.0, das am {} endet."),
        (0, 90, [PORTAL, OTHER], "2 Clients senden noch xurkunde 1.0, das am {} endet."),
        (
            -1,
            40,
            [PORTAL, OTHER],
            "2 Clients senden noch xurkunde 1.0, das am {} endete und nur noch bis {} mit Warnung "
            "angenommen wird.",
        ),
    ],
)
async def test_overview_says_that_clients_still_send_what_ends_soon(
    portal: Portal,
    demo: Browser,
    tmp_path: Path,
    until: int,
    grace_until: int | None,
    clients: list[str],
    sentence: str,
) -> None:
    ending(portal, tmp_path, until, grace_until)
    assert notices(await demo.page()) == []
    await received(portal, *clients)
    (notice,) = notices(await demo.page())
    german = sentence.format(day(served.in_days(until)), day(served.in_days(grace_until)))
    assert notice.startswith(german)
    assert notice.endswith("Wer? who?")


@pytest.mark.parametrize(("until", "grace_until"), [(31, 60), (-2, -1), (-1, None)])
async def test_overview_says_nothing_of_versions_that_end_later_or_have_ended(
    portal: Portal, demo: Browser, tmp_path: Path, until: int, grace_until: int | None
) -> None:
    ending(portal, tmp_path, until, grace_until)
    await received(portal, PORTAL)
    assert notices(await demo.page()) == []


async def test_overview_leads_to_the_standards(demo: Browser) -> None:
    assert (await demo.page()).xpath("//nav//@href") == [PAGE]
    stranger = Browser(demo.http._transport.app)
    assert (await stranger.get(PAGE)).headers["location"] == "/console/login"
    await stranger.http.aclose()


async def test_pages_say_that_standards_cannot_be_used_while_it_is_so(portal: Portal, demo: Browser) -> None:
    for path in (PAGE, "/console"):
        assert "kann nicht verwendet werden" not in (await demo.get(path)).text
    portal.service.catalogue = Catalogue.load([data_folder("schemas")])
    portal.service.catalogue.fault = "schemas/x/1/standard.yaml:\n  <colour>: unknown key (line 7)"
    page = await demo.page(PAGE)
    (notice,) = page.find_class("notice")
    assert notice.get("role") == "alert"
    said = notice.text_content()
    assert "kann nicht verwendet werden" in said
    assert "cannot be used" in said
    assert "<colour>: unknown key (line 7)" in said
    (warning,) = (await demo.page("/console")).find_class("notice")
    assert "cannot be used" in warning.text_content()
    assert warning.xpath(".//a/@href") == [PAGE]
