"""Problem reports: every refusal and every fault in one form, RFC 9457 JSON.

They name what is wrong, where, and what to do; never a value that was sent.
"""

from collections.abc import Iterator, Mapping

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from gateway.contract.findings import Bilingual
from gateway.errors import (
    InternalFault,
    InvalidRequest,
    MethodNotAllowed,
    Problem,
    StoreDeadlock,
    StoreUnavailable,
    Unauthenticated,
    Unavailable,
    UnknownAddress,
)
from gateway.http.problem_document import to_document
from gateway.http.request_faults import findings_of

MEDIA_TYPE = "application/problem+json"
ANSWERED = (Problem, StoreUnavailable, StoreDeadlock)
"""Our own exceptions that are answered as a problem."""

_LISTED = Bilingual(de="Alle Aufrufe stehen unter /docs.", en="All calls are listed at /docs.")
_log = structlog.get_logger()


def problem_types() -> dict[str, type[Problem]]:
    """Every problem type by its slug; of several classes with one slug, the general one."""
    found: dict[str, type[Problem]] = {}
    for each in problem_classes():
        found.setdefault(each.type, each)
    return dict(sorted(found.items()))


def problem_classes(base: type[Problem] = Problem) -> Iterator[type[Problem]]:
    """Every class of problem that can be raised."""
    for each in base.__subclasses__():
        yield each
        yield from problem_classes(each)


def to_response(problem: Problem, request: Request, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a request with a problem."""
    return Response(
        to_json(to_document(problem, request.state.request_id)),
        problem.status,
        headers=headers_of(problem) | dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def headers_of(problem: Problem) -> dict[str, str]:
    """Return the headers that belong to a problem, in whatever form it is answered."""
    headers = {}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    if isinstance(problem, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="amtsbote"'
    return headers


def install(app: FastAPI) -> None:
    """Have every exception that a route raises answered as a problem."""
    for kind in ANSWERED:
        app.add_exception_handler(kind, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


def answer(request: Request, error: Exception) -> Response:
    """Answer what is in `ANSWERED`."""
    if isinstance(error, Problem):
        return to_response(error, request)
    _log.warning("store_unavailable", reason=str(error), request_id=request.state.request_id)
    return to_response(Unavailable(), request)


async def _on_problem(request: Request, error: Exception) -> Response:
    return answer(request, error)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 Starlette calls by class
    return to_response(InvalidRequest(findings=findings_of(error.errors())), request)


async def _on_http(request: Request, error: Exception) -> Response:
    """Translate what Starlette itself raises: unknown addresses and methods."""
    assert isinstance(error, HTTPException)  # noqa: S101 likewise
    fault = InvalidRequest() if error.status_code < 500 else InternalFault()
    known = {404: UnknownAddress(_LISTED), 405: MethodNotAllowed()}
    return to_response(known.get(error.status_code, fault), request, error.headers)
