"""Cases: the row lock that orders everything in a dialogue, and what is written under it."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.states import CaseStatus, CitizenStatus, DeliveryState, Role
from gateway.domain.case import citizen_status
from gateway.domain.submission import status_of
from gateway.errors import NotFound
from gateway.store.rows import Case
from gateway.store.tables import cases, deliveries, events, messages

REDIRECTED = "redirected"
"""The code of a cancelled delivery in whose place another one stands."""


async def lock(connection: AsyncConnection, case_id: str, *, tenant: str) -> Case:
    """Take a case's row lock and read it.

    Raises:
        NotFound: the tenant has no such case.
    """
    case = await _fetch(connection, case_id, tenant=tenant, for_update=True)
    if case is None:
        raise NotFound
    return case


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
    await record_as(
        connection, case, kind, seq=seq, now=now, message_id=message_id, destination=destination, code=code
    )


async def record_as(
    connection: AsyncConnection,
    case: Case,
    kind: str,
    *,
    seq: int,
    now: datetime,
    message_id: str | None = None,
    destination: str | None = None,
    code: str | None = None,
) -> None:
    """Write down what happened under a number that `advance` has taken."""
    await connection.execute(
        events.insert().values(
            case_id=case.case_id,
            seq=seq,
            tenant=case.tenant,
            message_id=message_id,
            at=now,
            kind=kind,
            destination=destination,
            code=code,
        )
    )


async def set_status(
    connection: AsyncConnection,
    case: Case,
    status: CaseStatus,
    *,
    citizen: CitizenStatus,
    now: datetime,
    due_on: date | None = None,
) -> None:
    """Write a locked case's new status; the deadline is that of the latest query, None without one."""
    await connection.execute(
        update(cases)
        .where(cases.c.case_id == case.case_id)
        .values(status=status, citizen_status=citizen, due_on=due_on, updated_at=now)
    )


async def set_route(
    connection: AsyncConnection, case: Case, *, lead: str, copies: tuple[str, ...], now: datetime
) -> None:
    """Write where a locked case goes from now on."""
    await connection.execute(
        update(cases)
        .where(cases.c.case_id == case.case_id)
        .values(lead=lead, copies=list(copies), updated_at=now)
    )


async def close_unsent(connection: AsyncConnection, case: Case, *, now: datetime) -> None:
    """Withdraw a locked case that no destination has ever seen."""
    withdrawn = CaseStatus.WITHDRAWN
    await set_status(connection, case, withdrawn, citizen=citizen_status(withdrawn, received=False), now=now)
    await record(connection, case, "case.withdrawn", now=now)


async def refresh_submissions(
    connection: AsyncConnection, case_id: str, *, tenant: str, now: datetime
) -> None:
    """Derive the status of every submission of a locked case from its deliveries."""
    rows = await connection.execute(
        select(messages.c.message_id, messages.c.status, deliveries.c.role, deliveries.c.state)
        .join(deliveries, deliveries.c.message_id == messages.c.message_id)
        .where(messages.c.case_id == case_id, messages.c.tenant == tenant, messages.c.direction == "in")
        .where(deliveries.c.code.is_distinct_from(REDIRECTED))
    )
    before: dict[str, str] = {}
    states: dict[str, list[tuple[Role, DeliveryState]]] = {}
    for row in rows:
        before[row.message_id] = row.status
        states.setdefault(row.message_id, []).append((Role(row.role), DeliveryState(row.state)))
    for message_id, of_message in states.items():
        status = status_of(of_message)
        if status != before[message_id]:
            await connection.execute(
                update(messages)
                .where(messages.c.message_id == message_id)
                .values(status=status, updated_at=now)
            )
