"""Work on one case under its row lock: everything that reports, dead letters and operators change.

What is changed is gathered in memory, so that what one report did can be undone, and written when the
transaction ends. Transactions are opened by `gateway.backchannel.docket`.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.backchannel.changes import Changes
from gateway.backchannel.seen import Seen
from gateway.config import Config
from gateway.contract.report import Report
from gateway.contract.states import CaseStatus, DeliveryState, FindingKind, ReportState, Role
from gateway.domain.case import CaseEvent, citizen_status, move
from gateway.domain.delivery import UNSETTLED
from gateway.store import SqlStore, cases, deliveries, mailbox, reads, reports
from gateway.store.accept import delivery_row, payload_row
from gateway.store.actions import ActionOutcome
from gateway.store.findings import finding_row, has_open_finding
from gateway.store.rows import BackMessage, Case, DeliveryRow, Document, Part
from gateway.store.signals import case_key, destination_key, mailbox_key
from gateway.store.tables import deliveries as delivery_table
from gateway.store.tables import events, findings, payloads


class CaseWork:
    """What may be done while a case is locked.

    What is written takes effect when the transaction ends; what is read here shows it at once.
    """

    def __init__(
        self,
        store: SqlStore,
        config: Config,
        connection: AsyncConnection,
        case: Case,
        *,
        now: datetime,
        seen: Seen,
    ) -> None:
        self.store = store
        self.config = config
        self.connection = connection
        self.locked = self.case = case
        self.now = now
        self.wakes = {case_key(case.case_id)}
        self.changes = Changes()
        self._seen = seen

    # --- what happened

    def record(
        self,
        kind: str,
        *,
        message_id: str | None = None,
        destination: str | None = None,
        code: str | None = None,
    ) -> None:
        """Write down what happened; ids and codes only."""
        case = self.case
        row = cases.event_row(
            case,
            kind,
            seq=case.next_event,
            now=self.now,
            message_id=message_id,
            destination=destination,
            code=code,
        )
        self.insert(events, row)
        self.case = replace(case, next_event=case.next_event + 1)

    def find(
        self,
        kind: FindingKind,
        *,
        delivery: DeliveryRow | None = None,
        delivery_id: str | None = None,
        destination: str | None = None,
        code: str | None = None,
    ) -> None:
        """Ask an operator to look at something."""
        row = finding_row(
            kind,
            tenant=self.case.tenant,
            now=self.now,
            case_id=self.case.case_id,
            destination=delivery.destination if delivery else destination,
            message_id=delivery.message_id if delivery else None,
            delivery_id=delivery.delivery_id if delivery else delivery_id,
            code=code,
        )
        self.insert(findings, row)

    async def has_open_finding(self, kind: FindingKind, delivery_id: str) -> bool:
        """Say whether an operator was asked this about a delivery already."""
        asked = {
            (row["kind"], row["delivery_id"]) for table, row in self.changes.inserts if table is findings
        }
        known = (kind, delivery_id) in asked
        return known or await has_open_finding(self.connection, kind, delivery_id)

    def insert(self, table: Table, row: dict[str, Any]) -> None:
        """Add a row; all those of one table name the same columns."""
        self.changes.inserts.append((table, row))

    # --- the case

    def move(self, event: CaseEvent, *, due_on: date | None = None) -> bool:
        """Move the case; an illegal move leaves it, is recorded, and returns False."""
        moved = move(self.case.status, event)
        if not moved.legal:
            self.record("case.illegal_move", code=f"{self.case.status}:{event}")
            return False
        if moved.reopened:
            self.record("case.reopened")
        self._set_status(moved.status, due_on=due_on)
        if not moved.reopened:
            self.record(f"case.{moved.status}")
        return True

    def mark_received(self) -> None:
        """Show the citizen that the authority has the application."""
        if self.case.status is CaseStatus.OPEN:
            self._set_status(CaseStatus.OPEN, due_on=self.case.due_on)

    def _set_status(self, status: CaseStatus, *, due_on: date | None) -> None:
        citizen = citizen_status(status, received=True)
        self.case = replace(self.case, status=status, citizen_status=citizen, due_on=due_on)

    def post(self, message: BackMessage) -> None:
        """Put a message into the client's mailbox and on its way to the copies."""
        case, number = self.case, self.case.next_seq
        self.case = replace(case, next_seq=number + 1)
        self.changes.posted.append(mailbox.message_row(case, message, seq=number, now=self.now))
        body = Part(0, "application/xml", sha256(message.body).hexdigest(), message.body)
        self.insert(payloads, payload_row(self.store.vault, message.message_id, case.tenant, body))
        self.changes.attached += [
            (message.message_id, part, document) for part, document in enumerate(message.documents, start=1)
        ]
        self.record("mailbox.posted", message_id=message.message_id)
        for name in case.copies:
            self.insert(delivery_table, self._copy(message.message_id, number, name))
        self.wakes.add(mailbox_key(case.client))
        self.wakes.update(map(destination_key, case.copies))

    def _copy(self, message_id: str, number: int, destination: str) -> dict[str, Any]:
        return delivery_row(
            tenant=self.case.tenant,
            message_id=message_id,
            case_id=self.case.case_id,
            case_seq=number,
            destination=destination,
            role=Role.COPY,
            now=self.now,
        )

    def add_reference(self, destination: str, kind: str, value: str) -> None:
        """Index a reference number or foreign id under which a destination keeps the case."""
        row = reports.reference_row(self.store.vault, self.case, destination, kind, value)
        self.changes.references[(destination, kind, row["value"])] = row

    async def has_reference(self, destination: str, value: str) -> bool:
        """Say whether a destination has named the case by this before."""
        named = {(where, what) for where, _, what in self.changes.references}
        known = (destination, value) in named
        return known or await reports.has_reference(self.connection, self.case, destination, value)

    async def names_another(self, reference: str) -> bool:
        """Say whether a reference is that of another case of the tenant."""
        case = self.case
        if reference in {case.case_id, case.portal_reference}:
            return False
        return await reads.is_case(self.connection, reference, client=case.client, tenant=case.tenant)

    # --- deliveries

    async def fetch_delivery(self, delivery_id: str, *, destination: str) -> DeliveryRow | None:
        """Lock and read a delivery of the case to a destination; another's is not found."""
        if delivery_id not in self._seen.deliveries:
            await self._seen.lock_deliveries(self.connection, self.store, [delivery_id])
        row = self.changes.deliveries.get(delivery_id) or self._seen.deliveries[delivery_id]
        mine = row and row.case_id == self.case.case_id and row.destination == destination
        return row if mine else None

    async def waiting_submissions(self) -> list[DeliveryRow]:
        """Lock and read the waiting deliveries of follow-ups: what the applicant sent later."""
        case = self.case
        rows = await deliveries.waiting_submissions(self.connection, case.case_id, tenant=case.tenant)
        sent_in = await reads.submission_ids(self.connection, case.case_id, tenant=case.tenant)
        changed = self.changes.deliveries.items()
        by_id = {row.delivery_id: row for row in rows}
        by_id |= {key: row for key, row in changed if row.message_id in sent_in and row.case_seq > 1}
        waiting = (row for row in by_id.values() if row.state is DeliveryState.WAITING)
        return sorted(waiting, key=lambda row: row.case_seq)

    def settle(
        self,
        row: DeliveryRow,
        state: DeliveryState,
        *,
        attempt: int | None = None,
        code: str | None = None,
        ends_attempt: bool = True,
    ) -> None:
        """Move a delivery to a state in which nothing is in flight.

        What failed may have taken effect: should an operator send it again, it is looked up first.

        Args:
            ends_attempt: False where nothing was in flight: what failed before keeps its outcome.
        """
        look_up = row.look_up or state is DeliveryState.FAILED
        self.change_delivery(row, state=state, lease_until=None, code=code, look_up=look_up)
        if ends_attempt:
            self.changes.attempts[(row.delivery_id, attempt or row.attempt)] = state
        self.record(f"delivery.{state}", message_id=row.message_id, destination=row.destination, code=code)
        self.wakes.add(destination_key(row.destination))

    def retry(
        self, row: DeliveryRow, *, due_at: datetime, look_up: bool, outcome: str, counts: bool = True
    ) -> None:
        """Return a delivery to `waiting`; `counts` where it was a failure, not an expiry."""
        failures: dict[str, Any] = {}
        if counts:
            failures = {"tries": row.tries + 1, "first_failed_at": row.first_failed_at or self.now}
        self.change_delivery(
            row,
            state=DeliveryState.WAITING,
            due_at=due_at,
            lease_until=None,
            look_up=row.look_up or look_up,
            **failures,
        )
        self.changes.attempts[(row.delivery_id, row.attempt)] = outcome

    def change_delivery(self, row: DeliveryRow, **changes: Any) -> None:
        """Change a delivery that was read here; submissions' statuses follow when the transaction ends."""
        latest = self.changes.deliveries.get(row.delivery_id, row)
        self.changes.deliveries[row.delivery_id] = replace(latest, **changes)

    async def unsettled(self, destination: str) -> list[DeliveryRow]:
        """Lock and read everything of the case that a destination has yet to take, in order."""
        case = self.case
        rows = await deliveries.unsettled(
            self.connection, case.case_id, tenant=case.tenant, destination=destination
        )
        now = {row.delivery_id: row for row in rows} | self.changes.deliveries
        still = (row for row in now.values() if row.destination == destination and row.state in UNSETTLED)
        return sorted(still, key=lambda row: row.case_seq)

    def send_elsewhere(self, row: Any, destination: str, *, look_up: bool, role: Role | None = None) -> None:
        """Put a message of the case on its way to another destination.

        Args:
            row: a delivery, or with a `role` the message itself.
        """
        new = delivery_row(
            tenant=row.tenant,
            message_id=row.message_id,
            case_id=row.case_id,
            case_seq=row.case_seq,
            destination=destination,
            role=role or row.role,
            now=self.now,
            look_up=look_up,
        )
        self.insert(delivery_table, new)
        self.wakes.add(destination_key(destination))

    def resolve_findings(self, row: DeliveryRow) -> None:
        """Close what operators were asked about a delivery that was stuck and no longer is."""
        self.changes.resolved[row.delivery_id] = row.delivery_id

    def end_action(self, action_id: str, outcome: ActionOutcome) -> None:
        """Write what became of what an operator had asked for."""
        self.changes.actions[action_id] = {
            "action_id": action_id,
            "outcome": outcome,
            "ended_at": self.now,
        }

    # --- reports

    def register(self, report: Report) -> None:
        """Write a report down as one that takes effect."""
        self.changes.reports[report.key] = reports.report_row(
            self.store.vault, report, tenant=self.case.tenant, now=self.now, erase_after=self.case.erase_after
        )

    def mark(self, report: Report, state: ReportState, *, keep_body: bool = False) -> None:
        """Write what became of a report; `keep_body` while it is still to be applied, or for an operator."""
        vault, tenant = self.store.vault, self.case.tenant
        outcome = reports.outcome(vault, report, state, tenant=tenant, keep_body=keep_body)
        if report.key in self.changes.reports:
            self.changes.reports[report.key] = self.changes.reports[report.key] | outcome
        else:
            self.changes.outcomes[report.key] = outcome

    def next_sequence(self, destination: str) -> int:
        """Return the number of the case report that a destination is to send next."""
        if row := self.changes.sequences.get(destination):
            return int(row["next"])
        return self._seen.sequences.get((self.case.case_id, destination), 1)

    def set_next_sequence(self, destination: str, number: int) -> None:
        """Remember the number that comes next."""
        self.changes.sequences[destination] = {
            "case_id": self.case.case_id,
            "destination": destination,
            "tenant": self.case.tenant,
            "next": number,
        }

    def park(self, report: Report) -> None:
        """Keep a case report until its number is due."""
        self.mark(report, ReportState.PARKED, keep_body=True)
        self.changes.parked[(report.destination, report.case_sequence or 0)] = report

    def fetch_parked(self, destination: str, number: int) -> Report | None:
        """Return the parked report that has this number."""
        parked = self.changes.parked.get((destination, number))
        return parked or self._seen.parked.get((self.case.case_id, destination, number))

    async def all_parked(self, destination: str) -> list[Report]:
        """Read every case report of a destination that waits for an earlier one."""
        stored = await reports.fetch_parked(self.connection, self.store, [self.case.case_id])
        parked = {each.key: each for each in stored} | {
            each.key: each for each in self.changes.parked.values() if each
        }
        return [each for each in parked.values() if each.destination == destination and self._is_parked(each)]

    def _is_parked(self, report: Report) -> bool:
        changed = self.changes.outcomes.get(report.key) or self.changes.reports.get(report.key)
        return changed is None or changed["state"] is ReportState.PARKED

    async def has_documents(self, wanted: Collection[Document]) -> bool:
        """Say whether all these documents were uploaded."""
        if unseen := [each for each in wanted if each not in self._seen.documents]:
            await self._seen.find_documents(self.connection, self.store, unseen)
        return all(self._seen.documents[each] for each in wanted)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Undo what the block did when it raises; the rest of the transaction goes on."""
        case, changes = self.case, self.changes.copy()
        try:
            yield
        except BaseException:
            self.case, self.changes = case, changes
            raise
