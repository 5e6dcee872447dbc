"""The gateway's HTTP side as an adapter uses it: bodies, attachments, uploads; and the token for them."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from adapters.kit.backoff import backoff_s
from adapters.kit.errors import Transient

CALL_TIMEOUT_S = 60.0
"""One try with its token, from first byte to last; a large attachment over a slow line must fit."""
TRIES = 4
"""So often a call is made while the gateway is away: a restart passes, and a failure costs an attempt."""
TOKEN_MARGIN_S = 30.0
"""A token is replaced this long before it ends, so that none ends on its way."""


class AttachmentInfo(BaseModel):
    """One attachment as the gateway lists it. `file_name` is the sender's own: never use it as a path."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(ge=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    media_type: str
    file_name: str | None = None


class _Token(BaseModel):
    access_token: str
    expires_in: float = 60


_LISTING = TypeAdapter(list[AttachmentInfo])


class GatewayClient:
    """Calls the gateway with one destination's credentials.

    Args:
        http: a client whose base address is the gateway; in the same process it has an ASGI transport.
        destination: whose credentials these are.
        secret: the destination's secret.
        first_pause_s: the pause after the first failure; it doubles.
    """

    def __init__(
        self, http: httpx2.AsyncClient, *, destination: str, secret: str, first_pause_s: float = 0.5
    ) -> None:
        self._http = http
        self._root = f"/v1/destinations/{quote(destination, safe='')}"
        self._basic = _basic(f"destination:{destination}", secret)
        self._first_pause_s = first_pause_s
        self._token = ""
        self._token_until = 0.0
        self._token_lock = asyncio.Lock()

    async def fetch_body(self, delivery_id: str) -> bytes:
        """Return the message of a delivery.

        Raises:
            Transient: the gateway did not answer, or not with 200.
        """
        return (await self._call("GET", f"/deliveries/{quote(delivery_id, safe='')}")).content

    async def fetch_original(self, delivery_id: str) -> bytes:
        """Return the message of a delivery as the portal sent it, also where it was converted.

        Raises:
            Transient: the gateway did not answer, or not with 200.
        """
        return (await self._call("GET", f"/deliveries/{quote(delivery_id, safe='')}/original")).content

    async def list_attachments(self, delivery_id: str) -> list[AttachmentInfo]:
        """List the attachments of a delivery.

        Raises:
            Transient: the gateway did not answer as the contract says.
        """
        answer = await self._call("GET", f"/deliveries/{quote(delivery_id, safe='')}/attachments")
        try:
            return _LISTING.validate_json(answer.content)
        except ValidationError:
            raise Transient("The gateway's list of attachments is not what the contract says.") from None

    async def fetch_attachment(self, delivery_id: str, number: int) -> bytes:
        """Return one attachment of a delivery.

        Raises:
            Transient: the gateway did not answer, or not with 200.
        """
        path = f"/deliveries/{quote(delivery_id, safe='')}/attachments/{number}"
        return (await self._call("GET", path)).content

    async def upload(self, digest: str, data: bytes, media_type: str) -> None:
        """Store a document under its sha256.

        Raises:
            Transient: the gateway did not take it.
        """
        headers = {"Content-Type": media_type}
        await self._call("PUT", f"/attachments/{digest}", content=data, headers=headers)

    async def _call(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Call, and again a few times while the gateway is away; every call may be repeated."""
        for failures in range(TRIES - 1):
            try:
                return await self._try(method, path, request)
            except _Away:
                await asyncio.sleep(backoff_s(failures, first_s=self._first_pause_s))
        return await self._try(method, path, request)

    async def _try(self, method: str, path: str, request: dict[str, Any]) -> httpx2.Response:
        async with _bounded():
            answer = await self._send(method, path, request, token=await self._valid_token())
            if answer.status_code == httpx2.codes.UNAUTHORIZED:
                self._token_until = 0.0
                answer = await self._send(method, path, request, token=await self._valid_token())
        _check(answer)
        return answer

    async def _send(self, method: str, path: str, request: dict[str, Any], *, token: str) -> httpx2.Response:
        headers = request.get("headers", {}) | {"Authorization": f"Bearer {token}"}
        return await self._http.request(method, self._root + path, **(request | {"headers": headers}))

    async def _valid_token(self) -> str:
        async with self._token_lock:
            if time.monotonic() >= self._token_until:
                await self._fetch_token()
            return self._token

    async def _fetch_token(self) -> None:
        form = {"grant_type": "client_credentials"}
        answer = await self._http.post("/oauth/token", data=form, headers={"Authorization": self._basic})
        _check(answer)
        try:
            token = _Token.model_validate_json(answer.content)
        except ValidationError:
            raise Transient("The gateway's token answer is not what the contract says.") from None
        self._token = token.access_token
        lifetime_s = max(token.expires_in - TOKEN_MARGIN_S, token.expires_in / 2)
        self._token_until = time.monotonic() + lifetime_s


def _basic(client_id: str, secret: str) -> str:
    """Return the Basic credentials; both parts are form-encoded first, for the id contains a colon.

    Source: RFC 6749, 2.3.1
    """
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


class _Away(Transient):
    """The gateway did not answer, or cannot now: the same call may succeed in a moment."""


def _check(answer: httpx2.Response) -> None:
    if answer.is_success:
        return
    passing = answer.is_server_error or answer.status_code == httpx2.codes.TOO_MANY_REQUESTS
    kind = _Away if passing else Transient
    raise kind(f"The gateway answered {answer.status_code} to {answer.request.method}.")


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    """Bound a call as a whole (an ASGI transport knows no timeouts) and translate its errors."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            yield
    except TimeoutError as error:
        raise _Away(f"The gateway did not answer within {CALL_TIMEOUT_S:.0f} s.") from error
    except httpx2.HTTPError as error:
        raise _Away(f"The gateway cannot be reached ({type(error).__name__}).") from error
