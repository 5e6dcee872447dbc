"""Failed sign-ins: after too many, the same caller must wait."""

import time
from collections import OrderedDict
from hashlib import blake2b

from gateway.contract.findings import Bilingual
from gateway.errors import RateLimited

MAX_FAILURES = 10
WAIT_S = 60.0
_REMEMBERED = 10_000


class Guesses:
    """Counts failures per claimed id and address, so that a stranger cannot lock a portal out."""

    def __init__(self) -> None:
        self._failures: OrderedDict[bytes, tuple[int, float]] = OrderedDict()

    def check(self, claimed: str, address: str) -> None:
        """Let a sign-in go on.

        Raises:
            RateLimited: it failed too often; Retry-After says for how long.
        """
        count, last = self._failures.get(_key(claimed, address), (0, 0.0))
        left_s = last + WAIT_S - time.monotonic()
        if count >= MAX_FAILURES and left_s > 0:
            raise _too_many(int(left_s) + 1)

    def failed(self, claimed: str, address: str) -> None:
        """Note a failure; failures older than the wait are forgotten."""
        now = time.monotonic()
        key = _key(claimed, address)
        count, last = self._failures.pop(key, (0, now))
        self._failures[key] = (count + 1 if now - last < WAIT_S else 1, now)
        if len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, claimed: str, address: str) -> None:
        """Forget the failures before a success."""
        self._failures.pop(_key(claimed, address), None)


def _key(claimed: str, address: str) -> bytes:
    # A stranger chooses the id: of one as long as a request's head, no more is kept than of another.
    return blake2b(f"{address}\n{claimed}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _too_many(wait_s: int) -> RateLimited:
    return RateLimited(
        Bilingual(
            de=f"Zu viele Fehlversuche: prüfen Sie das Geheimnis und versuchen Sie es in {wait_s} s wieder.",
            en=f"Too many failed sign-ins: check the secret, and try again in {wait_s} s.",
        ),
        retry_after_s=wait_s,
    )
