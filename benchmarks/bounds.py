"""What bounds a figure: processor time for each application by process, and within the gateway by part."""

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from benchmarks.figures import Figure
from benchmarks.process import Process
from benchmarks.profiled import PARTS

_PARTS = [*(part for part, _ in PARTS), "other"]


class Measured(Protocol):
    """A round, as far as it is looked at here."""

    @property
    def seconds(self) -> float:
        """How long it was."""

    @property
    def accepted(self) -> int:
        """How many applications it came to."""

    @property
    def cpu_s(self) -> Mapping[str, float]:
        """Processor time by group of processes."""


class Bounds:
    """Collects what was seen beside the figures."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self._lines: list[str] = []

    def note_cpu(self, name: str, ours: Sequence[Measured], peers: Sequence[Measured]) -> None:
        """Note what an application cost in measured rounds, and how busy each group of processes was."""
        for side, rounds in (("Amtsbote", ours), ("peer", peers)):
            costs = {group: _cost_ms(rounds, group) for group in (rounds[0].cpu_s if rounds else ())}
            shares = {group: _busy(rounds, group) for group in costs}
            if side == "Amtsbote":
                self.figures += [Figure(f"{name}.cpu {group}", cost, "ms") for group, cost in costs.items()]
            if any(costs.values()):
                words = ", ".join(
                    f"{group} {cost:.2f} ({shares[group]:.0%} of a core)" for group, cost in costs.items()
                )
                self._lines.append(f"{name}, {side}: ms of processor time for each application: {words}")

    def profile(self, name: str, processes: Sequence[Process], run: Callable[[], object]) -> None:
        """Run once more and note where the gateway's processor time goes; not one of the measured rounds."""
        for process in processes:
            process.begin_profile()
        run()
        counts: Counter[str] = Counter()
        for process in processes:
            counts.update(process.end_profile())
        total = counts.total()
        if not total:
            return
        shares = {part: counts[part] / total for part in _PARTS}
        self.figures += [Figure(f"{name}.share {part}", share, "share") for part, share in shares.items()]
        words = ", ".join(
            f"{part} {share:.0%}" for part, share in sorted(shares.items(), key=lambda each: -each[1])
        )
        self._lines.append(f"{name}, inside the gateway's processes: {words}")

    def __str__(self) -> str:
        return "\n".join(f"- {line}" for line in self._lines)


def _cost_ms(rounds: Sequence[Measured], group: str) -> float:
    return statistics.median(each.cpu_s[group] / each.accepted for each in rounds) * 1000


def _busy(rounds: Sequence[Measured], group: str) -> float:
    return statistics.median(each.cpu_s[group] / each.seconds for each in rounds)
