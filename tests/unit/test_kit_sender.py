import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kit.backoff import backoff_s
from adapters.kit.case_reports import CaseReports
from adapters.kit.sender import ReportSender
from adapters.kit.store import AdapterStore
from gateway.broker import MemoryBroker, Outcome
from gateway.contract.ids import new_id
from gateway.contract.message import Message
from gateway.contract.report import Report
from gateway.errors import BrokerUnavailable


class FaultyBroker(MemoryBroker):
    """Refuses the reports of some cases, counts every try, and keeps what it takes in order."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: set[str] = set()
        self.refusal: Exception = BrokerUnavailable()
        self.held: asyncio.Event | None = None
        self.tries: Counter[str] = Counter()
        self.taken: list[Report] = []

    async def publish_report(self, message: Message) -> None:
        self.tries[str(message.correlation_id)] += 1
        if message.correlation_id in self.refused:
            raise self.refusal
        await super().publish_report(message)

    async def take(self, message: Message) -> Outcome:
        if self.held is not None:
            await self.held.wait()
        self.taken.append(Report.from_message(message))
        return Outcome.ACK

    def bodies(self, case_id: str) -> list[bytes]:
        return [report.body for report in self.taken if report.case_id == case_id]


@pytest.fixture
async def broker() -> AsyncIterator[FaultyBroker]:
    broker = FaultyBroker()
    await broker.start()
    await broker.consume_reports(broker.take, concurrency=10)
    yield broker
    await broker.close(grace_s=0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AdapterStore]:
    store = AdapterStore(f"sqlite:///{tmp_path / 'adapter.db'}", "sample")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def sender(store: AdapterStore, broker: FaultyBroker) -> AsyncIterator[ReportSender]:
    sender = ReportSender(store, broker, poll_s=0.2, first_pause_s=0.02)
    sender.start()
    yield sender
    await sender.stop(grace_s=1)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def test_sender_tries_until_confirmed_when_the_broker_refuses(sender, store, broker) -> None:
    case = new_id()
    broker.refused.add(case)
    for body in (b"1", b"2"):
        await CaseReports(store).status(case, body)
    await until(lambda: broker.tries[case] == 4)
    assert broker.taken == []
    broker.refused.clear()
    await until(lambda: broker.bodies(case) == [b"1", b"2"])
    assert broker.tries[case] >= 6


async def test_sender_holds_back_no_other_case_when_one_is_stuck(sender, store, broker) -> None:
    stuck, fine = new_id(), new_id()
    broker.refused.add(stuck)
    for body in (b"1", b"2", b"3"):
        await CaseReports(store).status(stuck, body)
        await CaseReports(store).status(fine, body)
    await until(lambda: broker.bodies(fine) == [b"1", b"2", b"3"])
    assert broker.bodies(stuck) == []


async def test_sender_goes_on_when_the_broker_fails_in_an_unknown_way(sender, store, broker) -> None:
    case = new_id()
    broker.refused.add(case)
    broker.refusal = RuntimeError("a fault nobody thought of")
    await CaseReports(store).status(case, b"1")
    await until(lambda: broker.tries[case] == 2)
    broker.refused.clear()
    await until(lambda: broker.bodies(case) == [b"1"])


async def test_sender_waits_for_nobody_else_when_one_confirm_is_slow(sender, store, broker) -> None:
    slow, quick = new_id(), new_id()
    broker.held = asyncio.Event()
    await CaseReports(store).status(slow, b"1")
    await until(lambda: broker.tries[slow] == 1)
    held, broker.held = broker.held, None
    await CaseReports(store).status(quick, b"1")
    await CaseReports(store).status(quick, b"2")
    await until(lambda: broker.bodies(quick) == [b"1", b"2"])
    held.set()
    await until(lambda: broker.bodies(slow) == [b"1"])


async def test_sender_sends_after_the_restart_when_it_was_stopped_before_the_confirm(
    store, broker, tmp_path
) -> None:
    case = new_id()
    broker.refused.add(case)
    first = ReportSender(store, broker)
    first.start()
    report_id = await CaseReports(store).decision(case, b"<bescheid/>")
    await until(lambda: broker.tries[case] == 1)
    await first.stop(grace_s=0.5)
    await store.close()
    broker.refused.clear()
    restarted = AdapterStore(f"sqlite:///{tmp_path / 'adapter.db'}", "sample")
    await restarted.open()
    second = ReportSender(restarted, broker)
    second.start()
    await until(lambda: len(broker.taken) == 1)
    await second.stop()
    await restarted.close()
    assert broker.taken[0].report_id == report_id


async def test_sender_keeps_its_order_when_many_cases_wait(sender, store, broker) -> None:
    cases = [new_id() for _ in range(10)]
    for number in range(5):
        for case in cases:
            await CaseReports(store).status(case, b"%d" % number)
    await until(lambda: len(broker.taken) >= 50)
    for case in cases:
        assert broker.bodies(case) == [b"0", b"1", b"2", b"3", b"4"]


@given(st.integers(min_value=0, max_value=10_000), st.floats(min_value=0.01, max_value=10))
def test_backoff_stays_near_the_doubled_pause_and_below_the_cap(tries: int, first_s: float) -> None:
    pause = backoff_s(tries, first_s=first_s, cap_s=60)
    expected = min(60, first_s * 2 ** min(tries, 30))
    assert 0.75 * expected <= pause <= 1.25 * expected
