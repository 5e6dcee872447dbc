"""Who gets to the clerk's page: whoever has the password, and forms only from the page itself."""

import base64
import binascii
import hmac
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

USER = "sachbearbeitung"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Lets a request through only with the password, and a form only from this very page."""

    def __init__(self, app: ASGIApp, *, secret: str) -> None:
        self._app = app
        self._expected = f"{USER}:{secret}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is refused; hand on any other, and add the headers to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Request(scope))
        await (refusal or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, request: Request) -> Response | None:
        if not hmac.compare_digest(_credentials(request), self._expected):
            challenge = {"WWW-Authenticate": 'Basic realm="Musteramt", charset="UTF-8"'}
            return Response("Anmeldung erforderlich – please log in\n", 401, challenge, "text/plain")
        if request.method not in {"GET", "HEAD"} and not _same_origin(request):
            return Response("Nur aus der eigenen Seite – from this page only\n", 403, media_type="text/plain")
        return None


def _credentials(request: Request) -> bytes:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        return base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        return b""


def _same_origin(request: Request) -> bool:
    # Browsers send the password along from any page; only the origin tells where a form came from.
    return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host")


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
            message["headers"] = [*message.get("headers", []), *added]
        await send(message)

    return send_with_headers
