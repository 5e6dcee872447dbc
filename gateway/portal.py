"""The client of a portal: what a portal developer would write, used by the command line and the demo."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx2

from gateway.errors import AmtsboteError

TIMEOUT_S = 30.0
_EARLY = timedelta(seconds=30)
_XML = "application/xml"
_JSON = "application/json"


class PortalError(AmtsboteError):
    """The gateway did not do what was asked."""

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        problem: dict[str, Any] | None = None,
        rejection: bytes = b"",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = problem or {}
        self.rejection = rejection


class GatewayUnreachable(PortalError):
    """The gateway cannot be reached or is not available; sending the same again is safe."""

    retryable = True


@dataclass(frozen=True, slots=True)
class File:
    """An attachment to be posted."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


class Portal:
    """Talks to a gateway as one client; use as an async context manager.

    Args:
        url: the gateway's address, such as `http://127.0.0.1:8080`.
        client: the client's id.
        secret: its secret for `POST /oauth/token`.
    """

    def __init__(self, url: str, client: str, secret: str) -> None:
        self._http = httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_S)
        self._credentials = httpx2.BasicAuth(client, secret)
        self._token = ""
        self._until = datetime.min.replace(tzinfo=UTC)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def submit(
        self, message: bytes, *, metadata: str | None = None, files: Sequence[File] = ()
    ) -> dict[str, Any]:
        """Post an application; the answer says `submission_id`, `case_id` and links.

        `created` is added to it: False where the same was sent before and this is its first receipt.
        """
        return _receipt(await self._post_message("/v1/submissions", message, metadata, files))

    async def reply(
        self, case_id: str, message: bytes, *, metadata: str | None = None, files: Sequence[File] = ()
    ) -> dict[str, Any]:
        """Post a follow-up in a case: an answer, a document, a message, a withdrawal; as `submit`."""
        path = f"/v1/cases/{case_id}/messages"
        return _receipt(await self._post_message(path, message, metadata, files))

    async def validate(
        self, message: bytes, *, metadata: str | None = None, files: Sequence[File] = ()
    ) -> dict[str, Any]:
        """Have a message examined; nothing is stored."""
        return _document(await self._post_message("/v1/validate", message, metadata, files))

    async def rejection(
        self, message: bytes, *, metadata: str | None = None, files: Sequence[File] = ()
    ) -> bytes:
        """Have a message examined, and return its Rückweisung as XML; nothing where there is none."""
        try:
            await self._post_message("/v1/validate", message, metadata, files, accept=_XML)
        except PortalError as refused:
            return refused.rejection
        return b""

    async def submission(
        self, submission_id: str, *, etag: str | None = None, wait_s: int = 0
    ) -> tuple[dict[str, Any] | None, str]:
        """Read a submission; None with the same etag when nothing changed within `wait_s` seconds."""
        headers = {"If-None-Match": etag} if etag else {}
        answer = await self._call(
            "GET",
            f"/v1/submissions/{submission_id}",
            params={"wait": wait_s},
            headers=headers,
            timeout=TIMEOUT_S + wait_s,
        )
        if answer.status_code == httpx2.codes.NOT_MODIFIED:
            return None, etag or ""
        return answer.json(), answer.headers.get("ETag", "")

    async def events(self, submission_id: str) -> dict[str, Any]:
        """Read everything that happened to a submission."""
        return await self._json("GET", f"/v1/submissions/{submission_id}/events")

    async def case(self, case_id: str) -> dict[str, Any]:
        """Read a case."""
        return await self._json("GET", f"/v1/cases/{case_id}")

    async def mailbox(self, *, after: str = "0", wait_s: float = 0, limit: int = 100) -> dict[str, Any]:
        """Read a page of the mailbox: `items`, and the cursor `next` to go on with."""
        params = {"after": after, "wait": wait_s, "limit": limit}
        return await self._json("GET", "/v1/mailbox", params=params, timeout=TIMEOUT_S + wait_s)

    async def dialogue(self, case_id: str) -> list[dict[str, Any]]:
        """Read what was said in a case, both directions, in its order."""
        messages: list[dict[str, Any]] = (await self._json("GET", f"/v1/cases/{case_id}/messages"))[
            "messages"
        ]
        return messages

    async def content(self, link: str) -> bytes:
        """Fetch a message or an attachment by its link."""
        return (await self._call("GET", link)).content

    async def collect(self, message_id: str) -> None:
        """Say that the portal has taken a message over."""
        await self._call("POST", f"/v1/mailbox/{message_id}/collected")

    async def _post_message(
        self, path: str, message: bytes, metadata: str | None, files: Sequence[File], accept: str = _JSON
    ) -> httpx2.Response:
        headers = {"Accept": accept}
        if metadata is None and not files:
            return await self._call("POST", path, content=message, headers=headers | {"Content-Type": _XML})
        parts: list[Any] = [("message", ("message.xml", message, _XML))]
        if metadata is not None:
            parts.append(("metadata", ("metadata.json", metadata.encode(), _JSON)))
        parts += [("attachment", (each.name, each.data, each.media_type)) for each in files]
        return await self._call("POST", path, files=parts, headers=headers)

    async def _json(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        return _document(await self._call(method, path, **request))

    async def _call(self, method: str, path: str, **request: Any) -> httpx2.Response:
        headers = request.pop("headers", {}) | {"Authorization": f"Bearer {await self._valid_token()}"}
        return await self._send(method, path, headers=headers, **request)

    async def _valid_token(self) -> str:
        if datetime.now(UTC) >= self._until:
            answer = await self._send(
                "POST", "/oauth/token", data={"grant_type": "client_credentials"}, auth=self._credentials
            )
            granted = answer.json()
            self._token = granted["access_token"]
            self._until = datetime.now(UTC) + timedelta(seconds=granted["expires_in"]) - _EARLY
        return self._token

    async def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        try:
            answer = await self._http.request(method, path, **request)
        except httpx2.TransportError as error:
            raise GatewayUnreachable(
                f"no answer from {self._http.base_url} ({type(error).__name__}); is `amtsbote serve` running?"
            ) from error
        if answer.is_success or answer.status_code == httpx2.codes.NOT_MODIFIED:
            return answer
        raise _refusal(answer)


def _document(answer: httpx2.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise PortalError(f"{answer.url} does not answer as a gateway does", status=answer.status_code)
    return document


def _receipt(answer: httpx2.Response) -> dict[str, Any]:
    receipt = _document(answer)
    return receipt | {"created": answer.status_code == httpx2.codes.ACCEPTED}


def _refusal(answer: httpx2.Response) -> PortalError:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    detail = problem.get("detail") or problem.get("error_description") or problem.get("error")
    detail = detail or f"the gateway answered {answer.status_code}"
    kind = GatewayUnreachable if answer.status_code in {429, 502, 503, 504} else PortalError
    rejection = answer.content if answer.headers.get("Content-Type", "").startswith(_XML) else b""
    return kind(detail, status=answer.status_code, problem=problem, rejection=rejection)


_MEDIA_TYPES = {".pdf": "application/pdf", ".txt": "text/plain", ".png": "image/png", ".jpg": "image/jpeg"}


def read_file(path: Path) -> File:
    """Read an attachment from disk.

    Raises:
        OSError: it cannot be read.
    """
    media_type = _MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    return File(path.name, media_type, path.read_bytes())
