"""The portal: posts applications and follow-ups, writes down every answer, and sends again as it must."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count, islice
from typing import Any

import httpx2

from chaos.history import NO_ANSWER, Message, Send
from chaos.messages import Post, application, follow_up
from chaos.plan import GATEWAYS, Plan

_ANSWER_WITHIN_S = 20.0
_GIVE_UP_S = 600.0
_ASKED_AGAIN_S = 120.0
ABANDONED = 0.15
"""The share of unanswered messages that the portal never sends again."""
REPEATED = 0.02
"""The share of receipted messages that it sends again all the same, as if the answer had been lost."""


class Client:
    """One gateway as this client sees it."""

    def __init__(self, name: str, url: str, credentials: tuple[str, str]) -> None:
        self.name = name
        self.http = httpx2.AsyncClient(base_url=url, trust_env=False, timeout=_ANSWER_WITHIN_S)
        self._credentials = credentials
        self._token, self._until = "", 0.0

    async def headers(self) -> dict[str, str]:
        """Return the headers that show a valid token.

        Raises:
            httpx2.HTTPError: the gateway gives none now.
        """
        if time.monotonic() > self._until:
            answer = await self.http.post(
                "/oauth/token",
                data={"grant_type": "client_credentials"},
                auth=httpx2.BasicAuth(*self._credentials),
            )
            granted = answer.raise_for_status().json()
            self._token = granted["access_token"]
            self._until = time.monotonic() + granted["expires_in"] / 2
        return {"Authorization": f"Bearer {self._token}"}

    async def get(self, path: str, **params: str | int) -> httpx2.Response:
        """Read something."""
        return await self.http.get(path, params=params, headers=await self.headers())

    async def ask(self, path: str, **params: str | int) -> httpx2.Response:
        """Read something, and ask again while the gateway cannot answer; a 404 is an answer.

        Raises:
            httpx2.HTTPError: it could not for too long.
        """
        until = time.monotonic() + _ASKED_AGAIN_S
        while True:
            try:
                answer = await self.get(path, **params)
                if answer.status_code < httpx2.codes.INTERNAL_SERVER_ERROR:
                    return answer
                answer.raise_for_status()
            except httpx2.HTTPError:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(0.5)


class Portal:
    """Everything that is posted in a run.

    Args:
        gate: awaited with the number of each application before it is begun.
    """

    def __init__(
        self, plan: Plan, clients: dict[str, Client], gate: Callable[[int], Awaitable[None]]
    ) -> None:
        self.plan = plan
        self.messages: dict[str, Message] = {}
        self.sends: list[Send] = []
        self.begun = 0
        self._clients = clients
        self._gate = gate
        self._numbers = iter(range(plan.form.applications))
        self._turn = count()

    async def post_everything(self, at_most: int | None = None) -> None:
        """Post every application that is left, or some, as many at once as the form says."""
        numbers = islice(self._numbers, at_most)
        await asyncio.gather(*(self._post_on(numbers) for _ in range(self.plan.form.at_once)))

    async def _post_on(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            self.begun = number + 1
            await self._gate(number)
            await self._post_application(number)

    async def _post_application(self, number: int) -> None:
        rng = self.plan.rng("portal", number)
        seed = self.plan.seed
        post = application(seed, number, valid=number not in self.plan.invalid)
        receipt = await self._send_until_answered("/v1/submissions", post, rng)
        for place in range(1, self.plan.follow_ups.get(number, 0) + 1):
            if receipt is None or receipt.case_id is None:
                return
            post = follow_up(seed, number, place, receipt.case_id)
            path = f"/v1/cases/{receipt.case_id}/messages"
            if await self._send_until_answered(path, post, rng) is None:
                return

    async def _send_until_answered(self, path: str, post: Post, rng: random.Random) -> Send | None:
        """Send until there is an answer that says what became of it, or the portal gives up."""
        self.messages[post.message.message_id] = post.message
        abandons, repeats = rng.random() < ABANDONED, rng.random() < REPEATED
        until = time.monotonic() + _GIVE_UP_S
        while True:
            send = await self._send(path, post)
            if not send.is_open and send.status != httpx2.codes.TOO_MANY_REQUESTS:
                break
            if abandons or time.monotonic() > until:
                return None
            await asyncio.sleep(rng.uniform(0.2, 1.0))
        if send.is_receipt and repeats:
            await self._send(path, post)
        return send if send.is_receipt else None

    async def _send(self, path: str, post: Post) -> Send:
        name = GATEWAYS[next(self._turn) % len(GATEWAYS)]
        at, status, error = time.time(), NO_ANSWER, None
        answer: dict[str, Any] = {}
        try:
            client = self._clients[name]
            headers = await client.headers() | {"Content-Type": "application/xml"}
            response = await client.http.post(path, content=post.body, headers=headers)
            status = response.status_code
            answer = response.json() if response.content else {}
        except httpx2.HTTPStatusError as failure:
            status, error = failure.response.status_code, "no token"
        except (httpx2.TransportError, ValueError) as failure:
            error = type(failure).__name__
        send = Send(
            at,
            post.message.message_id,
            name,
            status,
            answer.get("submission_id"),
            answer.get("case_id"),
            error or answer.get("type"),
        )
        self.sends.append(send)
        return send
