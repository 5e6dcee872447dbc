"""The messages that one consumer has in hand: runs the handler and says what becomes of each."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable

import structlog

from gateway.broker.protocol import Handler, Outcome
from gateway.contract.message import Message

log = structlog.get_logger(__name__)

Settle = Callable[[Outcome], Awaitable[None]]

_FIRST_BACK_OFF_S = 0.1
_LONGEST_BACK_OFF_S = 5.0
HAND_BACK_S = 1.0
"""How long handing back may take, once nothing is waited for."""


def back_off_s(failures: int) -> float:
    """Return how long to wait after this many failures in a row."""
    return min(_LONGEST_BACK_OFF_S, _FIRST_BACK_OFF_S * 2.0 ** min(failures - 1, 10))


class Hands:
    """Runs the handler for at most `concurrency` messages at once, in tasks that outlive a connection.

    Args:
        queue: for the log.
        has_dead_letters: a rejected message goes there; where there are none it is gone.
    """

    def __init__(self, handler: Handler, *, concurrency: int, queue: str, has_dead_letters: bool) -> None:
        self._handler = handler
        self._slots = asyncio.Semaphore(concurrency)
        self._queue = queue
        self._has_dead_letters = has_dead_letters
        self._failures = 0
        self._tasks: set[asyncio.Task[Outcome]] = set()

    def take(self, message: Message, settle: Settle) -> asyncio.Task[Outcome]:
        """Deal with a message in a task of its own; `settle` is awaited with the outcome."""
        task = asyncio.create_task(self._deal_with(message, settle))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, grace_s: float) -> None:
        """Wait for what is in hand; after the grace the rest is cancelled and handed back."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in (late := list(self._tasks)):
            task.cancel()
        if late:  # one that will not end keeps its message; the broker has it back with the connection
            await asyncio.wait(late, timeout=HAND_BACK_S)

    async def _deal_with(self, message: Message, settle: Settle) -> Outcome:
        try:
            async with self._slots:
                outcome = await self._outcome(message)
        except asyncio.CancelledError:
            await settle(Outcome.REQUEUE)
            raise
        await settle(outcome)
        return outcome

    async def _outcome(self, message: Message) -> Outcome:
        try:
            outcome = await self._handler(message)
        except Exception as error:
            # Whatever it is, the message is not lost by it. The error's text could hold personal data.
            place = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{place.filename}:{place.lineno}"
            self._log("message_handler_failed", message, error=type(error).__name__, at=at)
            outcome = Outcome.REQUEUE
        self._failures = self._failures + 1 if outcome is Outcome.REQUEUE else 0
        if outcome is Outcome.REJECT and not self._has_dead_letters:
            self._log("message_dropped", message)
        if self._failures:
            await asyncio.sleep(back_off_s(self._failures))
        return outcome

    def _log(self, event: str, message: Message, **more: str) -> None:
        log.error(event, queue=self._queue, message_id=message.message_id, message_type=message.type, **more)
