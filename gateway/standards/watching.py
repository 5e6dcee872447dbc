"""Let standards that are added, enabled or removed take effect while the gateway runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from gateway.errors import ConfigurationError
from gateway.settings import Settings
from gateway.standards.catalogue import Catalogue

WATCH_S = 1.0
"""How often the folders of standards are looked at."""

_log = structlog.get_logger()


@asynccontextmanager
async def watched(catalogue: Catalogue, settings: Settings) -> AsyncIterator[None]:
    """Keep a catalogue as its folders are, meanwhile; where that cannot be, its `fault` says why."""
    watching = asyncio.create_task(_watch(catalogue, settings))
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _watch(catalogue: Catalogue, settings: Settings) -> None:
    while True:
        await asyncio.sleep(WATCH_S)
        changes: list[str] = []
        try:
            changes = await asyncio.to_thread(catalogue.refresh, settings.standards_folders)
        except ConfigurationError as error:
            fault = error.detail
        except Exception as error:  # whatever lies there now, what is put right later must be noticed
            fault = type(error).__name__
        else:
            fault = "\n".join(dict.fromkeys(each.fault for each in catalogue.standards if each.fault))
        if fault != catalogue.fault:  # said once, not every second
            catalogue.fault = fault
            if fault:
                _log.error("standards_not_usable", reason=fault)
            else:
                _log.info("standards_usable_again")
        if changes:
            _log.info("standards_changed", changes=changes)
