"""The page at the root: where a person goes on from here."""

from fastapi import APIRouter, Response

from gateway.http import pages

router = APIRouter(include_in_schema=False)


@router.get("/")
async def get_start() -> Response:
    """Lead to everything that can be looked at."""
    return pages.render("start.html")
