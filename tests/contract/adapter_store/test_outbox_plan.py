"""How PostgreSQL finds the reports whose turn it is, when its statistics are older than what is there."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy.dialects import postgresql

from adapters.kit.outbox import _due
from adapters.kit.outcomes import accepted_report
from adapters.kit.store import AdapterStore
from adapters.kit.testing import DESTINATION, sample_delivery
from gateway.contract.ids import new_id
from gateway.contract.report import Accepted
from tests.services.plans import read_plan, rows_read

COUNT = 2000


async def test_turn_is_found_when_everything_is_to_be_sent_again(postgresql_url: str) -> None:
    store = AdapterStore(postgresql_url, DESTINATION)
    await store.open()
    began = datetime.now(UTC)
    deliveries = [sample_delivery(delivery_id=new_id(), case_id=new_id()) for _ in range(COUNT)]
    reports = [accepted_report(each, Accepted(foreign_id="A-1"), began) for each in deliveries]
    await store._writer.call(lambda db: store.outbox.add(db, reports))
    await store.outbox.mark_sent(range(1, COUNT + 1))
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("ANALYZE adapter_outbox")
        assert await store.outbox.resend_since(began - timedelta(hours=1)) == COUNT
        plan = await asyncio.to_thread(_explain, connection)
    assert max(rows_read(plan)) < 3 * COUNT
    await store.close()


def _explain(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    statement = _due(DESTINATION).compile(dialect=postgresql.dialect(paramstyle="pyformat"))
    parameters = statement.params | {"now": datetime.now(UTC) + timedelta(hours=1), "limit": 100}
    row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).fetchone()
    assert row
    return read_plan(row[0])
