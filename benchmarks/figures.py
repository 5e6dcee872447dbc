"""Figures: what a run came to, printed for people and written for programs."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `peer` and `ratio` are None where there is no peer for it.

    `ratio` is the median of the ratios of neighbouring rounds, not the ratio of the medians.
    """

    name: str
    value: float
    unit: str
    peer: float | None = None
    ratio: float | None = None


def compare(name: str, unit: str, ours: Sequence[float], peers: Sequence[float]) -> Figure:
    """Make the figure of alternating rounds; without rounds of the peer it stands alone."""
    value = statistics.median(ours)
    if not peers:
        return Figure(name, value, unit)
    ratio = statistics.median(our / peer for our, peer in zip(ours, peers, strict=True))
    return Figure(name, value, unit, statistics.median(peers), ratio)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value below which so many in a hundred lie."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def table(figures: Sequence[Figure]) -> str:
    """Write figures for a person."""
    lines = [f"{'':32} {'Amtsbote':>10} {'peer':>10} {'':8} {'ratio':>6}"]
    for each in figures:
        peer = "" if each.peer is None else _short(each.peer)
        ratio = "" if each.ratio is None else f"{each.ratio:.2f}"
        lines.append(f"{each.name:32} {_short(each.value):>10} {peer:>10} {each.unit:8} {ratio:>6}")
    return "\n".join(lines)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write figures for a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(each) for each in figures], ensure_ascii=False, indent=2) + "\n")


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
