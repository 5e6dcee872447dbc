"""One suite for the adapter store, inherited by both databases."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from adapters.kit.case_reports import CaseReports
from adapters.kit.claims import MAX_STARTS, Busy, Expired, Poisoned, Settled, Stale, Started
from adapters.kit.database import Database
from adapters.kit.errors import OutcomeUnknown, Refused, Transient
from adapters.kit.outbox import SENDING_S
from adapters.kit.outcomes import accepted_report, error_report
from adapters.kit.steps import Step
from adapters.kit.store import LEASE_S, AdapterStore
from adapters.kit.testing import DESTINATION, later, sample_delivery
from gateway.contract.delivery import Delivery
from gateway.contract.ids import new_id
from gateway.contract.report import Accepted, Failed, FailureKind, Report, ReportType
from gateway.errors import ConfigurationError, StoreInUse, StoreUnavailable
from tests.services import PrivatePostgreSQL


class TestClock:
    __test__ = False

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


def accepted(delivery: Delivery) -> Report:
    return accepted_report(delivery, Accepted(foreign_id="A-1"), datetime.now(UTC))


def failed(delivery: Delivery, error: Exception | None = None) -> Report:
    return error_report(delivery, error or Transient("away"), datetime.now(UTC))


async def unsent(store: AdapterStore) -> list[Report]:
    return [each.report for each in await store.outbox.take()]


async def send_all(store: AdapterStore) -> list[Report]:
    """Take and confirm until nothing is left; return what was sent, in order."""
    sent: list[Report] = []
    while batch := await store.outbox.take():
        sent += [each.report for each in batch]
        await store.outbox.mark_sent([each.seq for each in batch])
    return sent


class AdapterStoreContract:
    """What every database must do; a subclass gives the fixtures `url` and `second`."""

    @pytest.fixture
    async def store(self, url: str, clock: TestClock) -> AsyncIterator[AdapterStore]:
        store = AdapterStore(url, DESTINATION, now=clock)
        await store.open()
        yield store
        await store.close()

    async def start(self, store: AdapterStore, delivery: Delivery) -> Started:
        claim = await store.claim(delivery)
        assert isinstance(claim, Started)
        return claim

    # claims

    async def test_claim_starts_a_delivery_when_it_is_new(self, store: AdapterStore) -> None:
        assert await store.claim(sample_delivery()) == Started(token=1, find_first=False)

    async def test_claim_asks_to_look_first_when_the_copy_says_so(self, store: AdapterStore) -> None:
        assert await store.claim(sample_delivery(look_up=True)) == Started(token=1, find_first=True)

    async def test_claim_is_busy_when_another_copy_is_in_hand(self, second: AdapterStore, store) -> None:
        delivery = sample_delivery()
        await self.start(store, delivery)
        assert isinstance(await second.claim(delivery), Busy)

    async def test_claim_is_won_once_when_many_race(self, second: AdapterStore, store) -> None:
        delivery = sample_delivery()
        claims = await asyncio.gather(*(each.claim(delivery) for each in (store, second) for _ in range(4)))
        assert sum(isinstance(claim, Started) for claim in claims) == 1
        assert sum(isinstance(claim, Busy) for claim in claims) == 7

    async def test_claim_looks_first_when_an_earlier_start_has_no_outcome(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        delivery = sample_delivery()
        await self.start(store, delivery)
        clock.forward(LEASE_S + 1)
        assert await store.claim(delivery) == Started(token=2, find_first=True)

    async def test_claim_stays_busy_when_the_lease_is_renewed(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        delivery = sample_delivery()
        await self.start(store, delivery)
        clock.forward(LEASE_S - 1)
        await store.renew([delivery.delivery_id])
        clock.forward(LEASE_S - 1)
        assert isinstance(await store.claim(delivery), Busy)

    async def test_claim_starts_nothing_when_the_copy_has_expired(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        delivery = sample_delivery(expires_at=clock())
        assert await store.claim(delivery) == Expired()
        assert await store.claim(later(delivery)) == Started(token=1, find_first=False)

    async def test_claim_drops_an_expired_copy_when_another_is_in_hand(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        delivery = sample_delivery(expires_at=clock() + timedelta(seconds=5))
        await self.start(store, delivery)
        clock.forward(6)
        assert await store.claim(delivery) == Expired()

    async def test_claim_is_poisoned_when_five_starts_had_no_outcome(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        delivery = sample_delivery()
        for _ in range(MAX_STARTS):
            await self.start(store, delivery)
            clock.forward(LEASE_S + 1)
        assert await store.claim(delivery) == Poisoned(MAX_STARTS)
        [report] = await send_all(store)
        assert Failed.model_validate_json(report.body).kind is FailureKind.PERMANENT
        assert await store.claim(later(delivery)) == Started(token=MAX_STARTS + 1, find_first=True)

    async def test_claim_drops_the_copy_when_a_later_attempt_was_tried(self, store: AdapterStore) -> None:
        first = sample_delivery()
        second = later(first)
        claim = await self.start(store, second)
        await store.finish(second, claim.token, failed(second), in_doubt=False)
        await send_all(store)
        assert await store.claim(first) == Stale()
        assert await unsent(store) == []

    # outcomes

    async def test_claim_sends_the_same_report_again_when_accepted(self, store: AdapterStore) -> None:
        delivery = sample_delivery()
        report = accepted(delivery)
        claim = await self.start(store, delivery)
        assert await store.finish(delivery, claim.token, report, in_doubt=False)
        assert await send_all(store) == [report]
        for copy in (delivery, later(delivery)):
            assert await store.claim(copy) == Settled(ReportType.DELIVERY_ACCEPTED)
            [again] = await send_all(store)
            assert (again.report_id, again.attempt, again.body) == (report.report_id, 1, report.body)

    async def test_claim_sends_the_report_again_when_its_content_was_erased(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        delivery = sample_delivery()
        claim = await self.start(store, delivery)
        await store.finish(delivery, claim.token, accepted(delivery), in_doubt=False)
        [report] = await send_all(store)
        clock.forward(10)
        assert await store.outbox.erase_before(clock()) == 1
        await store.claim(later(delivery, expires_at=clock() + timedelta(minutes=10)))
        assert [each.body for each in await send_all(store)] == [report.body]

    async def test_claim_sends_the_failure_again_when_the_same_attempt_comes_twice(
        self, store: AdapterStore
    ) -> None:
        delivery = sample_delivery()
        claim = await self.start(store, delivery)
        await store.finish(delivery, claim.token, failed(delivery), in_doubt=False)
        sent = await send_all(store)
        assert await store.claim(delivery) == Settled(ReportType.DELIVERY_FAILED)
        assert await send_all(store) == sent

    @pytest.mark.parametrize("in_doubt", [False, True])
    async def test_claim_tries_anew_when_the_attempt_before_failed(
        self, store: AdapterStore, in_doubt: bool
    ) -> None:
        delivery = sample_delivery()
        claim = await self.start(store, delivery)
        await store.finish(delivery, claim.token, failed(delivery), in_doubt=in_doubt)
        assert await store.claim(later(delivery)) == Started(token=2, find_first=in_doubt)

    async def test_claim_counts_starts_from_the_last_outcome_when_retried(self, store: AdapterStore) -> None:
        delivery = sample_delivery()
        for _ in range(MAX_STARTS + 2):
            claim = await self.start(store, delivery)
            await store.finish(delivery, claim.token, failed(delivery), in_doubt=False)
            delivery = later(delivery)

    async def test_claim_refuses_again_under_the_new_attempt_when_it_was_refused(
        self, store: AdapterStore
    ) -> None:
        delivery = sample_delivery()
        claim = await self.start(store, delivery)
        refusal = error_report(delivery, Refused("S999", "not here"), datetime.now(UTC))
        await store.finish(delivery, claim.token, refusal, in_doubt=False)
        await send_all(store)
        assert await store.claim(later(delivery)) == Settled(ReportType.DELIVERY_REFUSED, reissue=True)
        [again] = await send_all(store)
        assert again.report_id != refusal.report_id
        assert (again.attempt, again.type, again.body) == (2, ReportType.DELIVERY_REFUSED, refusal.body)

    async def test_finish_changes_nothing_when_repeated(self, store: AdapterStore) -> None:
        delivery = sample_delivery()
        claim = await self.start(store, delivery)
        report = accepted(delivery)
        assert await store.finish(delivery, claim.token, report, in_doubt=False)
        assert await store.finish(delivery, claim.token, report, in_doubt=False)
        assert await send_all(store) == [report]

    async def test_finish_does_not_count_when_the_claim_was_lost(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        delivery = sample_delivery()
        lost = await self.start(store, delivery)
        clock.forward(LEASE_S + 1)
        await self.start(store, delivery)
        assert not await store.finish(delivery, lost.token, failed(delivery), in_doubt=False)
        assert await unsent(store) == []

    async def test_finish_counts_when_the_claim_was_lost_but_it_was_accepted(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        delivery = sample_delivery()
        lost = await self.start(store, delivery)
        clock.forward(LEASE_S + 1)
        claim = await self.start(store, delivery)
        report = accepted(delivery)
        assert await store.finish(delivery, lost.token, report, in_doubt=False)
        assert not await store.finish(
            delivery, claim.token, failed(delivery, OutcomeUnknown()), in_doubt=True
        )
        assert await send_all(store) == [report]

    async def test_release_looks_first_and_forgets_the_start_when_handed_back(
        self, store: AdapterStore
    ) -> None:
        delivery = sample_delivery()
        for token in range(1, MAX_STARTS + 3):
            claim = await store.claim(delivery)
            assert claim == Started(token, find_first=token > 1)
            await store.release(delivery, claim.token)

    # steps

    async def test_step_is_found_when_recorded(self, store: AdapterStore) -> None:
        delivery_id = new_id()
        assert await store.fetch_step(delivery_id, "register") is None
        await store.record_step(delivery_id, Step("register", result={"number": 7, "ö": [None, True]}))
        await store.record_step(delivery_id, Step("register", result="a second record"))
        await store.record_step(delivery_id, Step("nothing", result=None))
        found = await store.fetch_step(delivery_id, "register")
        assert found == Step("register", done=True, result={"number": 7, "ö": [None, True]})
        assert await store.fetch_step(delivery_id, "nothing") == Step("nothing", done=True)

    async def test_steps_outlive_a_failure_and_go_when_accepted(self, store: AdapterStore) -> None:
        delivery = sample_delivery()
        claim = await self.start(store, delivery)
        await store.record_step(delivery.delivery_id, Step("register", result=1))
        await store.finish(delivery, claim.token, failed(delivery), in_doubt=False)
        assert await store.fetch_step(delivery.delivery_id, "register") is not None
        again = later(delivery)
        claim = await self.start(store, again)
        await store.finish(again, claim.token, accepted(again), in_doubt=False)
        assert await store.fetch_step(delivery.delivery_id, "register") is None

    # reports

    async def test_case_reports_count_from_one_when_a_case_has_several(self, store: AdapterStore) -> None:
        reports = CaseReports(store)
        one, other = new_id(), new_id()
        for case in (one, other, one, one):
            await reports.status(case, b"<status/>")
        sent = await send_all(store)
        assert [r.case_sequence for r in sent if r.case_id == one] == [1, 2, 3]
        assert [r.case_sequence for r in sent if r.case_id == other] == [1]

    async def test_case_report_is_stored_once_when_its_id_is_known(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        reports = CaseReports(store)
        case, report_id = new_id(), new_id()
        await reports.decision(case, b"<bescheid/>", report_id=report_id)
        assert await reports.decision(case, b"<other/>", report_id=report_id) == report_id
        sent = await send_all(store)
        clock.forward(1)
        await store.outbox.erase_before(clock())
        await reports.decision(case, b"<bescheid/>", report_id=report_id)
        await reports.status(case, b"<status/>")
        sent += await send_all(store)
        assert [(r.case_sequence, r.body) for r in sent] == [(1, b"<bescheid/>"), (2, b"<status/>")]

    async def test_case_reports_leave_no_gap_when_written_at_once(
        self, store: AdapterStore, second: AdapterStore
    ) -> None:
        case = new_id()
        writers = [CaseReports(store), CaseReports(second)]
        await asyncio.gather(*(writers[n % 2].message(case, b"<mitteilung/>") for n in range(12)))
        assert [report.case_sequence for report in await send_all(store)] == list(range(1, 13))

    async def test_outbox_gives_the_first_of_each_case_when_several_wait(self, store: AdapterStore) -> None:
        reports = CaseReports(store)
        one, other = new_id(), new_id()
        for case, body in ((one, b"1"), (one, b"2"), (other, b"3")):
            await reports.status(case, body)
        assert [report.body for report in await unsent(store)] == [b"1", b"3"]

    async def test_outbox_holds_back_one_case_when_its_report_fails(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        reports = CaseReports(store)
        stuck, fine = new_id(), new_id()
        for case, body in ((stuck, b"1"), (stuck, b"2"), (fine, b"3"), (fine, b"4")):
            await reports.status(case, body)
        first, other = await store.outbox.take()
        await store.outbox.hold_back(first, 5)
        await store.outbox.mark_sent([other.seq])
        assert [report.body for report in await send_all(store)] == [b"4"]
        clock.forward(6)
        [again] = await store.outbox.take()
        assert (again.report.body, again.tries) == (b"1", 1)

    async def test_outbox_gives_a_report_to_one_when_several_take(
        self, store: AdapterStore, second: AdapterStore, clock: TestClock
    ) -> None:
        for _ in range(20):
            await CaseReports(store).status(new_id(), b"<status/>")
        taken = await asyncio.gather(*(each.outbox.take(5) for each in (store, second) * 4))
        seqs = [each.seq for batch in taken for each in batch]
        assert len(seqs) == len(set(seqs))
        clock.forward(SENDING_S + 1)
        assert len(await store.outbox.take()) == 20

    async def test_outbox_sends_again_what_was_confirmed_since_when_asked(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        reports = CaseReports(store)
        for body in (b"1", b"2", b"3"):
            await reports.status(new_id(), body)
            await send_all(store)
            clock.forward(60)
        assert await store.outbox.resend_since(clock() - timedelta(seconds=150)) == 2
        assert [report.body for report in await send_all(store)] == [b"2", b"3"]

    async def test_case_reports_keep_number_and_order_when_sent_again(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        """Whoever lost them takes them again as the same reports; what is made meanwhile comes after them."""
        reports = CaseReports(store)
        case = new_id()
        for body in (b"1", b"2", b"3"):
            await reports.status(case, body)
        first = await send_all(store)
        await store.outbox.resend_since(clock() - timedelta(seconds=1))
        await reports.status(case, b"4")
        again = await send_all(store)
        assert again[:3] == first
        assert [(each.case_sequence, each.body) for each in again[3:]] == [(4, b"4")]

    async def test_outbox_sends_nothing_again_when_its_content_was_erased(
        self, store: AdapterStore, clock: TestClock
    ) -> None:
        await CaseReports(store).status(new_id(), b"<status/>")
        await CaseReports(store).status(new_id(), b"<unsent/>")
        [first, _] = await store.outbox.take()
        await store.outbox.mark_sent([first.seq])
        assert await store.outbox.erase_before(clock() + timedelta(seconds=1)) == 1
        assert await store.outbox.resend_since(clock() - timedelta(days=1)) == 0

    async def test_report_comes_back_unchanged_when_stored(self, store: AdapterStore) -> None:
        delivery = sample_delivery()
        claim = await self.start(store, delivery)
        report = accepted(delivery)
        await store.finish(delivery, claim.token, report, in_doubt=False)
        assert await unsent(store) == [report]

    # the database

    async def test_store_goes_on_when_a_call_is_cancelled(self, store: AdapterStore) -> None:
        for _ in range(20):
            task = asyncio.create_task(store.claim(sample_delivery()))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert isinstance(await store.claim(sample_delivery()), Started)

    async def test_open_refuses_when_the_tables_are_of_another_version(
        self, url: str, clock: TestClock
    ) -> None:
        database = Database(url)
        database.open()
        database.transact(lambda db: db.execute(text("UPDATE adapter_schema SET version = 99")))
        database.close()
        with pytest.raises(ConfigurationError, match="version 99"):
            await AdapterStore(url, DESTINATION, now=clock).open()

    async def test_open_brings_the_tables_of_an_earlier_version_up_to_date(
        self, url: str, clock: TestClock
    ) -> None:
        database = Database(url)
        database.open()
        new = database.transact(_sent_index)
        for statement in (
            "DROP INDEX adapter_outbox_sent",
            "CREATE INDEX adapter_outbox_sent ON adapter_outbox (destination, sent_at)",
            "UPDATE adapter_schema SET version = 1",
        ):
            database.transact(partial(_execute, statement=statement))
        assert database.transact(_sent_index) != new
        database.close()
        database.open()
        assert database.transact(_sent_index) == new
        database.close()


def _execute(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))


def _sent_index(connection: Connection) -> str | None:
    """Return how the index over what was sent is defined."""
    if connection.dialect.name == "sqlite":
        question = "SELECT sql FROM sqlite_master WHERE name = 'adapter_outbox_sent'"
    else:
        question = "SELECT indexdef FROM pg_indexes WHERE indexname = 'adapter_outbox_sent'"
    return connection.execute(text(question)).scalar()


async def test_open_refuses_when_the_address_is_of_another_database() -> None:
    with pytest.raises(ConfigurationError, match="AMTSBOTE_ADAPTER_DB: mysql is neither"):
        AdapterStore("mysql://localhost/adapter", DESTINATION)


class TestSqlite(AdapterStoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'deep' / 'adapter.db'}"

    @pytest.fixture
    def second(self, store: AdapterStore) -> AdapterStore:
        """One process has one store; whoever races there shares it."""
        return store

    async def test_open_refuses_when_another_has_the_file(self, store: AdapterStore, url: str) -> None:
        with pytest.raises(StoreInUse, match=r"Another process serves .*adapter\.db; .*AMTSBOTE_ADAPTER_DB"):
            await AdapterStore(url, DESTINATION).open()
        await store.close()
        other = AdapterStore(url, DESTINATION)
        await other.open()
        await other.close()

    async def test_open_frees_at_once_what_was_in_hand_when_a_process_died(
        self, store: AdapterStore, url: str, clock: TestClock
    ) -> None:
        delivery = sample_delivery()
        await self.start(store, delivery)
        await CaseReports(store).status(new_id(), b"<status/>")
        await store.outbox.take()
        await store.close()
        restarted = AdapterStore(url, DESTINATION, now=clock)
        await restarted.open()
        assert await restarted.claim(delivery) == Started(token=2, find_first=True)
        assert [report.body for report in await unsent(restarted)] == [b"<status/>"]
        await restarted.close()

    async def test_database_is_durable_when_opened(self, store: AdapterStore) -> None:
        assert await store._writer.call(lambda db: db.scalar(text("PRAGMA journal_mode"))) == "wal"
        assert await store._writer.call(lambda db: db.scalar(text("PRAGMA synchronous"))) == 2


class TestPostgres(AdapterStoreContract):
    @pytest.fixture
    def url(self, postgresql_url: str) -> str:
        return postgresql_url

    @pytest.fixture
    async def second(self, store: AdapterStore, url: str, clock: TestClock) -> AsyncIterator[AdapterStore]:
        second = AdapterStore(url, DESTINATION, now=clock)
        await second.open()
        yield second
        await second.close()

    async def test_open_leaves_what_others_have_in_hand_when_a_worker_joins(
        self, store: AdapterStore, url: str, clock: TestClock
    ) -> None:
        delivery = sample_delivery()
        await self.start(store, delivery)
        joined = AdapterStore(url, DESTINATION, now=clock)
        await joined.open()
        assert isinstance(await joined.claim(delivery), Busy)
        await joined.close()

    async def test_open_creates_the_tables_once_when_workers_start_together(
        self, url: str, clock: TestClock
    ) -> None:
        workers = [AdapterStore(url, DESTINATION, now=clock) for _ in range(4)]
        await asyncio.gather(*(worker.open() for worker in workers))
        await asyncio.gather(*(worker.close() for worker in workers))

    async def test_destinations_do_not_see_each_other_when_they_share_a_database(
        self, store: AdapterStore, url: str, clock: TestClock
    ) -> None:
        other = AdapterStore(url, "other", now=clock)
        await other.open()
        case = new_id()
        await CaseReports(other).status(case, b"other")
        await CaseReports(store).status(case, b"own")
        assert [(r.body, r.case_sequence) for r in await unsent(store)] == [(b"own", 1)]
        await other.close()

    async def test_store_is_unavailable_while_the_server_is_away_and_then_goes_on(
        self, stoppable_postgresql: PrivatePostgreSQL, clock: TestClock
    ) -> None:
        store = AdapterStore(stoppable_postgresql.create_database(), DESTINATION, now=clock)
        await store.open()
        delivery = sample_delivery()
        stoppable_postgresql.kill()
        with pytest.raises(StoreUnavailable):
            await store.claim(delivery)
        stoppable_postgresql.start()
        assert isinstance(await store.claim(delivery), Started)
        await store.close()

    async def test_store_goes_on_over_a_new_connection_when_the_old_one_hangs(
        self, store: AdapterStore
    ) -> None:
        store._writer._timeout_s = 0.5
        backend = await store._writer.call(lambda db: db.scalar(text("SELECT pg_backend_pid()")))
        os.kill(backend, signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailable):
                await store.claim(sample_delivery())
            store._writer._timeout_s = 10
            assert isinstance(await store.claim(sample_delivery()), Started)
        finally:
            os.kill(backend, signal.SIGCONT)

    async def test_store_heals_unnoticed_when_the_server_was_restarted_meanwhile(
        self, stoppable_postgresql: PrivatePostgreSQL, clock: TestClock
    ) -> None:
        store = AdapterStore(stoppable_postgresql.create_database(), DESTINATION, now=clock)
        await store.open()
        stoppable_postgresql.restart()
        assert isinstance(await store.claim(sample_delivery()), Started)
        await store.close()

    async def test_reports_get_their_numbers_once_when_workers_store_the_same_ids(
        self, store: AdapterStore, second: AdapterStore
    ) -> None:
        case, ids = new_id(), [new_id() for _ in range(20)]
        writers = [CaseReports(store), CaseReports(second)]
        await asyncio.gather(
            *(reports.status(case, b"<status/>", report_id=each) for each in ids for reports in writers)
        )
        assert [report.case_sequence for report in await send_all(store)] == list(range(1, 21))
