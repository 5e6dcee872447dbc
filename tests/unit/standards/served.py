"""The sample standards, served from and until other days than they are delivered with."""

import shutil
from datetime import date, timedelta
from pathlib import Path

from gateway.domain.calendar import today
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.standards.serving import enable

LONG_AGO = date(2020, 1, 1)


def in_days(days: int | None) -> date | None:
    """Return the day that is so many days from today, in Germany."""
    return None if days is None else today() + timedelta(days=days)


def write(folder: Path, ends: dict[tuple[str, str], tuple[int, int | None]]) -> Path:
    """Copy the sample standards; for some it is said in how many days they end, and their grace."""
    shutil.copytree(data_folder("schemas"), folder)
    catalogue = Catalogue.load([folder])
    for name, (until, grace_until) in ends.items():
        standard = catalogue.fetch(*name)
        assert standard is not None
        enable(standard, since=LONG_AGO, until=in_days(until), grace_until=in_days(grace_until))
    return folder
