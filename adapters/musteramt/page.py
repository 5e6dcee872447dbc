"""Serves the clerk's page on 127.0.0.1 for as long as the adapter runs."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from gateway.errors import ConfigurationError

MIN_SECRET_CHARACTERS = 16
_GRACE_S = 1


class Page:
    """A small server; bound when it is created, so that a taken port stops the start with a sentence.

    Raises:
        ConfigurationError: the port cannot be bound.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._socket = _bind(port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="musteramt-page")

    async def stop(self) -> None:
        """Finish what is being answered, then close the port."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._socket.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals belong to the process that hosts the adapter, not to this page.
        yield


def read_or_make_secret(path: Path, *, generate: bool) -> str:
    """Return the page's password; make one, readable by its owner only, where `generate` allows it.

    Raises:
        ConfigurationError: the file is missing, or holds fewer than 16 characters.
    """
    if generate and not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"page_secret_file {path}: {error.strerror}") from error
    if len(secret) < MIN_SECRET_CHARACTERS:
        raise ConfigurationError(
            f"page_secret_file {path}: must hold at least {MIN_SECRET_CHARACTERS} characters"
        )
    return secret


def _bind(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
        bound.listen()  # requests queue from here on, until the server takes them
    except OSError as error:
        bound.close()
        raise ConfigurationError(
            f"page_port {port}: {error.strerror}; choose another or stop what uses it"
        ) from error
    return bound
