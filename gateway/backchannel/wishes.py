"""What operators ask for a delivery: done at once, or once the copy that is in flight is settled.

A redirect moves a case's way from one destination to another: all that the first has yet to take goes to the
second, in its order, and so does what comes later. An acceptance in the meantime wins over any wish.
"""

from dataclasses import replace

from gateway.backchannel.work import CaseWork
from gateway.contract.states import DeliveryState, Role
from gateway.store import actions, cases, deliveries, reports
from gateway.store.actions import ActionKind, ActionOutcome
from gateway.store.rows import DeliveryRow
from gateway.store.signals import destination_key

BY_OPERATOR = "operator"
"""The code of what happened because an operator asked for it."""


async def fulfil(work: CaseWork, row: DeliveryRow, *, only: ActionKind | None = None) -> bool:
    """Do what was asked for a delivery whose copy is settled; False when nothing was.

    Args:
        only: leave any other wish as it is.
    """
    if row.wish is None:
        return False
    kind, target = await actions.get_wish(work.connection, row.wish)
    if only not in {None, kind}:
        return False
    await actions.end_wish(work.connection, row, ActionOutcome.DONE, now=work.now)
    if kind is ActionKind.REDIRECT and target:
        await redirect(work, row, target)
    else:
        await cancel(work, row)
    return True


async def give_up(work: CaseWork, row: DeliveryRow) -> None:
    """Void what was asked for a delivery that has ended otherwise; an operator hears of it."""
    if row.wish is None:
        return
    kind, _ = await actions.get_wish(work.connection, row.wish)
    await actions.end_wish(work.connection, row, ActionOutcome.VOID, now=work.now)
    if row.state is not DeliveryState.CANCELLED:
        await work.find("wish_void", delivery=row, code=kind)


async def cancel(work: CaseWork, row: DeliveryRow, *, code: str = BY_OPERATOR) -> None:
    """End a delivery that is not in flight."""
    # Only a copy that was in flight ends now; an attempt that failed keeps its outcome.
    attempt = row.attempt if row.state is DeliveryState.SENT else 0
    await deliveries.settle(
        work.connection, row, DeliveryState.CANCELLED, attempt=attempt, now=work.now, code=code
    )
    await work.record("delivery.cancelled", message_id=row.message_id, destination=row.destination, code=code)
    await reports.resolve_findings(work.connection, row.delivery_id, now=work.now)
    work.wakes.add(destination_key(row.destination))
    await work.refresh_submissions()


async def redirect(work: CaseWork, row: DeliveryRow, target: str) -> None:
    """Send to another destination what this one has yet to take of the case, and what is still to come."""
    for each in await actions.unsettled(work.connection, row):
        await actions.send_elsewhere(work.connection, each, target, now=work.now)
        await cancel(work, each, code=cases.REDIRECTED)
        await work.record("delivery.redirected", message_id=each.message_id, destination=target)
    work.wakes.add(destination_key(target))
    await _change_route(work, row, target)


async def _change_route(work: CaseWork, row: DeliveryRow, target: str) -> None:
    case = work.case
    lead, copies = case.lead, case.copies
    if row.role is Role.LEAD:
        lead = target
    else:
        copies = tuple(target if name == row.destination else name for name in copies)
    await cases.set_route(work.connection, case, lead=lead, copies=copies, now=work.now)
    work.case = replace(case, lead=lead, copies=copies)
