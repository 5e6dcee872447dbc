"""Reports while the store is away, reports that nothing can handle, and reports in any order."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.backchannel import case_reports, outcomes
from gateway.backchannel import reports as report_module
from gateway.contract.ids import new_id
from gateway.contract.report import Accepted, FailureKind, Report, ReportType
from gateway.errors import Unavailable
from gateway.standards import reading
from tests.contract.store.make import LEAD
from tests.unit.backchannel.world import Dialogue, World, blocked, fresh_database, note_xml, poll, running


async def test_report_waits_while_the_store_is_away_and_then_counts_once(address: str) -> None:
    async with running(address, store_timeout_s=1.0) as world:
        await world.submit()
        delivery = await world.send_one()
        report = _accepted(delivery)
        with structlog.testing.capture_logs() as logs:
            async with blocked(address):
                taking = [asyncio.create_task(world.reports.handle(report.to_message())) for _ in range(2)]
                await poll(lambda: any(each["event"] == "report_waits_for_store" for each in logs))
                assert not any(task.done() for task in taking)
            await asyncio.gather(*taking)
        assert [event for event, _ in await world.events(delivery)].count("delivery.accepted") == 1
        assert await world.findings() == []


def rules_away(monkeypatch: pytest.MonkeyPatch, *calls: int) -> list[int]:
    """Let rules be out of reach at these calls; return what counts them."""
    made: list[int] = []
    original = reading.read

    async def read(*arguments: object, **named: object) -> object:
        made.append(len(made))
        if made[-1] in calls:
            raise Unavailable
        return await original(*arguments, **named)

    monkeypatch.setattr(reading, "read", read)
    monkeypatch.setattr(report_module, "_RETRY_S", (0.01,))
    return made


async def test_report_waits_while_its_rules_cannot_be_checked(
    world: World, dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = rules_away(monkeypatch, *range(5))
    with structlog.testing.capture_logs() as logs:
        await dialogue.process()
    assert [each["event"] for each in logs].count("report_waits_for_rules") == 5
    assert len(calls) == 6
    assert await world.letters() == ["1120"]
    assert await world.findings() == []


async def test_parked_report_stays_parked_while_its_rules_cannot_be_checked(
    world: World, dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Looked at when it comes (0), then again behind the one that frees it (1), which has to wait with it.
    calls = rules_away(monkeypatch, 2)
    parked = await dialogue.note(case_sequence=2)
    assert await world.report_state(parked) == ("parked", parked.body)
    await dialogue.process(case_sequence=1)
    assert len(calls) == 5
    assert await world.letters() == ["1120", "1134"]
    assert await world.findings() == []


async def test_dead_letter_waits_while_the_store_is_away(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.delivery.dead_letters._PAUSE_S", 0.05)
    async with running(address, store_timeout_s=1.0) as world:
        await world.submit()
        delivery = await world.send_one()
        async with blocked(address):
            taking = asyncio.create_task(world.bury(delivery, "rejected"))
            done, _ = await asyncio.wait({taking}, timeout=1.5)
            assert not done
        await taking
        assert (await world.delivery(delivery.delivery_id)).tries == 1


def _accepted(delivery: object) -> Report:
    return Report(
        report_id=new_id(),
        type=ReportType.DELIVERY_ACCEPTED,
        destination=LEAD,
        case_id=delivery.case_id,
        delivery_id=delivery.delivery_id,
        attempt=delivery.attempt,
        created_at=delivery.created_at,
        body=Accepted(foreign_id="F-1").model_dump_json().encode(),
    )


async def test_report_that_nothing_can_handle_is_kept_after_a_few_tries(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    async def fail(*_: object, **__: object) -> None:
        tries.append(1)
        raise RuntimeError("somebody's name")

    monkeypatch.setattr(outcomes, "accepted", fail)
    monkeypatch.setattr(report_module, "_RETRY_S", (0.01,))
    await world.submit()
    delivery = await world.send_one()
    with structlog.testing.capture_logs() as logs:
        report = await world.accepted(delivery)
    assert len(tries) == report_module.MAX_FAULTS
    assert (await world.finding()).code == "cannot_be_handled"
    assert await world.report_state(report) == ("rejected", report.body)
    assert "somebody" not in str([{**each, "exc_info": None} for each in logs])


async def test_case_report_that_nothing_can_handle_uses_its_number_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted = await world.submit()
    dialogue = Dialogue(world, submitted)
    monkeypatch.setattr(report_module, "_RETRY_S", (0.01,))
    with monkeypatch.context() as broken:
        broken.setattr(case_reports, "read", _raise)
        await dialogue.process()
    assert (await world.finding()).code == "cannot_be_handled"
    await dialogue.process()
    assert await world.letters() == ["1120"]


def _raise(*_: object) -> None:
    raise RuntimeError


async def test_report_of_a_destination_that_is_not_configured_is_acknowledged(world: World) -> None:
    submitted = await world.submit()
    delivery = await world.send_one()
    await world.accepted(delivery, destination="was-removed")
    assert await world.state(delivery) == "sent"
    assert [kind for kind, _ in await world.events(submitted)] == ["submission.accepted"]


# --- any order


class Model:
    """What the fence promises, in a dozen lines: the state, the attempt, and what contradicted it."""

    def __init__(self) -> None:
        self.state, self.attempt, self.look_up, self.tries = "waiting", 0, False, 0
        self.contradictions = 0

    def send(self) -> None:
        self.state, self.attempt = "sent", self.attempt + 1

    def lose(self) -> None:
        self.state, self.look_up = "waiting", True

    def take(self, kind: str, attempt: int) -> None:
        if kind == "accepted":
            self.contradictions += self.state == "refused"
            self.state = "refused" if self.state == "refused" else "accepted"
        elif self.state == "sent" and attempt == self.attempt:
            self.state = {"refused": "refused", "permanent": "failed"}.get(kind, "waiting")
            self.tries += kind in {"transient", "unknown"}
            self.look_up |= kind in {"unknown", "expired"}


KINDS = ("accepted", "refused", "transient", "permanent", "unknown", "expired")
STEPS = st.lists(
    st.one_of(
        st.just(("send", 0, False)),
        st.just(("lose", 0, False)),
        st.tuples(st.sampled_from(KINDS), st.integers(1, 4), st.booleans()),
    ),
    max_size=9,
)


async def _play(world: World, steps: list[tuple[str, int, bool]]) -> None:
    model = Model()
    await world.submit(copies=())
    delivery = None
    for what, attempt, twice in steps:
        if what == "send":
            sent = await world.send()
            assert bool(sent) is (model.state == "waiting")
            if sent:
                (delivery,) = sent
                model.send()
                assert (delivery.attempt, delivery.look_up) == (model.attempt, model.look_up)
        elif what == "lose":
            world.clock.advance(hours=2)
            await world.sweep.return_expired()
            if model.state == "sent":
                model.lose()
        elif delivery is not None:
            await _tell(world, delivery.model_copy(update={"attempt": attempt}), what, twice)
            model.take(what, attempt)
            world.clock.advance(hours=2)  # whatever back-off was planned is over
        if delivery is not None:
            row = await world.delivery(delivery.delivery_id)
            assert (row.state, row.attempt, row.tries, row.look_up) == (
                model.state,
                model.attempt,
                model.tries,
                model.look_up,
            )
    findings = Counter(await world.findings())
    assert findings["accepted_after_end"] == model.contradictions


async def _tell(world: World, delivery: object, kind: str, twice: bool) -> None:
    if kind == "expired":
        await world.bury(delivery, "expired")
        return
    if kind == "accepted":
        report = await world.accepted(delivery)
    elif kind == "refused":
        report = await world.refused(delivery)
    else:
        report = await world.failed(delivery, FailureKind(kind))
    if twice:
        await world.reports.handle(report.to_message())


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_reports_in_any_order_leave_what_the_fence_promises(
    tmp_path: Path, database_template: Path, steps: list[tuple[str, int, bool]]
) -> None:
    async def play() -> None:
        async with running(fresh_database(tmp_path, database_template)) as world:
            await _play(world, steps)

    for stale in tmp_path.glob("store.db*"):
        stale.unlink()
    asyncio.run(play())


@pytest.mark.parametrize("seed", range(4))
async def test_case_reports_in_any_order_arrive_in_the_leads_order(world: World, seed: int) -> None:
    submitted = await world.submit()
    await world.accepted(await world.send_one())
    reports = [_unsent(world, submitted, number) for number in range(1, 8)]
    arriving = reports + reports
    random.Random(seed).shuffle(arriving)  # noqa: S311 any order will do
    await asyncio.gather(*(world.reports.handle(report.to_message()) for report in arriving))
    letters = [await world.body(row.message_id) for row in await world.mailbox()]
    assert letters == [report.body for report in reports]
    assert await world.findings() == []


def _unsent(world: World, about: object, number: int) -> Report:
    return Report(
        report_id=new_id(),
        type=ReportType.CASE_MESSAGE,
        destination=LEAD,
        case_id=about.case_id,
        case_sequence=number,
        created_at=world.clock.now(),
        body=note_xml(about),
    )
