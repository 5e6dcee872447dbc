"""Findings: what an operator is asked to look at, and how it is closed; ids and codes only, never content."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.ids import is_id, new_id
from gateway.contract.states import FindingKind
from gateway.errors import NotPossible
from gateway.store.bulk import among, listed
from gateway.store.engine import SqlStore
from gateway.store.tables import OPEN_STATES, deliveries, findings

STUCK = (FindingKind.DELIVERY_FAILED, FindingKind.DELIVERY_FAILING, FindingKind.DELIVERY_SILENT)
"""The findings that a delivery's later success, or an operator's action on it, settles."""
ENDS = {
    **dict.fromkeys(STUCK, "when the delivery succeeds, or by `amtsbote deliveries retry` or `cancel`"),
    FindingKind.LEGAL_HOLD: "by `amtsbote hold … --release`",
    FindingKind.REPORT_PARKED: "when the report comes that is missing",
    FindingKind.DESTINATION_GONE: "once nothing waits for the destination, or it is configured again",
}
"""The kinds that end with what they are about: closed by hand they would only come again."""
_NONE = "there is no such finding"

_F = findings.c


def finding_row(
    kind: FindingKind,
    *,
    tenant: str,
    now: datetime,
    destination: str | None = None,
    case_id: str | None = None,
    message_id: str | None = None,
    delivery_id: str | None = None,
    code: str | None = None,
    raised_by: str | None = None,
) -> dict[str, Any]:
    """Build the row by which an operator is asked to look at something.

    Args:
        raised_by: the operator whose doing it is, as a legal hold.
    """
    return {
        "finding_id": new_id(),
        "tenant": tenant,
        "at": now,
        "kind": kind,
        "destination": destination,
        "case_id": case_id,
        "message_id": message_id,
        "delivery_id": delivery_id,
        "code": code,
        "raised_by": raised_by,
    }


async def has_open_finding(connection: AsyncConnection, kind: FindingKind, delivery_id: str) -> bool:
    """Say whether an operator was asked already."""
    statement = select(_F.finding_id).where(
        _F.kind == kind, _F.delivery_id == delivery_id, _F.resolved_at.is_(None)
    )
    return (await connection.execute(statement.limit(1))).first() is not None


async def resolve_findings(
    connection: AsyncConnection, store: SqlStore, delivery_ids: Collection[str], *, now: datetime
) -> None:
    """Close what operators were asked about deliveries that were stuck and no longer are."""
    if not delivery_ids:
        return
    await connection.execute(
        update(findings)
        .where(among(store, _F.delivery_id, "ids"), _F.resolved_at.is_(None), _F.kind.in_(STUCK))
        .values(resolved_at=now),
        {"ids": listed(store, delivery_ids)},
    )


async def close(store: SqlStore, finding_id: str, *, operator: str) -> None:
    """Close by hand what an operator has seen to.

    Raises:
        NotPossible: there is none, or none that is open, or what it is about is to end it; with a sentence.
    """
    if not is_id(finding_id):
        raise NotPossible(_NONE)
    async with store.write() as connection:
        this = select(findings).where(_F.finding_id == finding_id).with_for_update()
        found = (await connection.execute(this)).one_or_none()
        if found is None:
            raise NotPossible(_NONE)
        if found.resolved_at:
            raise NotPossible("it is closed already")
        if found.kind in ENDS and not await _is_left_over(connection, found):
            raise NotPossible(f"it ends {ENDS[found.kind]}")
        now = await store.read_clock(connection)
        await connection.execute(
            update(findings).where(_F.finding_id == finding_id).values(resolved_at=now, resolved_by=operator)
        )


async def _is_left_over(connection: AsyncConnection, found: Any) -> bool:
    """Say whether a delivery was stuck and has been settled without anybody seeing that it was."""
    if found.kind not in STUCK:
        return False
    state = select(deliveries.c.state).where(deliveries.c.delivery_id == found.delivery_id)
    return (await connection.execute(state)).scalar_one_or_none() not in OPEN_STATES


async def list_findings(
    connection: AsyncConnection,
    *,
    limit: int,
    tenants: Sequence[str] | None = None,
    case_id: str | None = None,
    kind: FindingKind | None = None,
    closed: bool = False,
) -> Sequence[Any]:
    """Read what an operator must look at, the latest first: rows of `findings`.

    Args:
        tenants: whose; None is everybody's.
        case_id, kind: of one case, or of one kind, only.
        closed: what somebody or something has closed, the last closed first, in place of what is open.
    """
    statement = select(findings).where(_F.resolved_at.is_not(None) if closed else _F.resolved_at.is_(None))
    if tenants is not None:
        statement = statement.where(_F.tenant.in_(tenants))
    if case_id:
        statement = statement.where(_F.case_id == case_id)
    if kind:
        statement = statement.where(_F.kind == kind)
    latest = _F.resolved_at if closed else _F.at
    return (await connection.execute(statement.order_by(latest.desc()).limit(limit))).all()


async def count_open_findings(connection: AsyncConnection, *, tenants: Sequence[str]) -> Sequence[Any]:
    """Count what an operator must look at: rows of `kind, count`."""
    statement = (
        select(_F.kind, func.count().label("count"))
        .where(_F.resolved_at.is_(None), _F.tenant.in_(tenants))
        .group_by(_F.kind)
    )
    return (await connection.execute(statement)).all()
