"""The peer: HTTP, validation and a confirmed publish, and nothing else; kept outside this repository."""

import json
import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from benchmarks.cpu import Pids
from benchmarks.drain import purging
from benchmarks.load import Connection, Target
from benchmarks.message import SCHEMA, message_maker
from benchmarks.process import Process
from benchmarks.servers import Servers
from tests.services.runtime import free_ports

_BESIDE = Path(__file__).parents[2] / "shared" / "peers" / "naive.py"
_QUEUE = "naive.in"


def find_peer() -> Path | None:
    """Return the peer's program: what AMTSBOTE_PEER names, or where it lies beside this repository."""
    named = os.environ.get("AMTSBOTE_PEER")
    path = Path(named).resolve() if named else _BESIDE
    return path if path.is_file() else None


class Peer:
    """Runs the peer on a virtual host of its own."""

    name = "peer"

    def __init__(self, program: Path, folder: Path, servers: Servers) -> None:
        self._ports = free_ports(1)
        self._program = program
        self._folder = folder
        self._servers = servers
        self._amqp = servers.rabbitmq.access.create_vhost()
        self._running: list[Process] = []
        self.make_body = message_maker()

    @property
    def processes(self) -> str:
        """Its description names one process each."""
        return ", ".join(f"1 × {process.name}" for process in self._running)

    @property
    def pids(self) -> Pids:
        """Its processes and the broker."""
        own = {process.name: [process.pid] for process in self._running}
        return {**own, "RabbitMQ": self._servers.pids["RabbitMQ"]}

    @property
    def profiled(self) -> list[Process]:
        """None: it is run as its own description says."""
        return []

    def submit(self) -> Target:
        """Posting a message."""
        return Target(self._ports, "POST", "/submit", {"content-type": "application/xml"}, status=202)

    def start(self) -> None:
        """Start the gateway as its own description says."""
        options = ["--app-dir", str(self._program.parent), "--port", str(self._ports[0]), "--no-access-log"]
        self._run("uvicorn", ["-m", "uvicorn", f"{self._program.stem}:app", *options])
        self._running[-1].wait_until_it_answers(f"http://127.0.0.1:{self._ports[0]}/replies")

    def start_adapter(self) -> None:
        """Start the adapter."""
        self._run("adapter", [str(self._program), "adapter"])

    def draining(self) -> AbstractAsyncContextManager[None]:
        """Empty the queue."""
        return purging(self._amqp, _QUEUE)

    async def backlog(self) -> int:
        """None: the peer answers only what the broker has confirmed."""
        return 0

    async def replies(self, connection: Connection, *, wait_s: int) -> int:
        """Ask how many replies have come; there is no call that waits."""
        answer = await connection.ask_for(Target(self._ports, "GET", "/replies"))
        return int(json.loads(answer)["replies"])

    def stop(self) -> None:
        """End both processes."""
        for process in self._running:
            process.stop()

    def _run(self, name: str, arguments: list[str]) -> None:
        environment = {"NAIVE_XSD": SCHEMA, "NAIVE_AMQP": self._amqp}
        self._running.append(Process(name, self._folder, arguments, environment))
