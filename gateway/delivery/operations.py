"""What operators do to a delivery: send it again, end it, or send it elsewhere.

At once on what waits or has failed. A copy that is in flight cannot be called back: what was asked for stands
as a wish until it is settled, and is void when the destination accepts it first.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from gateway.backchannel import wishes
from gateway.backchannel.docket import work_on
from gateway.backchannel.work import CaseWork
from gateway.config import Config
from gateway.contract.ids import is_id
from gateway.contract.states import DeliveryState
from gateway.domain.delivery import CANCELLABLE
from gateway.errors import NotPossible
from gateway.store import SqlStore, actions
from gateway.store.actions import ActionKind, ActionOutcome, By
from gateway.store.rows import Case, DeliveryRow
from gateway.store.signals import destination_key
from gateway.store.tables import actions as action_table

_log = structlog.get_logger()


async def retry(store: SqlStore, config: Config, delivery_id: str, by: By) -> ActionOutcome:
    """Send a delivery again now; back-off and its seven days begin anew.

    Raises:
        NotPossible: it is in flight, or settled; with a sentence.
    """
    async with _delivery(store, config, delivery_id) as (work, row):
        if row.state not in CANCELLABLE:
            raise NotPossible(f"it is {row.state}: only what waits or has failed can be tried again")
        if row.wish:
            raise NotPossible("something else was asked for and is about to be done")
        work.change_delivery(
            row,
            state=DeliveryState.WAITING,
            due_at=work.now,
            tries=0,
            first_failed_at=None,
            code=None,
        )
        work.resolve_findings(row)
        work.record(
            "delivery.retried",
            message_id=row.message_id,
            destination=row.destination,
            code=wishes.BY_OPERATOR,
        )
        work.wakes.add(destination_key(row.destination))
        _write(work, row, ActionKind.RETRY, by, ActionOutcome.DONE)
    return ActionOutcome.DONE


async def cancel(store: SqlStore, config: Config, delivery_id: str, by: By) -> ActionOutcome:
    """End a delivery without success; whoever applied is not told.

    Raises:
        NotPossible: it is settled; with a sentence.
    """
    async with _delivery(store, config, delivery_id) as (work, row):
        _check_open(row)
        if row.state is DeliveryState.SENT:
            return _wish(work, row, ActionKind.CANCEL, by)
        wishes.end(work, row, ActionOutcome.REPLACED)
        wishes.cancel(work, row)
        _write(work, row, ActionKind.CANCEL, by, ActionOutcome.DONE)
    return ActionOutcome.DONE


async def redirect(store: SqlStore, config: Config, delivery_id: str, target: str, by: By) -> ActionOutcome:
    """Send what a destination has yet to take of a case to another of the same tenant, in order.

    What comes later goes there too, and where the destination was the lead the new one is.

    Raises:
        NotPossible: it is settled, or cannot go there; with a sentence.
    """
    async with _delivery(store, config, delivery_id) as (work, row):
        _check_open(row)
        _check_target(config, work.case, row, target)
        for each in await work.unsettled(row.destination):
            if each.state is DeliveryState.SENT:
                # It is the first of them: the others stay behind it until it is settled.
                return _wish(work, each, ActionKind.REDIRECT, by, target=target)
            wishes.end(work, each, ActionOutcome.REPLACED)
        await wishes.redirect(work, row, target)
        _write(work, row, ActionKind.REDIRECT, by, ActionOutcome.DONE, target=target)
    return ActionOutcome.DONE


@asynccontextmanager
async def _delivery(
    store: SqlStore, config: Config, delivery_id: str
) -> AsyncIterator[tuple[CaseWork, DeliveryRow]]:
    found = None
    if is_id(delivery_id):
        async with store.read() as connection:
            found = await actions.find(connection, delivery_id)
    if found is None:
        raise NotPossible("there is no such delivery")
    async with work_on(store, config, found.case_id, tenant=found.tenant) as work:
        row = await work.fetch_delivery(delivery_id, destination=found.destination)
        yield work, row or found


def _check_open(row: DeliveryRow) -> None:
    if row.state not in {DeliveryState.SENT, *CANCELLABLE}:
        raise NotPossible(f"it is {row.state} already, and nothing can be changed about that")


def _check_target(config: Config, case: Case, row: DeliveryRow, target: str) -> None:
    destination = config.destination.get(target)
    if destination is None or destination.tenant != case.tenant:
        own = sorted(each.name for each in config.destinations if each.tenant == case.tenant)
        raise NotPossible(f"{target} is no destination of {case.tenant}; there are {', '.join(own)}")
    if destination.test != case.test:
        raise NotPossible("test messages go to test destinations, and no others go there")
    if target in {row.destination, case.lead, *case.copies}:
        raise NotPossible(f"{target} gets this case already")


def _wish(
    work: CaseWork, row: DeliveryRow, kind: ActionKind, by: By, *, target: str | None = None
) -> ActionOutcome:
    wishes.end(work, row, ActionOutcome.REPLACED)
    action_id = _write(work, row, kind, by, ActionOutcome.WISHED, target=target)
    work.change_delivery(row, wish=action_id)
    return ActionOutcome.WISHED


def _write(
    work: CaseWork,
    row: DeliveryRow,
    kind: ActionKind,
    by: By,
    outcome: ActionOutcome,
    *,
    target: str | None = None,
) -> str:
    action = actions.action_row(work.case, row, kind, by, outcome=outcome, now=work.now, target=target)
    action_id: str = action["action_id"]
    work.insert(action_table, action)
    _log.info(
        "operator_acted",
        action_id=action_id,
        operator=by.operator,
        kind=kind,
        outcome=outcome,
        delivery_id=row.delivery_id,
        case_id=row.case_id,
        destination=row.destination,
        target=target,
    )
    return action_id
