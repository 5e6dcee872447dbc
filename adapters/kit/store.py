"""The adapter's own store: inbox, steps and report outbox, on SQLite or PostgreSQL.

Every public method is one transaction. Outcomes are stored together with their report; what is stored is
sent by `adapters.kit.sender`. Source: design.md §6, Adapter store
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit.claims import Claim, InboxState, Poisoned, Settled, Started, decide
from adapters.kit.clock import utc_now
from adapters.kit.database import Database
from adapters.kit.outbox import Outbox, insert_for
from adapters.kit.outcomes import delivery_report, poison_report
from adapters.kit.steps import Step
from adapters.kit.tables import inbox, steps
from gateway.contract.delivery import Delivery
from gateway.contract.ids import new_id
from gateway.contract.report import Report, ReportType

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
        self.worker = new_id()
        self.report_stored = asyncio.Event()
        self._database = Database(url)
        self._now = now
        self.outbox = Outbox(self._database, destination, now)

    async def open(self) -> None:
        """Open the database; what a crashed process left in hand is free at once where none other can be.

        Raises:
            StoreInUse: another process serves this SQLite file.
            StoreUnavailable: the database cannot be reached.
        """
        await self._database.open()
        if self._database.is_sqlite:
            await self._free_leftovers()
            await self.outbox.free_leftovers()

    async def close(self) -> None:
        """Close the database."""
        await self._database.close()

    async def claim(self, delivery: Delivery) -> Claim:
        """Decide what becomes of a copy, and mark its delivery started where it is to be worked on.

        Raises:
            StoreUnavailable: nothing was decided.
        """
        now = self._now()
        async with self._database.begin() as connection:
            row = await self._lock_row(connection, delivery, now)
            claim = decide(row, delivery, now)
            if isinstance(claim, Started):
                await self._mark_started(connection, delivery, claim, row, now)
            elif isinstance(claim, Settled):
                await self._send_again(connection, delivery, claim, row, now)
            elif isinstance(claim, Poisoned):
                report = poison_report(delivery, claim.starts, now)
                await self._settle(connection, delivery, report, in_doubt=True)
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
        async with self._database.begin() as connection:
            row = await self._lock_row(connection, delivery, self._now())
            if row["state"] == InboxState.DONE and row["outcome_report_id"] == report.report_id:
                return True
            accepted_before = row["outcome_type"] == ReportType.DELIVERY_ACCEPTED
            lost = row["token"] != token and report.type is not ReportType.DELIVERY_ACCEPTED
            if accepted_before or lost:
                return False
            await self._settle(connection, delivery, report, in_doubt=in_doubt)
        self.report_stored.set()
        return True

    async def release(self, delivery: Delivery, token: int) -> None:
        """Hand a started delivery back, as an orderly stop does; this start does not count as a failure.

        Raises:
            StoreUnavailable: the lease ends by itself.
        """
        statement = update(inbox).where(
            inbox.c.delivery_id == delivery.delivery_id,
            inbox.c.token == token,
            inbox.c.state == InboxState.STARTED,
        )
        change = {"state": InboxState.OPEN, "in_doubt": True, "starts": inbox.c.starts - 1}
        async with self._database.begin() as connection:
            await connection.execute(statement.values(**change, changed_at=self._now()))

    async def renew(self, delivery_ids: Collection[str]) -> None:
        """Prolong the leases of what this worker has in hand.

        Raises:
            StoreUnavailable: the leases run on.
        """
        statement = update(inbox).where(
            inbox.c.delivery_id.in_(delivery_ids),
            inbox.c.worker == self.worker,
            inbox.c.state == InboxState.STARTED,
        )
        async with self._database.begin() as connection:
            await connection.execute(statement.values(lease_until=self._lease_end(self._now())))

    async def fetch_step(self, delivery_id: str, name: str) -> Step | None:
        """Return a recorded step, or None."""
        statement = select(steps.c.result).where(steps.c.delivery_id == delivery_id, steps.c.name == name)
        async with self._database.begin() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return None if row is None else Step(name, done=True, result=row.result)

    async def record_step(self, delivery_id: str, step: Step) -> None:
        """Keep a finished step; the first record of a name stays."""
        values = {
            "delivery_id": delivery_id,
            "name": step.name,
            "result": step.result,
            "recorded_at": self._now(),
        }
        async with self._database.begin() as connection:
            await connection.execute(insert_for(connection, steps).values(**values).on_conflict_do_nothing())

    async def add_case_report(self, report: Report) -> None:
        """Store a report about a case with its number in the case; a known `report_id` changes nothing.

        Raises:
            StoreUnavailable: whether it is stored is unknown; call again with the same id.
        """
        async with self._database.begin() as connection:
            await self.outbox.add(connection, report, numbered=True)
        self.report_stored.set()

    async def _free_leftovers(self) -> None:
        """Let everything be claimed that was in hand; only where no other process can have it."""
        now = self._now()
        mine = (inbox.c.destination == self.destination) & (inbox.c.state == InboxState.STARTED)
        async with self._database.begin() as connection:
            await connection.execute(update(inbox).where(mine).values(lease_until=now))

    async def _lock_row(self, connection: AsyncConnection, delivery: Delivery, now: datetime) -> RowMapping:
        fresh = {
            "delivery_id": delivery.delivery_id,
            "destination": self.destination,
            "submission_id": delivery.submission_id,
            "case_id": delivery.case_id,
            "attempt": delivery.attempt,
            "state": InboxState.OPEN,
            "starts": 0,
            "token": 0,
            "in_doubt": False,
            "first_seen_at": now,
            "changed_at": now,
        }
        await connection.execute(insert_for(connection, inbox).values(**fresh).on_conflict_do_nothing())
        statement = select(inbox).where(inbox.c.delivery_id == delivery.delivery_id).with_for_update()
        return (await connection.execute(statement)).mappings().one()

    async def _mark_started(
        self,
        connection: AsyncConnection,
        delivery: Delivery,
        claim: Started,
        row: RowMapping,
        now: datetime,
    ) -> None:
        change = {
            "state": InboxState.STARTED,
            "attempt": delivery.attempt,
            "starts": row["starts"] + 1,
            "token": claim.token,
            "worker": self.worker,
            "lease_until": self._lease_end(now),
            "in_doubt": claim.find_first,
            "outcome_report_id": None,
            "outcome_type": None,
            "outcome_body": None,
            "changed_at": now,
        }
        await self._change(connection, delivery, change)

    async def _send_again(
        self,
        connection: AsyncConnection,
        delivery: Delivery,
        claim: Settled,
        row: RowMapping,
        now: datetime,
    ) -> None:
        report = delivery_report(
            delivery,
            claim.outcome,
            row["outcome_body"],
            now,
            report_id=new_id() if claim.reissue else row["outcome_report_id"],
            attempt=delivery.attempt if claim.reissue else row["attempt"],
        )
        if claim.reissue:
            await self._settle(connection, delivery, report, in_doubt=False)
        else:
            await self.outbox.add_again(connection, report)

    async def _settle(
        self, connection: AsyncConnection, delivery: Delivery, report: Report, *, in_doubt: bool
    ) -> None:
        change = {
            "state": InboxState.DONE,
            "attempt": report.attempt,
            "starts": 0,
            "lease_until": None,
            "in_doubt": in_doubt,
            "outcome_report_id": report.report_id,
            "outcome_type": report.type.value,
            "outcome_body": report.body,
            "changed_at": self._now(),
        }
        await self._change(connection, delivery, change)
        if report.type is not ReportType.DELIVERY_FAILED:
            await connection.execute(delete(steps).where(steps.c.delivery_id == delivery.delivery_id))
        await self.outbox.add(connection, report, numbered=False)

    async def _change(
        self, connection: AsyncConnection, delivery: Delivery, change: Mapping[str, Any]
    ) -> None:
        mine = inbox.c.delivery_id == delivery.delivery_id
        await connection.execute(update(inbox).where(mine).values(**change))

    def _lease_end(self, now: datetime) -> datetime:
        return now + timedelta(seconds=LEASE_S)
