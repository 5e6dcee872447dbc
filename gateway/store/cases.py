"""Cases: the row lock that orders everything in a dialogue, and what is written under it."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.states import CaseStatus, CitizenStatus, DeliveryState, Role
from gateway.domain.case import CaseEvent, citizen_status, move
from gateway.domain.submission import status_of
from gateway.errors import NotFound
from gateway.store.bulk import among, listed, update_all
from gateway.store.engine import SqlStore
from gateway.store.rows import Case
from gateway.store.tables import cases, deliveries, events, messages

REDIRECTED = "redirected"
"""The code of a cancelled delivery in whose place another one stands."""

CHANGEABLE = ("lead", "copies", "status", "citizen_status", "due_on", "next_seq", "next_event")
"""What `write` writes."""


async def lock(connection: AsyncConnection, case_id: str, *, tenant: str) -> Case:
    """Take a case's row lock and read it.

    Raises:
        NotFound: the tenant has no such case.
    """
    case = await _fetch(connection, case_id, tenant=tenant, for_update=True)
    if case is None:
        raise NotFound
    return case


async def lock_all(connection: AsyncConnection, store: SqlStore, case_ids: Collection[str]) -> list[Case]:
    """Take the row locks of cases, in the order of their ids, and read them; of any tenant."""
    statement = select(cases).where(among(store, cases.c.case_id, "ids")).order_by(cases.c.case_id)
    rows = await connection.execute(statement.with_for_update(), {"ids": listed(store, case_ids)})
    return [to_case(row) for row in rows]


async def write(
    connection: AsyncConnection, store: SqlStore, changed: Iterable[Case], *, now: datetime
) -> None:
    """Write locked cases as they have become."""
    names = ("case_id", *CHANGEABLE)
    rows = [{name: getattr(case, name) for name in names} | {"updated_at": now} for case in changed]
    await update_all(connection, store, cases, rows, key=["case_id"])


async def fetch(connection: AsyncConnection, case_id: str, *, tenant: str) -> Case | None:
    """Read a case without locking it."""
    return await _fetch(connection, case_id, tenant=tenant, for_update=False)


async def _fetch(connection: AsyncConnection, case_id: str, *, tenant: str, for_update: bool) -> Case | None:
    statement = select(cases).where(cases.c.case_id == case_id, cases.c.tenant == tenant)
    row = (await connection.execute(statement.with_for_update() if for_update else statement)).one_or_none()
    return to_case(row) if row else None


def to_case(row: Any) -> Case:
    """Read a row of the table `cases`."""
    return Case(
        case_id=row.case_id,
        tenant=row.tenant,
        client=row.client,
        portal_reference=row.portal_reference,
        message_type=row.message_type,
        service=row.service,
        authority=row.authority,
        lead=row.lead,
        copies=tuple(row.copies),
        test=row.test,
        status=CaseStatus(row.status),
        citizen_status=CitizenStatus(row.citizen_status),
        due_on=row.due_on,
        next_seq=row.next_seq,
        next_event=row.next_event,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        erase_after=row.erase_after,
    )


async def advance(connection: AsyncConnection, case: Case, *, now: datetime) -> tuple[int, int]:
    """Take the next message number and the next event number of a locked case."""
    row = (
        await connection.execute(
            update(cases)
            .where(cases.c.case_id == case.case_id)
            .values(next_seq=cases.c.next_seq + 1, next_event=cases.c.next_event + 1, updated_at=now)
            .returning(cases.c.next_seq - 1, cases.c.next_event - 1)
        )
    ).one()
    return row[0], row[1]


async def record(
    connection: AsyncConnection,
    case: Case,
    kind: str,
    *,
    now: datetime,
    message_id: str | None = None,
    destination: str | None = None,
    code: str | None = None,
) -> None:
    """Write down what happened to a locked case; ids and codes only, never content."""
    taken = (
        update(cases)
        .where(cases.c.case_id == case.case_id)
        .values(next_event=cases.c.next_event + 1, updated_at=now)
        .returning(cases.c.next_event - 1)
    )
    seq = (await connection.execute(taken)).scalar_one()
    row = event_row(case, kind, seq=seq, now=now, message_id=message_id, destination=destination, code=code)
    await connection.execute(events.insert().values(row))


def event_row(
    case: Case,
    kind: str,
    *,
    seq: int,
    now: datetime,
    message_id: str | None = None,
    destination: str | None = None,
    code: str | None = None,
) -> dict[str, Any]:
    """Build the row of what happened to a case."""
    return {
        "case_id": case.case_id,
        "seq": seq,
        "tenant": case.tenant,
        "message_id": message_id,
        "at": now,
        "kind": kind,
        "destination": destination,
        "code": code,
    }


async def close_unsent(connection: AsyncConnection, case: Case, *, now: datetime) -> None:
    """Withdraw a locked case that its lead has never seen; what an earlier lead has decided stands."""
    if not move(case.status, CaseEvent.WITHDRAWAL).legal:
        return
    withdrawn = CaseStatus.WITHDRAWN
    citizen = citizen_status(withdrawn, received=False)
    await connection.execute(
        update(cases)
        .where(cases.c.case_id == case.case_id)
        .values(status=withdrawn, citizen_status=citizen, due_on=None, updated_at=now)
    )
    await record(connection, case, "case.withdrawn", now=now)


async def refresh_submissions(
    connection: AsyncConnection, store: SqlStore, case_ids: Collection[str], *, now: datetime
) -> None:
    """Derive the status of every submission of locked cases from its deliveries."""
    if not case_ids:
        return
    # No index leads from a message to its deliveries: they are found by the case of both.
    of_message = and_(
        deliveries.c.case_id == messages.c.case_id, deliveries.c.message_id == messages.c.message_id
    )
    statement = (
        select(messages.c.message_id, messages.c.status, deliveries.c.role, deliveries.c.state)
        .join(deliveries, of_message)
        .where(among(store, messages.c.case_id, "ids"), messages.c.direction == "in")
        .where(deliveries.c.code.is_distinct_from(REDIRECTED))
    )
    before: dict[str, str] = {}
    states: dict[str, list[tuple[Role, DeliveryState]]] = {}
    for row in await connection.execute(statement, {"ids": listed(store, case_ids)}):
        before[row.message_id] = row.status
        states.setdefault(row.message_id, []).append((Role(row.role), DeliveryState(row.state)))
    statuses = {message_id: status_of(found) for message_id, found in states.items()}
    changed = [
        {"message_id": message_id, "status": status, "updated_at": now}
        for message_id, status in statuses.items()
        if status != before[message_id]
    ]
    await update_all(connection, store, messages, changed, key=["message_id"])
