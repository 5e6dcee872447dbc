"""What operators read: queues, the latest submissions, one case; ids, codes and sizes, never content."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.states import DeliveryState
from gateway.store.cases import to_case
from gateway.store.engine import SqlStore
from gateway.store.rows import Case
from gateway.store.tables import cases, deliveries, findings, messages

_D = deliveries.c


async def balance(connection: AsyncConnection, *, tenants: Sequence[str]) -> Sequence[Any]:
    """Count deliveries per destination and state: `tenant, destination, state, count`."""
    statement = (
        select(_D.tenant, _D.destination, _D.state, func.count().label("count"))
        .where(_D.tenant.in_(tenants))
        .group_by(_D.tenant, _D.destination, _D.state)
        .order_by(_D.tenant, _D.destination)
    )
    return (await connection.execute(statement)).all()


async def oldest_eligible(
    connection: AsyncConnection, store: SqlStore, *, tenants: Sequence[str]
) -> Sequence[Any]:
    """Read since when the oldest delivery waits that could go out now: `destination, since`."""
    statement = (
        select(
            _D.destination,
            func.min(case((_D.due_at <= store.now(), _D.due_at))).label("since"),
        )
        .where(_D.state == DeliveryState.WAITING, _D.tenant.in_(tenants))
        .group_by(_D.destination)
    )
    return (await connection.execute(statement)).all()


async def latest_submissions(
    connection: AsyncConnection, *, tenants: Sequence[str], limit: int
) -> Sequence[Any]:
    """Read the latest submissions: rows of `messages` with the case's `case_status`."""
    m = messages.c
    statement = (
        select(messages, cases.c.status.label("case_status"))
        .join(cases, cases.c.case_id == m.case_id)
        .where(m.direction == "in", m.tenant.in_(tenants))
        .order_by(m.received_at.desc(), m.message_id.desc())
        .limit(limit)
    )
    return (await connection.execute(statement)).all()


async def fetch_case(connection: AsyncConnection, case_id: str, *, tenants: Sequence[str]) -> Case | None:
    """Read a case of one of the tenants an operator works for."""
    statement = select(cases).where(cases.c.case_id == case_id, cases.c.tenant.in_(tenants))
    row = (await connection.execute(statement)).one_or_none()
    return to_case(row) if row else None


async def open_findings(connection: AsyncConnection, *, tenants: Sequence[str], limit: int) -> Sequence[Any]:
    """Read what an operator must look at, the latest first: rows of `findings`."""
    f = findings.c
    statement = select(findings).where(f.resolved_at.is_(None), f.tenant.in_(tenants))
    return (await connection.execute(statement.order_by(f.at.desc()).limit(limit))).all()
