"""The outermost layer: admission, request ids, security headers, one log event, nothing unanswered."""

import asyncio
import time
from typing import Any

import structlog
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import metrics
from gateway.contract.ids import new_id
from gateway.errors import InternalFault, Problem, Unavailable
from gateway.http import problems
from gateway.http.admission import Admission

_HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}
"""Where an answer does not say otherwise itself."""

_TLS_HEADER = (b"strict-transport-security", b"max-age=31536000")
_log = structlog.get_logger()


class Edge:
    """Wraps the application; knows nothing of what it does."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        try:
            with self._admission.request(answer.scope):
                await self._app(answer.scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = 499
        except asyncio.CancelledError:  # the process is to end, and this took too long
            if not answer.status:
                await answer.give(Unavailable(), receive)
            raise
        except Unavailable as problem:  # not let in: within the application it would have been answered
            await answer.give(problem, receive)
        except Exception as error:
            # The exception's text may hold personal data: its name and place say enough.
            _log.error("request_failed", error=type(error).__name__, at=_place(error), **answer.ids())
            if answer.status:
                raise
            await answer.give(InternalFault(), receive)
        finally:
            answer.log()


class _Answer:
    """One request on its way through."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._head = scope["method"] == "HEAD"
        self._started = time.perf_counter()
        self.status = 0
        self.request_id = new_id()
        state = dict(scope.get("state") or {}, request_id=self.request_id)
        self.scope: dict[str, Any] = dict(scope, state=state)
        if self._head:
            # Routes know GET only; the body is left out here.
            self.scope["method"] = "GET"

    async def send(self, message: Message) -> None:
        """Add the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(message)
        elif self._head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)

    async def give(self, problem: Problem, receive: Receive) -> None:
        """Answer with a problem."""
        response = problems.to_response(problem, Request(self.scope))
        await response(self.scope, receive, self.send)

    def _add_headers(self, message: Message) -> None:
        headers = list(message.get("headers", ()))
        present = {name.lower() for name, _ in headers}
        headers += [(name, value) for name, value in _HEADERS.items() if name not in present]
        headers.append((b"x-request-id", self.request_id.encode()))
        if self.scope.get("scheme") == "https":
            headers.append(_TLS_HEADER)
        message["headers"] = headers

    def ids(self) -> dict[str, Any]:
        """Name the request by what may be logged: the route's template, never the address."""
        route = self.scope.get("route")
        return {
            "request_id": self.request_id,
            "method": "HEAD" if self._head else self.scope["method"],
            "route": getattr(route, "path", None),
            "caller": self.scope["state"].get("caller"),
        }

    def log(self) -> None:
        """Write the one event of this request, and count it."""
        took_s, ids = time.perf_counter() - self._started, self.ids()
        metrics.observe_request(ids["method"], ids["route"], self.status, took_s)
        _log.info("request", status=self.status, took_ms=round(took_s * 1000, 1), **ids)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else "?"
