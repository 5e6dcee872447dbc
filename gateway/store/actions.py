"""What operators do to deliveries: who asked for what and why, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.ids import new_id
from gateway.contract.states import DeliveryState
from gateway.store.accept import delivery_row
from gateway.store.deliveries import to_delivery
from gateway.store.rows import Case, DeliveryRow
from gateway.store.tables import OPEN_STATES, actions, deliveries

_A, _D = actions.c, deliveries.c
_UNSETTLED: Any = bindparam("unsettled", OPEN_STATES, expanding=True, literal_execute=True)


class ActionKind(StrEnum):
    """What an operator can do to a delivery."""

    RETRY = "retry"
    CANCEL = "cancel"
    REDIRECT = "redirect"


class ActionOutcome(StrEnum):
    """What became of it; `wished` until the copy in flight is settled."""

    DONE = "done"
    WISHED = "wished"
    VOID = "void"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class By:
    """Who acts, and why; the reason is kept with the action and nowhere else."""

    operator: str
    reason: str | None = None


async def write(
    connection: AsyncConnection,
    case: Case,
    row: DeliveryRow,
    kind: ActionKind,
    by: By,
    *,
    outcome: ActionOutcome,
    now: datetime,
    target: str | None = None,
) -> str:
    """Write an action on a delivery of a locked case down and return its id."""
    action_id = new_id()
    await connection.execute(
        actions.insert().values(
            action_id=action_id,
            tenant=case.tenant,
            at=now,
            operator=by.operator,
            kind=kind,
            case_id=case.case_id,
            delivery_id=row.delivery_id,
            target=target,
            reason=by.reason,
            outcome=outcome,
            ended_at=None if outcome is ActionOutcome.WISHED else now,
            erase_after=case.erase_after,
        )
    )
    return action_id


async def get_wish(connection: AsyncConnection, action_id: str) -> tuple[ActionKind, str | None]:
    """Read what was asked for, and where to for a redirect."""
    statement = select(_A.kind, _A.target).where(_A.action_id == action_id)
    wish = (await connection.execute(statement)).one()
    return ActionKind(wish.kind), wish.target


async def set_wish(connection: AsyncConnection, row: DeliveryRow, action_id: str | None) -> None:
    """Remember, or forget, what is to be done once the copy of a locked delivery is settled."""
    await connection.execute(
        update(deliveries).where(_D.delivery_id == row.delivery_id).values(wish=action_id)
    )


async def end_wish(
    connection: AsyncConnection, row: DeliveryRow, outcome: ActionOutcome, *, now: datetime
) -> None:
    """Write what became of a delivery's wish, which has none any more."""
    await connection.execute(
        update(actions).where(_A.action_id == row.wish).values(outcome=outcome, ended_at=now)
    )
    await set_wish(connection, row, None)


async def due_wishes(connection: AsyncConnection, *, limit: int) -> list[DeliveryRow]:
    """Read deliveries whose copy is no longer in flight and that an operator asked something for."""
    statement = select(deliveries).where(_D.wish.is_not(None), _D.state != DeliveryState.SENT).limit(limit)
    return [to_delivery(row) for row in await connection.execute(statement)]


async def find(connection: AsyncConnection, delivery_id: str) -> DeliveryRow | None:
    """Read a delivery, whoever's it is: operators of the command line work for every tenant."""
    row = (await connection.execute(select(deliveries).where(_D.delivery_id == delivery_id))).one_or_none()
    return to_delivery(row) if row else None


async def unsettled(connection: AsyncConnection, row: DeliveryRow) -> list[DeliveryRow]:
    """Lock and read everything of the delivery's case that its destination has yet to take, in order."""
    statement = (
        select(deliveries)
        .where(
            _D.case_id == row.case_id,
            _D.destination == row.destination,
            _D.state.in_(_UNSETTLED),
        )
        .order_by(_D.case_seq)
        .with_for_update()
    )
    return [to_delivery(each) for each in await connection.execute(statement)]


async def send_elsewhere(
    connection: AsyncConnection, row: DeliveryRow, destination: str, *, now: datetime
) -> None:
    """Put the message of a delivery on its way to another destination, in the same role and place.

    Where it was there before, as after a redirect to and fro, it may have taken effect.
    """
    earlier = select(_D.delivery_id).where(
        _D.case_id == row.case_id,
        _D.message_id == row.message_id,
        _D.destination == destination,
        _D.attempt > 0,
    )
    been_there = (await connection.execute(earlier.limit(1))).first() is not None
    await connection.execute(
        deliveries.insert().values(
            look_up=been_there,
            **delivery_row(
                tenant=row.tenant,
                message_id=row.message_id,
                case_id=row.case_id,
                case_seq=row.case_seq,
                destination=destination,
                role=row.role,
                now=now,
            ),
        )
    )


async def start_over(connection: AsyncConnection, row: DeliveryRow, *, now: datetime) -> None:
    """Send a delivery of a locked case again now; back-off and its seven days begin anew."""
    await connection.execute(
        update(deliveries)
        .where(_D.delivery_id == row.delivery_id)
        .values(
            state=DeliveryState.WAITING,
            due_at=now,
            tries=0,
            first_failed_at=None,
            code=None,
            updated_at=now,
        )
    )


async def failed_of(connection: AsyncConnection, destination: str) -> list[str]:
    """List the failed deliveries of a destination, the oldest first."""
    statement = select(_D.delivery_id).where(
        _D.destination == destination, _D.state.in_(_UNSETTLED), _D.state == DeliveryState.FAILED
    )
    return list((await connection.execute(statement.order_by(_D.delivery_id))).scalars())


async def overview(
    connection: AsyncConnection,
    *,
    destination: str | None,
    tenant: str | None,
    state: DeliveryState | None,
    limit: int,
) -> Sequence[Any]:
    """List deliveries, the oldest first, with the wish that waits: rows of `deliveries` with `wished`.

    Without a state, those that are not settled; of settled ones the latest come first.
    """
    open_ones = state is None or state in OPEN_STATES
    statement = select(deliveries, _A.kind.label("wished"), _A.target).outerjoin(
        actions, _A.action_id == _D.wish
    )
    if open_ones:
        statement = statement.where(_D.state.in_(_UNSETTLED))
    for column, value in ((_D.destination, destination), (_D.tenant, tenant), (_D.state, state)):
        if value is not None:
            statement = statement.where(column == value)
    order = _D.delivery_id if open_ones else _D.delivery_id.desc()
    return (await connection.execute(statement.order_by(order).limit(limit))).all()
