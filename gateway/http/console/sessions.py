"""Operators' sessions: a signed cookie for eight hours, void after signing out or a change of the secret."""

import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from time import time

import jwt
import structlog

from gateway.config import Config, Operator
from gateway.contract.ids import new_id
from gateway.errors import ConfigurationError
from gateway.settings import Settings, read_secret

LIFETIME_S = 8 * 3600

_AUDIENCE = "amtsbote-console"
_ALGORITHM = "HS256"
_NOBODYS_SECRET = "-" * 32
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in operator.

    `form_token` must come back with every form that is posted in this session.
    """

    session_id: str
    operator: Operator
    ends_at: int
    form_token: str = field(repr=False)

    def tenants(self, config: Config) -> list[str]:
        """Name the tenants that this operator works for."""
        own = self.operator.tenants
        return [each.id for each in config.tenants if "*" in own or each.id in own]


class Sessions:
    """Opens, reads and ends the sessions of one installation.

    What was ended before its time is remembered by this process only; after a restart, and in other
    processes, the cookie's own end holds.

    Raises:
        ConfigurationError: the file `token.key` is missing or holds too little.
    """

    def __init__(self, settings: Settings, config: Config) -> None:
        self._folder = settings.secrets / "operators"
        self._operators = config.operator
        self._key = read_secret(settings.secrets / "token.key").encode()
        self._ended: dict[str, int] = {}

    def sign_in(self, name: str, secret: str) -> str | None:
        """Return the cookie of a new session; None where name and secret do not match.

        It takes the same time whether there is such an operator or not.
        """
        expected = self._secret(name)
        same = hmac.compare_digest(_digest(secret), _digest(expected or _NOBODYS_SECRET))
        if not same or expected is None:
            return None
        now = int(time())
        claims = {"aud": _AUDIENCE, "sub": name, "iat": now, "exp": now + LIFETIME_S, "jti": new_id()}
        return jwt.encode(claims, self._session_key(name, expected), _ALGORITHM, headers={"kid": name})

    def fetch(self, cookie: str) -> Session | None:
        """Read a session from its cookie; None where it is not one of ours, has ended or was ended."""
        try:
            name = str(jwt.get_unverified_header(cookie).get("kid"))
            secret = self._secret(name)
            if secret is None:
                return None
            key = self._session_key(name, secret)
            claims = jwt.decode(
                cookie, key, [_ALGORITHM], audience=_AUDIENCE, options={"require": ["sub", "exp", "jti"]}
            )
        except jwt.InvalidTokenError:
            return None
        session_id = claims["jti"]
        if claims["sub"] != name or session_id in self._ended:
            return None
        token = _mac(key, "form", session_id)
        return Session(session_id, self._operators[name], claims["exp"], token)

    def end(self, session: Session) -> None:
        """Make a session void before its time."""
        now = time()
        self._ended = {each: ends_at for each, ends_at in self._ended.items() if ends_at > now}
        self._ended[session.session_id] = session.ends_at

    def sign_in_token(self, nonce: str) -> str:
        """Return what the form for signing in must bring, for the nonce that is in the browser's cookie."""
        return _mac(self._key, "console sign-in", nonce)

    def _secret(self, name: str) -> str | None:
        if name not in self._operators:
            return None
        try:
            return read_secret(self._folder / name)
        except ConfigurationError as error:
            _log.error("secret_unreadable", reason=error.detail)
            return None

    def _session_key(self, name: str, secret: str) -> bytes:
        # The operator's secret is part of the key: with a new secret the old sessions are void.
        purpose = f"amtsbote console session\0{name}\0{secret}"
        return hmac.digest(self._key, purpose.encode(), "sha256")


def _digest(secret: str) -> bytes:
    # Compared as digests, so that not even the length is told by the time it takes.
    return sha256(secret.encode()).digest()


def _mac(key: bytes, purpose: str, text: str) -> str:
    return hmac.digest(key, f"{purpose}\0{text}".encode(), "sha256").hex()
