"""How long to wait before trying something again."""

import random


def backoff_s(tries: int, *, first_s: float, cap_s: float = 60) -> float:
    """Return the pause after `tries` earlier failures: doubling up to a cap, spread by ±25 %.

    The spread keeps many waiting senders from returning at the same moment.
    """
    pause = min(cap_s, first_s * 2 ** min(tries, 30))
    return float(pause * random.uniform(0.75, 1.25))  # noqa: S311 - spreads load, protects nothing
