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

    Only the store decides: with the broker away submissions are accepted and go out when it is back.
    """
    service = await service_of(request)
    store, broker = await _store_state(service), _broker_state(service)
    answer = answers.Readiness(ready=store.ok, parts={"store": store, "broker": broker})
    return answer.response(status=200 if answer.ready else 503, headers=None if store.ok else _RETRY)


_RETRY = {"Retry-After": "5"}


async def _store_state(service: Service) -> answers.PartState:
    try:
        await service.store.ping()
    except StoreUnavailable as error:
        return answers.PartState(ok=False, reason=error.detail)
    return answers.PartState(ok=True)


def _broker_state(service: Service) -> answers.PartState:
    if service.broker.connected:
        return answers.PartState(ok=True)
    return answers.PartState(ok=False, reason="The broker cannot be reached; deliveries wait in the store.")
