"""A process that runs until it is told to stop; needs nothing beyond the base, so that workers use it too."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog

T = TypeVar("T")

STOP_S = 9.5
"""How long a stop may take, all in all: it is promised within ten seconds."""
CUT_SHORT = 75
"""The exit code of a process whose stop was cut short."""

_log = structlog.get_logger()


def run(work: Awaitable[T]) -> T:
    """Run something to its end on the fastest event loop that is installed."""

    async def awaited() -> T:
        return await work

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(awaited())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


@contextmanager
def collector_held() -> Iterator[None]:
    """Collect no garbage within the block until `spare_collector`: what a start imports is there to stay.

    Looking through it again and again took an eighth of the start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def spare_collector() -> None:
    """Call once everything has started: the garbage collector leaves alone what is there to stay.

    Looking through it again and again, while requests leave hardly anything behind in circles, took a
    twelfth of the processor under load. What a start leaves in circles, some hundred objects of
    a quarter of a million, is not worth looking for it: that took a tenth of a second.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def end_within(timeout_s: float) -> None:
    """Let this process end by then, whatever still hangs: a thread, a disk, a server that does not answer.

    Nothing is lost by it: what was in hand goes back to the broker with the connection, and leases run out.
    """

    def end() -> None:
        _log.error("stop_cut_short", after_s=timeout_s)
        os._exit(CUT_SHORT)

    timer = threading.Timer(timeout_s, end)
    timer.daemon = True
    timer.start()


@contextmanager
def stop_on_signal(within_s: float | None = None) -> Iterator[asyncio.Event]:
    """Give an event that SIGINT or SIGTERM sets.

    Args:
        within_s: so long after the signal the process ends at the latest, as `end_within` says.
    """
    stop = asyncio.Event()

    def on_signal() -> None:
        if within_s is not None and not stop.is_set():
            end_within(within_s)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
