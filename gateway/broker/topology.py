"""Every exchange and queue name, and the arguments they are declared with.

Source: design.md §6
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

DELIVERIES: Final = "amtsbote.deliveries"
REPORTS: Final = "amtsbote.reports"
DEAD: Final = "amtsbote.dead"

EXCHANGES: Final = {DELIVERIES: "direct", REPORTS: "topic", DEAD: "fanout"}
"""Exchange name → type; all are durable."""

# 4.x gives quorum queues a limit of 20 unless told otherwise, and then drops where nothing is set for dead
# letters; −1 means unlimited there, but deletes at the first requeue on 3.10.
_NO_DELIVERY_LIMIT: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class QueueDeclaration:
    """A durable queue and its one binding; `destination` is None for the queues that all share."""

    name: str
    exchange: str
    routing_key: str
    arguments: dict[str, str | int]
    destination: str | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """The declarations; the two limits are fixed by the contract and differ in tests only."""

    delivery_limit: int = 20
    max_length: int = 10_000

    def delivery_queue(self, destination: str) -> QueueDeclaration:
        """Return the queue of one destination: full means refused, dead means the queue of dead letters."""
        arguments: dict[str, str | int] = {
            "x-queue-type": "quorum",
            "x-delivery-limit": self.delivery_limit,
            "x-max-length": self.max_length,
            "x-overflow": "reject-publish",
            "x-dead-letter-exchange": DEAD,
            "x-dead-letter-strategy": "at-least-once",
        }
        name = f"{DELIVERIES}.{destination}"
        return QueueDeclaration(name, DELIVERIES, destination, arguments, destination)

    def report_queue(self) -> QueueDeclaration:
        """Return the queue that takes the reports of all destinations."""
        return QueueDeclaration(REPORTS, REPORTS, "#", _shared())

    def dead_queue(self) -> QueueDeclaration:
        """Return the queue of dead letters."""
        return QueueDeclaration(DEAD, DEAD, "", _shared())

    def queues(self, destinations: Collection[str]) -> list[QueueDeclaration]:
        """Return every queue that these destinations need, the shared ones last."""
        own = [self.delivery_queue(destination) for destination in sorted(destinations)]
        return [*own, self.report_queue(), self.dead_queue()]


def _shared() -> dict[str, str | int]:
    return {"x-queue-type": "quorum", "x-delivery-limit": _NO_DELIVERY_LIMIT}
