import asyncio
import base64
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest

from adapters.kit import Documents, Transient
from adapters.kit.gateway_client import TRIES, GatewayClient
from gateway.contract.ids import new_id

Answer = Callable[[httpx2.Request], httpx2.Response]
LISTED = {"number": 1, "sha256": "a" * 64, "size": 3, "media_type": "application/pdf", "file_name": "ä.pdf"}


class Server:
    """Answers what it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.tokens = 0
        self.expires_in = 600
        self.answer: Answer = lambda request: httpx2.Response(200, content=b"content")

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/oauth/token":
            self.tokens += 1
            self.token_request = request
            return httpx2.Response(
                200, json={"access_token": f"token-{self.tokens}", "expires_in": self.expires_in}
            )
        await request.aread()
        self.requests.append(request)
        return self.answer(request)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[GatewayClient]:
    transport = httpx2.MockTransport(server)
    async with httpx2.AsyncClient(base_url="http://gateway.test", transport=transport) as http:
        yield GatewayClient(http, destination="amt-1", secret="päss:word/with+signs", first_pause_s=0.01)


async def test_client_authenticates_as_the_destination_when_it_fetches(client, server) -> None:
    delivery_id = new_id()
    assert await client.fetch_body(delivery_id) == b"content"
    assert await client.fetch_attachment(delivery_id, 2) == b"content"
    assert [request.url.path for request in server.requests] == [
        f"/v1/destinations/amt-1/deliveries/{delivery_id}",
        f"/v1/destinations/amt-1/deliveries/{delivery_id}/attachments/2",
    ]
    assert {request.headers["Authorization"] for request in server.requests} == {"Bearer token-1"}
    kind, _, credentials = server.token_request.headers["Authorization"].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(credentials).decode() == "destination%3Aamt-1:p%C3%A4ss%3Aword%2Fwith%2Bsigns"
    assert server.token_request.content == b"grant_type=client_credentials"


async def test_client_fetches_another_token_when_the_first_is_refused(client, server) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(401 if request.headers["Authorization"] == "Bearer token-1" else 200)

    server.answer = answer
    await client.fetch_body(new_id())
    assert server.tokens == 2


async def test_client_gives_up_when_every_token_is_refused(client, server) -> None:
    server.answer = lambda request: httpx2.Response(401)
    with pytest.raises(Transient, match="401"):
        await client.fetch_body(new_id())
    assert len(server.requests) == 2


async def test_client_fetches_another_token_when_the_first_has_ended(client, server) -> None:
    server.expires_in = 0
    await client.fetch_body(new_id())
    await client.fetch_body(new_id())
    assert server.tokens == 2


@pytest.mark.parametrize("status", [302, 400, 403, 404, 413, 429, 500, 503])
async def test_client_raises_transient_when_the_gateway_answers_otherwise(client, server, status) -> None:
    server.answer = lambda request: httpx2.Response(status, content=b"Erika Mustermann")
    with pytest.raises(Transient, match=str(status)) as caught:
        await client.fetch_body(new_id())
    assert "Erika" not in caught.value.reason


@pytest.mark.parametrize("error", [httpx2.ConnectError, httpx2.ReadTimeout, httpx2.RemoteProtocolError])
async def test_client_raises_transient_when_the_gateway_cannot_be_reached(client, server, error) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise error("Erika Mustermann")

    server.answer = fail
    with pytest.raises(Transient, match=error.__name__) as caught:
        await client.fetch_body(new_id())
    assert "Erika" not in caught.value.reason


async def test_client_gets_through_when_the_gateway_comes_back(client, server) -> None:
    answers = iter([503, 429, 200])
    server.answer = lambda request: httpx2.Response(next(answers), content=b"content")
    assert await client.fetch_body(new_id()) == b"content"
    assert len(server.requests) == 3


async def test_client_asks_once_when_the_answer_will_not_change(client, server) -> None:
    server.answer = lambda request: httpx2.Response(404)
    with pytest.raises(Transient, match="404"):
        await client.fetch_body(new_id())
    assert len(server.requests) == 1


async def test_client_gives_up_in_time_when_the_token_never_comes(server, monkeypatch) -> None:
    """Those who wait for the token that another fetches have no longer to wait than the other."""
    monkeypatch.setattr("adapters.kit.gateway_client.CALL_TIMEOUT_S", 0.1)

    async def hang(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with httpx2.AsyncClient(
        base_url="http://gateway.test", transport=httpx2.MockTransport(hang)
    ) as http:
        client = GatewayClient(http, destination="amt-1", secret="x", first_pause_s=0.01)
        calls = [client.fetch_body(new_id()) for _ in range(30)]
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer).__base__ for answer in answers} == {Transient}


async def test_client_lists_attachments_when_the_list_is_right(client, server) -> None:
    server.answer = lambda request: httpx2.Response(200, json=[LISTED])
    [listed] = await client.list_attachments(new_id())
    assert (listed.number, listed.file_name) == (1, "ä.pdf")


@pytest.mark.parametrize("content", [b"", b"{}", b'[{"number": 1}]', b'[{"number": "../1"}]', b"<html>"])
async def test_client_raises_transient_when_the_list_is_not_one(client, server, content) -> None:
    server.answer = lambda request: httpx2.Response(200, content=content)
    with pytest.raises(Transient, match="list of attachments"):
        await client.list_attachments(new_id())


async def test_documents_upload_succeeds_when_the_gateway_comes_back(client, server) -> None:
    answers = iter([503, 503, 204])
    server.answer = lambda request: httpx2.Response(next(answers))
    digest = await Documents(client).upload(b"%PDF", "application/pdf")
    assert [request.url.path for request in server.requests] == [
        f"/v1/destinations/amt-1/attachments/{digest}"
    ] * 3
    assert {request.headers["Content-Type"] for request in server.requests} == {"application/pdf"}
    assert {request.content for request in server.requests} == {b"%PDF"}


async def test_documents_upload_gives_up_when_the_gateway_stays_away(client, server) -> None:
    server.answer = lambda request: httpx2.Response(503)
    with pytest.raises(Transient, match="503"):
        await Documents(client).upload(b"%PDF", "application/pdf")
    assert len(server.requests) == TRIES
