"""What is measured: sides that take the same message and send something back."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from benchmarks.cpu import Pids
from benchmarks.load import Connection, Target
from benchmarks.process import Process


class Side(Protocol):
    """A gateway with its broker and its adapter."""

    name: str
    make_body: Callable[[], bytes]

    @property
    def processes(self) -> str:
        """Which processes it runs, in words."""

    @property
    def pids(self) -> Pids:
        """The same for a meter."""

    @property
    def profiled(self) -> list[Process]:
        """Those that can say where their time goes."""

    def submit(self) -> Target:
        """The call that posts a message."""

    def start(self) -> None:
        """Start the gateway."""

    def start_adapter(self) -> None:
        """Start the adapter, which answers everything from here on."""

    def draining(self) -> AbstractAsyncContextManager[None]:
        """Take off the queue what lies there while no adapter runs, as fast as one would."""

    async def backlog(self) -> int:
        """Count what was accepted and has not left for the broker yet."""

    async def replies(self, connection: Connection, *, wait_s: int) -> int:
        """Count the answers that have come back so far; a side that can be asked to wait, waits for one."""

    def stop(self) -> None:
        """End everything that was started."""
