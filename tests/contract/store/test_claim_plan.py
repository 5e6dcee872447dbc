"""How PostgreSQL finds what is due or belongs to a case, before anything told it how large its tables are."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import event

from gateway.contract.ids import new_id
from gateway.store import SqlStore
from gateway.store import deliveries as store_deliveries
from gateway.store.accept import accept
from gateway.store.cases import refresh_submissions
from gateway.store.migrate import migrate
from gateway.store.tables import deliveries
from tests.contract.store.contract import claim, count
from tests.contract.store.make import MASTER_KEY, submission
from tests.services.plans import read_plan, rows_read


async def test_claim_reads_no_open_delivery_but_those_it_takes(postgresql_url: str) -> None:
    await asyncio.to_thread(migrate, postgresql_url)
    store = SqlStore(postgresql_url, master_key=MASTER_KEY)
    await accept(store, [submission(copies=()) for _ in range(300)])
    marking: list[tuple[str, Any]] = []
    event.listen(store._readers.sync_engine, "before_cursor_execute", lambda *a: marking.append(a[2:4]))
    assert len(await claim(store, limit=10)) == 10
    plan = await _explain(store, next(each for each in marking if "due AS" in each[0]))
    assert max(rows_read(plan)) < 100
    assert await count(store, deliveries) == 300
    await store.close()


async def test_plans_that_connections_keep_from_empty_tables_read_no_full_ones(postgresql_url: str) -> None:
    await asyncio.to_thread(migrate, postgresql_url)
    store = SqlStore(postgresql_url, master_key=MASTER_KEY)

    async def accept_and_send(times: int) -> None:
        for _ in range(times):
            await accept(store, [submission(copies=(), new_reference=new_id()) for _ in range(3)])
            claimed = await claim(store)
            assert len(claimed) == 3
            await store_deliveries.confirm_sent(store, claimed, lease_s=60)

    await accept_and_send(20)  # after which each connection has kept its plans
    await accept(store, [submission(lead="stalled", copies=()) for _ in range(3000)])
    await accept_and_send(20)
    await store.close()  # who ends has counted all
    with psycopg.connect(postgresql_url) as connection:
        by_table = "SELECT sum(seq_tup_read) FROM pg_stat_user_tables"
        by_index = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes"
        (read,) = connection.execute(f"SELECT ({by_table}) + ({by_index})").fetchone() or (None,)
    assert read < 30_000


async def test_status_of_a_case_reads_no_delivery_of_another(postgresql_url: str) -> None:
    await asyncio.to_thread(migrate, postgresql_url)
    store = SqlStore(postgresql_url, master_key=MASTER_KEY)
    accepted = await accept(store, [submission(copies=()) for _ in range(2000)])
    asked: list[tuple[str, Any]] = []
    event.listen(store._writers.sync_engine, "before_cursor_execute", lambda *a: asked.append(a[2:4]))
    async with store.write() as connection:
        case_ids = [each.case_id for each in accepted[:10]]
        await refresh_submissions(connection, store, case_ids, now=datetime.now(UTC))
    plan = await _explain(store, next(each for each in asked if "JOIN deliveries" in each[0]))
    assert max(rows_read(plan)) < 200
    await store.close()


async def _explain(store: SqlStore, executed: tuple[str, Any]) -> dict[str, Any]:
    statement, parameters = executed
    async with store.write() as connection:
        plan = (
            await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        ).scalar_one()
        await connection.rollback()
    return read_plan(plan)
