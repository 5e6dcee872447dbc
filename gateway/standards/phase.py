"""Where a version of a standard stands between its first and its last day."""

import datetime
from enum import StrEnum

from gateway.standards.manifest import Manifest


class Phase(StrEnum):
    """What becomes of a message of a version: only of `served`, `ending` and `grace` it is taken."""

    NOT_ENABLED = "not_enabled"
    COMING = "coming"
    SERVED = "served"
    ENDING = "ending"
    GRACE = "grace"
    OVER = "over"


def phase(manifest: Manifest, day: datetime.date, *, soon_days: int = 30) -> Phase:
    """Say where a version stands on a day in Germany.

    Args:
        soon_days: a version is `ending` when its last day (Stichtag) is at most so many days away.
    """
    since, until = manifest.valid_from, manifest.valid_until
    if since is None:
        return Phase.NOT_ENABLED
    if day < since:
        return Phase.COMING
    if until is None or day + datetime.timedelta(days=soon_days) < until:
        return Phase.SERVED
    if day <= until:
        return Phase.ENDING
    return Phase.GRACE if manifest.grace_until and day <= manifest.grace_until else Phase.OVER
