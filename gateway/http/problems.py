"""Problem reports: every refusal and every fault in one form, RFC 9457 JSON.

They name what is wrong, where, and what to do; never a value that was sent.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails, to_json
from starlette.exceptions import HTTPException

from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding
from gateway.errors import (
    InternalFault,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Problem,
    StoreDeadlock,
    StoreUnavailable,
    Unauthenticated,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,40}")
_GERMAN = {
    "missing": "Die Angabe fehlt.",
    "extra_forbidden": "Diese Angabe gibt es hier nicht.",
    "json_invalid": "Das ist kein gültiges JSON.",
}
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


def to_document(problem: Problem, request_id: str, *, german: bool = False) -> dict[str, Any]:
    """Write a problem as RFC 9457 has it, with our extension members."""
    document: dict[str, Any] = {
        "type": f"/problems/{problem.type}",
        "title": problem.title.de if german else problem.title.en,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"urn:uuid:{request_id}",
        "code": problem.code,
        "retryable": problem.retryable,
        "request_id": request_id,
        "findings": [each.model_dump(mode="json") for each in problem.findings[:MAX_FINDINGS]],
        "findings_more": problem.more_findings + max(0, len(problem.findings) - MAX_FINDINGS),
    }
    if problem.link:
        document["links"] = {"first": problem.link}
    return document


def to_response(problem: Problem, request: Request, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a request with a problem."""
    german = request.headers.get("accept-language", "").lower().startswith("de")
    document = to_document(problem, request.state.request_id, german=german)
    return Response(
        to_json(document),
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


def findings_of(faults: Iterable[ErrorDetails], base: str = "") -> list[Finding]:
    """Translate pydantic's errors, leaving out the values; `base` is where the document was sent."""
    return [
        Finding(
            code=fault["type"],
            path=_path(fault["loc"], base),
            message=Bilingual(de=_GERMAN.get(fault["type"], "Die Angabe ist ungültig."), en=fault["msg"]),
        )
        for fault in faults
    ]


def _path(location: tuple[int | str, ...], base: str) -> str:
    steps = [base] if base else []
    for step in location:
        plain = isinstance(step, int) or _PLAIN_NAME.fullmatch(step)
        steps.append(str(step) if plain else "…")
    return "/".join(steps) or "/"


def install(app: FastAPI) -> None:
    """Have every exception that a route raises answered as a problem."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(StoreUnavailable, _on_store_unavailable)
    app.add_exception_handler(StoreDeadlock, _on_store_unavailable)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 Starlette calls by class
    return to_response(error, request)


async def _on_store_unavailable(request: Request, error: Exception) -> Response:
    _log.warning("store_unavailable", reason=str(error), request_id=request.state.request_id)
    return to_response(Unavailable(), request)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 likewise
    return to_response(InvalidRequest(findings=findings_of(error.errors())), request)


async def _on_http(request: Request, error: Exception) -> Response:
    """Translate what Starlette itself raises: unknown addresses and methods."""
    assert isinstance(error, HTTPException)  # noqa: S101 likewise
    kinds: dict[int, type[Problem]] = {404: NotFound, 405: MethodNotAllowed}
    kind = kinds.get(error.status_code, InvalidRequest if error.status_code < 500 else InternalFault)
    return to_response(kind(), request, error.headers)
