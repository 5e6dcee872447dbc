"""The submissions page by page, the latest first."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.ids import is_id
from gateway.errors import NotFound
from gateway.http.console.guard import Page, SignedIn
from gateway.http.console.render import render
from gateway.http.service import service_of
from gateway.store import operators

PAGE = 25

router = APIRouter(route_class=Page)


@router.get("/console/submissions")
async def get_submissions(request: Request, session: SignedIn, before: str | None = None) -> Response:
    """Show a page of submissions: the latest, or those that came before one."""
    if before is not None and not is_id(before):
        raise NotFound
    service = await service_of(request)
    async with service.store.read() as connection:
        submissions, older = await read_page(
            connection, tenants=session.tenants(service.config), before=before
        )
    return render("submissions.html", session=session, submissions=submissions, older=older)


async def read_page(
    connection: AsyncConnection, *, tenants: Sequence[str], before: str | None = None
) -> tuple[Sequence[Any], str | None]:
    """Read a page of submissions, and the one before which the next page begins; None where there is none."""
    found = await operators.latest_submissions(connection, tenants=tenants, limit=PAGE + 1, before=before)
    page = found[:PAGE]
    return page, page[-1].message_id if len(found) > PAGE else None
