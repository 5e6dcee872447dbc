"""The server at the socket: what it takes before the application is asked."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.server import MAX_HEAD_BYTES, Joined, serving

PIECE = b"x-filler: " + b"x" * 4084 + b"\r\n"
ENOUGH = 512 * 1024


class Counting:
    """An application that answers how long the body was, or at once without reading it."""

    def __init__(self) -> None:
        signals = SimpleNamespace(wake_all=lambda: None)
        service = SimpleNamespace(stopping=asyncio.Event(), store=SimpleNamespace(signals=signals))
        self.state = SimpleNamespace(service=service)
        self.calls = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.calls += 1
        size, more = 0, scope["path"] != "/at-once"
        while more:
            message = await receive()
            size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        body = str(size).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Any, send: Any) -> None:
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})


class Caller:
    """One connection to the server."""

    def __init__(self, app: Counting, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.app, self.reader, self.writer = app, reader, writer

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def answer(self) -> tuple[int, bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return int(head.split()[1]), await self.reader.readexactly(length)

    async def pour(self) -> int:
        """Send headers until the server has had enough; gives how much it let go out."""
        for sent in range(0, 64 * ENOUGH, len(PIECE)):
            try:
                await self.send(PIECE)
            except ConnectionError:
                return sent
        return sent


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    app = Counting()
    async with serving(app, "127.0.0.1", 0) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        yield Caller(app, reader, writer)
        writer.transport.abort()


def post(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


async def test_connection_is_cut_off_when_headers_do_not_end(caller: Caller):
    await caller.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert await caller.pour() <= ENOUGH
    assert caller.app.calls == 0


async def test_connection_is_cut_off_when_a_later_request_has_endless_headers(caller: Caller):
    await caller.send(post("/", "Content-Length: 0"))
    assert await caller.answer() == (200, b"0")
    await caller.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert await caller.pour() <= ENOUGH
    assert caller.app.calls == 1


async def test_connection_is_cut_off_when_trailers_do_not_end(caller: Caller):
    await caller.send(post("/at-once", "Transfer-Encoding: chunked"), b"1\r\nx\r\n0\r\n")
    assert await caller.answer() == (200, b"0")
    assert await caller.pour() <= ENOUGH


async def test_head_is_refused_with_431_when_it_is_just_too_large(caller: Caller):
    await caller.send(b"GET / HTTP/1.1\r\n", *[PIECE] * (MAX_HEAD_BYTES // len(PIECE)))
    assert await caller.answer() == (431, b"")
    assert await caller.reader.read() == b""


async def test_requests_are_answered_when_bodies_come_in_pieces_on_one_connection(caller: Caller):
    for _ in range(2):
        await caller.send(post("/", "Content-Length: 40000"), *[b"x" * 1000] * 40)
        assert await caller.answer() == (200, b"40000")
    chunks = [b"3e8\r\n" + b"x" * 1000 + b"\r\n"] * 200
    await caller.send(post("/", "Transfer-Encoding: chunked"), *chunks, b"0\r\n\r\n")
    assert await caller.answer() == (200, b"200000")


async def test_request_is_answered_when_its_head_is_large_but_allowed(caller: Caller):
    for _ in range(2):
        await caller.send(b"GET / HTTP/1.1\r\nHost: x\r\n", *[PIECE] * 12, b"\r\n")
        assert await caller.answer() == (200, b"0")


async def test_answer_is_sent_at_once(monkeypatch: pytest.MonkeyPatch):
    sent = []

    class Watched(Joined):
        def _send(self) -> None:
            if self._written:
                sent.append(b"".join(self._written))
            super()._send()

    monkeypatch.setattr("gateway.server.Joined", Watched)
    async with serving(app := Counting(), "127.0.0.1", 0) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        caller = Caller(app, reader, writer)
        await caller.send(post("/", "Content-Length: 0"))
        assert await caller.answer() == (200, b"0")
        assert [each.endswith(b"\r\n\r\n0") for each in sent] == [True]
        writer.transport.abort()
