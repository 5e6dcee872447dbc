"""What is measured: two sides that take the same message and send something back."""

from collections.abc import Callable
from typing import Protocol

from benchmarks.load import Connection, Target


class Side(Protocol):
    """A gateway with its broker and its adapter."""

    name: str
    processes: str
    make_body: Callable[[], bytes]

    @property
    def submit(self) -> Target:
        """The call that posts a message."""

    def start(self) -> None:
        """Start the gateway."""

    def start_adapter(self) -> None:
        """Start the adapter, which answers everything from here on."""

    def settle(self) -> float:
        """End a round without an adapter: clear what lies in its queue.

        Returns:
            Which share of what was accepted had not left for the broker when the round ended.
        """

    async def replies(self, connection: Connection, *, wait_s: int) -> int:
        """Count the answers that have come back so far; a side that can be asked to wait, waits for one."""

    def stop(self) -> None:
        """End everything that was started."""
