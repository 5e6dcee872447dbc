"""What one transaction has read about all its cases at once."""

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.report import Report
from gateway.store import SqlStore, deliveries, reports
from gateway.store.rows import DeliveryRow, Document


@dataclass(slots=True)
class Seen:
    """What was read about all the cases of a transaction, so that no case need read it alone."""

    deliveries: dict[str, DeliveryRow | None] = field(default_factory=dict)
    documents: dict[Document, bool] = field(default_factory=dict)
    sequences: dict[tuple[str, str], int] = field(default_factory=dict)
    parked: dict[tuple[str, str, int], Report] = field(default_factory=dict)

    async def lock_deliveries(
        self, connection: AsyncConnection, store: SqlStore, ids: Collection[str]
    ) -> None:
        """Lock and read deliveries, in the order of their ids."""
        rows = await deliveries.lock_all(connection, store, ids)
        self.deliveries |= dict.fromkeys(ids) | {row.delivery_id: row for row in rows}

    async def find_documents(
        self, connection: AsyncConnection, store: SqlStore, wanted: Collection[Document]
    ) -> None:
        """See which documents were uploaded."""
        found = await reports.known_documents(connection, store, wanted)
        self.documents |= {each: each in found for each in wanted}

    async def read_order(
        self, connection: AsyncConnection, store: SqlStore, senders: Collection[tuple[str, str]]
    ) -> None:
        """Read which case reports are due, by case and destination, and which are parked until they are."""
        self.sequences |= await reports.next_sequences(connection, store, senders)
        for each in await reports.fetch_parked(connection, store, {case_id for case_id, _ in senders}):
            self.parked[(each.case_id, each.destination, each.case_sequence or 0)] = each
