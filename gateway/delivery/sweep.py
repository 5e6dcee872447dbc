"""The sweep: what no event would wake is found, logged, and mended or shown to an operator.

Every few seconds copies whose lease is over return, and wishes that waited for them are done. Once a minute
it looks for what stands still without anybody knowing. What needs a look at all history is `reconcile`'s.
"""

import asyncio
import time
from datetime import timedelta

import structlog

from gateway.backchannel import wishes
from gateway.backchannel.docket import work_on
from gateway.config import Config
from gateway.contract.states import DeliveryState
from gateway.delivery.loop import keep
from gateway.domain.delivery import CANCELLABLE
from gateway.domain.retry import ALERT_AFTER
from gateway.store import SqlStore, actions, deliveries, overdue
from gateway.store.signals import destination_key

INTERVAL_S = 5.0
LOOK_INTERVAL_S = 60.0
PARKED_AT_MOST = timedelta(hours=1)
WISHES = 100

_log = structlog.get_logger()


class Sweep:
    """Looks at regular intervals for what no event would wake."""

    def __init__(self, config: Config, store: SqlStore) -> None:
        self._config = config
        self._store = store
        self._task: asyncio.Task[None] | None = None
        self._looked_at = -LOOK_INTERVAL_S

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
        """Return copies whose lease is over to `waiting`, and show those that nobody ever answers."""
        returned = await deliveries.return_expired(self._store, everything=everything)
        for row in returned:
            _log.warning(
                "delivery_returned",
                delivery_id=row.delivery_id,
                destination=row.destination,
                attempt=row.attempt,
            )
        self._store.signals.notify({destination_key(row.destination) for row in returned})
        if any(row.attempt > 1 for row in returned):
            async with self._store.write() as connection:
                now = await self._store.read_clock(connection)
                await overdue.flag_silent(connection, returned, now=now, after=ALERT_AFTER)

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

    async def look(self) -> None:
        """Show operators, each once, what stands still and what nobody told them of."""
        served = {each.name: each.tenant for each in self._config.destinations}
        async with self._store.write() as connection:
            await overdue.take_turn(connection, self._store)
            now = await self._store.read_clock(connection)
            parked = await overdue.flag_parked(connection, now=now, after=PARKED_AT_MOST)
            failed = await overdue.flag_failed(connection, now=now)
            unserved = await overdue.flag_unserved(connection, served, now=now)
        for row in parked:
            _log.error("report_parked_too_long", report_id=row.report_id, case_id=row.case_id)
        for row in failed:
            _log.error("delivery_failed_unseen", delivery_id=row.delivery_id, destination=row.destination)
        for name in unserved:
            _log.error("destination_not_served", destination=name)

    async def _sweep(self) -> None:
        await asyncio.sleep(INTERVAL_S)
        await self.return_expired()
        await self.fulfil_wishes()
        if time.monotonic() - self._looked_at >= LOOK_INTERVAL_S:
            self._looked_at = time.monotonic()
            await self.look()
