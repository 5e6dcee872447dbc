"""How much may be in hand at once: beyond it a request is put off before memory grows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import Request
from starlette.types import Scope

from gateway import metrics
from gateway.contract.findings import Bilingual
from gateway.errors import Unavailable

ALWAYS_ANSWERED = frozenset({"/healthz", "/readyz", "/metrics"})
"""Whoever watches must see a process that is full."""

_HELD = "body_bytes"
_BUSY = Bilingual(
    de="Zu viele Anfragen zugleich; senden Sie dasselbe später noch einmal.",
    en="Too many requests at once; send the same again later.",
)
_BODIES = Bilingual(
    de="Zu viele große Anfragen zugleich; senden Sie dasselbe später noch einmal.",
    en="Too many large requests at once; send the same again later.",
)
_WAITS = Bilingual(
    de="Zu viele Aufrufe mit `wait` zugleich; rufen Sie später wieder auf, oder ohne `wait`.",
    en="Too many calls with `wait` at once; call again later, or without `wait`.",
)


class Admission:
    """Counts what one process has in hand.

    Args:
        max_requests: requests at once; half of them may be long polls.
        max_body_bytes: bytes of bodies at once.
    """

    def __init__(self, *, max_requests: int, max_body_bytes: int) -> None:
        self._max_requests = max_requests
        self._max_waits = max(1, max_requests // 2)
        self._max_body_bytes = max_body_bytes
        self.requests = 0
        self.waits = 0
        self.body_bytes = 0

    @contextmanager
    def request(self, scope: Scope) -> Iterator[None]:
        """Let a request in; what `hold_body` took for it is given back at its end.

        Raises:
            Unavailable: too many are in hand.
        """
        if scope["path"] in ALWAYS_ANSWERED:
            yield
            return
        if self.requests >= self._max_requests:
            raise _put_off("requests", _BUSY)
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1
            self.body_bytes -= scope["state"].pop(_HELD, 0)

    def hold_body(self, state: dict[str, Any], size_bytes: int) -> None:
        """Have room for so much more of a request's body, until the request ends.

        Raises:
            Unavailable: there is none now.
        """
        if self.body_bytes + size_bytes > self._max_body_bytes:
            raise _put_off("bodies", _BODIES)
        self.body_bytes += size_bytes
        state[_HELD] = state.get(_HELD, 0) + size_bytes

    @contextmanager
    def long_poll(self) -> Iterator[None]:
        """Let a request wait for news.

        Raises:
            Unavailable: too many wait.
        """
        if self.waits >= self._max_waits:
            raise _put_off("long_polls", _WAITS)
        self.waits += 1
        try:
            yield
        finally:
            self.waits -= 1


def admission_of(request: Request) -> Admission:
    """Return the count of the application that answers this request."""
    admission: Admission = request.app.state.admission
    return admission


def _put_off(reason: str, sentence: Bilingual) -> Unavailable:
    metrics.count_put_off(reason)
    return Unavailable(sentence)
