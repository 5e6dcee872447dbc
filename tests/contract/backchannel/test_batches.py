"""What a batch of reports promises on both databases, and what gateways on one PostgreSQL owe each other."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from sqlalchemy import text

from gateway import metrics
from gateway.backchannel import outcomes
from gateway.backchannel import reports as report_module
from gateway.broker import Outcome
from gateway.contract.delivery import Delivery
from gateway.contract.ids import new_id
from gateway.contract.report import Accepted, Failed, FailureKind, Refused, Report, ReportType
from gateway.store import SqlStore, cases, mailbox
from gateway.store.migrate import migrate
from tests.contract.store.locks import until_waiting
from tests.contract.store.make import CLIENT, COPY, LEAD, TENANT
from tests.unit.backchannel.world import (
    World,
    decision_xml,
    note_xml,
    reference_numbers,
    running,
    status_xml,
)

ACCEPTED, REFUSED, FAILED = (
    ReportType.DELIVERY_ACCEPTED,
    ReportType.DELIVERY_REFUSED,
    ReportType.DELIVERY_FAILED,
)


def of_delivery(delivery: Delivery, type_: ReportType, body: Any) -> Report:
    return Report(
        report_id=new_id(),
        type=type_,
        destination=delivery.destination,
        case_id=delivery.case_id,
        delivery_id=delivery.delivery_id,
        attempt=delivery.attempt,
        created_at=delivery.created_at,
        body=body.model_dump_json().encode(),
    )


def accepted(delivery: Delivery, foreign_id: str = "F-1") -> Report:
    return of_delivery(delivery, ACCEPTED, Accepted(foreign_id=foreign_id))


def of_case(delivery: Delivery, number: int, type_: ReportType, body: bytes) -> Report:
    return Report(
        report_id=new_id(),
        type=type_,
        destination=LEAD,
        case_id=delivery.case_id,
        case_sequence=number,
        created_at=delivery.created_at,
        body=body,
    )


def note(delivery: Delivery, number: int) -> Report:
    return of_case(delivery, number, ReportType.CASE_MESSAGE, note_xml(delivery))


def transactions() -> tuple[float, float]:
    """Return how many there were, and how many reports they took."""
    read = metrics.REGISTRY.get_sample_value
    return read("amtsbote_report_batch_size_count") or 0, read("amtsbote_report_batch_size_sum") or 0


async def take(world: World, *reports: Report) -> tuple[float, float]:
    """Hand reports in at the same moment, as a broker does; return what `transactions` counts of it."""
    count, taken = transactions()
    results = await asyncio.gather(*(world.reports.handle(report.to_message()) for report in reports))
    assert set(results) == {Outcome.ACK}
    return transactions()[0] - count, transactions()[1] - taken


class BatchContract:
    """The suite; a subclass gives the fixture `address`."""

    @pytest.fixture
    async def world(self, address: str) -> AsyncIterator[World]:
        await asyncio.to_thread(migrate, address)
        async with running(address) as world:
            yield world

    async def test_reports_of_one_case_take_effect_in_the_order_in_which_they_came(
        self, world: World
    ) -> None:
        await world.submit()
        delivery = await world.send_one()
        digest = await world.upload(b"%PDF-Bescheid")
        decision = of_case(delivery, 2, ReportType.CASE_DECISION, decision_xml(delivery, digest))
        status = of_case(delivery, 1, ReportType.CASE_STATUS, status_xml(delivery))
        assert await take(world, accepted(delivery), status, decision) == (1, 3)
        case = await world.case(delivery)
        assert (case.status, case.citizen_status, case.next_seq) == ("decided", "COMPLETED", 4)
        assert [kind for kind, _ in await world.events(delivery)] == [
            "submission.accepted",
            "delivery.accepted",
            "case.in_progress",
            "mailbox.posted",
            "case.decided",
            "mailbox.posted",
        ]
        assert [(row.position, row.case_seq, row.message_type[-4:]) for row in await world.mailbox()] == [
            (1, 2, "1120"),
            (2, 3, "1150"),
        ]
        _, decided = await world.mailbox()
        assert decided.attachment_count == 1
        assert await world.body(decided.message_id, 1) == b"%PDF-Bescheid"
        assert await world.attempts(delivery) == ["accepted"]

    async def test_many_cases_share_a_transaction(self, world: World) -> None:
        submitted = [await world.submit() for _ in range(20)]
        deliveries = await world.send()
        reports = [r for d in deliveries for r in (accepted(d), note(d, 1))]
        assert await take(world, *reports) == (1, 40)
        assert {await world.status(each.submission_id) for each in submitted} == {"accepted"}
        await take(world, *map(accepted, await world.send(COPY)))
        assert {await world.status(each.submission_id) for each in submitted} == {"delivered"}
        rows = await world.mailbox()
        assert [row.position for row in rows] == list(range(1, 21))
        assert {row.case_id for row in rows} == {each.case_id for each in deliveries}

    async def test_each_client_has_positions_of_its_own(self, world: World) -> None:
        clients = [f"portal-{number % 3}" for number in range(12)]
        for client in clients:
            await world.submit(client=client)
        await take(world, *(note(each, 1) for each in await world.send()))
        rows = await world.mailbox()
        assert Counter((row.client, row.position) for row in rows) == Counter(
            (f"portal-{client}", position) for client in range(3) for position in range(1, 5)
        )

    async def test_reports_out_of_order_wait_across_batches(self, world: World) -> None:
        await world.submit()
        delivery = await world.send_one()
        reports = [note(delivery, number) for number in range(1, 7)]
        assert await take(world, reports[4], reports[1], reports[2]) == (1, 3)
        assert await world.letters() == []
        assert await take(world, reports[5], reports[0]) == (1, 2)
        assert len(await world.letters()) == 3
        await take(world, reports[3])
        texts = [row.message_id for row in await world.mailbox()]
        assert [await world.body(each) for each in texts] == [report.body for report in reports]
        assert {(await world.report_state(report)) for report in reports} == {("applied", None)}
        assert await world.findings() == []

    async def test_report_repeated_within_a_batch_counts_once(self, world: World) -> None:
        await world.submit()
        delivery = await world.send_one()
        failed = of_delivery(delivery, FAILED, Failed(kind=FailureKind.TRANSIENT, reason="x"))
        said = note(delivery, 1)
        assert await take(world, failed, failed, said, failed, said) == (1, 5)
        await take(world, failed, said)
        assert (await world.delivery(delivery.delivery_id)).tries == 1
        assert [(await world.report_state(each))[0] for each in (failed, said)] == ["applied", "applied"]
        assert await world.findings() == []
        assert await world.letters() == ["1134"]

    async def test_same_acceptance_twice_under_different_ids_is_no_second_application(
        self, world: World
    ) -> None:
        await world.submit()
        delivery = await world.send_one()
        await take(world, accepted(delivery, "F-1"), accepted(delivery, "F-1"), accepted(delivery, "F-2"))
        assert await world.findings() == ["accepted_twice"]

    async def test_refusal_cancels_a_follow_up_that_returned_in_the_same_batch(self, world: World) -> None:
        first = await world.submit()
        await world.accepted(await world.send_one(COPY), "D-1")
        second = await world.submit(case_id=first.case_id)
        lead, copy = await world.send_one(LEAD), await world.send_one(COPY)
        assert copy.submission_id == second.submission_id
        refusal = of_delivery(lead, REFUSED, Refused(code="S999", reason="Nein."))
        failure = of_delivery(copy, FAILED, Failed(kind=FailureKind.TRANSIENT, reason="x"))
        assert await take(world, failure, refusal) == (1, 2)
        assert await world.states(second.submission_id) == {LEAD: "cancelled", COPY: "cancelled"}
        assert [await world.status(each.submission_id) for each in (first, second)] == [
            "refused",
            "cancelled",
        ]
        assert await world.letters() == ["1190", "1190"]

    async def test_report_that_cannot_be_handled_leaves_nothing_and_its_neighbours_alone(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = outcomes.accepted

        async def fail(work: Any, row: Any, body: Accepted, **more: Any) -> Any:
            effect = await whole(work, row, body, **more)
            if body.foreign_id == "POISON":
                raise RuntimeError
            return effect

        monkeypatch.setattr(outcomes, "accepted", fail)
        monkeypatch.setattr(report_module, "_RETRY_S", (0.01,))
        for _ in range(3):
            await world.submit()
        good, poisoned, other = await world.send()
        poison = accepted(poisoned, "POISON")
        counted = await take(world, accepted(good), poison, note(poisoned, 1), accepted(other))
        assert counted == (4, 7)
        assert [await world.state(each) for each in (good, poisoned, other)] == [
            "accepted",
            "sent",
            "accepted",
        ]
        assert (await world.finding()).code == "cannot_be_handled"
        assert await world.report_state(poison) == ("rejected", poison.body)
        assert await world.references(poisoned) == {}
        assert await world.letters() == ["1134"]
        assert ("delivery.accepted", None) not in await world.events(poisoned)


class TestBatchesOnSqlite(BatchContract):
    """SQLite."""

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'store.db'}"


class TestBatchesOnPostgres(BatchContract):
    """PostgreSQL, where several gateways share the store."""

    @pytest.fixture
    def address(self, postgresql_url: str) -> str:
        return postgresql_url

    @pytest.fixture
    async def others(self, world: World, address: str) -> AsyncIterator[list[World]]:
        """Two more gateways on the same database."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(running(address)) for _ in range(2)]

    async def test_report_that_the_database_refuses_leaves_its_neighbours_alone(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(report_module, "_RETRY_S", (0.01,))
        async with world.store.write() as connection:
            await connection.execute(
                text("ALTER TABLE case_references ADD CONSTRAINT poison CHECK (value <> 'POISON')")
            )
        for _ in range(3):
            await world.submit()
        good, poisoned, other = await world.send()
        poison = accepted(poisoned, "POISON")
        await take(world, accepted(good), poison, accepted(other), note(poisoned, 1))
        states = [await world.state(each) for each in (good, poisoned, other)]
        assert states == ["accepted", "sent", "accepted"]
        assert await world.report_state(poison) == ("rejected", poison.body)
        assert await world.letters() == ["1134"]

    async def test_report_delivered_to_two_gateways_at_once_counts_once(
        self, world: World, others: list[World]
    ) -> None:
        for _ in range(15):
            await world.submit()
        deliveries = await world.send()
        reports = [r for d in deliveries for r in (accepted(d), note(d, 1), _number(d, 2))]
        shares = []
        for seed, gateway in enumerate((world, *others)):
            share = list(reports)
            random.Random(seed).shuffle(share)  # noqa: S311 any order will do
            shares.append(take(gateway, *share))
        await asyncio.gather(*shares)
        assert Counter(await world.letters()) == {"1134": 15, "1111": 15}
        assert [await world.state(each) for each in deliveries] == ["accepted"] * 15
        assert [row.position for row in await world.mailbox()] == list(range(1, 31))
        for each in deliveries:
            kinds = Counter(kind for kind, _ in await world.events(each))
            assert (kinds["delivery.accepted"], kinds["mailbox.posted"]) == (1, 2)
        assert await world.findings() == []

    async def test_cursor_reader_misses_nothing_while_gateways_commit_at_once(
        self, world: World, others: list[World]
    ) -> None:
        for _ in range(60):
            await world.submit(copies=())
        deliveries = await world.send()
        reading = asyncio.create_task(_read(world.store, until=60))
        shares = [
            asyncio.create_task(_hand_in(gateway, deliveries[number::2]))
            for number, gateway in enumerate(others)
        ]
        await asyncio.gather(*shares)
        seen = await reading
        assert [position for position, _ in seen] == list(range(1, 61))
        assert seen == [(row.position, row.message_id) for row in await world.mailbox()]

    async def test_deadlock_is_run_again(self, world: World) -> None:
        for _ in range(2):
            await world.submit()
        low, high = sorted(await world.send(), key=lambda each: each.case_id)
        with structlog.testing.capture_logs() as logs:
            async with world.store.write() as ours:
                # Whoever finds a deadlock is ended: the batch, which looks for one after a second of waiting.
                await ours.exec_driver_sql("SET LOCAL deadlock_timeout = '1min'")
                await cases.lock(ours, high.case_id, tenant=TENANT)
                async with world.store.write() as third:
                    await cases.lock(third, low.case_id, tenant=TENANT)
                    taking = asyncio.create_task(take(world, note(high, 1), note(low, 1)))
                    await until_waiting(world.store, 1)
                    locking = asyncio.create_task(cases.lock(ours, low.case_id, tenant=TENANT))
                    await until_waiting(world.store, 2)
                # Now the batch, first in the line, has the lower case and waits for ours as we do for its.
                await locking
            assert await taking == (1, 2)
        assert {each["event"] for each in logs} == {"report_taken"}
        assert await world.letters() == ["1134", "1134"]

    async def test_plans_that_connections_keep_from_empty_tables_read_no_full_ones(
        self, address: str
    ) -> None:
        await asyncio.to_thread(migrate, address)
        async with running(address) as world:
            for _ in range(90):
                await world.submit(copies=())
            deliveries = await world.send()
        before = await _rows_read(address)
        async with running(address) as world:
            for first in range(0, len(deliveries), 3):
                some = deliveries[first : first + 3]
                await take(world, *map(accepted, some), *(note(each, 1) for each in some))
        assert await _rows_read(address) - before < 90 * 20
        async with running(address) as world:
            assert await world.letters() == ["1134"] * 90


async def _rows_read(address: str) -> int:
    """Count the rows that were looked at in the tables that reports change, and in their indexes."""
    tables = ["attempts", "cases", "deliveries", "messages", "reports", "report_sequences"]
    others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    read = """SELECT ((SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname = ANY(%(of)s))
        + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = ANY(%(of)s)))::int"""
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        async with asyncio.timeout(10):
            while await (await connection.execute(others)).fetchone():  # who has ended has counted all
                pass
        (count,) = await (await connection.execute(read, {"of": tables})).fetchone() or (0,)
    return int(count)


def _number(delivery: Delivery, number: int) -> Report:
    body = reference_numbers().model_dump_json().encode()
    return of_case(delivery, number, ReportType.CASE_REFERENCE, body)


async def _hand_in(world: World, deliveries: list[Delivery]) -> None:
    """A few at a time, so that there are many batches."""
    for first in range(0, len(deliveries), 3):
        await take(world, *(note(each, 1) for each in deliveries[first : first + 3]))


async def _read(store: SqlStore, *, until: int) -> list[tuple[int, str]]:
    seen: list[tuple[int, str]] = []
    async with asyncio.timeout(60):
        while len(seen) < until:
            after = seen[-1][0] if seen else 0
            async with store.read() as connection:
                rows = await mailbox.page(connection, CLIENT, tenants=[TENANT], after=after, limit=7)
            seen += [(row.position, row.message_id) for row in rows]
    return seen
