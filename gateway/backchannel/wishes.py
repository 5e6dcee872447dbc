"""What operators ask for a delivery: done at once, or once the copy that is in flight is settled.

A redirect moves a case's way from one destination to another: all that the first has yet to take goes to the
second, in its order, and so does what comes later. An acceptance in the meantime wins over any wish.
"""

from dataclasses import replace

from gateway.backchannel.work import CaseWork
from gateway.contract.states import DeliveryState, FindingKind, ReportState, Role
from gateway.store import actions, cases
from gateway.store.actions import ActionKind, ActionOutcome
from gateway.store.rows import DeliveryRow

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
    end(work, row, ActionOutcome.DONE)
    if kind is ActionKind.REDIRECT and target:
        await redirect(work, row, target)
    else:
        cancel(work, row)
    return True


async def give_up(work: CaseWork, row: DeliveryRow) -> None:
    """Void what was asked for a delivery that has ended otherwise; an operator hears of it."""
    if row.wish is None:
        return
    kind, _ = await actions.get_wish(work.connection, row.wish)
    end(work, row, ActionOutcome.VOID)
    if row.state is not DeliveryState.CANCELLED:
        work.find(FindingKind.WISH_VOID, delivery=row, code=kind)


def end(work: CaseWork, row: DeliveryRow, outcome: ActionOutcome) -> None:
    """Write what became of a delivery's wish, which has none any more."""
    if row.wish:
        work.end_action(row.wish, outcome)
        work.change_delivery(row, wish=None)


def cancel(work: CaseWork, row: DeliveryRow, *, code: str = BY_OPERATOR) -> None:
    """End a delivery that is not in flight."""
    in_flight = row.state is DeliveryState.SENT
    work.settle(row, DeliveryState.CANCELLED, code=code, ends_attempt=in_flight)
    work.resolve_findings(row)


async def redirect(work: CaseWork, row: DeliveryRow, target: str) -> None:
    """Send to another destination what this one has yet to take of the case, and what is still to come."""
    for each in await work.unsettled(row.destination):
        # Where it was there before, as after a redirect to and fro, it may have taken effect.
        been_there = await actions.been_there(work.connection, each, target)
        work.send_elsewhere(each, target, look_up=been_there)
        cancel(work, each, code=cases.REDIRECTED)
        work.record("delivery.redirected", message_id=each.message_id, destination=target)
    if row.role is Role.LEAD:
        await _reject_parked(work, row.destination)
    _change_route(work, row, target)


async def _reject_parked(work: CaseWork, destination: str) -> None:
    """Keep as rejected what the old lead has said out of order: what it waits for would be rejected now."""
    for report in await work.all_parked(destination):
        work.mark(report, ReportState.REJECTED, keep_body=True)
        work.find(FindingKind.REPORT_REJECTED, destination=destination, code="not_the_lead")


def _change_route(work: CaseWork, row: DeliveryRow, target: str) -> None:
    case = work.case
    if row.role is Role.LEAD:
        work.case = replace(case, lead=target)
    else:
        copies = tuple(target if name == row.destination else name for name in case.copies)
        work.case = replace(case, copies=copies)
