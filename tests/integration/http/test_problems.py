"""Every refusal and every fault has one form and says what is wrong without repeating it."""

import json
import re
from pathlib import Path

import pytest
from lxml import etree
from structlog.testing import capture_logs

from gateway import errors
from gateway.http.api.answers import ProblemDocument
from gateway.xml.rueckkanal_frame import R
from tests.integration.http.portal import LEAD, SAMPLES, Portal, demo_config, message, running, sample
from tests.integration.http.problem_cases import CASES

ACCEPTS_XML = {"Accept": "application/xml"}


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
async def test_problem_has_its_type_and_status_when_a_request_leads_to_it(
    kind: type[errors.Problem], portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    answer = await CASES[kind](portal, tmp_path, monkeypatch)
    assert answer.headers["content-type"] == "application/problem+json"
    document = ProblemDocument.model_validate(answer.json())
    assert answer.status_code == document.status == kind.status
    assert document.type == f"/problems/{kind.type}"
    assert document.code == kind.code
    assert document.title != document.title_de
    assert document.detail_de not in (document.detail, document.title_de)
    assert document.detail != document.title
    assert document.findings or kind.code is None
    assert all(each.message.de != each.message.en for each in document.findings)
    assert document.retryable is kind.retryable
    assert document.request_id == answer.headers["x-request-id"]
    assert (await portal.http.get(document.type)).status_code == 200


@pytest.mark.parametrize("kind", [errors.RateLimited, errors.Unavailable])
async def test_problem_says_when_to_come_back_when_waiting_helps(kind, portal, tmp_path, monkeypatch):
    answer = await CASES[kind](portal, tmp_path, monkeypatch)
    assert int(answer.headers["retry-after"]) > 0


async def test_conflict_links_to_the_first_when_the_id_was_used(portal, tmp_path, monkeypatch):
    answer = await CASES[errors.DuplicateMessageId](portal, tmp_path, monkeypatch)
    first = answer.json()["links"]["first"]
    assert (await portal.get(first)).status_code == 200


async def test_detail_says_when_when_a_sign_in_failed_too_often(portal, tmp_path, monkeypatch):
    answer = await CASES[errors.RateLimited](portal, tmp_path, monkeypatch)
    wait_s = answer.headers["retry-after"]
    assert f"in {wait_s} s" in answer.json()["detail"]
    assert f"in {wait_s} s" in answer.json()["detail_de"]


@pytest.mark.parametrize(
    ("place", "stated", "german", "english"),
    [
        ("metadata", '{"channel": "fax"}', "'counter', 'mail' oder 'paper'", "'counter', 'mail' or 'paper'"),
        ("metadata", '{"service": "99"}', "LeiKa-Schlüssel", "LeiKa key"),
        ("metadata", '{"ars": "1"}', "ARS mit 12, 9", "ARS of 12, 9"),
        ("metadata", '{"ars": 99}', "muss Text", "must be text"),
        ("metadata", '{"applied_on": "1.3.2026"}', "JJJJ-MM-TT", "YYYY-MM-DD"),
        ("metadata", '{"applied_on": "2026-03-01T10:00:00"}', "JJJJ-MM-TT", "YYYY-MM-DD"),
        ("metadata", '{"identifications": [{"means": "eID"}]}', "fehlt", "missing"),
        ("metadata", '{"identifications": {}}', "eine Liste", "a list"),
        ("metadata", '{"identifications": ["eID"]}', "JSON-Objekt", "JSON object"),
        (
            "metadata",
            '{"identifications": [{"means": "eID", "trust_level": "low", "at": "gestern"}]}',
            "Zeitpunkt",
            "point in time",
        ),
        ("metadata", '{"payment": {"status": "paid", "amount": "12"}}', "Betrag wie", "amount such as"),
        ("metadata", '{"reply_to": "\\n"}', "keine Steuerzeichen", "no control characters"),
        ("metadata", "[]", "JSON-Objekt", "JSON object"),
        ("metadata", "{", "kein gültiges JSON", "not valid JSON"),
        ("metadata", '{"kanal": 1}', "gibt es hier nicht", "no such thing"),
        ("query", "wait=61", "höchstens 60", "at most 60"),
        ("query", "wait=nan", "Zahl", "number"),
        ("query", "limit=0", "mindestens 1", "at least 1"),
        ("query", "after=x", "ganze Zahl", "whole number"),
        ("query", "wiat=60", "gibt es hier nicht", "no such thing"),
    ],
)
async def test_finding_says_the_same_in_both_languages_when_a_request_is_wrong(
    portal: Portal, place, stated, german, english
):
    if place == "query":
        answer = await portal.get(f"/v1/mailbox?{stated}")
    else:
        answer = await portal.post("/v1/submissions", files={"message": message(), "metadata": stated})
    (finding,) = answer.json()["findings"]
    assert (answer.status_code, finding["code"], finding["line"]) == (422, "S999", None)
    assert finding["path"].startswith(place)
    assert german in finding["message"]["de"]
    assert english in finding["message"]["en"]


async def test_parameter_that_was_meant_is_told_when_a_call_has_none_of_that_name(portal: Portal):
    (finding,) = (await portal.get("/v1/mailbox?wiat=60")).json()["findings"]
    assert finding["path"] == "query/wiat"
    assert finding["hint"] == {
        "de": "Gemeint ist vielleicht wait. Möglich: after, wait, limit",
        "en": "Perhaps wait is meant. Possible: after, wait, limit",
    }
    (finding,) = (await portal.get("/v1/standards?ge%20heim=4711")).json()["findings"]
    assert "heim" not in str(finding)
    assert finding["hint"]["de"] == "Dieser Aufruf nimmt keine Angaben in der Adresse."


async def test_findings_of_a_request_are_counted_when_there_are_very_many(portal: Portal):
    query = "&".join(f"p{number}=" for number in range(300))
    answer = (await portal.get(f"/v1/mailbox?{query}")).json()
    assert (len(answer["findings"]), answer["findings_more"]) == (200, 100)


async def test_page_for_people_is_shown_when_its_address_has_something_more(portal: Portal):
    assert (await portal.http.get("/docs?utm_source=mail")).status_code == 200


async def test_findings_have_path_line_and_both_languages_when_a_message_is_invalid(portal: Portal):
    findings = (await portal.submit(sample("15-fuenf-fehler"))).json()["findings"]
    assert len(findings) == 5
    assert [each["line"] for each in findings] == sorted(each["line"] for each in findings)
    assert all(each["path"].startswith("/u:urkunde.anforderung.0101/") for each in findings)
    assert all(each["message"]["de"] and each["message"]["en"] for each in findings)


async def test_refusal_is_a_rejection_when_xml_is_wanted(portal: Portal):
    answer = await portal.submit(sample("01-vornamen-fehlen"), headers=ACCEPTS_XML)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/xml"
    assert b"rueckweisung.1190" in answer.content
    assert b"X001" in answer.content


async def test_rejection_has_a_reason_for_each_code_and_every_finding_with_its_place(portal: Portal):
    (path,) = (SAMPLES.parents[1] / "xparken" / "1.0" / "invalid").glob("17-*.xml")
    bare = path.read_bytes()  # its attachment is missing, too
    findings = (await portal.submit(bare)).json()["findings"]
    root = etree.fromstring((await portal.submit(bare, headers=ACCEPTS_XML)).content)
    assert [each.text for each in root.iterfind(f"{R}rueckweisungsgrund/{R}grund/code")] == ["X001", "S020"]
    told = [each.text for each in root.iter(f"{R}fehlerbeschreibung")]
    assert len(told) == len(findings) == 7
    for each in findings:
        place = f"Zeile {each['line']}, Spalte {each['column']}: {each['path']}"
        (said,) = [text for text in told if f"{place} - " in text]
        assert said.startswith(each["message"]["de"].split("…")[0])
        assert each["hint"]["de"] in said


async def test_refusal_stays_json_when_it_is_not_about_the_message(portal: Portal, tmp_path, monkeypatch):
    await portal.get("/v1/mailbox")
    portal.service.intake = None
    answer = await portal.submit(message(), headers=ACCEPTS_XML)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ('{"channel": "geheim-4711"}', "metadata/channel"),
        ('{"identifications": [{"means": "eID", "trust_level": "geheim-4711"}]}', "trust_level"),
        ('{"geheim-4711 Müller": 1}', "metadata/…"),
        ('{"channel": geheim-4711}', "metadata"),
        ('{"applied_on": "geheim-4711"}', "metadata/applied_on"),
        ('{"reply_to": "geheim-4711\\u0000"}', "metadata/reply_to"),
    ],
)
async def test_metadata_is_named_but_not_repeated_when_it_is_wrong(portal: Portal, metadata, path):
    with capture_logs() as logs:
        answer = await portal.post("/v1/submissions", files={"message": message(), "metadata": metadata})
    assert answer.status_code == 422
    assert answer.json()["findings"][0]["path"].endswith(path)
    assert "geheim-4711" not in answer.text
    assert "geheim-4711" not in str(logs)


async def test_query_is_named_but_not_repeated_when_it_is_wrong(portal: Portal):
    answer = await portal.get("/v1/mailbox?wait=geheim-4711")
    assert answer.status_code == 422
    assert answer.json()["findings"][0]["path"] == "query/wait"
    assert "geheim-4711" not in answer.text


async def test_fault_is_logged_without_its_text_when_something_breaks(portal, tmp_path, monkeypatch):
    async def break_down(*_: object) -> None:
        raise RuntimeError("geheim-4711")

    await portal.get("/v1/mailbox")
    monkeypatch.setattr(portal.service.intake, "_read", break_down)
    with capture_logs() as logs:
        answer = await portal.submit()
    assert answer.status_code == 500
    fault = next(each for each in logs if each["event"] == "request_failed")
    assert fault["error"] == "RuntimeError"
    assert fault["request_id"] == answer.json()["request_id"]
    assert "geheim-4711" not in answer.text + str(logs)


async def test_reads_answer_503_when_the_store_is_away(portal, tmp_path, monkeypatch):
    await CASES[errors.Unavailable](portal, tmp_path, monkeypatch)
    answer = await portal.get("/v1/mailbox")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_unknown_address_is_a_problem_when_nothing_is_there(portal: Portal):
    answer = await portal.http.get("/v2/geheim-4711")
    assert answer.json()["type"] == "/problems/not-found"
    assert answer.json()["title"] == "There is no such address."
    assert "geheim-4711" not in answer.text


async def test_start_page_leads_to_what_there_is_when_a_person_comes(portal: Portal):
    answer = await portal.http.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for address in re.findall(r'href="([^"]+)"', answer.text):
        followed = await portal.http.get(address)
        assert followed.status_code in {200, 303}, address


async def test_allowed_methods_are_named_when_one_is_not(portal: Portal):
    answer = await portal.call("DELETE", "/v1/mailbox")
    assert answer.headers["allow"] == "GET"


async def test_unused_grants_answer_403_when_a_scope_is_missing(tmp_path: Path):
    clients = [
        {"id": "poster", "name": "P", "grants": [{"tenant": "musterstadt", "scopes": ["submit"]}]},
        {"id": "reader", "name": "R", "grants": [{"tenant": "musterstadt", "scopes": ["read"]}]},
    ]
    async with running(tmp_path, demo_config(clients=clients)) as portal:
        accepted = (await portal.submit(caller="poster")).json()
        answers = [
            await portal.get(accepted["links"]["self"], caller="poster"),
            await portal.get(accepted["links"]["events"], caller="poster"),
            await portal.get(accepted["links"]["receipt"], caller="poster"),
            await portal.get(accepted["links"]["case"], caller="poster"),
            await portal.get("/v1/mailbox", caller="poster"),
            await portal.submit(caller="reader"),
            await portal.submit(caller="reader", path="/v1/validate"),
        ]
    assert [each.status_code for each in answers] == [403] * len(answers)
    assert {json.loads(each.text)["code"] for each in answers} == {"T070"}


async def test_token_opens_nothing_else_when_it_is_of_the_other_kind(portal: Portal):
    accepted = await portal.submitted()
    delivery = await portal.delivery_of(accepted["submission_id"])
    path = f"/v1/destinations/{LEAD}/deliveries/{delivery}"
    assert (await portal.get(path)).status_code == 403
    assert (await portal.get("/v1/mailbox", caller=f"destination:{LEAD}")).status_code == 403
