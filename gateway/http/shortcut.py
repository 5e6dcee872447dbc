"""The one call that portals make all day, past the layers that serve every other call.

Routing, dependencies, their clean-up and what FastAPI and Starlette put around every call took a tenth of the
processor time of an accepted submission. The function behind the call is the same one, the edge around it is
the same, and so are its answers.
"""

from fastapi import FastAPI, Request
from starlette.types import Receive, Scope, Send

from gateway.http import problems
from gateway.http.api import submissions
from gateway.http.auth import client_of
from gateway.http.edge import Edge


class _Route:
    """What is logged and counted as the route of the call."""

    path = submissions.POST_PATH


class Application(FastAPI):
    """FastAPI for everything but `POST /v1/submissions`, which no middleware added to it will ever see.

    `state.admission` is there before the first call.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"] == submissions.POST_PATH and scope["method"] == "POST":
            scope["app"] = self
            await Edge(_receive, self.state.admission)(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def _receive(scope: Scope, receive: Receive, send: Send) -> None:
    scope["route"] = _Route()
    request = Request(scope, receive, send)
    try:
        response = await submissions.receive(request, client_of(request))
    except problems.ANSWERED as error:
        response = problems.answer(request, error)
    await response(scope, receive, send)
