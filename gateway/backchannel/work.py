"""One transaction on one case, under its row lock: everything a report or a dead letter changes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.config import Config
from gateway.contract.states import CaseStatus
from gateway.domain.case import CaseEvent, citizen_status, move
from gateway.store import SqlStore, cases, mailbox, reports
from gateway.store.rows import BackMessage, Case, DeliveryRow
from gateway.store.signals import case_key, destination_key, mailbox_key


class CaseWork:
    """What may be done while a case is locked; `finish` does what must come last."""

    def __init__(
        self, store: SqlStore, config: Config, connection: AsyncConnection, case: Case, now: datetime
    ) -> None:
        self.store = store
        self.config = config
        self.connection = connection
        self.case = case
        self.now = now
        self.wakes = {case_key(case.case_id)}
        self._posted: list[str] = []

    async def record(
        self,
        kind: str,
        *,
        message_id: str | None = None,
        destination: str | None = None,
        code: str | None = None,
    ) -> None:
        """Write down what happened; ids and codes only."""
        await cases.record(
            self.connection,
            self.case,
            kind,
            now=self.now,
            message_id=message_id,
            destination=destination,
            code=code,
        )

    async def find(
        self,
        kind: str,
        *,
        delivery: DeliveryRow | None = None,
        destination: str | None = None,
        code: str | None = None,
    ) -> None:
        """Ask an operator to look at something."""
        await reports.add_finding(
            self.connection,
            kind,
            tenant=self.case.tenant,
            now=self.now,
            case_id=self.case.case_id,
            destination=delivery.destination if delivery else destination,
            message_id=delivery.message_id if delivery else None,
            delivery_id=delivery.delivery_id if delivery else None,
            code=code,
        )

    async def move(self, event: CaseEvent, *, due_on: date | None = None) -> bool:
        """Move the case; an illegal move leaves it, is recorded, and returns False."""
        moved = move(self.case.status, event)
        if not moved.legal:
            await self.record("case.illegal_move", code=f"{self.case.status}:{event}")
            return False
        if moved.reopened:
            await self.record("case.reopened")
        await self._set_status(moved.status, received=True, due_on=due_on)
        if not moved.reopened:
            await self.record(f"case.{moved.status}")
        return True

    async def mark_received(self) -> None:
        """Show the citizen that the authority has the application."""
        if self.case.status is CaseStatus.OPEN:
            await self._set_status(CaseStatus.OPEN, received=True, due_on=self.case.due_on)

    async def _set_status(self, status: CaseStatus, *, received: bool, due_on: date | None) -> None:
        citizen = citizen_status(status, received=received)
        await cases.set_status(
            self.connection, self.case, status, citizen=citizen, now=self.now, due_on=due_on
        )
        self.case = replace(self.case, status=status, citizen_status=citizen, due_on=due_on)

    async def post(self, message: BackMessage) -> None:
        """Put a message into the client's mailbox and on its way to the copies."""
        await mailbox.post(self.connection, self.case, message, now=self.now)
        self._posted.append(message.message_id)
        self.wakes.add(mailbox_key(self.case.client))
        self.wakes.update(map(destination_key, self.case.copies))

    async def refresh_submissions(self) -> None:
        """Derive the submissions' statuses after deliveries have moved."""
        await cases.refresh_submissions(
            self.connection, self.case.case_id, tenant=self.case.tenant, now=self.now
        )

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """Undo what the block did when it raises; the rest of the transaction goes on."""
        case, posted = self.case, len(self._posted)
        try:
            async with self.connection.begin_nested():
                yield
        except BaseException:
            self.case = case
            del self._posted[posted:]
            raise

    async def finish(self) -> None:
        """Number what was posted: the counter's row lock is taken last, so that it is held shortest."""
        await mailbox.number(self.connection, self.store, self.case.client, self._posted)


@asynccontextmanager
async def work_on(store: SqlStore, config: Config, case_id: str, *, tenant: str) -> AsyncIterator[CaseWork]:
    """Lock a case, let the block change it, commit, and wake whoever waits for it.

    Raises:
        NotFound: the tenant has no such case.
        StoreUnavailable: whether the change took effect is unknown; doing it again is safe.
    """
    async with store.write() as connection:
        now = await store.read_clock(connection)
        case = await cases.lock(connection, case_id, tenant=tenant)
        work = CaseWork(store, config, connection, case, now)
        yield work
        await work.finish()
    store.signals.notify(work.wakes)
