"""One server of each kind for a whole test run, all its worker processes included.

The process that the user started owns the servers: it starts one when a test first asks for it, and ends
it with the run. Workers ask over a Unix socket.
"""

import os
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.connection import Client, Listener
from pathlib import Path

from tests.services.postgresql import PostgreSQL, PrivatePostgreSQL
from tests.services.rabbitmq import PrivateRabbitMQ, RabbitMQ
from tests.services.runtime import ServiceFailed

Access = RabbitMQ | PostgreSQL
Private = PrivateRabbitMQ | PrivatePostgreSQL
_KINDS: dict[str, Callable[[], Private]] = {"rabbitmq": PrivateRabbitMQ, "postgresql": PrivatePostgreSQL}


class SharedServices:
    """Owns the servers and answers who asks for one at `address`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="amtsbote-services-")
        self.address = str(Path(self._folder.name) / "socket")
        self._listener = Listener(self.address, "AF_UNIX")
        self._running: dict[str, Private] = {}
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End every server that was started."""
        with Client(self.address, "AF_UNIX") as connection:
            connection.send("close")
        self._thread.join()
        for server in self._running.values():
            server.discard()
        self._listener.close()
        self._folder.cleanup()

    def _serve(self) -> None:
        while True:
            with self._listener.accept() as connection:
                kind = connection.recv()
                if kind == "close":
                    return
                connection.send(self._answer(kind))

    def _answer(self, kind: str) -> Access | str:
        if kind not in self._running:
            try:
                server = _KINDS[kind]()
                self._running[kind] = server
                server.start()
            except Exception as error:  # whatever it is, the test that asked must hear of it
                return f"{type(error).__name__}: {error}"
        return self._running[kind].access


def ask(address: str, kind: str) -> Access:
    """Return where the run's server of this kind is; the first to ask waits until it has started.

    Raises:
        ServiceFailed: it could not be started.
    """
    with Client(address, "AF_UNIX") as connection:
        connection.send(kind)
        answer = connection.recv()
    if isinstance(answer, str):
        raise ServiceFailed(f"process {os.getpid()} asked for {kind}: {answer}")
    return answer
