"""Find a case by a key that somebody names on the telephone."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from gateway.http.console.guard import Form, Page, SignedIn
from gateway.http.console.render import render
from gateway.http.service import service_of
from gateway.store import operators

FOUND = 50

_MAX_CHARACTERS = 500

router = APIRouter(route_class=Page)


@router.post("/console/search")
async def post_search(request: Request, session: SignedIn, form: Form) -> Response:
    """Go to the case that has this key, or list the cases where there are several.

    A form and not an address: what is typed here would otherwise stand in logs and histories.
    """
    service = await service_of(request)
    key = form.get("key", "").strip()
    found = []
    if key and len(key) <= _MAX_CHARACTERS and key.isprintable():
        async with service.store.read() as connection:
            found = await operators.find_cases(
                connection, key, tenants=session.tenants(service.config), limit=FOUND + 1
            )
    if len(found) == 1:
        return RedirectResponse(f"/console/cases/{found[0].case_id}", 303)
    return render("search.html", session=session, key=key, found=found[:FOUND], more_found=len(found) > FOUND)
