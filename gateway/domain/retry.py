"""When to try again: back-off 5 s × 4ⁿ with jitter, at most an hour apart, for seven days.

A specialist application is down from Friday to Monday; the days are counted from the first failure.
Source: design.md §5
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_S = 5.0
FACTOR = 4
CAP_S = 3600.0
ALERT_AFTER = timedelta(hours=4)
GIVE_UP_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again in `delay_s`; `alert` where an operator should hear of it by now."""

    delay_s: float
    alert: bool


def next_try(
    tries: int, first_failed_at: datetime, now: datetime, retry_after_s: float | None = None
) -> Retry | None:
    """Plan the next attempt, or return None when it is time to give up.

    Args:
        tries: how many failures came before this one; an operator's retry resets it to 0.
        first_failed_at: aware UTC, of the first failure since then.
        retry_after_s: what the destination asked for; never less is waited, and never more than an hour.
    """
    failing_for = now - first_failed_at
    if failing_for >= GIVE_UP_AFTER:
        return None
    delay_s = min(FIRST_S * FACTOR ** min(tries, 10), CAP_S) * random.uniform(0.8, 1.0)  # noqa: S311 jitter
    if retry_after_s is not None:
        delay_s = max(delay_s, min(retry_after_s, CAP_S))
    return Retry(delay_s, alert=failing_for >= ALERT_AFTER)
