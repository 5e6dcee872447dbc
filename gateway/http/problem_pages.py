"""What each problem type means and what to do: the pages that the `type` of a problem report leads to."""

from fastapi import APIRouter, Response

from gateway.errors import UnknownAddress
from gateway.http import pages
from gateway.http.advice import ADVICE
from gateway.http.problems import problem_types

router = APIRouter(include_in_schema=False)


@router.get("/problems")
async def get_all() -> Response:
    """Explain every problem type."""
    return pages.render("problems.html", problems=problem_types().values(), advice=ADVICE)


@router.get("/problems/{slug}")
async def get_one(slug: str) -> Response:
    """Explain one problem type."""
    problem = problem_types().get(slug)
    if problem is None:
        raise UnknownAddress
    return pages.render("problems.html", problems=[problem], advice=ADVICE)
