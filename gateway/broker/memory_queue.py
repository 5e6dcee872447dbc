"""One queue inside this process: what a RabbitMQ queue would do with limits, expiry and dead letters."""

import asyncio
from collections import deque
from dataclasses import dataclass, replace

from gateway.broker.topology import QueueDeclaration
from gateway.contract.message import Message
from gateway.errors import QueueFull


@dataclass(slots=True)
class Entry:
    """A message in a queue or in hand; `expires_at` is of the event loop's clock."""

    message: Message
    expires_at: float | None
    returns: int = 0


class MemoryQueue:
    """Keeps messages in order; as in RabbitMQ, only the one at the head expires.

    Args:
        dead: where rejected, expired and too often returned messages go; None: they are gone.
    """

    def __init__(self, declaration: QueueDeclaration, dead: "MemoryQueue | None") -> None:
        self.declaration = declaration
        self.consumers = 0
        self._dead = dead
        self._entries: deque[Entry] = deque()
        self._filled = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, message: Message) -> None:
        """Append a message, unless the queue is at its limit.

        Raises:
            QueueFull: it is.
        """
        limit = self.declaration.arguments.get("x-max-length")
        if limit is not None and len(self) >= int(limit):
            raise QueueFull(f"The queue {self.declaration.name} holds {len(self)} messages, its limit.")
        lives_s = message.expiration_s
        expires_at = None if lives_s is None else asyncio.get_running_loop().time() + lives_s
        self._entries.append(Entry(message, expires_at))
        self._filled.set()
        if len(self) == 1:
            self._watch_head()

    async def take(self) -> Entry:
        """Return the first message, once there is one; it is in hand then, and not counted."""
        while not self._entries:
            self._filled.clear()
            await self._filled.wait()
        entry = self._entries.popleft()
        self._watch_head()
        return entry

    def give_back(self, entry: Entry) -> None:
        """Put a message from hand back to the head, or to the dead letters if that was too often."""
        entry.returns += 1
        if entry.returns > int(self.declaration.arguments["x-delivery-limit"]):
            self.bury(entry, "delivery_limit")
            return
        entry.message = replace(entry.message, redelivered=True)
        self._entries.appendleft(entry)
        self._filled.set()
        self._watch_head()

    def bury(self, entry: Entry, reason: str) -> None:
        """Move a message from hand to the dead letters."""
        if self._dead is not None:
            unlimited = replace(entry.message, expiration_s=None, redelivered=False, death_reason=reason)
            self._dead.put(unlimited)

    def close(self) -> None:
        """Stop watching for expiry."""
        if self._alarm:
            self._alarm.cancel()

    def _watch_head(self) -> None:
        self.close()
        if self._entries and (expires_at := self._entries[0].expires_at) is not None:
            self._alarm = asyncio.get_running_loop().call_at(expires_at, self._expire)

    def _expire(self) -> None:
        self.bury(self._entries.popleft(), "expired")
        self._watch_head()
