"""How PostgreSQL finds what is due or belongs to a case, before anything told it how large its tables are."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event

from gateway.store import SqlStore
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
