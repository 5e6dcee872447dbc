"""The portal client waits as long as it asked the gateway to hold the answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest

from gateway.portal import TIMEOUT_S, File, Portal, PortalError


@pytest.mark.parametrize("wait_s", [0, 60])
async def test_answer_that_is_held_is_waited_for(wait_s: int) -> None:
    patience = []

    def gateway(request: httpx2.Request) -> httpx2.Response:
        patience.append(request.extensions["timeout"]["read"])
        return httpx2.Response(200, json={"items": [], "access_token": "t", "expires_in": 600})

    async with Portal("http://gateway.example", "demo-portal", "secret-of-the-portal") as portal:
        await portal._http.aclose()
        portal._http = httpx2.AsyncClient(
            transport=httpx2.MockTransport(gateway), base_url="http://gateway.example"
        )
        await portal.mailbox(wait_s=wait_s)
        await portal.submission("0" * 36, wait_s=wait_s)
    assert patience[1:] == [TIMEOUT_S + wait_s] * 2


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, text="<html/>"),
        httpx2.Response(200, json=["a"]),
        httpx2.Response(404, json=["a"]),
        httpx2.Response(502, text="<html/>"),
    ],
)
async def test_answer_of_something_else_than_a_gateway_is_told(answer: httpx2.Response) -> None:
    async with asking(lambda _: answer) as portal:
        with pytest.raises(PortalError) as told:
            await portal.validate(b"<a/>")
    assert told.value.problem == {}


async def test_rejection_is_asked_for_as_xml_also_with_attachments() -> None:
    def gateway(request: httpx2.Request) -> httpx2.Response:
        is_xml = request.headers["Accept"] == "application/xml"
        content = b"<rejection/>" if is_xml else b"{}"
        kind = "application/xml" if is_xml else "application/problem+json"
        return httpx2.Response(422, content=content, headers={"Content-Type": kind})

    async with asking(gateway) as portal:
        assert await portal.rejection(b"<a/>") == b"<rejection/>"
        assert await portal.rejection(b"<a/>", files=[File("a.txt", "text/plain", b"a")]) == b"<rejection/>"


@asynccontextmanager
async def asking(gateway: Callable[[httpx2.Request], httpx2.Response]) -> AsyncIterator[Portal]:
    """A portal that has a token, and what answers it."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/oauth/token":
            return httpx2.Response(200, json={"access_token": "t", "expires_in": 600})
        return gateway(request)

    async with Portal("http://gateway.example", "demo-portal", "secret-of-the-portal") as portal:
        await portal._http.aclose()
        portal._http = httpx2.AsyncClient(
            transport=httpx2.MockTransport(answer), base_url="http://gateway.example"
        )
        yield portal
