"""The clerk's page as a browser sees it, over a real register."""

import re
from datetime import timedelta

import httpx2
import pytest
from lxml import html

from adapters.kit.testing import GatewayDouble
from adapters.musteramt import Musteramt
from adapters.musteramt.decisions import Decision, Outcome
from adapters.musteramt.dossier import fetch_dossier
from adapters.musteramt.guard import USER
from adapters.musteramt.page import read_or_make_secret
from adapters.musteramt.records import Document, Kind, State
from adapters.musteramt.web import create_app
from gateway.contract.ids import new_id
from gateway.contract.report import ReportType
from gateway.errors import ConfigurationError
from tests.unit.musteramt_samples import ZONES, foreign_vehicle, valid
from tests.unit.test_musteramt_office import enter, office, register

__all__ = ["office", "register"]  # fixtures

SECRET = "a secret of this test"
HOST = "http://127.0.0.1:8081"


@pytest.fixture
async def browser(register, office):
    app = create_app(register, office, secret=SECRET)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url=HOST, auth=(USER, SECRET), headers={"Origin": HOST}
    ) as browser:
        yield browser


@pytest.fixture
async def case(register, office):
    return (
        await enter(register, office, foreign_vehicle(surname="&lt;script&gt;alert(1)&lt;/script&gt;"))
    ).case


async def sent(register, case, kind):
    return [each for each in await register.list_outgoing(case.case_id) if each.kind is kind]


def decide(case, **changes):
    fields = {"version": str(case.version), "outcome": "abgelehnt", "reasons": "Kein Anspruch."}
    return {"url": f"/cases/{case.case_id}/decide", "data": fields | changes}


async def test_list_shows_every_case_with_a_link_to_it(browser, case):
    page = await browser.get("/")

    assert page.status_code == 200
    assert case.aktenzeichen in page.text
    assert f"/cases/{case.case_id}" in page.text


async def test_list_shows_what_is_asked_for_when_it_is_filtered(browser, register, office, case):
    ended = (await enter(register, office, foreign_vehicle())).case
    await browser.post(**decide(ended))
    everything = {case.aktenzeichen, ended.aktenzeichen}
    for show, expected in (
        ("open", {case.aktenzeichen}),
        ("closed", {ended.aktenzeichen}),
        ("all", everything),
    ):
        page = html.fromstring((await browser.get("/", params={"show": show})).text)
        assert set(page.xpath("//tbody//a/text()")) == expected
        (chosen,) = page.xpath("//nav/a[@aria-current]/@href")
        assert chosen.endswith(f"?show={show}")
    assert (await browser.get("/?show=x")).status_code == 404


async def test_late_withdrawal_is_among_the_open_cases_until_it_is_answered(browser, register, office, case):
    await browser.post(**decide(case))
    assert case.aktenzeichen not in (await browser.get("/?show=open")).text
    await enter(register, office, foreign_vehicle(), case_id=case.case_id, kind=Kind.WITHDRAWAL)

    assert case.aktenzeichen in (await browser.get("/?show=open")).text
    assert case.aktenzeichen not in (await browser.get("/?show=closed")).text


async def test_case_leads_back_to_the_list(browser, case):
    page = html.fromstring((await browser.get(f"/cases/{case.case_id}")).text)

    assert page.xpath("//main//a[contains(., 'Alle Vorgänge')]/@href") == [f"{HOST}/"]


async def test_detail_shows_names_of_codes_and_german_forms(browser, case):
    page = (await browser.get(f"/cases/{case.case_id}")).text

    for word in ("Antragsteller", "Online-Dienst", "Bekanntgabe des Bescheids", "20.11.2026, 10:00 Uhr"):
        assert word in page
    for code in ("antragsteller", "elektronische-bekanntgabe", "2026-11-20"):
        assert code not in page


async def test_clerk_reads_what_was_asked(browser, case):
    fields = {"version": "1", "text": "Wem gehört es?", "wanted": "ueberlassung", "answer_by": "2026-12-23"}
    await browser.post(f"/cases/{case.case_id}/ask", data=fields)

    page = html.fromstring((await browser.get(f"/cases/{case.case_id}")).text)

    (query,) = page.xpath("//article[starts-with(normalize-space(h3), 'Rückfrage')]")
    assert query.xpath("details/@open")
    said = query.text_content()
    assert "Wem gehört es?" in said
    assert "Bestätigung der Fahrzeugüberlassung" in said
    assert "23.12.2026" in said


async def test_detail_shows_values_escaped_and_why_the_rules_did_not_decide(browser, case):
    page = await browser.get(f"/cases/{case.case_id}")

    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "MS-AB 123" in page.text
    assert "nicht auf die antragstellende Person zugelassen" in page.text


async def test_every_answer_forbids_scripts_frames_and_caching(browser, case):
    for path in ("/", f"/cases/{case.case_id}", "/nowhere", "/static/musteramt.css"):
        headers = (await browser.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


async def test_pages_have_a_language_a_heading_and_a_label_for_every_field(browser, case):
    page = (await browser.get(f"/cases/{case.case_id}")).text

    labelled = set(re.findall(r'<label for="([^"]+)"', page))
    fields = re.findall(r'<(?:input|textarea|select) [^>]*?id="([^"]+)"', page)
    assert fields
    assert set(fields) == labelled
    assert page.count("<h1>") == 1
    assert '<html lang="de">' in page


async def test_decision_is_sent_and_the_page_shows_it(browser, register, case):
    answer = await browser.post(**decide(case))

    assert answer.status_code == 303
    assert answer.headers["location"] == f"{HOST}/cases/{case.case_id}"
    [report] = await sent(register, case, ReportType.CASE_DECISION)
    assert valid(report.body).findtext("{*}begruendung") == "Kein Anspruch."
    page = await browser.get(answer.headers["location"])
    assert "Bescheid: abgelehnt" in page.text
    assert "/decide" not in page.text


async def test_decision_is_sent_once_when_the_form_is_submitted_twice(browser, register, case):
    first = await browser.post(**decide(case))
    second = await browser.post(**decide(case, outcome="bewilligt"))

    assert (first.status_code, second.status_code) == (303, 409)
    assert "es wurde nichts gesendet" in second.text
    assert len(await sent(register, case, ReportType.CASE_DECISION)) == 1


async def test_decision_is_not_sent_when_a_message_came_after_the_page_was_opened(
    browser, register, office, case
):
    await enter(register, office, foreign_vehicle(), case_id=case.case_id)

    answer = await browser.post(**decide(case))

    assert answer.status_code == 409
    assert await sent(register, case, ReportType.CASE_DECISION) == []


async def test_question_is_sent_with_deadline_and_document(browser, register, office, case):
    answer_by = office.today() + timedelta(days=10)
    fields = {"version": "1", "text": "Bitte belegen.", "wanted": "ueberlassung", "answer_by": str(answer_by)}

    answer = await browser.post(f"/cases/{case.case_id}/ask", data=fields)

    assert answer.status_code == 303
    [report] = await sent(register, case, ReportType.CASE_QUERY)
    root = valid(report.body)
    assert root.findtext("{*}frist/{*}datum") == str(answer_by)
    assert root.findtext("{*}befund/{*}verlangteAnlageart/code") == "ueberlassung"
    assert (await fetch_dossier(register, case.case_id)).case.state is State.ASKED


async def test_message_is_sent_and_leaves_the_case_open(browser, register, case):
    fields = {"version": "1", "subject": "Zwischenstand", "text": "Wir prüfen noch."}

    answer = await browser.post(f"/cases/{case.case_id}/tell", data=fields)

    assert answer.status_code == 303
    assert len(await sent(register, case, ReportType.CASE_MESSAGE)) == 1
    assert (await fetch_dossier(register, case.case_id)).case.state is State.OPEN


@pytest.mark.parametrize(
    ("action", "fields", "word"),
    [
        ("decide", {"outcome": "ausgestellt"}, "Wählen Sie ein Ergebnis"),
        ("decide", {"outcome": ""}, "Wählen Sie ein Ergebnis"),
        ("decide", {"outcome": "abgelehnt", "reasons": " "}, "braucht eine Begründung"),
        ("ask", {"text": "Was?", "answer_by": "2026-11-23"}, "Tag in der Zukunft"),
        ("ask", {"text": "Was?", "answer_by": "bald"}, "Tag in der Zukunft"),
        ("ask", {"text": "Was?", "wanted": "<alles>", "answer_by": "2026-12-23"}, "aus der Liste"),
        ("ask", {"text": "", "answer_by": "2026-12-23"}, "Pflichtfelder"),
        ("tell", {"subject": "Betreff", "text": ""}, "Pflichtfelder"),
        ("tell", {"subject": "Betreff", "text": "Привет"}, "nicht übermittelt werden"),
    ],
)
async def test_form_is_sent_back_with_a_sentence_when_it_cannot_be_acted_on(
    browser, register, case, action, fields, word
):
    before = await register.list_outgoing(case.case_id)

    answer = await browser.post(f"/cases/{case.case_id}/{action}", data={"version": "1"} | fields)

    assert answer.status_code == 422
    assert word in answer.text
    assert await register.list_outgoing(case.case_id) == before


@pytest.mark.parametrize(
    "auth", [None, (USER, "wrong"), ("someone", SECRET)], ids=["none", "password", "user"]
)
async def test_page_is_closed_without_the_right_password(browser, auth):
    answer = await browser.get("/", auth=httpx2.BasicAuth(*auth) if auth else httpx2.Auth())

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize("credentials", ["", "Basic", "Basic %%%", f"Bearer {SECRET}"])
async def test_page_is_closed_when_the_credentials_are_garbled(register, office, credentials):
    app = create_app(register, office, secret=SECRET)
    headers = {"Authorization": credentials} if credentials else {}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=HOST) as stranger:
        assert (await stranger.get("/", headers=headers)).status_code == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:9999"])
async def test_form_from_another_page_is_refused(browser, register, case, origin):
    answer = await browser.post(**decide(case), headers={"Origin": origin})

    assert answer.status_code == 403
    assert await sent(register, case, ReportType.CASE_DECISION) == []


async def test_page_is_closed_for_another_host_name(browser):
    assert (await browser.get("/", headers={"Host": "rebound.example"})).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/cases/nowhere"), ("POST", "/cases/nowhere/decide"), ("POST", "/cases/{case}/erase")],
)
async def test_unknown_pages_and_actions_are_not_found(browser, case, method, path):
    answer = await browser.request(method, path.format(case=case.case_id), data={"version": "1"})

    assert answer.status_code == 404


async def test_document_is_downloaded_and_never_shown_in_place(browser, register, office):
    evil = Document("0" * 64, "<b>.html", "text/html", b"<script>alert(1)</script>")
    submission_id = new_id()
    dossier = await enter(register, office, foreign_vehicle(), submission_id=submission_id, documents=(evil,))

    page = await browser.get(f"/cases/{dossier.case.case_id}")
    answer = await browser.get(f"/documents/{submission_id}/{evil.sha256}")

    assert "<b>.html" not in page.text
    assert answer.content == evil.data
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert (await browser.get(f"/documents/{new_id()}/{evil.sha256}")).status_code == 404


async def test_late_withdrawal_is_answered_from_the_page(browser, register, office, case):
    await office.decide(await fetch_dossier(register, case.case_id), Decision(Outcome.GRANTED))
    case = (await fetch_dossier(register, case.case_id)).case
    await enter(register, office, foreign_vehicle(), case_id=case.case_id, kind=Kind.WITHDRAWAL)
    case = (await fetch_dossier(register, case.case_id)).case

    page = await browser.get(f"/cases/{case.case_id}")
    answer = await browser.post(
        f"/cases/{case.case_id}/withdrawal", data={"version": str(case.version), "text": "Zu spät."}
    )

    assert "Es ist schon entschieden" in page.text
    assert answer.status_code == 303
    receipt = (await sent(register, case, ReportType.CASE_MESSAGE))[-1]
    assert valid(receipt.body).findtext("{*}akzeptiert") == "false"


async def test_adapter_serves_the_page_with_a_generated_password(tmp_path):
    async with GatewayDouble() as gateway:
        runner = gateway.runner(Musteramt, tmp_path, options={"page_port": 0, "zones": ZONES})
        await runner.start()
        secret_file = tmp_path / "data" / "page-secret"
        address = f"http://127.0.0.1:{runner.adapter.page_port}/"
        async with httpx2.AsyncClient() as browser:
            open_page = await browser.get(address, auth=(USER, secret_file.read_text()))
            closed = await browser.get(address)
        await runner.stop()

    assert (open_page.status_code, closed.status_code) == (200, 401)
    assert secret_file.stat().st_mode & 0o077 == 0


async def test_start_says_so_when_the_port_is_taken(tmp_path):
    async with GatewayDouble("one") as one, GatewayDouble("two") as two:
        first = one.runner(Musteramt, tmp_path / "one", options={"page_port": 0})
        await first.start()
        second = two.runner(Musteramt, tmp_path / "two", options={"page_port": first.adapter.page_port})
        with pytest.raises(ConfigurationError, match="page_port"):
            await second.start()
        await first.stop()


def test_secret_file_must_exist_and_be_long_enough(tmp_path):
    short = tmp_path / "short"
    short.write_text("short")

    with pytest.raises(ConfigurationError, match="at least 16"):
        read_or_make_secret(short, generate=False)
    with pytest.raises(ConfigurationError, match="No such file"):
        read_or_make_secret(tmp_path / "missing", generate=False)
