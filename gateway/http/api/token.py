"""Tokens by client credentials, the secret in the Authorization header only.

Source: RFC 6749, 2.3.1, 4.4 and 5.2
"""

import base64
import binascii
from typing import Annotated
from urllib.parse import parse_qsl, unquote_plus

import structlog
from fastapi import APIRouter, Request, Response, Security
from fastapi.openapi.models import HTTPBase as HTTPBaseModel
from fastapi.security.base import SecurityBase

from gateway.errors import Problem
from gateway.http import body
from gateway.http.api import answers, documented
from gateway.http.auth import secret_is_right
from gateway.http.guesses import Guesses
from gateway.http.service import service_of
from gateway.http.tokens import Tokens

_MAX_FORM_BYTES = 4 * 1024
_MAX_ID_LENGTH = 200
_FORM = "application/x-www-form-urlencoded"

router = APIRouter(tags=["Tokens"])
_log = structlog.get_logger()


class _Basic(SecurityBase):
    """Takes client id and secret from the header; both are form-encoded before they are joined."""

    def __init__(self) -> None:
        self.scheme_name = "client_secret_basic"
        self.model = HTTPBaseModel(scheme="basic", description="Client id and secret, each form-encoded.")

    async def __call__(self, request: Request) -> tuple[str, str] | None:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            pair = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return None
        claimed, colon, secret = pair.partition(":")
        return (unquote_plus(claimed), unquote_plus(secret)) if colon else None


@router.post("/oauth/token", **documented.POST_TOKEN)
async def post_token(
    request: Request, credentials: Annotated[tuple[str, str] | None, Security(_Basic())]
) -> Response:
    """Get an access token with the client's own secret."""
    fault = await _read_form(request)
    if fault:
        return fault
    if credentials is None or len(credentials[0]) > _MAX_ID_LENGTH:
        return _unknown()
    claimed, secret = credentials
    guesses: Guesses = request.app.state.guesses
    address = request.client.host if request.client else ""
    guesses.check(claimed, address)
    if not secret_is_right(await service_of(request), claimed, secret):
        guesses.failed(claimed, address)
        # The claimed id is whatever a stranger typed: it may be a secret, and is not logged.
        _log.warning("sign_in_failed", request_id=request.state.request_id)
        return _unknown()
    guesses.succeeded(claimed, address)
    request.state.caller = claimed
    return _grant(request.app.state.tokens, claimed)


def _grant(tokens: Tokens, subject: str) -> Response:
    token = tokens.issue(subject)
    return answers.Token(access_token=token, expires_in=tokens.lifetime_s).response()


async def _read_form(request: Request) -> Response | None:
    """Check the form; return the refusal where it is not what the call expects."""
    if body.media_type(request.headers.get("content-type")) != _FORM:
        return _refuse("invalid_request", f"Send a form as {_FORM}.")
    try:
        pairs = parse_qsl((await body.read(request, _MAX_FORM_BYTES)).decode("ascii"), strict_parsing=True)
    except Problem as problem:
        return _refuse("invalid_request", problem.detail)
    except ValueError:
        return _refuse("invalid_request", "The form is not well-formed.")
    form = dict(pairs)
    if len(form) < len(pairs):
        return _refuse("invalid_request", "A parameter is there twice.")
    if "client_secret" in form:
        return _refuse("invalid_request", "Send the secret by HTTP Basic only, never in the form.")
    if "scope" in form:
        return _refuse("invalid_scope", "What a client may do is configured; leave `scope` out.")
    return _check_grant_type(form.get("grant_type"))


def _check_grant_type(grant_type: str | None) -> Response | None:
    if grant_type is None:
        return _refuse("invalid_request", "The parameter grant_type is missing.")
    if grant_type != "client_credentials":
        return _refuse("unsupported_grant_type", "Only client_credentials is served.")
    return None


def _refuse(error: str, description: str) -> Response:
    return answers.TokenError(error=error, error_description=description).response(status=400)


def _unknown() -> Response:
    refusal = answers.TokenError(
        error="invalid_client", error_description="Client id and secret, sent by HTTP Basic, do not match."
    )
    return refusal.response(status=401, headers={"WWW-Authenticate": 'Basic realm="amtsbote"'})
