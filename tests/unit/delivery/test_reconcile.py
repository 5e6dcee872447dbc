"""The balance: it closes over everything that may happen, and names whatever is damaged."""

import pytest
from sqlalchemy import func, select, update

from gateway.contract.report import FailureKind
from gateway.delivery.reconcile import Balance, reconcile, repair
from gateway.store.tables import deliveries, findings, messages
from tests.contract.store.damage import DAMAGES
from tests.contract.store.make import COPY, LEAD
from tests.unit.backchannel.world import Dialogue, World


async def live(world: World) -> None:
    """Let one submission be accepted and answered, and another fail."""
    submitted = await world.submit()
    await world.accepted(await world.send_one())
    await Dialogue(world, submitted).process()
    await world.submit(copies=())
    await world.failed(await world.send_one(), FailureKind.PERMANENT)


async def damage(world: World, kind: str) -> None:
    async with world.store.write() as connection:
        await connection.execute(DAMAGES[kind](world.clock.now()))


async def balance_of(world: World) -> Balance:
    return await reconcile(world.store, world.config)


def kinds(balance: Balance) -> set[str]:
    return {fault.kind for fault in balance.faults}


async def test_balance_closes_and_counts_by_destination(world: World) -> None:
    await live(world)
    balance = await balance_of(world)
    assert balance.closes, balance
    lead = next(line for line in balance.lines if line.destination == LEAD)
    assert (lead.created, lead.states["accepted"], lead.states["failed"], lead.ended) == (2, 1, 1, 1)
    copy = next(line for line in balance.lines if line.destination == COPY)
    assert (copy.created, copy.states["waiting"], copy.ended_by_event) == (2, 2, 0)


async def test_balance_of_nothing_closes(world: World) -> None:
    assert (await balance_of(world)).closes


@pytest.mark.parametrize("kind", DAMAGES)
async def test_damage_is_named_with_ids_in_a_sentence(world: World, kind: str) -> None:
    await live(world)
    await damage(world, kind)
    balance = await balance_of(world)
    assert not balance.closes
    assert kind in kinds(balance)
    fault = next(fault for fault in balance.faults if fault.kind == kind)
    assert fault.count == len(fault.ids) > 0
    assert fault.sentence.startswith(f"{fault.count} ")


async def test_more_than_can_be_named_is_counted(world: World) -> None:
    for _ in range(25):
        await world.submit(copies=())
    await damage(world, "without_content")
    (fault,) = (await balance_of(world)).faults
    assert (fault.count, len(fault.ids)) == (25, 20)


async def test_event_without_its_state_keeps_the_line_open(world: World) -> None:
    await live(world)
    async with world.store.write() as connection:
        await connection.execute(
            update(deliveries).where(deliveries.c.state == "accepted").values(state="failed")
        )
    lead = next(line for line in (await balance_of(world)).lines if line.destination == LEAD)
    assert (lead.ended, lead.ended_by_event, lead.closes) == (0, 1, False)


async def test_repair_sends_what_went_nowhere_and_has_it_looked_up(world: World) -> None:
    submitted = await world.submit()
    await damage(world, "without_delivery")
    assert await repair(world.store, world.config) == [submitted.submission_id]
    assert (await balance_of(world)).closes
    delivery = await world.send_one()
    assert (delivery.submission_id, delivery.look_up, delivery.role) == (
        submitted.submission_id,
        True,
        "lead",
    )
    await world.accepted(delivery)
    await world.accepted(await world.send_one(COPY))
    assert await world.status(submitted.submission_id) == "delivered"


async def test_repair_derives_statuses_anew(world: World) -> None:
    submitted = await world.submit()
    async with world.store.write() as connection:
        await connection.execute(update(messages).values(status="refused"))
    assert await repair(world.store, world.config) == [submitted.submission_id]
    assert await world.status(submitted.submission_id) == "accepted"


# --- what the sweep mends or shows


async def test_sweep_returns_a_copy_without_a_lease(world: World) -> None:
    await live(world)
    await damage(world, "sent_without_lease")
    await world.sweep.return_expired()
    assert kinds(await balance_of(world)).isdisjoint({"sent_without_lease"})


async def test_sweep_shows_what_failed_unseen_once(world: World) -> None:
    await live(world)
    await damage(world, "failed_unseen")
    for _ in range(2):
        await world.sweep.look()
    assert await world.findings() == ["delivery_failed"]
    assert (await balance_of(world)).closes


async def test_sweep_shows_a_destination_that_is_gone_once_and_closes_it_when_it_is_back(
    world: World,
) -> None:
    await world.submit(lead="gone", copies=("gone-too",))
    for _ in range(2):
        await world.sweep.look()
    assert await world.findings() == ["destination_gone"] * 2
    async with world.store.write() as connection:
        await connection.execute(update(deliveries).values(destination=LEAD))
    await world.sweep.look()
    still_open = select(func.count()).select_from(findings).where(findings.c.resolved_at.is_(None))
    assert (await world.rows(still_open))[0][0] == 0


@pytest.mark.parametrize("how", ["lease", "expired"])
async def test_destination_that_never_reports_is_shown_after_four_hours_once(world: World, how: str) -> None:
    await world.submit(copies=())
    for _ in range(30):
        delivery = await world.send_one()
        world.clock.advance(seconds=world.settings.lease_s + 1)
        if how == "expired":
            await world.bury(delivery, "expired")
        else:
            await world.sweep.return_expired()
        if delivery.attempt == 19:
            assert await world.findings() == []
    assert await world.findings() == ["delivery_silent"]
    await world.accepted(await world.send_one())
    assert (await world.finding()).resolved_at is not None


async def test_dead_letter_that_fails_is_shown_and_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.delivery.dead_letters._PAUSE_S", 0)
    await world.submit(copies=())
    delivery = await world.send_one()

    async def broken(*_: object) -> str:
        raise RuntimeError

    monkeypatch.setattr(world.dead_letters, "_apply", broken)
    await world.bury(delivery, "rejected")
    assert await world.findings() == ["dead_letter_failed"]
    assert await world.state(delivery) == "sent"
