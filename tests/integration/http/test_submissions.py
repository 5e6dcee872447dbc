"""Posting a message and following it."""

import asyncio
import time
from hashlib import sha256

import pytest
from sqlalchemy import select

from gateway.contract.ids import new_id
from gateway.http.api import answers
from gateway.store import cases, deliveries
from tests.integration.http.portal import LEAD, OTHER, SAMPLES, SERVICE, Portal, message, sample

ACCEPTS_XML = {"Accept": "application/xml"}


def files_of(body: bytes, *attachments: bytes, metadata: str | None = None) -> list:
    parts = [("message", ("message.xml", body, "application/xml"))]
    if metadata:
        parts.append(("metadata", ("metadata.json", metadata.encode(), "application/json")))
    return parts + [
        ("attachment", (f"{n}.pdf", each, "application/pdf")) for n, each in enumerate(attachments)
    ]


async def move_on(portal: Portal) -> None:
    """Change something: the lead's delivery is sent."""
    await deliveries.claim(
        portal.store,
        LEAD,
        tenant="musterstadt",
        limit=10,
        max_sent=10,
        publish_lease_s=30,
        copy_lifetime_s=600,
    )


async def someone_waits(portal: Portal) -> None:
    while not portal.store.signals._waiting:  # noqa: ASYNC110 nothing tells that a request waits
        await asyncio.sleep(0.01)


async def test_submission_is_accepted_when_bare_xml_is_posted(portal: Portal):
    body = message()
    answer = await portal.submit(body)
    assert answer.status_code == 202
    accepted = answers.SubmissionAccepted.model_validate(answer.json())
    assert answer.headers["location"] == accepted.links.self == f"/v1/submissions/{accepted.submission_id}"
    assert accepted.receipt.sha256 == sha256(body).hexdigest()
    for link in (accepted.links.events, accepted.links.receipt, accepted.links.case, accepted.links.messages):
        assert (await portal.get(link)).status_code == 200


async def test_submission_is_accepted_when_a_form_with_attachments_is_posted(portal: Portal):
    body = sample("03-bevollmaechtigter-mit-vollmacht")
    attached = [
        (SAMPLES / "anlagen" / name).read_bytes() for name in ("vollmacht-quandt.pdf", "ausweis-quandt.png")
    ]
    answer = await portal.post(
        "/v1/submissions", files=files_of(body, *attached, metadata='{"account": "a-1"}')
    )
    assert answer.status_code == 202, answer.text
    view = (await portal.get(answer.headers["location"])).json()
    assert view["attachment_count"] == 2


async def test_first_result_is_answered_when_the_same_is_sent_again(portal: Portal):
    body = message()
    first, again = await portal.submit(body), await portal.submit(body)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == first.json()


async def test_receipt_is_the_same_when_it_is_asked_for_in_any_way(portal: Portal):
    body = message()
    first = await portal.submit(body, headers=ACCEPTS_XML)
    again = await portal.submit(body, headers=ACCEPTS_XML)
    later = await portal.get(f"{first.headers['location']}/receipt")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.headers["content-type"] == "application/xml"
    assert first.content == again.content == later.content
    assert sha256(body).hexdigest().encode() in first.content


async def test_json_is_answered_when_both_are_accepted_alike(portal: Portal):
    answer = await portal.submit(headers={"Accept": "application/json, application/xml"})
    assert answer.headers["content-type"] == "application/json"


async def test_query_is_read_as_metadata_when_the_body_is_bare(portal: Portal):
    answer = await portal.submit(params={"service": SERVICE, "channel": "online"})
    assert answer.status_code == 202, answer.text


async def test_query_is_refused_when_the_body_is_a_form(portal: Portal):
    answer = await portal.post("/v1/submissions?channel=online", files=files_of(message()))
    assert answer.status_code == 422


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\there"])
async def test_idempotency_key_is_refused_when_it_is_malformed(portal: Portal, key: str):
    assert (await portal.submit(headers={"Idempotency-Key": key})).status_code == 422


async def test_status_has_what_the_document_describes_when_it_is_read(portal: Portal):
    accepted = await portal.submitted()
    answer = await portal.get(accepted["links"]["self"])
    view = answers.SubmissionView.model_validate(answer.json())
    assert view.submission_id == accepted["submission_id"]
    assert view.message_type == "xurkunde:1.1:urkunde.anforderung.0101"
    assert [each.destination for each in view.deliveries] == [LEAD, "dms-musterstadt"]


@pytest.mark.parametrize("caller", [OTHER, "demo-portal-test"])
async def test_submission_is_not_found_when_it_is_anothers(portal: Portal, caller: str):
    accepted = await portal.submitted()
    for link in accepted["links"].values():
        assert (await portal.get(link, caller=caller)).status_code == 404


@pytest.mark.parametrize("name", ["x", "0198C5A2-7F10-7C3E-9D2A-5B1F0E6A4C11", "%00", "1' OR '1'='1"])
async def test_submission_is_not_found_when_the_id_is_none(portal: Portal, name: str):
    assert (await portal.get(f"/v1/submissions/{name}")).status_code == 404
    assert (await portal.get(f"/v1/cases/{name}")).status_code == 404
    assert (await portal.get(f"/v1/mailbox/{name}")).status_code == 404


async def test_status_is_304_when_the_etag_is_known(portal: Portal):
    link = (await portal.submitted())["links"]["self"]
    first = await portal.get(link)
    known = {"If-None-Match": first.headers["etag"]}
    assert (await portal.get(link, headers=known)).status_code == 304
    await move_on(portal)
    changed = await portal.get(link, headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("with_etag", [True, False])
async def test_status_is_held_until_something_changes_when_wait_is_given(portal: Portal, with_etag: bool):
    link = (await portal.submitted())["links"]["self"]
    etag = (await portal.get(link)).headers["etag"]
    known = {"If-None-Match": etag} if with_etag else {}
    waiting = asyncio.create_task(portal.get(f"{link}?wait=30", headers=known))
    async with asyncio.timeout(10):
        await someone_waits(portal)
        await move_on(portal)
        answer = await waiting
    assert answer.status_code == 200
    assert answer.json()["deliveries"][0]["state"] == "sent"


async def test_status_is_304_after_the_wait_when_nothing_changes(portal: Portal):
    link = (await portal.submitted())["links"]["self"]
    etag = (await portal.get(link)).headers["etag"]
    started = time.monotonic()
    answer = await portal.get(f"{link}?wait=0.3", headers={"If-None-Match": etag})
    assert answer.status_code == 304
    assert time.monotonic() - started >= 0.3


async def test_status_is_answered_at_once_when_the_process_is_to_stop(portal: Portal):
    link = (await portal.submitted())["links"]["self"]
    waiting = asyncio.create_task(portal.get(f"{link}?wait=60"))
    async with asyncio.timeout(4):
        await someone_waits(portal)
        portal.service.stopping.set()
        assert (await waiting).status_code == 200


@pytest.mark.parametrize("wait", ["61", "-1", "nan"])
async def test_wait_is_refused_when_it_is_out_of_bounds(portal: Portal, wait: str):
    link = (await portal.submitted())["links"]["self"]
    assert (await portal.get(f"{link}?wait={wait}")).status_code == 422


async def test_events_include_attempts_in_order_when_a_delivery_was_sent(portal: Portal):
    accepted = await portal.submitted()
    await move_on(portal)
    answer = await portal.get(accepted["links"]["events"])
    events = answers.Events.model_validate(answer.json()).events
    assert [(each.kind, each.destination) for each in events] == [
        ("submission.accepted", None),
        ("delivery.attempt", LEAD),
    ]


async def test_events_tell_of_the_case_from_then_on_when_it_moves(portal: Portal):
    accepted = await portal.submitted()
    async with portal.store.write() as connection:
        case = await cases.lock(connection, accepted["case_id"], tenant="musterstadt")
        now = (await connection.execute(select(portal.store.now()))).scalar_one()
        await cases.record(connection, case, "case.in_progress", now=now)
        await cases.record(connection, case, "mailbox.posted", now=now, message_id=new_id())
    events = (await portal.get(accepted["links"]["events"])).json()["events"]
    assert [each["kind"] for each in events] == ["submission.accepted", "case.in_progress"]


async def test_validation_stores_nothing_when_the_message_is_valid(portal: Portal):
    body = message()
    answer = await portal.submit(body, path="/v1/validate")
    assert answer.status_code == 200
    assert answers.Valid.model_validate(answer.json()).authority == "psw:99101000"
    assert (await portal.submit(body)).status_code == 202


async def test_validation_says_what_posting_says_when_the_message_is_refused(portal: Portal):
    posted = await portal.submit(sample("15-fuenf-fehler"))
    tried = await portal.submit(sample("15-fuenf-fehler"), path="/v1/validate")
    assert tried.status_code == posted.status_code == 422
    assert tried.json()["findings"] == posted.json()["findings"]
    rejected = await portal.submit(sample("15-fuenf-fehler"), path="/v1/validate", headers=ACCEPTS_XML)
    assert b"rueckweisung.1190" in rejected.content


async def test_result_is_found_by_its_own_id_when_many_post_at_once(portal: Portal):
    bodies = [message(new_id()) for _ in range(20)]
    results = await asyncio.gather(*(portal.submit(body) for body in bodies))
    assert {each.status_code for each in results} == {202}
    digests = {each.json()["receipt"]["sha256"] for each in results}
    assert digests == {sha256(body).hexdigest() for body in bodies}


async def test_xml_is_taken_when_its_type_has_a_charset(portal: Portal):
    answer = await portal.submit(headers={"Content-Type": "text/xml; charset=utf-8"})
    assert answer.status_code == 202
