"""The town: servers, two gateways and the offices' workers, each behind lines of its own."""

import asyncio
import base64
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import yaml

from chaos.messages import AUTHORITY, SERVICE
from chaos.plan import ANNEX, DMS, GATEWAYS, REGISTER, Kind, Plan
from chaos.process import Guard, Process
from chaos.proxy import Line
from chaos.servers import Servers
from tests.services.runtime import free_ports

CLIENT, SECRET = "portal", "secret-of-the-portal-0123456789"
ROOT = Path(__file__).parents[1]
_AMTSBOTE = str(Path(sys.executable).with_name("amtsbote"))
_READY_S = 120.0
_COMMAND_S = 90.0
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d+")
_ENTRY_POINTS = """\
[amtsbote.adapters]
chaos-register = chaos.office:Register
chaos-dms = chaos.office:Filing
"""


class Town:
    """An installation that can be broken in every way, and its processes.

    Args:
        folder: where everything is written; kept by the caller when a run fails.
        mutation: name of a mutation of the product, with which its processes are started.
    """

    def __init__(self, plan: Plan, folder: Path, servers: Servers, mutation: str | None = None) -> None:
        self.plan, self.form, self.folder, self.servers = plan, plan.form, folder, servers
        self.mutation = mutation
        self.var = folder / "var"
        self.lines: dict[str, Line] = {}
        self.processes: dict[str, Process] = {}
        ports = free_ports(len(GATEWAYS))
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in zip(GATEWAYS, ports, strict=True)}
        self._guard = Guard(folder)
        self._keeper: asyncio.Task[None] | None = None

    @property
    def workers(self) -> list[Process]:
        """The workers of all offices."""
        return [each for name, each in self.processes.items() if name not in GATEWAYS]

    def workers_of(self, destination: str) -> list[Process]:
        """Return the workers of one office."""
        names = {
            destination,
            *(f"{destination}-{number + 1}" for number in range(self.form.register_workers)),
        }
        return [each for each in self.workers if each.name in names]

    def book(self, office: str) -> Path:
        """Where an office keeps its book."""
        return self.folder / f"{office}.book"

    async def start(self) -> None:
        """Prepare everything, migrate, start every process and wait until the gateways are ready."""
        self._write_files()
        await self._write_processes()
        done = await self.run("migrate")
        if done[0] != 0:
            raise RuntimeError(f"amtsbote migrate: {done[1]}")
        for process in self.processes.values():
            process.start()
        self._note()
        self._keeper = asyncio.create_task(self._keep())
        await asyncio.gather(*map(self.ready, GATEWAYS))

    async def close(self) -> None:
        """End every process and line; the servers are the caller's."""
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        for process in self.processes.values():
            process.kill()
        self._guard.close()
        for line in self.lines.values():
            await line.stop()

    async def ready(self, name: str) -> None:
        """Wait until a gateway serves requests.

        Raises:
            RuntimeError: not in time; with the end of its log.
        """
        deadline = time.monotonic() + _READY_S
        async with httpx2.AsyncClient(base_url=self.urls[name], trust_env=False, timeout=5) as http:
            while time.monotonic() < deadline:
                try:
                    if (await http.get("/readyz")).status_code == httpx2.codes.OK:
                        return
                except httpx2.TransportError:
                    pass
                await asyncio.sleep(0.1)
        raise RuntimeError(f"{name} is not ready:\n{self.processes[name].printed()[-3000:]}")

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end, on the servers themselves; return exit code and output."""
        process = await asyncio.create_subprocess_exec(
            *self._command(),
            *arguments,
            env=self._environment(self.servers.database_url, self.servers.amqp_urls, GATEWAYS[0]),
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), _COMMAND_S)
        except TimeoutError:
            return -9, f"did not end within {_COMMAND_S:.0f} s"
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
        return process.returncode or 0, output.decode(errors="replace")

    def lines_of(self, target: str) -> list[Line]:
        """Return the lines of one process to one server: `gateway-1 rabbitmq`."""
        return [line for name, line in self.lines.items() if name.startswith(target)]

    async def _keep(self) -> None:
        """Start again what has ended by itself, as a supervisor does."""
        while True:
            for process in self.processes.values():
                process.settle('"started": true')
                if process.wanted and process.pid is None:
                    process.start()
            self._note()
            await asyncio.sleep(0.3)

    def _note(self) -> None:
        self._guard.note([each.pid for each in self.processes.values() if each.pid])

    def _command(self) -> list[str]:
        if self.mutation:
            return [sys.executable, "-m", "chaos.launch", self.mutation]
        return [_AMTSBOTE]

    async def _write_processes(self) -> None:
        for name in GATEWAYS:
            await self._add(name, name, ["serve"])
        for number in range(self.form.register_workers):
            await self._add(f"{REGISTER}-{number + 1}", GATEWAYS[number % 2], ["work", REGISTER, "--json"])
        await self._add(DMS, GATEWAYS[1], ["work", DMS, "--json"])
        if ANNEX in {each["name"] for each in self.configuration()["destinations"]}:
            await self._add(ANNEX, GATEWAYS[0], ["work", ANNEX, "--json"])

    async def _add(self, name: str, gateway: str, arguments: Sequence[str]) -> None:
        database = await self._line(f"{name} postgresql", self.servers.database_url)
        nodes = [
            await self._line(f"{name} rabbitmq {number}", url)
            for number, url in enumerate(self.servers.amqp_urls)
        ]
        # Each begins with a node of its own.
        first = len(self.processes) % len(nodes)
        environment = self._environment(database, nodes[first:] + nodes[:first], gateway)
        if arguments[1:2] == [REGISTER] and self.form.register_workers > 1:
            environment["AMTSBOTE_ADAPTER_DB"] = database
        log = self.folder / f"{name}.log"
        self.processes[name] = Process(name, [*self._command(), *arguments], environment, log)

    async def _line(self, name: str, url: str) -> str:
        found = _PORT.search(url)
        if found is None:
            raise RuntimeError(f"no port of this machine in the address of {name}")
        line = self.lines[name] = Line(name, int(found[0]))
        await line.start()
        return _PORT.sub(str(line.port), url, count=1)

    def _environment(self, database: str, nodes: Sequence[str], gateway: str) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("AMTSBOTE_")}
        path = [str(self.folder / "plugin"), str(ROOT), *filter(None, [own.get("PYTHONPATH")])]
        return (
            own
            | self.form.settings
            | {
                "PYTHONPATH": os.pathsep.join(path),
                "AMTSBOTE_CONFIG": str(self.folder / "config.yaml"),
                "AMTSBOTE_VAR": str(self.var),
                "AMTSBOTE_DATABASE_URL": database,
                "AMTSBOTE_AMQP_URLS": ",".join(nodes),
                "AMTSBOTE_GATEWAY_URL": self.urls[gateway],
                "AMTSBOTE_PORT": self.urls[gateway].rpartition(":")[2],
            }
        )

    def configuration(self) -> dict[str, Any]:
        """Return what config.yaml holds: one office that decides, one DMS that gets a copy of everything."""
        common = {
            "mishaps": str(self.folder / "mishaps.json"),
        }
        return {
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
            "operators": [{"name": "operator"}],
            "destinations": [
                {
                    "name": REGISTER,
                    "tenant": "musterland",
                    "adapter": "chaos-register",
                    "concurrency": 16,
                    "options": common
                    | {"book": str(self.book(REGISTER)), "amqp_urls": list(self.servers.amqp_urls)},
                },
                *(
                    {
                        "name": name,
                        "tenant": "musterland",
                        "adapter": "chaos-dms",
                        "concurrency": 16,
                        "options": common | {"book": str(self.book(name))},
                    }
                    for name in ((DMS, ANNEX) if Kind.REDIRECT in self.plan.kinds else (DMS,))
                ),
            ],
            "routes": [
                {
                    "services": [SERVICE],
                    "message_types": ["xurkunde:*"],
                    "authority": AUTHORITY,
                    "lead": REGISTER,
                    "copies": [DMS],
                }
            ],
        }

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.configuration()
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
        (self.folder / "mishaps.json").write_text(json.dumps(self.plan.mishaps), encoding="utf-8")
        plugin = self.folder / "plugin" / "amtsbote_chaos-0.dist-info"
        plugin.mkdir(parents=True)
        (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: amtsbote-chaos\nVersion: 0\n")
        (plugin / "entry_points.txt").write_text(_ENTRY_POINTS)
        secrets = self.var / "secrets"
        _write_secret(secrets / "token.key", "a key for a test, and long enough")
        _write_secret(secrets / "master.key", base64.b64encode(self.plan.rng("key").randbytes(32)).decode())
        _write_secret(secrets / "clients" / CLIENT, SECRET)
        _write_secret(secrets / "operators" / "operator", "secret-of-the-operator-0123456789")
        for destination in config["destinations"]:
            name = destination["name"]
            _write_secret(secrets / "destinations" / name, f"secret-of-{name}-0123")


def _write_secret(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(text + "\n", encoding="utf-8")
    path.chmod(0o600)
