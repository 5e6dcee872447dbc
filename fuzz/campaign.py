"""Run a property for some time, not for some examples: what fails is made small, kept, and then passed by."""

import faulthandler
import gc
import hashlib
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fuzz.memory import Curve

T = TypeVar("T")
_EXAMPLES = 200
"""In one run of hypothesis, which remembers all of them."""
HANGS_S = 60


@dataclass(frozen=True)
class Violation:
    """One promise that was broken: `kind` is equal for what probably has one cause."""

    kind: str
    detail: str


class Broken(Exception):
    """A promise was broken."""

    def __init__(self, violation: Violation) -> None:
        self.violation = violation
        super().__init__(f"{violation.kind}\n{violation.detail}")


@dataclass
class Campaign(Generic[T]):
    """One property under random input.

    Args:
        name: part of the names of files in `folder`.
        check: returns what an input breaks.
        keep: the bytes to write of an input that breaks something.
    """

    name: str
    folder: Path
    check: Callable[[T], list[Violation]]
    keep: Callable[[T], bytes]
    executions: int = 0
    found: dict[str, Violation] = field(default_factory=dict)
    again: Counter[str] = field(default_factory=Counter)
    curve: Curve = field(default_factory=Curve)

    def run(self, strategy: st.SearchStrategy[T], *, seconds: float, first_seed: int) -> None:
        """Try inputs until the time is over; the same seed tries the same ones, as far as the time allows."""
        self.folder.mkdir(parents=True, exist_ok=True)
        until, number = time.monotonic() + seconds, first_seed * 100_000
        while time.monotonic() < until:
            self._round(strategy, number, until)
            gc.collect()
            self.curve.note()
            number += 1

    def _round(self, strategy: st.SearchStrategy[T], number: int, until: float) -> None:
        last: list[tuple[Violation, bytes]] = []

        @seed(number)
        @settings(
            max_examples=_EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )
        @given(strategy)
        def attempt(value: T) -> None:
            if time.monotonic() > until and not last:
                return
            if violation := self._try(value, last[0][0].kind if last else None):
                last[:] = [(violation, self.keep(value))]
                raise Broken(violation)

        try:
            attempt()
        except Broken:
            self._note(*last[0])

    def _try(self, value: T, wanted: str | None) -> Violation | None:
        """Return what is broken and was not known, and while it is made smaller only the same again."""
        self.executions += 1
        (self.folder / f"{self.name}-last.input").write_bytes(self.keep(value))
        faulthandler.dump_traceback_later(HANGS_S, exit=True, file=sys.__stdout__)
        violations = self.check(value)
        faulthandler.cancel_dump_traceback_later()
        self.again.update(each.kind for each in violations if each.kind in self.found)
        new = (each for each in violations if each.kind not in self.found and wanted in (None, each.kind))
        return next(new, None)

    def _note(self, violation: Violation, content: bytes) -> None:
        self.found[violation.kind] = violation
        path = self.folder / f"{self.name}-{hashlib.sha256(violation.kind.encode()).hexdigest()[:8]}"
        path.with_suffix(".input").write_bytes(content)
        path.with_suffix(".txt").write_text(f"{violation.kind}\n\n{violation.detail}\n", "utf-8")
        print(f"  {violation.kind}: {path}.input", flush=True)

    @property
    def verdict(self) -> str:
        """Say what was tried, what broke, and how much memory it took."""
        lines = [f"{self.name}: {self.executions} executions, {len(self.found)} kinds of violation"]
        lines += [f"  {kind} (+{self.again[kind]})" for kind in self.found]
        return "\n".join([*lines, f"  memory in MiB: {self.curve}"])
