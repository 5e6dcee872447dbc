"""The addresses of the console."""

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from gateway.errors import NotFound
from gateway.http.console import case, overview, search, sign_in, standards, submissions
from gateway.http.console.guard import Page, SignedIn

_STATIC = Path(__file__).parent / "static"
_TYPES = {"console.css": "text/css", "console.svg": "image/svg+xml"}

router = APIRouter(include_in_schema=False, route_class=Page)
for part in (sign_in, overview, submissions, case, search, standards):
    router.include_router(part.router)


@router.get("/console/static/{name}")
async def get_static(name: str) -> Response:
    """Answer with the style sheet or the icon; the only files there are."""
    if name not in _TYPES:
        raise NotFound
    content = (_STATIC / name).read_bytes()
    return Response(content, media_type=_TYPES[name], headers={"Cache-Control": "max-age=300"})


@router.get("/console/{path:path}")
async def get_nothing(path: str, session: SignedIn) -> Response:
    """Say so on a page where there is none."""
    if not path:
        return RedirectResponse("/console", 303)
    raise NotFound
