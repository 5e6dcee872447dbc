"""Access tokens: short-lived, signed with HS256, checked once and then remembered until they end."""

import time
from collections import OrderedDict
from hashlib import sha256

import jwt

from gateway.contract.findings import Bilingual
from gateway.contract.ids import new_id
from gateway.errors import Unauthenticated

AUDIENCE = "amtsbote"
_ALGORITHM = "HS256"
_REMEMBERED = 1024

_ENDED = Bilingual(
    de="Das Token ist abgelaufen; holen Sie unter /oauth/token ein neues.",
    en="The access token has ended; get a new one from /oauth/token.",
)
_INVALID = Bilingual(
    de="Das Token ist ungültig; holen Sie eines unter /oauth/token.",
    en="The access token is not valid; get one from /oauth/token.",
)


class Tokens:
    """Issues and verifies the tokens of one installation.

    Args:
        secret: what the file `token.key` holds.
        lifetime_s: how long a token is valid.
    """

    def __init__(self, secret: str, lifetime_s: int) -> None:
        # Derived, so that the same secret file may serve other purposes under other keys.
        self._key = sha256(b"amtsbote access token\0" + secret.encode()).digest()
        self.lifetime_s = lifetime_s
        self._verified: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def issue(self, subject: str) -> str:
        """Return a new token for a client id or `destination:<name>`."""
        now = int(time.time())
        claims = {
            "sub": subject,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + self.lifetime_s,
            "jti": new_id(),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def verify(self, token: str) -> str:
        """Return whose token this is.

        Raises:
            Unauthenticated: it is not one of ours, or it has ended.
        """
        known = self._verified.get(token)
        if known is None:
            known = self._decode(token)
            self._remember(token, known)
        subject, ends_at = known
        if time.time() >= ends_at:
            self._verified.pop(token, None)
            raise Unauthenticated(_ENDED)
        return subject

    def _decode(self, token: str) -> tuple[str, float]:
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["sub", "aud", "iat", "exp", "jti"]},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated(_ENDED) from None
        except jwt.InvalidTokenError:
            raise Unauthenticated(_INVALID) from None
        return claims["sub"], claims["exp"]

    def _remember(self, token: str, known: tuple[str, float]) -> None:
        self._verified[token] = known
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
