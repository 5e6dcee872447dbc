"""Who calls: a client (portal) or a destination (adapter), by the bearer token it got from /oauth/token.

A client's token never opens the destinations' calls, nor the other way round.
"""

from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Any

import structlog
from fastapi import Request, Security
from fastapi.openapi.models import OAuth2 as OAuth2Model
from fastapi.openapi.models import OAuthFlows
from fastapi.security.base import SecurityBase

from gateway.config import Client, Config, Destination, Scope
from gateway.contract.findings import Bilingual
from gateway.errors import ConfigurationError, NotAuthorised, Unauthenticated
from gateway.http.service import Service, service_of
from gateway.http.tokens import Tokens
from gateway.intake.refusals import no_grant
from gateway.settings import Settings, read_secret

DESTINATION = "destination:"
"""Prefix of a destination's client id and token subject."""

_NOBODYS_SECRET = "-" * 32
_NO_TOKEN = Bilingual(
    de="Senden Sie den Kopf `Authorization: Bearer …` mit einem Token von /oauth/token.",
    en="Send the header `Authorization: Bearer …` with a token from /oauth/token.",
)
_HOLDER_GONE = Bilingual(
    de="Wem dieses Token gehört, der ist nicht mehr eingerichtet; fragen Sie den Betreiber.",
    en="The holder of this token is no longer configured; ask the operator.",
)
_ANOTHERS = Bilingual(
    de="Dieses Token gehört einem anderen Ziel.", en="This token belongs to another destination."
)
_FOR_CLIENTS = Bilingual(
    de="Dieser Aufruf ist nur für Portale (Clients).", en="This call is for portals (clients) only."
)
_FOR_DESTINATIONS = Bilingual(
    de="Dieser Aufruf ist nur für Ziele (Adapter).", en="This call is for destinations (adapters) only."
)
_log = structlog.get_logger()


class _BearerToken(SecurityBase):
    def __init__(self, scheme_name: str, description: str) -> None:
        flows = OAuthFlows.model_validate({"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": {}}})
        self.scheme_name = scheme_name
        self.model = OAuth2Model(flows=flows, description=description)


class ClientToken(_BearerToken):
    """Accepts the token of a client and returns the client."""

    async def __call__(self, request: Request) -> Client:
        """Identify the caller."""
        return client_of(request)


class DestinationToken(_BearerToken):
    """Accepts the token of the destination that the path names and returns the destination."""

    async def __call__(self, request: Request) -> Destination:
        """Identify the caller."""
        subject = _subject(request)
        destination = (await service_of(request)).config.destination.get(subject.removeprefix(DESTINATION))
        if destination is None or not subject.startswith(DESTINATION):
            raise _refusal(subject, "destinations")
        if request.path_params["name"] != destination.name:
            raise NotAuthorised(_ANOTHERS)
        return destination


ClientCaller = Annotated[
    Client, Security(ClientToken("client", "A portal's token; its secret goes to /oauth/token."))
]
DestinationCaller = Annotated[
    Destination,
    Security(DestinationToken("destination", "An adapter's token; its client id is `destination:<name>`.")),
]


def client_of(request: Request) -> Client:
    """Identify the portal that calls.

    Raises:
        Unauthenticated, NotAuthorised: it is none.
    """
    subject = _subject(request)
    service: Service = request.app.state.service
    client = service.config.client.get(subject)
    if client is None:
        raise _refusal(subject, "clients")
    return client


def _subject(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated(_NO_TOKEN)
    tokens: Tokens = request.app.state.tokens
    subject = tokens.verify(token.strip())
    request.state.caller = subject
    return subject


def _refusal(subject: str, wanted: str) -> NotAuthorised | Unauthenticated:
    if subject.startswith(DESTINATION) == (wanted == "destinations"):
        return Unauthenticated(_HOLDER_GONE)
    return NotAuthorised(_FOR_CLIENTS if wanted == "clients" else _FOR_DESTINATIONS)


def demand(client: Client, scope: Scope, row: Any) -> None:
    """Insist on a grant for what a row (of a submission, message or case) belongs to.

    Raises:
        NotAuthorised: the client holds no such grant.
    """
    if not client.may(scope, row.tenant, row.service):
        raise no_grant(scope, row.tenant, row.service)


def lacks(scope: Scope) -> NotAuthorised:
    """Describe a client that holds a grant nowhere."""
    return NotAuthorised(
        Bilingual(
            de=f"Dieser Client hat bei keinem Mandanten das Recht `{scope}`.",
            en=f"This client holds no grant `{scope}` for any tenant.",
        )
    )


def tenants_of(client: Client, scope: Scope | None = None) -> list[str]:
    """Name the tenants for which a client holds any grant, or one with the scope."""
    return [grant.tenant for grant in client.grants if scope is None or scope in grant.scopes]


def secret_is_right(service: Service, claimed: str, secret: str) -> bool:
    """Compare a secret with the one on file, in the same time whether the id exists or not."""
    expected = _secret(service.settings, service.config, claimed)
    same = compare_digest(secret.encode(), (expected or _NOBODYS_SECRET).encode())
    return same and expected is not None


def _secret(settings: Settings, config: Config, claimed: str) -> str | None:
    name = claimed.removeprefix(DESTINATION)
    known = config.destination if claimed.startswith(DESTINATION) else config.client
    if name not in known:
        return None
    folder = "destinations" if claimed.startswith(DESTINATION) else "clients"
    return _read(settings.secrets / folder / name)


def _read(path: Path) -> str | None:
    try:
        return read_secret(path)
    except ConfigurationError as error:
        _log.error("secret_unreadable", reason=error.detail)
        return None
