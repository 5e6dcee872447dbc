"""Servers go away and come back: without the broker submissions wait, without the store they are put off."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.portal import Portal
from tests.acceptance.installation import START_S, Installation, eventually, signed_in
from tests.acceptance.town import DMS, REGISTER, Application, Mail, applications, fresh, submit
from tests.services import PrivatePostgreSQL, PrivateRabbitMQ

DECIDED_S = 60.0

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def application() -> Application:
    return next(each for each in applications() if each.name.startswith("xparken"))


async def test_submissions_wait_in_the_store_when_broker_is_away(
    tmp_path: Path, stoppable_rabbitmq: PrivateRabbitMQ, application: Application
) -> None:
    town = Installation(tmp_path / "town", amqp_url=stoppable_rabbitmq.access.create_vhost())
    town.migrate()
    try:
        town.serve()
        for destination in (REGISTER, DMS):
            town.work(destination)
        await town.ready()
        async with town.portal() as portal, Mail(portal) as mail:
            await mail.decided([await _post(portal, application)], DECIDED_S)
            await asyncio.to_thread(stoppable_rabbitmq.stop)
            while_running = await _post(portal, application)
            readiness = httpx2.get(f"{town.url}/readyz")
            assert readiness.status_code == httpx2.codes.OK
            assert readiness.json()["parts"]["broker"]["ok"] is False
            assert town.gateway
            town.gateway.stop()
            town.serve()
            await town.ready()
            after_start = await _post(portal, application)
            await asyncio.to_thread(stoppable_rabbitmq.start)
            await mail.decided([while_running, after_start], DECIDED_S)
    finally:
        town.close()


async def test_submissions_are_put_off_when_store_is_away(
    tmp_path: Path, stoppable_postgresql: PrivatePostgreSQL, application: Application
) -> None:
    town = Installation(tmp_path / "town", database_url=stoppable_postgresql.create_database())
    town.migrate()
    try:
        town.serve()
        await town.ready()
        async with town.portal() as portal, Mail(portal) as mail:
            under_way = await _post(portal, application)
            with signed_in(town, "demo-portal") as http:
                await asyncio.to_thread(stoppable_postgresql.stop)
                refused = fresh(application)
                await asyncio.to_thread(_is_put_off, http, refused)
                await asyncio.to_thread(stoppable_postgresql.start)
                await eventually(lambda: _is_ready(http), START_S, "healthy again")
            posted = await submit(portal, refused)
            await mail.decided([under_way, posted["case_id"]], DECIDED_S)
    finally:
        town.close()


def _is_put_off(http: httpx2.Client, application: Application) -> None:
    answer = http.post(
        "/v1/submissions", content=application.body, headers={"Content-Type": "application/xml"}
    )
    _says_unavailable(answer)
    _says_unavailable(http.get("/v1/mailbox"))
    readiness = http.get("/readyz")
    assert readiness.status_code == httpx2.codes.SERVICE_UNAVAILABLE
    assert readiness.json()["parts"]["store"]["ok"] is False
    assert http.get("/healthz").status_code == httpx2.codes.OK


def _says_unavailable(answer: httpx2.Response) -> None:
    assert answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    problem: dict[str, Any] = answer.json()
    assert problem["type"].endswith("unavailable")
    assert problem["retryable"] is True


async def _is_ready(http: httpx2.Client) -> bool:
    answer = await asyncio.to_thread(http.get, "/readyz")
    return answer.status_code == httpx2.codes.OK


async def _post(portal: Portal, application: Application) -> str:
    """Post an application under an id of its own, once, and return its case."""
    each = fresh(application)
    case_id: str = (await portal.submit(each.body, metadata=each.metadata, files=each.files))["case_id"]
    return case_id
