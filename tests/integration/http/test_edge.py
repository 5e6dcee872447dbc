"""What every answer has, what every request logs, and the pages for people."""

import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.http.api import answers
from tests.integration.http.portal import PORTAL, Portal, message
from tests.integration.http.problem_cases import break_store

PAGES = ["/docs", "/problems", "/problems/no-route"]


@pytest.mark.parametrize("path", ["/healthz", "/v1/mailbox", "/nowhere", *PAGES])
async def test_answer_has_security_headers_when_it_is_of_any_kind(portal: Portal, path: str):
    headers = (await portal.http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-request-id"]
    assert "server" not in headers


async def test_transport_security_is_demanded_when_the_call_came_over_tls(portal: Portal):
    assert "strict-transport-security" in (await portal.http.get("https://amtsbote.example/healthz")).headers


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json"])
async def test_head_has_the_headers_only_when_it_is_asked(portal: Portal, path: str):
    head, get = await portal.http.head(path), await portal.http.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_request_is_logged_once_with_ids_only_when_it_is_answered(portal: Portal):
    accepted = await portal.submitted()
    with capture_logs() as logs:
        answer = await portal.get(f"{accepted['links']['self']}?wait=0")
    (event,) = [each for each in logs if each["event"] == "request"]
    took_ms = event.pop("took_ms")
    assert took_ms >= 0
    assert event == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "route": "/v1/submissions/{submission_id}",
        "status": 200,
        "request_id": answer.headers["x-request-id"],
        "caller": PORTAL,
    }


async def test_content_stays_out_of_the_log_when_a_message_is_posted(portal: Portal):
    with capture_logs() as logs:
        await portal.submit(message())
    assert "Müßig" not in str(logs)
    assert "<" not in str(logs)


@pytest.mark.parametrize("path", PAGES)
async def test_page_needs_nothing_else_when_it_is_shown(portal: Portal, path: str):
    answer = await portal.http.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in answer.text
    assert not re.search(r"(src|href)=.?(https?:)?//", answer.text)


async def test_docs_show_every_call_when_they_are_read(portal: Portal):
    page = (await portal.http.get("/docs")).text
    for path, calls in (await portal.http.get("/openapi.json")).json()["paths"].items():
        for call in calls.values():
            assert f'id="{call["operationId"]}"' in page, path


async def test_gateway_is_ready_when_only_the_broker_is_away(portal: Portal):
    await portal.service.broker.close()
    answer = await portal.http.get("/readyz")
    state = answers.Readiness.model_validate(answer.json())
    assert (answer.status_code, state.ready) == (200, True)
    assert not state.parts["broker"].ok
    assert state.parts["broker"].reason


async def test_gateway_is_not_ready_but_alive_when_the_store_is_away(portal: Portal, tmp_path: Path):
    assert (await portal.http.get("/readyz")).status_code == 200
    await portal.store.close()
    break_store(portal)
    answer = await portal.http.get("/readyz")
    state = answers.Readiness.model_validate(answer.json())
    assert (answer.status_code, state.ready) == (503, False)
    assert state.parts["store"].reason
    assert (await portal.http.get("/healthz")).status_code == 200
