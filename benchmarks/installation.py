"""One Amtsbote as an operator would set it up: configuration, secrets, database, gateway processes."""

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import yaml

from benchmarks.layout import Layout, title
from benchmarks.message import AUTHORITY, SERVICE, STALLED_SERVICE
from benchmarks.process import Process
from benchmarks.stamps import STAMPS
from tests.services.runtime import free_ports

CLIENT = "bench"
TENANT = "musterland"
DESTINATION = "bench"
STALLED = "stalled"
"""A destination that takes nothing: only the benchmark of growth has anything for it."""

_ROOT = Path(__file__).parents[1]
_AMTSBOTE = ("-m", "benchmarks.profiled")
_ROUTE = {"message_types": ["xurkunde:*"], "authority": AUTHORITY}

CONFIGURATION: dict[str, Any] = {
    "tenants": [{"id": TENANT, "name": "Landkreis Musterland", "ars": "99102"}],
    "services": [
        {"key": SERVICE, "name": "Urkunde anfordern", "name_en": "Order a certificate"},
        {"key": STALLED_SERVICE, "name": "Anderes anfordern", "name_en": "Order something else"},
    ],
    "authorities": [
        {
            "id": AUTHORITY,
            "name": "Standesamt des Landkreises Musterland",
            "tenant": TENANT,
            "areas": ["99102"],
            "services": [SERVICE, STALLED_SERVICE],
        }
    ],
    "clients": [{"id": CLIENT, "name": "Serviceportal", "grants": [{"tenant": TENANT}]}],
    "destinations": [
        {"name": name, "tenant": TENANT, "adapter": "bench", "concurrency": 32}
        for name in (DESTINATION, STALLED)
    ],
    "routes": [
        _ROUTE | {"services": [SERVICE], "lead": DESTINATION},
        _ROUTE | {"services": [STALLED_SERVICE], "lead": STALLED},
    ],
}
"""One tenant, one client, one lead destination, no copy: as much way as the peer's."""


class Installation:
    """Sets up and runs the gateway's processes and one worker.

    Args:
        folder: for everything it writes; a new one.
        layout: the gateway's processes.
        environment: the settings that differ: the addresses of database and broker.
    """

    def __init__(self, folder: Path, layout: Layout, environment: Mapping[str, object]) -> None:
        self.folder = folder
        self.layout = layout
        self.gateway: list[tuple[str, Process]] = []
        self.worker: Process | None = None
        self.stamps = folder / "stamps"
        self.ports = free_ports(len(layout.processes))
        self._environment = {
            "PYTHONPATH": f"{folder}:{_ROOT}",
            STAMPS: self.stamps,
            "AMTSBOTE_CONFIG": folder / "config.yaml",
            "AMTSBOTE_VAR": folder / "var",
            "AMTSBOTE_MASTER_KEY_FILE": folder / "master.key",
            "AMTSBOTE_GATEWAY_URL": f"http://127.0.0.1:{self.http_ports[0]}",
            **environment,
        }

    @property
    def http_ports(self) -> list[int]:
        """Where portals are answered."""
        return [
            port for port, roles in zip(self.ports, self.layout.processes, strict=True) if "http" in roles
        ]

    def set_up(self) -> None:
        """Write configuration and secrets, offer the adapter, create the tables."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(CONFIGURATION), encoding="utf-8")
        _write_secret(self.folder / "master.key", base64.b64encode(secrets.token_bytes(32)).decode())
        destinations = [f"destinations/{each['name']}" for each in CONFIGURATION["destinations"]]
        for name in ("token.key", f"clients/{CLIENT}", *destinations):
            _write_secret(self.folder / "var" / "secrets" / name, secrets.token_urlsafe())
        _offer_adapter(self.folder)
        self._run("migrate", "migrate").wait_until_done()

    def start(self) -> None:
        """Start the gateway and wait until every process of it is ready."""
        for number, (roles, port) in enumerate(zip(self.layout.processes, self.ports, strict=True)):
            apart = () if title(roles) == "every role" else ("--roles", ",".join(roles))
            process = self._run(f"serve-{number}", "serve", "--port", str(port), *apart)
            self.gateway.append((title(roles), process))
        for (_, process), port in zip(self.gateway, self.ports, strict=True):
            process.wait_until_it_answers(f"http://127.0.0.1:{port}/readyz")

    def start_worker(self) -> None:
        """Start the worker of the destination."""
        self.worker = self._run("worker", "work", DESTINATION)

    def fetch_token(self) -> str:
        """Get an access token for the client."""
        secret = (self.folder / "var" / "secrets" / "clients" / CLIENT).read_text()
        answer = httpx2.post(
            f"http://127.0.0.1:{self.http_ports[0]}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=httpx2.BasicAuth(CLIENT, secret),
            trust_env=False,
            timeout=30,
        )
        return str(answer.raise_for_status().json()["access_token"])

    def stop(self) -> None:
        """End every process."""
        if self.worker:
            self.worker.stop()
            self.worker = None
        while self.gateway:
            self.gateway.pop()[1].stop()

    def _run(self, name: str, *arguments: str) -> Process:
        return Process(name, self.folder, [*_AMTSBOTE, *arguments], self._environment)


def _write_secret(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(secret)


def _offer_adapter(folder: Path) -> None:
    """Have the adapter found as one that somebody installed: by an entry point of a package on the path."""
    package = folder / "amtsbote_bench-1.dist-info"
    package.mkdir(exist_ok=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: amtsbote-bench\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[amtsbote.adapters]\nbench = benchmarks.adapter:Decider\n")
