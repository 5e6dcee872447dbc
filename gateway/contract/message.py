"""What a broker carries: properties, headers and a body."""

from dataclasses import dataclass, field
from datetime import datetime

HeaderValue = str | int | bool
MAX_HEADER_BYTES = 16 * 1024
"""A 140 kB header closes the AMQP connection for everyone; over this a delivery fails instead."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message on the wire; `body` is never altered on its way.

    `expiration_s` is the broker's time to live in seconds; None means unlimited. `redelivered` and
    `death_reason` (`rejected`, `delivery_limit`, `expired`, `maxlen`) are set by the broker on receipt.
    """

    body: bytes = field(repr=False)
    message_id: str
    type: str
    timestamp: datetime
    correlation_id: str | None = None
    content_type: str = "application/xml"
    headers: dict[str, HeaderValue] = field(default_factory=dict)
    expiration_s: float | None = None
    routing_key: str = ""
    redelivered: bool = False
    death_reason: str | None = None

    def header_bytes(self) -> int:
        """Return the approximate size of the headers on the wire, in bytes."""
        return sum(len(name) + 8 + len(str(value).encode()) for name, value in self.headers.items())
