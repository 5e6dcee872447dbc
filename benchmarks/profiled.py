"""Run `amtsbote` as it is, able to say where its processor time goes: `python -m benchmarks.profiled serve`.

SIGUSR2 begins, and the next one ends and writes. In between each few milliseconds of processor time are
counted for what the stack is about, the innermost part that has a name here; without the signal nothing is
different from `amtsbote`.
"""

import json
import os
import signal
from collections import Counter
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

EVERY_S = 0.004
PROFILE = "BENCH_PROFILE"
"""Names the file that the counts are written to."""

PARTS = (
    ("encrypt", ("gateway/store/codec", "gateway/store/keys", "zstandard", "cryptography/")),
    ("parse", ("gateway/xml/parse.py", "gateway/xml/wellformed.py")),
    ("validate", ("gateway/xml/", "gateway/standards/")),
    ("broker", ("gateway/broker/", "aio_pika/", "aiormq/", "pamqp/")),
    ("SQL", ("sqlalchemy/", "psycopg", "aiosqlite/", "gateway/store/", "adapters/kit/database.py")),
    ("HTTP", ("uvicorn/", "fastapi/", "starlette/", "gateway/http/", "gateway/server.py", "httpx2/")),
    ("log", ("structlog/", "gateway/logs.py", "/logging/")),
)
"""What a path of the source belongs to; the first that fits counts."""


class Sampler:
    """Counts what the main thread is at."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._counts: Counter[str] = Counter()
        self._runs = False

    def install(self) -> None:
        """Listen for the signal."""
        signal.signal(signal.SIGPROF, self._sample)
        signal.signal(signal.SIGUSR2, self._toggle)

    def _toggle(self, _number: int, _frame: FrameType | None) -> None:
        self._runs = not self._runs
        signal.setitimer(signal.ITIMER_PROF, *([EVERY_S] * 2 if self._runs else (0, 0)))
        if self._runs:
            self._counts.clear()
        else:
            # Whoever waits for it must not read a half of it.
            unfinished = self._file.with_suffix(".part")
            unfinished.write_text(json.dumps(self._counts))
            unfinished.replace(self._file)

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        while frame is not None:
            if part := _part(frame.f_code):
                self._counts[part] += 1
                return
            frame = frame.f_back
        self._counts["other"] += 1


@cache
def _part(code: CodeType) -> str | None:
    for part, paths in PARTS:
        if any(path in code.co_filename for path in paths):
            return part
    return None


def main() -> None:
    """Run the command line."""
    from gateway.cli import main as run

    if file := os.environ.get(PROFILE):
        Sampler(Path(file)).install()
    run()


if __name__ == "__main__":
    main()
