"""The inbox and its steps: which deliveries were started, by whom, and how they ended.

Everything here runs within a transaction, in the thread of `adapters.kit.writer`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from adapters.kit.claims import Claim, InboxState, Poisoned, Settled, Started, decide
from adapters.kit.database import Database
from adapters.kit.outbox import Outbox
from adapters.kit.outcomes import delivery_report, poison_report
from adapters.kit.tables import inbox, steps
from gateway.contract.delivery import Delivery
from gateway.contract.ids import new_id
from gateway.contract.report import Report, ReportType

_BY_ID = select(inbox).where(inbox.c.delivery_id.in_(bindparam("ids", expanding=True))).with_for_update()
_CHANGE = update(inbox).where(inbox.c.delivery_id == bindparam("id"))
_FORGET_STEPS = delete(steps).where(steps.c.delivery_id.in_(bindparam("ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that arrived; `again` after a claim of which nobody knows whether it was stored."""

    delivery: Delivery
    again: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How a started delivery ended; `token` is that of the start."""

    delivery: Delivery
    token: int
    report: Report
    in_doubt: bool


class Inbox:
    """The deliveries of one destination, as one worker sees them.

    Args:
        worker: marks what is in this process's hands.
        lease_s: read at each start; a worker that is alive renews its leases long before.
    """

    def __init__(
        self,
        database: Database,
        destination: str,
        *,
        worker: str,
        outbox: Outbox,
        now: Callable[[], datetime],
        lease_s: Callable[[], float],
    ) -> None:
        self._destination = destination
        self._worker = worker
        self._outbox = outbox
        self._now = now
        self._lease_s = lease_s
        self._insert = database.insert(inbox).on_conflict_do_nothing()
        self._insert_new = self._insert.returning(inbox.c.delivery_id)

    def claim(self, connection: Connection, copies: Sequence[Copy]) -> list[Claim]:
        """Decide what becomes of each copy, and mark started what is to be worked on."""
        now = self._now()
        new = self._start_new(connection, [copy.delivery for copy in copies], now)
        claims: list[Claim] = []
        for copy in copies:
            delivery = copy.delivery
            if delivery.delivery_id in new:
                new.remove(delivery.delivery_id)
                claims.append(Started(1, find_first=delivery.look_up))
            else:
                claims.append(self._claim_known(connection, copy, now))
        return claims

    def finish(self, connection: Connection, endings: Sequence[Ending]) -> list[bool]:
        """Store the outcomes with their reports, and say of each whether it counts."""
        now = self._now()
        rows = self._lock_rows(connection, [ending.delivery for ending in endings], now)
        counts: list[bool] = []
        settled: dict[str, Ending] = {}
        for ending in endings:
            row = rows[ending.delivery.delivery_id]
            counts.append(_counts(row, ending))
            if counts[-1] and row["outcome_report_id"] != ending.report.report_id:
                settled[ending.delivery.delivery_id] = ending
                rows[ending.delivery.delivery_id] = {**row, **_outcome(ending.report, now, in_doubt=False)}
        self._settle(connection, list(settled.values()), now)
        return counts

    def release(self, connection: Connection, delivery_id: str, token: int) -> None:
        """Hand a started delivery back; this start does not count as a failure."""
        mine = (inbox.c.delivery_id == delivery_id) & (inbox.c.token == token)
        change = {"state": InboxState.OPEN, "in_doubt": True, "starts": inbox.c.starts - 1}
        statement = update(inbox).where(mine, inbox.c.state == InboxState.STARTED)
        connection.execute(statement.values(**change, changed_at=self._now()))

    def renew(self, connection: Connection, delivery_ids: Sequence[str]) -> None:
        """Prolong the leases of what this worker has in hand."""
        statement = update(inbox).where(
            inbox.c.delivery_id.in_(delivery_ids),
            inbox.c.worker == self._worker,
            inbox.c.state == InboxState.STARTED,
        )
        connection.execute(statement.values(lease_until=self._lease_end(self._now())))

    def free_leftovers(self, connection: Connection) -> None:
        """Let everything be claimed that was in hand; only where no other process can have it."""
        mine = (inbox.c.destination == self._destination) & (inbox.c.state == InboxState.STARTED)
        connection.execute(update(inbox).where(mine).values(lease_until=self._now()))

    def _start_new(self, connection: Connection, deliveries: Sequence[Delivery], now: datetime) -> set[str]:
        """Enter, as started, what was never seen before, and return the ids."""
        fresh = {
            delivery.delivery_id: self._fresh(delivery, now)
            | self._started(delivery, Started(1, delivery.look_up), 0, now)
            for delivery in deliveries
            if now < delivery.expires_at
        }
        if not fresh:
            return set()
        # In one order everywhere, so that workers do not wait for each other in a circle.
        return set(connection.scalars(self._insert_new, [fresh[each] for each in sorted(fresh)]))

    def _claim_known(self, connection: Connection, copy: Copy, now: datetime) -> Claim:
        delivery = copy.delivery
        row = self._lock_rows(connection, [delivery], now)[delivery.delivery_id]
        claim = decide(row, delivery, now, lost=copy.again and row["worker"] == self._worker)
        if isinstance(claim, Started):
            change = self._started(delivery, claim, row["starts"], now)
            connection.execute(_CHANGE, [{"id": delivery.delivery_id} | change])
        elif isinstance(claim, Settled):
            self._send_again(connection, delivery, claim, row, now)
        elif isinstance(claim, Poisoned):
            report = poison_report(delivery, claim.starts, now)
            self._settle(connection, [Ending(delivery, row["token"], report, in_doubt=True)], now)
        return claim

    def _lock_rows(
        self, connection: Connection, deliveries: Sequence[Delivery], now: datetime
    ) -> dict[str, Mapping[str, Any]]:
        ids = sorted({delivery.delivery_id for delivery in deliveries})
        rows = _rows(connection, ids)
        if len(rows) < len(ids):
            missing = [each for each in deliveries if each.delivery_id not in rows]
            connection.execute(self._insert, [self._fresh(each, now) for each in missing])
            rows = _rows(connection, ids)
        return rows

    def _send_again(
        self,
        connection: Connection,
        delivery: Delivery,
        claim: Settled,
        row: Mapping[str, Any],
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
            self._settle(connection, [Ending(delivery, row["token"], report, in_doubt=False)], now)
        else:
            self._outbox.add_again(connection, report)

    def _settle(self, connection: Connection, endings: Sequence[Ending], now: datetime) -> None:
        if not endings:
            return
        changes = [
            {"id": each.delivery.delivery_id} | _outcome(each.report, now, in_doubt=each.in_doubt)
            for each in endings
        ]
        connection.execute(_CHANGE, changes)
        ended = [each for each in endings if each.report.type is not ReportType.DELIVERY_FAILED]
        if ended:
            connection.execute(_FORGET_STEPS, {"ids": [each.delivery.delivery_id for each in ended]})
        self._outbox.add(connection, [each.report for each in endings])

    def _fresh(self, delivery: Delivery, now: datetime) -> dict[str, Any]:
        return {
            "delivery_id": delivery.delivery_id,
            "destination": self._destination,
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

    def _started(self, delivery: Delivery, claim: Started, starts: int, now: datetime) -> dict[str, Any]:
        return {
            "state": InboxState.STARTED,
            "attempt": delivery.attempt,
            "starts": starts + 1,
            "token": claim.token,
            "worker": self._worker,
            "lease_until": self._lease_end(now),
            "in_doubt": claim.find_first,
            "outcome_report_id": None,
            "outcome_type": None,
            "outcome_body": None,
            "changed_at": now,
        }

    def _lease_end(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._lease_s())


def _rows(connection: Connection, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    rows = connection.execute(_BY_ID, {"ids": ids}).mappings()
    return {row["delivery_id"]: dict(row) for row in rows}


def _counts(row: Mapping[str, Any], ending: Ending) -> bool:
    """Say whether an outcome counts: what was accepted stays, and only its holder may say anything else."""
    if row["state"] == InboxState.DONE and row["outcome_report_id"] == ending.report.report_id:
        return True
    if row["outcome_type"] == ReportType.DELIVERY_ACCEPTED:
        return False
    return bool(row["token"] == ending.token) or ending.report.type is ReportType.DELIVERY_ACCEPTED


def _outcome(report: Report, now: datetime, *, in_doubt: bool) -> dict[str, Any]:
    return {
        "state": InboxState.DONE,
        "attempt": report.attempt,
        "starts": 0,
        "lease_until": None,
        "in_doubt": in_doubt,
        "outcome_report_id": report.report_id,
        "outcome_type": report.type.value,
        "outcome_body": report.body,
        "changed_at": now,
    }
