"""When something was handed over, noted by the process that took it: lines of an id and a monotonic clock.

Linux gives every process of a machine the same monotonic clock.
"""

import asyncio
import time
from pathlib import Path

STAMPS = "BENCH_STAMPS"
"""Names the file to whoever notes something."""
_WITHIN_S = 30.0
_LOOK_EVERY_S = 0.002


class Stamps:
    """Reads what another process notes.

    Args:
        file: which it appends to.
    """

    def __init__(self, file: Path) -> None:
        file.touch(mode=0o600)
        self._file = file.open()
        self._known: dict[str, int] = {}

    def __enter__(self) -> "Stamps":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    async def wait_for(self, key: str) -> int:
        """Return the nanoseconds at which the key was noted.

        Raises:
            RuntimeError: it is not noted in time.
        """
        deadline = time.monotonic() + _WITHIN_S
        while key not in self._known:
            # A line is one write: there are no halves.
            self._known.update((name, int(at)) for name, at in map(str.split, self._file.read().splitlines()))
            if time.monotonic() > deadline:
                raise RuntimeError(f"{key} was handed to nobody within {_WITHIN_S:.0f} s")
            await asyncio.sleep(_LOOK_EVERY_S)
        return self._known[key]
