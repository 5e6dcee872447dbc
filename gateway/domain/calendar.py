"""The legal day: dates in law are dates in Germany, whatever the machine's zone."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")


def today() -> date:
    """Return today's date in Germany."""
    return datetime.now(BERLIN).date()
