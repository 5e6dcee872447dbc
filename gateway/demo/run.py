"""Start everything, post every sample, show each one's way, and go on until Ctrl-C."""

import asyncio
import os
import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from gateway.bootstrap import running_gateway, secret_files
from gateway.config import Client, Config, load_config
from gateway.demo.portal import STAGES, DemoPortal, Trip, follow
from gateway.demo.samples import load_samples
from gateway.errors import ConfigurationError
from gateway.portal import Portal
from gateway.process import stop_on_signal
from gateway.server import serving
from gateway.settings import Settings, data_folder, read_secret
from gateway.standards import Catalogue
from gateway.store.migrate import migrate

REFRESH_PER_S = 4


async def run_demo(settings: Settings, *, once: bool, timeout_s: float) -> list[str]:
    """Run the demo on the embedded default.

    Args:
        once: end when every sample is decided, or `timeout_s` is over.

    Returns:
        With `once`, the names of the samples that are not decided; otherwise nothing.

    Raises:
        ConfigurationError: it cannot start; with a sentence.
    """
    if settings.database_url or settings.amqp_urls:
        raise ConfigurationError(
            "the demo runs on SQLite and the in-process broker: unset AMTSBOTE_DATABASE_URL and "
            "AMTSBOTE_AMQP_URLS"
        )
    config = load_config(settings.config)
    _make_secrets(settings, config)
    migrate(settings.store_url)
    samples = load_samples(data_folder("fixtures"), Catalogue.load(settings.standards))
    trips = [Trip(sample) for sample in samples]
    console = Console()
    with stop_on_signal() as stop:
        async with (
            running_gateway(settings) as parts,
            serving(parts.app, settings.host, settings.port) as port,
        ):
            url = f"http://{settings.host}:{port}"
            _introduce(console, settings, config, url)
            await _show(console, settings, config, url, trips, stop, timeout_s if once else None)
            if not once and not stop.is_set():
                console.print("Every sample has come to its end. Ctrl-C ends the demo.")
                await stop.wait()
    return [trip.sample.name for trip in trips if trip.status != "decided"] if once else []


async def _show(
    console: Console,
    settings: Settings,
    config: Config,
    url: str,
    trips: list[Trip],
    stop: asyncio.Event,
    timeout_s: float | None,
) -> None:
    """Let the samples travel and draw the table until they have all arrived."""
    async with AsyncExitStack() as stack:
        stack.enter_context(
            Live(get_renderable=lambda: _table(trips), console=console, refresh_per_second=REFRESH_PER_S)
        )
        portals = {}
        background = []
        for test in (False, True):
            client = _demo_client(config, test=test)
            secret = read_secret(settings.secrets / "clients" / client.id)
            api = await stack.enter_async_context(Portal(url, client.id, secret))
            portals[test] = DemoPortal(api)
            background.append(asyncio.create_task(portals[test].read_mailbox()))
        arrived: asyncio.Task[Any] = asyncio.create_task(_all_arrive(portals, trips))
        stopped: asyncio.Task[Any] = asyncio.create_task(stop.wait())
        await asyncio.wait([arrived, stopped], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        tasks = [arrived, stopped, *background]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _all_arrive(portals: dict[bool, DemoPortal], trips: list[Trip]) -> None:
    await asyncio.gather(*(follow(portals[trip.sample.test], trip) for trip in trips))


def _demo_client(config: Config, *, test: bool) -> Client:
    for client in config.clients:
        if client.test == test:
            return client
    raise ConfigurationError(f"the configuration has no client with test: {str(test).lower()}")


def _make_secrets(settings: Settings, config: Config) -> None:
    """Generate every secret that is missing, readable by nobody else."""
    for path in secret_files(settings, config):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_private(path, secrets.token_urlsafe(32))


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


def _introduce(console: Console, settings: Settings, config: Config, url: str) -> None:
    client = _demo_client(config, test=False)
    operator = config.operators[0].name if config.operators else "–"
    grid = Table.grid(padding=(0, 2))
    grid.add_row("API docs", f"{url}/docs")
    grid.add_row("Console", f"{url}/console", f"{operator}: {settings.secrets / 'operators' / operator}")
    for destination in config.destinations:
        if port := destination.options.get("page_port"):
            secret = settings.var / "adapters" / destination.name / "page-secret"
            grid.add_row("Clerk's page", f"http://127.0.0.1:{port}", f"sachbearbeitung: {secret}")
    grid.add_row("Demo client", url, f"{client.id}: {settings.secrets / 'clients' / client.id}")
    console.print(grid)


def _table(trips: list[Trip]) -> Table:
    table = Table("sample", *STAGES, "status", expand=False)
    for trip in trips:
        times = [f"{trip.reached[stage]:.2f} s" if stage in trip.reached else "" for stage in STAGES]
        asked = f" ({trip.queries} query answered)" if trip.queries else ""
        table.add_row(trip.sample.name, *times, trip.error or trip.status + asked)
    return table
