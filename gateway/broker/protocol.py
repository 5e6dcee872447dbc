"""What the rest of the program asks of a broker; it carries messages and knows nothing of submissions."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from gateway.contract.message import MAX_HEADER_BYTES, Message
from gateway.errors import HeadersTooLarge


class Outcome(Enum):
    """What becomes of a message that a handler has dealt with.

    ACK: it is done and durable. REQUEUE: it goes back to its queue and comes again, marked as redelivered;
    the broker waits a little first, longer after each failure in a row, so that nothing spins. REJECT: it
    goes to the dead letters; a report or a dead letter that is rejected is gone, which is logged.
    """

    ACK = "ack"
    REQUEUE = "requeue"
    REJECT = "reject"


Handler = Callable[[Message], Awaitable[Outcome]]
"""Deals with one message. An exception is logged and has the effect of REQUEUE."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many messages are ready in a queue (those in hand not counted), and how many consumers it has."""

    queue: str
    destination: str | None
    messages: int
    consumers: int


class Consumer(Protocol):
    """Takes messages from one queue until it is cancelled, also over lost connections."""

    async def cancel(self, grace_s: float = 10) -> None:
        """Stop taking; what is in hand may finish within the grace, and is handed back after it."""


class Broker(Protocol):
    """Carries deliveries to destinations and reports back.

    Every wait is bounded. A publish returns after the broker's confirm and raises BrokerUnavailable (the
    message may have arrived), MessageReturned, QueueFull or HeadersTooLarge.
    """

    @property
    def connected(self) -> bool:
        """Say whether messages can be published now."""

    async def start(self) -> None:
        """Connect, and keep trying in the background when the broker is away; that is no error here."""

    async def close(self, grace_s: float = 10) -> None:
        """Cancel every consumer and disconnect; `start` may follow."""

    async def declare(self, destinations: Collection[str]) -> None:
        """Have a queue for each destination, now and after every reconnect."""

    async def publish_delivery(self, destination: str, message: Message) -> None:
        """Put a message into the destination's queue."""

    async def publish_report(self, message: Message) -> None:
        """Put a report, whose `routing_key` says from where and which, into the queue of reports."""

    async def consume_deliveries(self, destination: str, handler: Handler, *, concurrency: int) -> Consumer:
        """Hand the destination's deliveries, which are declared by this, to the handler."""

    async def consume_reports(self, handler: Handler, *, concurrency: int) -> Consumer:
        """Hand the reports of all destinations to the handler."""

    async def consume_dead(self, handler: Handler, *, concurrency: int) -> Consumer:
        """Hand the dead letters to the handler: `routing_key` names the destination."""

    async def depths(self) -> list[QueueDepth]:
        """Count what waits in each declared queue.

        Raises:
            BrokerUnavailable: the broker cannot be asked.
        """


def check_headers(message: Message) -> None:
    """Refuse headers that would close the connection for everyone.

    Raises:
        HeadersTooLarge: with the size and the limit.
    """
    size = message.header_bytes()
    if size > MAX_HEADER_BYTES:
        raise HeadersTooLarge(f"The headers have {size} bytes; at most {MAX_HEADER_BYTES} may be published.")
