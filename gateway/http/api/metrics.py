"""Metrics for Prometheus: what was counted as it happened, and what the store says now.

Destinations and volumes are the operator's business: the call takes a token of its own, from the secret
file `metrics.token`. Without the file nobody may read.
"""

import asyncio
import time
from hmac import compare_digest
from typing import Annotated

from fastapi import APIRouter, Request, Response, Security
from fastapi.openapi.models import HTTPBase as HTTPBaseModel
from fastapi.security.base import SecurityBase
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway import metrics
from gateway.contract.findings import Bilingual
from gateway.errors import ConfigurationError, StoreDeadlock, StoreUnavailable, Unauthenticated
from gateway.http.api import documented
from gateway.http.service import Service, service_of
from gateway.settings import read_secret
from gateway.store import operators
from gateway.store.findings import count_open_findings
from gateway.store.tables import OPEN_STATES

SECRET = "metrics.token"  # noqa: S105 - the name of the file
READ_AGAIN_S = 5.0
READ_TIMEOUT_S = 2.0
"""Shorter than any scrape's: with the store away the other figures are what is looked for."""

_NO_TOKEN = Bilingual(
    de=f"Senden Sie `Authorization: Bearer …` mit dem Inhalt der Geheimnisdatei {SECRET}.",
    en=f"Send `Authorization: Bearer …` with what the secret file {SECRET} holds.",
)

router = APIRouter(tags=["Health"])


class _Token(SecurityBase):
    """Takes the token that the operator has given to Prometheus."""

    def __init__(self) -> None:
        self.scheme_name = "metrics"
        self.model = HTTPBaseModel(scheme="bearer", description=f"The secret file `{SECRET}`.")

    async def __call__(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            expected = read_secret((await service_of(request)).settings.secrets / SECRET)
        except ConfigurationError:
            raise Unauthenticated(_NO_TOKEN) from None
        if scheme.lower() != "bearer" or not compare_digest(token.strip().encode(), expected.encode()):
            raise Unauthenticated(_NO_TOKEN)


@router.get("/metrics", **documented.GET_METRICS)
async def get_metrics(request: Request, _: Annotated[None, Security(_Token())]) -> Response:
    """Answer every figure in Prometheus' text format; those of the store may be five seconds old."""
    service = await service_of(request)
    metrics.BROKER_CONNECTED.set(service.broker.connected)
    metrics.STANDARDS_USABLE.set(not service.catalogue.fault)
    metrics.DISK_FREE.set(service.disk.free_bytes)
    state = request.app.state
    if time.monotonic() >= getattr(state, "figures_until", 0.0):
        state.figures_until = time.monotonic() + READ_AGAIN_S
        metrics.STORE_ANSWERS.set(await _read_store(service))
    return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)


async def _read_store(service: Service) -> bool:
    """Set the figures that stand in the store; where it does not answer there are none."""
    for gauge in (metrics.DELIVERIES, metrics.QUEUE_AGE, metrics.FINDINGS):
        gauge.clear()
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            await _set_figures(service)
    except (StoreUnavailable, StoreDeadlock, TimeoutError):
        return False
    return True


async def _set_figures(service: Service) -> None:
    """Look at what is open only: the work does not grow with what lies behind."""
    names = sorted(service.config.destination)
    tenants = sorted(service.config.tenant)
    async with service.store.read() as connection:
        balance = await operators.open_balance(connection, tenants=tenants)
        oldest = await operators.oldest_eligible(connection, service.store, destinations=names)
        findings = await count_open_findings(connection, tenants=tenants)
        now = await service.store.read_clock(connection)
    for name in names:
        since = oldest.get(name)
        metrics.QUEUE_AGE.labels(name).set((now - since).total_seconds() if since else 0)
        for state in OPEN_STATES:
            metrics.DELIVERIES.labels(name, state).set(0)
    for row in balance:
        metrics.DELIVERIES.labels(row.destination, row.state).set(row.count)
    for kind, count in findings:
        metrics.FINDINGS.labels(kind).set(count)
