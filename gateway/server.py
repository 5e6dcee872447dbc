"""The HTTP server of a running gateway: binds, serves, and stops in good order."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from fastapi import FastAPI

GRACE_S = 4
"""For requests in hand, of the ten seconds that a stop may take."""
KEEP_ALIVE_S = 75
MAX_HEAD_BYTES = 64 * 1024
MAX_JOINED_BYTES = 64 * 1024
_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


class Joined:
    """A transport that sends what is written at one moment at once: head and body of an answer.

    uvicorn writes them one after the other, which is two system calls, and two packets for the caller.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._written: list[bytes] = []
        self._written_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send it with what else is written before the loop goes on; at once what is much."""
        if not self._written:
            asyncio.get_running_loop().call_soon(self._send)
        self._written.append(data)
        self._written_bytes += len(data)
        if self._written_bytes > MAX_JOINED_BYTES:
            self._send()

    def close(self) -> None:
        """Send what was written, and close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._written:
            written, self._written, self._written_bytes = self._written, [], 0
            if not self._transport.is_closing():  # the caller may have gone meanwhile
                self._transport.writelines(written)


class _Protocol(HttpToolsProtocol):
    """Bounds what is kept of a request before the application sees it; uvicorn does so with h11 only.

    Counted are bytes since the parser last finished a head, a piece of a body or a message: a head without
    an end, and as well the trailers after a chunked body.
    """

    _unfinished = 0
    _advanced = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin; what is written goes through `Joined`."""
        super().connection_made(cast(asyncio.Transport, Joined(transport)))

    def data_received(self, data: bytes) -> None:
        """Take what came; cut the connection off where a head goes on for too long."""
        self._advanced = False
        super().data_received(data)
        # Where in this piece the parser advanced is not known; what follows counts from the next piece on.
        self._unfinished = 0 if self._advanced else self._unfinished + len(data)
        if self._unfinished > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._cut_off()

    def on_headers_complete(self) -> None:
        """Note that a head has ended."""
        self._advanced = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Note that a body goes on; how long it may be is the application's business."""
        self._advanced = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request has ended."""
        self._advanced = True
        super().on_message_complete()

    def _cut_off(self) -> None:
        # In the midst of an earlier request's answer there is no place for another one.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_HEAD_TOO_LARGE)
        self.transport.close()


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again at the end and cut the orderly stop short."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: "FastAPI", host: str, port: int) -> AsyncIterator[int]:
    """Serve an application while the block runs; gives the port.

    Raises:
        ConfigurationError: the port is taken or not allowed.
    """
    sock = _bind(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        # Longer than proxies keep idle connections (60 s): they would use one that we have just closed.
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        http=_Protocol,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([sock]))
    try:
        yield sock.getsockname()[1]
    finally:
        app.state.service.stopping.set()
        app.state.service.store.signals.wake_all()
        server.should_exit = True
        await task
        sock.close()


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        # From here on callers queue up until the server takes them.
        sock.listen()
    except OSError as error:
        sock.close()
        raise ConfigurationError(
            f"{host}:{port} cannot be used ({error.strerror}); choose another with AMTSBOTE_PORT"
        ) from error
    return sock
