"""The adapter's time."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present as aware UTC."""
    return datetime.now(UTC)
