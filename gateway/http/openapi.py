"""The OpenAPI 3.1 document, and the page at /docs that shows it without any script."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from pydantic_core import to_json

from gateway.http import curl, pages
from gateway.http.api import answers
from gateway.intake import Metadata

TITLE = "Amtsbote"
SUMMARY = "An application in, a decision back: validated, receipted, never lost."

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def get_document(request: Request) -> Response:
    """Answer the description of every call."""
    return Response(to_json(document_of(request.app)), media_type="application/json")


@router.get("/docs")
async def get_page(request: Request) -> Response:
    """Answer the same for people."""
    return pages.render("docs.html", document=document_of(request.app), lines_of=curl.lines_of)


def document_of(app: FastAPI) -> dict[str, Any]:
    """Describe the application, once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=TITLE,
            version=version("amtsbote"),
            summary=SUMMARY,
            routes=app.routes,
            openapi_version="3.1.0",
        )
        _tidy(document)
        document.setdefault("components", {})["schemas"] = _schemas()
        app.openapi_schema = document
    return app.openapi_schema


def _schemas() -> dict[str, Any]:
    """Every model of an answer, and what a portal states beside its message."""
    models: list[type[BaseModel]] = [*_kinds_of(answers.Answer), Metadata]
    _, schema = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    return dict(sorted(schema["$defs"].items()))


def _kinds_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for each in model.__subclasses__():
        yield each
        yield from _kinds_of(each)


def _tidy(document: dict[str, Any]) -> None:
    """Leave out FastAPI's own form of validation errors, as we answer with problems; sort by status."""
    for calls in document["paths"].values():
        for call in calls.values():
            if "HTTPValidationError" in str(call["responses"].get("422")):
                del call["responses"]["422"]
            call["responses"] = dict(sorted(call["responses"].items()))
