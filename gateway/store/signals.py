"""Wake-ups after a commit: of whoever waits in this process, and in the others on the same database.

Correctness never depends on them: whoever waits also looks again after a while.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable


class Signals:
    """Tells waiters that something they named has changed."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.tell_others: Callable[[Collection[str]], None] = lambda _: None

    def notify(self, keys: Iterable[str]) -> None:
        """Wake everyone who waits for one of the keys, in any process; call it after the commit."""
        changed = set(keys)
        self.hear(changed)
        self.tell_others(changed)

    def hear(self, keys: Iterable[str]) -> None:
        """Wake everyone in this process who waits for one of the keys."""
        for key in keys:
            for event in self._waiting.get(key, ()):
                event.set()

    def wake_all(self) -> None:
        """Wake everyone in this process who waits for anything; it is to stop."""
        self.hear(list(self._waiting))

    def listen(self, *keys: str) -> "Listener":
        """Start listening; what is notified from here on is not missed."""
        return Listener(self, keys)

    def _add(self, keys: Iterable[str], event: asyncio.Event) -> None:
        for key in keys:
            self._waiting[key].add(event)

    def _remove(self, keys: Iterable[str], event: asyncio.Event) -> None:
        for key in keys:
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]


class Listener:
    """One waiter; use as a context manager, look at the store after entering, then wait."""

    def __init__(self, signals: Signals, keys: tuple[str, ...]) -> None:
        self._signals = signals
        self._keys = keys
        self._event = asyncio.Event()

    def __enter__(self) -> "Listener":
        self._signals._add(self._keys, self._event)
        return self

    def __exit__(self, *_: object) -> None:
        self._signals._remove(self._keys, self._event)

    async def wait(self, timeout_s: float) -> bool:
        """Return True when woken, False when the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


def mailbox_key(client: str) -> str:
    """The key of a client's mailbox."""
    return f"mailbox:{client}"


def case_key(case_id: str) -> str:
    """The key of everything that belongs to a case."""
    return f"case:{case_id}"


def destination_key(name: str) -> str:
    """The key of deliveries that wait for a destination."""
    return f"destination:{name}"
