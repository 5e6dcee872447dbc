"""What became of a delivery: accepted, refused or failed, seen through the fence."""

from datetime import timedelta

from gateway.backchannel import wishes
from gateway.backchannel.letters import rejection
from gateway.backchannel.work import CaseWork
from gateway.contract.codes import RejectCode
from gateway.contract.report import Accepted, Failed, FailureKind, Refused
from gateway.contract.states import DeliveryState, FindingKind, Role
from gateway.domain.case import CaseEvent
from gateway.domain.delivery import Effect, Fence
from gateway.domain.retry import ALERT_AFTER, next_try
from gateway.store import overdue
from gateway.store.actions import ActionKind
from gateway.store.rows import DeliveryRow
from gateway.store.signals import destination_key

MAX_CODE = 40
"""What a code has room for."""


async def accepted(work: CaseWork, row: DeliveryRow, body: Accepted, *, attempt: int | None) -> Effect:
    """The destination has it: of any attempt, that wins."""
    effect = Fence(row.state, row.attempt).accepted()
    if effect is Effect.CONTRADICTS:
        work.find(FindingKind.ACCEPTED_AFTER_END, delivery=row, code=row.state)
        return effect
    if effect is Effect.REPEAT:
        await _compare(work, row, body)
        return effect
    work.settle(row, DeliveryState.ACCEPTED, attempt=attempt)
    await wishes.give_up(work, row)
    if row.tries or row.attempt > 1 or row.state is DeliveryState.FAILED:
        work.resolve_findings(row)
    work.add_reference(row.destination, "foreign_id", body.foreign_id)
    if body.reference:
        work.add_reference(row.destination, "reference", body.reference)
    if row.role is Role.LEAD:
        work.mark_received()
    return effect


async def _compare(work: CaseWork, row: DeliveryRow, body: Accepted) -> None:
    """Two attempts that were accepted under different ids are one application registered twice."""
    if not await work.has_reference(row.destination, body.foreign_id):
        work.add_reference(row.destination, "foreign_id", body.foreign_id)
        work.find(FindingKind.ACCEPTED_TWICE, delivery=row)


async def refused(work: CaseWork, row: DeliveryRow, body: Refused, *, attempt: int | None) -> Effect:
    """The destination refuses the applicant: from the lead a Rückweisung, from a copy a failure."""
    effect = Fence(row.state, row.attempt).ended(attempt)
    # Of the lead that an operator turned away from, no refusal reaches the applicant.
    stands = ActionKind.REDIRECT if row.role is Role.LEAD else None
    if effect is not Effect.APPLY or await wishes.fulfil(work, row, only=stands):
        return effect
    if row.role is Role.COPY:
        _fail(work, row, code="copy_refused")
        return effect
    work.settle(row, DeliveryState.REFUSED, code=body.code)
    work.resolve_findings(row)
    await wishes.give_up(work, row)
    work.post(await rejection(work, row.message_id, code=body.code, reason=body.reason))
    if row.case_seq == 1:
        await _close_refused(work)
    return effect


async def _close_refused(work: CaseWork) -> None:
    """A refused first message ends the case; follow-ups that wait are cancelled, with notice."""
    work.move(CaseEvent.REFUSAL)
    noticed = set()
    for row in await work.waiting_submissions():
        work.settle(row, DeliveryState.CANCELLED)
        work.resolve_findings(row)
        if row.message_id not in noticed:
            noticed.add(row.message_id)
            work.post(
                await rejection(
                    work,
                    row.message_id,
                    code=RejectCode.OTHER,
                    reason="Der Antrag, zu dem diese Nachricht gehört, wurde zurückgewiesen. / "
                    "The application that this message belongs to was refused.",
                )
            )


async def failed(work: CaseWork, row: DeliveryRow, body: Failed, *, attempt: int | None) -> Effect:
    """A technical fault: tried again for days, then an operator's business; never the applicant's."""
    effect = Fence(row.state, row.attempt).ended(attempt)
    if effect is not Effect.APPLY or await wishes.fulfil(work, row):
        return effect
    plan = next_try(row.tries, row.first_failed_at or work.now, work.now, body.retry_after_s)
    if body.kind is FailureKind.PERMANENT or plan is None:
        _fail(work, row, code=body.kind if plan else "gave_up")
        return effect
    due_at = work.now + timedelta(seconds=plan.delay_s)
    work.retry(row, due_at=due_at, look_up=body.kind is FailureKind.UNKNOWN, outcome=body.kind)
    work.record("delivery.retried", message_id=row.message_id, destination=row.destination, code=body.kind)
    if plan.alert and not await work.has_open_finding(FindingKind.DELIVERY_FAILING, row.delivery_id):
        work.find(FindingKind.DELIVERY_FAILING, delivery=row, code=body.kind)
    return effect


async def unsendable(work: CaseWork, row: DeliveryRow, *, attempt: int, error: str) -> Effect:
    """A copy cannot even be put on the wire, and never will: an operator must see why."""
    effect = Fence(row.state, row.attempt).ended(attempt)
    if effect is Effect.APPLY and not await wishes.fulfil(work, row):
        _fail(work, row, code=error[:MAX_CODE])
    return effect


async def expired(work: CaseWork, row: DeliveryRow, *, attempt: int | None) -> Effect:
    """A copy died of age in the queue, which is no failure; a worker that died may have started it before."""
    effect = Fence(row.state, row.attempt).ended(attempt)
    if effect is Effect.APPLY and not await wishes.fulfil(work, row):
        work.retry(row, due_at=work.now, look_up=True, outcome="expired", counts=False)
        for silent in await overdue.find_silent(work.connection, [row], before=work.now - ALERT_AFTER):
            work.find(FindingKind.DELIVERY_SILENT, delivery=silent)
        work.wakes.add(destination_key(row.destination))
    return effect


def _fail(work: CaseWork, row: DeliveryRow, *, code: str) -> None:
    work.settle(row, DeliveryState.FAILED, code=code)
    work.find(FindingKind.DELIVERY_FAILED, delivery=row, code=code)
