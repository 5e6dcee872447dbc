"""The kit from the broker to the reports, with a real store and adapters that are only scripted."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.kit import Accepted, Adapter, OutcomeUnknown, Refused, Transient, Work
from adapters.kit.claims import Started
from adapters.kit.clock import utc_now
from adapters.kit.runner import Runner, run_destination
from adapters.kit.store import AdapterStore
from adapters.kit.testing import GatewayDouble, later, sample_delivery
from gateway.broker import Outcome
from gateway.contract.delivery import Delivery
from gateway.contract.message import Message
from gateway.contract.report import Failed, FailureKind, ReportType
from gateway.contract.report import Refused as RefusedBody
from gateway.errors import ConfigurationError, StoreInUse, StoreUnavailable

Deliver = Callable[[Adapter, Delivery, Work], Awaitable[Accepted]]
Find = Callable[[Delivery], Awaitable[Accepted | None]]
ACCEPTED = Accepted(foreign_id="A-1")


async def _takes(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
    return ACCEPTED


async def _unknown(delivery: Delivery) -> Accepted | None:
    return None


def scripted(deliver: Deliver = _takes, find: Find = _unknown) -> type[Adapter]:
    """An adapter that does what it is told and counts in `calls`."""

    class Scripted(Adapter):
        calls: list[str] = []  # noqa: RUF012 - one list a class is what the tests read

        async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
            self.calls.append("deliver")
            return await deliver(self, delivery, work)

        async def find(self, delivery: Delivery) -> Accepted | None:
            self.calls.append("find")
            return await find(delivery)

    return Scripted


def raises(error: BaseException) -> Deliver:
    async def deliver(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
        raise error

    return deliver


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayDouble]:
    async with GatewayDouble() as gateway:
        yield gateway


@pytest.fixture
async def run(gateway: GatewayDouble, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Runner]]]:
    """Start an adapter on the test's one store; whatever still runs is stopped at the end."""
    runners: list[Runner] = []

    async def run(adapter_class: type[Adapter], **settings: float) -> Runner:
        runner = gateway.runner(adapter_class, tmp_path, **settings)
        runners.append(runner)
        await runner.start()
        return runner

    yield run
    for runner in runners:
        await runner.stop(grace_s=0.5)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


# outcomes


async def test_runner_reports_accepted_when_the_adapter_takes_it(gateway, run) -> None:
    adapter = scripted()
    await run(adapter)
    delivery = await gateway.deliver()
    report = await gateway.report(ReportType.DELIVERY_ACCEPTED)
    assert Accepted.model_validate_json(report.body) == ACCEPTED
    assert (report.delivery_id, report.submission_id) == (delivery.delivery_id, delivery.submission_id)
    assert (report.case_id, report.attempt) == (delivery.case_id, 1)
    assert adapter.calls == ["deliver"]


async def test_runner_reports_refused_when_the_adapter_refuses(gateway, run) -> None:
    await run(scripted(raises(Refused("S999", "Nicht zuständig."))))
    await gateway.deliver()
    report = await gateway.report(ReportType.DELIVERY_REFUSED)
    assert RefusedBody.model_validate_json(report.body) == RefusedBody(code="S999", reason="Nicht zuständig.")


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (Transient("The application is down."), FailureKind.TRANSIENT, "The application is down."),
        (OutcomeUnknown("No answer."), FailureKind.UNKNOWN, "No answer."),
        (OutcomeUnknown("x" * 5000), FailureKind.UNKNOWN, "x" * 2000),
        (RuntimeError("Erika Mustermann"), FailureKind.PERMANENT, "RuntimeError"),
        (TimeoutError("Erika Mustermann"), FailureKind.PERMANENT, "TimeoutError"),
        (asyncio.CancelledError(), FailureKind.UNKNOWN, "cancelled its own work"),
        (Refused("", "without a code"), FailureKind.PERMANENT, "ValidationError"),
        (StoreUnavailable("gone"), FailureKind.TRANSIENT, "own store"),
    ],
)
async def test_runner_reports_failed_when_the_adapter_raises(gateway, run, error, kind, reason) -> None:
    with capture_logs() as logs:
        await run(scripted(raises(error)))
        await gateway.deliver()
        report = await gateway.report(ReportType.DELIVERY_FAILED)
    failed = Failed.model_validate_json(report.body)
    assert failed.kind is kind
    assert reason in failed.reason
    assert "Mustermann" not in failed.reason
    assert "Mustermann" not in str(logs)


async def test_runner_passes_on_the_time_when_a_transient_fault_names_one(gateway, run) -> None:
    await run(scripted(raises(Transient("busy", retry_after_s=90))))
    await gateway.deliver()
    report = await gateway.report(ReportType.DELIVERY_FAILED)
    assert Failed.model_validate_json(report.body).retry_after_s == 90


async def test_runner_reports_permanent_when_the_adapter_returns_something_else(gateway, run) -> None:
    async def returns_nothing(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
        return None  # type: ignore[return-value]

    await run(scripted(returns_nothing))
    await gateway.deliver()
    report = await gateway.report(ReportType.DELIVERY_FAILED)
    assert Failed.model_validate_json(report.body).kind is FailureKind.PERMANENT


async def test_runner_reports_unknown_when_the_adapter_outlives_its_lease(gateway, run) -> None:
    async def hangs(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
        await asyncio.Event().wait()
        return ACCEPTED

    await run(scripted(hangs), margin_s=0.1)
    await gateway.deliver(expires_at=utc_now() + timedelta(seconds=0.3))
    report = await gateway.report(ReportType.DELIVERY_FAILED)
    failed = Failed.model_validate_json(report.body)
    assert failed.kind is FailureKind.UNKNOWN
    assert "lease" in failed.reason


# looking first


@pytest.mark.parametrize(("found", "calls"), [(ACCEPTED, ["find"]), (None, ["find", "deliver"])])
async def test_runner_looks_first_when_the_copy_says_so(gateway, run, found, calls) -> None:
    async def find(delivery: Delivery) -> Accepted | None:
        return found

    adapter = scripted(find=find)
    await run(adapter)
    await gateway.deliver(look_up=True)
    await gateway.report(ReportType.DELIVERY_ACCEPTED)
    assert adapter.calls == calls


@pytest.mark.parametrize("error", [OutcomeUnknown(), RuntimeError(), StoreUnavailable()])
async def test_runner_looks_first_when_the_attempt_before_may_have_worked(gateway, run, error) -> None:
    script = iter([raises(error), _takes])

    async def deliver(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
        return await next(script)(adapter, delivery, work)

    adapter = scripted(deliver)
    await run(adapter)
    delivery = await gateway.deliver()
    await gateway.report(ReportType.DELIVERY_FAILED)
    await gateway.send(later(delivery))
    await gateway.report(ReportType.DELIVERY_ACCEPTED)
    assert adapter.calls == ["deliver", "find", "deliver"]


async def test_runner_keeps_its_doubt_when_looking_failed(gateway, run) -> None:
    looked: list[Delivery] = []

    async def find(delivery: Delivery) -> Accepted | None:
        looked.append(delivery)
        if len(looked) == 1:
            raise Transient("cannot be asked now")
        return ACCEPTED

    adapter = scripted(find=find)
    await run(adapter)
    delivery = await gateway.deliver(look_up=True)
    await gateway.report(ReportType.DELIVERY_FAILED)
    await gateway.send(later(delivery, look_up=False))
    await gateway.report(ReportType.DELIVERY_ACCEPTED)
    assert adapter.calls == ["find", "find"]


async def test_runner_does_not_look_when_the_attempt_before_was_not_taken(gateway, run) -> None:
    script = iter([raises(Transient("down")), _takes])

    async def deliver(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
        return await next(script)(adapter, delivery, work)

    adapter = scripted(deliver)
    await run(adapter)
    delivery = await gateway.deliver()
    await gateway.report(ReportType.DELIVERY_FAILED)
    await gateway.send(later(delivery))
    await gateway.report(ReportType.DELIVERY_ACCEPTED)
    assert adapter.calls == ["deliver", "deliver"]


# copies


async def test_runner_delivers_once_when_copies_come_at_the_same_time(gateway, run) -> None:
    go_on = asyncio.Event()

    async def waits(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
        await go_on.wait()
        return ACCEPTED

    adapter = scripted(waits)
    with capture_logs() as logs:
        await run(adapter, concurrency=6)
        delivery = await gateway.deliver()
        for _ in range(4):
            await gateway.send(delivery)
        other = await gateway.deliver()
        await until(lambda: len(adapter.calls) == 2)
        go_on.set()
        await gateway.report(ReportType.DELIVERY_ACCEPTED, case_id=other.case_id)
        await gateway.report(ReportType.DELIVERY_ACCEPTED, case_id=delivery.case_id)
        await until(lambda: [log["event"] for log in logs].count("delivery_settled_before") == 4)
    assert adapter.calls == ["deliver", "deliver"]
    assert len(gateway.reports) == 2


async def test_runner_sends_the_stored_report_when_a_settled_copy_comes_again(gateway, run) -> None:
    adapter = scripted()
    runner = await run(adapter)
    delivery = await gateway.deliver()
    first = await gateway.report(ReportType.DELIVERY_ACCEPTED)
    await runner.stop()
    gateway.reports.clear()
    await run(adapter)
    await gateway.send(later(delivery, look_up=True))
    again = await gateway.report(ReportType.DELIVERY_ACCEPTED)
    assert (again.report_id, again.attempt) == (first.report_id, 1)
    assert adapter.calls == ["deliver"]


async def test_runner_starts_nothing_and_acknowledges_when_the_copy_has_expired(gateway, run) -> None:
    adapter = scripted()
    with capture_logs() as logs:
        await run(adapter)
        expired = await gateway.deliver(expires_at=utc_now())
        await until(lambda: "delivery_expired" in {log["event"] for log in logs})
        await gateway.deliver()
        await gateway.report(ReportType.DELIVERY_ACCEPTED)
    assert adapter.calls == ["deliver"]
    [event] = [each for each in logs if each["event"] == "delivery_expired"]
    assert event["delivery_id"] == expired.delivery_id
    depths = {depth.queue: depth.messages for depth in await gateway.broker.depths()}
    assert set(depths.values()) == {0}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("attempt", "Erika"),
        ("delivery-id", "../../Erika"),
        ("expires-at", "2030-01-01T00:00:00"),
        ("role", "Erika"),
        ("submission-id", None),
        ("destination", "somebody-else"),
    ],
)
async def test_runner_rejects_a_copy_when_it_is_malformed(gateway, run, header, value) -> None:
    dead: list[Message] = []

    async def take_dead(message: Message) -> Outcome:
        dead.append(message)
        return Outcome.ACK

    await gateway.broker.consume_dead(take_dead, concurrency=1)
    message = sample_delivery(body=b"<Erika/>").to_message(60)
    headers = {name: held for name, held in message.headers.items() if name != header}
    if value is not None:
        headers[header] = value
    adapter = scripted()
    with capture_logs() as logs:
        await run(adapter)
        await gateway.broker.publish_delivery(gateway.destination, replace(message, headers=headers))
        await until(lambda: len(dead) == 1)
    assert dead[0].death_reason == "rejected"
    [event] = [each for each in logs if each["event"] == "delivery_malformed"]
    assert event["fields"] == [header.replace("-", "_")]
    assert "Erika" not in str(logs)
    assert adapter.calls == []


# restarts


async def test_runner_finishes_once_when_stopped_between_steps(gateway, run) -> None:
    effects: list[str] = []
    first_done = asyncio.Event()
    released = asyncio.Event()

    async def two_steps(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
        async with work.step("register") as step:
            if not step.done:
                effects.append("register")
                step.result = {"number": 7}
        first_done.set()
        await released.wait()
        async with work.step("letter") as letter:
            if not letter.done:
                effects.append("letter")
        return Accepted(foreign_id=str(step.result["number"]))

    adapter = scripted(two_steps)
    runner = await run(adapter)
    await gateway.deliver()
    await first_done.wait()
    await runner.stop(grace_s=0.2)
    assert gateway.reports == []
    released.set()
    await run(adapter)
    report = await gateway.report(ReportType.DELIVERY_ACCEPTED)
    assert Accepted.model_validate_json(report.body).foreign_id == "7"
    assert effects == ["register", "letter"]
    assert adapter.calls == ["deliver", "find", "deliver"]


async def test_runner_reports_poison_when_five_processes_died_over_it(gateway, run, tmp_path) -> None:
    delivery = sample_delivery()
    for _ in range(5):
        store = AdapterStore(f"sqlite:///{tmp_path / 'adapter.db'}", gateway.destination)
        await store.open()
        assert isinstance(await store.claim(delivery), Started)
        await store.close()
    adapter = scripted()
    await run(adapter)
    await gateway.send(delivery)
    report = await gateway.report(ReportType.DELIVERY_FAILED)
    assert Failed.model_validate_json(report.body).kind is FailureKind.PERMANENT
    assert adapter.calls == []


async def test_step_is_not_recorded_when_it_fails(gateway, run) -> None:
    entered: list[bool] = []

    async def deliver(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
        async with work.step("register") as step:
            entered.append(step.done)
            if len(entered) == 1:
                raise Transient("down")
        return ACCEPTED

    await run(scripted(deliver))
    delivery = await gateway.deliver()
    await gateway.report(ReportType.DELIVERY_FAILED)
    await gateway.send(later(delivery))
    await gateway.report(ReportType.DELIVERY_ACCEPTED)
    assert entered == [False, False]


async def test_runner_finishes_what_is_in_hand_when_stopped(gateway, run) -> None:
    started = asyncio.Event()

    async def slow(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
        started.set()
        await asyncio.sleep(0.1)
        return ACCEPTED

    adapter = scripted(slow)
    runner = await run(adapter)
    await gateway.deliver()
    await started.wait()
    await runner.stop()
    assert [report.type for report in gateway.reports] == [ReportType.DELIVERY_ACCEPTED]


class HangingConsumer:
    """A consumer whose broker does not answer any more."""

    async def cancel(self, grace_s: float = 10) -> None:
        await asyncio.Event().wait()


async def test_runner_hands_back_and_stops_in_time_when_every_part_hangs(
    gateway, run, tmp_path, monkeypatch
) -> None:
    class Hanging(scripted()):
        async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
            self.calls.append("deliver")
            await asyncio.Event().wait()
            return ACCEPTED

        async def stop(self) -> None:
            await asyncio.Event().wait()

    take = gateway.broker.consume_deliveries

    async def consume_deliveries(*args: object, **settings: int) -> HangingConsumer:
        await take(*args, **settings)
        return HangingConsumer()

    monkeypatch.setattr(gateway.broker, "consume_deliveries", consume_deliveries)
    runner = gateway.runner(Hanging, tmp_path)
    await runner.start()
    delivery = await gateway.deliver()
    await until(lambda: Hanging.calls == ["deliver"])
    began_at = asyncio.get_running_loop().time()
    with capture_logs() as logs:
        await runner.stop(grace_s=2)
    assert asyncio.get_running_loop().time() - began_at < 4
    assert {log["part"] for log in logs if log["event"] == "stop_failed"} == {"consumer", "adapter"}
    store = AdapterStore(f"sqlite:///{tmp_path / 'adapter.db'}", gateway.destination)
    await store.open()
    assert await store.claim(delivery) == Started(token=2, find_first=True)
    await store.close()


async def test_runner_stops_in_time_when_its_database_hangs(gateway, tmp_path) -> None:
    runner = gateway.runner(scripted(), tmp_path)
    await runner.start()
    with closing(sqlite3.connect(tmp_path / "adapter.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await gateway.deliver()
        await until(lambda: bool(runner._handler.in_hand))
        began_at = asyncio.get_running_loop().time()
        await runner.stop(grace_s=2)
        assert asyncio.get_running_loop().time() - began_at < 4
        assert gateway.reports == []


async def test_runner_refuses_to_start_when_another_serves_the_same_store(gateway, run, tmp_path) -> None:
    await run(scripted())
    with pytest.raises(StoreInUse):
        await gateway.runner(scripted(), tmp_path).start()


async def test_runner_closes_everything_when_the_adapter_cannot_start(gateway, run, tmp_path) -> None:
    class Broken(scripted()):
        async def start(self) -> None:
            raise ConfigurationError("no application")

    with pytest.raises(ConfigurationError):
        await gateway.runner(Broken, tmp_path).start()
    await run(scripted())
    await gateway.deliver()
    await gateway.report(ReportType.DELIVERY_ACCEPTED)


async def test_run_destination_says_when_it_takes_deliveries(gateway, tmp_path) -> None:
    stop, started = asyncio.Event(), asyncio.Event()
    runner = gateway.runner(scripted(), tmp_path)
    running = asyncio.create_task(run_destination(runner, stop, on_start=started.set))
    async with asyncio.timeout(10):
        await started.wait()
    stop.set()
    await running


async def test_run_destination_resends_reports_when_asked(gateway, tmp_path) -> None:
    began = utc_now()
    stop = asyncio.Event()
    running = asyncio.create_task(run_destination(gateway.runner(scripted(), tmp_path), stop))
    await gateway.deliver()
    first = await gateway.report(ReportType.DELIVERY_ACCEPTED)
    stop.set()
    await running
    gateway.reports.clear()
    stop.clear()
    again = run_destination(gateway.runner(scripted(), tmp_path), stop, resend_since=began)
    running = asyncio.create_task(again)
    assert (await gateway.report(ReportType.DELIVERY_ACCEPTED)) == first
    stop.set()
    await running


# reports


async def test_case_reports_arrive_in_order_when_made_in_deliver_and_later(gateway, run) -> None:
    async def deliver(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
        await adapter.context.reports.reference(
            work.case_id, aktenzeichen="32-1/26", report_id=work.report_id("reference")
        )
        return ACCEPTED

    runner = await run(scripted(deliver))
    delivery = await gateway.deliver()
    await gateway.report(ReportType.DELIVERY_ACCEPTED)
    reports = runner.adapter.context.reports
    for xml in (b"<status/>", b"<bescheid/>"):
        await reports.decision(delivery.case_id, xml)
    await gateway.report(ReportType.CASE_DECISION, count=2)
    of_case = [report for report in gateway.reports if not report.type.is_delivery]
    assert [report.case_sequence for report in of_case] == [1, 2, 3]
    assert [report.body for report in of_case[1:]] == [b"<status/>", b"<bescheid/>"]
    assert of_case[0].type is ReportType.CASE_REFERENCE


async def test_work_gives_the_same_report_id_when_the_submission_comes_again(gateway, run) -> None:
    ids: list[str] = []

    async def deliver(adapter: Adapter, delivery: Delivery, work: Work) -> Accepted:
        ids.extend([work.report_id("reference"), work.report_id("status")])
        raise Transient("down")

    await run(scripted(deliver))
    delivery = await gateway.deliver()
    await gateway.report(ReportType.DELIVERY_FAILED)
    await gateway.send(later(delivery))
    await gateway.report(ReportType.DELIVERY_FAILED, count=2)
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


async def test_documents_are_uploaded_when_a_decision_has_some(gateway, run) -> None:
    runner = await run(scripted())
    digest = await runner.adapter.context.documents.upload(b"%PDF-1.7", "application/pdf")
    assert gateway.uploads == {digest: b"%PDF-1.7"}
