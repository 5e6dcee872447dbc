"""What the HTTP side works on; the composition root fills it."""

import asyncio
from dataclasses import dataclass, field

from fastapi import Request

from gateway.broker import Broker
from gateway.config import Config
from gateway.intake import Intake
from gateway.settings import Settings
from gateway.standards import Catalogue
from gateway.store import SqlStore


@dataclass(slots=True)
class Service:
    """Every part that a call may need.

    `stopping` is set when the process is about to end: calls that wait for news then answer at once.
    """

    settings: Settings
    config: Config
    catalogue: Catalogue
    store: SqlStore
    broker: Broker
    intake: Intake
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


async def service_of(request: Request) -> Service:
    """Return the service of the application that answers this request."""
    service: Service = request.app.state.service
    return service
