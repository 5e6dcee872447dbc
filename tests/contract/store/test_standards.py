"""Who sends which version of a standard, and what of one is still open; on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text, update

from gateway.contract.states import DeliveryState
from gateway.store import SqlStore
from gateway.store.accept import accept
from gateway.store.migrate import migrate
from gateway.store.standards import Sent, add_up, count_open, sent_on
from gateway.store.tables import deliveries, messages
from tests.contract.store.contract import accept_one, put
from tests.contract.store.make import MASTER_KEY, TENANT, submission
from tests.services.plans import read_plan, rows_read

# Germany puts its clocks back on this day: it has 25 hours, from 22:00 to 23:00 UTC.
DAY = date(2026, 10, 25)
BEGIN, END = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)
JUST = timedelta(microseconds=1)
OLD, NEW = ("xurkunde", "1.0"), ("xurkunde", "1.1")
ELSEWHERE = "beispielhausen"


async def received(store: SqlStore, at: datetime, *, version: str = "1.0", **changes: Any) -> None:
    """Store a submission as if it had come in at that moment."""
    kind = f"xurkunde:{version}:urkunde.anforderung.0101"
    accepted = await accept_one(store, submission(**({"message_type": kind} | changes)))
    own = messages.c.message_id == accepted.submission_id
    async with store.write() as connection:
        await connection.execute(update(messages).where(own).values(received_at=at))


async def sent(store: SqlStore, day: date = DAY, *tenants: str) -> list[Sent]:
    async with store.read() as connection:
        return await sent_on(connection, day, tenants=tenants or [TENANT])


async def open_of(store: SqlStore, version: str) -> int:
    async with store.read() as connection:
        return await count_open(connection, "xurkunde", version)


class StandardsContract:
    """The suite; a subclass gives the fixture `address`."""

    @pytest.fixture
    async def store(self, address: str) -> AsyncIterator[SqlStore]:
        await asyncio.to_thread(migrate, address)
        store = SqlStore(address, master_key=MASTER_KEY)
        yield store
        await store.close()

    async def test_senders_are_counted_by_version_and_client_the_latest_first(self, store: SqlStore) -> None:
        hours = [BEGIN + timedelta(hours=hour) for hour in range(6)]
        await received(store, hours[2], client="a")
        await received(store, hours[1], client="a", message_type="xurkunde:1.0:rueckkanal.antwort.1131")
        await received(store, hours[3], client="a", version="1.1")
        await received(store, hours[4], client="b")
        assert await sent(store) == [
            Sent(*OLD, "b", 1, hours[4]),
            Sent(*NEW, "a", 1, hours[3]),
            Sent(*OLD, "a", 2, hours[2]),
        ]

    async def test_day_is_one_in_germany_when_clocks_are_put_back(self, store: SqlStore) -> None:
        for client, at in {"last": END - JUST, "first": BEGIN, "before": BEGIN - JUST, "after": END}.items():
            await received(store, at, client=client)
        assert [each.client for each in await sent(store)] == ["last", "first"]
        assert [each.client for each in await sent(store, DAY - timedelta(days=1))] == ["before"]
        assert [each.client for each in await sent(store, DAY + timedelta(days=1))] == ["after"]

    async def test_only_what_was_sent_to_the_tenants_is_counted(self, store: SqlStore) -> None:
        await received(store, BEGIN, client="a")
        await received(store, BEGIN, client="a", tenant=ELSEWHERE)
        assert [each.count for each in await sent(store)] == [1]
        assert [each.count for each in await sent(store, DAY, TENANT, ELSEWHERE)] == [2]
        async with store.read() as connection:
            assert await sent_on(connection, DAY, tenants=[]) == []

    async def test_what_came_back_was_sent_by_nobody(self, store: SqlStore) -> None:
        first = await accept_one(store, submission(client="a"))
        async with store.write() as connection:
            await put(store, connection, first.case_id)
            await connection.execute(update(messages).values(received_at=BEGIN))
        assert [(each.client, each.count) for each in await sent(store)] == [("a", 1)]

    async def test_open_messages_are_counted_once_until_every_destination_has_them(
        self, store: SqlStore
    ) -> None:
        await received(store, BEGIN)
        await received(store, BEGIN, version="1.1")
        assert (await open_of(store, "1.0"), await open_of(store, "1.1")) == (1, 1)
        for role, left in (("lead", 1), ("copy", 0)):
            async with store.write() as connection:
                of_role = update(deliveries).where(deliveries.c.role == role)
                await connection.execute(of_role.values(state=DeliveryState.ACCEPTED))
            assert await open_of(store, "1.0") == left

    @pytest.mark.parametrize("version", ["1", "1.", "1.0A", "1_0a", "%", "1.0a:urkunde"])
    async def test_open_messages_of_a_version_are_not_those_of_a_similar_one(
        self, store: SqlStore, version: str
    ) -> None:
        await received(store, BEGIN, version="1.0a")
        assert (await open_of(store, "1.0a"), await open_of(store, version)) == (1, 0)


class TestStandardsOnSqlite(StandardsContract):
    """SQLite."""

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'amtsbote.db'}"


class TestStandardsOnPostgres(StandardsContract):
    """PostgreSQL."""

    @pytest.fixture
    def address(self, postgresql_url: str) -> str:
        return postgresql_url

    async def test_senders_of_a_day_are_found_without_reading_any_other(self, store: SqlStore) -> None:
        await accept(store, [submission(copies=()) for _ in range(3000)])
        spread = text(
            "UPDATE messages m SET received_at = CAST(:begin AS timestamptz) + nth * interval '20 minutes' "
            "FROM (SELECT message_id, row_number() OVER () - 1500 AS nth FROM messages) o "
            "WHERE o.message_id = m.message_id"
        )
        async with store.write() as connection:
            await connection.execute(spread, {"begin": BEGIN})
        asked: list[tuple[str, Any]] = []
        event.listen(store._readers.sync_engine, "before_cursor_execute", lambda *a: asked.append(a[2:4]))
        assert [each.count for each in await sent(store)] == [75]
        statement, parameters = asked[-1]
        for tell in (
            "SELECT 1",
            "ANALYZE messages",
        ):  # before anything told how large the table is, and after
            async with store.read() as connection:
                await connection.exec_driver_sql(tell)
                explained = await connection.exec_driver_sql(
                    f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters
                )
                assert max(rows_read(read_plan(explained.scalar_one()))) == 75


@pytest.mark.parametrize("way", [1, -1])
def test_counts_of_several_days_are_one_for_each_client_and_version(way: int) -> None:
    days = [BEGIN + timedelta(days=day) for day in range(3)]
    counts = [Sent(*OLD, "a", 2, days[0]), Sent(*OLD, "b", 5, days[1])]
    counts += [Sent(*OLD, "a", 3, days[2]), Sent(*NEW, "a", 1, days[0])]
    assert add_up(counts[::way]) == [
        Sent(*OLD, "a", 5, days[2]),
        Sent(*OLD, "b", 5, days[1]),
        Sent(*NEW, "a", 1, days[0]),
    ]
