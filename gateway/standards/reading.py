"""Read a message without holding up the event loop."""

import asyncio
import datetime
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial

from gateway.contract.findings import Bilingual
from gateway.errors import ConfigurationError, Problem, Unavailable
from gateway.settings import Settings
from gateway.standards.catalogue import Catalogue, Incoming
from gateway.standards.standard import Standard
from gateway.xml.attachments import Sent
from gateway.xml.parse import DEFAULT_LIMITS, Limits
from gateway.xml.workers import shared_workers

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
    open_it = partial(catalogue.open, body, today=today, limits=limits, sent=sent, stated=stated)
    is_small = len(body) <= INLINE_BYTES
    opened = open_it() if is_small else await asyncio.to_thread(open_it)
    with usable(opened.standard):
        if not opened.standard.is_ready:
            await asyncio.to_thread(opened.standard.prepare)
        if is_small:
            opened.look()
        if opened.takes_time:
            return await asyncio.get_running_loop().run_in_executor(waiting_room(), catalogue.judge, opened)
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
        standard.fault = f"{standard.folder}: {error.detail}"
        raise Unavailable(_NOT_USABLE, retry_after_s=60) from None
    except Problem:  # a message that is judged, to be refused, shows as well that its standard can be used
        standard.fault = ""
        raise
    standard.fault = ""


async def read_message_id(catalogue: Catalogue, body: bytes, limits: Limits = DEFAULT_LIMITS) -> str | None:
    """Return the id that a message gives itself, valid and served today or not; None where it has none."""

    def look() -> str | None:
        try:
            opened = catalogue.open(body, today=None, limits=limits)
        except Problem:
            return None
        return opened.standard.read_header(opened.root).message_id

    return await asyncio.to_thread(look)


@cache
def waiting_room() -> ThreadPoolExecutor:
    """Threads that wait for workers, so that the loop's own threads stay free.

    Many for each worker: who waits in here loses patience, who waits outside does not.
    """
    return ThreadPoolExecutor(shared_workers().count * _WAITING, thread_name_prefix="rules")


_NOT_USABLE = Bilingual(
    de="Der Standard dieser Nachricht ist hier zurzeit nicht benutzbar; der Betreiber sieht, warum.",
    en="The standard of this message cannot be used here at present; the operator sees why.",
)
