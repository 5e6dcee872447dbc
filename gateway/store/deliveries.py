"""Deliveries: claimed under a lease, settled by reports, never lost in between.

A claim moves a row to `sent` under a short lease that the confirmed publish extends; a row whose lease is
over returns to `waiting` and is looked up before it is done again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Interval,
    Select,
    Update,
    and_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.delivery import MAX_INLINE_BODY_BYTES
from gateway.contract.states import DeliveryState, Role
from gateway.store.bulk import among, insert_all, listed, update_all
from gateway.store.codec import ERASED
from gateway.store.engine import SqlStore
from gateway.store.rows import Claimed, DeliveryRow
from gateway.store.tables import OPEN_STATES, UtcDateTime, attempts, deliveries, messages, payloads

CHANGEABLE = ("state", "tries", "look_up", "due_at", "lease_until", "first_failed_at", "code", "wish")
"""What `write` writes."""

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

    Any number of processes may claim at once; none waits for another or gets the same row. Whatever a call
    that fails or is cancelled has claimed comes back when `publish_lease_s` is over.
    """
    due = {"to": destination, "of": tenant, "at_most": limit, "max_sent": max_sent}
    lease = timedelta(seconds=publish_lease_s)
    async with store.write(at_once=True) as connection:
        if store.is_sqlite:
            rows = await _claim_step_by_step(connection, store, due, lease)
        else:
            rows = (await connection.execute(_CLAIM, due | {"lease": lease, "now": store.own_time()})).all()
        await store.vault.learn(connection, (row.key_id for row in rows))
        return [_to_claimed(store, row, timedelta(seconds=copy_lifetime_s)) for row in rows]


async def _claim_step_by_step(
    connection: AsyncConnection, store: SqlStore, due: dict[str, Any], lease: timedelta
) -> Sequence[Any]:
    """Claim on SQLite, which writes nothing within a query; a claim is a transaction there."""
    room = due["max_sent"] - (await connection.execute(_COUNT_SENT, due)).scalar_one()
    if room <= 0:
        return []
    now = await store.read_clock(connection)
    due = due | {"now": now, "lease_until": now + lease, "at_most": min(due["at_most"], room)}
    marked = (await connection.execute(_MARK_SENT, due)).all()
    if not marked:
        return []
    rows = [
        {"delivery_id": each.delivery_id, "attempt": each.attempt, "tenant": each.tenant, "sent_at": now}
        for each in marked
    ]
    await insert_all(connection, store, attempts, rows)
    ids = {"ids": [each.delivery_id for each in marked], "now": now}
    return (await connection.execute(_READ_CLAIMED, ids)).all()


async def due_destinations(store: SqlStore, names: Sequence[str]) -> list[str]:
    """Say which destinations have something due; one look at an index for each."""
    # Asked for the first of an order, not whether there is any: destination and state depend on each other,
    # which PostgreSQL cannot know. It would expect thousands to be waiting, hope to meet one soon, and where
    # none waits read the whole table.
    due = [
        select(literal(name).label("name")).where(
            select(_D.due_at)
            .where(_D.destination == name, _D.state == DeliveryState.WAITING, _D.wish.is_(None))
            .order_by(_D.due_at)
            .limit(1)
            .scalar_subquery()
            <= store.now()
        )
        for name in names
    ]
    async with store.read() as connection:
        return list((await connection.execute(union_all(*due))).scalars())


_LOWER = deliveries.alias("lower")
_IS_LOWER = and_(
    _LOWER.c.case_id == _D.case_id,
    _LOWER.c.destination == _D.destination,
    _LOWER.c.case_seq < _D.case_seq,
    _LOWER.c.state.in_(OPEN_STATES),
)


def lower_open() -> Select[Any]:
    """Return the number of the latest earlier message of the case that the destination has yet to take."""
    return select(func.max(_LOWER.c.case_seq)).where(_IS_LOWER)


def lower_unsettled() -> ColumnElement[bool]:
    """Say whether an earlier message of the case is still on its way to the same destination."""
    earlier = exists().where(_IS_LOWER)
    # Nothing is before the first message, and nearly all are first. Without this condition PostgreSQL turns
    # the question into a join, which before the first ANALYZE reads every open delivery for each row.
    return and_(_D.case_seq > 1, earlier)


_COUNT_SENT = select(func.count()).where(_D.destination == bindparam("to"), _D.state == DeliveryState.SENT)


def _mark_sent(now: ColumnElement[datetime], lease_until: Any, at_most: Any) -> Update:
    due = (
        select(_D.delivery_id)
        .where(
            _D.destination == bindparam("to"),
            _D.tenant == bindparam("of"),
            _D.state == DeliveryState.WAITING,
            _D.due_at <= now,
            _D.wish.is_(None),
            ~lower_unsettled(),
        )
        .order_by(_D.due_at)
        .limit(at_most)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    sent = {"state": DeliveryState.SENT, "attempt": _D.attempt + 1}
    marking = update(deliveries).where(_D.delivery_id.in_(select(due.c.delivery_id)))
    return marking.values(**sent, lease_until=lease_until, updated_at=now)


_OF_DELIVERY = (
    *("delivery_id", "tenant", "message_id", "case_id", "case_seq", "destination", "role"),
    *("attempt", "look_up"),
)
_OF_MESSAGE = (
    *("message_type", "service", "authority", "test", "attachment_count", "body_sha256", "body_bytes"),
    "received_at",
)
_OF_PAYLOAD = (_P.codec, _P.key_id, _P.body.label("stored"))
# A large body is fetched by the adapter; that one was erased must be seen before it is sent.
_INLINE = (_P.number == 0, or_(_P.body_bytes <= MAX_INLINE_BODY_BYTES, _P.codec == ERASED))


def _claim_at_once() -> Select[Any]:
    """Claim, write the attempts down and read what is sent, in one statement.

    What belongs to a claimed delivery is looked up row by row (LATERAL; OFFSET keeps the planner from turning
    it into a join): how many are claimed it cannot know, and expecting many it would read whole tables.
    """
    now = func.coalesce(bindparam("now", type_=UtcDateTime), func.now())
    room = select(bindparam("max_sent", type_=Integer) - _COUNT_SENT.scalar_subquery()).scalar_subquery()
    at_most = func.least(bindparam("at_most", type_=Integer), func.greatest(room, 0))
    marking = _mark_sent(now, now + bindparam("lease", type_=Interval), at_most)
    marked = marking.returning(*(_D[name] for name in _OF_DELIVERY), _D.due_at).cte("marked")
    tried = select(marked.c.delivery_id, marked.c.attempt, marked.c.tenant, now)
    written = postgresql.insert(attempts).from_select(["delivery_id", "attempt", "tenant", "sent_at"], tried)
    message = (
        select(*(_M[name] for name in _OF_MESSAGE))
        .where(_M.message_id == marked.c.message_id)
        .offset(0)
        .lateral("message")
    )
    payload = (
        select(*_OF_PAYLOAD)
        .where(_P.message_id == marked.c.message_id, *_INLINE)
        .offset(0)
        .lateral("payload")
    )
    return (
        select(*(marked.c[name] for name in _OF_DELIVERY), message, payload, now.label("now"))
        .select_from(marked.join(message, true()).outerjoin(payload, true()))
        .order_by(marked.c.due_at)
        .add_cte(written.cte("written"))
    )


# Put together once: SQLAlchemy took longer to do it for each claim than the database for its part.
_CLAIM = _claim_at_once()
_MARK_SENT = _mark_sent(
    bindparam("now", type_=UtcDateTime), bindparam("lease_until"), bindparam("at_most", type_=Integer)
).returning(_D.delivery_id, _D.attempt, _D.tenant)
_READ_CLAIMED = (
    select(*(_D[name] for name in _OF_DELIVERY), *(_M[name] for name in _OF_MESSAGE), *_OF_PAYLOAD)
    .add_columns(bindparam("now", type_=UtcDateTime).label("now"))
    .join(messages, _M.message_id == _D.message_id)
    .outerjoin(payloads, and_(_P.message_id == _D.message_id, *_INLINE))
    .where(_D.delivery_id.in_(bindparam("ids", expanding=True)))
    .order_by(_D.due_at)
)


def _to_claimed(store: SqlStore, row: Any, lifetime: timedelta) -> Claimed:
    fields = dict(row._mapping)
    fields["role"] = Role(fields["role"])
    expires_at = fields.pop("now") + lifetime
    return Claimed(**fields, expires_at=expires_at, vault=store.vault)


async def confirm_sent(store: SqlStore, claimed: Sequence[Claimed], *, lease_s: float) -> None:
    """Extend the lease of copies that the broker confirmed."""
    ids = {"ids": listed(store, (each.delivery_id for each in claimed))}
    async with store.write(at_once=True) as connection:
        # In the order that reports lock them in: either could otherwise wait for what the other holds.
        still = _still_sent(among(store, _D.delivery_id, "ids")).with_for_update()
        statement = update(deliveries).where(_D.delivery_id.in_(still))
        await connection.execute(statement.values(lease_until=store.after(lease_s)), ids)


def _still_sent(*conditions: ColumnElement[bool]) -> Select[Any]:
    sent = select(_D.delivery_id).where(_D.state == DeliveryState.SENT, *conditions)
    return sent.order_by(_D.delivery_id)


async def release(
    store: SqlStore, claimed: Sequence[Claimed], *, delay_s: float, look_up: bool, outcome: str
) -> None:
    """Return claimed deliveries to `waiting`; `look_up` where the copy may have arrived all the same."""
    async with store.write() as connection:
        for each in sorted(claimed, key=lambda each: each.delivery_id):
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
        ended = {(each.delivery_id, each.attempt): outcome for each in claimed}
        await end_attempts(connection, store, ended, now=await store.read_clock(connection))


async def return_expired(store: SqlStore, *, everything: bool = False) -> list[DeliveryRow]:
    """Return copies whose lease is over to `waiting`, to be looked up before they are done again.

    Args:
        everything: at start with the in-process broker, which forgot all that was in flight.
    """
    # Nothing writes `sent` without a lease; should it happen all the same, nothing else would end it.
    over = true() if everything else or_(_D.lease_until < store.now(), _D.lease_until.is_(None))
    async with store.write() as connection:
        rows = (
            await connection.execute(
                update(deliveries)
                # One that is locked is being reported on just now.
                .where(_D.delivery_id.in_(_still_sent(over).with_for_update(skip_locked=True)))
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
        ended = {(row.delivery_id, row.attempt): "expired" for row in returned}
        await end_attempts(connection, store, ended, now=await store.read_clock(connection))
    return returned


async def fetch(connection: AsyncConnection, delivery_id: str, *, destination: str) -> DeliveryRow | None:
    """Read a delivery of a destination; another's is not found."""
    statement = select(deliveries).where(_D.delivery_id == delivery_id, _D.destination == destination)
    row = (await connection.execute(statement)).one_or_none()
    return to_delivery(row) if row else None


async def lock_all(
    connection: AsyncConnection, store: SqlStore, delivery_ids: Collection[str]
) -> list[DeliveryRow]:
    """Lock deliveries, in the order of their ids, and read them. Call with their cases locked.

    Claims and leases that run out move a delivery without its case: the fence must not judge an old state.
    """
    statement = select(deliveries).where(among(store, _D.delivery_id, "ids")).order_by(_D.delivery_id)
    rows = await connection.execute(statement.with_for_update(), {"ids": listed(store, delivery_ids)})
    return [to_delivery(row) for row in rows]


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
        due_at=row.due_at,
        lease_until=row.lease_until,
        code=row.code,
    )


async def write(
    connection: AsyncConnection, store: SqlStore, changed: Iterable[DeliveryRow], *, now: datetime
) -> None:
    """Write locked deliveries as they have become."""
    names = ("delivery_id", *CHANGEABLE)
    rows = [{name: getattr(row, name) for name in names} | {"updated_at": now} for row in changed]
    await update_all(connection, store, deliveries, rows, key=["delivery_id"])


async def end_attempts(
    connection: AsyncConnection, store: SqlStore, ended: Mapping[tuple[str, int], str], *, now: datetime
) -> None:
    """Write how attempts, named by delivery and number, have ended."""
    rows = [
        {"delivery_id": delivery_id, "attempt": attempt, "ended_at": now, "outcome": outcome}
        for (delivery_id, attempt), outcome in ended.items()
    ]
    await update_all(connection, store, attempts, rows, key=["delivery_id", "attempt"])


async def unsettled(
    connection: AsyncConnection, case_id: str, *, tenant: str, destination: str
) -> list[DeliveryRow]:
    """Lock and read everything of a case that a destination has yet to take."""
    statement = select(deliveries).where(
        _D.case_id == case_id,
        _D.tenant == tenant,
        _D.destination == destination,
        _D.state.in_(OPEN_STATES),
    )
    rows = await connection.execute(statement.order_by(_D.delivery_id).with_for_update())
    return [to_delivery(row) for row in rows]


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
