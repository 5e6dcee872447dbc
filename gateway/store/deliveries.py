"""Deliveries: claimed under a lease, settled by reports, never lost in between.

A claim moves a row to `sent` under a short lease that the confirmed publish extends; a row whose lease is
over returns to `waiting` and is looked up before it is done again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    bindparam,
    exists,
    func,
    literal,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.delivery import MAX_INLINE_BODY_BYTES
from gateway.contract.states import DeliveryState, Role
from gateway.store.bulk import among, insert_all
from gateway.store.engine import SqlStore
from gateway.store.rows import Claimed, DeliveryRow
from gateway.store.tables import OPEN_STATES, attempts, deliveries, messages, payloads

_D, _M, _P = deliveries.c, messages.c, payloads.c


async def claim(
    store: SqlStore,
    destination: str,
    *,
    tenant: str,
    limit: int,
    max_sent: int,
    publish_lease_s: float,
    copy_lifetime_s: float,
) -> list[Claimed]:
    """Claim what is due for a destination, oldest first, at most one message of each case at a time.

    Any number of processes may claim at once; none waits for another or gets the same row.
    """
    async with store.write() as connection:
        sent, now = (await connection.execute(_count_sent(store), {"to": destination})).one()
        room = max_sent - sent
        if room <= 0:
            return []
        due = {"to": destination, "of": tenant, "now": now, "at_most": min(limit, room)}
        lease_until = now + timedelta(seconds=publish_lease_s)
        marked = (await connection.execute(_MARK_SENT, due | {"lease_until": lease_until})).all()
        if not marked:
            return []
        rows = [
            {"delivery_id": each.delivery_id, "attempt": each.attempt, "tenant": tenant, "sent_at": now}
            for each in marked
        ]
        await insert_all(connection, store, attempts, rows)
        ids = {"ids": [each.delivery_id for each in marked]}
        claimed = await connection.execute(_READ_CLAIMED.where(among(store, _D.delivery_id, "ids")), ids)
        expires_at = now + timedelta(seconds=copy_lifetime_s)
        return [_to_claimed(row._mapping, expires_at) for row in claimed]


async def due_destinations(store: SqlStore, names: Sequence[str]) -> list[str]:
    """Say which destinations have something due; one look at an index for each."""
    due = [
        select(literal(name).label("name")).where(
            exists().where(
                _D.destination == name, _D.state == DeliveryState.WAITING, _D.due_at <= store.now()
            )
        )
        for name in names
    ]
    async with store.read() as connection:
        return list((await connection.execute(union_all(*due))).scalars())


def lower_unsettled() -> ColumnElement[bool]:
    """Say whether an earlier message of the case is still on its way to the same destination."""
    lower = deliveries.alias("lower")
    earlier = exists().where(
        lower.c.case_id == _D.case_id,
        lower.c.destination == _D.destination,
        lower.c.case_seq < _D.case_seq,
        lower.c.state.in_(OPEN_STATES),
    )
    # Nothing is before the first message, and nearly all are first. Without this condition PostgreSQL turns
    # the question into a join, which before the first ANALYZE reads every open delivery for each row.
    return and_(_D.case_seq > 1, earlier)


# Put together once: SQLAlchemy took longer to do it for each claim than the database for its part.
_DUE = (
    select(_D.delivery_id)
    .where(
        _D.destination == bindparam("to"),
        _D.tenant == bindparam("of"),
        _D.state == DeliveryState.WAITING,
        _D.due_at <= bindparam("now"),
        _D.wish.is_(None),
        ~lower_unsettled(),
    )
    .order_by(_D.due_at)
    .limit(bindparam("at_most", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_MARK_SENT = (
    update(deliveries)
    .where(_D.delivery_id.in_(select(_DUE.c.delivery_id)))
    .values(
        state=DeliveryState.SENT,
        attempt=_D.attempt + 1,
        lease_until=bindparam("lease_until"),
        updated_at=bindparam("now"),
    )
    .returning(_D.delivery_id, _D.attempt)
)
_READ_CLAIMED = (
    select(
        *(_D.delivery_id, _D.tenant, _D.message_id, _D.case_id, _D.case_seq, _D.destination, _D.role),
        *(_D.attempt, _D.look_up, _M.message_type, _M.service, _M.authority, _M.test, _M.attachment_count),
        *(_M.body_sha256, _M.body_bytes, _M.received_at, _P.codec, _P.body.label("stored")),
    )
    .join(messages, _M.message_id == _D.message_id)
    .outerjoin(
        payloads,
        and_(_P.message_id == _D.message_id, _P.number == 0, _P.body_bytes <= MAX_INLINE_BODY_BYTES),
    )
    .order_by(_D.due_at)
)


def _count_sent(store: SqlStore) -> Any:
    """Count what is on its way to a destination, and read the clock along."""
    return select(func.count(), store.now()).where(
        _D.destination == bindparam("to"), _D.state == DeliveryState.SENT
    )


def _to_claimed(row: Any, expires_at: datetime) -> Claimed:
    fields = dict(row)
    fields["role"] = Role(fields["role"])
    return Claimed(**fields, expires_at=expires_at)


async def confirm_sent(store: SqlStore, claimed: Sequence[Claimed], *, lease_s: float) -> None:
    """Extend the lease of copies that the broker confirmed."""
    async with store.write() as connection:
        await connection.execute(
            update(deliveries)
            .where(among(store, _D.delivery_id, "ids"), _D.state == DeliveryState.SENT)
            .values(lease_until=store.after(lease_s)),
            {"ids": [each.delivery_id for each in claimed]},
        )


async def release(
    store: SqlStore, claimed: Sequence[Claimed], *, delay_s: float, look_up: bool, outcome: str
) -> None:
    """Return claimed deliveries to `waiting`; `look_up` where the copy may have arrived all the same."""
    async with store.write() as connection:
        for each in claimed:
            await connection.execute(
                update(deliveries)
                .where(
                    _D.delivery_id == each.delivery_id,
                    _D.state == DeliveryState.SENT,
                    _D.attempt == each.attempt,
                )
                .values(
                    state=DeliveryState.WAITING,
                    due_at=store.after(delay_s),
                    lease_until=None,
                    look_up=each.look_up or look_up,
                    updated_at=store.now(),
                )
            )
        await _end_attempts(connection, store, [(e.delivery_id, e.attempt) for e in claimed], outcome)


async def return_expired(store: SqlStore, *, everything: bool = False) -> list[DeliveryRow]:
    """Return copies whose lease is over to `waiting`, to be looked up before they are done again.

    Args:
        everything: at start with the in-process broker, which forgot all that was in flight.
    """
    async with store.write() as connection:
        rows = (
            await connection.execute(
                update(deliveries)
                .where(_D.state == DeliveryState.SENT, true() if everything else _D.lease_until < store.now())
                .values(
                    state=DeliveryState.WAITING,
                    due_at=store.now(),
                    lease_until=None,
                    look_up=True,
                    updated_at=store.now(),
                )
                .returning(deliveries)
            )
        ).all()
        returned = [to_delivery(row) for row in rows]
        await _end_attempts(connection, store, [(r.delivery_id, r.attempt) for r in returned], "expired")
    return returned


async def _end_attempts(
    connection: AsyncConnection, store: SqlStore, keys: Sequence[tuple[str, int]], outcome: str
) -> None:
    if not keys:
        return
    await connection.execute(
        update(attempts)
        .where(attempts.c.delivery_id == bindparam("d"), attempts.c.attempt == bindparam("a"))
        .values(ended_at=store.now(), outcome=outcome),
        [{"d": delivery_id, "a": attempt} for delivery_id, attempt in keys],
    )


async def fetch(connection: AsyncConnection, delivery_id: str, *, destination: str) -> DeliveryRow | None:
    """Lock and read a delivery of a destination; another's is not found. Call with the case locked.

    Claims and leases that run out move a delivery without its case: the fence must not judge an old state.
    """
    statement = select(deliveries).where(_D.delivery_id == delivery_id, _D.destination == destination)
    row = (await connection.execute(statement.with_for_update())).one_or_none()
    return to_delivery(row) if row else None


def to_delivery(row: Any) -> DeliveryRow:
    """Read a row of the table `deliveries`."""
    return DeliveryRow(
        delivery_id=row.delivery_id,
        tenant=row.tenant,
        message_id=row.message_id,
        case_id=row.case_id,
        case_seq=row.case_seq,
        destination=row.destination,
        role=Role(row.role),
        state=DeliveryState(row.state),
        attempt=row.attempt,
        tries=row.tries,
        look_up=row.look_up,
        first_failed_at=row.first_failed_at,
        wish=row.wish,
    )


async def settle(
    connection: AsyncConnection,
    row: DeliveryRow,
    state: DeliveryState,
    *,
    attempt: int,
    now: datetime,
    code: str | None = None,
) -> None:
    """Move a delivery of a locked case to a state in which nothing is in flight.

    What failed may have taken effect: should an operator send it again, it is looked up first.
    """
    await connection.execute(
        update(deliveries)
        .where(_D.delivery_id == row.delivery_id, _D.tenant == row.tenant)
        .values(
            state=state,
            lease_until=None,
            code=code,
            look_up=row.look_up or state is DeliveryState.FAILED,
            updated_at=now,
        )
    )
    await _end_attempt(connection, row, attempt, state, now)


async def retry(
    connection: AsyncConnection,
    row: DeliveryRow,
    *,
    due_at: datetime,
    now: datetime,
    look_up: bool,
    outcome: str,
    counts: bool = True,
) -> None:
    """Return a delivery of a locked case to `waiting`; `counts` where it was a failure, not an expiry."""
    values: dict[str, Any] = {}
    if counts:
        values = {"tries": _D.tries + 1, "first_failed_at": row.first_failed_at or now}
    await connection.execute(
        update(deliveries)
        .where(_D.delivery_id == row.delivery_id, _D.tenant == row.tenant)
        .values(
            state=DeliveryState.WAITING,
            due_at=due_at,
            lease_until=None,
            look_up=row.look_up or look_up,
            updated_at=now,
            **values,
        )
    )
    await _end_attempt(connection, row, row.attempt, outcome, now)


async def _end_attempt(
    connection: AsyncConnection, row: DeliveryRow, attempt: int, outcome: str, now: datetime
) -> None:
    await connection.execute(
        update(attempts)
        .where(attempts.c.delivery_id == row.delivery_id, attempts.c.attempt == attempt)
        .values(ended_at=now, outcome=outcome)
    )


async def waiting_submissions(connection: AsyncConnection, case_id: str, *, tenant: str) -> list[DeliveryRow]:
    """Lock and read the waiting deliveries of a case's follow-ups: what the applicant sent later."""
    statement = (
        select(deliveries)
        .join(messages, messages.c.message_id == _D.message_id)
        .where(
            _D.case_id == case_id,
            _D.tenant == tenant,
            _D.state == DeliveryState.WAITING,
            _D.case_seq > 1,
            messages.c.direction == "in",
        )
        .order_by(_D.case_seq)
        .with_for_update(of=deliveries)
    )
    return [to_delivery(row) for row in await connection.execute(statement)]
