"""Which reports about a delivery count: `accepted` always, everything else for the copy on the wire only."""

import pytest
from sqlalchemy import update

from gateway.contract.report import Accepted, Failed, FailureKind, ReportType
from gateway.store.tables import deliveries
from tests.contract.store.make import COPY, LEAD
from tests.unit.backchannel.world import World


async def resend(world: World) -> None:
    """Let the copy's lease run out, so that another attempt is made."""
    world.clock.advance(seconds=world.settings.lease_s + 1)
    await world.sweep.return_expired()


async def cancel(world: World, delivery_id: str) -> None:
    """Cancel a delivery as an operator does."""
    async with world.store.write() as connection:
        await connection.execute(
            update(deliveries).where(deliveries.c.delivery_id == delivery_id).values(state="cancelled")
        )


async def test_accepted_settles_the_delivery_and_shows_it_as_received(world: World) -> None:
    submitted = await world.submit()
    delivery = await world.send_one()
    await world.accepted(delivery, "F-17")
    row = await world.delivery(delivery.delivery_id)
    assert (row.state, row.lease_until) == ("accepted", None)
    assert await world.attempts(delivery) == ["accepted"]
    assert (await world.case(submitted)).citizen_status == "RECEIVED"
    assert await world.references(submitted) == {(LEAD, "foreign_id"): "F-17"}
    assert ("delivery.accepted", None) in await world.events(submitted)


async def test_accepted_of_a_copy_leaves_the_citizens_status(world: World) -> None:
    submitted = await world.submit()
    await world.accepted(await world.send_one(COPY))
    assert (await world.case(submitted)).citizen_status == "SUBMITTED"


async def test_accepted_of_an_earlier_attempt_wins_over_the_copy_on_the_wire(world: World) -> None:
    await world.submit()
    first = await world.send_one()
    await resend(world)
    second = await world.send_one()
    assert (second.attempt, second.look_up) == (2, True)
    await world.accepted(first)
    assert await world.state(first) == "accepted"
    assert await world.attempts(first) == ["accepted", None]


async def test_accepted_wins_while_another_attempt_still_waits(world: World) -> None:
    await world.submit()
    first = await world.send_one()
    await resend(world)
    await world.accepted(first)
    assert await world.state(first) == "accepted"
    assert await world.send() == []


async def test_accepted_wins_over_a_failure(world: World) -> None:
    submitted = await world.submit(copies=())
    delivery = await world.send_one()
    await world.failed(delivery, FailureKind.PERMANENT)
    assert await world.status(submitted.submission_id) == "failed"
    await world.accepted(delivery)
    assert await world.status(submitted.submission_id) == "delivered"


@pytest.mark.parametrize("end", ["cancelled", "refused"])
async def test_accepted_after_the_end_asks_an_operator(world: World, end: str) -> None:
    submitted = await world.submit()
    delivery = await world.send_one()
    if end == "cancelled":
        await cancel(world, delivery.delivery_id)
    else:
        await world.refused(delivery)
    report = await world.accepted(delivery, "F-18")
    assert await world.state(delivery) == end
    finding = await world.finding()
    assert (finding.kind, finding.delivery_id, finding.code) == (
        "accepted_after_end",
        delivery.delivery_id,
        end,
    )
    assert finding.case_id == submitted.case_id
    # The operator needs the foreign id to undo in the specialist application what was done there.
    state, body = await world.report_state(report)
    assert state == "stale"
    assert b"F-18" in (body or b"")


async def test_accepted_again_changes_nothing(world: World) -> None:
    submitted = await world.submit()
    delivery = await world.send_one()
    await world.accepted(delivery)
    before = await world.events(submitted)
    await world.accepted(delivery)
    assert await world.events(submitted) == before
    assert await world.findings() == []


async def test_accepted_twice_under_different_ids_asks_an_operator(world: World) -> None:
    submitted = await world.submit()
    first = await world.send_one()
    await resend(world)
    second = await world.send_one()
    await world.accepted(first, "F-1")
    await world.accepted(second, "F-2")
    finding = await world.finding()
    assert (finding.kind, finding.delivery_id) == ("accepted_twice", first.delivery_id)
    rows = await world.references(submitted)
    assert (LEAD, "foreign_id") in rows


@pytest.mark.parametrize("kind", list(FailureKind))
async def test_failure_of_an_earlier_attempt_is_stale(world: World, kind: FailureKind) -> None:
    await world.submit()
    first = await world.send_one()
    await resend(world)
    await world.send_one()
    report = await world.failed(first, kind)
    row = await world.delivery(first.delivery_id)
    assert (row.state, row.attempt, row.tries) == ("sent", 2, 0)
    assert (await world.report_state(report))[0] == "stale"
    assert await world.findings() == []


async def test_refusal_of_an_earlier_attempt_is_stale(world: World) -> None:
    submitted = await world.submit()
    first = await world.send_one()
    await resend(world)
    await world.refused(first)
    assert await world.state(first) == "waiting"
    assert (await world.case(submitted)).status == "open"
    assert await world.letters() == []


@pytest.mark.parametrize("reason", ["rejected", "delivery_limit", "expired"])
async def test_dead_letter_of_an_earlier_attempt_is_stale(world: World, reason: str) -> None:
    await world.submit()
    first = await world.send_one()
    await resend(world)
    await world.send_one()
    await world.bury(first, reason)
    row = await world.delivery(first.delivery_id)
    assert (row.state, row.attempt, row.tries) == ("sent", 2, 0)


@pytest.mark.parametrize("end", ["accepted", "refused"])
async def test_failure_after_the_end_is_stale(world: World, end: str) -> None:
    await world.submit()
    delivery = await world.send_one()
    await (world.accepted(delivery) if end == "accepted" else world.refused(delivery))
    await world.failed(delivery)
    await world.bury(delivery, "delivery_limit")
    assert await world.state(delivery) == end
    assert await world.findings() == []


async def test_failure_without_an_attempt_is_stale(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    report = await world.failed(delivery, attempt=None)
    assert await world.state(delivery) == "sent"
    assert (await world.report_state(report))[0] == "stale"


async def test_report_counts_once_however_often_it_comes(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    report = await world.failed(delivery)
    for _ in range(3):
        await world.reports.handle(report.to_message())
    assert (await world.delivery(delivery.delivery_id)).tries == 1


async def test_report_id_deduplicates_per_destination(world: World) -> None:
    await world.submit()
    lead, copy = await world.send_one(LEAD), await world.send_one(COPY)
    report = await world.accepted(lead)
    await world.accepted(copy, report_id=report.report_id)
    assert [await world.state(each) for each in (lead, copy)] == ["accepted", "accepted"]


async def test_report_naming_another_destinations_delivery_is_rejected(world: World) -> None:
    submitted = await world.submit()
    lead = await world.send_one(LEAD)
    report = await world.accepted(lead, destination=COPY)
    assert await world.state(lead) == "sent"
    finding = await world.finding()
    assert (finding.kind, finding.code, finding.destination) == ("report_rejected", "no_such_delivery", COPY)
    assert finding.case_id == submitted.case_id
    assert (await world.report_state(report))[0] == "rejected"


async def test_report_naming_a_delivery_of_another_case_is_rejected(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    other = await world.submit()
    await world.accepted(delivery, case_id=other.case_id)
    assert await world.state(delivery) == "sent"
    assert (await world.finding()).code == "no_such_delivery"


async def test_report_for_another_tenants_case_is_kept_for_an_operator(world: World) -> None:
    submitted = await world.submit()
    delivery = await world.send_one()
    report = await world.accepted(delivery, destination="musteramt-beispielhausen")
    assert await world.state(delivery) == "sent"
    finding = await world.finding()
    assert (finding.kind, finding.code, finding.tenant) == (
        "report_rejected",
        "no_such_case",
        "beispielhausen",
    )
    state, body = await world.report_state(report)
    assert (state, body) == ("rejected", report.body)
    assert [kind for kind, _ in await world.events(submitted)] == ["submission.accepted"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"kind": "sometimes", "reason": "x"}',
        b'{"kind": "transient", "reason": "x", "retry_after_s": -1}',
        b'{"kind": "transient", "reason": "x", "surname": "Mustermann"}',
    ],
)
async def test_report_with_a_body_against_the_contract_is_rejected_and_kept(
    world: World, body: bytes
) -> None:
    await world.submit()
    delivery = await world.send_one()
    report = await world.report(ReportType.DELIVERY_FAILED, body, delivery)
    assert await world.state(delivery) == "sent"
    assert (await world.finding()).code == "body_not_to_contract"
    assert await world.report_state(report) == ("rejected", body)


async def test_foreign_id_that_postgresql_cannot_keep_is_rejected(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    body = Accepted.model_construct(foreign_id="F\x00-1", reference=None).model_dump_json().encode()
    await world.report(ReportType.DELIVERY_ACCEPTED, body, delivery)
    assert await world.state(delivery) == "sent"
    assert (await world.finding()).code == "body_not_to_contract"


async def test_reason_of_a_failure_is_kept_for_the_operator(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    report = await world.failed(delivery, FailureKind.PERMANENT)
    state, body = await world.report_state(report)
    assert state == "applied"
    assert Failed.model_validate_json(body or b"").reason == "ConnectError"


async def test_report_without_headers_has_no_effect_and_is_acknowledged(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    message = (await world.accepted(delivery, destination="nobody")).to_message()
    message.headers.clear()
    assert (await world.reports.handle(message)).value == "ack"
    assert await world.state(delivery) == "sent"
