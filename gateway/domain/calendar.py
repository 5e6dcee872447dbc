"""The legal day: dates in law are dates in Germany, whatever the machine's zone."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")


def today() -> date:
    """Return today's date in Germany."""
    return datetime.now(BERLIN).date()


def last_days(day: date, count: int) -> list[date]:
    """Return so many days, the given one first, then the one before it, and so on."""
    return [day - timedelta(days=back) for back in range(count)]
