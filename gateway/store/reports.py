"""Reports as they came in: each counts once, and case reports in the order the adapter gave them."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.ids import new_id
from gateway.contract.report import Report, ReportType
from gateway.store.bulk import insert_into, insert_or_skip
from gateway.store.codec import decode, encode
from gateway.store.engine import SqlStore
from gateway.store.rows import Case
from gateway.store.tables import case_references, documents, findings, report_sequences, reports

KEEP_STRAY = timedelta(days=365)
KEEP_UPLOAD = timedelta(days=90)
STUCK = ("delivery_failed", "delivery_failing", "delivery_silent")
"""The findings that a delivery's later success, or an operator, settles."""


class ReportState(StrEnum):
    """What became of a report."""

    APPLIED = "applied"
    PARKED = "parked"
    STALE = "stale"
    REJECTED = "rejected"


async def register(
    connection: AsyncConnection,
    store: SqlStore,
    report: Report,
    *,
    tenant: str,
    now: datetime,
    erase_after: date | None = None,
) -> bool:
    """Write a report down; False when its destination sent this `report_id` before.

    Args:
        erase_after: that of the case; without a case the report is kept for KEEP_STRAY.
    """
    statement = insert_or_skip(store, reports, [reports.c.destination, reports.c.report_id])
    row = (
        await connection.execute(
            statement.values(
                destination=report.destination,
                report_id=report.report_id,
                tenant=tenant,
                case_id=report.case_id,
                delivery_id=report.delivery_id,
                type=report.type,
                case_sequence=report.case_sequence,
                state=ReportState.APPLIED,
                received_at=now,
                created_at=report.created_at,
                erase_after=erase_after or (now + KEEP_STRAY).date(),
            ).returning(reports.c.report_id)
        )
    ).one_or_none()
    return row is not None


async def mark(
    connection: AsyncConnection, report: Report, state: ReportState, *, keep_body: bool = False
) -> None:
    """Write what became of a report; `keep_body` while it is still to be applied, or for an operator."""
    encoded = encode(report.body) if keep_body else None
    await connection.execute(
        update(reports)
        .where(reports.c.destination == report.destination, reports.c.report_id == report.report_id)
        .values(
            state=state,
            codec=encoded.codec if encoded else None,
            key_id=encoded.key_id if encoded else None,
            body=encoded.data if encoded else None,
        )
    )


async def next_sequence(connection: AsyncConnection, case: Case, destination: str) -> int:
    """Return the number of the case report that a destination is to send next; the case is locked."""
    s = report_sequences.c
    statement = select(s.next).where(s.case_id == case.case_id, s.destination == destination)
    found = (await connection.execute(statement)).scalar_one_or_none()
    return found or 1


async def set_next_sequence(
    connection: AsyncConnection, store: SqlStore, case: Case, destination: str, number: int
) -> None:
    """Remember the number that comes next; the case is locked."""
    row = {"case_id": case.case_id, "destination": destination, "tenant": case.tenant, "next": number}
    keys = [report_sequences.c.case_id, report_sequences.c.destination]
    statement = insert_into(store, report_sequences).values(row)
    await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={"next": number}))


async def fetch_parked(
    connection: AsyncConnection, case: Case, destination: str, number: int
) -> Report | None:
    """Read the parked report of a case that has this number."""
    r = reports.c
    statement = select(reports).where(
        r.case_id == case.case_id,
        r.destination == destination,
        r.case_sequence == number,
        r.state == ReportState.PARKED,
    )
    row = (await connection.execute(statement.limit(1))).one_or_none()
    return _to_report(row) if row else None


def _to_report(row: Any) -> Report:
    return Report(
        report_id=row.report_id,
        type=ReportType(row.type),
        destination=row.destination,
        case_id=row.case_id,
        delivery_id=row.delivery_id,
        case_sequence=row.case_sequence,
        created_at=row.created_at,
        body=decode(row.codec, row.body),
    )


async def flag_overdue(store: SqlStore, *, parked_s: float) -> list[Any]:
    """Ask an operator about reports that wait too long for an earlier number; each is returned once."""
    r, f = reports.c, findings.c
    async with store.write() as connection:
        now = await store.read_clock(connection)
        overdue = select(reports).where(
            r.state == ReportState.PARKED, r.received_at < now - timedelta(seconds=parked_s)
        )
        asked = set((await connection.execute(select(f.code).where(f.kind == "report_parked"))).scalars())
        flagged = [row for row in await connection.execute(overdue) if row.report_id not in asked]
        for row in flagged:
            await add_finding(
                connection,
                "report_parked",
                tenant=row.tenant,
                now=now,
                destination=row.destination,
                case_id=row.case_id,
                code=row.report_id,
            )
    return flagged


async def add_reference(
    connection: AsyncConnection, store: SqlStore, case: Case, destination: str, kind: str, value: str
) -> None:
    """Index a reference number or foreign id under which a destination keeps the case."""
    keys = [case_references.c[name] for name in ("case_id", "destination", "kind", "value")]
    await connection.execute(
        insert_or_skip(store, case_references, keys).values(
            case_id=case.case_id,
            destination=destination,
            kind=kind,
            value=value,
            tenant=case.tenant,
            erase_after=case.erase_after,
        )
    )


async def has_reference(connection: AsyncConnection, case: Case, destination: str, value: str) -> bool:
    """Say whether a destination has named a case by this before."""
    r = case_references.c
    statement = select(r.value).where(
        r.case_id == case.case_id, r.destination == destination, r.value == value
    )
    return (await connection.execute(statement.limit(1))).first() is not None


async def add_finding(
    connection: AsyncConnection,
    kind: str,
    *,
    tenant: str,
    now: datetime,
    destination: str | None = None,
    case_id: str | None = None,
    message_id: str | None = None,
    delivery_id: str | None = None,
    code: str | None = None,
) -> None:
    """Ask an operator to look at something; ids and codes only."""
    await connection.execute(
        findings.insert().values(
            finding_id=new_id(),
            tenant=tenant,
            at=now,
            kind=kind,
            destination=destination,
            case_id=case_id,
            message_id=message_id,
            delivery_id=delivery_id,
            code=code,
        )
    )


async def has_open_finding(connection: AsyncConnection, kind: str, delivery_id: str) -> bool:
    """Say whether an operator was asked already."""
    f = findings.c
    statement = select(f.finding_id).where(
        f.kind == kind, f.delivery_id == delivery_id, f.resolved_at.is_(None)
    )
    return (await connection.execute(statement.limit(1))).first() is not None


async def resolve_findings(connection: AsyncConnection, delivery_id: str, *, now: datetime) -> None:
    """Close what operators were asked about a delivery that was stuck and no longer is."""
    f = findings.c
    await connection.execute(
        update(findings)
        .where(f.delivery_id == delivery_id, f.resolved_at.is_(None), f.kind.in_(STUCK))
        .values(resolved_at=now)
    )


async def put_document(
    store: SqlStore, *, destination: str, tenant: str, sha256: str, media_type: str, data: bytes
) -> None:
    """Keep what an adapter uploads for a report to come; the same again changes nothing."""
    encoded = encode(data)
    async with store.write() as connection:
        await connection.execute(
            insert_or_skip(store, documents, [documents.c.destination, documents.c.sha256]).values(
                destination=destination,
                sha256=sha256,
                tenant=tenant,
                media_type=media_type,
                body_bytes=len(data),
                codec=encoded.codec,
                key_id=encoded.key_id,
                body=encoded.data,
                uploaded_at=store.now(),
                # By then the report that names it has come, and its case holds a copy.
                erase_after=(datetime.now(UTC) + KEEP_UPLOAD).date(),
            )
        )


async def fetch_document(
    connection: AsyncConnection, destination: str, sha256: str
) -> tuple[str, bytes] | None:
    """Read the media type and content of what a destination uploaded."""
    d = documents.c
    statement = select(d.media_type, d.codec, d.body).where(d.destination == destination, d.sha256 == sha256)
    row = (await connection.execute(statement)).one_or_none()
    return (row.media_type, decode(row.codec, row.body)) if row else None
