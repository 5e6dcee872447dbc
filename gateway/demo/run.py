"""Start everything, post every sample, show each one's way, and go on until Ctrl-C."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.bootstrap import running_gateway, secret_files
from gateway.config import Client, Config, load_config
from gateway.demo.board import places
from gateway.demo.portal import DemoPortal, Trip, follow
from gateway.demo.samples import load_samples
from gateway.demo.show import JsonLines, Terminal
from gateway.errors import ConfigurationError
from gateway.portal import Portal
from gateway.process import stop_on_signal
from gateway.server import serving
from gateway.settings import Settings, data_folder, read_secret
from gateway.standards import Catalogue
from gateway.store.migrate import migrate


async def run_demo(settings: Settings, *, once: bool, timeout_s: float, as_json: bool = False) -> list[str]:
    """Run the demo on the embedded default.

    Args:
        once: end when every sample is decided, or `timeout_s` is over.
        as_json: print a JSON object at the start and one at the end, and nothing else.

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
    samples = load_samples(data_folder("fixtures"), Catalogue.load(settings.standards_folders))
    trips = [Trip(sample) for sample in samples]
    with stop_on_signal() as stop:
        async with (
            running_gateway(settings) as parts,
            serving(parts.app, settings.host, settings.port) as port,
        ):
            url = f"http://{settings.host}:{port}"
            where = places(settings, config, _demo_client(config, test=False), url)
            show = JsonLines(where, trips) if as_json else Terminal(where, trips)
            show.begin()
            async with _portals(settings, config, url) as portals:
                await _travel(show, portals, trips, stop, timeout_s if once else None)
            if not once and not stop.is_set():
                show.wait()
                await stop.wait()
                show.stop()
    return [trip.sample.name for trip in trips if trip.status != "decided"] if once else []


@asynccontextmanager
async def _portals(settings: Settings, config: Config, url: str) -> AsyncIterator[dict[bool, DemoPortal]]:
    """Sign in as the portal for real messages and as the one for test messages; both read their mailbox."""
    async with AsyncExitStack() as stack:
        portals = {}
        for test in (False, True):
            client = _demo_client(config, test=test)
            secret = read_secret(settings.secrets / "clients" / client.id)
            api = await stack.enter_async_context(Portal(url, client.id, secret))
            portals[test] = DemoPortal(api)
            await portals[test].pass_over()
            stack.push_async_callback(_end, asyncio.create_task(portals[test].read_mailbox()))
        yield portals


async def _travel(
    show: Terminal | JsonLines,
    portals: dict[bool, DemoPortal],
    trips: list[Trip],
    stop: asyncio.Event,
    timeout_s: float | None,
) -> None:
    """Let the samples travel and show where they are, until they have all arrived."""
    arrived: asyncio.Task[Any] = asyncio.create_task(_all_arrive(portals, trips))
    stopped: asyncio.Task[Any] = asyncio.create_task(stop.wait())
    with show.travelling():
        await asyncio.wait([arrived, stopped], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    show.end(stopped=stop.is_set())
    await _end(arrived, stopped)


async def _end(*tasks: asyncio.Task[Any]) -> None:
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
