"""Reads from outside what a run has left behind."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from chaos.book import read_book
from chaos.checker import EFFECT
from chaos.history import Filed, History, Letter
from chaos.messages import decision
from chaos.operator import Operator
from chaos.plan import ANNEX, DMS, REGISTER
from chaos.portal import Client, Portal
from chaos.reader import Reader
from chaos.town import Town

_AT_ONCE = 4


class Collector:
    """Puts the history of a run together, again each time it is asked."""

    def __init__(
        self, town: Town, portal: Portal, reader: Reader, clients: Iterable[Client], operator: Operator
    ) -> None:
        self._town, self._portal, self._reader = town, portal, reader
        self._clients, self._operator = list(clients), operator
        self._digests: dict[str, str] = {}
        self._known: set[str] = set()
        self._filed: dict[Path, Filed] = {}

    async def collect(self, *, whole: bool) -> History:
        """Read everything; without `whole` only what is cheap, to see whether the town has settled."""
        # Each after what follows from it: nothing seems to come from nowhere because it was read earlier.
        letters = list(self._reader.letters)
        reread = await self._reader.reread()
        filed = await asyncio.to_thread(lambda: list(self._documents()))
        book = await asyncio.to_thread(lambda: list(read_book(self._town.book(REGISTER))))
        history = History(self._portal.messages, list(self._portal.sends), book, filed)
        self._learn(history)
        history.excused = set(self._operator.in_flight)
        history.mailbox = [self._named(letter) for letter in letters]
        history.reread = [self._named(letter) for letter in reread]
        if whole:
            history.views = await self._views(history)
            history.balance = await self._operator.reconcile()
        return history

    def _learn(self, history: History) -> None:
        for line in history.book:
            if line.what == EFFECT and line.message_id not in self._known:
                digest = sha256(decision(line.case_id, line.message_id)).hexdigest()
                self._digests[digest] = line.message_id
                self._known.add(line.message_id)

    def _named(self, letter: Letter) -> Letter:
        about = letter.about or self._digests.get(letter.sha256)
        fields = {name: getattr(letter, name) for name in Letter.__slots__}
        return Letter(**fields | {"about": about})

    def _documents(self) -> Iterator[Filed]:
        """Read what the DMS holds; a draft that a killed process left is hidden and does not count."""
        for destination in (DMS, ANNEX):
            root = self._town.var / "adapters" / destination / "akten"
            for path in root.glob("*/*/[!.]*/metadata.json"):
                if path not in self._filed:
                    self._filed[path] = _document(destination, path)
                yield self._filed[path]

    async def _views(self, history: History) -> dict[str, dict[str, Any]]:
        """Ask the API about every receipted submission, one gateway as well as the other."""
        todo = iter(sorted({receipts[0].submission_id or "" for receipts in history.receipts().values()}))
        views: dict[str, dict[str, Any]] = {}
        await asyncio.gather(
            *(self._ask(client, todo, views) for client in self._clients for _ in range(_AT_ONCE))
        )
        return views

    async def _ask(self, client: Client, todo: Iterable[str], views: dict[str, dict[str, Any]]) -> None:
        for submission_id in todo:
            answer = await client.ask(f"/v1/submissions/{submission_id}")
            view = answer.json() if answer.is_success else {"status": f"HTTP {answer.status_code}"}
            views[submission_id] = view


def _document(destination: str, path: Path) -> Filed:
    metadata = json.loads(path.read_text(encoding="utf-8"))
    body = (path.parent / metadata["message"]["file"]).read_bytes()
    return Filed(
        destination,
        metadata["submission_id"],
        metadata["case_id"],
        metadata["case_seq"],
        sha256(body).hexdigest(),
        metadata["filed_at"],
    )
