"""The portal client waits as long as it asked the gateway to hold the answer."""

import httpx2
import pytest

from gateway.portal import TIMEOUT_S, Portal


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
