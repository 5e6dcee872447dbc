"""The outbox relay: claims what is due and publishes it, one worker for each destination."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from gateway import metrics
from gateway.backchannel import outcomes
from gateway.backchannel.docket import work_on
from gateway.broker import Broker
from gateway.config import Config, Destination
from gateway.contract.delivery import MAX_INLINE_BODY_BYTES, Delivery
from gateway.contract.ids import new_id
from gateway.delivery.loop import PAUSE_S, keep
from gateway.errors import BrokerUnavailable, KeyUnavailable, MessageReturned, QueueFull, Unavailable
from gateway.rush import Courtesy, Rush
from gateway.settings import Settings
from gateway.standards.conversion import Converter
from gateway.store import SqlStore, deliveries
from gateway.store.rows import Claimed
from gateway.store.signals import destination_key

POLL_S = 0.5
IDLE_S = 10.0
BATCH = 250
BUSY_ROUND_S = 0.08
"""Under load a round of claim, publish and confirm costs as much for a few as for many, so that rounds begin
at least so far apart. What comes alone goes at once."""
LONGEST_PAUSE_S = 30.0

_AGAIN = frozenset({BrokerUnavailable, KeyUnavailable, MessageReturned, QueueFull, Unavailable})
"""What another attempt may overcome; anything else lies in the delivery itself: an operator must look."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Round:
    """How many deliveries were claimed, and how many of them the broker has confirmed."""

    claimed: int
    sent: int


NOTHING = Round(0, 0)


class Relay:
    """Publishes deliveries; any number of processes may run one on the same store.

    Args:
        converter: for destinations that serve other versions than were sent.
        rush: of what the same process accepts; it has the right of way.
    """

    def __init__(
        self,
        config: Config,
        converter: Converter,
        store: SqlStore,
        broker: Broker,
        settings: Settings,
        rush: Rush | None = None,
    ) -> None:
        self._config = config
        self._converter = converter
        self._store = store
        self._broker = broker
        self._settings = settings
        self._rush = rush or Rush()
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
        self._store.signals.hear(map(destination_key, due))
        await asyncio.sleep(POLL_S)

    async def _serve(self, destination: Destination) -> None:
        failures, courtesy = 0, Courtesy(self._rush)
        loop = asyncio.get_running_loop()
        with self._store.signals.listen(destination_key(destination.name)) as listener:
            while True:
                await courtesy.wait()
                # After a failure one delivery tries the way: each attempt is written down.
                limit = 1 if failures else BATCH
                began = loop.time()
                done = await self.send_due(destination, limit=limit) if self._broker.connected else NOTHING
                if done.sent < done.claimed:
                    failures += 1
                    await asyncio.sleep(min(PAUSE_S * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE_S))
                    continue
                if done.sent:
                    failures = 0
                if done.sent > 1:
                    await asyncio.sleep(began + BUSY_ROUND_S - loop.time())
                if done.claimed < limit:  # nothing more was due; what is now has been heard of meanwhile
                    courtesy.caught_up()
                    await listener.wait(IDLE_S)

    async def send_due(self, destination: Destination, *, limit: int = BATCH) -> Round:
        """Claim and publish one batch."""
        claimed = await deliveries.claim(
            self._store,
            destination.name,
            tenant=destination.tenant,
            limit=limit,
            max_sent=self._settings.max_sent,
            publish_lease_s=self._settings.publish_lease_s,
            copy_lifetime_s=self._settings.copy_lifetime_s,
        )
        if not claimed:
            return NOTHING
        metrics.RELAY_BATCH.observe(len(claimed))
        results = await asyncio.gather(*(self._publish(destination, each) for each in claimed))
        sent = [each for each, error in zip(claimed, results, strict=True) if error is None]
        if sent:
            metrics.count_publishes(destination.name, "confirmed", len(sent))
            await deliveries.confirm_sent(self._store, sent, lease_s=self._settings.lease_s)
        await self._return_unsent(destination, claimed, results)
        return Round(len(claimed), len(sent))

    async def _publish(self, destination: Destination, claimed: Claimed) -> Exception | None:
        try:
            envelope = await self._fit(destination, _envelope(claimed))
            message = envelope.to_message(self._settings.copy_lifetime_s)
            await self._broker.publish_delivery(claimed.destination, message)
        except Exception as error:
            # Whatever is wrong with one delivery, its neighbours are on their way.
            return error
        return None

    async def _fit(self, destination: Destination, envelope: Delivery) -> Delivery:
        """Let a message travel in the version that its destination serves."""
        if not destination.serves:
            return envelope
        message_type = self._converter.target(envelope.message_type, destination.serves)
        if message_type == envelope.message_type:
            return envelope
        body = envelope.body
        if body:  # a larger one is converted when it is fetched
            converted = await self._converter.convert(envelope.message_type, body, destination.serves)
            body = converted.body if len(converted.body) <= MAX_INLINE_BODY_BYTES else b""
        changed = {"message_type": message_type, "converted_from": envelope.message_type, "body": body}
        return envelope.model_copy(update=changed)

    async def _return_unsent(
        self, destination: Destination, claimed: Sequence[Claimed], results: Sequence[Exception | None]
    ) -> None:
        unsent: dict[type[Exception], list[Claimed]] = {}
        for each, error in zip(claimed, results, strict=True):
            if error is not None:
                unsent.setdefault(type(error), []).append(each)
        for kind, group in unsent.items():
            metrics.count_publishes(destination.name, kind.__name__, len(group))
            _log.warning(
                "deliveries_not_sent", destination=destination.name, error=kind.__name__, count=len(group)
            )
            if kind not in _AGAIN:
                for each in group:
                    await self._fail(each, kind.__name__)
                continue
            await deliveries.release(
                self._store,
                group,
                delay_s=PAUSE_S,
                look_up=kind is BrokerUnavailable,
                outcome=kind.__name__,
            )

    async def _fail(self, claimed: Claimed, error: str) -> None:
        async with work_on(self._store, self._config, claimed.case_id, tenant=claimed.tenant) as work:
            row = await work.fetch_delivery(claimed.delivery_id, destination=claimed.destination)
            if row:
                await outcomes.unsendable(work, row, attempt=claimed.attempt, error=error)


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
