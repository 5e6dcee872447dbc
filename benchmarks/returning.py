"""From the post to the adapter and back: how many decisions arrive in a second, and how long one takes."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import uvloop

from benchmarks.accepting import CONCURRENCY
from benchmarks.amtsbote import Amtsbote
from benchmarks.bounds import Bounds
from benchmarks.cpu import read_cpu_s, used_since
from benchmarks.figures import Figure, Wanted, compare, percentile
from benchmarks.load import Connection, burst
from benchmarks.side import Side
from benchmarks.stamps import Stamps
from benchmarks.storage import Storage
from benchmarks.wire import Wire

_REPLY_WITHIN_S = 120
_HOLD_S = 20
_SLOWEST_PER_S = 10
_LOOK_EVERY_S = 0.02
_PAUSE_S = 0.013
"""Between two of the light load: no multiple of any interval at which somebody looks."""


@dataclass(frozen=True, slots=True)
class Return:
    """So many applications, and the seconds until the last decision could be read."""

    accepted: int
    seconds: float
    cpu_s: Mapping[str, float]

    @property
    def rate(self) -> float:
        """Decisions in a second."""
        return self.accepted / self.seconds


@dataclass(frozen=True, slots=True)
class Way:
    """The seconds of one application: to its receipt, from it to the handler, from post to decision."""

    receipt_s: float
    handler_s: float
    mailbox_s: float


def to_mailbox(sides: Sequence[Side], rounds: int, count: int, bounds: Bounds) -> list[Figure]:
    """Post so many as fast as they are taken, and wait until every decision can be read."""
    results: list[list[Return]] = [[] for _ in sides]
    own = sides[0]
    for side in sides:
        side.start_adapter()
        uvloop.run(round_trip(side, CONCURRENCY))
    storage = Storage(own.database) if isinstance(own, Amtsbote) else None
    for number in range(rounds):
        for column, side in zip(results, sides, strict=True):
            column.append(uvloop.run(round_trip(side, count)))
        rates = "  ".join(
            f"{side.name} {column[-1].rate:.0f}/s" for side, column in zip(sides, results, strict=True)
        )
        print(f"{count} to the decision and back, round {number + 1}: {rates}", flush=True)
    ours, peers = results[0], results[-1] if len(sides) > 1 else []
    stored = storage.per_application(rounds * count) if storage else []
    bounds.note_cpu("to_mailbox", ours, peers)
    bounds.profile("to_mailbox", own.profiled, lambda: uvloop.run(round_trip(own, count)))
    figure = compare(
        "to_mailbox", "1/s", [each.rate for each in ours], [each.rate for each in peers], Wanted(0.5)
    )
    return [figure, *stored]


async def round_trip(side: Side, count: int) -> Return:
    """Post so many at once and read until as many decisions have come.

    Raises:
        RuntimeError: they do not.
    """
    connection = await Connection.open(side.submit().ports[0])
    try:
        before, cpu_s = await side.replies(connection, wait_s=0), read_cpu_s(side.pids)
        started = time.perf_counter()
        posting = asyncio.create_task(
            burst(side.submit, side.make_body, concurrency=CONCURRENCY, count=count)
        )
        deadline = started + _REPLY_WITHIN_S + count / _SLOWEST_PER_S
        while (back := await side.replies(connection, wait_s=1) - before) < count:
            if time.perf_counter() > deadline:
                raise RuntimeError(f"{side.name}: {back} of {count} decisions came back in time")
            await asyncio.sleep(_LOOK_EVERY_S)
        await posting
        return Return(count, time.perf_counter() - started, used_since(cpu_s, side.pids))
    finally:
        connection.close()


def alone(side: Amtsbote, peer: Side | None, wire: Wire, rounds: int, count: int) -> list[Figure]:
    """Post one at a time: how long until the receipt, the handler and the decision, beside a bare publish."""
    ways, bare, replies = [], [], []
    body = side.make_body()
    uvloop.run(_follow(side, 5))
    uvloop.run(wire.publish(body, 5, _PAUSE_S))
    for number in range(rounds):
        ways.append(uvloop.run(_follow(side, count)))
        bare.append(uvloop.run(wire.publish(body, count, _PAUSE_S)))
        if peer:
            replies.append(uvloop.run(_ask_back(peer, count)))
        handler_ms = percentile([way.handler_s for way in ways[-1]], 50) * 1000
        print(
            f"one at a time, round {number + 1}: {handler_ms:.1f} ms from the receipt to the handler, "
            f"bare publish to consumer {percentile(bare[-1], 50) * 1000:.1f} ms",
            flush=True,
        )

    def to_handler(percent: int, wanted: Wanted | None = None) -> Figure:
        ours = [percentile([way.handler_s for way in each], percent) * 1000 for each in ways]
        beside = [percentile(each, percent) * 1000 for each in bare]
        return compare("to_handler" if wanted else f"to_handler.p{percent}", "ms", ours, beside, wanted)

    def back(percent: int) -> Figure:
        ours = [percentile([way.mailbox_s for way in each], percent) * 1000 for each in ways]
        beside = [percentile(each, percent) * 1000 for each in replies]
        return compare(f"to_mailbox.alone_p{percent}", "ms", ours, beside)

    receipts = [percentile([way.receipt_s for way in each], 50) * 1000 for each in ways]
    return [
        to_handler(50, Wanted(3.0, at_most=True)),
        to_handler(99),
        compare("to_handler.receipt_before_it", "ms", receipts, []),
        back(50),
        back(99),
    ]


async def _follow(side: Amtsbote, count: int) -> list[Way]:
    """Post one at a time, while the portal's question for news in its mailbox is open, as it always is."""
    ways: list[Way] = []
    port = side.submit().ports[0]
    portal, reader = await Connection.open(port), await Connection.open(port)
    with Stamps(side.installation.stamps) as stamps:
        back = await side.replies(reader, wait_s=0)
        for _ in range(count):
            body, target = side.make_body(), side.submit()
            back += 1
            reading = asyncio.create_task(_read_until(side, reader, back))
            await asyncio.sleep(_PAUSE_S)
            posted = time.monotonic_ns()
            answer = await portal.ask_for(target, body)
            receipted = time.monotonic_ns()
            read = await reading
            handled = await stamps.wait_for(json.loads(answer)["submission_id"])
            ways.append(Way(*(ns / 1e9 for ns in (receipted - posted, handled - receipted, read - posted))))
    portal.close()
    reader.close()
    return ways


async def _read_until(side: Amtsbote, connection: Connection, back: int) -> int:
    """Return when so many decisions have been read, in nanoseconds of the monotonic clock."""
    async with asyncio.timeout(_REPLY_WITHIN_S):
        while await side.replies(connection, wait_s=_HOLD_S) < back:
            pass
    return time.monotonic_ns()


async def _ask_back(peer: Side, count: int) -> list[float]:
    took: list[float] = []
    connection = await Connection.open(peer.submit().ports[0])
    back = await peer.replies(connection, wait_s=0)
    for _ in range(count):
        posted = time.perf_counter()
        await connection.ask_for(peer.submit(), peer.make_body())
        back += 1
        while await peer.replies(connection, wait_s=1) < back:  # noqa: ASYNC110 - another process is asked
            await asyncio.sleep(0.001)
        took.append(time.perf_counter() - posted)
        await asyncio.sleep(_PAUSE_S)
    connection.close()
    return took
