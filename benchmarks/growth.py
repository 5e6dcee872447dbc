"""What becomes of the speed with years of submissions in the store and a destination that takes nothing."""

import random
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg
import uvloop

from benchmarks import returning
from benchmarks.accepting import CONCURRENCY, Round, accept, rest
from benchmarks.amtsbote import MAX_SENT, Amtsbote
from benchmarks.bounds import Bounds
from benchmarks.cpu import read_resident_bytes
from benchmarks.figures import Figure, Wanted, compare, percentile
from benchmarks.fill import fill, in_flight, settled, waiting
from benchmarks.installation import STALLED
from benchmarks.layout import Layout
from benchmarks.load import Target, burst
from benchmarks.servers import Servers

STORED = 2_000_000
WAITING = 200_000
MESSAGES = 200_000
"""Over which memory is to stay flat."""
FLAT_BYTES = 50
"""What each message may add: 10 MB over all of them."""
_QUICK = 20
_FEW = 1000
_READERS = 4
_READS, _QUICK_READS = 1000, 300
_PAGE = 100
_SAMPLED = 5000

Sides = tuple[Amtsbote, Amtsbote]


def measure(
    stack: ExitStack, folder: Path, servers: Servers, layout: Layout, bounds: Bounds, *, quick: bool
) -> list[Figure]:
    """Fill one of two installations, then compare them in alternating rounds."""
    scale = _QUICK if quick else 1
    rounds, seconds, reads = (3, 3.0, _QUICK_READS) if quick else (8, 5.0, _READS)
    empty, full = (Amtsbote(folder / name, servers, layout) for name in ("empty", "full"))
    sides = (full, empty)
    for side in sides:
        stack.callback(side.stop)
        side.start()
        side.start_adapter()
        uvloop.run(returning.round_trip(side, CONCURRENCY))
        side.stop()
    print(f"Amtsbote: {full.processes}; payloads are stored as: {full.codecs()}")
    begun = time.monotonic()
    fill(empty.database, settled(_FEW))
    fill(
        full.database,
        settled(STORED // scale),
        waiting(WAITING // scale, STALLED),
        in_flight(MAX_SENT, STALLED),
    )
    print(
        f"filled with {STORED // scale} submissions, {WAITING // scale} waiting, "
        f"in {time.monotonic() - begun:.0f} s"
    )
    for side in sides:
        side.installation.start()
        uvloop.run(accept(side, 1))
    figures = [
        _size(full),
        *_accepting(sides, rounds, seconds, bounds),
        _reading(sides, rounds, "growth.status_p99", _status_calls, reads),
        _reading(sides, rounds, "growth.mailbox_page_p99", _page_calls, reads),
        _starting(sides, 3 if quick else 5),
    ]
    return figures + _memory(full, MESSAGES // scale)


def _size(full: Amtsbote) -> Figure:
    with psycopg.connect(full.database) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
    return Figure("growth.database", row[0] / 1e9, "GB")


def _accepting(sides: Sides, rounds: int, seconds: float, bounds: Bounds) -> list[Figure]:
    results: tuple[list[Round], list[Round]] = ([], [])
    for _ in range(rounds):
        for column, side in zip(results, sides, strict=True):
            column.append(uvloop.run(accept(side, seconds))[0])
        full, empty = (column[-1].rate for column in results)
        print(f"growth, accepting: full {full:.0f}/s  empty {empty:.0f}/s", flush=True)
    for name, column in zip(("growth.accept", "growth.accept when empty"), results, strict=True):
        bounds.note_cpu(name, column, [])
    rates = [[each.rate for each in column] for column in results]
    return [compare("growth.accept", "1/s", rates[0], rates[1], Wanted(0.9))]


def _reading(
    sides: Sides, rounds: int, name: str, make_calls: Callable[[Amtsbote], Callable[[], Target]], reads: int
) -> Figure:
    p99s: list[list[float]] = [[], []]
    calls = [make_calls(side) for side in sides]
    for _ in range(rounds):
        for column, call in zip(p99s, calls, strict=True):
            read = uvloop.run(burst(call, bytes, concurrency=_READERS, count=reads))
            column.append(percentile(read.latencies_s, 99) * 1000)
    print(f"{name}: full {p99s[0][-1]:.1f} ms  empty {p99s[1][-1]:.1f} ms", flush=True)
    return compare(name, "ms", p99s[0], p99s[1], Wanted(1.5, at_most=True))


def _status_calls(side: Amtsbote) -> Callable[[], Target]:
    """Read the status of any submission."""
    question = (
        "SELECT message_id FROM messages WHERE direction = 'in' ORDER BY md5(message_id::text) LIMIT %s"
    )
    with psycopg.connect(side.database) as connection:
        ids = [row[0] for row in connection.execute(question, [_SAMPLED])]
    return lambda: side.get(f"/v1/submissions/{random.choice(ids)}")  # noqa: S311


def _page_calls(side: Amtsbote) -> Callable[[], Target]:
    """Read a full page anywhere in the mailbox."""
    with psycopg.connect(side.database) as connection:
        row = connection.execute("SELECT max(position) FROM messages").fetchone() or (0,)
    last = int(row[0]) - _PAGE
    return lambda: side.get(f"/v1/mailbox?after={random.randint(0, last)}&limit={_PAGE}")  # noqa: S311


def _starting(sides: Sides, rounds: int) -> Figure:
    took: list[list[float]] = [[], []]
    for _ in range(rounds):
        for column, side in zip(took, sides, strict=True):
            side.stop()
            begun = time.perf_counter()
            side.installation.start()
            column.append(time.perf_counter() - begun)
    print(f"growth, ready after: full {took[0][-1]:.2f} s  empty {took[1][-1]:.2f} s", flush=True)
    return compare("growth.ready", "s", took[0], took[1], Wanted(2.0, at_most=True))


def _memory(side: Amtsbote, messages: int) -> list[Figure]:
    """Post so many, have them relayed, and fit a line through what each process occupies."""
    points = uvloop.run(_occupied(side, messages))
    counts = [count for count, _ in points]
    figures = []
    for number, (title, _) in enumerate(side.installation.gateway):
        occupied = [resident[number] for _, resident in points]
        slope, _ = statistics.linear_regression(counts, occupied)
        name = f"growth.memory_slope {title} {number + 1}"
        figures.append(
            Figure(name, slope, "B/message", wanted=Wanted(FLAT_BYTES, at_most=True, of_value=True))
        )
        print(
            f"{name}: {occupied[0] / 1e6:.1f} MB after {counts[0]} messages, "
            f"{occupied[-1] / 1e6:.1f} MB after {counts[-1]}"
        )
    return figures


async def _occupied(side: Amtsbote, messages: int) -> list[tuple[int, Sequence[int]]]:
    """Read the memory after each fortieth, but the first tenth: a new process grows until it has seen all."""
    step = messages // 40
    points: list[tuple[int, Sequence[int]]] = []
    async with side.draining():
        for count in range(step, messages + 1, step):
            await burst(side.submit, side.make_body, concurrency=CONCURRENCY, count=step)
            await rest(side)
            if count > messages // 10:
                points.append(
                    (count, [read_resident_bytes(each.pid) for _, each in side.installation.gateway])
                )
    return points
