"""Messages as AMQP 0-9-1 properties and headers, both ways."""

from datetime import UTC, datetime
from typing import Any

import pamqp.decode
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic

from gateway.contract.message import HeaderValue, Message

Properties = Basic.Properties

_APP_ID = "amtsbote"
_PERSISTENT = 2


def to_wire(message: Message) -> Properties:
    """Write what a persistent message has beside its body."""
    expiration = None if message.expiration_s is None else str(int(message.expiration_s * 1000))
    return Properties(
        headers=dict(message.headers),
        content_type=message.content_type,
        delivery_mode=_PERSISTENT,
        correlation_id=message.correlation_id,
        expiration=expiration,
        message_id=message.message_id,
        timestamp=message.timestamp,
        message_type=message.type,
        app_id=_APP_ID,
    )


def from_wire(incoming: DeliveredMessage) -> Message:
    """Read a message that anyone may have written: what is missing or not of the contract is left out."""
    properties = incoming.header.properties
    headers = properties.headers or {}
    return Message(
        body=incoming.body,
        message_id=properties.message_id or "",
        type=properties.message_type or "",
        timestamp=properties.timestamp or datetime.now(UTC),
        correlation_id=properties.correlation_id,
        content_type=properties.content_type or "",
        headers=_headers(headers),
        expiration_s=_expiration_s(properties.expiration),
        routing_key=incoming.routing_key or "",
        redelivered=bool(incoming.redelivered),
        death_reason=_death_reason(headers),
    )


def _expiration_s(milliseconds: str | None) -> float | None:
    try:
        return int(milliseconds) / 1000 if milliseconds else None
    except ValueError:
        return None


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
