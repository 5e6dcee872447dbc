"""The sweep: what no event would wake is found, done or shown to an operator.

Copies whose lease is over return, wishes that waited for them are done, and reports that wait for one that
never came are shown.
"""

import asyncio

import structlog

from gateway.backchannel import wishes
from gateway.backchannel.work import work_on
from gateway.config import Config
from gateway.contract.states import DeliveryState
from gateway.delivery.loop import keep
from gateway.domain.delivery import CANCELLABLE
from gateway.store import SqlStore, actions, deliveries, reports
from gateway.store.signals import destination_key

INTERVAL_S = 5.0
PARKED_AT_MOST_S = 3600.0
WISHES = 100

_log = structlog.get_logger()


class Sweep:
    """Looks at regular intervals for what no event would wake."""

    def __init__(self, config: Config, store: SqlStore) -> None:
        self._config = config
        self._store = store
        self._task: asyncio.Task[None] | None = None

    async def start(self, *, forgetful_broker: bool) -> None:
        """Start sweeping.

        Args:
            forgetful_broker: the in-process broker forgot what was in flight: everything `sent` goes back
                to `waiting` and is looked up before it is done again.
        """
        if forgetful_broker:
            await self.return_expired(everything=True)
        self._task = asyncio.create_task(keep("sweep", self._sweep))

    async def stop(self) -> None:
        """Stop sweeping."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def return_expired(self, *, everything: bool = False) -> None:
        """Return copies whose lease is over to `waiting`."""
        returned = await deliveries.return_expired(self._store, everything=everything)
        for row in returned:
            _log.warning(
                "delivery_returned",
                delivery_id=row.delivery_id,
                destination=row.destination,
                attempt=row.attempt,
            )
        self._store.signals.notify({destination_key(row.destination) for row in returned})

    async def fulfil_wishes(self) -> None:
        """Do what operators asked for deliveries whose copy is no longer in flight."""
        async with self._store.read() as connection:
            due = await actions.due_wishes(connection, limit=WISHES)
        for each in due:
            async with work_on(self._store, self._config, each.case_id, tenant=each.tenant) as work:
                row = await work.fetch_delivery(each.delivery_id, destination=each.destination)
                if row and row.wish and row.state is not DeliveryState.SENT:
                    fulfilled = row.state in CANCELLABLE and await wishes.fulfil(work, row)
                    if not fulfilled:
                        await wishes.give_up(work, row)

    async def find_overdue_reports(self) -> None:
        """Tell operators of reports that have been parked for too long, each once."""
        for row in await reports.flag_overdue(self._store, parked_s=PARKED_AT_MOST_S):
            _log.error("report_parked_too_long", report_id=row.report_id, case_id=row.case_id)

    async def _sweep(self) -> None:
        await asyncio.sleep(INTERVAL_S)
        await self.return_expired()
        await self.fulfil_wishes()
        await self.find_overdue_reports()
