"""Measure every speed this project claims, beside a peer in the same run on the same machine.

    python -m benchmarks [--quick] [--growth] [--rounds N] [--layout http+reports,http,relay]

The peer is a gateway that validates and publishes and does nothing else (AMTSBOTE_PEER names its program).
Both sides get the same message in alternating rounds, so that what else the machine does hits both alike:
the ratio of one run says something, a figure of its own little. Writes var/bench.json.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import accepting, bench_xml, growth, returning
from benchmarks.amtsbote import Amtsbote, Embedded
from benchmarks.bounds import Bounds
from benchmarks.figures import Figure, table, write
from benchmarks.layout import LAYOUT, Layout
from benchmarks.nation import nation
from benchmarks.peer import Peer, find_peer
from benchmarks.servers import Servers, machine
from benchmarks.side import Side
from benchmarks.wire import Wire

RESULT = Path("var") / "bench.json"
GROWTH_RESULT = Path("var") / "bench-growth.json"


@dataclass(frozen=True, slots=True)
class Extent:
    """How long each part is measured."""

    rounds: int
    round_s: float
    bursts: int
    burst_s: float
    returns: int
    returned: int
    alone: int


FULL = Extent(rounds=10, round_s=6, bursts=3, burst_s=30, returns=5, returned=2000, alone=60)
QUICK = Extent(rounds=3, round_s=3, bursts=2, burst_s=6, returns=2, returned=300, alone=15)


def main() -> None:
    """Run everything and print it."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--quick", action="store_true", help="short rounds: under three minutes in all")
    arguments.add_argument(
        "--growth", action="store_true", help="a full database beside an empty one instead"
    )
    arguments.add_argument("--rounds", type=int, help="rounds of each side instead of 10, with --quick 3")
    arguments.add_argument("--layout", type=Layout.parse, default=LAYOUT, help=f"gateway processes; {LAYOUT}")
    given = arguments.parse_args()
    extent = QUICK if given.quick else FULL
    started = time.monotonic()
    bounds = Bounds()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="amtsbote-bench-")))
        servers = Servers()
        stack.callback(servers.discard)
        servers.start()
        print(f"{machine()}\n{servers}; {accepting.CONCURRENCY} requests at once")
        if given.growth:
            figures = growth.measure(stack, folder, servers, given.layout, bounds, quick=given.quick)
        else:
            figures = _compare(
                stack, folder, servers, given.layout, extent, given.rounds or extent.rounds, bounds
            )
    print(f"\n{table(figures)}\n")
    print(f"What bounds them:\n\n{bounds}")
    if not given.growth:
        print("\nWith the costs of `to_mailbox`:\n")
        print(nation([*figures, *bounds.figures]))
    print(f"\n{time.monotonic() - started:.0f} s in all")
    write([*figures, *bounds.figures], GROWTH_RESULT if given.growth else RESULT)


def _compare(
    stack: ExitStack,
    folder: Path,
    servers: Servers,
    layout: Layout,
    extent: Extent,
    rounds: int,
    bounds: Bounds,
) -> list[Figure]:
    own = Amtsbote(folder / "amtsbote", servers, layout)
    peer = Peer(program, folder, servers) if (program := find_peer()) else None
    if peer is None:
        print("There is no peer here (AMTSBOTE_PEER): Amtsbote's figures stand alone, without a ratio.")
    sides: Sequence[Side] = [own, peer] if peer else [own]
    for side in sides:
        stack.callback(side.stop)
        side.start()
        print(f"{side.name}: {side.processes}")
    accepting.warm_up(sides, 1)
    figures = accepting.sustained(sides, rounds, extent.round_s, bounds)
    figures += accepting.in_a_burst(sides, extent.bursts, extent.burst_s, bounds)
    figures += _embedded(stack, folder, sides[1:], extent, bounds)
    figures += returning.to_mailbox(sides, extent.returns, extent.returned, bounds)
    print("\n".join(f"{side.name}: {side.processes}" for side in sides))
    wire = Wire(folder, servers)
    stack.callback(wire.stop)
    wire.start()
    figures += returning.alone(own, peer, wire, extent.returns, extent.alone)
    print(f"Amtsbote's payloads are stored as: {own.codecs()}")
    xml = bench_xml.measure(rounds * 2, bench_xml.SAMPLE)
    return [*figures, *(Figure(**each) for each in xml)]  # type: ignore[arg-type]


def _embedded(
    stack: ExitStack, folder: Path, others: Sequence[Side], extent: Extent, bounds: Bounds
) -> list[Figure]:
    embedded = Embedded(folder / "embedded")
    stack.callback(embedded.stop)
    embedded.start()
    print(f"{embedded.name}: {embedded.processes}, with the broker and the adapter in it")
    figures = accepting.embedded([embedded, *others], extent.bursts, extent.round_s, bounds)
    embedded.stop()
    return figures


if __name__ == "__main__":
    main()
