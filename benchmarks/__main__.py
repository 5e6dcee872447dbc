"""Measure every speed this project claims, beside a peer in the same run on the same machine.

    python -m benchmarks [--quick] [--rounds N]

The peer is a gateway that validates and publishes and does nothing else (AMTSBOTE_PEER names its program).
Both sides get the same message in alternating rounds, so that what else the machine does hits both alike:
the ratio of one run says something, a figure of its own little. Writes var/bench.json.
"""

import argparse
import asyncio
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any, TypeVar, cast

import psycopg
import uvloop

from benchmarks import bench_xml
from benchmarks.amtsbote import Amtsbote
from benchmarks.figures import Figure, compare, percentile, table, write
from benchmarks.load import Burst, Connection, burst
from benchmarks.peer import Peer, find_peer
from benchmarks.side import Side
from tests.services import PrivatePostgreSQL, PrivateRabbitMQ, RabbitMQ

RESULT = Path("var") / "bench.json"
CONCURRENCY = 32
ROUND_S = 5.0
WARM_UP_S = 2.0
REPLY_WITHIN_S = 20
PACKAGES = ("fastapi", "uvicorn", "lxml", "aio-pika", "sqlalchemy", "psycopg")

Sides = Sequence[Side]
T = TypeVar("T")


def main() -> None:
    """Run everything and print it."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--quick", action="store_true", help="three rounds: under two minutes in all")
    arguments.add_argument("--rounds", type=int, help="rounds of each side; 10, with --quick 3")
    given = arguments.parse_args()
    rounds = given.rounds or (3 if given.quick else 10)
    started = time.monotonic()
    with ExitStack() as stack:
        rabbitmq, postgresql = PrivateRabbitMQ(), PrivatePostgreSQL(durable=True)
        sides = _start(stack, rabbitmq, postgresql)
        print(_machine())
        print(_servers(rabbitmq.access, postgresql.url))
        print("\n".join(f"{side.name}: {side.processes}" for side in sides))
        if len(sides) == 1:
            print("There is no peer here (AMTSBOTE_PEER): Amtsbote's figures stand alone, without a ratio.")
        figures = [*_accept(sides, rounds), *_end_to_end(sides, rounds, quick=given.quick)]
    figures += _xml(rounds)
    print(
        f"\n{table(figures)}\n\n{rounds} alternating rounds in {time.monotonic() - started:.0f} s; {RESULT}"
    )
    write(figures, RESULT)


def _start(stack: ExitStack, rabbitmq: PrivateRabbitMQ, postgresql: PrivatePostgreSQL) -> Sides:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="amtsbote-bench-")))
    for server in (rabbitmq, postgresql):
        stack.callback(server.discard)
        server.start()
    sides: list[Side] = [Amtsbote(folder, rabbitmq.access, postgresql)]
    if program := find_peer():
        sides.append(Peer(program, folder, rabbitmq.access))
    for side in sides:
        stack.callback(side.stop)
        side.start()
    return sides


def _accept(sides: Sides, rounds: int) -> list[Figure]:
    """Post as fast as each side takes it; no adapter runs, Amtsbote's relay does."""
    for side in sides:
        _post(side, WARM_UP_S)
        side.settle()
    bursts: dict[str, list[Burst]] = {side.name: [] for side in sides}
    behind = []
    for number in range(rounds):
        for side in sides:
            bursts[side.name].append(_post(side, ROUND_S))
            left = side.settle()
            if side is sides[0]:
                behind.append(left)
        rates = "  ".join(f"{side.name} {bursts[side.name][-1].rate:.0f}/s" for side in sides)
        print(f"accepting, round {number + 1}: {rates}", flush=True)
    ours, peers = _columns(sides, bursts)

    def figure(name: str, unit: str, of: Callable[[Burst], float]) -> Figure:
        return compare(name, unit, [of(each) for each in ours], [of(each) for each in peers])

    return [
        figure("accept.rate", "1/s", lambda each: each.rate),
        figure("accept.p50", "ms", lambda each: percentile(each.latencies_s, 50) * 1000),
        figure("accept.p99", "ms", lambda each: percentile(each.latencies_s, 99) * 1000),
        compare("accept.not_relayed_at_the_end", "share", behind, []),
    ]


def _end_to_end(sides: Sides, rounds: int, *, quick: bool) -> list[Figure]:
    """From the post to the reply that the sender can read: one at a time, then as many as come back."""
    singles, count = (10, CONCURRENCY * 3) if quick else (30, CONCURRENCY * 5)
    for side in sides:
        side.start_adapter()
        uvloop.run(_follow(side, 5, 1))
    alone: dict[str, list[list[float]]] = {side.name: [] for side in sides}
    rates: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in sides:
            alone[side.name].append([uvloop.run(_follow(side, 1, 1)) for _ in range(singles)])
            rates[side.name].append(count / uvloop.run(_follow(side, count, CONCURRENCY)))
        medians = (f"{side.name} {percentile(alone[side.name][-1], 50) * 1000:.0f} ms" for side in sides)
        print(f"to the reply, round {number + 1}: {'  '.join(medians)}", flush=True)
    ours, peers = _columns(sides, alone)
    our_rates, peer_rates = _columns(sides, rates)

    def figure(name: str, percent: int) -> Figure:
        def values(of: Sequence[list[float]]) -> list[float]:
            return [percentile(each, percent) * 1000 for each in of]

        return compare(name, "ms", values(ours), values(peers))

    return [
        figure("to_reply.p50", 50),
        figure("to_reply.p99", 99),
        compare("to_reply.rate", "1/s", our_rates, peer_rates),
    ]


def _xml(rounds: int) -> list[Figure]:
    return [Figure(**figure) for figure in bench_xml.measure(rounds * 2, bench_xml.SAMPLE)]  # type: ignore[arg-type]


def _columns(sides: Sides, results: dict[str, list[T]]) -> tuple[list[T], list[T]]:
    ours, *peers = (results[side.name] for side in sides)
    return ours, peers[0] if peers else []


def _post(side: Side, seconds: float) -> Burst:
    return uvloop.run(burst(side.submit, side.make_body, concurrency=CONCURRENCY, seconds=seconds))


async def _follow(side: Side, count: int, concurrency: int) -> float:
    """Post so many and return the seconds until as many replies have come."""
    pause_s = 0.001 if count == 1 else 0.02
    connection = await Connection.open(side.submit.port)
    try:
        before = await side.replies(connection, wait_s=0)
        started = time.perf_counter()
        await burst(side.submit, side.make_body, concurrency=concurrency, count=count)
        while await side.replies(connection, wait_s=REPLY_WITHIN_S) < before + count:
            if time.perf_counter() - started > REPLY_WITHIN_S:
                raise RuntimeError(f"{side.name}: the replies do not come")
            await asyncio.sleep(pause_s)
        return time.perf_counter() - started
    finally:
        connection.close()


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{time.strftime('%Y-%m-%d')}: {cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; {packages}; {CONCURRENCY} requests at once, "
        f"{bench_xml.SAMPLE.stat().st_size} bytes each"
    )


def _servers(rabbitmq: RabbitMQ, postgresql_url: str) -> str:
    overview = cast(dict[str, Any], rabbitmq.manage("GET", "overview"))
    with psycopg.connect(postgresql_url) as connection:
        version = connection.execute("SHOW server_version").fetchone()
    postgresql = str(version[0]).split()[0] if version else "?"
    return f"RabbitMQ {overview['rabbitmq_version']}, PostgreSQL {postgresql}, every commit flushed"


if __name__ == "__main__":
    main()
