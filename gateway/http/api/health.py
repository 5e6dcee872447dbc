"""Liveness and readiness."""

from fastapi import APIRouter, Request, Response

from gateway.errors import StoreUnavailable
from gateway.http.api import answers, documented
from gateway.http.service import Service, service_of

router = APIRouter(tags=["Health"])


@router.get("/healthz", **documented.GET_HEALTH)
async def get_health() -> Response:
    """Say that the process answers."""
    return answers.Alive(status="ok").response()


@router.get("/readyz", **documented.GET_READINESS)
async def get_readiness(request: Request) -> Response:
    """Say whether requests can be served, and if not, why.

    Store and disk decide: with the broker away submissions are accepted and go out when it is back, and where
    a standard cannot be used, what was loaded already is served.
    """
    service = await service_of(request)
    store, disk = await _store_state(service), _disk_state(service)
    ready = store.ok and disk.ok
    parts = {
        "store": store,
        "disk": disk,
        "broker": _broker_state(service),
        "standards": _standards_state(service),
    }
    answer = answers.Readiness(ready=ready, parts=parts)
    return answer.response(status=200 if ready else 503, headers=None if ready else _RETRY)


_RETRY = {"Retry-After": "5"}


async def _store_state(service: Service) -> answers.PartState:
    try:
        await service.store.ping()
    except StoreUnavailable as error:
        return answers.PartState(ok=False, reason=error.detail)
    return answers.PartState(ok=True)


def _disk_state(service: Service) -> answers.PartState:
    if service.disk.reached:
        return answers.PartState(ok=False, reason=service.disk.reason)
    return answers.PartState(ok=True)


def _broker_state(service: Service) -> answers.PartState:
    if service.broker.connected:
        return answers.PartState(ok=True)
    return answers.PartState(ok=False, reason="The broker cannot be reached; deliveries wait in the store.")


def _standards_state(service: Service) -> answers.PartState:
    if not service.catalogue.fault:
        return answers.PartState(ok=True)
    # Anybody may read this, and the reason names folders: it is in the log and on the console.
    return answers.PartState(
        ok=False,
        reason="What the folders of standards hold cannot be used; what was loaded already is served. "
        "The log says why (standards_not_usable).",
    )
