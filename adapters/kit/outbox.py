"""The report outbox: reports wait here, in order per case, until the broker has confirmed them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Row, Select, Table, Update, and_, exists, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.kit.database import Database
from adapters.kit.tables import case_sequences, outbox
from gateway.contract.report import Report

SENDING_S = 30.0
"""While a report is being sent, no other worker sends it; must outlast the broker's own bound."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """A report whose turn it is; `tries` counts earlier failures to send it."""

    seq: int
    tries: int
    report: Report


def insert_for(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT in the connection's dialect."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


class Outbox:
    """The reports of one destination."""

    def __init__(self, database: Database, destination: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._destination = destination
        self._now = now

    async def add(self, connection: AsyncConnection, report: Report, *, numbered: bool) -> None:
        """Store a report in the caller's transaction; a known id changes nothing.

        `numbered` gives it the next number of its case. The case's row is locked either way.
        """
        last = await self._lock_case(connection, report.case_id)
        if await connection.scalar(select(outbox.c.seq).where(self._is(report))) is not None:
            return
        if numbered:
            report = report.model_copy(update={"case_sequence": last + 1})
            await self._set_last(connection, report.case_id, last + 1)
        await connection.execute(insert(outbox).values(self._row(report)))

    async def add_again(self, connection: AsyncConnection, report: Report) -> None:
        """Have a report sent again, in the caller's transaction; it is restored where it was erased."""
        again = {"body": report.body, "sent_at": None, "tries": 0, "not_before": self._now()}
        result = await connection.execute(update(outbox).where(self._is(report)).values(**again))
        if not result.rowcount:
            await self.add(connection, report, numbered=False)

    async def take(self, limit: int = 100) -> list[Unsent]:
        """Return the first unsent report of each case that is due, and keep other workers off them.

        A report that cannot be sent thus holds back its own case and no other.

        Raises:
            StoreUnavailable: nothing was taken.
        """
        now = self._now()
        async with self._database.begin() as connection:
            rows = (await connection.execute(self._due(now, limit))).all()
            if not rows:
                return []
            busy_until = now + timedelta(seconds=SENDING_S)
            await connection.execute(self._these([row.seq for row in rows]).values(not_before=busy_until))
        return [Unsent(row.seq, row.tries, _report(row)) for row in rows]

    async def mark_sent(self, seqs: Collection[int]) -> None:
        """Note that the broker has confirmed these.

        Raises:
            StoreUnavailable: they will be sent again, which is harmless.
        """
        async with self._database.begin() as connection:
            await connection.execute(self._these(seqs).values(sent_at=self._now()))

    async def hold_back(self, unsent: Unsent, pause_s: float) -> None:
        """Note that sending failed, and when to try again.

        Raises:
            StoreUnavailable: it is tried again after SENDING_S.
        """
        change = {"tries": unsent.tries + 1, "not_before": self._now() + timedelta(seconds=pause_s)}
        async with self._database.begin() as connection:
            await connection.execute(self._these([unsent.seq]).values(**change))

    async def resend_since(self, since: datetime) -> int:
        """Have every report sent again that was confirmed since then, and return how many.

        For the case that the broker lost its disk; the gateway ignores what it knows.
        """
        statement = update(outbox).where(
            outbox.c.destination == self._destination, outbox.c.sent_at >= since, outbox.c.body.is_not(None)
        )
        return await self._count(statement.values(sent_at=None, tries=0, not_before=self._now()))

    async def erase_before(self, before: datetime) -> int:
        """Erase the content of reports confirmed before then, and return how many.

        Their ids stay, so that a call repeated with a known `report_id` still changes nothing.
        """
        statement = update(outbox).where(
            outbox.c.destination == self._destination, outbox.c.sent_at < before, outbox.c.body.is_not(None)
        )
        return await self._count(statement.values(body=None))

    async def free_leftovers(self) -> None:
        """Let everything unsent be sent at once; only where no other process can be sending it."""
        unsent = and_(outbox.c.destination == self._destination, outbox.c.sent_at.is_(None))
        await self._count(update(outbox).where(unsent).values(not_before=self._now()))

    async def _count(self, statement: Update) -> int:
        async with self._database.begin() as connection:
            result: CursorResult[Any] = await connection.execute(statement)
            return result.rowcount

    def _due(self, now: datetime, limit: int) -> Select[Any]:
        earlier = outbox.alias()
        waits_for_another = exists().where(
            earlier.c.destination == outbox.c.destination,
            earlier.c.case_id == outbox.c.case_id,
            earlier.c.sent_at.is_(None),
            earlier.c.seq < outbox.c.seq,
        )
        return (
            select(outbox)
            .where(
                outbox.c.destination == self._destination,
                outbox.c.sent_at.is_(None),
                outbox.c.not_before <= now,
                ~waits_for_another,
            )
            .order_by(outbox.c.seq)
            .limit(limit)
            .with_for_update(skip_locked=True, of=outbox)
        )

    async def _lock_case(self, connection: AsyncConnection, case_id: str) -> int:
        fresh = {"destination": self._destination, "case_id": case_id, "last": 0}
        await connection.execute(
            insert_for(connection, case_sequences).values(**fresh).on_conflict_do_nothing()
        )
        statement = select(case_sequences.c.last).where(self._case(case_id)).with_for_update()
        last: int = (await connection.execute(statement)).scalar_one()
        return last

    async def _set_last(self, connection: AsyncConnection, case_id: str, last: int) -> None:
        await connection.execute(update(case_sequences).where(self._case(case_id)).values(last=last))

    def _row(self, report: Report) -> dict[str, Any]:
        names = {column.name for column in outbox.columns} - {"seq", "not_before", "tries", "sent_at"}
        fields = report.model_dump(include=names)
        return fields | {
            "destination": self._destination,
            "type": report.type.value,
            "not_before": self._now(),
            "tries": 0,
        }

    def _case(self, case_id: str) -> Any:
        return and_(case_sequences.c.destination == self._destination, case_sequences.c.case_id == case_id)

    def _is(self, report: Report) -> Any:
        return and_(outbox.c.destination == self._destination, outbox.c.report_id == report.report_id)

    def _these(self, seqs: Collection[int]) -> Update:
        return update(outbox).where(outbox.c.seq.in_(seqs))


def _report(row: Row[Any]) -> Report:
    fields = row._mapping
    return Report.model_validate({name: fields[name] for name in Report.model_fields})
