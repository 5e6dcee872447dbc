"""What operators do to deliveries: who asked for what and why, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.ids import new_id
from gateway.contract.states import DeliveryState
from gateway.store.deliveries import lower_open, to_delivery
from gateway.store.rows import Case, DeliveryRow
from gateway.store.tables import OPEN_STATES, actions, attempts, deliveries

_A, _D = actions.c, deliveries.c


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


def action_row(
    case: Case,
    row: DeliveryRow,
    kind: ActionKind,
    by: By,
    *,
    outcome: ActionOutcome,
    now: datetime,
    target: str | None = None,
) -> dict[str, Any]:
    """Build the row of an action on a delivery of a locked case."""
    return {
        "action_id": new_id(),
        "tenant": case.tenant,
        "at": now,
        "operator": by.operator,
        "kind": kind,
        "case_id": case.case_id,
        "delivery_id": row.delivery_id,
        "target": target,
        "reason": by.reason,
        "outcome": outcome,
        "ended_at": None if outcome is ActionOutcome.WISHED else now,
        "erase_after": case.erase_after,
    }


async def get_wish(connection: AsyncConnection, action_id: str) -> tuple[ActionKind, str | None]:
    """Read what was asked for, and where to for a redirect."""
    statement = select(_A.kind, _A.target).where(_A.action_id == action_id)
    wish = (await connection.execute(statement)).one()
    return ActionKind(wish.kind), wish.target


async def due_wishes(connection: AsyncConnection, *, limit: int) -> list[DeliveryRow]:
    """Read deliveries whose copy is no longer in flight and that an operator asked something for."""
    statement = select(deliveries).where(_D.wish.is_not(None), _D.state != DeliveryState.SENT).limit(limit)
    return [to_delivery(row) for row in await connection.execute(statement)]


async def find(connection: AsyncConnection, delivery_id: str) -> DeliveryRow | None:
    """Read a delivery, whoever's it is: operators of the command line work for every tenant."""
    row = (await connection.execute(select(deliveries).where(_D.delivery_id == delivery_id))).one_or_none()
    return to_delivery(row) if row else None


async def been_there(connection: AsyncConnection, row: DeliveryRow, destination: str) -> bool:
    """Say whether the message of a delivery was sent to another destination before."""
    earlier = select(_D.delivery_id).where(
        _D.case_id == row.case_id,
        _D.message_id == row.message_id,
        _D.destination == destination,
        _D.attempt > 0,
    )
    return (await connection.execute(earlier.limit(1))).first() is not None


async def failed_of(connection: AsyncConnection, destination: str) -> list[str]:
    """List the failed deliveries of a destination, the oldest first."""
    statement = select(_D.delivery_id).where(_D.destination == destination, _D.state == DeliveryState.FAILED)
    return list((await connection.execute(statement.order_by(_D.delivery_id))).scalars())


async def overview(
    connection: AsyncConnection,
    *,
    destination: str | None,
    tenant: str | None,
    state: DeliveryState | None,
    limit: int,
) -> Sequence[Any]:
    """List deliveries, the oldest first: rows of `deliveries` with `wished`, `waits_for` and `last_outcome`.

    `wished` is what an operator wants of it, `waits_for` the number of the message of its case that must go
    first, `last_outcome` how its latest attempt ended.
    Without a state, those that are not settled; of settled ones the latest come first.
    """
    open_ones = state is None or state in OPEN_STATES
    last_outcome = select(attempts.c.outcome).where(
        attempts.c.delivery_id == _D.delivery_id, attempts.c.attempt == _D.attempt
    )
    statement = select(
        deliveries,
        _A.kind.label("wished"),
        _A.target,
        lower_open().scalar_subquery().label("waits_for"),
        last_outcome.scalar_subquery().label("last_outcome"),
    ).outerjoin(actions, _A.action_id == _D.wish)
    if open_ones:
        statement = statement.where(_D.state.in_(OPEN_STATES))
    for column, value in ((_D.destination, destination), (_D.tenant, tenant), (_D.state, state)):
        if value is not None:
            statement = statement.where(column == value)
    order = _D.delivery_id if open_ones else _D.delivery_id.desc()
    return (await connection.execute(statement.order_by(order).limit(limit))).all()


async def history(
    connection: AsyncConnection, *, case_id: str | None, tenant: str | None, limit: int
) -> Sequence[Any]:
    """List what operators did, the latest first: rows of `actions`."""
    statement = select(actions)
    for column, value in ((_A.case_id, case_id), (_A.tenant, tenant)):
        if value is not None:
            statement = statement.where(column == value)
    return (await connection.execute(statement.order_by(_A.action_id.desc()).limit(limit))).all()
