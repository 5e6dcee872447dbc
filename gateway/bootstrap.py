"""The composition root: the only module that joins parts to concretes."""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import structlog

from gateway.broker import Broker, MemoryBroker, RabbitBroker
from gateway.config import Config, Destination, faulty_config, load_config
from gateway.errors import ConfigurationError
from gateway.rush import Rush
from gateway.settings import Settings, read_secret

if TYPE_CHECKING:
    from fastapi import FastAPI

    from adapters.kit import Adapter
    from adapters.kit.runner import Runner
    from gateway.http.service import Service
    from gateway.store import SqlStore

_log = structlog.get_logger()

REPORT_CONCURRENCY = 128
"""What is in hand at once can share a transaction."""
DEAD_CONCURRENCY = 8
GRACE_S = 3.0
"""For reports, dead letters and adapters in hand, of the ten seconds that a stop may take."""
INTAKE_GRACE_S = 1.0
"""Whoever still waits then has gone, or been told to come again."""
_OPTION = re.compile(r"(?:options\.)?([A-Za-z_][\w.\[\]-]*): ")
"""How an adapter's sentence about one option begins."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A gateway that runs: its application and what it stands on."""

    settings: Settings
    config: Config
    broker: Broker
    app: "FastAPI"
    runners: tuple["Runner", ...]


class Role(StrEnum):
    """What a gateway process does; one process may have every role, and any number may have the same."""

    HTTP = "http"
    RELAY = "relay"
    REPORTS = "reports"


ALL_ROLES = frozenset(Role)


@asynccontextmanager
async def running_gateway(settings: Settings, roles: Collection[Role] = ALL_ROLES) -> AsyncIterator[Parts]:
    """Start a gateway with these roles, and stop it in good order.

    With the in-process broker the destinations' adapters run here too.

    Raises:
        ConfigurationError, StoreInUse, StoreUnavailable: with a sentence for the operator.
    """
    from gateway.http.app import create_app, create_probes
    from gateway.http.service import Service
    from gateway.intake import Intake
    from gateway.standards import Catalogue
    from gateway.standards.conversion import Converter
    from gateway.standards.reading import limits_of
    from gateway.standards.watching import watched

    _check_roles(settings, roles)
    config = load_config(settings.config)
    if faults := [*_adapter_faults(config)]:
        raise faulty_config(settings.config, faults)
    if faults := [*_secret_faults(settings, config)]:
        raise ConfigurationError("\n".join(faults))
    catalogue = Catalogue.load(settings.standards_folders)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(watched(catalogue, settings))
        store = open_store(settings)
        stack.push_async_callback(store.close)
        store.claim_file()
        store.join_others()
        await store.vault.ready(config.tenant)
        rush = Rush()
        broker = make_broker(settings, rush)
        await broker.start()
        stack.push_async_callback(broker.close)
        await broker.declare(config.destination)
        converter = Converter(catalogue, limits_of(settings))
        intake = Intake(config, catalogue, converter, store, settings, rush)
        service = Service(settings, config, catalogue, converter, store, broker, intake)
        if Role.HTTP in roles:
            await intake.start()
            stack.push_async_callback(intake.stop, INTAKE_GRACE_S)
        if Role.REPORTS in roles:
            await _start_reports(stack, service)
        app = create_app(service) if Role.HTTP in roles else create_probes(service)
        if Role.RELAY in roles:
            await _start_sweep(stack, service)
        runners = await _start_embedded(stack, settings, config, broker, app)
        if Role.RELAY in roles:
            await _start_relay(stack, service, rush)
        yield Parts(settings, config, broker, app, runners)


def _check_roles(settings: Settings, roles: Collection[Role]) -> None:
    if set(roles) != ALL_ROLES and not (settings.amqp_urls and settings.database_url):
        raise ConfigurationError(
            "roles can be run apart on PostgreSQL and RabbitMQ only (AMTSBOTE_DATABASE_URL and "
            "AMTSBOTE_AMQP_URLS): without these one process has them all"
        )


async def _start_reports(stack: AsyncExitStack, service: "Service") -> None:
    from gateway.backchannel import ReportIntake
    from gateway.delivery import DeadLetters, Taps

    config, broker, store = service.config, service.broker, service.store
    reports = ReportIntake(config, service.catalogue, store)
    dead = DeadLetters(config, store)
    taps = Taps(
        store,
        [
            partial(broker.consume_reports, reports.handle, concurrency=REPORT_CONCURRENCY),
            partial(broker.consume_dead, dead.handle, concurrency=DEAD_CONCURRENCY),
        ],
    )
    await taps.start()
    stack.push_async_callback(taps.stop, GRACE_S)


async def _start_sweep(stack: AsyncExitStack, service: "Service") -> None:
    from gateway.delivery import Sweep

    sweep = Sweep(service.config, service.store)
    await sweep.start(forgetful_broker=not service.settings.amqp_urls)
    stack.push_async_callback(sweep.stop)


async def _start_relay(stack: AsyncExitStack, service: "Service", rush: Rush) -> None:
    from gateway.delivery import Relay

    relay = Relay(service.config, service.converter, service.store, service.broker, service.settings, rush)
    await relay.start()
    stack.push_async_callback(relay.stop)


async def _start_embedded(
    stack: AsyncExitStack, settings: Settings, config: Config, broker: Broker, app: "FastAPI"
) -> tuple["Runner", ...]:
    """Run the adapters in this process, where no other could reach its broker."""
    if settings.amqp_urls:
        return ()
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway")
    stack.push_async_callback(http.aclose)
    runners: list[Runner] = []
    stack.push_async_callback(_stop, runners)
    for destination in config.destinations:
        secret = read_secret(destination_secret(settings, destination.name))
        runner = make_runner(settings, destination, broker, http, secret=secret)
        await runner.start()
        runners.append(runner)
    return tuple(runners)


async def _stop(runners: list["Runner"]) -> None:
    """Stop all at once: each may take its grace."""
    results = await asyncio.gather(*(runner.stop(GRACE_S) for runner in runners), return_exceptions=True)
    for error in filter(None, results):
        raise error


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[tuple[Config, "SqlStore"]]:
    """Open the store for a command, also beside a running gateway.

    Raises:
        ConfigurationError, StoreUnavailable: with a sentence for the operator.
    """
    config = load_config(settings.config)
    store = open_store(settings)
    try:
        yield config, store
    finally:
        await store.close()


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
    secret = read_secret(destination_secret(settings, name))
    broker = make_broker(settings)
    await broker.start()
    try:
        await broker.declare([name])
        async with httpx2.AsyncClient(base_url=settings.gateway_url) as http:
            yield make_runner(settings, destination, broker, http, secret=secret)
    finally:
        await broker.close()


def check_configuration(settings: Settings) -> Config:
    """Say everything that would stop a start: configuration, adapters' options, secrets and standards.

    Nothing is started or written.

    Raises:
        ConfigurationError: one line a fault, each with the path of what is wrong.
    """
    from gateway.standards import Catalogue
    from gateway.store.key_file import get_master_key

    faults = []
    try:
        config = load_config(settings.config)
        if wrong := [*_adapter_faults(config), *_option_faults(settings, config)]:
            faults.append(faulty_config(settings.config, wrong).detail)
        faults += _secret_faults(settings, config)
    except ConfigurationError as error:
        faults.append(error.detail)
    try:
        Catalogue.load(settings.standards_folders).check()
    except ConfigurationError as error:
        faults.append(error.detail)
    try:
        get_master_key(settings.master_key_path, settings.store_url, generate=False)
    except ConfigurationError as error:
        faults.append(error.detail)
    if faults:
        raise ConfigurationError("\n".join(faults))
    return config


def _adapter_faults(config: Config) -> Iterator[str]:
    for number, destination in enumerate(config.destinations):
        try:
            adapter_class(destination.adapter)
        except ConfigurationError as error:
            yield f"destinations[{number}].adapter: {error.detail}"


def _option_faults(settings: Settings, config: Config) -> Iterator[str]:
    for number, destination in enumerate(config.destinations):
        with suppress(ConfigurationError):  # an adapter that is not installed is said elsewhere
            for sentence in _ask_adapter(settings, destination):
                option = _OPTION.match(sentence)
                place = f".{option[1]}: {sentence[option.end() :]}" if option else f": {sentence}"
                yield f"destinations[{number}].options{place}"


def _ask_adapter(settings: Settings, destination: Destination) -> list[str]:
    """Create the adapter as a start would, without starting it, and ask what it says of its options."""
    adapter_class(destination.adapter)
    try:
        runner = make_runner(settings, destination, MemoryBroker(), httpx2.AsyncClient(), secret="")
        return runner.adapter.check_config()
    except Exception as error:
        # Anybody may have written it; a start would end in the same way.
        return [f"the adapter fails on them ({type(error).__name__})"]


def _secret_faults(settings: Settings, config: Config) -> Iterator[str]:
    if not settings.secrets.is_dir():
        yield (
            f"secrets folder {settings.secrets} is missing; run this where `var/` is, "
            "or name the folder in AMTSBOTE_SECRETS_DIR"
        )
        return
    for path in secret_files(settings, config):
        try:
            read_secret(path)
        except ConfigurationError as error:
            yield error.detail


def open_store(settings: Settings) -> "SqlStore":
    """Return the store, with the master key that its contents are encrypted under.

    Raises:
        ConfigurationError: the schema is another, or the master key is missing, malformed or the wrong one.
        StoreUnavailable: the database cannot be reached.
    """
    from gateway.store import SqlStore
    from gateway.store.key_file import get_master_key
    from gateway.store.schema import check_schema

    check_schema(settings.store_url)
    return SqlStore(
        settings.store_url,
        master_key=get_master_key(settings.master_key_path, settings.store_url),
        timeout_s=settings.store_timeout_s,
    )


def make_broker(settings: Settings, rush: Rush | None = None) -> Broker:
    """Return RabbitMQ where nodes are named, otherwise the in-process broker, which gives way to a rush."""
    if settings.amqp_urls:
        return RabbitBroker(settings.amqp_urls, timeout_s=settings.broker_timeout_s)
    return MemoryBroker(rush=rush)


def make_runner(
    settings: Settings, destination: Destination, broker: Broker, http: httpx2.AsyncClient, *, secret: str
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
        secret=secret,
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
