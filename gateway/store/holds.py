"""Legal holds: a case of which nothing is erased until it is released."""

from sqlalchemy import update

from gateway.contract.states import FindingKind
from gateway.store import cases
from gateway.store.engine import SqlStore
from gateway.store.findings import finding_row
from gateway.store.rows import Case
from gateway.store.tables import cases as cases_table
from gateway.store.tables import findings

_C, _F = cases_table.c, findings.c


async def hold(store: SqlStore, case: Case, reason: str, *, operator: str) -> None:
    """Keep a case from being erased; the reason stands among the findings until it is released."""
    async with store.write() as connection:
        await cases.lock(connection, case.case_id, tenant=case.tenant)
        now = await store.read_clock(connection)
        await connection.execute(
            update(cases_table)
            .where(_C.case_id == case.case_id, _C.tenant == case.tenant)
            .values(legal_hold=True)
        )
        row = finding_row(
            FindingKind.LEGAL_HOLD,
            tenant=case.tenant,
            now=now,
            case_id=case.case_id,
            code=reason,
            raised_by=operator,
        )
        await connection.execute(findings.insert().values(row))


async def release(store: SqlStore, case: Case, *, operator: str) -> None:
    """Let a case be erased when its time has come."""
    async with store.write() as connection:
        await cases.lock(connection, case.case_id, tenant=case.tenant)
        now = await store.read_clock(connection)
        await connection.execute(
            update(cases_table)
            .where(_C.case_id == case.case_id, _C.tenant == case.tenant)
            .values(legal_hold=False)
        )
        await connection.execute(
            update(findings)
            .where(_F.case_id == case.case_id, _F.kind == FindingKind.LEGAL_HOLD, _F.resolved_at.is_(None))
            .values(resolved_at=now, resolved_by=operator)
        )
