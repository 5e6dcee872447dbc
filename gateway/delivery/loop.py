"""Background work that must never end by itself."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gateway.errors import StoreDeadlock, StoreUnavailable

PAUSE_S = 1.0
"""How long to leave a store or broker alone that just refused."""

_log = structlog.get_logger()


async def keep(name: str, step: Callable[[], Awaitable[None]]) -> None:
    """Do a step again and again; whatever it raises is logged, and after a pause it goes on."""
    while True:
        try:
            await step()
        except (StoreUnavailable, StoreDeadlock) as error:
            _log.warning("work_waits_for_store", work=name, error=error.detail)
            await asyncio.sleep(PAUSE_S)
        except Exception as error:
            _log.exception("work_failed", work=name, error=type(error).__name__)
            await asyncio.sleep(PAUSE_S)
