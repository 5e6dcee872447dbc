"""An installation as an operator has it: a folder with its secrets, a store, and `amtsbote` processes.

Nothing of the product is imported except the client that the product offers to portals.
"""

import asyncio
import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import yaml

from gateway.portal import Portal
from tests.services.runtime import free_ports

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures"
COMMAND = str(Path(sys.executable).with_name("amtsbote"))
START_S, STOP_S = 40.0, 20.0
PAUSE_S = 0.05
SERVICE, AUTHORITY = "99900000000901", "psw:99901000"

MASTER_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()

T = TypeVar("T")

# Leases so short that what a killed process had claimed comes back within the test.
QUICK = {"AMTSBOTE_PUBLISH_LEASE_S": "4", "AMTSBOTE_BROKER_TIMEOUT_S": "3", "AMTSBOTE_STORE_TIMEOUT_S": "3"}


async def eventually(look: Callable[[], Awaitable[T]], timeout_s: float, what: str) -> T:
    """Look until there is something to see, and return it."""
    until = time.monotonic() + timeout_s
    while not (seen := await look()):
        assert time.monotonic() < until, f"not within {timeout_s:.0f} s: {what}"
        await asyncio.sleep(PAUSE_S)
    return seen


def demo_config() -> dict[str, Any]:
    """Return the demo's configuration without the clerk's pages, whose ports are fixed."""
    config = yaml.safe_load((FIXTURES / "demo" / "config.yaml").read_text(encoding="utf-8"))
    for destination in config["destinations"]:
        destination.get("options", {}).pop("page_port", None)
    return config


def secret_of(caller: str) -> str:
    return f"secret-of-{caller}-0123456789"


def environment(**settings: str | Path) -> dict[str, str]:
    """Return this process's environment with these settings of the product and no others."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AMTSBOTE_")}
    return own | {name: str(value) for name, value in settings.items()}


class Process:
    """One `amtsbote` process; what it prints goes to a file."""

    def __init__(self, arguments: list[str], variables: dict[str, str], folder: Path, log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [COMMAND, *arguments],
                env=variables,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once, as a power failure would."""
        self._process.kill()
        self._process.wait(STOP_S)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        self._process.send_signal(how)
        return self.wait(STOP_S)

    def wait(self, timeout_s: float) -> int:
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"has not ended: {self.printed()[-4000:]}") from None

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


class Installation:
    """A folder, settings and the processes started on them.

    Args:
        database_url, amqp_url: empty for the embedded default.
        settings: more of the product's settings, by their environment variables.
    """

    def __init__(
        self,
        folder: Path,
        *,
        config: dict[str, Any] | None = None,
        database_url: str = "",
        amqp_url: str = "",
        **settings: str | Path,
    ) -> None:
        self.folder = folder
        self.var = folder / "var"
        self.config = config or demo_config()
        self.embedded = not amqp_url
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.gateway: Process | None = None
        self.workers: dict[str, Process] = {}
        self.variables = environment(
            AMTSBOTE_CONFIG=folder / "config.yaml",
            AMTSBOTE_VAR=self.var,
            AMTSBOTE_PORT=str(port),
            AMTSBOTE_GATEWAY_URL=self.url,
            AMTSBOTE_DATABASE_URL=database_url,
            AMTSBOTE_AMQP_URLS=amqp_url,
            **(QUICK | settings),
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(self.config, allow_unicode=True), encoding="utf-8")
        self._write_secrets()

    def run(self, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [COMMAND, *map(str, arguments)],
            env=self.variables | settings,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def migrate(self) -> None:
        done = self.run("migrate")
        assert done.returncode == 0, done.stdout + done.stderr

    def serve(self, *options: str) -> None:
        """Start the gateway; it answers a little later."""
        assert self.gateway is None or not self.gateway.runs
        self.gateway = self._start("gateway", "serve", *options)

    def work(self, destination: str) -> None:
        """Start the worker of one destination."""
        assert destination not in self.workers or not self.workers[destination].runs
        self.workers[destination] = self._start(destination, "work", destination)

    async def ready(self) -> None:
        """Wait until the gateway serves requests."""
        async with httpx2.AsyncClient(base_url=self.url) as http:
            await eventually(lambda: self._is_ready(http), START_S, "the gateway is ready")

    def portal(self, client: str = "demo-portal") -> Portal:
        return Portal(self.url, client, secret_of(client))

    def close(self) -> None:
        """Kill whatever still runs, and repeat the warnings it logged for the report of a failed test."""
        for process in filter(None, (self.gateway, *self.workers.values())):
            if process.runs:
                process.kill()
            unusual = [line for line in process.printed().splitlines() if '"level": "info"' not in line]
            sys.stdout.write("\n".join([process.log.name, *unusual[-50:], ""]))

    async def _is_ready(self, http: httpx2.AsyncClient) -> bool:
        assert self.gateway
        assert self.gateway.runs, self.gateway.printed()[-4000:]
        try:
            return (await http.get("/readyz")).status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    def _start(self, name: str, *arguments: str) -> Process:
        return Process(list(arguments), self.variables, self.folder, self.folder / f"{name}.log")

    def _write_secrets(self) -> None:
        folder = self.var / "secrets"
        callers = {
            "clients": [(each["id"], each["id"]) for each in self.config["clients"]],
            "destinations": [
                (each["name"], f"destination:{each['name']}") for each in self.config["destinations"]
            ],
            "operators": [(each["name"], each["name"]) for each in self.config.get("operators", [])],
        }
        for kind, names in callers.items():
            (folder / kind).mkdir(parents=True, mode=0o700)
            for name, caller in names:
                _write_private(folder / kind / name, secret_of(caller))
        _write_private(folder / "token.key", "a key for tests, and long enough")
        _write_private(folder / "master.key", MASTER_KEY)


def _write_private(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")
    path.chmod(0o600)


def one_office_config(message_types: str, *, adapter: str = "dms") -> dict[str, Any]:
    """Return a configuration in which one office takes all messages of one standard.

    Args:
        message_types: as in a route, such as `xschule:*`.
        adapter: what serves the destination `office`.
    """
    return {
        "tenants": [{"id": "town", "name": "Stadt", "ars": "991010001001"}],
        "services": [{"key": SERVICE, "name": "Beispiel", "name_en": "Sample", "sample": True}],
        "authorities": [
            {
                "id": AUTHORITY,
                "name": "Amt der Stadt",
                "tenant": "town",
                "areas": ["991010001001"],
                "services": [SERVICE],
            }
        ],
        "clients": [{"id": "portal", "name": "Portal", "grants": [{"tenant": "town"}]}],
        "operators": [{"name": "operator"}],
        "destinations": [{"name": "office", "tenant": "town", "adapter": adapter}],
        "routes": [
            {
                "services": [SERVICE],
                "message_types": [message_types],
                "authority": AUTHORITY,
                "lead": "office",
            }
        ],
    }


@contextmanager
def signed_in(town: Installation, client: str) -> Iterator[httpx2.Client]:
    """Give an HTTP client that shows a valid token."""
    with httpx2.Client(base_url=town.url, timeout=30) as http:
        pair = (client, secret_of(client))
        granted = http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=pair)
        http.headers["Authorization"] = f"Bearer {granted.raise_for_status().json()['access_token']}"
        yield http
