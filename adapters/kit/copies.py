"""Reads copies from the wire, and says what a log may say about them."""

import traceback
from typing import Any

from pydantic import ValidationError

from gateway.contract.delivery import Delivery
from gateway.contract.ids import is_id
from gateway.contract.message import Message


def read_copy(message: Message, destination: str) -> Delivery:
    """Read a copy for a destination, and refuse ids that are none: they become keys and paths.

    Raises:
        ValueError: it is not what the contract says.
    """
    delivery = Delivery.from_message(message)
    names = ("delivery_id", "submission_id", "case_id")
    wrong = [name for name in names if not is_id(getattr(delivery, name))]
    if delivery.expires_at.tzinfo is None:
        wrong.append("expires_at")
    if delivery.destination != destination:
        wrong.append("destination")
    if wrong:
        raise ValueError(*wrong)
    return delivery


def wrong_fields(error: ValueError) -> list[str]:
    """Name the fields that are wrong, and nothing of what they hold."""
    if isinstance(error, ValidationError):
        return sorted({str(fault["loc"][0]) for fault in error.errors() if fault["loc"]})
    return [str(name) for name in error.args]


def frames(error: Exception) -> list[str]:
    """Say where an exception comes from; its text stays out of the log."""
    stack = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack[-8:]]


def known(delivery: Delivery) -> dict[str, Any]:
    """Return what every log line about a delivery carries: ids, nothing of a person."""
    return {
        "destination": delivery.destination,
        "submission_id": delivery.submission_id,
        "case_id": delivery.case_id,
        "delivery_id": delivery.delivery_id,
        "attempt": delivery.attempt,
    }
