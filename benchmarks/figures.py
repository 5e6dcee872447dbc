"""Figures: what a run came to, printed for people and written for programs."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a figure's ratio is to reach, or where it is said its value."""

    bound: float
    at_most: bool = False
    of_value: bool = False

    def is_met(self, reached: float) -> bool:
        """Say whether it is reached."""
        return reached <= self.bound if self.at_most else reached >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `peer` and `ratio` are None where there is nothing to compare it with.

    `ratio` is the median of the ratios of neighbouring rounds, not the ratio of the medians.
    """

    name: str
    value: float
    unit: str
    peer: float | None = None
    ratio: float | None = None
    wanted: Wanted | None = None

    @property
    def is_met(self) -> bool | None:
        """Say whether what is wanted is reached; None where nothing is, or nothing was there to compare."""
        if self.wanted is None:
            return None
        reached = self.value if self.wanted.of_value else self.ratio
        return None if reached is None else self.wanted.is_met(reached)


def compare(
    name: str, unit: str, ours: Sequence[float], peers: Sequence[float], wanted: Wanted | None = None
) -> Figure:
    """Make the figure of alternating rounds; without rounds of the peer it stands alone."""
    value = statistics.median(ours)
    if not peers:
        return Figure(name, value, unit, wanted=wanted)
    pairs = zip(ours, peers, strict=False)  # a round that does not count leaves its neighbour alone
    ratio = statistics.median(our / peer for our, peer in pairs)
    return Figure(name, value, unit, statistics.median(peers), ratio, wanted)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value below which so many in a hundred lie."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def table(figures: Sequence[Figure]) -> str:
    """Write figures as a Markdown table, which reads in a terminal as well."""
    rows = [("", "Amtsbote", "beside it", "", "ratio", "wanted"), *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_line([cell.ljust(width) for cell, width in zip(row, widths, strict=True)]) for row in rows]
    rule = _line(
        ["-" * width if column in (0, 3) else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    )
    return "\n".join([lines[0], rule, *lines[1:]])


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write figures for a program: a list of `{name, value, unit, peer, ratio, wanted, met}`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = [
        asdict(each) | {"wanted": str(each.wanted or "") or None, "met": each.is_met} for each in figures
    ]
    path.write_text(json.dumps(written, ensure_ascii=False, indent=2) + "\n")


def _row(figure: Figure) -> tuple[str, ...]:
    peer = "" if figure.peer is None else _short(figure.peer)
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    mark = {True: "", False: " MISSED", None: ""}[figure.is_met]
    return figure.name, _short(figure.value), peer, figure.unit, ratio, f"{figure.wanted or ''}{mark}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
