"""Dead letters: what the broker gave up becomes a report about the delivery, through the same fence."""

import asyncio

import structlog
from pydantic import ValidationError

from gateway.backchannel import outcomes
from gateway.backchannel.docket import work_on
from gateway.backchannel.work import CaseWork
from gateway.broker import Outcome
from gateway.config import Config
from gateway.contract.delivery import Delivery
from gateway.contract.message import Message
from gateway.contract.report import Failed, FailureKind
from gateway.contract.states import FindingKind
from gateway.errors import NotFound, StoreDeadlock, StoreUnavailable
from gateway.store import SqlStore
from gateway.store.findings import finding_row
from gateway.store.tables import findings

_KINDS = {"rejected": FailureKind.TRANSIENT, "delivery_limit": FailureKind.UNKNOWN}
_PAUSE_S = 2.0
MAX_FAULTS = 3
"""After so many unexpected exceptions a dead letter is given up; its delivery returns with its lease."""

_log = structlog.get_logger()


class DeadLetters:
    """Handles the queue of dead letters."""

    def __init__(self, config: Config, store: SqlStore) -> None:
        self._config = config
        self._store = store

    async def handle(self, message: Message) -> Outcome:
        """Deal with one dead letter; acknowledged once its effect is committed."""
        try:
            delivery = Delivery.from_message(message)
        except ValidationError as error:
            _log.error("dead_letter_malformed", fields=sorted({str(e["loc"][0]) for e in error.errors()}))
            return Outcome.ACK
        await self._take_in_the_end(delivery, message.death_reason or "rejected")
        return Outcome.ACK

    async def _take_in_the_end(self, delivery: Delivery, reason: str) -> None:
        """Wait for a store that is away; give up only what nothing here can deal with."""
        faults = 0
        while True:
            try:
                await (self._take(delivery, reason) if faults < MAX_FAULTS else self._show(delivery))
                return
            except (StoreUnavailable, StoreDeadlock):
                pass
            except NotFound:
                _log.error("dead_letter_without_case", delivery_id=delivery.delivery_id)
                return
            except Exception:
                faults += 1
                _log.exception(
                    "dead_letter_failed", delivery_id=delivery.delivery_id, reason=reason, faults=faults
                )
                if faults > MAX_FAULTS:
                    return
            await asyncio.sleep(_PAUSE_S)

    async def _show(self, delivery: Delivery) -> None:
        """Ask an operator about a dead letter without effect; the lease brings the delivery back."""
        async with self._store.write() as connection:
            now = await self._store.read_clock(connection)
            row = finding_row(
                FindingKind.DEAD_LETTER_FAILED,
                tenant=delivery.tenant,
                now=now,
                destination=delivery.destination,
                case_id=delivery.case_id,
                delivery_id=delivery.delivery_id,
            )
            await connection.execute(findings.insert().values(row))

    async def _take(self, delivery: Delivery, reason: str) -> None:
        async with work_on(self._store, self._config, delivery.case_id, tenant=delivery.tenant) as work:
            effect = await self._apply(work, delivery, reason)
        _log.warning(
            "dead_letter_taken",
            delivery_id=delivery.delivery_id,
            destination=delivery.destination,
            attempt=delivery.attempt,
            reason=reason,
            effect=effect,
        )

    async def _apply(self, work: CaseWork, delivery: Delivery, reason: str) -> str:
        row = await work.fetch_delivery(delivery.delivery_id, destination=delivery.destination)
        if row is None:
            return "no_such_delivery"
        if reason == "expired":
            return (await outcomes.expired(work, row, attempt=delivery.attempt)).value
        body = Failed(kind=_KINDS.get(reason, FailureKind.TRANSIENT), reason=reason)
        return (await outcomes.failed(work, row, body, attempt=delivery.attempt)).value
