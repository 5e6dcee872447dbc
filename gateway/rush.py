"""Right of way: while submissions come in a rush, a process that also delivers accepts them first.

Deadlines hang on the receipt; what has been receipted is stored and can wait for its delivery.
"""

import asyncio
import time
from collections.abc import Callable

QUIET_S = 1.0
"""Longer than a transaction takes beside deliveries in hand: these would end the rush they disturb."""
GIVE_WAY_S = 30.0
"""How long a rush of submissions may keep other work back; then all is done that is due."""
BUSY = 0.5
"""Of a core, that the process has used since it was last said that many wait. With less to do they wait for
the store or the disk, which a delivery hardly delays."""


class Rush:
    """Whether more submissions come than this process has the processor time to accept.

    Args:
        used_s: says how much of it the process has used.
    """

    def __init__(self, used_s: Callable[[], float] = time.process_time) -> None:
        self._used_s = used_s
        self._then = self._used_s_then = 0.0
        self._until = 0.0

    def note(self) -> None:
        """Say that many wait at this moment."""
        now, used_s = asyncio.get_running_loop().time(), self._used_s()
        if used_s - self._used_s_then > BUSY * (now - self._then):
            self._until = now + QUIET_S
        self._then, self._used_s_then = now, used_s

    async def over(self, within_s: float) -> bool:
        """Wait until there was none for QUIET_S; False if that was not so within this time."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + within_s
        # What it waits for is that nothing happens.
        while (left := min(self._until, latest) - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
        return self._until <= loop.time()


class Courtesy:
    """One worker that lets submissions go first, but not for ever.

    Args:
        rush: of what the same process accepts.
    """

    def __init__(self, rush: Rush) -> None:
        self._rush = rush
        self._gives_way = True

    async def wait(self) -> None:
        """Let a rush pass; after GIVE_WAY_S of it nothing is let past any more until `caught_up`."""
        self._gives_way = self._gives_way and await self._rush.over(GIVE_WAY_S)

    def caught_up(self) -> None:
        """Say that nothing is due any more."""
        self._gives_way = True
