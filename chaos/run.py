"""One run from its beginning to its verdict."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from chaos.checker import FOR_GOOD, Violation, check
from chaos.collect import Collector
from chaos.faults import Faults
from chaos.history import History
from chaos.mutations import MUTATIONS
from chaos.operator import Operator
from chaos.plan import GATEWAYS, Kind, Plan
from chaos.portal import Client, Portal
from chaos.reader import Reader
from chaos.report import balance, histories
from chaos.servers import Servers
from chaos.town import CLIENT, SECRET, Town

_POLL_S = 1.0


@dataclass
class Verdict:
    """What a run came to."""

    violations: list[Violation]
    history: History
    text: str
    seconds: float
    faults: dict[Kind, int] = field(default_factory=dict)

    @property
    def kinds(self) -> set[str]:
        """The kinds of violation that were found."""
        return {each.kind for each in self.violations}


async def run(
    plan: Plan,
    folder: Path,
    servers: Servers,
    *,
    mutation: str | None = None,
    say: Callable[[str], None] = print,
) -> Verdict:
    """Put a town under load, break it as planned, let it settle, and check it."""
    began = time.monotonic()
    town = Town(plan, folder, servers, mutation)
    clients = {name: Client(name, url, (CLIENT, SECRET)) for name, url in town.urls.items()}
    operator = Operator(town, say)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(town.close)
        for client in clients.values():
            stack.push_async_callback(client.http.aclose)
        await town.start()
        say(f"started after {time.monotonic() - began:.0f} s; {folder}")
        reader = Reader(clients.values())
        portal = Portal(plan, clients, lambda number: faults.gate(number))
        faults = Faults(town, operator, lambda: portal.begun, say)
        collector = Collector(town, portal, reader, clients.values(), operator)
        reader.start()
        stack.push_async_callback(reader.stop)
        operator.start()
        stack.push_async_callback(operator.stop)
        load_began = time.monotonic()
        await asyncio.gather(portal.post_everything(), faults.run())
        load_s = time.monotonic() - load_began
        say(f"all was sent after {load_s:.0f} s")
        await asyncio.gather(*map(town.ready, GATEWAYS))
        history, violations = await _settle(collector, plan, say, mutation in MUTATIONS)
        settle_s = time.monotonic() - load_began - load_s
        text = balance(plan, history, faults.done, operator.acts, town, load_s, settle_s)
        if violations:
            text += "\n" + await histories(history, violations, town, clients[GATEWAYS[0]])
    return Verdict(violations, history, text, time.monotonic() - began, dict(faults.done))


async def _settle(
    collector: Collector, plan: Plan, say: Callable[[str], None], mutated: bool
) -> tuple[History, list[Violation]]:
    """Look until nothing is violated any more, or the time is over; then look once more after a while."""
    deadline = time.monotonic() + plan.form.settle_s
    last = ""
    while True:
        history = await collector.collect(whole=False)
        violations = check(history)
        if not violations:
            history = await collector.collect(whole=True)
            violations = check(history)
        lasting = any(each.kind in FOR_GOOD for each in violations)
        if mutated and (lasting or time.monotonic() > deadline):
            return history, violations
        if not violations or time.monotonic() > deadline:
            break
        if (now := f"{len(violations)} things are still to come") != last:
            say(f"settling: {now}")
            last = now
        await asyncio.sleep(_POLL_S)
    if not violations:
        # A copy that was forgotten somewhere would show by now.
        await asyncio.sleep(plan.form.quiet_s)
    history = await collector.collect(whole=True)
    return history, check(history)
