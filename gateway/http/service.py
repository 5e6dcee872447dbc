"""What the HTTP side works on; the composition root fills it."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request

from gateway.broker import Broker
from gateway.config import Config
from gateway.disk import DiskFloor
from gateway.intake import Intake
from gateway.settings import Settings
from gateway.standards import Catalogue
from gateway.standards.conversion import Converter
from gateway.store import SqlStore


@dataclass(slots=True)
class Service:
    """Every part that a call may need.

    `stopping` is set when the process is about to end: calls that wait for news then answer at once.
    """

    settings: Settings
    config: Config
    catalogue: Catalogue
    converter: Converter
    store: SqlStore
    broker: Broker
    intake: Intake
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    disk: DiskFloor = field(init=False)

    def __post_init__(self) -> None:
        folders = [self.settings.var]
        if self.store.is_sqlite and self.store.url.database:
            folders.append(Path(self.store.url.database).parent)
        self.disk = DiskFloor(folders, self.settings.min_free_bytes)


async def service_of(request: Request) -> Service:
    """Return the service of the application that answers this request."""
    service: Service = request.app.state.service
    return service
