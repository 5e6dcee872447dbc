"""Read a message without holding up the event loop."""

import asyncio
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from typing import TypeVar

from gateway.errors import ConfigurationError, Problem
from gateway.settings import Settings
from gateway.standards.catalogue import Catalogue, Incoming
from gateway.standards.standard import Standard
from gateway.xml.attachments import Sent
from gateway.xml.parse import DEFAULT_LIMITS, Limits, parse
from gateway.xml.workers import shared_workers

T = TypeVar("T")

INLINE_BYTES = 256 * 1024
"""Validating a small message in a thread halves the rate; a large one would hold up all others."""

_WAITING = 16


def limits_of(settings: Settings) -> Limits:
    """Return what a message may weigh in this installation."""
    return Limits(settings.max_message_bytes, settings.max_depth, settings.max_attributes)


async def read(
    catalogue: Catalogue,
    body: bytes,
    *,
    today: datetime.date | None,
    limits: Limits = DEFAULT_LIMITS,
    sent: Sequence[Sent] | None = None,
    stated: Mapping[str, str] | None = None,
) -> Incoming:
    """Read a message as `Catalogue.read` does: at once where that is a moment's work, else in a thread.

    Accepting a small message is; compiling a schema, asking rules and saying what is wrong are not.

    Raises:
        Problem: as `Catalogue.read`.
        Unavailable: its standard cannot be used as it lies in its folder.
    """
    is_small = len(body) <= INLINE_BYTES
    root = parse(body, limits) if is_small else await asyncio.to_thread(parse, body, limits)
    recognise = partial(catalogue.recognise, root, body, today=today, sent=sent, stated=stated)
    if catalogue.asks_worker(root):
        opened = await _waiting(recognise)
    else:
        opened = recognise() if is_small else await asyncio.to_thread(recognise)
    with usable(opened.standard):
        if not opened.standard.is_ready:
            await asyncio.to_thread(opened.standard.prepare)
        if is_small:
            opened.look()
        if opened.takes_time:
            return await _waiting(partial(catalogue.judge, opened))
        if not opened.accepted:
            return await asyncio.to_thread(catalogue.judge, opened)
        return catalogue.judge(opened)


@contextmanager
def usable(standard: Standard) -> Iterator[None]:
    """Put a message off while its standard cannot be used as it lies in its folder.

    A start compiles nothing, so that the first message may find it out; the watcher tells operators.

    Raises:
        Unavailable: in place of a ConfigurationError.
    """
    try:
        yield
    except ConfigurationError as error:
        raise standard.put_off(error) from None
    except Problem:  # a message that is judged, to be refused, shows as well that its standard can be used
        standard.fault = ""
        raise
    standard.fault = ""


async def read_message_ids(catalogue: Catalogue, body: bytes, limits: Limits = DEFAULT_LIMITS) -> list[str]:
    """Return the ids that a message gives itself, valid and served or not; see `Catalogue`."""

    def look() -> list[str]:
        try:
            return catalogue.read_message_ids(parse(body, limits))
        except Problem:
            return []

    return await asyncio.to_thread(look)


async def _waiting(call: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(waiting_room(), call)


@cache
def waiting_room() -> ThreadPoolExecutor:
    """Threads that wait for workers, so that the loop's own threads stay free.

    Many for each worker: who waits in here loses patience, who waits outside does not.
    """
    return ThreadPoolExecutor(shared_workers().count * _WAITING, thread_name_prefix="rules")
