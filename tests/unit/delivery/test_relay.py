"""The outbox relay: what is due goes out, what did not go out comes back, nothing is in between for ever."""

from datetime import date
from hashlib import sha256

import pytest
from sqlalchemy import func, select, update

from gateway import rush as rush_module
from gateway.broker import MemoryBroker
from gateway.config import Config
from gateway.contract.delivery import MAX_INLINE_BODY_BYTES, Delivery
from gateway.contract.ids import new_id
from gateway.delivery import relay as relay_module
from gateway.errors import BrokerUnavailable, MessageReturned, QueueFull
from gateway.settings import data_folder
from gateway.store.codec import ERASED
from gateway.store.tables import attempts, deliveries, messages, payloads
from tests.contract.store.make import COPY, LEAD
from tests.unit.backchannel.world import World, catalogue, poll

SAMPLE = data_folder("fixtures") / "xurkunde" / "1.1" / "valid" / "03-bevollmaechtigter-mit-vollmacht.xml"


async def test_relay_publishes_the_envelope_the_contract_describes(world: World) -> None:
    submitted = await world.submit(body=b"<antrag>x</antrag>", test=True)
    delivery = await world.send_one()
    message = world.desk[0]
    assert message.body == b"<antrag>x</antrag>"
    assert message.correlation_id == submitted.case_id
    assert message.type == "xurkunde:1.1:urkunde.anforderung.0101"
    assert message.expiration_s == world.settings.copy_lifetime_s
    assert set(message.headers) == {
        *("submission-id", "delivery-id", "attempt", "case-seq", "look-up", "expires-at", "destination"),
        *("role", "tenant", "service", "authority", "test", "attachment-count", "original-sha256"),
    }
    assert (delivery.submission_id, delivery.attempt, delivery.role) == (submitted.submission_id, 1, "lead")
    assert (delivery.expires_at - world.clock.now()).total_seconds() == world.settings.copy_lifetime_s
    assert delivery.test


def serving(world: World, *message_types: str) -> None:
    """Let the lead destination take these message types only."""
    changed = world.config.model_dump()
    for each in changed["destinations"]:
        each["serves"] = message_types if each["name"] == LEAD else ()
    world.config = Config.model_validate(changed)


async def test_relay_converts_what_its_destination_does_not_serve(world: World) -> None:
    serving(world, "xurkunde:1.0:*")
    body = SAMPLE.read_bytes()
    await world.submit(body=body)
    delivery = await world.send_one()
    assert delivery.message_type == "xurkunde:1.0:urkunde.anforderung.0101"
    assert delivery.converted_from == "xurkunde:1.1:urkunde.anforderung.0101"
    assert delivery.original_sha256 == sha256(body).hexdigest()
    incoming = catalogue().read(delivery.body, today=date(2026, 6, 1))
    assert incoming.message_type.id == delivery.message_type


async def test_relay_leaves_a_large_message_to_be_converted_when_it_is_fetched(world: World) -> None:
    serving(world, "xurkunde:1.0:*")
    await world.submit(body=SAMPLE.read_bytes() + b" " * MAX_INLINE_BODY_BYTES)
    delivery = await world.send_one()
    assert (delivery.message_type, delivery.body) == ("xurkunde:1.0:urkunde.anforderung.0101", b"")


async def test_delivery_fails_when_it_can_no_longer_be_converted(world: World) -> None:
    await world.submit(body=SAMPLE.read_bytes())
    serving(world, "xurkunde:3.0:*")  # as after a change of the configuration
    assert await world.send() == []
    (row,) = await world.rows(select(deliveries).where(deliveries.c.destination == LEAD))
    assert (row.state, row.code) == ("failed", "VersionNotServed")


async def test_every_copy_on_the_wire_has_a_message_id_of_its_own(world: World) -> None:
    await world.submit()
    first = await world.send_one()
    await world.bury(first, "expired")
    second = await world.send_one()
    assert first.delivery_id == second.delivery_id
    assert first.message_id != second.message_id


async def test_confirmed_copy_has_the_long_lease(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    row = await world.delivery(delivery.delivery_id)
    assert (row.lease_until - world.clock.now()).total_seconds() == world.settings.lease_s


async def test_copy_whose_lease_is_over_is_looked_up_by_the_next_attempt(world: World) -> None:
    await world.submit()
    await world.send_one()
    world.clock.advance(seconds=world.settings.lease_s - 1)
    await world.sweep.return_expired()
    assert await world.send() == []
    world.clock.advance(seconds=2)
    await world.sweep.return_expired()
    again = await world.send_one()
    assert (again.attempt, again.look_up) == (2, True)
    assert (await world.delivery(again.delivery_id)).tries == 0


@pytest.mark.parametrize(
    ("fault", "look_up"),
    [(BrokerUnavailable(), True), (QueueFull(), False), (MessageReturned(), False)],
)
async def test_delivery_that_was_not_sent_waits_again(world: World, fault: Exception, look_up: bool) -> None:
    await world.submit()
    world.broker.fault = fault
    assert await world.send() == []
    (row,) = await world.rows(select(deliveries).where(deliveries.c.destination == LEAD))
    assert (row.state, row.look_up, row.tries) == ("waiting", look_up, 0)
    (attempt,) = await world.rows(select(attempts))
    assert (attempt.outcome, attempt.ended_at) == (type(fault).__name__, world.clock.now())
    world.broker.fault = None
    world.clock.advance(seconds=2)
    assert (await world.send_one()).look_up is look_up
    assert await world.findings() == []


async def test_unconfirmed_copy_that_arrived_all_the_same_is_accepted(world: World) -> None:
    await world.submit()
    world.broker.fault, world.broker.arrives = BrokerUnavailable(), True
    await world.send()
    await poll(lambda: world.desk)
    (delivery,) = map(Delivery.from_message, world.desk)
    assert await world.state(delivery) == "waiting"
    await world.accepted(delivery)
    assert await world.state(delivery) == "accepted"


async def test_headers_that_are_too_large_fail_the_delivery_and_only_it(world: World) -> None:
    bad = await world.submit()
    await world.submit()
    async with world.store.write() as connection:
        await connection.execute(
            update(messages)
            .where(messages.c.message_id == bad.submission_id)
            .values(authority="psw:" + "9" * 20_000)
        )
    assert len(await world.send()) == 1
    assert (await world.states(bad.submission_id))[LEAD] == "failed"
    finding = await world.finding()
    assert (finding.kind, finding.code) == ("delivery_failed", "HeadersTooLarge")
    assert await world.status(bad.submission_id) == "failed"


async def test_payload_that_cannot_be_read_fails_its_delivery_and_only_it(world: World) -> None:
    bad = await world.submit()
    good = await world.submit()
    async with world.store.write() as connection:
        await connection.execute(
            update(payloads).where(payloads.c.message_id == bad.submission_id).values(codec="zstd+later")
        )
    assert [each.submission_id for each in await world.send()] == [good.submission_id]
    assert (await world.states(bad.submission_id))[LEAD] == "failed"
    assert (await world.finding()).code == "PayloadUnreadable"


@pytest.mark.parametrize("size_bytes", [100, MAX_INLINE_BODY_BYTES + 1])
async def test_erased_payload_fails_its_delivery_and_only_it(world: World, size_bytes: int) -> None:
    bad = await world.submit(body=b"x" * size_bytes)
    good = await world.submit()
    async with world.store.write() as connection:
        of_bad = payloads.c.message_id == bad.submission_id
        await connection.execute(
            update(payloads).where(of_bad).values(codec=ERASED, key_id=None, body=b"", file_name=None)
        )
    assert [each.submission_id for each in await world.send()] == [good.submission_id]
    assert (await world.states(bad.submission_id))[LEAD] == "failed"
    assert (await world.finding()).code == "PayloadErased"


async def test_delivery_waits_when_the_key_of_its_payload_cannot_be_read(world: World) -> None:
    later, good = await world.submit(), await world.submit()
    async with world.store.write() as connection:
        of_later = payloads.c.message_id == later.submission_id
        await connection.execute(update(payloads).where(of_later).values(key_id=new_id()))
    assert [each.submission_id for each in await world.send()] == [good.submission_id]
    assert (await world.states(later.submission_id))[LEAD] == "waiting"


async def test_unknown_exception_fails_its_delivery_and_leaves_the_neighbours(world: World) -> None:
    bad, good = await world.submit(), await world.submit()
    world.broker.fault = RuntimeError("never expected")
    world.broker.refuses = lambda message: message.headers["submission-id"] == bad.submission_id
    assert [each.submission_id for each in await world.send()] == [good.submission_id]
    assert (await world.states(bad.submission_id))[LEAD] == "failed"
    assert (await world.finding()).code == "RuntimeError"
    assert (await world.states(good.submission_id))[LEAD] == "sent"


async def test_no_more_than_allowed_are_on_the_wire(world: World) -> None:
    world.settings.max_sent = 3
    for _ in range(5):
        await world.submit()
    sent = await world.send()
    assert len(sent) == 3
    assert await world.send() == []
    await world.accepted(sent[0])
    assert len(await world.send()) == 1


async def test_large_body_is_left_out_and_fetched(world: World) -> None:
    await world.submit(body=b"x" * (1024 * 1024 + 1))
    assert (await world.send_one()).body == b""


# --- the running relay


async def sent_count(world: World) -> int:
    (row,) = await world.rows(select(func.sum(deliveries.c.attempt).label("attempts")))
    return row.attempts or 0


async def found_due_thrice(world: World) -> None:
    """Wait until the poll has found something due as often: nobody has claimed it."""
    for _ in range(3):
        with world.store.signals.listen(f"destination:{LEAD}") as listener:
            assert await listener.wait(2)


async def test_running_relay_sends_what_comes_to_every_destination(world: World) -> None:
    await world.relay.start()
    await world.submit()
    await poll(lambda: len(world.desk) == 2)
    assert {message.routing_key for message in world.desk} == {LEAD, COPY}
    await world.relay.stop()


async def test_nothing_is_claimed_while_the_broker_is_away(world: World) -> None:
    world.broker.away = True
    await world.submit()
    await world.relay.start()
    await found_due_thrice(world)
    assert await sent_count(world) == 0
    world.broker.away = False
    await poll(lambda: len(world.desk) == 2)
    assert await sent_count(world) == 2
    await world.relay.stop()


async def test_rush_of_submissions_has_the_right_of_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rush_module, "QUIET_S", 3600)
    world.rush.note()
    await world.submit()
    await world.relay.start()
    await found_due_thrice(world)
    assert await sent_count(world) == 0
    await world.relay.stop()


async def test_deliveries_go_on_when_a_rush_is_over(world: World) -> None:
    world.rush.note()
    await world.submit()
    await world.relay.start()
    await poll(lambda: len(world.desk) == 2)
    await world.relay.stop()


async def test_rush_without_end_lets_all_that_is_due_pass_after_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rush_module, "QUIET_S", 3600)
    monkeypatch.setattr(rush_module, "GIVE_WAY_S", 0.1)
    monkeypatch.setattr(relay_module, "BATCH", 2)
    world.rush.note()
    for _ in range(7):
        await world.submit(copies=())
    gave_way: list[bool] = []
    over = world.rush.over

    async def noted(within_s: float) -> bool:
        gave_way.append(await over(within_s))
        return gave_way[-1]

    monkeypatch.setattr(world.rush, "over", noted)
    await world.relay.start()
    await poll(lambda: len(world.desk) == 7)
    await world.relay.stop()
    assert len(gave_way) <= 1 + len(world.config.destinations)  # not once more for each of four batches


async def test_after_a_failure_one_delivery_tries_the_way_before_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "PAUSE_S", 0)
    for _ in range(20):
        await world.submit(copies=())
    world.broker.fault = QueueFull()
    await world.relay.start()
    await poll(lambda: world.broker.asked > 20)
    assert world.broker.asked < 30  # twenty at once, then one at a time
    world.broker.fault = None
    await poll(lambda: len(world.desk) == 20)
    await world.relay.stop()


async def test_forgetful_broker_gets_everything_again_with_look_up(world: World) -> None:
    await world.submit()
    first = await world.send_one()
    await world.broker.close()
    world.relay._broker = broker = MemoryBroker()
    await broker.start()
    await broker.consume_deliveries(LEAD, world.collect, concurrency=1)
    await world.sweep.start(forgetful_broker=True)
    await world.sweep.stop()
    again = await world.send_one()
    assert (again.delivery_id, again.attempt, again.look_up) == (first.delivery_id, 2, True)
    await broker.close()


async def test_remembering_broker_keeps_what_it_has(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    await world.sweep.start(forgetful_broker=False)
    await world.sweep.stop()
    assert await world.state(delivery) == "sent"


async def test_delivery_that_was_settled_meanwhile_is_not_returned(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    await world.accepted(delivery)
    world.clock.advance(days=1)
    await world.sweep.return_expired(everything=True)
    assert await world.state(delivery) == "accepted"


async def test_row_of_an_unknown_id_is_not_touched(world: World) -> None:
    await world.submit()
    delivery = await world.send_one()
    stranger = delivery.model_copy(update={"delivery_id": new_id()})
    await world.bury(stranger, "rejected")
    assert await world.state(delivery) == "sent"
