"""How fast submissions are accepted: while the relay keeps pace, in a burst, and embedded."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import uvloop

from benchmarks.bounds import Bounds
from benchmarks.cpu import read_cpu_s, used_since
from benchmarks.figures import Figure, Wanted, compare, percentile
from benchmarks.load import burst
from benchmarks.side import Side

CONCURRENCY = 32
LEAD_S = 1.0
"""Before what is measured: a relay that keeps pace has something under way, and connections are new."""
KEEPS_PACE = 0.05
"""So much of what was accepted may have been added to the backlog."""
_REST_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.1
_LESS, _MORE = 0.95, 1.03


@dataclass(frozen=True, slots=True)
class Round:
    """What was accepted between two moments, and how much more waited for the broker at the second."""

    seconds: float
    latencies_s: Sequence[float]
    backlog_growth: int
    cpu_s: Mapping[str, float]

    @property
    def accepted(self) -> int:
        """Submissions answered with 202."""
        return len(self.latencies_s)

    @property
    def rate(self) -> float:
        """Accepted in a second."""
        return self.accepted / self.seconds

    @property
    def behind(self) -> float:
        """The share of what was accepted that has been added to the backlog."""
        return max(0, self.backlog_growth) / self.accepted

    @property
    def keeps_pace(self) -> bool:
        """Say whether the relay sent what was accepted."""
        return self.behind < KEEPS_PACE


async def accept(side: Side, seconds: float, *, rate: float = float("inf")) -> tuple[Round, float]:
    """Post for so long after a lead-in; return the round, and the seconds until nothing waited any more."""
    async with side.draining():
        posting = asyncio.create_task(
            burst(side.submit, side.make_body, concurrency=CONCURRENCY, seconds=LEAD_S + seconds, rate=rate)
        )
        await asyncio.sleep(LEAD_S)
        begun, backlog, cpu_s = time.perf_counter(), await side.backlog(), read_cpu_s(side.pids)
        await asyncio.sleep(max(0.0, begun + seconds - time.perf_counter()))
        ended, growth = time.perf_counter(), await side.backlog() - backlog
        used_s = used_since(cpu_s, side.pids)
        posted = await posting
        rested_s = await rest(side)
    latencies_s = [latency_s for at, latency_s in posted.answers if begun <= at < ended]
    return Round(ended - begun, latencies_s, growth, used_s), rested_s


async def rest(side: Side, within_s: float = _REST_WITHIN_S) -> float:
    """Wait until nothing waits; return for how long.

    Raises:
        RuntimeError: it never ends.
    """
    started = time.perf_counter()
    while left := await side.backlog():
        if time.perf_counter() - started > within_s:
            raise RuntimeError(f"{side.name}: {left} submissions still wait {within_s:.0f} s after the load")
        await asyncio.sleep(_LOOK_EVERY_S)
    return time.perf_counter() - started


def warm_up(sides: Sequence[Side], seconds: float) -> None:
    """Have every process do once what it is measured at."""
    for side in sides:
        uvloop.run(accept(side, seconds))


def sustained(sides: Sequence[Side], rounds: int, seconds: float, bounds: Bounds) -> list[Figure]:
    """Post as fast as each side takes it; rounds in which Amtsbote's relay fell behind do not count.

    After such a round less is offered: a little below what the relay sent in it; after a good one a little
    more again.
    """
    ours: list[Round] = []
    peers: list[Round] = []
    tried, offered = 0, float("inf")
    own, others = sides[0], sides[1:]
    while len(ours) < rounds and tried < 2 * rounds + 2:
        tried += 1
        measured, _ = uvloop.run(accept(own, seconds, rate=offered))
        neighbours = [uvloop.run(accept(side, seconds))[0] for side in others]
        note = f"{measured.behind:.1%} more backlog"
        if measured.keeps_pace:
            ours.append(measured)
            peers += neighbours
            offered *= _MORE
        else:
            offered = _LESS * (measured.accepted - measured.backlog_growth) / measured.seconds
            note += f": does not count, offered from here on {offered:.0f}/s"
        rates = "  ".join(
            f"{side.name} {each.rate:.0f}/s"
            for side, each in zip(sides, [measured, *neighbours], strict=True)
        )
        print(f"accepting, round {tried}: {rates}  {note}", flush=True)
    if not ours:
        print("The relay never kept pace: there is no sustained rate.")
        return []
    bounds.note_cpu("accept_sustained", ours, peers)
    bounds.profile("accept_sustained", own.profiled, lambda: uvloop.run(accept(own, seconds, rate=offered)))
    return [
        _rates("accept_sustained", ours, peers, Wanted(0.8)),
        compare("accept_sustained.p50", "ms", _ms(ours, 50), _ms(peers, 50)),
        compare("accept_sustained.p99", "ms", _ms(ours, 99), _ms(peers, 99)),
        compare(
            "accept_sustained.backlog_growth",
            "share",
            [each.behind for each in ours],
            [],
            Wanted(KEEPS_PACE, at_most=True, of_value=True),
        ),
        Figure("accept_sustained.rounds_behind", tried - len(ours), "rounds"),
    ]


def in_a_burst(sides: Sequence[Side], rounds: int, seconds: float, bounds: Bounds) -> list[Figure]:
    """Post at full speed; the relay may fall behind, and what it then takes to catch up is measured."""
    results: list[list[tuple[Round, float]]] = [[] for _ in sides]
    for number in range(rounds):
        for column, side in zip(results, sides, strict=True):
            column.append(uvloop.run(accept(side, seconds)))
        measured, drained_s = results[0][-1]
        rates = "  ".join(
            f"{side.name} {column[-1][0].rate:.0f}/s" for side, column in zip(sides, results, strict=True)
        )
        print(
            f"burst of {seconds:.0f} s, round {number + 1}: {rates}  {measured.backlog_growth} behind, "
            f"drained in {drained_s:.1f} s",
            flush=True,
        )
    ours, peers = (
        [each for each, _ in results[0]],
        [each for each, _ in results[-1]] if len(sides) > 1 else [],
    )
    bounds.note_cpu("accept_burst", ours, peers)
    return [
        _rates("accept_burst", ours, peers, Wanted(1.0)),
        compare(
            "accept_burst.drained_in",
            "s",
            [drained_s for _, drained_s in results[0]],
            [],
            Wanted(seconds, at_most=True, of_value=True),
        ),
    ]


def embedded(sides: Sequence[Side], rounds: int, seconds: float, bounds: Bounds) -> list[Figure]:
    """Post as fast as the one process takes it, whose adapter works meanwhile."""
    results: list[list[Round]] = [[] for _ in sides]
    behind = []
    for number in range(rounds):
        for column, side in zip(results, sides, strict=True):
            column.append(uvloop.run(accept(side, seconds))[0])
        behind.append(results[0][-1].behind)
        rates = "  ".join(
            f"{side.name} {column[-1].rate:.0f}/s" for side, column in zip(sides, results, strict=True)
        )
        print(f"embedded, round {number + 1}: {rates}  {behind[-1]:.0%} not taken over yet", flush=True)
    ours, peers = results[0], results[-1] if len(sides) > 1 else []
    bounds.note_cpu("accept_embedded", ours, peers)
    bounds.profile("accept_embedded", sides[0].profiled, lambda: uvloop.run(accept(sides[0], seconds)))
    return [
        _rates("accept_embedded", ours, peers, Wanted(1.0)),
        compare("accept_embedded.not_taken_over_at_the_end", "share", behind, []),
    ]


def _rates(name: str, ours: Sequence[Round], peers: Sequence[Round], wanted: Wanted) -> Figure:
    return compare(name, "1/s", [each.rate for each in ours], [each.rate for each in peers], wanted)


def _ms(rounds: Sequence[Round], percent: int) -> list[float]:
    return [percentile(each.latencies_s, percent) * 1000 for each in rounds]
