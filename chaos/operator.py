"""The operator: looks after what failed, by the commands that the product offers."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from chaos.plan import ANNEX, DMS
from chaos.town import Town

_EVERY_S = 5.0
_REDIRECTED = 2
_BY = ("--operator", "chaos", "--reason", "chaos", "--json")


class Operator:
    """Retries what failed, redirects a few cases, and has the balance drawn up.

    `in_flight` are cases that were redirected while a copy was on its way: the old office may have taken it.
    """

    def __init__(self, town: Town, say: Callable[[str], None]) -> None:
        self.acts: Counter[str] = Counter()
        self.in_flight: set[str] = set()
        self._town, self._say = town, say
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
        if failed := [each["delivery_id"] for each in await self._list("--state", "failed")]:
            acted = await self._act("retry", *failed)
            self.acts["retried"] += sum(each["outcome"] == "done" for each in acted)

    async def redirect(self) -> None:
        """Redirect a few cases from the DMS to its annex: those of which it cannot know yet."""
        waiting = await self._list("--destination", DMS, "--state", "waiting")
        untouched = [each for each in waiting if each["case_seq"] == 1 and not each["look_up"]]
        if not untouched:
            self._say("    nothing waited that could be redirected")
        for each in untouched[:_REDIRECTED]:
            for acted in await self._act("redirect", each["delivery_id"], "--to", ANNEX):
                self.acts[f"redirected: {acted['outcome']}"] += 1
                if acted["outcome"] == "wished":
                    self.in_flight.add(each["case_id"])

    async def reconcile(self) -> list[str]:
        """Return what does not close, in the product's own words."""
        code, printed = await self._town.run("reconcile", "--json")
        if code == 0:
            return []
        try:
            balance = json.loads(printed)
        except ValueError:
            return [f"amtsbote reconcile: exit {code}: {printed[-300:]}"]
        faults = [
            f"{each['detail']} ({each['count']}): {' '.join(each['ids'])}" for each in balance["faults"]
        ]
        open_ = [str(each) for each in balance["destinations"] if not each["closes"]]
        return [*faults, *open_] or [f"amtsbote reconcile: exit {code}"]

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.retry()

    async def _list(self, *which: str) -> list[dict[str, Any]]:
        code, found = await self._ask("list", *which, "--json")
        return list(found.get("deliveries", [])) if code == 0 else []

    async def _act(self, *arguments: str) -> list[dict[str, Any]]:
        _, acted = await self._ask(*arguments, *_BY)
        return list(acted.get("deliveries", []))

    async def _ask(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run a command; where the store is away it is the operator who comes back later."""
        code, printed = await self._town.run("deliveries", *arguments)
        try:
            return code, json.loads(printed)
        except ValueError:
            self._say(f"    amtsbote deliveries {arguments[0]}: exit {code}: {printed[-300:]}")
            return code, {}
