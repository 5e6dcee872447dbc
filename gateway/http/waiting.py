"""Hold an answer until there is news, woken by the store's signals and looking again all the same."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Query, Request

from gateway.http.admission import admission_of
from gateway.http.service import Service
from gateway.store.signals import Listener

MAX_WAIT_S = 60
LOOK_AGAIN_S = 0.5
LOOK_AGAIN_ALONE_S = 5.0

Wait = Annotated[
    float,
    Query(
        ge=0,
        le=MAX_WAIT_S,
        description=f"Hold the answer for so many seconds unless there is news; at most {MAX_WAIT_S}.",
    ),
]
T = TypeVar("T")


async def hold(
    service: Service,
    request: Request,
    key: str,
    wait_s: float,
    look: Callable[[], Awaitable[T]],
    is_news: Callable[[T], bool],
) -> T:
    """Look until there is news, the time is over, the caller has gone or the process is to stop.

    Args:
        key: the store's signal that wakes the look before its time.

    Raises:
        Unavailable: too many wait already.
    """
    if wait_s <= 0:
        return await look()
    with admission_of(request).long_poll():
        return await _hold(service, request, key, wait_s, look, is_news)


async def _hold(
    service: Service,
    request: Request,
    key: str,
    wait_s: float,
    look: Callable[[], Awaitable[T]],
    is_news: Callable[[T], bool],
) -> T:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    with service.store.signals.listen(key) as listener:
        while True:
            seen = await look()
            left_s = deadline - loop.time()
            if is_news(seen) or left_s <= 0 or service.stopping.is_set() or await request.is_disconnected():
                return seen
            # On SQLite nobody else can have written without our hearing of it; the caller may have gone.
            again_s = LOOK_AGAIN_ALONE_S if service.store.is_sqlite else LOOK_AGAIN_S
            await _wait(service, listener, min(left_s, again_s))


async def _wait(service: Service, listener: Listener, timeout_s: float) -> None:
    """Return when woken, when the process is to stop, or after the timeout."""
    tasks = [
        asyncio.create_task(listener.wait(timeout_s)),
        asyncio.create_task(service.stopping.wait()),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
