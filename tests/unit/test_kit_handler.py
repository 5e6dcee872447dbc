"""What becomes of a copy when the adapter's own store is away, or somebody else has the delivery."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from structlog.testing import capture_logs

from adapters.kit import Accepted, Adapter, Context, OutcomeUnknown, Transient, Work
from adapters.kit.case_reports import CaseReports
from adapters.kit.claims import Claim, Started
from adapters.kit.clock import utc_now
from adapters.kit.documents import Documents
from adapters.kit.gateway_client import GatewayClient
from adapters.kit.handler import DeliveryHandler
from adapters.kit.outcomes import accepted_report
from adapters.kit.store import AdapterStore
from adapters.kit.testing import GatewayDouble, sample_delivery
from gateway.broker import Outcome
from gateway.contract.delivery import Delivery
from gateway.contract.message import Message
from gateway.contract.report import Report, ReportType
from gateway.errors import StoreUnavailable


class FlakyStore(AdapterStore):
    """A store whose database goes away for a number of calls; `after` lets the call take effect first."""

    claims_lost = 0
    finishes_lost = 0
    after = False

    async def claim(self, delivery: Delivery, *, again: bool = False) -> Claim:
        if not self.claims_lost:
            return await super().claim(delivery, again=again)
        self.claims_lost -= 1
        if self.after:
            await super().claim(delivery, again=again)
        raise StoreUnavailable

    async def finish(self, delivery: Delivery, token: int, report: Report, *, in_doubt: bool) -> bool:
        if not self.finishes_lost:
            return await super().finish(delivery, token, report, in_doubt=in_doubt)
        self.finishes_lost -= 1
        if self.after:
            await super().finish(delivery, token, report, in_doubt=in_doubt)
        raise StoreUnavailable


class Counting(Adapter):
    """Counts, and waits where it is told to."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.calls = 0
        self.fails_with: Exception | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.started = asyncio.Event()

    async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
        self.calls += 1
        self.started.set()
        await self.go_on.wait()
        if self.fails_with:
            raise self.fails_with
        return Accepted(foreign_id="A-1")

    async def find(self, delivery: Delivery) -> Accepted | None:
        return None


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FlakyStore]:
    store = FlakyStore(f"sqlite:///{tmp_path / 'adapter.db'}", "sample")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayClient]:
    async with httpx2.AsyncClient(base_url="http://gateway.test") as http:
        yield GatewayClient(http, destination="sample", secret="unused")


@pytest.fixture
def adapter(store: FlakyStore, gateway: GatewayClient, tmp_path: Path) -> Counting:
    return Counting(Context("sample", {}, tmp_path, CaseReports(store), Documents(gateway)))


@pytest.fixture
def handler(adapter: Counting, store: FlakyStore, gateway: GatewayClient) -> DeliveryHandler:
    return DeliveryHandler(adapter, store=store, gateway=gateway, margin_s=0.2)


def message_of(delivery: Delivery) -> Message:
    return delivery.to_message(600)


async def stored(store: AdapterStore) -> list[Report]:
    return [each.report for each in await store.outbox.take()]


async def test_handler_delivers_once_when_the_store_comes_back(handler, adapter, store) -> None:
    store.claims_lost = 1
    assert await handler(message_of(sample_delivery())) is Outcome.ACK
    assert adapter.calls == 1


async def test_handler_delivers_at_once_when_its_claim_was_stored_but_the_answer_was_lost(
    handler, adapter, store
) -> None:
    store.claims_lost, store.after = 1, True
    async with asyncio.timeout(10):  # and not after the lease, which nobody would let end
        assert await handler(message_of(sample_delivery())) is Outcome.ACK
    assert adapter.calls == 1


async def test_handler_acknowledges_unstarted_when_the_store_is_away_until_it_expires(
    handler, adapter, store
) -> None:
    store.claims_lost = 100
    delivery = sample_delivery(expires_at=utc_now() + timedelta(seconds=0.1))
    assert await handler(message_of(delivery)) is Outcome.ACK
    assert adapter.calls == 0


@pytest.mark.parametrize("after", [False, True])
async def test_handler_stores_one_outcome_when_the_connection_breaks_in_between(
    handler, adapter, store, after
) -> None:
    store.finishes_lost, store.after = 1, after
    assert await handler(message_of(sample_delivery())) is Outcome.ACK
    assert [report.type for report in await stored(store)] == [ReportType.DELIVERY_ACCEPTED]
    assert adapter.calls == 1


async def test_handler_requeues_when_the_outcome_cannot_be_stored_before_the_lease_ends(
    handler, adapter, store
) -> None:
    store.finishes_lost = 100
    delivery = sample_delivery(expires_at=utc_now() + timedelta(seconds=0.1))
    assert await handler(message_of(delivery)) is Outcome.REQUEUE
    assert await stored(store) == []


async def test_handler_waits_when_another_worker_has_the_delivery(handler, adapter, store) -> None:
    delivery = sample_delivery()
    claim = await store.claim(delivery)
    assert isinstance(claim, Started)
    waiting = asyncio.create_task(handler(message_of(delivery)))
    await asyncio.wait([waiting], timeout=0.2)
    assert not waiting.done()
    report = accepted_report(delivery, Accepted(foreign_id="A-1"), utc_now())
    await store.finish(delivery, claim.token, report, in_doubt=False)
    assert await waiting is Outcome.ACK
    assert adapter.calls == 0


async def test_handler_says_so_when_it_lost_its_claim(handler, adapter, store) -> None:
    adapter.go_on.clear()
    delivery = sample_delivery()
    working = asyncio.create_task(handler(message_of(delivery)))
    await adapter.started.wait()
    report = accepted_report(delivery, Accepted(foreign_id="by another worker"), utc_now())
    await store.finish(delivery, 1, report, in_doubt=False)
    adapter.go_on.set()
    with capture_logs() as logs:
        assert await working is Outcome.ACK
    assert "delivery_claim_lost" in {each["event"] for each in logs}
    assert await stored(store) == [report]


async def test_handler_hands_copies_back_when_it_stops(handler, adapter, store) -> None:
    adapter.go_on.clear()
    delivery = sample_delivery()
    working = asyncio.create_task(handler(message_of(delivery)))
    await adapter.started.wait()
    second = asyncio.create_task(handler(message_of(delivery)))
    await asyncio.wait([second], timeout=0.05)
    assert not second.done()
    handler.stop()
    assert await second is Outcome.REQUEUE
    assert await handler(message_of(sample_delivery())) is Outcome.REQUEUE
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert await store.claim(delivery) == Started(token=2, find_first=True)
    assert adapter.calls == 1


async def test_runner_renews_the_lease_when_a_delivery_takes_long(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("adapters.kit.runner.LEASE_S", 0.03)
    renewed = asyncio.Event()

    class Watched(AdapterStore):
        async def renew(self, delivery_ids: list[str]) -> None:
            await super().renew(delivery_ids)
            renewed.ids = delivery_ids
            renewed.set()

    class Slow(Counting):
        async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
            await renewed.wait()
            return await super().deliver(delivery, work)

    monkeypatch.setattr("adapters.kit.runner.AdapterStore", Watched)
    async with GatewayDouble() as gateway:
        runner = gateway.runner(Slow, tmp_path)
        await runner.start()
        delivery = await gateway.deliver()
        await gateway.report(ReportType.DELIVERY_ACCEPTED)
        await runner.stop()
    assert renewed.ids == [delivery.delivery_id]


@pytest.mark.parametrize(
    ("kind", "level", "event"),
    [(Transient, "warning", "delivery_failed"), (OutcomeUnknown, "error", "adapter_failed")],
)
async def test_log_says_why_a_delivery_failed(handler, adapter, kind, level, event) -> None:
    adapter.fails_with = kind("The folder cannot be written (ENOTDIR).")
    delivery = sample_delivery()
    with capture_logs() as logs:
        assert await handler(message_of(delivery)) is Outcome.ACK
    [failed] = [each for each in logs if each["log_level"] != "info"]
    assert (failed["log_level"], failed["event"]) == (level, event)
    assert failed["reason"] == "The folder cannot be written (ENOTDIR)."
    assert failed["delivery_id"] == delivery.delivery_id
