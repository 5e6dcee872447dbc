"""Lawful erasure: contents whose retention is over go; ids, digests, events and the balance stay.

Three things hold a content back, and are counted: a legal hold, a delivery that is still to be made, and a
portal that has not taken a message over yet. Work is done in short transactions, oldest first; what a run
that was ended has not done, the next one does.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.states import ReportState
from gateway.store.codec import ERASED
from gateway.store.engine import SqlStore
from gateway.store.operators import FOREIGN_ID
from gateway.store.tables import (
    OPEN_STATES,
    actions,
    case_references,
    cases,
    deliveries,
    documents,
    messages,
    payloads,
    reports,
)

CHUNK = 200
"""Rows of one transaction: the cases among them are locked for so long."""
PAGE = 2000
"""Rows that are looked at with one statement."""

_Change = Callable[[AsyncConnection, Sequence[Any]], Awaitable[None]]

_log = structlog.get_logger()


class Held(StrEnum):
    """Why something is kept although its retention is over."""

    LEGAL_HOLD = "legal_hold"
    UNDELIVERED = "undelivered"
    UNCOLLECTED = "uncollected"


@dataclass(slots=True)
class Erasure:
    """What one run erased of a tenant, and what it left: counts."""

    tenant: str
    messages: int = 0
    contents: int = 0
    references: int = 0
    reports: int = 0
    documents: int = 0
    legal_hold: int = 0
    undelivered: int = 0
    uncollected: int = 0

    def add(self, **counts: int) -> None:
        """Count more."""
        for name, count in counts.items():
            setattr(self, name, getattr(self, name) + count)


async def erase(store: SqlStore, tenant: str, *, today: date, dry_run: bool = False) -> Erasure:
    """Erase what was to be kept up to yesterday at most.

    Args:
        today: the date in Germany.
        dry_run: only count.
    """
    done = Erasure(tenant)
    run = _Run(store, done, today, dry_run)
    await run.erase_messages()
    await run.erase_reports()
    await run.erase_documents()
    if not dry_run:
        counts = {name: getattr(done, name) for name in Erasure.__slots__ if name != "tenant"}
        _log.info("contents_erased", tenant=tenant, **counts)
    return done


class _Run:
    def __init__(self, store: SqlStore, done: Erasure, today: date, dry_run: bool) -> None:
        self._store = store
        self._done = done
        self._today = today
        self._dry_run = dry_run

    async def erase_messages(self) -> None:
        m = messages.c
        # All are gone through in the order they came in: an index of what is due would be written with every
        # submission, for a read a night.
        key = (m.received_at, m.message_id)
        is_due = and_(m.erase_after < self._today, m.erased_at.is_(None))
        every = select(*key, is_due.label("due")).where(m.tenant == self._done.tenant)
        last: Any = None
        while True:
            page = every.where(_comes_after(key, last)).order_by(*key).limit(PAGE)
            async with self._store.read() as connection:
                rows = (await connection.execute(page)).all()
            due = [row.message_id for row in rows if row.due]
            for start in range(0, len(due), CHUNK):
                await self._erase_if_free(due[start : start + CHUNK])
            if len(rows) < PAGE:
                return
            last = _place_of(rows[-1], key)

    async def _erase_if_free(self, ids: Sequence[str]) -> None:
        m, d = messages.c, deliveries.c
        undelivered = exists().where(
            d.case_id == m.case_id, d.message_id == m.message_id, d.state.in_(OPEN_STATES)
        )
        held = case(
            (or_(m.legal_hold, cases.c.legal_hold), Held.LEGAL_HOLD),
            (undelivered, Held.UNDELIVERED),
            (and_(m.direction == "back", m.collected_at.is_(None)), Held.UNCOLLECTED),
        )
        statement = (
            select(m.message_id, m.case_id, cases.c.erase_after.label("case_until"), held.label("held"))
            .join(cases, cases.c.case_id == m.case_id)
            .where(m.message_id.in_(ids), m.erased_at.is_(None))
        )
        if not self._dry_run:
            # What is being worked on at this moment is left to the next run: nobody waits for us for long,
            # and a hold that is just being set is not missed.
            statement = statement.with_for_update(skip_locked=True, of=[messages, cases])
        async with self._store.write() as connection:
            if free := self._free((await connection.execute(statement)).all()):
                await self._erase_chunk(connection, free)

    def _free(self, rows: Sequence[Any]) -> list[Any]:
        """Return what may go, and count what is held back."""
        for row in rows:
            if row.held:
                self._done.add(**{row.held: 1})
        return [row for row in rows if not row.held]

    async def _erase_chunk(self, connection: AsyncConnection, rows: Sequence[Any]) -> None:
        ids = [row.message_id for row in rows]
        case_ids = {row.case_id for row in rows if row.case_until and row.case_until < self._today}
        now = await self._store.read_clock(connection)
        nothing = {"codec": ERASED, "key_id": None, "body": b"", "file_name": None}
        # Foreign ids stay: by them it is seen that an application was registered twice.
        r = case_references.c
        numbers = and_(r.case_id.in_(case_ids), r.kind != FOREIGN_ID, ~r.legal_hold)
        self._done.add(
            contents=await self._change(connection, payloads, payloads.c.message_id.in_(ids), nothing),
            references=await self._change(connection, case_references, numbers),
            messages=await self._change(
                connection, messages, messages.c.message_id.in_(ids), {"erased_at": now}
            ),
        )
        await self._change(connection, cases, cases.c.case_id.in_(case_ids), {"erased_at": now})
        # Why an operator acted may have been written by hand; who did what and when stays.
        acted = and_(actions.c.case_id.in_(case_ids), ~actions.c.legal_hold)
        await self._change(connection, actions, acted, {"reason": None, "erased_at": now})

    async def erase_reports(self) -> None:
        r = reports.c
        of_held_case = exists().where(cases.c.case_id == r.case_id, cases.c.legal_hold)
        held = case(
            (or_(r.legal_hold, of_held_case), Held.LEGAL_HOLD),
            (r.state == ReportState.PARKED, Held.UNDELIVERED),
        )
        key = (r.erase_after, r.destination, r.report_id)
        statement = select(*key, held.label("held")).where(*self._is_due(reports), r.body.is_not(None))
        await self._in_chunks(statement, key, self._erase_reports)

    async def _erase_reports(self, connection: AsyncConnection, rows: Sequence[Any]) -> None:
        r = reports.c
        now = await self._store.read_clock(connection)
        these = tuple_(r.destination, r.report_id).in_([(row.destination, row.report_id) for row in rows])
        nothing = {"codec": None, "key_id": None, "body": None, "erased_at": now}
        self._done.add(reports=await self._change(connection, reports, these, nothing))

    async def erase_documents(self) -> None:
        d, r = documents.c, reports.c
        # Such a report may name it, and is still to be applied.
        awaited = exists().where(
            r.tenant == d.tenant,
            r.destination == d.destination,
            r.body.is_not(None),
            r.state == ReportState.PARKED,
        )
        held = case((d.legal_hold, Held.LEGAL_HOLD), (awaited, Held.UNDELIVERED))
        key = (d.erase_after, d.destination, d.sha256)
        statement = select(*key, held.label("held")).where(*self._is_due(documents))
        await self._in_chunks(statement, key, self._erase_documents)

    async def _erase_documents(self, connection: AsyncConnection, rows: Sequence[Any]) -> None:
        d = documents.c
        these = tuple_(d.destination, d.sha256).in_([(row.destination, row.sha256) for row in rows])
        self._done.add(documents=await self._change(connection, documents, these))

    def _is_due(self, table: Table) -> tuple[ColumnElement[bool], ...]:
        return table.c.tenant == self._done.tenant, table.c.erase_after < self._today

    async def _in_chunks(self, statement: Select[Any], key: Sequence[Any], change: _Change) -> None:
        """Go through what is due, a transaction for each chunk, and change what may go."""
        last: Any = None
        while True:
            chunk = statement.where(_comes_after(key, last)).order_by(*key).limit(CHUNK)
            async with self._store.write() as connection:
                rows = (await connection.execute(chunk)).all()
                if free := self._free(rows):
                    await change(connection, free)
            if len(rows) < CHUNK:
                return
            last = _place_of(rows[-1], key)

    async def _change(
        self,
        connection: AsyncConnection,
        table: Table,
        where: ColumnElement[bool],
        values: dict[str, Any] | None = None,
    ) -> int:
        """Write values into rows, or delete them without; return how many, also where it is only asked."""
        if self._dry_run:
            counted = select(func.count()).select_from(table).where(where)
            return int((await connection.execute(counted)).scalar_one())
        change = delete(table) if values is None else update(table).values(**values)
        return (await connection.execute(change.where(where))).rowcount


def _place_of(row: Any, key: Sequence[Any]) -> list[Any]:
    return [getattr(row, column.name) for column in key]


def _comes_after(key: Sequence[Any], last: Sequence[Any] | None) -> ColumnElement[bool]:
    if last is None:
        return true()
    return tuple_(*key) > tuple_(*(literal(value, each.type) for each, value in zip(key, last, strict=True)))
