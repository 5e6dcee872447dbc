"""Wait for locks on PostgreSQL, without guessing how long somebody takes to ask for one."""

import asyncio

from gateway.store import SqlStore

_WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'"""


async def until_waiting(store: SqlStore, count: int) -> None:
    """Return once so many connections to the store's database, which the server has others beside, wait."""
    async with asyncio.timeout(10):
        while True:
            async with store.read() as connection:
                if (await connection.exec_driver_sql(_WAITING)).scalar_one() == count:
                    return
