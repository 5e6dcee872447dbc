"""The outbox relay: claims what is due and publishes it, one worker for each destination."""

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog

from gateway.backchannel import outcomes
from gateway.backchannel.work import work_on
from gateway.broker import Broker
from gateway.config import Config, Destination
from gateway.contract.delivery import Delivery
from gateway.contract.ids import new_id
from gateway.contract.report import Failed, FailureKind
from gateway.delivery.loop import PAUSE_S, keep
from gateway.errors import (
    AmtsboteError,
    BrokerUnavailable,
    HeadersTooLarge,
    MessageReturned,
    QueueFull,
)
from gateway.settings import Settings
from gateway.store import SqlStore, deliveries
from gateway.store.rows import Claimed
from gateway.store.signals import destination_key

POLL_S = 0.5
IDLE_S = 10.0
BATCH = 100

_log = structlog.get_logger()


class Relay:
    """Publishes deliveries; any number of processes may run one on the same store."""

    def __init__(self, config: Config, store: SqlStore, broker: Broker, settings: Settings) -> None:
        self._config = config
        self._store = store
        self._broker = broker
        self._settings = settings
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start a worker for each destination, and the poll that wakes them when no event did."""
        self._tasks = [
            asyncio.create_task(keep(f"relay {destination.name}", partial(self._serve, destination)))
            for destination in self._config.destinations
        ]
        self._tasks.append(asyncio.create_task(keep("relay poll", self._poll)))

    async def stop(self) -> None:
        """Stop; what was claimed and not published comes back when its short lease is over."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _poll(self) -> None:
        due = await deliveries.due_destinations(self._store, sorted(self._config.destination))
        self._store.signals.notify(map(destination_key, due))
        await asyncio.sleep(POLL_S)

    async def _serve(self, destination: Destination) -> None:
        with self._store.signals.listen(destination_key(destination.name)) as listener:
            while self._broker.connected and await self.send_due(destination):
                pass
            await listener.wait(IDLE_S)

    async def send_due(self, destination: Destination) -> bool:
        """Claim and publish one batch; False when nothing was due or the broker did not take it."""
        claimed = await deliveries.claim(
            self._store,
            destination.name,
            tenant=destination.tenant,
            limit=BATCH,
            max_sent=self._settings.max_sent,
            publish_lease_s=self._settings.publish_lease_s,
            copy_lifetime_s=self._settings.copy_lifetime_s,
        )
        if not claimed:
            return False
        results = await asyncio.gather(*map(self._publish, claimed))
        sent = [each for each, error in zip(claimed, results, strict=True) if error is None]
        if sent:
            await deliveries.confirm_sent(self._store, sent, lease_s=self._settings.lease_s)
        await self._return_unsent(destination, claimed, results)
        return len(sent) == len(claimed)

    async def _publish(self, claimed: Claimed) -> AmtsboteError | None:
        message = _envelope(claimed).to_message(self._settings.copy_lifetime_s)
        try:
            await self._broker.publish_delivery(claimed.destination, message)
        except (BrokerUnavailable, MessageReturned, QueueFull, HeadersTooLarge) as error:
            return error
        return None

    async def _return_unsent(
        self, destination: Destination, claimed: Sequence[Claimed], results: Sequence[AmtsboteError | None]
    ) -> None:
        unsent: dict[type[AmtsboteError], list[Claimed]] = {}
        for each, error in zip(claimed, results, strict=True):
            if error is not None:
                unsent.setdefault(type(error), []).append(each)
        for kind, group in unsent.items():
            _log.warning(
                "deliveries_not_sent", destination=destination.name, error=kind.__name__, count=len(group)
            )
            if kind is HeadersTooLarge:
                for each in group:
                    await self._fail(each)
                continue
            await deliveries.release(
                self._store,
                group,
                delay_s=PAUSE_S,
                look_up=kind is BrokerUnavailable,
                outcome=kind.__name__,
            )

    async def _fail(self, claimed: Claimed) -> None:
        async with work_on(self._store, self._config, claimed.case_id, tenant=claimed.tenant) as work:
            row = await deliveries.fetch(
                work.connection, claimed.delivery_id, destination=claimed.destination
            )
            if row:
                body = Failed(kind=FailureKind.PERMANENT, reason="headers too large")
                await outcomes.failed(work, row, body, attempt=claimed.attempt)


def _envelope(claimed: Claimed) -> Delivery:
    # Checked when it was stored; checking it again for each copy would cost as much as publishing it.
    return Delivery.model_construct(
        message_id=new_id(),
        delivery_id=claimed.delivery_id,
        submission_id=claimed.message_id,
        case_id=claimed.case_id,
        case_seq=claimed.case_seq,
        attempt=claimed.attempt,
        look_up=claimed.look_up,
        expires_at=claimed.expires_at,
        destination=claimed.destination,
        role=claimed.role,
        tenant=claimed.tenant,
        service=claimed.service,
        authority=claimed.authority,
        message_type=claimed.message_type,
        test=claimed.test,
        attachment_count=claimed.attachment_count,
        original_sha256=claimed.body_sha256,
        created_at=claimed.received_at,
        traceparent=None,
        body=claimed.body,
    )
