"""The composition root: the only module that joins parts to concretes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2

from gateway.broker import Broker, MemoryBroker, RabbitBroker
from gateway.config import Config, Destination, load_config
from gateway.errors import ConfigurationError
from gateway.settings import Settings, read_secret

if TYPE_CHECKING:
    from fastapi import FastAPI

    from adapters.kit import Adapter
    from adapters.kit.runner import Runner

REPORT_CONCURRENCY = 32
DEAD_CONCURRENCY = 8


@dataclass(frozen=True, slots=True)
class Parts:
    """A gateway that runs: its application and what it stands on."""

    settings: Settings
    config: Config
    broker: Broker
    app: "FastAPI"
    runners: tuple["Runner", ...]


@asynccontextmanager
async def running_gateway(settings: Settings) -> AsyncIterator[Parts]:
    """Start a gateway with every role, and stop it in good order.

    With the in-process broker the destinations' adapters run here too.

    Raises:
        ConfigurationError, StoreInUse, StoreUnavailable: with a sentence for the operator.
    """
    from gateway.backchannel import ReportIntake
    from gateway.delivery import DeadLetters, Relay, Sweep
    from gateway.http.app import create_app
    from gateway.http.service import Service
    from gateway.intake import Intake
    from gateway.standards import Catalogue
    from gateway.store import SqlStore
    from gateway.store.migrate import check_schema

    config = check_configuration(settings)
    check_secrets(settings, config)
    catalogue = Catalogue.load(settings.standards)
    check_schema(settings.store_url)
    async with AsyncExitStack() as stack:
        store = SqlStore(settings.store_url, timeout_s=settings.store_timeout_s)
        stack.push_async_callback(store.close)
        store.claim_file()
        broker = make_broker(settings)
        await broker.start()
        stack.push_async_callback(broker.close)
        await broker.declare(config.destination)
        intake = Intake(config, catalogue, store, settings)
        await intake.start()
        stack.push_async_callback(intake.stop)
        sweep = Sweep(store)
        await sweep.start(forgetful_broker=not settings.amqp_urls)
        stack.push_async_callback(sweep.stop)
        reports = ReportIntake(config, catalogue, store)
        consumer = await broker.consume_reports(reports.handle, concurrency=REPORT_CONCURRENCY)
        stack.push_async_callback(consumer.cancel)
        dead = await broker.consume_dead(DeadLetters(config, store).handle, concurrency=DEAD_CONCURRENCY)
        stack.push_async_callback(dead.cancel)
        app = create_app(Service(settings, config, catalogue, store, broker, intake))
        runners = await _start_embedded(stack, settings, config, broker, app)
        relay = Relay(config, store, broker, settings)
        await relay.start()
        stack.push_async_callback(relay.stop)
        yield Parts(settings, config, broker, app, runners)


async def _start_embedded(
    stack: AsyncExitStack, settings: Settings, config: Config, broker: Broker, app: "FastAPI"
) -> tuple["Runner", ...]:
    """Run the adapters in this process, where no other could reach its broker."""
    if settings.amqp_urls:
        return ()
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway")
    stack.push_async_callback(http.aclose)
    runners = []
    for destination in config.destinations:
        runner = make_runner(settings, destination, broker, http)
        await runner.start()
        stack.push_async_callback(runner.stop)
        runners.append(runner)
    return tuple(runners)


@asynccontextmanager
async def running_worker(settings: Settings, name: str) -> AsyncIterator["Runner"]:
    """Prepare the adapter of one destination to run on RabbitMQ; the caller starts it.

    Raises:
        ConfigurationError: no such destination, no broker, or an adapter that is not installed.
    """
    config = load_config(settings.config)
    destination = config.destination.get(name)
    if destination is None:
        raise ConfigurationError(
            f"destination {name} is not defined; there are {', '.join(sorted(config.destination))}"
        )
    if not settings.amqp_urls:
        raise ConfigurationError(
            "AMTSBOTE_AMQP_URLS is not set: without RabbitMQ the adapters run inside `amtsbote serve`"
        )
    broker = make_broker(settings)
    await broker.start()
    try:
        await broker.declare([name])
        async with httpx2.AsyncClient(base_url=settings.gateway_url) as http:
            yield make_runner(settings, destination, broker, http)
    finally:
        await broker.close()


def check_configuration(settings: Settings) -> Config:
    """Read the configuration and check what it says of adapters and their options.

    Raises:
        ConfigurationError: one line a fault, each with the path of what is wrong.
    """
    config = load_config(settings.config)
    faults = []
    for number, destination in enumerate(config.destinations):
        try:
            adapter_class(destination.adapter)
        except ConfigurationError as error:
            faults.append(f"destinations[{number}].adapter: {error.detail}")
    if faults:
        raise ConfigurationError(f"configuration {settings.config}:\n  " + "\n  ".join(faults))
    return config


def make_broker(settings: Settings) -> Broker:
    """Return RabbitMQ where nodes are named, the in-process broker otherwise."""
    if settings.amqp_urls:
        return RabbitBroker(settings.amqp_urls, timeout_s=settings.broker_timeout_s)
    return MemoryBroker()


def make_runner(
    settings: Settings, destination: Destination, broker: Broker, http: httpx2.AsyncClient
) -> "Runner":
    """Join a destination's adapter to its store, broker and gateway."""
    from adapters.kit.runner import build_runner

    data_dir = settings.var / "adapters" / destination.name
    return build_runner(
        adapter_class(destination.adapter),
        destination=destination.name,
        options=destination.options,
        data_dir=data_dir,
        store_url=settings.adapter_db or f"sqlite:///{data_dir / 'adapter.db'}",
        broker=broker,
        http=http,
        secret=read_secret(destination_secret(settings, destination.name)),
        concurrency=destination.concurrency,
        margin_s=settings.lease_s - settings.copy_lifetime_s,
    )


def adapter_class(name: str) -> "type[Adapter]":
    """Find an installed adapter by the name a destination gives.

    Raises:
        ConfigurationError: no installed package offers it.
    """
    found = entry_points(group="amtsbote.adapters", name=name)
    if not found:
        offered = sorted(each.name for each in entry_points(group="amtsbote.adapters"))
        raise ConfigurationError(f"adapter {name} is not installed; there are {', '.join(offered)}")
    try:
        loaded: type[Adapter] = next(iter(found)).load()
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"adapter {name} needs {error.name}, which is not installed; "
            "those that come with Amtsbote are complete with `pip install 'amtsbote[server]'`"
        ) from error
    return loaded


def destination_secret(settings: Settings, name: str) -> Path:
    """Return the file that holds a destination's secret."""
    return settings.secrets / "destinations" / name


def secret_files(settings: Settings, config: Config) -> list[Path]:
    """List every secret that a configuration needs."""
    folder = settings.secrets
    return [
        folder / "token.key",
        *(folder / "clients" / each.id for each in config.clients),
        *(folder / "destinations" / each.name for each in config.destinations),
        *(folder / "operators" / each.name for each in config.operators),
    ]


def check_secrets(settings: Settings, config: Config) -> None:
    """Make sure that every secret is there before anything starts.

    Raises:
        ConfigurationError: names the file that is missing or too short.
    """
    for path in secret_files(settings, config):
        read_secret(path)
