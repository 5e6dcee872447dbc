"""The scenario of a restore: PostgreSQL goes back to an earlier point, and everyone is told what that lost.

What was receipted after that point is not in the store any more, though the offices have it. Nothing can
bring it back; but nobody may believe that all is well. The steps are those of the operator guide.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaos.checker import Violation, check
from chaos.collect import Collector
from chaos.history import History, Send
from chaos.operator import Operator
from chaos.plan import GATEWAYS, PROVOKED, REGISTER, Plan
from chaos.portal import Client, Portal
from chaos.reader import Reader
from chaos.servers import Servers
from chaos.town import CLIENT, SECRET, Town

_SETTLED_WITHIN_S = 120.0
_TOLD_WITHIN_S = 90.0


def restore_plan(seed: int, applications: int = 24) -> Plan:
    """Return a plan without faults: the restore is the fault."""
    return Plan(seed, replace(PROVOKED, applications=applications), [], [])


class Restore:
    """One run of the scenario; `violations` is what nobody was told, or what was lost besides."""

    def __init__(
        self, plan: Plan, folder: Path, servers: Servers, say: Callable[[str], None] = print
    ) -> None:
        self.violations: list[Violation] = []
        self.lost: set[str] = set()
        self._plan, self._servers, self._say = plan, servers, say
        self._town = Town(plan, folder, servers)
        self._clients = {name: Client(name, url, (CLIENT, SECRET)) for name, url in self._town.urls.items()}
        self._portal = Portal(plan, self._clients, _no_gate)
        self._reader = Reader(self._clients.values())
        operator = Operator(self._town, say)
        clients = self._clients.values()
        self._collector = Collector(self._town, self._portal, self._reader, clients, operator)
        self._operator = operator

    async def run(self) -> list[Violation]:
        """Post, save, post more, go back, and see that what is missing is named."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._town.close)
            for client in self._clients.values():
                stack.push_async_callback(client.http.aclose)
            await self._town.start()
            self._reader.start()
            half = self._plan.form.applications // 2
            await self._post(half)
            before = set(self._receipts())
            await self._save()
            saved_at = datetime.now(UTC)
            await self._post(self._plan.form.applications - half)
            await self._reader.stop()
            self.lost = set(self._receipts()) - before
            await self._go_back(saved_at)
            await self._look(before)
        return self.violations

    async def _post(self, count: int) -> None:
        await self._portal.post_everything(count)
        deadline = time.monotonic() + _SETTLED_WITHIN_S
        while missing := check(history := await self._collector.collect(whole=False)):
            if time.monotonic() > deadline:
                self.violations += missing
                break
            await asyncio.sleep(0.5)
        self._say(f"{len(history.receipts())} receipted, decided and filed")

    async def _save(self) -> None:
        """Save the data of a server at rest, as a backup does."""
        for process in self._town.processes.values():
            await asyncio.to_thread(process.stop)
        await asyncio.to_thread(self._servers.postgresql.stop)
        await asyncio.to_thread(self._servers.postgresql.save)
        await asyncio.to_thread(self._servers.postgresql.start)
        for process in self._town.processes.values():
            process.start()
        await asyncio.gather(*map(self._town.ready, GATEWAYS))
        self._say("saved")

    async def _go_back(self, saved_at: datetime) -> None:
        """Restore, keep portals away, and have every worker repeat its reports."""
        for process in self._town.processes.values():
            process.kill()
        await asyncio.to_thread(self._servers.postgresql.kill)
        await asyncio.to_thread(self._servers.postgresql.restore)
        await asyncio.to_thread(self._servers.postgresql.start)
        self._town.processes[GATEWAYS[0]].start("--roles", "relay,reports")
        for process in self._town.workers:
            process.start("--resend-reports", saved_at.strftime("%Y-%m-%dT%H:%M:%S%z"))
        await self._town.ready(GATEWAYS[0])
        self._say("went back")

    async def _look(self, before: set[str]) -> None:
        lost = {
            submission_id: send
            for submission_id, send in self._receipts().items()
            if submission_id in self.lost
        }
        reports = await self._unknown_reports({send.case_id or "" for send in lost.values()})
        self._say(f"{len(lost)} receipts are lost, {len(reports)} reports are about cases not in the store")
        self.violations += [*self._untold(lost, reports), *await self._compare(lost)]
        self.violations += [Violation("balance", each) for each in await self._operator.reconcile()]
        self._town.processes[GATEWAYS[1]].start()
        await self._town.ready(GATEWAYS[1])
        for submission_id in before:
            view = (await self._clients[GATEWAYS[1]].ask(f"/v1/submissions/{submission_id}")).json()
            if view.get("status") != "delivered":
                self.violations.append(Violation("restore", "saved, and not as it was", (submission_id,)))

    async def _unknown_reports(self, cases: set[str]) -> list[dict[str, Any]]:
        """Read the reports about cases that the store does not know, until each lost case is among them."""
        deadline = time.monotonic() + _TOLD_WITHIN_S
        while True:
            code, printed = await self._town.run("reports", "list", "--limit", "10000", "--json")
            kept = json.loads(printed)["reports"] if code == 0 else []
            unknown = [each for each in kept if not each["case_known"]]
            if cases <= _decided(unknown) or time.monotonic() > deadline:
                return unknown
            await asyncio.sleep(1)

    def _untold(self, lost: dict[str, Send], reports: list[dict[str, Any]]) -> Iterator[Violation]:
        told = _decided(reports)
        for submission_id, send in lost.items():
            if send.case_id not in told:
                yield Violation("restore", "no decision about its case is kept", (submission_id,))

    async def _compare(self, lost: dict[str, Send]) -> list[Violation]:
        """Compare the portal's receipts with the store: exactly those are missing that were lost."""
        file = self._town.folder / "receipts.jsonl"
        file.write_text("".join(map(self._receipt, self._receipts().values())), encoding="utf-8")
        code, printed = await self._town.run("receipts", "compare", str(file), "--json")
        missing = {each["submission_id"]: each for each in json.loads(printed)["missing"]}
        wrong = [
            Violation("restore", "receipts compare is wrong about it", (submission_id,))
            for submission_id in missing.keys() ^ lost.keys()
        ]
        wrong += [
            Violation("restore", "receipts compare does not say that the register has it", (submission_id,))
            for submission_id, each in missing.items()
            if REGISTER not in each["reported_by"]
        ]
        if code != bool(lost):
            wrong.append(Violation("restore", f"receipts compare ended with {code}"))
        return wrong

    def _receipt(self, send: Send) -> str:
        receipt = {
            "submission_id": send.submission_id,
            "case_id": send.case_id,
            "receipt": {"sha256": self._portal.messages[send.message_id].sha256},
        }
        return json.dumps(receipt) + "\n"

    def _receipts(self) -> dict[str, Send]:
        receipts = History(sends=self._portal.sends).receipts()
        return {each[0].submission_id or "": each[0] for each in receipts.values()}


def _decided(reports: list[dict[str, Any]]) -> set[str]:
    return {each["case_id"] for each in reports if each["type"] == "case.decision"}


async def _no_gate(_number: int) -> None:
    return
