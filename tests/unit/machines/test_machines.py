"""The machines of delivery, submission and case against a small model, in whatever order things happen.

Portals, relay, wire, destinations, time, sweep and operators take turns at random; copies are lost, doubled,
delayed and reported about in any order. After each step the store must stand where the model stands.

Which test shows which sentence of the design (§5) by itself:

- `attempt` only grows; `tries` is reset by an operator: here; test_retry_begins_backoff_and_days_anew
- an illegal move leaves the state, is recorded, and reaches the mailbox: test_illegal_move_leaves_the_case_…
- a copy on the wire expires, its lease is longer: test_confirmed_copy_has_…, test_copy_whose_lease_…
- an expired copy is no attempt that failed: test_expired_dead_letter_is_no_failure_and_goes_out_at_once
- at most so many `sent`: test_no_more_than_allowed_are_on_the_wire
- cancel and redirect at once on `waiting`, on `sent` once settled: tests/unit/delivery/test_operations.py
- back-off, alert, end: test_transient_failure_waits_longer_…, test_destination_down_for_a_week_…
- permanent fails, unknown is looked up: test_permanent_failure_is_…, test_unknown_outcome_is_looked_up_…
- only the lead refuses, from a copy it is failed: test_refusal_by_the_lead_…, test_refusal_by_a_copy_…
- dead letters by reason: test_rejected_dead_letter_…, test_dead_letter_at_the_delivery_limit_…
- the fence: tests/unit/backchannel/test_fence.py, and here
- n+1 goes once the lower ones are settled: `Machines.send` here
- a refused first message cancels what waits, with notice: test_refused_first_message_cancels_what_waits_…
- a withdrawal, and a decision that crosses it: tests/unit/backchannel/test_withdrawals.py
- case reports in the lead's order, parked for an hour: test_parked_reports_wait_…, test_report_parked_for_…
- mailbox positions without gap or double, balance: here; tests/unit/delivery/test_reconcile.py
"""

import asyncio
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import func, select

from gateway.config import Config
from gateway.contract.delivery import Delivery as Copy
from gateway.contract.message import Message
from gateway.contract.report import FailureKind, Report, ReportType
from gateway.delivery import Relay, operations
from gateway.delivery.reconcile import reconcile
from gateway.errors import BrokerUnavailable, NotPossible, QueueFull
from gateway.store.actions import By
from gateway.store.tables import cases, deliveries, findings, messages
from tests.contract.store.make import COPY, LEAD
from tests.unit.backchannel.world import (
    START,
    World,
    confirmation_xml,
    demo_config,
    fresh_database,
    note_xml,
    query_xml,
    result_xml,
    status_xml,
)
from tests.unit.machines import model

OTHER = "musteramt-zweite-stelle"
DESTINATIONS = [LEAD, COPY, OTHER]
BY = By("a-kaya", "a test")
MAX_CASES, MAX_MESSAGES = 3, 8
PAUSE_S = 1.0

T = TypeVar("T")
PICK = st.integers(0, 10_000)
CASE_REPORTS = {
    "processing": (ReportType.CASE_STATUS, status_xml),
    "query": (ReportType.CASE_QUERY, query_xml),
    "decision": (ReportType.CASE_DECISION, result_xml),
    "withdrawal": (ReportType.CASE_MESSAGE, confirmation_xml),
    "note": (ReportType.CASE_MESSAGE, note_xml),
}


@cache
def config() -> Config:
    written = demo_config().model_dump()
    written["destinations"] = [*written["destinations"], written["destinations"][0] | {"name": OTHER}]
    return Config.model_validate(written)


class Wire:
    """A broker that loses, keeps back and refuses copies as it is told."""

    connected = True

    def __init__(self) -> None:
        self.fault = ""
        self.published: list[Copy] = []
        self.arrived: list[Copy] = []

    async def publish_delivery(self, _destination: str, message: Message) -> None:
        copy = Copy.from_message(message)
        self.published.append(copy)
        if self.fault in ("", "unconfirmed"):
            self.arrived.append(copy)
        if self.fault in ("unconfirmed", "away"):
            raise BrokerUnavailable
        if self.fault == "full":
            raise QueueFull


class Machines(RuleBasedStateMachine):
    """The product, driven through what portals, brokers, adapters, time and operators can do."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World(address, config())
        self.wire = Wire()
        self.world.relay = Relay(
            config(), self.world.converter, self.world.store, self.wire, self.world.settings
        )
        self.cases: list[tuple[str, model.Case]] = []
        self.reports: list[Report] = []
        self.steps = 0

    def teardown(self) -> None:
        try:
            self.balance_closes()
        finally:
            self.run(self.world.store.close())
            self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @property
    def now(self) -> float:
        return (self.world.clock.now() - START).total_seconds()

    def rows(self, statement: Any) -> list[Any]:
        return self.run(self.world.rows(statement))

    # --- portals

    @initialize()
    def first(self) -> None:
        self.submit(copies=True)

    @precondition(lambda self: len(self.cases) < MAX_CASES)
    @rule(copies=st.booleans())
    def submit(self, copies: bool) -> None:
        names = [COPY] if copies else []
        accepted = self.run(self.world.submit(copies=tuple(names)))
        case = model.Case(LEAD, names)
        case.submit(self.now)
        self.cases.append((accepted.case_id, case))

    @rule(pick=PICK, withdraws=st.sampled_from([False, False, True]))
    def follow_up(self, pick: int, withdraws: bool) -> None:
        case_id, case = self.cases[pick % len(self.cases)]
        if len(case.messages) >= MAX_MESSAGES:
            return
        self.run(self.world.submit(case_id=case_id, withdraws=withdraws))
        if withdraws:
            case.withdraw(self.now)
        else:
            case.submit(self.now)

    # --- relay and wire

    @rule(
        destination=st.sampled_from(DESTINATIONS),
        fault=st.sampled_from(["", "", "", "lost", "unconfirmed", "away", "full"]),
    )
    def send(self, destination: str, fault: str) -> None:
        self.wire.fault, self.wire.published = fault, []
        surely = self._due(destination, surely=True)
        perhaps = self._due(destination, surely=False)
        self.run(self.world.relay.send_due(config().destination[destination]))
        went = [self._find(copy) for copy in self.wire.published]
        assert set(surely) <= {each for _, each in went} <= set(perhaps)
        for copy, (case, each) in zip(self.wire.published, went, strict=True):
            case.claimed(each)
            assert (copy.attempt, copy.look_up, copy.role) == (each.attempt, each.look_up, each.role)
            each.lease_until = self.now + self.world.settings.lease_s
            if fault in ("unconfirmed", "away", "full"):
                case.back(each, self.now + PAUSE_S, look_up=fault != "full")

    def _due(self, destination: str, *, surely: bool) -> list[model.Delivery]:
        return [
            each
            for _, case in self.cases
            for each in case.deliveries
            if each.destination == destination and case.may_go(each, self.now, surely=surely)
        ]

    def _find(self, copy: Copy) -> tuple[model.Case, model.Delivery]:
        """Return the case and the latest delivery of a message to a destination that the model has."""
        case = dict(self.cases)[copy.case_id]
        same = [each for each in case.deliveries if self._place(each) == (copy.case_seq, copy.destination)]
        order = self._delivery_ids(copy.case_id)[copy.case_seq, copy.destination]
        return case, same[order.index(copy.delivery_id)]

    @staticmethod
    def _place(each: model.Delivery) -> tuple[int, str]:
        return each.message.seq, each.destination

    def _delivery_ids(self, case_id: str) -> dict[tuple[int, str], list[str]]:
        """The ids of a case's deliveries by message and destination, in the order that they were made."""
        found: dict[tuple[int, str], list[str]] = {}
        d = deliveries.c
        for row in self.rows(select(deliveries).where(d.case_id == case_id).order_by(d.delivery_id)):
            found.setdefault((row.case_seq, row.destination), []).append(row.delivery_id)
        return found

    # --- destinations, about any copy that ever arrived

    @precondition(lambda self: self.wire.arrived)
    @rule(pick=PICK, kind=st.sampled_from(["accepted", "accepted", "refused", *FailureKind]))
    def report(self, pick: int, kind: str) -> None:
        copy = self._copy(pick)
        case, each = self._find(copy)
        if kind == "accepted":
            self.reports.append(self.run(self.world.accepted(copy, f"F-{copy.submission_id}")))
            case.accepted(each)
        elif kind == "refused":
            self.reports.append(self.run(self.world.refused(copy)))
            case.refused(each, copy.attempt, self.now)
        else:
            self.reports.append(self.run(self.world.failed(copy, FailureKind(kind))))
            case.failed(each, copy.attempt, kind, self.now)

    def _copy(self, pick: int) -> Copy:
        """Choose a copy, mostly one of the latest."""
        arrived = self.wire.arrived
        return arrived[-1 - pick % min(3, len(arrived))] if pick % 4 else arrived[pick % len(arrived)]

    @precondition(lambda self: self.reports)
    @rule(pick=PICK)
    def report_again(self, pick: int) -> None:
        report = self.reports[pick % len(self.reports)]
        self.run(self.world.reports.handle(report.to_message()))

    @precondition(lambda self: self.wire.arrived)
    @rule(pick=PICK, reason=st.sampled_from(["rejected", "delivery_limit", "expired"]))
    def bury(self, pick: int, reason: str) -> None:
        copy = self._copy(pick)
        case, each = self._find(copy)
        self.run(self.world.bury(copy, reason))
        if reason == "expired":
            case.expired(each, copy.attempt, self.now)
        else:
            kind = "unknown" if reason == "delivery_limit" else "transient"
            case.failed(each, copy.attempt, kind, self.now)

    @precondition(lambda self: self.wire.arrived)
    @rule(pick=PICK, event=st.sampled_from(list(CASE_REPORTS)), ahead=st.sampled_from([0, 0, 0, 1, -1]))
    def say(self, pick: int, event: str, ahead: int) -> None:
        copy = self._copy(pick)
        case = dict(self.cases)[copy.case_id]
        number = case.next_report.get(copy.destination, 1) + ahead
        if number < 1 or len(case.messages) >= MAX_MESSAGES:
            return
        type_, write = CASE_REPORTS[event]
        self.run(self.world.report(type_, write(copy), copy, case_sequence=number))
        case.report(copy.destination, number, event, self.now)

    # --- time and sweep

    @rule(seconds=st.sampled_from([2.0, 700.0, 721.0, 3601.0, 6 * 3600.0, 3 * model.DAY_S]))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds=seconds)

    @rule()
    def sweep(self) -> None:
        self.run(self.world.sweep.return_expired())
        self.run(self.world.sweep.fulfil_wishes())
        for _, case in self.cases:
            case.sweep(self.now)

    # --- operators

    @rule(
        pick=PICK,
        operation=st.sampled_from(["retry", "cancel", "redirect", "redirect"]),
        to=st.sampled_from(DESTINATIONS),
    )
    def operate(self, pick: int, operation: str, to: str) -> None:
        case_id, case = self.cases[pick % len(self.cases)]
        if not case.deliveries:
            return
        each = case.deliveries[pick % len(case.deliveries)]
        same = [other for other in case.deliveries if self._place(other) == self._place(each)]
        delivery_id = self._delivery_ids(case_id)[self._place(each)][same.index(each)]
        act = getattr(operations, operation)
        more = [to] if operation == "redirect" else []
        try:
            self.run(act(self.world.store, config(), delivery_id, *more, BY))
            done = True
        except NotPossible:
            done = False
        if operation == "retry":
            assert done == case.retry(each, self.now)
        elif operation == "cancel":
            assert done == case.cancel(each)
        else:
            assert done == case.redirect(each, to, self.now)

    # --- what must hold after each step

    @invariant()
    def all_is_well(self) -> None:
        self.store_stands_where_the_model_stands()
        self.mailbox_has_no_gap_and_no_double()
        self.something_wakes_everything()

    def store_stands_where_the_model_stands(self) -> None:
        d = deliveries.c
        for case_id, case in self.cases:
            (row,) = self.rows(select(cases).where(cases.c.case_id == case_id))
            assert (row.status, row.lead, row.copies) == (case.status, case.lead, case.copies)
            stored = self.rows(select(deliveries).where(d.case_id == case_id).order_by(d.delivery_id))
            assert sorted(
                (
                    r.case_seq,
                    r.destination,
                    r.role,
                    r.state,
                    r.attempt,
                    r.tries,
                    r.look_up,
                    r.wish is not None,
                )
                for r in stored
            ) == sorted(
                (*self._place(e), e.role, e.state, e.attempt, e.tries, e.look_up, e.wish is not None)
                for e in case.deliveries
            )
            of_case = select(messages).where(messages.c.case_id == case_id).order_by(messages.c.case_seq)
            assert [(r.case_seq, r.direction == "in", r.status) for r in self.rows(of_case)] == [
                (m.seq, m.incoming, m.status if m.incoming else None) for m in case.messages
            ]

    def mailbox_has_no_gap_and_no_double(self) -> None:
        positions = [row.position for row in self.run(self.world.mailbox())]
        assert positions == list(range(1, sum(case.letters for _, case in self.cases) + 1))

    def something_wakes_everything(self) -> None:
        """What is lowest at its destination is due, in flight under a lease, or shown to an operator."""
        d, f = deliveries.c, findings.c
        lost = self.rows(
            select(func.count()).where((d.state == "sent") & d.lease_until.is_(None))
        ) + self.rows(select(func.count()).where((d.state == "waiting") & d.due_at.is_(None)))
        assert [row[0] for row in lost] == [0, 0]
        failed = {row.delivery_id for row in self.rows(select(d.delivery_id).where(d.state == "failed"))}
        shown = self.rows(select(f.delivery_id).where(f.kind == "delivery_failed", f.resolved_at.is_(None)))
        assert {row.delivery_id for row in shown} == failed

    def balance_closes(self) -> None:
        balance = self.run(reconcile(self.world.store, config()))
        assert balance.closes, [(fault.sentence, fault.ids) for fault in balance.faults] or balance.lines


def _place(row: Any) -> tuple[int, str]:
    return row.case_seq, row.destination


def test_machines_stand_where_the_model_stands(tmp_path: Path, database_template: Path) -> None:
    def start() -> Machines:
        return Machines(fresh_database(Path(mkdtemp(dir=tmp_path)), database_template))

    run_machine(
        start,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            derandomize=True,
            deadline=None,
            # Making a failure smaller takes minutes here; the steps that led to it are printed.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
