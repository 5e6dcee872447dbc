"""What is too much at once is put off before it is read, and what is under way goes on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest
from sqlalchemy import text

from gateway.http.service import Service
from gateway.intake.commit import GroupCommit
from tests.integration.http.portal import LEAD, XML, Portal, message, running

MESSAGE_BYTES = 20_000
LIMITS = {"max_message_bytes": MESSAGE_BYTES, "max_attachments_bytes": 0, "max_attachments": 0}
NO_ROOM = LIMITS | {"max_body_bytes": 120_000}
"""Room for the largest request, 101,920 bytes, and little more."""


class Slow:
    """A body whose second half comes when it is told to."""

    def __init__(self, body: bytes) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body[:100]
        self.reached.set()
        await self.go_on.wait()
        yield self._body[100:]


@asynccontextmanager
async def one_in_hand(portal: Portal, length: int | None = None) -> AsyncIterator[None]:
    """Have a submission half-way in while the block runs; it is accepted afterwards."""
    slow = Slow(message())
    headers = {} if length is None else {"Content-Length": str(length)}
    task = asyncio.create_task(portal.submit(slow, headers=headers))
    async with asyncio.timeout(10):
        await slow.reached.wait()
    yield
    slow.go_on.set()
    assert (await task).status_code == 202


def says_later(answer: httpx2.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == "/problems/unavailable"
    assert int(answer.headers["Retry-After"]) > 0


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)


async def unread() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


async def test_body_is_put_off_unread_when_there_is_no_room_for_it(tmp_path):
    async with running(tmp_path, **NO_ROOM) as portal:
        await portal.get("/v1/mailbox")
        headers = XML | {"Content-Length": str(MESSAGE_BYTES)}
        portal.app.state.admission.hold_body({}, 4 * MESSAGE_BYTES)
        async with one_in_hand(portal, MESSAGE_BYTES):
            async with one_in_hand(portal, MESSAGE_BYTES):
                says_later(await portal.post("/v1/submissions", content=unread(), headers=headers))
                assert (await portal.get("/v1/mailbox")).status_code == 200
            assert (await portal.submit()).status_code == 202


async def test_body_is_put_off_when_it_grows_beyond_the_room(tmp_path):
    async with running(tmp_path, **NO_ROOM) as portal:
        portal.app.state.admission.hold_body({}, 118_000)
        slow = Slow(message())
        slow.go_on.set()
        says_later(await portal.submit(slow))
    assert portal.app.state.admission.body_bytes == 118_000


@pytest.mark.parametrize("body", [message(), b"<no/>", b"", b" " * (MESSAGE_BYTES + 1)])
async def test_room_is_given_back_when_a_request_has_ended(tmp_path, body: bytes):
    async with running(tmp_path, **NO_ROOM) as portal:
        await portal.submit(body)
        admission = portal.app.state.admission
        assert (admission.body_bytes, admission.requests) == (0, 0)


async def test_request_is_put_off_when_too_many_are_in_hand(tmp_path):
    async with running(tmp_path, max_requests=2) as portal:
        await portal.get("/v1/mailbox")
        async with one_in_hand(portal), one_in_hand(portal):
            says_later(await portal.http.get("/v1/mailbox"))
            assert (await portal.http.get("/healthz")).status_code == 200
            assert (await portal.http.get("/readyz")).status_code == 200
        assert (await portal.get("/v1/mailbox")).status_code == 200


async def test_long_poll_is_put_off_when_too_many_wait(tmp_path):
    async with running(tmp_path, max_requests=2) as portal:
        await portal.get("/v1/mailbox")
        waiting = asyncio.create_task(portal.get("/v1/mailbox?wait=60"))
        await until(lambda: portal.app.state.admission.waits == 1)
        says_later(await portal.get("/v1/mailbox?wait=1"))
        assert (await portal.get("/v1/mailbox")).status_code == 200
        portal.service.stopping.set()
        assert (await waiting).status_code == 200


async def test_only_what_is_new_is_put_off_when_the_disk_floor_is_reached(tmp_path):
    async with running(tmp_path) as portal:
        accepted = await portal.submitted()
        case = f"/v1/cases/{accepted['case_id']}/messages"
        fill_disk(portal.service)
        says_later(await portal.post("/v1/submissions", content=unread(), headers=XML))
        says_later(await portal.post(case, content=unread(), headers=XML))
        readiness = await portal.http.get("/readyz")
        assert readiness.status_code == 503
        disk = readiness.json()["parts"]["disk"]
        assert "AMTSBOTE_MIN_FREE_BYTES" in disk["reason"]
        await portal.send_back(accepted)
        assert (await portal.get("/v1/mailbox")).json()["items"]
        assert (await portal.get(accepted["links"]["self"])).status_code == 200
        digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        path = f"/v1/destinations/{LEAD}/attachments/{digest}"
        assert (await portal.call("PUT", path, caller=f"destination:{LEAD}", content=b"")).status_code == 204


def fill_disk(service: Service) -> None:
    """Set the floor higher than any disk."""
    service.disk._min_free_bytes = 2**80


async def test_submission_is_put_off_when_the_databases_own_disk_is_full(tmp_path):
    async with running(tmp_path) as portal:
        async with portal.store.write() as connection:
            pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
            await connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        answers = [await portal.submit() for _ in range(40)]
        says_later(answers[-1])
        async with portal.store.write() as connection:
            await connection.execute(text("PRAGMA max_page_count = 1000000"))
        assert (await portal.submit()).status_code == 202


async def test_submission_is_put_off_when_the_commit_queue_is_full(tmp_path):
    async with running(tmp_path) as portal:
        await portal.get("/v1/mailbox")
        portal.service.intake._commit = GroupCommit(portal.store, max_batch=1, max_waiting=1)
        first = asyncio.create_task(portal.submit())
        await until(portal.service.intake._commit._queue.full)
        says_later(await portal.submit())
        await portal.service.intake._commit.start()
        assert (await first).status_code == 202
