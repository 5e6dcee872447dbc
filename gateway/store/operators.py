"""What operators read: queues, the latest submissions, one case; ids, codes and sizes, never content."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, literal, or_, select, text, union, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.ids import is_id
from gateway.contract.states import DeliveryState, ReportState
from gateway.store.cases import to_case
from gateway.store.deliveries import lower_unsettled
from gateway.store.engine import SqlStore
from gateway.store.rows import Case
from gateway.store.tables import (
    OPEN_STATES,
    attempts,
    case_references,
    cases,
    deliveries,
    messages,
    reports,
)

NUMBER_KINDS = ("aktenzeichen", "kassenzeichen", "reference")
FOREIGN_ID = "foreign_id"
"""The kinds of reference that operators see and search; a contact may name a person."""

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


async def open_balance(connection: AsyncConnection, *, tenants: Sequence[str]) -> Sequence[Any]:
    """Count what is waiting, sent or failed, however much lies behind: rows as `balance` gives them."""
    counts = union_all(*(_count_of(state, tenants) for state in OPEN_STATES))
    return (await connection.execute(counts.order_by("tenant", "destination"))).all()


def _count_of(state: str, tenants: Sequence[str]) -> Any:
    """Count one state by its own partial index, which it is written out for."""
    return (
        select(_D.tenant, _D.destination, literal(state).label("state"), func.count().label("count"))
        .where(text(f"state = '{state}'"), _D.tenant.in_(tenants))
        .group_by(_D.tenant, _D.destination)
    )


async def oldest_eligible(
    connection: AsyncConnection, store: SqlStore, *, destinations: Sequence[str]
) -> dict[str, datetime]:
    """Say for each destination since when its oldest delivery waits that could go out now."""
    if not destinations:
        return {}
    rows = await connection.execute(union_all(*(_oldest(store, name) for name in destinations)))
    return {row.destination: row.since for row in rows if row.since}


def _oldest(store: SqlStore, destination: str) -> Any:
    since = (
        select(_D.due_at)
        .where(
            _D.destination == destination,
            _D.state == DeliveryState.WAITING,
            _D.due_at <= store.now(),
            ~lower_unsettled(),
        )
        .order_by(_D.due_at)
        .limit(1)
        .scalar_subquery()
    )
    return select(literal(destination).label("destination"), since.label("since"))


async def latest_submissions(
    connection: AsyncConnection, *, tenants: Sequence[str], limit: int, before: str | None = None
) -> Sequence[Any]:
    """Read the latest submissions: rows of `messages` with the case's `case_status`.

    With `before`, those that came before this submission; none where the tenants have no such one.
    """
    m = messages.c
    statement = (
        select(messages, cases.c.status.label("case_status"))
        .join(cases, cases.c.case_id == m.case_id)
        .where(m.direction == "in", m.tenant.in_(tenants))
        .order_by(m.received_at.desc(), m.message_id.desc())
        .limit(limit)
    )
    if before:
        cursor = select(m.received_at).where(m.message_id == before, m.tenant.in_(tenants))
        at = (await connection.execute(cursor)).scalar_one_or_none()
        if at is None:
            return []
        earlier = and_(m.received_at == at, m.message_id < before)
        statement = statement.where(m.received_at <= at, or_(m.received_at < at, earlier))
    return (await connection.execute(statement)).all()


async def fetch_case(connection: AsyncConnection, case_id: str, *, tenants: Sequence[str]) -> Case | None:
    """Read a case of one of the tenants an operator works for."""
    statement = select(cases).where(cases.c.case_id == case_id, cases.c.tenant.in_(tenants))
    row = (await connection.execute(statement)).one_or_none()
    return to_case(row) if row else None


async def find_cases(
    connection: AsyncConnection, key: str, *, tenants: Sequence[str], limit: int
) -> list[Case]:
    """Find cases by a key, the latest first: a reference number, or the id of a case, message or delivery."""
    r = case_references.c
    found = [
        select(r.case_id).where(
            r.tenant.in_(tenants), r.value == key, r.kind.in_((*NUMBER_KINDS, FOREIGN_ID))
        ),
    ]
    if is_id(key.lower()):
        found += _cases_by_id(key.lower())
    statement = (
        select(cases)
        .where(cases.c.case_id.in_(union(*found)), cases.c.tenant.in_(tenants))
        .order_by(cases.c.case_id.desc())
        .limit(limit)
    )
    return [to_case(row) for row in await connection.execute(statement)]


def _cases_by_id(key: str) -> list[Any]:
    return [
        select(cases.c.case_id).where(cases.c.case_id == key),
        select(messages.c.case_id).where(messages.c.message_id == key),
        select(_D.case_id).where(_D.delivery_id == key),
    ]


async def case_deliveries(connection: AsyncConnection, case_id: str, *, tenant: str) -> Sequence[Any]:
    """Read where the messages of a case went, in their order, the lead first: rows of `deliveries`."""
    statement = select(deliveries).where(_D.case_id == case_id, _D.tenant == tenant)
    ordered = statement.order_by(_D.case_seq, _D.role.desc(), _D.destination)
    return (await connection.execute(ordered)).all()


async def case_attempts(connection: AsyncConnection, case_id: str, *, tenant: str) -> Sequence[Any]:
    """Read every attempt to deliver a case's messages: `attempts` with `destination, case_seq`."""
    a = attempts.c
    statement = (
        select(attempts, _D.destination, _D.case_seq)
        .join(deliveries, _D.delivery_id == a.delivery_id)
        .where(_D.case_id == case_id, _D.tenant == tenant)
        .order_by(a.sent_at, a.attempt)
    )
    return (await connection.execute(statement)).all()


async def was_destination(connection: AsyncConnection, name: str) -> bool:
    """Say whether anything ever went to a destination, or came from it."""
    of_it = select(_D.delivery_id).where(_D.destination == name)
    from_it = select(reports.c.report_id).where(reports.c.destination == name)
    there = select(or_(exists(of_it), exists(from_it)))
    return bool((await connection.execute(there)).scalar_one())


async def known_submissions(connection: AsyncConnection, submission_ids: Sequence[str]) -> dict[str, str]:
    """Return the digests of those submissions that are stored, by their ids."""
    m = messages.c
    statement = select(m.message_id, m.body_sha256).where(
        m.message_id.in_(submission_ids), m.direction == "in"
    )
    return {row.message_id: row.body_sha256 for row in await connection.execute(statement)}


async def reporters(connection: AsyncConnection, case_id: str) -> list[str]:
    """Name the destinations that have sent a report about a case, whether or not it is stored."""
    statement = select(reports.c.destination).where(reports.c.case_id == case_id).distinct()
    return sorted((await connection.execute(statement)).scalars())


async def kept_reports(
    connection: AsyncConnection, *, state: ReportState | None, destination: str | None, limit: int
) -> Sequence[Any]:
    """List reports without effect, the latest first: rows of `reports` with `known`, whether its case is."""
    r = reports.c
    known = exists().where(cases.c.case_id == r.case_id, cases.c.tenant == r.tenant)
    statement = select(reports, known.label("known")).where(
        r.state == state if state else r.state != ReportState.APPLIED
    )
    if destination:
        statement = statement.where(r.destination == destination)
    return (await connection.execute(statement.order_by(r.received_at.desc()).limit(limit))).all()
