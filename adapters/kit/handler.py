"""Deals with one copy of a delivery: claim it, look, deliver, store the outcome, acknowledge."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog

from adapters.kit.adapter import Adapter
from adapters.kit.backoff import backoff_s
from adapters.kit.claims import Busy, Claim, Expired, Poisoned, Settled, Stale, Started
from adapters.kit.clock import utc_now
from adapters.kit.copies import frames, known, read_copy, wrong_fields
from adapters.kit.errors import OutcomeUnknown, Refused, Transient
from adapters.kit.gateway_client import GatewayClient
from adapters.kit.outcomes import accepted_report, error_report
from adapters.kit.store import AdapterStore
from adapters.kit.work import Work
from gateway.broker import Outcome
from gateway.contract.delivery import Delivery
from gateway.contract.message import Message
from gateway.contract.report import Accepted, Report
from gateway.errors import StoreUnavailable

log = structlog.get_logger(__name__)

MARGIN_S = 120.0
"""So long after a copy's `expires_at` the gateway's lease ends."""
USED_MARGIN = 0.9
"""A handler ends before the lease does: its report needs time on the way."""
POLL_S = 1.0
HAND_BACK_S = 2.0


class DeliveryHandler:
    """The broker's handler for one destination.

    Args:
        margin_s: how long after a copy's `expires_at` the gateway's lease ends.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        store: AdapterStore,
        gateway: GatewayClient,
        margin_s: float = MARGIN_S,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._adapter = adapter
        self._store = store
        self._gateway = gateway
        self._margin = timedelta(seconds=margin_s * USED_MARGIN)
        self._now = now
        self._stopping = asyncio.Event()
        self._in_hand: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def in_hand(self) -> list[str]:
        """The ids of the deliveries that are being dealt with."""
        return list(self._in_hand)

    def stop(self) -> None:
        """Begin nothing any more and hand back what waits; what is being worked on may finish."""
        self._stopping.set()
        for ended in self._in_hand.values():
            ended.set()

    async def hand_back(self) -> None:
        """Give up what is still in hand, without waiting for a broker that may be out of reach."""
        for task in self._tasks:
            task.cancel()
        await self._idle.wait()

    async def __call__(self, message: Message) -> Outcome:
        """Deal with a copy; ACK means that everything about it is durable."""
        try:
            delivery = read_copy(message, self._store.destination)
        except ValueError as error:
            log.error("delivery_malformed", destination=self._store.destination, fields=wrong_fields(error))
            return Outcome.REJECT
        while (ended := self._in_hand.get(delivery.delivery_id)) is not None:
            await ended.wait()
            if self._stopping.is_set():
                return Outcome.REQUEUE
        ended = self._in_hand[delivery.delivery_id] = asyncio.Event()
        try:
            with self._at_work():
                return await self._deal_with(delivery)
        finally:
            del self._in_hand[delivery.delivery_id]
            ended.set()

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in one
        self._tasks.add(task)
        self._idle.clear()
        try:
            yield
        finally:
            self._tasks.discard(task)
            if not self._tasks:
                self._idle.set()

    async def _deal_with(self, delivery: Delivery) -> Outcome:
        failures = 0
        while not self._stopping.is_set():
            try:
                claim = await self._store.claim(delivery, again=failures > 0)
            except StoreUnavailable as error:
                log.warning("adapter_store_unavailable", reason=error.detail, **known(delivery))
                if self._now() >= delivery.expires_at:
                    return Outcome.ACK  # too late to start it; the gateway's lease brings it back
                await self._pause(backoff_s(failures, first_s=POLL_S, cap_s=30))
                failures += 1
                continue
            if isinstance(claim, Started):
                return await self._work_on(delivery, claim)
            if not isinstance(claim, Busy):
                _log_claim(delivery, claim)
                return Outcome.ACK
            await self._pause(POLL_S)  # another process has it
        return Outcome.REQUEUE

    async def _work_on(self, delivery: Delivery, claim: Started) -> Outcome:
        log.info("delivery_started", look_up=claim.find_first, **known(delivery))
        try:
            report, in_doubt = await self._outcome(delivery, claim)
            log.info("delivery_ended", outcome=report.type.value, **known(delivery))
            return await self._store_outcome(delivery, claim, report, in_doubt=in_doubt)
        except asyncio.CancelledError:
            await self._hand_back(delivery, claim)
            raise

    async def _outcome(self, delivery: Delivery, claim: Started) -> tuple[Report, bool]:
        """Return the report to store, and whether an earlier or this start may have taken effect."""
        in_doubt = claim.find_first
        try:
            async with _bounded(self._remaining_s(delivery)):
                accepted = await self._adapter.find(delivery) if claim.find_first else None
                if accepted is None:
                    in_doubt = False
                    accepted = await self._adapter.deliver(
                        delivery, Work(delivery, self._store, self._gateway)
                    )
            return accepted_report(delivery, _checked(accepted), self._now()), False
        except StoreUnavailable:
            # Our own store, in the middle of the work: the inbox remembers the doubt, so a retry is safe.
            away = Transient("The adapter's own store was not available.")
            return error_report(delivery, away, self._now()), True
        except (Transient, Refused) as error:
            if isinstance(error, Transient):  # a refusal's reason is the applicant's
                log.warning("delivery_failed", reason=error.reason, **known(delivery))
            return error_report(delivery, error, self._now()), in_doubt
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            own = OutcomeUnknown("The adapter cancelled its own work.")
            return error_report(delivery, own, self._now()), True
        except Exception as error:
            # A reason is for operators, by the contract without personal data; no other text is.
            reason = error.reason if isinstance(error, OutcomeUnknown) else None
            log.error(
                "adapter_failed",
                error=type(error).__name__,
                reason=reason,
                frames=frames(error),
                **known(delivery),
            )
            return error_report(delivery, error, self._now()), True

    def _remaining_s(self, delivery: Delivery) -> float:
        return max(0, (delivery.expires_at + self._margin - self._now()).total_seconds())

    async def _store_outcome(
        self, delivery: Delivery, claim: Started, report: Report, *, in_doubt: bool
    ) -> Outcome:
        failures = 0
        while True:
            try:
                counts = await self._store.finish(delivery, claim.token, report, in_doubt=in_doubt)
            except StoreUnavailable as error:
                log.warning("outcome_not_stored", reason=error.detail, **known(delivery))
                if self._now() >= delivery.expires_at + self._margin:
                    return Outcome.REQUEUE
                await asyncio.sleep(backoff_s(failures, first_s=POLL_S, cap_s=30))
                failures += 1
                continue
            if not counts:
                log.warning("delivery_claim_lost", outcome=report.type.value, **known(delivery))
            return Outcome.ACK

    async def _hand_back(self, delivery: Delivery, claim: Started) -> None:
        log.info("delivery_handed_back", **known(delivery))
        try:
            async with asyncio.timeout(HAND_BACK_S):
                await self._store.release(delivery, claim.token)
        except (StoreUnavailable, TimeoutError) as error:
            log.warning("delivery_not_released", error=type(error).__name__, **known(delivery))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


@asynccontextmanager
async def _bounded(seconds: float) -> AsyncIterator[None]:
    """Bound a handler; its end is an unknown outcome, unlike a TimeoutError of the adapter's own."""
    bound = asyncio.timeout(seconds)
    try:
        async with bound:
            yield
    except TimeoutError as error:
        if bound.expired():
            raise OutcomeUnknown("The adapter did not end within the time of its lease.") from error
        raise


def _checked(accepted: object) -> Accepted:
    if not isinstance(accepted, Accepted):
        raise TypeError("deliver and find return Accepted")
    return accepted


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _log_claim(delivery: Delivery, claim: Claim) -> None:
    ids = known(delivery)
    match claim:
        case Settled(outcome):
            log.info("delivery_settled_before", outcome=outcome.value, **ids)
        case Poisoned(starts):
            log.error("delivery_poisoned", starts=starts, **ids)
        case Expired():
            log.info("delivery_expired", **ids)
        case Stale():
            log.info("delivery_stale", **ids)
