"""What stands before every page: a session, forms from our own pages only, and faults shown as pages."""

import hmac
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

import structlog
from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from gateway.errors import NotAuthorised, Problem, StoreUnavailable, Unavailable
from gateway.http import body
from gateway.http.console.render import render
from gateway.http.console.sessions import Session, Sessions
from gateway.http.problems import headers_of

COOKIE = "amtsbote_console"
SIGN_IN = "/console/login"

_MAX_FORM_BYTES = 4 * 1024
_MAX_FIELDS = 10
_log = structlog.get_logger()


class _SignInNeeded(Exception):
    """There is no session, or it has ended."""


class ForgedForm(NotAuthorised):
    """The form does not come from a page of this console, or the page was too old."""


class Page(APIRoute):
    """A route whose faults are shown as pages, and which sends strangers to the sign-in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the route's own handler."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except _SignInNeeded:
                return RedirectResponse(SIGN_IN, 303)
            except StoreUnavailable as error:
                _log.warning("store_unavailable", reason=str(error), request_id=request.state.request_id)
                return show_problem(request, Unavailable())
            except Problem as problem:
                return show_problem(request, problem)

        return answer


def show_problem(request: Request, problem: Problem) -> Response:
    """Show a problem as a page."""
    return render(
        "problem.html",
        status=problem.status,
        headers=headers_of(problem),
        session=session_of(request),
        problem=problem,
        request_id=request.state.request_id,
    )


def sessions_of(request: Request) -> Sessions:
    """Return the sessions of the application that answers this request."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def session_of(request: Request) -> Session | None:
    """Return the session that the request's cookie belongs to."""
    return sessions_of(request).fetch(request.cookies.get(COOKIE, ""))


async def _signed_in(request: Request) -> Session:
    session = session_of(request)
    if session is None:
        raise _SignInNeeded
    request.state.caller = f"operator:{session.operator.name}"
    return session


SignedIn = Annotated[Session, Depends(_signed_in)]


async def _session_form(request: Request, session: SignedIn) -> dict[str, str]:
    form = await read_form(request)
    check_token(form, session.form_token)
    return form


Form = Annotated[dict[str, str], Depends(_session_form)]
"""The fields of a form that was posted from a page of the same session."""


async def read_form(request: Request) -> dict[str, str]:
    """Read the fields of a form that one of our own pages has posted.

    Raises:
        ForgedForm: the browser says that it comes from elsewhere, or it is no form.
    """
    if not _same_origin(request):
        raise ForgedForm
    text = (await body.read(request, _MAX_FORM_BYTES)).decode("ascii", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise ForgedForm from None


def check_token(form: dict[str, str], expected: str) -> None:
    """Insist on the token that the page carried.

    Raises:
        ForgedForm: it is another one, or there is none.
    """
    if not hmac.compare_digest(form.get("token", "").encode(), expected.encode()):
        raise ForgedForm


def _same_origin(request: Request) -> bool:
    """Believe the browser where it says whence a form comes; every one says it in one header or both."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is None and origin is None:
        return False
    # The scheme is left out: behind a proxy that ends TLS it differs.
    same_host = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    return same_host and site in (None, "same-origin")
