"""Signing in and out. The answer is the same for a wrong name and a wrong secret."""

import re
import secrets

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from gateway.errors import RateLimited
from gateway.http.console.guard import (
    COOKIE,
    SIGN_IN,
    ForgedForm,
    Form,
    Page,
    SignedIn,
    check_token,
    read_form,
    session_of,
    sessions_of,
)
from gateway.http.console.render import render
from gateway.http.console.sessions import LIFETIME_S
from gateway.http.guesses import Guesses

_NONCE = "amtsbote_console_login"
_NONCE_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
_NONCE_LIFETIME_S = 3600

router = APIRouter(route_class=Page)
_log = structlog.get_logger()


@router.get(SIGN_IN)
async def get_sign_in(request: Request) -> Response:
    """Ask for name and secret."""
    if session_of(request):
        return RedirectResponse("/console", 303)
    return _ask(request)


@router.post(SIGN_IN)
async def post_sign_in(request: Request) -> Response:
    """Open a session; always a new one, whatever cookie the browser had."""
    try:
        form = await read_form(request)
        check_token(form, sessions_of(request).sign_in_token(request.cookies.get(_NONCE, "")))
    except ForgedForm:
        return _ask(request, status=403, fault="form")
    name = form.get("name", "").strip()
    guesses: Guesses = request.app.state.guesses
    # Prefixed, so that a portal's client of the same name is counted by itself.
    claimed, address = f"operator:{name}", request.client.host if request.client else ""
    try:
        guesses.check(claimed, address)
    except RateLimited as problem:
        return _ask(request, status=429, fault="guesses", name=name, retry_after_s=problem.retry_after_s)
    cookie = sessions_of(request).sign_in(name, form.get("secret", ""))
    if cookie is None:
        guesses.failed(claimed, address)
        # The name is whatever a stranger typed: it may be a secret, and is not logged.
        _log.warning("operator_sign_in_failed", request_id=request.state.request_id)
        return _ask(request, status=403, fault="secret", name=name)
    guesses.succeeded(claimed, address)
    request.state.caller = claimed
    _log.info("operator_signed_in", operator=name, request_id=request.state.request_id)
    answer = RedirectResponse("/console", 303)
    answer.delete_cookie(_NONCE, path=SIGN_IN)
    _set_cookie(request, answer, COOKIE, cookie, LIFETIME_S, "/console")
    return answer


@router.post("/console/logout")
async def post_sign_out(request: Request, session: SignedIn, _form: Form) -> Response:
    """End the session."""
    sessions_of(request).end(session)
    _log.info("operator_signed_out", operator=session.operator.name, request_id=request.state.request_id)
    answer = RedirectResponse(SIGN_IN, 303)
    answer.delete_cookie(COOKIE, path="/console")
    return answer


def _ask(
    request: Request,
    *,
    status: int = 200,
    fault: str | None = None,
    name: str = "",
    retry_after_s: int | None = None,
) -> Response:
    nonce = request.cookies.get(_NONCE, "")
    if not _NONCE_FORM.fullmatch(nonce):
        nonce = secrets.token_urlsafe(32)
    page = render(
        "login.html",
        status=status,
        headers={"Retry-After": str(retry_after_s)} if retry_after_s else {},
        session=None,
        token=sessions_of(request).sign_in_token(nonce),
        fault=fault,
        name=name,
        retry_after_s=retry_after_s,
    )
    _set_cookie(request, page, _NONCE, nonce, _NONCE_LIFETIME_S, SIGN_IN)
    return page


def _set_cookie(
    request: Request, answer: Response, name: str, value: str, lifetime_s: int, path: str
) -> None:
    # Behind a proxy that ends TLS the browser still says by which scheme it posted.
    secure = "https" in (request.url.scheme, request.headers.get("origin", "").partition(":")[0])
    answer.set_cookie(
        name, value, max_age=lifetime_s, path=path, httponly=True, samesite="strict", secure=secure
    )
