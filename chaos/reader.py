"""The cursor reader: goes through the mailbox all the time, from one gateway to the other, and never back."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from itertools import cycle
from typing import Any

import httpx2

from chaos.history import Letter
from chaos.messages import answered_by
from chaos.portal import Client

_PAGE, _WAIT_S = 200, 2
_PAGES_EACH = 5


class Reader:
    """Reads on in the background; `letters` is what it got, in the order in which it got it.

    Which message a letter answers is known by the digest of the decisions that the office wrote; of other
    letters the content is fetched.
    """

    def __init__(self, clients: Iterable[Client]) -> None:
        self.letters: list[Letter] = []
        self.cursor = "0"
        self._clients = cycle(clients)
        self._client = next(self._clients)
        self._pages = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._read_on())

    async def stop(self) -> None:
        """Stop reading.

        Raises:
            Exception: what ended the reading before.
        """
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def reread(self) -> list[Letter]:
        """Read the whole mailbox anew, from its beginning."""
        letters: list[Letter] = []
        after = "0"
        while True:
            page = (await self._client.ask("/v1/mailbox", after=after, limit=_PAGE)).json()
            if not page["items"]:
                return letters
            letters += [_letter(item, page["next"]) for item in page["items"]]
            after = page["next"]

    async def _read_on(self) -> None:
        while True:
            try:
                await self._read_page()
            except httpx2.HTTPError:
                self._client = next(self._clients)
                await asyncio.sleep(0.1)
            self._pages += 1
            if self._pages % _PAGES_EACH == 0:
                self._client = next(self._clients)

    async def _read_page(self) -> None:
        response = await self._client.get("/v1/mailbox", after=self.cursor, limit=_PAGE, wait=_WAIT_S)
        page = response.raise_for_status().json()
        letters = [await self._complete(_letter(item, page["next"]), item) for item in page["items"]]
        self.letters += letters
        self.cursor = page["next"]

    async def _complete(self, letter: Letter, item: dict[str, Any]) -> Letter:
        if letter.is_decision:
            return letter
        response = await self._client.get(item["links"]["content"])
        body = response.raise_for_status().content
        if sha256(body).hexdigest() != letter.sha256:
            raise ValueError(f"letter {letter.message_id} has other bytes than its digest says")
        about = next(answered_by(body), None)
        return Letter(**{name: getattr(letter, name) for name in Letter.__slots__} | {"about": about})


def _letter(item: dict[str, Any], cursor: str) -> Letter:
    return Letter(item["message_id"], item["type"], item["case_id"], item["sha256"], time.time(), cursor)
