"""Amtsbote on RabbitMQ and PostgreSQL: every role in one process, and one worker."""

import json
import secrets
import time
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import yaml

from benchmarks.adapter import DESTINATION
from benchmarks.load import Connection, Target
from benchmarks.message import AUTHORITY, SERVICE, message_maker
from benchmarks.process import Process
from tests.services import PrivatePostgreSQL, RabbitMQ
from tests.services.runtime import free_ports

CLIENT = "bench"
# Nothing settles a delivery in a round without a worker: below this many the relay stays on.
MAX_SENT = 5000
_DRAINED_WITHIN_S = 60.0
_MAILBOX_PAGE = 500

CONFIGURATION: dict[str, Any] = {
    "tenants": [{"id": "musterland", "name": "Landkreis Musterland", "ars": "99102"}],
    "services": [{"key": SERVICE, "name": "Urkunde anfordern", "name_en": "Order a certificate"}],
    "authorities": [
        {
            "id": AUTHORITY,
            "name": "Standesamt des Landkreises Musterland",
            "tenant": "musterland",
            "areas": ["99102"],
            "services": [SERVICE],
        }
    ],
    "clients": [{"id": CLIENT, "name": "Serviceportal", "grants": [{"tenant": "musterland"}]}],
    # The gateway only looks whether the named adapter is installed; the worker brings its own.
    "destinations": [{"name": DESTINATION, "tenant": "musterland", "adapter": "dms", "concurrency": 32}],
    "routes": [
        {"services": [SERVICE], "message_types": ["xurkunde:*"], "authority": AUTHORITY, "lead": DESTINATION}
    ],
}
"""One tenant, one client, one lead destination, no copy: as much way as the peer's."""


class Amtsbote:
    """Runs the gateway and one worker."""

    name = "Amtsbote"
    processes = "1 gateway (every role), 1 worker"

    def __init__(self, folder: Path, rabbitmq: RabbitMQ, postgresql: PrivatePostgreSQL) -> None:
        (self._port,) = free_ports(1)
        self._folder = folder
        self._rabbitmq = rabbitmq
        self._amqp = rabbitmq.create_vhost()
        self._database = postgresql.create_database()
        self._url = f"http://127.0.0.1:{self._port}"
        self._running: list[Process] = []
        self._token = ""
        self._cursor = "0"
        self._replies = 0
        self.make_body = message_maker()

    @property
    def submit(self) -> Target:
        """Posting a submission as bare XML, as the peer takes it."""
        headers = {"content-type": "application/xml", "authorization": f"Bearer {self._token}"}
        return Target(self._port, "POST", "/v1/submissions", headers, status=202)

    def start(self) -> None:
        """Create the database, start the gateway, get a token."""
        (self._folder / "config.yaml").write_text(yaml.safe_dump(CONFIGURATION), encoding="utf-8")
        for name in ("token.key", f"clients/{CLIENT}", f"destinations/{DESTINATION}"):
            path = self._folder / "var" / "secrets" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe())
        self._run("migrate", ["-c", "from gateway.cli import main; main()", "migrate"])
        self._running.pop().wait_until_done()
        self._run("serve", ["-c", "from gateway.cli import main; main()", "serve"])
        self._running[-1].wait_until_it_answers(f"{self._url}/readyz")
        self.renew_token()

    def renew_token(self) -> None:
        """Get a token; each round begins with a fresh one."""
        secret = (self._folder / "var" / "secrets" / "clients" / CLIENT).read_text()
        answer = httpx2.post(
            f"{self._url}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=httpx2.BasicAuth(CLIENT, secret),
            trust_env=False,
        )
        self._token = answer.raise_for_status().json()["access_token"]

    def start_adapter(self) -> None:
        """Start the worker."""
        self._run("worker", ["-m", "benchmarks.adapter"])

    def settle(self) -> float:
        """Wait until the relay has sent everything, then settle it all as if a worker had taken it over."""
        with psycopg.connect(self._database, autocommit=True) as connection:
            accepted, behind = _open_deliveries(connection)
            deadline = time.monotonic() + _DRAINED_WITHIN_S
            while _open_deliveries(connection)[1]:
                if time.monotonic() > deadline:
                    raise RuntimeError("the relay does not send what was accepted")
                time.sleep(0.05)
            connection.execute("UPDATE deliveries SET state = 'accepted', lease_until = NULL")
        vhost = self._amqp.rpartition("/")[2]
        self._rabbitmq.manage("DELETE", f"queues/{vhost}/amtsbote.deliveries.{DESTINATION}/contents")
        self.renew_token()
        return behind / accepted if accepted else 0.0

    async def replies(self, connection: Connection, *, wait_s: int) -> int:
        """Read on in the mailbox."""
        query = f"after={self._cursor}&limit={_MAILBOX_PAGE}&wait={wait_s}"
        headers = {"authorization": f"Bearer {self._token}"}
        answer = await connection.ask_for(Target(self._port, "GET", f"/v1/mailbox?{query}", headers))
        page = json.loads(answer)
        self._cursor = page["next"]
        self._replies += len(page["items"])
        return self._replies

    def stop(self) -> None:
        """End both processes."""
        for process in reversed(self._running):
            process.stop()

    def _run(self, name: str, arguments: list[str]) -> None:
        environment = {
            "PYTHONPATH": Path(__file__).parents[1],
            "AMTSBOTE_CONFIG": self._folder / "config.yaml",
            "AMTSBOTE_VAR": self._folder / "var",
            "AMTSBOTE_DATABASE_URL": self._database,
            "AMTSBOTE_AMQP_URLS": self._amqp,
            "AMTSBOTE_GATEWAY_URL": self._url,
            "AMTSBOTE_PORT": self._port,
            "AMTSBOTE_MAX_SENT": MAX_SENT,
        }
        self._running.append(Process(name, self._folder, arguments, environment))


def _open_deliveries(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """Count the deliveries that are not settled, and those of them that have not left."""
    rows = connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall()
    counts = {state: int(count) for state, count in rows}
    waiting = counts.get("waiting", 0)
    return waiting + counts.get("sent", 0), waiting
