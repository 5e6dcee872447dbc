"""The HTTP server of a running gateway: binds, serves, and stops in good order."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import uvicorn

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from fastapi import FastAPI

GRACE_S = 10
KEEP_ALIVE_S = 75


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
        h11_max_incomplete_event_size=64 * 1024,
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
