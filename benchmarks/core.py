"""What a whole core does, on a machine whose processors are shared.

Whoever works on the other half of a processor makes everything here take 1.7 times as long, for a tenth of a
second or for minutes. So a fixed piece of work is timed before and after what is measured, on the one core
that all of it is kept to: what had the core to itself by that counts.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from benchmarks.figures import percentile
from gateway.xml.workers import shared_workers

_STEPS = 5_000
"""Of the piece of work: a quarter of a millisecond."""
_WHOLE = 1.3
"""Times what the fastest takes. Hardly one in twenty takes between 1.25 and 1.5 times that."""
_ENOUGH = 0.1
"""Share of the rounds below which none is chosen: the machine was hardly ever left alone."""


class Timed(NamedTuple):
    """What was measured, and the piece of work before and after it, in seconds."""

    seconds: float
    before: float
    after: float


def whole(name: str, rounds: Sequence[Sequence[Timed]]) -> list[Sequence[Timed]]:
    """Choose the rounds around which the core was whole, or all where those are too few; print which."""
    probes = [probe for each in rounds for timed in each for probe in timed[1:]]
    fast = _WHOLE * percentile(probes, 1)
    chosen = [each for each in rounds if all(max(timed.before, timed.after) <= fast for timed in each)]
    print(f"{name}: {len(chosen)} of {len(rounds)} rounds had a whole core")
    if len(chosen) >= _ENOUGH * len(rounds):
        return chosen
    print(f"{name}: these are too few, so that all count")
    return [*rounds]


def milliseconds(rounds: Iterable[Sequence[Timed]]) -> list[tuple[float, ...]]:
    """Return the times of what is measured in each round, by what it is."""
    return [*zip(*([1000 * timed.seconds for timed in each] for each in rounds), strict=True)]


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and the worker that it starts within the block, to one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    shared_workers().close()
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        shared_workers().close()


def time_call(call: Callable[[], object], times: int = 1) -> Timed:
    """Call something so often, and say how long one call took."""
    before = _probe()
    seconds = _seconds(call, times)
    return Timed(seconds, before, _probe())


def _probe() -> float:
    # Of two, as the first one finds other things cached.
    return min(_seconds(lambda: sum(each * each for each in range(_STEPS)), 1) for _ in range(2))


def _seconds(call: Callable[[], object], times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - started) / times
