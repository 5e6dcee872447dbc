"""Transactions on cases under their row locks.

Any number of cases share one transaction; a single case is a batch of one.
"""

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.backchannel.changes import Changes, write
from gateway.backchannel.seen import Seen
from gateway.backchannel.work import CaseWork
from gateway.config import Config
from gateway.errors import NotFound
from gateway.store import SqlStore, cases
from gateway.store.rows import Case


class Docket:
    """The cases that one transaction has locked."""

    def __init__(
        self,
        store: SqlStore,
        config: Config,
        connection: AsyncConnection,
        locked: Iterable[Case],
        *,
        now: datetime,
    ) -> None:
        self.store = store
        self.connection = connection
        self.now = now
        self.caseless = Changes()
        self.seen = Seen()
        self._works = {
            case.case_id: CaseWork(store, config, connection, case, now=now, seen=self.seen)
            for case in locked
        }

    def fetch(self, case_id: str, *, tenant: str) -> CaseWork | None:
        """Return the work on a case; None where the tenant has no such case."""
        work = self._works.get(case_id)
        return work if work and work.case.tenant == tenant else None

    async def finish(self) -> set[str]:
        """Write what has changed; return what is to be woken after the commit."""
        works = self._works.values()
        changes = [self.caseless, *(work.changes for work in works)]
        changed = [work.case for work in works if work.case is not work.locked]
        await write(self.connection, self.store, changes, changed, now=self.now)
        return {key for work in works for key in work.wakes}


@asynccontextmanager
async def open_docket(
    store: SqlStore, config: Config, case_ids: Collection[str], *, tenants: Collection[str]
) -> AsyncIterator[Docket]:
    """Lock cases, let the block change them, commit, and wake whoever waits for one.

    Args:
        tenants: whose contents may be written.

    Raises:
        StoreUnavailable: whether the changes took effect is unknown; doing it again is safe.
    """
    await store.vault.ready(tenants)
    async with store.write() as connection:
        now = await store.read_clock(connection)
        locked = await cases.lock_all(connection, store, case_ids)
        docket = Docket(store, config, connection, locked, now=now)
        yield docket
        wakes = await docket.finish()
    store.signals.notify(wakes)


@asynccontextmanager
async def work_on(store: SqlStore, config: Config, case_id: str, *, tenant: str) -> AsyncIterator[CaseWork]:
    """Lock a case, let the block change it, commit, and wake whoever waits for it.

    Raises:
        NotFound: the tenant has no such case.
        StoreUnavailable: whether the change took effect is unknown; doing it again is safe.
    """
    async with open_docket(store, config, [case_id], tenants=[tenant]) as docket:
        work = docket.fetch(case_id, tenant=tenant)
        if work is None:
            raise NotFound
        yield work
