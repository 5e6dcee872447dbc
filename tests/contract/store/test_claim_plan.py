"""How PostgreSQL finds what is due, before anything told it how large its tables are."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import event, text

from gateway.store import SqlStore
from gateway.store.accept import accept
from gateway.store.migrate import migrate
from tests.contract.store.contract import claim
from tests.contract.store.make import MASTER_KEY, submission


async def test_claim_reads_no_open_delivery_but_those_it_takes(postgresql_url: str) -> None:
    await asyncio.to_thread(migrate, postgresql_url)
    store = SqlStore(postgresql_url, master_key=MASTER_KEY)
    await accept(store, [submission(copies=()) for _ in range(300)])
    marking: list[tuple[str, Any]] = []
    event.listen(store._readers.sync_engine, "before_cursor_execute", lambda *a: marking.append(a[2:4]))
    assert len(await claim(store, limit=10)) == 10
    statement, parameters = next(each for each in marking if "due AS" in each[0])
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
    async with store.write() as connection:
        plan = (await connection.exec_driver_sql(explain, parameters)).scalar_one()
        assert (await connection.execute(text("SELECT count(*) FROM deliveries"))).scalar_one() == 300
    plan = json.loads(plan) if isinstance(plan, str) else plan
    assert max(_rows_read(plan[0]["Plan"])) < 100
    await store.close()


def _rows_read(node: dict[str, Any]) -> Iterator[float]:
    """Give for each part of a plan how many rows it looked at."""
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    yield (node["Actual Rows"] + dropped) * node["Actual Loops"]
    for child in node.get("Plans", ()):
        yield from _rows_read(child)
