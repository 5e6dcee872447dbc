"""The report outbox: reports wait here, in order per case, until the broker has confirmed them."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, Update, and_, bindparam, exists, select, update

from adapters.kit.database import Database
from adapters.kit.tables import case_sequences, outbox
from adapters.kit.writer import Writer
from gateway.contract.report import Report

SENDING_S = 30.0
"""While a report is being sent, no other worker sends it; must outlast the broker's own bound."""

_THESE = update(outbox).where(outbox.c.seq.in_(bindparam("seqs", expanding=True)))
_HOLD = _THESE.values(not_before=bindparam("until"))
_CONFIRM = _THESE.values(sent_at=bindparam("now"))


@dataclass(frozen=True, slots=True)
class Unsent:
    """A report whose turn it is; `tries` counts earlier failures to send it."""

    seq: int
    tries: int
    report: Report


class Outbox:
    """The reports of one destination.

    `add` and `add_again` work within a caller's transaction; every other method is one of its own.
    """

    def __init__(
        self, database: Database, writer: Writer, destination: str, now: Callable[[], datetime]
    ) -> None:
        self._writer = writer
        self._destination = destination
        self._now = now
        self._due = _due(destination)
        self._insert = database.insert(outbox)
        self._count_on = _count_on(database)
        self._known = select(outbox.c.report_id).where(
            outbox.c.destination == destination,
            outbox.c.report_id.in_(bindparam("ids", expanding=True)),
        )

    def add(self, connection: Connection, reports: Sequence[Report]) -> list[str]:
        """Store reports in the given order and return their ids; a known id changes nothing.

        Those about a case get the next numbers of their case. The rows of all their cases are locked.
        """
        fresh = self._without_known(connection, reports)
        if fresh:
            connection.execute(self._insert, self._rows(connection, fresh))
        return [report.report_id for report in reports]

    def add_again(self, connection: Connection, report: Report) -> None:
        """Have a report sent again; it is restored where it was erased."""
        again = {"body": report.body, "sent_at": None, "tries": 0, "not_before": self._now()}
        mine = (outbox.c.destination == self._destination) & (outbox.c.report_id == report.report_id)
        if not connection.execute(update(outbox).where(mine).values(**again)).rowcount:
            self.add(connection, [report])

    async def take(self, limit: int = 100) -> list[Unsent]:
        """Return the first unsent report of each case that is due, and keep other workers off them.

        A report that cannot be sent thus holds back its own case and no other.

        Raises:
            StoreUnavailable: nothing was taken.
        """

        def take(connection: Connection) -> Sequence[Row[Any]]:
            now = self._now()
            rows = connection.execute(self._due, {"now": now, "limit": limit}).all()
            if rows:
                busy_until = now + timedelta(seconds=SENDING_S)
                connection.execute(_HOLD, {"seqs": [row.seq for row in rows], "until": busy_until})
            return rows

        return [Unsent(row.seq, row.tries, _report(row)) for row in await self._writer.call(take)]

    async def mark_sent(self, seqs: Collection[int]) -> None:
        """Note that the broker has confirmed these.

        Raises:
            StoreUnavailable: they will be sent again, which is harmless.
        """
        now = self._now()
        await self._writer.call(lambda db: db.execute(_CONFIRM, {"seqs": list(seqs), "now": now}))

    async def hold_back(self, unsent: Unsent, pause_s: float) -> None:
        """Note that sending failed, and when to try again.

        Raises:
            StoreUnavailable: it is tried again after SENDING_S.
        """
        change = {"tries": unsent.tries + 1, "not_before": self._now() + timedelta(seconds=pause_s)}
        await self._change(update(outbox).where(outbox.c.seq == unsent.seq).values(**change))

    async def resend_since(self, since: datetime) -> int:
        """Have every report sent again that was confirmed since then, and return how many.

        For the case that the broker lost its disk; the gateway ignores what it knows.
        """
        statement = update(outbox).where(
            outbox.c.destination == self._destination, outbox.c.sent_at >= since, outbox.c.body.is_not(None)
        )
        return await self._change(statement.values(sent_at=None, tries=0, not_before=self._now()))

    async def erase_before(self, before: datetime) -> int:
        """Erase the content of reports confirmed before then, and return how many.

        Their ids stay, so that a call repeated with a known `report_id` still changes nothing.
        """
        statement = update(outbox).where(
            outbox.c.destination == self._destination, outbox.c.sent_at < before, outbox.c.body.is_not(None)
        )
        return await self._change(statement.values(body=None))

    async def free_leftovers(self) -> None:
        """Let everything unsent be sent at once; only where no other process can be sending it."""
        unsent = and_(outbox.c.destination == self._destination, outbox.c.sent_at.is_(None))
        await self._change(update(outbox).where(unsent).values(not_before=self._now()))

    async def _change(self, statement: Update) -> int:
        return await self._writer.call(lambda connection: connection.execute(statement).rowcount)

    def _without_known(self, connection: Connection, reports: Sequence[Report]) -> list[Report]:
        """Leave out what is stored already; only the reports about cases can come twice."""
        ids = [report.report_id for report in reports if not report.type.is_delivery]
        known = set(connection.scalars(self._known, {"ids": ids})) if ids else set()
        fresh: dict[str, Report] = {}
        for report in reports:
            if report.report_id not in known:
                fresh.setdefault(report.report_id, report)
        return list(fresh.values())

    def _rows(self, connection: Connection, reports: Sequence[Report]) -> list[dict[str, Any]]:
        now = self._now()
        last = self._lock_cases(connection, reports)
        rows = []
        for report in reports:
            number = None
            if not report.type.is_delivery:
                number = last[report.case_id] = last[report.case_id] + 1
            rows.append(self._row(report, number, now))
        return rows

    def _lock_cases(self, connection: Connection, reports: Sequence[Report]) -> dict[str, int]:
        """Lock the cases, give each as many numbers as it needs, and return the last number before these."""
        needed = Counter({report.case_id: 0 for report in reports})
        needed.update(report.case_id for report in reports if not report.type.is_delivery)
        # In one order everywhere, so that workers do not wait for each other in a circle.
        values = [
            {"destination": self._destination, "case_id": case, "last": needed[case]}
            for case in sorted(needed)
        ]
        rows = connection.execute(self._count_on, values).all()
        return {row.case_id: row.last - needed[row.case_id] for row in rows}

    def _row(self, report: Report, number: int | None, now: datetime) -> dict[str, Any]:
        return {
            "destination": self._destination,
            "report_id": report.report_id,
            "type": report.type.value,
            "case_id": report.case_id,
            "submission_id": report.submission_id,
            "delivery_id": report.delivery_id,
            "attempt": report.attempt,
            "case_sequence": number,
            "body": report.body,
            "created_at": report.created_at,
            "not_before": now,
            "tries": 0,
        }


def _count_on(database: Database) -> Any:
    insert = database.insert(case_sequences)
    return insert.on_conflict_do_update(
        index_elements=[case_sequences.c.destination, case_sequences.c.case_id],
        set_={"last": case_sequences.c.last + insert.excluded.last},
    ).returning(case_sequences.c.case_id, case_sequences.c.last)


def _due(destination: str) -> Select[Any]:
    earlier = outbox.alias()
    waits_for_another = exists().where(
        earlier.c.destination == outbox.c.destination,
        earlier.c.case_id == outbox.c.case_id,
        earlier.c.sent_at.is_(None),
        earlier.c.seq < outbox.c.seq,
    )
    # A join, as which PostgreSQL would read it without the first condition, compares everything unsent with
    # everything unsent where its statistics are older than a `resend_since`: no `take` came to an end.
    has_to_wait = and_(outbox.c.seq > 0, waits_for_another)
    return (
        select(outbox)
        .where(
            outbox.c.destination == destination,
            outbox.c.sent_at.is_(None),
            outbox.c.not_before <= bindparam("now"),
            ~has_to_wait,
        )
        .order_by(outbox.c.seq)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True, of=outbox)
    )


def _report(row: Row[Any]) -> Report:
    fields = row._mapping
    return Report.model_validate({name: fields[name] for name in Report.model_fields})
