"""The questions behind `amtsbote reconcile`: what can be counted twice must come to the same.

Each question is a statement that returns the ids of whatever is wrong, none when all is well. They look at
all history: on PostgreSQL they run in one snapshot beside a system that goes on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Select,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.states import DeliveryState, ReportState, Role, SubmissionStatus
from gateway.store import overdue
from gateway.store.actions import ActionOutcome
from gateway.store.cases import REDIRECTED
from gateway.store.engine import SqlStore
from gateway.store.tables import (
    actions,
    attempts,
    cases,
    counters,
    deliveries,
    events,
    messages,
    payloads,
    report_sequences,
    reports,
)

_A, _C, _D, _E, _M = attempts.c, cases.c, deliveries.c, events.c, messages.c
_ENDED = (DeliveryState.ACCEPTED, DeliveryState.REFUSED, DeliveryState.CANCELLED)
_STANDS = _D.code.is_distinct_from(REDIRECTED)
"""Not redirected: another row stands for such a one."""


async def take_snapshot(connection: AsyncConnection, store: SqlStore) -> None:
    """Let everything that is read through a new connection be of one moment; SQLite does so by itself."""
    if not store.is_sqlite:
        await connection.execution_options(isolation_level="REPEATABLE READ")


async def ask(connection: AsyncConnection, question: Select[Any], *, limit: int) -> tuple[int, list[str]]:
    """Count what is wrong, and name the first of it."""
    found = [str(each) for each in (await connection.execute(question.limit(limit + 1))).scalars()]
    if len(found) <= limit:
        return len(found), found
    count = select(func.count()).select_from(question.subquery())
    return (await connection.execute(count)).scalar_one(), found[:limit]


async def places(connection: AsyncConnection, message_ids: Sequence[str]) -> Sequence[Any]:
    """Say to which case and tenant messages belong: `message_id, case_id, tenant`."""
    statement = select(_M.message_id, _M.case_id, _M.tenant).where(_M.message_id.in_(message_ids))
    return (await connection.execute(statement)).all()


async def fetch_without_delivery(connection: AsyncConnection, message_id: str) -> Any | None:
    """Read a submission of a locked case that still goes nowhere: a row of `messages`."""
    statement = without_delivery().where(_M.message_id == message_id)
    return (await connection.execute(statement.with_only_columns(messages))).one_or_none()


async def ends_by_event(connection: AsyncConnection) -> Sequence[Any]:
    """Count from the events how many deliveries ended at each destination: `tenant, destination, count`."""
    kinds = [f"delivery.{state}" for state in _ENDED]
    statement = (
        select(_E.tenant, _E.destination, func.count().label("count"))
        .where(_E.kind.in_(kinds))
        .group_by(_E.tenant, _E.destination)
    )
    return (await connection.execute(statement)).all()


async def all_states(connection: AsyncConnection) -> Sequence[Any]:
    """Count deliveries per tenant, destination and state: `tenant, destination, state, count`."""
    columns = (_D.tenant, _D.destination, _D.state)
    statement = select(*columns, func.count().label("count")).group_by(*columns)
    return (await connection.execute(statement)).all()


def without_delivery() -> Select[Any]:
    """Submissions that no row will ever bring anywhere.

    A withdrawal that took effect at once is `delivered` and has none.
    """
    return select(_M.message_id).where(
        _M.direction == "in",
        _M.status != SubmissionStatus.DELIVERED,
        ~exists().where(_D.case_id == _M.case_id, _D.message_id == _M.message_id),
    )


def wrong_status() -> Select[Any]:
    """Submissions whose status is not what their deliveries say."""
    S, T = DeliveryState, SubmissionStatus
    refused = func.max(case((and_(_D.role == Role.LEAD, _D.state == S.REFUSED), 1), else_=0))
    failed = func.max(case((_D.state == S.FAILED, 1), else_=0))
    unled = func.max(case((and_(_D.role == Role.LEAD, _D.state == S.CANCELLED), 1), else_=0))
    other = func.max(case((_D.state == S.CANCELLED, 0), else_=1))
    under_way = func.max(case((_D.state.in_((S.ACCEPTED, S.CANCELLED)), 0), else_=1))
    derived = case(
        (refused == 1, T.REFUSED.value),
        (failed == 1, T.FAILED.value),
        (or_(unled == 1, other == 0), T.CANCELLED.value),
        (under_way == 0, T.DELIVERED.value),
        else_=T.ACCEPTED.value,
    )
    return (
        select(_M.message_id)
        .join(deliveries, and_(_D.case_id == _M.case_id, _D.message_id == _M.message_id))
        .where(_M.direction == "in", _STANDS)
        .group_by(_M.message_id, _M.status)
        .having(derived != _M.status)
    )


def sent_without_lease() -> Select[Any]:
    """Copies in flight that no lease would bring back."""
    return select(_D.delivery_id).where(_D.state == DeliveryState.SENT, _D.lease_until.is_(None))


def nobody_sends(served: Mapping[str, str]) -> Select[Any]:
    """Deliveries that wait for a destination that is not configured, or for another tenant."""
    own = [and_(_D.destination == name, _D.tenant == tenant) for name, tenant in served.items()]
    return select(_D.delivery_id).where(_D.state == DeliveryState.WAITING, ~or_(false(), *own))


def failed_unseen() -> Select[Any]:
    """Failed deliveries that no operator was asked about."""
    question: Select[Any] = overdue.failed_unseen(_D.delivery_id)
    return question


def miscounted_attempts() -> Select[Any]:
    """Deliveries whose attempts are not those that were written down."""
    written = (
        select(_A.delivery_id, func.count().label("count"), func.max(_A.attempt).label("last"))
        .group_by(_A.delivery_id)
        .subquery()
    )
    differ = or_(
        func.coalesce(written.c.count, 0) != _D.attempt, func.coalesce(written.c.last, 0) != _D.attempt
    )
    return select(_D.delivery_id).outerjoin(written, written.c.delivery_id == _D.delivery_id).where(differ)


def lost_deliveries() -> Select[Any]:
    """Attempts of deliveries that are not there."""
    return select(_A.delivery_id).where(~exists().where(_D.delivery_id == _A.delivery_id)).distinct()


def stray_deliveries() -> Select[Any]:
    """Deliveries that do not belong to a message of their case and tenant."""
    same = exists().where(
        _M.message_id == _D.message_id,
        _M.case_id == _D.case_id,
        _M.case_seq == _D.case_seq,
        _M.tenant == _D.tenant,
    )
    return select(_D.delivery_id).where(~same)


def doubled() -> Select[Any]:
    """Messages that go to one destination twice, or to two leads."""
    leads = func.sum(case((_D.role == Role.LEAD, 1), else_=0))
    destinations = func.count(_D.destination.distinct())
    return (
        select(_D.message_id)
        .where(_STANDS)
        .group_by(_D.message_id)
        .having(or_(func.count() != destinations, leads > 1))
    )


def ended_without_event() -> Select[Any]:
    """Deliveries that ended and of which no event tells."""
    told = exists().where(
        _E.case_id == _D.case_id,
        _E.message_id == _D.message_id,
        _E.destination == _D.destination,
        _E.kind == literal("delivery.").concat(_D.state),
    )
    return select(_D.delivery_id).where(_D.state.in_(_ENDED), ~told)


def miscounted_messages() -> Select[Any]:
    """Cases whose messages are not numbered from 1 without a gap."""
    return _miscounted(_C.next_seq, messages, _M.case_id, _M.case_seq)


def miscounted_events() -> Select[Any]:
    """Cases whose events are not numbered from 1 without a gap."""
    return _miscounted(_C.next_event, events, _E.case_id, _E.seq)


def _miscounted(following: Any, table: Any, case_id: Any, number: Any) -> Select[Any]:
    counted = (
        select(case_id.label("case_id"), func.count().label("count"), func.max(number).label("last"))
        .select_from(table)
        .group_by(case_id)
        .subquery()
    )
    differ = or_(
        func.coalesce(counted.c.count, 0) != following - 1, func.coalesce(counted.c.last, 0) != following - 1
    )
    return select(_C.case_id).outerjoin(counted, counted.c.case_id == _C.case_id).where(differ)


def homeless() -> Select[Any]:
    """Messages of no case."""
    return select(_M.message_id).where(~exists().where(_C.case_id == _M.case_id, _C.tenant == _M.tenant))


def without_content() -> Select[Any]:
    """Messages whose bytes are gone although they were not erased."""
    p = payloads.c
    return select(_M.message_id).where(
        _M.erased_at.is_(None), ~exists().where(p.message_id == _M.message_id, p.number == 0)
    )


def unnumbered() -> Select[Any]:
    """Messages to an applicant that no mailbox shows."""
    return select(_M.message_id).where(_M.direction == "back", _M.position.is_(None))


def gapped_mailboxes() -> Select[Any]:
    """Clients whose mailbox is not numbered from 1 to its counter without a gap."""
    prefix = "mailbox:"
    held = (
        select(_M.client, func.count().label("count"), func.max(_M.position).label("last"))
        .where(_M.position.is_not(None))
        .group_by(_M.client)
        .subquery()
    )
    counted = (
        select(func.substr(counters.c.name, len(prefix) + 1).label("client"), counters.c.value)
        .where(counters.c.name.startswith(prefix))
        .subquery()
    )
    uncounted = select(held.c.client).where(~exists().where(counted.c.client == held.c.client))
    differ = or_(
        func.coalesce(held.c.count, 0) != counted.c.value, func.coalesce(held.c.last, 0) != counted.c.value
    )
    wrong = select(counted.c.client).outerjoin(held, held.c.client == counted.c.client).where(differ)
    both = union_all(wrong, uncounted).subquery()
    return select(both.c.client)


def overtaken_reports() -> Select[Any]:
    """Parked reports whose number is due, or was used by another."""
    r, s = reports.c, report_sequences.c
    following = func.coalesce(s.next, 1)
    return (
        select(r.report_id)
        .outerjoin(report_sequences, and_(s.case_id == r.case_id, s.destination == r.destination))
        .where(r.state == ReportState.PARKED, r.case_sequence <= following)
    )


def forgotten_wishes() -> Select[Any]:
    """What operators asked for and no delivery knows of."""
    a = actions.c
    return select(a.action_id).where(
        a.outcome == ActionOutcome.WISHED, ~exists().where(_D.wish == a.action_id)
    )
