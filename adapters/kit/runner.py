"""Runs one adapter for one destination, in a process of its own or inside the gateway's."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import structlog

from adapters.kit.adapter import Adapter, Context
from adapters.kit.case_reports import CaseReports
from adapters.kit.documents import Documents
from adapters.kit.gateway_client import GatewayClient
from adapters.kit.handler import MARGIN_S, DeliveryHandler
from adapters.kit.sender import ReportSender
from adapters.kit.store import LEASE_S, AdapterStore
from gateway.broker import Broker
from gateway.errors import ConfigurationError

log = structlog.get_logger(__name__)

GRACE_S = 10.0
"""A stop ends within this, whatever hangs: most of it is for the deliveries in hand."""


class Runner:
    """An adapter at work: takes deliveries, keeps its claims, sends its reports.

    Args:
        adapter: the adapter, not started.
        broker: started by the caller, who also closes it.
        store: not opened; the runner opens and closes it.
        gateway: for bodies and attachments.
        concurrency: how many deliveries are in hand at once.
        margin_s: how long after a copy's `expires_at` the gateway's lease ends.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        broker: Broker,
        store: AdapterStore,
        gateway: GatewayClient,
        concurrency: int = 4,
        margin_s: float = MARGIN_S,
    ) -> None:
        self.adapter = adapter
        self._destination = store.destination
        self._broker = broker
        self._store = store
        self._concurrency = concurrency
        self._handler = DeliveryHandler(adapter, store=store, gateway=gateway, margin_s=margin_s)
        self._sender = ReportSender(store, broker)
        self._running = AsyncExitStack()
        self._stopping_since = 0.0
        self._grace_s = GRACE_S

    async def start(self, *, resend_since: datetime | None = None) -> None:
        """Open the store, start the adapter, send what is unsent, and take deliveries.

        Args:
            resend_since: also send again every report confirmed since then; after the broker lost its disk.

        Raises:
            ConfigurationError: the adapter's options are not usable; with its sentences.
            StoreInUse: another process serves this SQLite file.
            StoreUnavailable: the adapter store cannot be reached.
        """
        if faults := self.adapter.check_config():
            raise ConfigurationError(f"destination {self._destination}: " + "; ".join(faults))
        try:
            await self._start(resend_since)
        except BaseException:
            await self.stop()
            raise
        log.info("adapter_started", destination=self._destination)

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Take nothing more, finish or hand back what is in hand, and close everything, within the grace."""
        self._grace_s = grace_s
        self._stopping_since = asyncio.get_running_loop().time()
        self._handler.stop()
        await self._running.aclose()
        log.info("adapter_stopped", destination=self._destination)

    async def _start(self, resend_since: datetime | None) -> None:
        self.adapter.context.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._store.open()
        self._at_stop("store", self._store.close, share=1)
        if resend_since is not None:
            count = await self._store.outbox.resend_since(resend_since)
            log.info("reports_marked_unsent", destination=self._destination, count=count)
        self._sender.start()
        self._at_stop("reports", lambda: self._sender.stop(self._grace_s * 0.1), share=0.95)
        self._at_stop("adapter", self.adapter.stop, share=0.85)
        await self.adapter.start()
        leases = asyncio.create_task(self._keep_leases())
        self._at_stop("leases", lambda: _end(leases), share=0.8)
        self._at_stop("deliveries", self._handler.hand_back, share=0.75)
        consumer = await self._broker.consume_deliveries(
            self._destination, self._handler, concurrency=self._concurrency
        )
        self._at_stop("consumer", lambda: consumer.cancel(self._grace_s * 0.4), share=0.65)

    def _at_stop(self, part: str, end: Callable[[], Awaitable[None]], *, share: float) -> None:
        """Have a part ended at the stop; at this share of the grace the next one's turn has come."""

        async def bounded() -> None:
            try:
                async with asyncio.timeout_at(self._stopping_since + self._grace_s * share):
                    await end()
            except Exception as error:
                # The other parts must be ended all the same, and the reports kept.
                log.error("stop_failed", destination=self._destination, part=part, error=type(error).__name__)

        self._running.push_async_callback(bounded)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            if in_hand := self._handler.in_hand:
                try:
                    await self._store.renew(in_hand)
                except Exception as error:
                    # Whatever it is: without renewal another worker would start the same deliveries.
                    log.warning(
                        "leases_not_renewed", destination=self._destination, error=type(error).__name__
                    )


def build_runner(
    adapter_class: type[Adapter],
    *,
    destination: str,
    options: Mapping[str, Any],
    data_dir: Path,
    store_url: str,
    broker: Broker,
    http: httpx2.AsyncClient,
    secret: str,
    concurrency: int = 4,
    margin_s: float = MARGIN_S,
) -> Runner:
    """Join an adapter to its store, broker and gateway.

    Args:
        adapter_class: the adapter to run.
        destination: the destination's name, as in config.yaml.
        options: the destination's own options.
        data_dir: a folder for this adapter alone; created when missing.
        store_url: `sqlite:///path` for one process, `postgresql://…` for several.
        broker: started by the caller, who also closes it.
        http: with the gateway as its base address; closed by the caller.
        secret: the destination's secret for `/oauth/token`.
        concurrency: how many deliveries are in hand at once.
        margin_s: how long after a copy's `expires_at` the gateway's lease ends.
    """
    store = AdapterStore(store_url, destination)
    gateway = GatewayClient(http, destination=destination, secret=secret)
    context = Context(
        destination=destination,
        options=options,
        data_dir=data_dir,
        reports=CaseReports(store),
        documents=Documents(gateway),
    )
    return Runner(
        adapter_class(context),
        broker=broker,
        store=store,
        gateway=gateway,
        concurrency=concurrency,
        margin_s=margin_s,
    )


async def run_destination(
    runner: Runner,
    stop: asyncio.Event,
    *,
    resend_since: datetime | None = None,
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Run until told to stop; what `amtsbote work` does.

    Args:
        on_start: called once it takes deliveries.

    Raises:
        ConfigurationError, StoreInUse, StoreUnavailable: it could not be started.
    """
    await runner.start(resend_since=resend_since)
    try:
        on_start()
        await stop.wait()
    finally:
        await runner.stop()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
