"""Right of way: while submissions come in a rush, a process that also delivers accepts them first.

Deadlines hang on the receipt; what has been receipted is stored and can wait for its delivery.
"""

import asyncio

QUIET_S = 0.25


class Rush:
    """Whether submissions come faster than they are accepted."""

    def __init__(self) -> None:
        self._until = 0.0

    def note(self) -> None:
        """Say that many wait at this moment."""
        self._until = asyncio.get_running_loop().time() + QUIET_S

    async def over(self, within_s: float) -> None:
        """Wait until nobody has noted a rush for QUIET_S; no longer than `within_s`."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + within_s
        # What it waits for is that nothing happens.
        while (left := min(self._until, latest) - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
