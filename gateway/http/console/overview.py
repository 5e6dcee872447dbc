"""The overview: what waits for each destination, the latest submissions, what an operator must look at."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.broker import QueueDepth
from gateway.contract.findings import Bilingual
from gateway.contract.states import DeliveryState
from gateway.errors import BrokerUnavailable
from gateway.http.console import standards
from gateway.http.console.guard import Page, SignedIn
from gateway.http.console.render import render
from gateway.http.console.submissions import read_page
from gateway.http.service import Service, service_of
from gateway.store import operators
from gateway.store.findings import list_findings

REFRESH_S = 10
FINDINGS = 50

_DEPTHS_TIMEOUT_S = 3.0

router = APIRouter(route_class=Page)
_log = structlog.get_logger()


@dataclass(slots=True)
class DestinationRow:
    """What waits for one destination, in the store and in its queue."""

    name: str
    tenant: str
    configured: bool = True
    counts: dict[str, int] = field(default_factory=dict)
    since: datetime | None = None
    depth: QueueDepth | None = None

    @property
    def idle(self) -> bool:
        """Say whether something waits in the queue and nobody takes it."""
        return self.depth is not None and self.depth.messages > 0 and self.depth.consumers == 0


@router.get("/console")
async def get_overview(request: Request, session: SignedIn) -> Response:
    """Show what waits and why; loads itself again unless that is switched off."""
    service = await service_of(request)
    tenants = session.tenants(service.config)
    rows = _destinations(service, tenants)
    async with service.store.read() as connection:
        _count(rows, await operators.open_balance(connection, tenants=tenants))
        since = await operators.oldest_eligible(connection, service.store, destinations=list(rows))
        submissions, older = await read_page(connection, tenants=tenants)
        leaving = await _leaving(request, service, connection, tenants)
        findings = await list_findings(connection, tenants=tenants, limit=FINDINGS + 1)
    depths = await _depths(service)
    for row in rows.values():
        row.since = since.get(row.name)
        row.depth = next((each for each in depths or () if each.destination == row.name), None)
    refresh = request.query_params.get("refresh") != "off"
    return render(
        "overview.html",
        headers={"Refresh": str(REFRESH_S)} if refresh else {},
        session=session,
        refresh=refresh,
        refresh_s=REFRESH_S,
        destinations=sorted(rows.values(), key=lambda row: (row.tenant, row.name)),
        shared=[each for each in depths or () if each.destination is None],
        broker_away=depths is None,
        standards_fault=service.catalogue.fault,
        leaving=leaving,
        submissions=submissions,
        older=older,
        findings=findings[:FINDINGS],
        more_findings=len(findings) > FINDINGS,
    )


def _destinations(service: Service, tenants: Iterable[str]) -> dict[str, DestinationRow]:
    own = set(tenants)
    return {
        each.name: DestinationRow(each.name, each.tenant)
        for each in service.config.destinations
        if each.tenant in own
    }


def _count(rows: dict[str, DestinationRow], balance: Sequence[Any]) -> None:
    """Fill in the store's counts; a destination that is no longer configured may still have some."""
    for entry in balance:
        missing = DestinationRow(entry.destination, entry.tenant, configured=False)
        row = rows.setdefault(entry.destination, missing)
        row.counts[DeliveryState(entry.state)] = entry.count


async def _leaving(
    request: Request, service: Service, connection: AsyncConnection, tenants: Sequence[str]
) -> list[Bilingual]:
    """Say of each version that will not be taken for long that there are clients who still send it."""
    if not standards.leaves_soon(service.catalogue):
        return []
    counted = await standards.tally_of(request).count(connection, tenants=tenants)
    found = standards.versions(service.catalogue, counted.sent)
    return [standards.sentence(each) for each in found if each.leaving and each.senders]


async def _depths(service: Service) -> list[QueueDepth] | None:
    try:
        async with asyncio.timeout(_DEPTHS_TIMEOUT_S):
            return await service.broker.depths()
    except (BrokerUnavailable, TimeoutError):
        _log.warning("depths_unknown")
        return None
