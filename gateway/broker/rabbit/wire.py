"""Messages as AMQP 0-9-1 properties and headers, both ways."""

from datetime import UTC, datetime
from typing import Any

import aio_pika
import pamqp.decode
from aio_pika.abc import AbstractIncomingMessage

from gateway.contract.message import HeaderValue, Message

_APP_ID = "amtsbote"


def to_wire(message: Message) -> aio_pika.Message:
    """Write a message as a persistent one."""
    return aio_pika.Message(
        message.body,
        headers=dict(message.headers),
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        correlation_id=message.correlation_id,
        expiration=message.expiration_s,
        message_id=message.message_id,
        timestamp=message.timestamp,
        type=message.type,
        app_id=_APP_ID,
    )


def from_wire(incoming: AbstractIncomingMessage) -> Message:
    """Read a message that anyone may have written: what is missing or not of the contract is left out."""
    return Message(
        body=incoming.body,
        message_id=incoming.message_id or "",
        type=incoming.type or "",
        timestamp=incoming.timestamp or datetime.now(UTC),
        correlation_id=incoming.correlation_id,
        content_type=incoming.content_type or "",
        headers=_headers(incoming.headers),
        expiration_s=incoming.expiration if isinstance(incoming.expiration, float) else None,
        routing_key=incoming.routing_key or "",
        redelivered=bool(incoming.redelivered),
        death_reason=_death_reason(incoming.headers),
    )


def _timestamp(value: bytes) -> tuple[int, datetime]:
    """Decode a timestamp that a sender may have written in some other unit than seconds."""
    try:
        return pamqp.decode.timestamp(value)
    except (ValueError, OverflowError, OSError):
        return 8, datetime.now(UTC)


# pamqp fails on a year it cannot name, and that closes the connection: one foreign message in microseconds
# would come again for ever and keep every other message behind it.
pamqp.decode.METHODS["timestamp"] = pamqp.decode.TABLE_MAPPING[b"T"] = _timestamp


def _headers(headers: dict[str, Any]) -> dict[str, HeaderValue]:
    # x-… are the broker's own: x-death, x-delivery-count and more with each version.
    return {
        name: value
        for name, value in headers.items()
        if isinstance(value, str | int | bool) and not name.startswith("x-")
    }


def _death_reason(headers: dict[str, Any]) -> str | None:
    deaths = headers.get("x-death")
    if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict):
        return str(deaths[0].get("reason"))  # the latest comes first
    reason = headers.get("x-first-death-reason")
    return reason if isinstance(reason, str) else None
