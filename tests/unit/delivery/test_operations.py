"""What operators do to deliveries, also while a copy is in flight."""

import json

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from gateway.config import Config
from gateway.contract.report import FailureKind, ReportType
from gateway.delivery import operations
from gateway.errors import NotPossible
from gateway.store.actions import ActionOutcome, By
from gateway.store.tables import actions, cases, deliveries, findings
from tests.contract.store.make import COPY, LEAD
from tests.unit.backchannel.world import Dialogue, World, status_xml

BY = By("a-kaya", "wrong office, says Ms Quandt")
OTHER = COPY
"""A second destination of the tenant; cases here go to the lead alone."""


async def act(world: World, operation: str, delivery_id: str, *args: str) -> ActionOutcome:
    return await getattr(operations, operation)(world.store, world.config, delivery_id, *args, BY)


async def redirect(world: World, delivery_id: str, target: str = OTHER) -> ActionOutcome:
    return await act(world, "redirect", delivery_id, target)


async def waiting(world: World, **changes: object) -> str:
    """Submit something and return its delivery to the lead, which waits."""
    submitted = await world.submit(copies=(), **changes)
    statement = select(deliveries.c.delivery_id).where(
        deliveries.c.message_id == submitted.submission_id, deliveries.c.destination == LEAD
    )
    ((delivery_id,),) = await world.rows(statement)
    return delivery_id


async def lease_over(world: World) -> None:
    world.clock.advance(seconds=world.settings.lease_s + 1)
    await world.sweep.return_expired()
    await world.sweep.fulfil_wishes()


async def outcomes(world: World) -> list[str]:
    return [row.outcome for row in await world.rows(select(actions).order_by(actions.c.action_id))]


async def open_findings(world: World) -> list[tuple[str, str | None]]:
    rows = await world.rows(select(findings).where(findings.c.resolved_at.is_(None)))
    return [(row.kind, row.code) for row in rows]


# --- retry


async def test_retry_sends_what_failed_again_and_looks_it_up(world: World) -> None:
    submitted = await world.submit(copies=())
    delivery = await world.send_one()
    await world.failed(delivery, FailureKind.PERMANENT)
    assert await world.status(submitted.submission_id) == "failed"
    assert await act(world, "retry", delivery.delivery_id) is ActionOutcome.DONE
    assert await world.status(submitted.submission_id) == "accepted"
    assert await open_findings(world) == []
    again = await world.send_one()
    assert (again.attempt, again.look_up) == (2, True)


async def test_retry_begins_backoff_and_days_anew(world: World) -> None:
    await world.submit(copies=())
    delivery = await world.send_one()
    for _ in range(3):
        await world.failed(delivery)
        world.clock.advance(hours=2)
        delivery = await world.send_one()
    await world.failed(delivery)
    await act(world, "retry", delivery.delivery_id)
    row = await world.delivery(delivery.delivery_id)
    assert (row.state, row.tries, row.first_failed_at, row.due_at) == (
        "waiting",
        0,
        None,
        world.clock.now(),
    )
    await world.failed(await world.send_one())
    due_in = (await world.delivery(delivery.delivery_id)).due_at - world.clock.now()
    assert 4 <= due_in.total_seconds() <= 5


async def test_action_is_kept_with_who_and_why_and_the_reason_nowhere_else(world: World) -> None:
    delivery_id = await waiting(world)
    with capture_logs() as logs:
        await act(world, "cancel", delivery_id)
    (row,) = await world.rows(select(actions))
    assert (row.operator, row.reason, row.kind, row.outcome) == (BY.operator, BY.reason, "cancel", "done")
    assert row.delivery_id == delivery_id
    assert [line["event"] for line in logs] == ["operator_acted"]
    assert "Quandt" not in json.dumps(logs, default=str)


# --- cancel


async def test_cancel_ends_what_waits_at_once(world: World) -> None:
    submitted = await world.submit(copies=())
    (row,) = await world.rows(select(deliveries))
    assert await act(world, "cancel", row.delivery_id) is ActionOutcome.DONE
    row = await world.delivery(row.delivery_id)
    assert (row.state, row.code) == ("cancelled", "operator")
    assert await world.status(submitted.submission_id) == "cancelled"
    assert await world.send() == []
    assert ("delivery.cancelled", "operator") in await world.events(submitted)


async def test_cancel_ends_what_failed_and_its_finding(world: World) -> None:
    await world.submit(copies=())
    delivery = await world.send_one()
    await world.failed(delivery, FailureKind.PERMANENT)
    await act(world, "cancel", delivery.delivery_id)
    assert await world.state(delivery) == "cancelled"
    assert await world.attempts(delivery) == ["failed"]
    assert await open_findings(world) == []


@pytest.mark.parametrize("kind", list(FailureKind))
async def test_cancel_waits_for_the_copy_in_flight_and_is_done_when_it_fails(
    world: World, kind: FailureKind
) -> None:
    submitted = await world.submit(copies=())
    delivery = await world.send_one()
    assert await act(world, "cancel", delivery.delivery_id) is ActionOutcome.WISHED
    assert await world.state(delivery) == "sent"
    await world.failed(delivery, kind)
    assert await world.state(delivery) == "cancelled"
    assert await world.status(submitted.submission_id) == "cancelled"
    assert await outcomes(world) == ["done"]
    assert await open_findings(world) == []


@pytest.mark.parametrize("reason", ["expired", "rejected", "delivery_limit"])
async def test_cancel_is_done_when_the_copy_is_a_dead_letter(world: World, reason: str) -> None:
    await world.submit(copies=())
    delivery = await world.send_one()
    await act(world, "cancel", delivery.delivery_id)
    await world.bury(delivery, reason)
    assert await world.state(delivery) == "cancelled"


async def test_cancel_is_done_when_the_lease_is_over(world: World) -> None:
    await world.submit(copies=())
    delivery = await world.send_one()
    await act(world, "cancel", delivery.delivery_id)
    await lease_over(world)
    assert await world.state(delivery) == "cancelled"
    assert await world.send() == []


async def test_nothing_is_sent_again_while_a_wish_waits_for_the_sweep(world: World) -> None:
    await world.submit(copies=())
    delivery = await world.send_one()
    await act(world, "cancel", delivery.delivery_id)
    world.clock.advance(seconds=world.settings.lease_s + 1)
    await world.sweep.return_expired()
    assert await world.send() == []
    await world.sweep.fulfil_wishes()
    assert await world.state(delivery) == "cancelled"


@pytest.mark.parametrize("operation", ["cancel", "redirect"])
async def test_acceptance_in_the_meantime_voids_the_wish_and_says_so(world: World, operation: str) -> None:
    submitted = await world.submit(copies=())
    delivery = await world.send_one()
    await act(world, operation, delivery.delivery_id, *([OTHER] if operation == "redirect" else []))
    await world.accepted(delivery)
    assert await world.status(submitted.submission_id) == "delivered"
    assert await outcomes(world) == ["void"]
    assert await open_findings(world) == [("wish_void", operation)]
    assert (await world.delivery(delivery.delivery_id)).wish is None
    assert (await world.case(submitted)).lead == LEAD


async def test_refusal_stands_against_a_cancel(world: World) -> None:
    submitted = await world.submit(copies=())
    delivery = await world.send_one()
    await act(world, "cancel", delivery.delivery_id)
    await world.refused(delivery)
    assert await world.status(submitted.submission_id) == "refused"
    assert await world.letters() == ["1190"]
    assert await outcomes(world) == ["void"]


async def test_acceptance_after_a_cancel_asks_an_operator(world: World) -> None:
    await world.submit(copies=())
    delivery = await world.send_one()
    await act(world, "cancel", delivery.delivery_id)
    await lease_over(world)
    await world.accepted(delivery)
    assert await world.state(delivery) == "cancelled"
    assert await open_findings(world) == [("accepted_after_end", "cancelled")]


async def test_wish_of_a_row_that_a_withdrawal_cancelled_is_void(world: World) -> None:
    first = await world.submit(copies=())
    delivery = await world.send_one()
    await act(world, "cancel", delivery.delivery_id)
    world.clock.advance(seconds=world.settings.lease_s + 1)
    await world.sweep.return_expired()
    await world.submit(case_id=first.case_id, withdraws=True)
    await world.sweep.fulfil_wishes()
    assert await outcomes(world) == ["void"]
    assert await open_findings(world) == []
    assert (await world.delivery(delivery.delivery_id)).wish is None


async def test_second_wish_replaces_the_first(world: World) -> None:
    await world.submit(copies=())
    delivery = await world.send_one()
    await act(world, "cancel", delivery.delivery_id)
    await redirect(world, delivery.delivery_id)
    assert await outcomes(world) == ["replaced", "wished"]
    await world.failed(delivery)
    assert await outcomes(world) == ["replaced", "done"]
    assert (await world.send_one(OTHER)).submission_id == delivery.submission_id


# --- redirect


async def test_redirect_sends_what_waits_elsewhere(world: World) -> None:
    submitted = await world.submit(copies=())
    (row,) = await world.rows(select(deliveries))
    assert await redirect(world, row.delivery_id) is ActionOutcome.DONE
    row = await world.delivery(row.delivery_id)
    assert (row.state, row.code) == ("cancelled", "redirected")
    assert await world.send() == []
    there = await world.send_one(OTHER)
    assert (there.submission_id, there.role, there.attempt) == (submitted.submission_id, "lead", 1)
    assert await world.status(submitted.submission_id) == "accepted"
    await world.accepted(there)
    assert await world.status(submitted.submission_id) == "delivered"


async def test_new_lead_moves_the_case_and_the_old_one_no_more(world: World) -> None:
    submitted = await world.submit(copies=())
    (row,) = await world.rows(select(deliveries))
    await redirect(world, row.delivery_id)
    assert (await world.case(submitted)).lead == OTHER
    dialogue = Dialogue(world, submitted)
    await dialogue.process()
    assert (await world.case(submitted)).status == "open"
    assert await open_findings(world) == [("report_rejected", "not_the_lead")]
    await world.report(
        ReportType.CASE_STATUS, status_xml(submitted), submitted, destination=OTHER, case_sequence=1
    )
    assert (await world.case(submitted)).status == "in_progress"


async def test_what_the_old_lead_said_out_of_order_waits_for_nothing_any_more(world: World) -> None:
    submitted = await world.submit(copies=())
    (row,) = await world.rows(select(deliveries))
    early = await Dialogue(world, submitted, first=2).process()
    assert await world.report_state(early) == ("parked", early.body)
    world.clock.advance(hours=2)
    await world.sweep.look()
    assert await open_findings(world) == [("report_parked", early.report_id)]
    await redirect(world, row.delivery_id)
    assert await world.report_state(early) == ("rejected", early.body)
    await world.sweep.look()
    assert await open_findings(world) == [("report_rejected", "not_the_lead")]


async def test_everything_unsettled_of_the_case_is_redirected_in_order(world: World) -> None:
    first = await world.submit(copies=())
    delivery = await world.send_one()
    second = await world.submit(case_id=first.case_id)
    assert await redirect(world, delivery.delivery_id) is ActionOutcome.WISHED
    assert await world.send() == []
    assert await world.send(OTHER) == []
    await world.failed(delivery)
    third = await world.submit(case_id=first.case_id)
    for expected in (first, second, third):
        there = await world.send_one(OTHER)
        assert there.submission_id == expected.submission_id
        await world.accepted(there)
    assert await world.send() == []


async def test_redirect_of_a_later_message_waits_for_the_one_in_flight(world: World) -> None:
    first = await world.submit(copies=())
    sent = await world.send_one()
    delivery_id = await waiting(world, case_id=first.case_id)
    assert await redirect(world, delivery_id) is ActionOutcome.WISHED
    await lease_over(world)
    assert await world.state(sent) == "cancelled"
    there = await world.send_one(OTHER)
    assert (there.submission_id, there.case_seq) == (first.submission_id, 1)


async def test_redirect_wins_over_the_old_leads_refusal(world: World) -> None:
    submitted = await world.submit(copies=())
    delivery = await world.send_one()
    await redirect(world, delivery.delivery_id)
    await world.refused(delivery)
    assert await world.letters() == []
    assert await world.status(submitted.submission_id) == "accepted"
    assert (await world.case(submitted)).status == "open"
    await world.accepted(await world.send_one(OTHER))


async def test_acceptance_after_a_redirect_asks_an_operator(world: World) -> None:
    await world.submit(copies=())
    delivery = await world.send_one()
    await redirect(world, delivery.delivery_id)
    await lease_over(world)
    await world.accepted(delivery)
    assert await open_findings(world) == [("accepted_after_end", "cancelled")]
    assert len(await world.send(OTHER)) == 1


async def test_message_that_comes_back_is_looked_up(world: World) -> None:
    await world.submit(copies=())
    delivery = await world.send_one()
    await world.failed(delivery)
    await redirect(world, delivery.delivery_id)
    there = await world.send_one(OTHER)
    await world.failed(there)
    await redirect(world, there.delivery_id, LEAD)
    back = await world.send_one()
    assert (back.delivery_id != delivery.delivery_id, back.attempt, back.look_up) == (True, 1, True)


async def test_copy_is_redirected_with_what_comes_later(world: World) -> None:
    other = "musteramt-zweite-stelle"
    written = world.config.model_dump()
    written["destinations"] = [*written["destinations"], written["destinations"][0] | {"name": other}]
    world.config = Config.model_validate(written)
    submitted = await world.submit()
    statement = select(deliveries).where(deliveries.c.destination == COPY)
    (row,) = await world.rows(statement)
    await redirect(world, row.delivery_id, other)
    (case,) = await world.rows(select(cases))
    assert (case.lead, case.copies) == (LEAD, [other])
    assert set(await world.states(submitted.submission_id)) == {LEAD, COPY, other}


# --- what is not possible


@pytest.mark.parametrize("operation", ["retry", "cancel", "redirect"])
async def test_settled_delivery_cannot_be_changed(world: World, operation: str) -> None:
    await world.submit(copies=())
    delivery = await world.send_one()
    await world.accepted(delivery)
    with pytest.raises(NotPossible, match="accepted"):
        await act(world, operation, delivery.delivery_id, *([OTHER] if operation == "redirect" else []))
    assert await outcomes(world) == []


async def test_copy_in_flight_cannot_be_tried_again(world: World) -> None:
    await world.submit(copies=())
    delivery = await world.send_one()
    with pytest.raises(NotPossible, match="sent"):
        await act(world, "retry", delivery.delivery_id)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("dms-landkreis", "no destination of musterstadt; there are dms-musterstadt"),
        ("nowhere", "no destination of musterstadt"),
        ("musteramt-test", "test"),
        (LEAD, "gets this case already"),
        (COPY, "gets this case already"),
    ],
)
async def test_redirect_names_a_destination_that_can_take_it(
    world: World, target: str, sentence: str
) -> None:
    submitted = await world.submit()
    (row,) = [
        row
        for row in await world.rows(select(deliveries))
        if row.destination == LEAD and row.message_id == submitted.submission_id
    ]
    with pytest.raises(NotPossible, match=sentence):
        await redirect(world, row.delivery_id, target)


async def test_delivery_that_is_not_there_is_said(world: World) -> None:
    with pytest.raises(NotPossible, match="no such delivery"):
        await act(world, "cancel", "01930000-0000-7000-8000-000000000000")


# --- what the machines against their model have shown


async def test_decision_of_the_former_lead_stands_when_the_new_one_has_seen_nothing(world: World) -> None:
    first = await world.submit(copies=())
    await world.accepted(await world.send_one())
    await Dialogue(world, first).decide()
    await redirect(world, await waiting(world, case_id=first.case_id))
    await world.submit(case_id=first.case_id, withdraws=True)
    assert (await world.case(first)).status == "decided"


async def test_withdrawal_that_cancels_what_failed_closes_its_finding(world: World) -> None:
    first = await world.submit(copies=())
    await world.failed(await world.send_one(), FailureKind.PERMANENT)
    await world.submit(case_id=first.case_id, withdraws=True)
    assert await open_findings(world) == []
