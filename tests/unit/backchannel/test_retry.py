"""What becomes of a delivery that failed: tried again for days, then an operator's business."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.contract.report import FailureKind
from gateway.store.tables import findings
from tests.contract.store.make import LEAD
from tests.unit.backchannel.world import World


async def delay_s(world: World, delivery_id: str) -> float:
    return ((await world.delivery(delivery_id)).due_at - world.clock.now()).total_seconds()


async def test_transient_failure_waits_longer_each_time_and_an_hour_at_most(world: World) -> None:
    await world.submit()
    waited = []
    for _ in range(8):
        delivery = await world.send_one()
        await world.failed(delivery)
        waited.append(await delay_s(world, delivery.delivery_id))
        assert await world.send() == []  # not before its time
        world.clock.advance(seconds=waited[-1])
    for got, planned in zip(waited, [5, 20, 80, 320, 1280, 3600, 3600, 3600], strict=True):
        assert 0.8 * planned <= got <= planned
    row = await world.delivery(delivery.delivery_id)
    assert (row.state, row.tries, row.attempt, row.look_up) == ("waiting", 8, 8, False)
    assert await world.attempts(delivery) == ["transient"] * 8


async def test_retry_waits_as_long_as_the_destination_asked(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    await world.failed(delivery, retry_after_s=600)
    assert await delay_s(world, delivery.delivery_id) == 600


async def test_retry_waits_an_hour_at_most_whatever_was_asked(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    await world.failed(delivery, retry_after_s=86_400)
    assert await delay_s(world, delivery.delivery_id) == 3600


async def test_retry_is_not_sooner_than_back_off_when_less_was_asked(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    await world.failed(delivery, retry_after_s=0)
    assert await delay_s(world, delivery.delivery_id) >= 4


async def test_refusal_ends_what_an_operator_was_asked_about_the_failures_before_it(world: World) -> None:
    await world.submit(copies=())
    while not await world.findings():
        delivery = await world.send_one()
        await world.failed(delivery)
        world.clock.time = (await world.delivery(delivery.delivery_id)).due_at
    await world.refused(await world.send_one())
    (asked,) = await world.rows(select(findings))
    assert asked.kind == "delivery_failing"
    assert asked.resolved_at is not None


async def test_destination_down_for_a_week_is_alerted_once_and_then_failed(world: World) -> None:
    submitted = await world.submit(copies=())
    start = world.clock.now()
    attempts, alerted_after = 0, None
    while True:
        delivery = await world.send_one()
        attempts += 1
        await world.failed(delivery)
        row = await world.delivery(delivery.delivery_id)
        if row.state == "failed":
            break
        if alerted_after is None and await world.findings():
            alerted_after = world.clock.now() - start
        # Hour by hour until the alert, then as if this gateway had been down too.
        world.clock.time = row.due_at + timedelta(hours=12 if alerted_after else 0)
    assert world.clock.now() - start >= timedelta(days=7)
    assert alerted_after is not None
    assert timedelta(hours=4) <= alerted_after <= timedelta(hours=5)
    assert await world.findings() == ["delivery_failing", "delivery_failed"]
    assert (row.code, row.tries) == ("gave_up", attempts - 1)
    assert await world.attempts(delivery) == ["transient"] * (attempts - 1) + ["failed"]
    assert 20 <= attempts <= 30
    assert await world.status(submitted.submission_id) == "failed"
    case = await world.case(submitted)
    assert (case.status, case.citizen_status) == ("open", "SUBMITTED")
    assert await world.letters() == []


async def test_permanent_failure_is_the_operators_business_at_once(world: World) -> None:
    submitted = await world.submit()
    delivery = await world.send_one()
    await world.failed(delivery, FailureKind.PERMANENT)
    assert await world.state(delivery) == "failed"
    finding = await world.finding()
    assert (finding.kind, finding.destination, finding.code) == ("delivery_failed", LEAD, "permanent")
    assert await world.status(submitted.submission_id) == "failed"
    assert (await world.case(submitted)).status == "open"
    assert await world.letters() == []


async def test_unknown_outcome_is_looked_up_on_every_later_attempt(world: World) -> None:
    await world.submit()
    first = await world.send_one()
    assert not first.look_up
    await world.failed(first, FailureKind.UNKNOWN)
    world.clock.advance(seconds=10)
    second = await world.send_one()
    assert (second.attempt, second.look_up) == (2, True)
    await world.failed(second, FailureKind.TRANSIENT)
    world.clock.advance(seconds=60)
    assert (await world.send_one()).look_up


async def test_rejected_dead_letter_is_a_transient_failure(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    await world.bury(delivery, "rejected")
    row = await world.delivery(delivery.delivery_id)
    assert (row.state, row.tries, row.look_up) == ("waiting", 1, False)


async def test_dead_letter_at_the_delivery_limit_is_looked_up(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    await world.bury(delivery, "delivery_limit")
    row = await world.delivery(delivery.delivery_id)
    assert (row.state, row.tries, row.look_up) == ("waiting", 1, True)


async def test_expired_dead_letter_is_no_failure_and_goes_out_at_once(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    await world.bury(delivery, "expired")
    row = await world.delivery(delivery.delivery_id)
    assert (row.state, row.tries, row.first_failed_at) == ("waiting", 0, None)
    # A worker that died may have started this copy before it came back and expired.
    again = await world.send_one()
    assert (again.attempt, again.look_up) == (2, True)
    assert await world.attempts(delivery) == ["expired", None]


async def test_dead_letter_of_an_unknown_case_is_acknowledged(world: World) -> None:
    submitted = await world.submit()
    delivery = await world.send_one()
    await world.forget_case(submitted)
    await world.bury(delivery, "rejected")
    assert await world.state(delivery) == "sent"


@pytest.mark.parametrize("reason", ["maxlen", None])
async def test_dead_letter_for_whatever_other_reason_is_tried_again(world: World, reason: str | None) -> None:
    await world.submit()
    delivery = await world.send_one()
    await world.bury(delivery, reason)  # type: ignore[arg-type]
    assert (await world.delivery(delivery.delivery_id)).state == "waiting"


async def test_dead_letter_without_headers_is_acknowledged(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    message = delivery.to_message(600)
    message.headers.pop("delivery-id")
    assert (await world.dead_letters.handle(message)).value == "ack"
    assert await world.state(delivery) == "sent"
