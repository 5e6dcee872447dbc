"""The adapter's own store: inbox, steps and report outbox, on SQLite or PostgreSQL.

What waits for it at the same moment shares one transaction. Outcomes are stored together with their
report; what is stored is sent by `adapters.kit.sender`. Source: design.md §6, Adapter store
"""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Connection, select

from adapters.kit.claims import Claim, Poisoned, Settled
from adapters.kit.clock import utc_now
from adapters.kit.database import Database
from adapters.kit.inbox import Copy, Ending, Inbox
from adapters.kit.outbox import Outbox
from adapters.kit.steps import Step
from adapters.kit.tables import steps
from adapters.kit.writer import Writer
from gateway.contract.delivery import Delivery
from gateway.contract.ids import new_id
from gateway.contract.report import Report

LEASE_S = 60.0
"""A worker that is alive renews its leases long before; a crashed one blocks its deliveries so long."""


class AdapterStore:
    """One destination's store in one process.

    Args:
        url: `sqlite:///path` for one process, `postgresql://…` for several.
        destination: whose deliveries and reports these are; others may share the database.
        now: the clock; tests set it.
    """

    def __init__(self, url: str, destination: str, *, now: Callable[[], datetime] = utc_now) -> None:
        self.destination = destination
        self.report_stored = asyncio.Event()
        self._database = Database(url)
        self._writer = Writer(self._database)
        self._now = now
        self.outbox = Outbox(self._database, self._writer, destination, now)
        self._inbox = Inbox(
            self._database,
            destination,
            worker=new_id(),
            outbox=self.outbox,
            now=now,
            lease_s=lambda: LEASE_S,
        )
        self._record_step = self._database.insert(steps).on_conflict_do_nothing()

    async def open(self) -> None:
        """Open the database; what a crashed process left in hand is free at once where none other can be.

        Raises:
            StoreInUse: another process serves this SQLite file.
            StoreUnavailable: the database cannot be reached.
        """
        await self._writer.open()
        if self._database.is_sqlite:
            await self._writer.call(self._inbox.free_leftovers)
            await self.outbox.free_leftovers()

    async def close(self) -> None:
        """Close the database; bounded, also where it hangs."""
        await self._writer.close()

    async def claim(self, delivery: Delivery, *, again: bool = False) -> Claim:
        """Decide what becomes of a copy, and mark its delivery started where it is to be worked on.

        Args:
            again: this copy's claim has failed before and may yet have been stored; then it is ours.

        Raises:
            StoreUnavailable: whether the claim is stored is unknown; call again with `again`.
        """
        claim = await self._writer.run(self._inbox.claim, Copy(delivery, again))
        if isinstance(claim, Settled | Poisoned):
            self.report_stored.set()
        return claim

    async def finish(self, delivery: Delivery, token: int, report: Report, *, in_doubt: bool) -> bool:
        """Store an outcome with its report; repeating the call with the same report changes nothing.

        Returns:
            False where the claim was lost to another worker and the outcome does not count. An `accepted`
            always counts, for it says what has happened.

        Raises:
            StoreUnavailable: whether it is stored is unknown; call again.
        """
        counts = await self._writer.run(self._inbox.finish, Ending(delivery, token, report, in_doubt))
        self.report_stored.set()
        return counts

    async def release(self, delivery: Delivery, token: int) -> None:
        """Hand a started delivery back, as an orderly stop does; this start does not count as a failure.

        Raises:
            StoreUnavailable: the lease ends by itself.
        """
        await self._writer.call(lambda db: self._inbox.release(db, delivery.delivery_id, token))

    async def renew(self, delivery_ids: Collection[str]) -> None:
        """Prolong the leases of what this worker has in hand.

        Raises:
            StoreUnavailable: the leases run on.
        """
        await self._writer.call(lambda db: self._inbox.renew(db, list(delivery_ids)))

    async def fetch_step(self, delivery_id: str, name: str) -> Step | None:
        """Return a recorded step, or None."""
        statement = select(steps.c.result).where(steps.c.delivery_id == delivery_id, steps.c.name == name)
        row = await self._writer.call(lambda db: db.execute(statement).one_or_none())
        return None if row is None else Step(name, done=True, result=row.result)

    async def record_step(self, delivery_id: str, step: Step) -> None:
        """Keep a finished step; the first record of a name stays."""
        values = {
            "delivery_id": delivery_id,
            "name": step.name,
            "result": step.result,
            "recorded_at": self._now(),
        }

        def record(connection: Connection) -> None:
            connection.execute(self._record_step, values)

        await self._writer.call(record)

    async def add_case_report(self, report: Report) -> None:
        """Store a report about a case with its number in the case; a known `report_id` changes nothing.

        Raises:
            StoreUnavailable: whether it is stored is unknown; call again with the same id.
        """
        await self._writer.run(self.outbox.add, report)
        self.report_stored.set()
