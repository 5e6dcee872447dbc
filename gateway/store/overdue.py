"""What nothing will wake: found by indexes, however much lies behind, and shown to an operator once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.states import DeliveryState, FindingKind, ReportState
from gateway.store.bulk import merge_all
from gateway.store.engine import SqlStore
from gateway.store.findings import STUCK, finding_row
from gateway.store.rows import DeliveryRow
from gateway.store.tables import attempts, counters, deliveries, findings, reports

_D, _F, _R = deliveries.c, findings.c, reports.c


async def take_turn(connection: AsyncConnection, store: SqlStore) -> None:
    """Wait for other sweeps to commit, so that no two ask an operator about the same."""
    row = {"name": "sweep", "value": 1}
    await merge_all(connection, store, counters, [row], unique=[counters.c.name], clause=_count_up)


def _count_up(insert: Any) -> Any:
    again = {"value": counters.c.value + 1}
    return insert.on_conflict_do_update(index_elements=[counters.c.name], set_=again)


async def flag_parked(connection: AsyncConnection, *, now: datetime, after: timedelta) -> Sequence[Any]:
    """Show reports that wait too long for an earlier one; close what was asked about those that went on."""
    overdue = select(reports).where(_R.state == ReportState.PARKED, _R.received_at < now - after)
    parked = {row.report_id: row for row in await connection.execute(overdue)}
    asked = {row.code: row.finding_id for row in await _open(connection, FindingKind.REPORT_PARKED)}
    await _resolve(connection, [asked[code] for code in asked.keys() - parked.keys()], now)
    flagged = [row for report_id, row in parked.items() if report_id not in asked]
    for row in flagged:
        await _add(
            connection,
            FindingKind.REPORT_PARKED,
            tenant=row.tenant,
            now=now,
            destination=row.destination,
            case_id=row.case_id,
            code=row.report_id,
        )
    return flagged


async def flag_failed(connection: AsyncConnection, *, now: datetime) -> Sequence[Any]:
    """Show deliveries that have failed without an operator having been asked."""
    rows = (await connection.execute(failed_unseen(deliveries))).all()
    for row in rows:
        await _find(connection, FindingKind.DELIVERY_FAILED, row, now, code=row.code)
    return rows


def failed_unseen(*columns: Any) -> Any:
    """Select failed deliveries that no operator was asked about."""
    asked = exists().where(
        _F.delivery_id == _D.delivery_id, _F.resolved_at.is_(None), _F.kind == FindingKind.DELIVERY_FAILED
    )
    return select(*columns).where(_D.state == DeliveryState.FAILED, ~asked)


async def find_silent(
    connection: AsyncConnection, rows: Iterable[DeliveryRow], *, before: datetime
) -> list[DeliveryRow]:
    """Find deliveries that have gone out again since long ago without any report, and were not shown."""
    again = {row.delivery_id: row for row in rows if row.attempt > 1}
    if not again:
        return []
    a = attempts.c
    asked = exists().where(_F.delivery_id == a.delivery_id, _F.resolved_at.is_(None), _F.kind.in_(STUCK))
    statement = select(a.delivery_id).where(
        a.delivery_id.in_(list(again)), a.attempt == 1, a.sent_at <= before, ~asked
    )
    return [again[delivery_id] for delivery_id in (await connection.execute(statement)).scalars()]


async def flag_silent(
    connection: AsyncConnection, rows: Iterable[DeliveryRow], *, now: datetime, after: timedelta
) -> None:
    """Show deliveries that go out time and again without any report."""
    for row in await find_silent(connection, rows, before=now - after):
        await _find(connection, FindingKind.DELIVERY_SILENT, row, now)


async def flag_unserved(
    connection: AsyncConnection, served: Mapping[str, str], *, now: datetime
) -> list[str]:
    """Show destinations, once each, for which something waits though nobody is to send it."""
    unserved: dict[str, str] = {}
    last = ""
    # From one name to the next along an index: counting what waits would read all of it.
    while row := await _next_waiting(connection, last):
        last = row.destination
        if served.get(last) != row.tenant:
            unserved[last] = row.tenant
    asked = {row.destination: row.finding_id for row in await _open(connection, FindingKind.DESTINATION_GONE)}
    await _resolve(connection, [asked[name] for name in asked.keys() - unserved.keys()], now)
    flagged = sorted(unserved.keys() - asked.keys())
    for name in flagged:
        await _add(connection, FindingKind.DESTINATION_GONE, tenant=unserved[name], now=now, destination=name)
    return flagged


async def _next_waiting(connection: AsyncConnection, after: str) -> Any | None:
    statement = (
        select(_D.destination, _D.tenant)
        .where(_D.state == DeliveryState.WAITING, _D.destination > after)
        .order_by(_D.destination, _D.due_at)
        .limit(1)
    )
    return (await connection.execute(statement)).one_or_none()


async def _open(connection: AsyncConnection, kind: FindingKind) -> Sequence[Any]:
    statement = select(findings).where(_F.resolved_at.is_(None), _F.kind == kind)
    return (await connection.execute(statement)).all()


async def _resolve(connection: AsyncConnection, finding_ids: Sequence[str], now: datetime) -> None:
    if finding_ids:
        await connection.execute(
            update(findings).where(_F.finding_id.in_(finding_ids)).values(resolved_at=now)
        )


async def _add(connection: AsyncConnection, kind: FindingKind, **fields: Any) -> None:
    await connection.execute(findings.insert().values(finding_row(kind, **fields)))


async def _find(
    connection: AsyncConnection, kind: FindingKind, row: Any, now: datetime, *, code: str | None = None
) -> None:
    await _add(
        connection,
        kind,
        tenant=row.tenant,
        now=now,
        destination=row.destination,
        case_id=row.case_id,
        message_id=row.message_id,
        delivery_id=row.delivery_id,
        code=code,
    )
