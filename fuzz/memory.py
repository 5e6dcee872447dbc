"""How much memory a run has, over its time."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

MAX_GROWTH_MIB = 32
"""From the end of the first third, when all is compiled and warm, to the end of the run."""


@dataclass
class Curve:
    """Resident memory of this process in MiB, by seconds since the start."""

    began: float = field(default_factory=time.monotonic)
    points: list[tuple[float, float]] = field(default_factory=list)

    def note(self) -> None:
        """Add a point."""
        self.points.append((time.monotonic() - self.began, resident_mib()))

    @property
    def growth_mib(self) -> float:
        """What came on top after the first third: the least of the last ten points less the most then."""
        if len(self.points) < 30:
            return 0
        third = len(self.points) // 3
        warm = max(mib for _, mib in self.points[third : third + 10])
        return min(mib for _, mib in self.points[-10:]) - warm

    def __str__(self) -> str:
        step = max(1, len(self.points) // 12)
        return "  ".join(f"{at:.0f} s {mib:.0f}" for at, mib in [*self.points[::step], *self.points[-1:]])


class Peak:
    """What is needed on top while it is used as a context, in MiB: `extra_mib`, when it is left."""

    def __enter__(self) -> Self:
        self._before = resident_mib()
        Path("/proc/self/clear_refs").write_text("5")
        return self

    def __exit__(self, *_: object) -> None:
        self.extra_mib = _status_mib("VmHWM") - self._before


def resident_mib() -> float:
    """Return what this process has in memory now."""
    return _status_mib("VmRSS")


def _status_mib(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
