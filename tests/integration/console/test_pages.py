"""What operators see: their tenants' queues, submissions and cases; never what a message contains."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from lxml import html

import gateway
from gateway.backchannel import ReportIntake
from gateway.backchannel.docket import work_on
from gateway.broker import Outcome
from gateway.contract.ids import new_id
from gateway.contract.report import Failed, FailureKind, Report, ReportType
from gateway.contract.states import (
    CaseStatus,
    CitizenStatus,
    DeliveryState,
    FindingKind,
    Role,
    SubmissionStatus,
)
from gateway.delivery import Relay
from gateway.http.console import submissions
from gateway.http.console.render import POLICY, age, duration, moment, size
from gateway.http.console.words import word
from gateway.standards.phase import Phase
from tests.integration.console.operator import Browser, rows, tables
from tests.integration.http.portal import LEAD, Portal

COPY = "dms-musterstadt"
NOBODYS = "01900000-0000-7000-8000-000000000000"
MARKUP = "<script>alert('Zeichen')</script>"
DESTINATIONS, SUBMISSIONS = "Ziele und ihre Warteschlangen", "Letzte Eingänge"
OLDER = "Die neuesten zuerst"
FINDINGS = "Offene Befunde: hier muss jemand handeln"


async def relay(portal: Portal) -> None:
    """Send what is due to the lead, as the relay does."""
    service = portal.service
    await service.broker.declare(service.config.destination)
    await Relay(service.config, service.converter, service.store, service.broker, service.settings).send_due(
        service.config.destination[LEAD]
    )


async def fail(portal: Portal, accepted: dict[str, Any]) -> None:
    """Have the lead report that it cannot do it."""
    report = Report(
        report_id=new_id(),
        type=ReportType.DELIVERY_FAILED,
        destination=LEAD,
        case_id=accepted["case_id"],
        delivery_id=await portal.delivery_of(accepted["submission_id"]),
        attempt=1,
        created_at=datetime.now(UTC),
        body=Failed(kind=FailureKind.PERMANENT, reason="x").model_dump_json().encode(),
    )
    service = portal.service
    intake = ReportIntake(service.config, service.catalogue, service.store)
    assert await intake.handle(report.to_message()) is Outcome.ACK


async def add_reference(portal: Portal, accepted: dict[str, Any], kind: str, value: str) -> None:
    config, case_id = portal.service.config, accepted["case_id"]
    async with work_on(portal.store, config, case_id, tenant="musterstadt") as work:
        work.add_reference(LEAD, kind, value)


async def test_overview_counts_what_waits_in_store_and_broker(portal: Portal, demo: Browser) -> None:
    accepted = [await portal.submitted() for _ in range(3)]
    await relay(portal)
    await fail(portal, accepted[0])
    seen = {row["Ziel"]: row for row in rows(tables(await demo.page())[DESTINATIONS])}
    assert set(seen) == set(portal.service.config.destination)
    assert seen[LEAD] == {
        "Ziel": LEAD,
        "Mandant": "musterstadt",
        "wartet": "0",
        "unterwegs": "2",
        "gescheitert": "1",
        "älteste fällige": "–",
        "in der Warteschlange": "3",
        "Verbraucher": "0",
    }
    assert (seen[COPY]["wartet"], seen[COPY]["in der Warteschlange"]) == ("3", "0")
    assert re.fullmatch(r"\d+ Sekunden?", seen[COPY]["älteste fällige"])


async def test_overview_shows_the_queues_that_all_share(portal: Portal, demo: Browser) -> None:
    async def ignore(_: object) -> Outcome:
        return Outcome.ACK

    await portal.service.broker.declare(portal.service.config.destination)
    await portal.service.broker.consume_reports(ignore, concurrency=1)
    shared = rows(tables(await demo.page())["Gemeinsame Warteschlangen aller Mandanten"])
    assert {row["Warteschlange"]: row["Verbraucher"] for row in shared} == {
        "amtsbote.reports": "1",
        "amtsbote.dead": "0",
    }


async def test_overview_names_a_destination_that_is_no_longer_configured(
    portal: Portal, demo: Browser
) -> None:
    await portal.submitted()
    config = portal.service.config
    left = tuple(each for each in config.destinations if each.name != COPY)
    portal.service.config = config.model_copy(update={"destinations": left})
    seen = [row["Ziel"] for row in rows(tables(await demo.page())[DESTINATIONS])]
    assert f"{COPY} nicht konfiguriert not configured" in seen


async def test_overview_lists_the_latest_submissions_first(portal: Portal, demo: Browser) -> None:
    accepted = [await portal.submitted() for _ in range(3)]
    seen = rows(tables(await demo.page())[SUBMISSIONS])
    assert [row["Eingang"] for row in seen] == [each["submission_id"] for each in reversed(accepted)]
    assert seen[0]["Stand"] == "angenommen accepted"
    assert seen[0]["Vorgang"] == "offen open"


async def test_submissions_are_read_page_by_page_without_gap_or_repetition(
    portal: Portal, demo: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "PAGE", 2)
    accepted = [(await portal.submitted())["submission_id"] for _ in range(5)]
    page, seen = await demo.page(), []
    while True:
        table = next(table for name, table in tables(page).items() if name in (SUBMISSIONS, OLDER))
        seen.append([row["Eingang"] for row in rows(table)])
        older = page.xpath("//a[starts-with(., 'Ältere Eingänge')]/@href")
        if not older:
            break
        page = await demo.page(older[0])
    newest_first = accepted[::-1]
    assert seen == [newest_first[:2], newest_first[2:4], newest_first[4:]]


async def test_older_submissions_of_other_tenants_are_not_shown(portal: Portal, demo: Browser) -> None:
    accepted = [(await portal.submitted())["submission_id"] for _ in range(2)]
    path = f"/console/submissions?before={accepted[1]}"
    assert accepted[0] in (await demo.get(path)).text
    foreign = Browser(portal.app)
    await foreign.sign_in("beispiel")
    assert "Keine Eingänge." in (await foreign.get(path)).text
    await foreign.http.aclose()


@pytest.mark.parametrize("cursor", ["", "x", "%00", "' OR 1=1"])
async def test_page_of_submissions_is_not_found_when_the_cursor_is_no_id(demo: Browser, cursor: str) -> None:
    assert (await demo.get(f"/console/submissions?before={cursor}")).status_code == 404


async def test_overview_shows_what_an_operator_must_look_at(portal: Portal, demo: Browser) -> None:
    accepted = await portal.submitted()
    assert FINDINGS not in tables(await demo.page())
    await relay(portal)
    await fail(portal, accepted)
    (finding,) = rows(tables(await demo.page())[FINDINGS])
    assert finding["Befund"] == "Zustellung gescheitert delivery failed"
    assert (finding["Ziel"], finding["Code"]) == (LEAD, "permanent")
    assert finding["Vorgang"] == accepted["case_id"]
    case = await demo.page(f"/console/cases/{accepted['case_id']}")
    assert len(rows(tables(case)[FINDINGS])) == 1


async def test_overview_says_so_when_the_broker_is_away(portal: Portal, demo: Browser) -> None:
    await portal.submitted()
    await portal.service.broker.close()
    page = await demo.page()
    assert "Der Broker antwortet nicht." in page.find_class("notice")[0].text_content()
    seen = {row["Ziel"]: row for row in rows(tables(page)[DESTINATIONS])}
    assert (seen[LEAD]["wartet"], seen[LEAD]["in der Warteschlange"]) == ("1", "–")


async def test_page_says_so_when_the_store_is_away(portal: Portal, demo: Browser) -> None:
    async with portal.store.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE deliveries RENAME TO elsewhere")
    answer = await demo.get("/console")
    assert answer.status_code == 503
    assert "Die Datenbank antwortet nicht." in answer.text


async def test_overview_reloads_itself_until_that_is_switched_off(demo: Browser) -> None:
    answer = await demo.get("/console")
    assert answer.headers["refresh"] == "10"
    (switch,) = html.fromstring(answer.text).xpath("//a[starts-with(., 'Anhalten')]/@href")
    assert "refresh" not in (await demo.get(switch)).headers


async def test_operator_sees_only_their_tenants(portal: Portal, demo: Browser) -> None:
    accepted = await portal.submitted()
    await add_reference(portal, accepted, "aktenzeichen", "URK-2026-1")
    await relay(portal)
    await fail(portal, accepted)
    own, foreign = Browser(portal.app), Browser(portal.app)
    await own.sign_in("muster")
    await foreign.sign_in("beispiel")
    path = f"/console/cases/{accepted['case_id']}"
    assert (await own.get(path)).status_code == 200
    assert (await own.search("URK-2026-1")).status_code == 303
    refused = await foreign.get(path)
    assert refused.status_code == 404
    assert refused.headers["content-type"].startswith("text/html")
    for key in ("URK-2026-1", accepted["case_id"], accepted["submission_id"]):
        assert "Kein Vorgang Ihrer Mandanten" in (await foreign.search(key)).text
    page = await foreign.page()
    assert "musterstadt" not in html.tostring(page, encoding="unicode")
    assert {row["Mandant"] for row in rows(tables(page)[DESTINATIONS])} == {"beispielhausen"}
    assert FINDINGS not in tables(page)
    await own.http.aclose()
    await foreign.http.aclose()


@pytest.mark.parametrize("case_id", [NOBODYS, "x", "%00", "..%2Fx", "' OR 1=1"])
async def test_case_is_not_found_when_there_is_none(demo: Browser, case_id: str) -> None:
    assert (await demo.get(f"/console/cases/{case_id}")).status_code == 404


async def test_case_shows_its_messages_in_both_directions(portal: Portal, demo: Browser) -> None:
    accepted = await portal.submitted()
    back = await portal.send_back(accepted, pdf=b"%PDF")
    case = tables(await demo.page(f"/console/cases/{accepted['case_id']}"))
    seen = rows(case["Nachrichten in beide Richtungen"])
    assert [(row["Nr."], row["Richtung"], row["Kennung"], row["Anlagen"]) for row in seen] == [
        ("1", "Eingang received", accepted["submission_id"], "0"),
        ("2", "Rückkanal back channel", back, "1"),
    ]
    assert seen[1]["Stand"] == "liegt im Abholfach in the mailbox"
    await portal.post(f"/v1/mailbox/{back}/collected")
    case = tables(await demo.page(f"/console/cases/{accepted['case_id']}"))
    assert rows(case["Nachrichten in beide Richtungen"])[1]["Stand"].startswith("abgeholt collected ")


async def test_timeline_shows_events_and_attempts_in_order(portal: Portal, demo: Browser) -> None:
    accepted = await portal.submitted()
    await relay(portal)
    await fail(portal, accepted)
    await portal.send_back(accepted)
    case = tables(await demo.page(f"/console/cases/{accepted['case_id']}"))
    seen = [(row["Ereignis"], row["Nachricht"], row["Ziel"], row["Code"]) for row in rows(case["Verlauf"])]
    attempt = "Versuch 1 gesendet attempt 1 sent; gescheitert failed"
    assert re.sub(r" \(\d+,\d\d s\)", "", seen[1][0]) == attempt
    assert [(row[0] if row is not seen[1] else attempt, *row[1:]) for row in seen] == [
        ("Eingang angenommen submission accepted", "1", "–", "–"),
        (attempt, "1", LEAD, "–"),
        ("Zustellung gescheitert delivery failed", "1", LEAD, "permanent"),
        ("ins Abholfach gelegt put into the mailbox", "2", "–", "–"),
    ]
    (lead, *_) = rows(case["Zustellungen"])
    assert (lead["Ziel"], lead["Rolle"], lead["Stand"]) == (LEAD, "federführend lead", "gescheitert failed")
    assert (lead["Versuche"], lead["Code"]) == ("1", "permanent")


async def test_case_shows_numbers_but_not_whom_to_call(portal: Portal, demo: Browser) -> None:
    accepted = await portal.submitted()
    await add_reference(portal, accepted, "aktenzeichen", "URK-2026-1")
    await add_reference(portal, accepted, "foreign_id", "4711")
    await add_reference(portal, accepted, "contact", "Frau Übermut, Zimmer 2.17")
    page = await demo.page(f"/console/cases/{accepted['case_id']}")
    (number,) = rows(tables(page)["Aktenzeichen"])
    assert (number["Wert"], number["Ziel"]) == ("URK-2026-1", LEAD)
    (foreign,) = rows(tables(page)["Kennungen in den Fachverfahren"])
    assert foreign["Wert"] == "4711"
    assert "Übermut" not in page.text_content()
    assert "Kein Vorgang" in (await demo.search("Frau Übermut, Zimmer 2.17")).text


async def test_number_is_shown_once_when_two_kinds_of_one_destination_have_it(
    portal: Portal, demo: Browser
) -> None:
    accepted = await portal.submitted()
    await add_reference(portal, accepted, "aktenzeichen", "URK-2026-1")
    await add_reference(portal, accepted, "reference", "URK-2026-1")
    await add_reference(portal, accepted, "reference", "R 7")
    page = tables(await demo.page(f"/console/cases/{accepted['case_id']}"))
    seen = {(row["Art"], row["Wert"]) for row in rows(page["Aktenzeichen"])}
    assert seen == {("Aktenzeichen file number", "URK-2026-1"), ("Geschäftszeichen reference", "R 7")}


async def test_case_shows_the_citizens_status_in_words(portal: Portal, demo: Browser) -> None:
    accepted = await portal.submitted()
    page = await demo.page(f"/console/cases/{accepted['case_id']}")
    (shown,) = page.xpath("//dt[starts-with(., 'Anzeige für Bürger')]/following-sibling::dd[1]")
    assert shown.text_content() == "eingegangen receivedRECEIVED"


async def test_markup_in_data_is_shown_as_text(portal: Portal, demo: Browser) -> None:
    accepted = [await portal.submitted() for _ in range(2)]
    for each in accepted:
        await add_reference(portal, each, "aktenzeichen", MARKUP)
        config, case_id = portal.service.config, each["case_id"]
        async with work_on(portal.store, config, case_id, tenant="musterstadt") as work:
            work.record("<b>kind</b>", code="<img src=x>")
            work.find(FindingKind.WISH_VOID, code=MARKUP)
    for page in (
        await demo.get("/console"),
        await demo.get(f"/console/cases/{accepted[0]['case_id']}"),
        await demo.search(MARKUP),
        await demo.search(f'">{MARKUP}'),
    ):
        assert page.status_code == 200
        tree = html.fromstring(page.text)
        assert tree.xpath("//script | //b | //main//img") == []
        assert MARKUP in "".join(tree.xpath("//text() | //input/@value"))


async def test_search_leads_to_the_case_that_has_the_key(portal: Portal, demo: Browser) -> None:
    accepted = await portal.submitted()
    await portal.submitted()
    await add_reference(portal, accepted, "aktenzeichen", "URK 2026/1 Ä")
    keys = [
        "URK 2026/1 Ä",
        f"  {accepted['case_id']} ",
        accepted["case_id"].upper(),
        accepted["submission_id"],
        await portal.delivery_of(accepted["submission_id"]),
    ]
    for key in keys:
        answer = await demo.search(key)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/console/cases/{accepted['case_id']}",
        )


async def test_search_lists_the_cases_when_there_are_several(portal: Portal, demo: Browser) -> None:
    accepted = [await portal.submitted() for _ in range(2)]
    for each in accepted:
        await add_reference(portal, each, "aktenzeichen", "URK-2026-1")
    found = tables(html.fromstring((await demo.search("URK-2026-1")).text))
    seen = [row["Vorgang"] for row in rows(found["Vorgänge unter diesem Zeichen"])]
    assert seen == [each["case_id"] for each in reversed(accepted)]


@pytest.mark.parametrize("key", ["", " ", "x" * 501, "a\x00b", "%", "URK-2026-", NOBODYS])
async def test_search_finds_nothing_when_the_key_is_no_whole_one(
    portal: Portal, demo: Browser, key: str
) -> None:
    await add_reference(portal, await portal.submitted(), "aktenzeichen", "URK-2026-1")
    answer = await demo.search(key)
    assert answer.status_code == 200
    assert "Kein Vorgang Ihrer Mandanten" in answer.text


async def test_every_page_forbids_scripts_frames_and_storing(portal: Portal, demo: Browser) -> None:
    accepted = await portal.submitted()
    stranger = Browser(portal.app)
    for answer in (
        await stranger.get("/console/login"),
        await stranger.sign_in("demo", "not-the-secret-of-demo"),
        await demo.get("/console"),
        await demo.get("/console/standards"),
        await demo.get(f"/console/cases/{accepted['case_id']}"),
        await demo.search("x"),
        await demo.get("/console/nix"),
    ):
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert html.fromstring(answer.text).xpath("//script | //style | //@style | //@onclick") == []
    await stranger.http.aclose()
    assert POLICY.split("; ") == [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]


async def test_every_page_can_be_used_without_seeing_it(portal: Portal, demo: Browser) -> None:
    accepted = await portal.submitted()
    for path in ("/console", "/console/standards", f"/console/cases/{accepted['case_id']}"):
        page = await demo.page(path)
        assert page.get("lang") == "de"
        assert len(page.xpath("//h1")) == 1
        assert page.xpath("//a[@class='skip']/@href") == ["#main"]
        assert page.xpath("//main/@id") == ["main"]
        assert page.xpath("//table[not(caption)] | //th[not(@scope)]") == []
        assert page.xpath("//*[@class='en'][not(@lang='en')]") == []
        labelled = set(page.xpath("//label/@for"))
        assert {each.get("id") for each in page.xpath("//input[@type!='hidden']")} == labelled


async def test_address_with_a_slash_at_its_end_leads_to_the_overview(demo: Browser) -> None:
    answer = await demo.get("/console/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")


async def test_files_of_the_pages_are_there_for_everyone(browser: Browser) -> None:
    page = await browser.page("/console/login")
    for path, media_type in zip(page.xpath("//link/@href"), ("text/css", "image/svg+xml"), strict=True):
        answer = await browser.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media_type)
    assert (await browser.get("/console/static/..%2Froutes.py")).status_code == 303
    assert (await browser.get("/console/static/routes.py")).status_code == 404


async def test_pages_at_the_same_moment_do_not_wait_for_each_other(portal: Portal, demo: Browser) -> None:
    await portal.submitted()
    answers = await asyncio.gather(*(demo.get("/console") for _ in range(8)))
    assert {each.status_code for each in answers} == {200}


def test_everything_that_is_recorded_has_a_name() -> None:
    folder = Path(gateway.__file__).parent
    code = "".join(
        path.read_text(encoding="utf-8")
        for part in ("store", "backchannel", "intake", "delivery")
        for path in sorted((folder / part).glob("*.py"))
    )
    kinds = set(re.findall(r'\brecord(?:_as)?\((?:\s*[\w.]+,)*\s*"([a-z_.]+)"', code))
    assert len(kinds) >= 4
    assert {kind for kind in kinds if not word("event", kind).en} == set()


@pytest.mark.parametrize(
    ("what", "states"),
    [
        ("delivery", DeliveryState),
        ("submission", SubmissionStatus),
        ("case", CaseStatus),
        ("citizen", CitizenStatus),
        ("role", Role),
        ("standard", Phase),
    ],
)
def test_every_state_has_a_name(what: str, states: type[StrEnum]) -> None:
    assert [state for state in states if not word(what, state).en] == []


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "gerade eben"),
        (1, "vor 1 Sekunde"),
        (59, "vor 59 Sekunden"),
        (60, "vor 1 Minute"),
        (7199, "vor 1 Stunde"),
        (86400, "vor 1 Tag"),
        (3 * 86400, "vor 3 Tagen"),
        (-300, "in 5 Minuten"),
    ],
)
def test_age_is_said_in_words(seconds: float, text: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 Sekunden"), (0, "0 Sekunden"), (61, "1 Minute"), (3 * 86400, "3 Tage")]
)
def test_duration_is_said_in_words(seconds: float, text: str) -> None:
    assert duration(NOW - timedelta(seconds=seconds), NOW) == text


def test_moment_is_written_as_a_german_clock_shows_it() -> None:
    assert moment(datetime(2026, 7, 1, 22, 5, 9, 987654, tzinfo=UTC)) == "02.07.2026, 00:05:09"


@pytest.mark.parametrize(
    ("count", "text"), [(999, "999 Byte"), (1000, "1,0 kB"), (999_949, "999,9 kB"), (8_388_608, "8,4 MB")]
)
def test_size_is_written_for_people(count: int, text: str) -> None:
    assert size(count) == text
