"""The applicant withdraws: at once where nobody who could confirm it knows of it, otherwise by the lead."""

from sqlalchemy import select

from gateway.contract.report import FailureKind, ReportType
from gateway.store.tables import deliveries
from tests.contract.store.make import COPY, LEAD
from tests.unit.backchannel.world import Dialogue, World, confirmation_xml


async def test_withdrawal_takes_effect_at_once_when_nothing_was_sent(world: World) -> None:
    first = await world.submit()
    withdrawal = await world.submit(case_id=first.case_id, withdraws=True)
    assert (await world.case(first)).status == "withdrawn"
    assert await world.status(first.submission_id) == "cancelled"
    assert await world.status(withdrawal.submission_id) == "delivered"
    assert await world.send(LEAD) == []
    assert await world.send(COPY) == []


async def test_withdrawal_takes_effect_at_once_when_only_a_copy_was_sent(world: World) -> None:
    first = await world.submit()
    copy = await world.send_one(COPY)
    withdrawal = await world.submit(case_id=first.case_id, withdraws=True)
    # The lead never saw the application and so will never confirm.
    assert (await world.case(first)).status == "withdrawn"
    assert await world.states(withdrawal.submission_id) == {COPY: "waiting"}
    await world.accepted(copy)
    assert await world.status(first.submission_id) == "cancelled"
    assert (await world.send_one(COPY)).submission_id == withdrawal.submission_id


async def test_withdrawal_waits_for_the_lead_that_knows_of_the_application(world: World) -> None:
    first = await world.submit()
    delivery = await world.send_one()
    withdrawal = await world.submit(case_id=first.case_id, withdraws=True)
    assert (await world.case(first)).status == "open"
    assert await world.states(first.submission_id) == {LEAD: "sent", COPY: "cancelled"}
    assert await world.states(withdrawal.submission_id) == {LEAD: "waiting"}
    await world.accepted(delivery)
    assert (await world.send_one()).submission_id == withdrawal.submission_id
    await Dialogue(world, first).confirm_withdrawal()
    case = await world.case(first)
    assert (case.status, case.citizen_status) == ("withdrawn", "COMPLETED")
    assert await world.letters() == ["1141"]


async def test_withdrawal_that_the_lead_does_not_accept_leaves_the_case(world: World) -> None:
    first = await world.submit()
    await world.accepted(await world.send_one())
    dialogue = Dialogue(world, first)
    await dialogue.process()
    await dialogue.say(ReportType.CASE_MESSAGE, confirmation_xml(first, accepted=False))
    assert (await world.case(first)).status == "in_progress"
    assert await world.letters() == ["1120", "1141"]


async def test_withdrawal_cancels_what_failed_and_goes_where_it_may_have_arrived(world: World) -> None:
    first = await world.submit()
    await world.failed(await world.send_one(), FailureKind.PERMANENT)
    withdrawal = await world.submit(case_id=first.case_id, withdraws=True)
    assert (await world.states(first.submission_id))[LEAD] == "cancelled"
    assert (await world.send_one()).submission_id == withdrawal.submission_id


async def test_withdrawal_leaves_what_the_authority_wrote_on_its_way_to_the_copies(world: World) -> None:
    first = await world.submit()
    await world.accepted(await world.send_one(LEAD))
    await world.accepted(await world.send_one(COPY))
    await Dialogue(world, first).process()
    await world.submit(case_id=first.case_id, withdraws=True)
    assert [each.message_type[-4:] for each in await world.send(COPY)] == ["1120"]


async def test_decision_that_crosses_a_withdrawal_wins(world: World) -> None:
    first = await world.submit()
    await world.accepted(await world.send_one())
    await world.submit(case_id=first.case_id, withdraws=True)
    dialogue = Dialogue(world, first)
    await dialogue.decide()
    await dialogue.confirm_withdrawal()
    case = await world.case(first)
    assert (case.status, case.citizen_status) == ("decided", "COMPLETED")
    assert [(row.message_type[-4:], row.after_final) for row in await world.mailbox()] == [
        ("1150", False),
        ("1141", True),
    ]
    assert ("case.illegal_move", "decided:withdrawal") in await world.events(first)


async def test_refused_first_message_cancels_a_withdrawal_that_waits(world: World) -> None:
    first = await world.submit()
    delivery = await world.send_one()
    withdrawal = await world.submit(case_id=first.case_id, withdraws=True)
    await world.refused(delivery)
    assert await world.states(withdrawal.submission_id) == {LEAD: "cancelled"}
    assert (await world.case(first)).status == "refused"
    open_rows = select(deliveries).where(
        deliveries.c.case_id == first.case_id, deliveries.c.state.in_(["waiting", "sent", "failed"])
    )
    assert {row.destination for row in await world.rows(open_rows)} == {
        COPY
    }  # the Rückweisungen, to be filed
