"""Examine a submission: everything that can refuse it, and nothing that stores it.

Intake, `POST /v1/validate` and the command line call the same function and so say the same.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from gateway.config import Client, Config, Service
from gateway.contract.findings import Bilingual
from gateway.contract.states import Direction
from gateway.domain.calendar import today
from gateway.domain.routing import Route
from gateway.errors import (
    IncompleteMetadata,
    MetadataMismatch,
    NoRoute,
    Problem,
    TrustLevelTooLow,
    WrongDirection,
)
from gateway.intake import refusals
from gateway.intake.metadata import TRUST_LEVELS, Attachment, Metadata
from gateway.standards import Catalogue, Incoming, reading
from gateway.standards.refusals import at_root
from gateway.store.rows import Case
from gateway.xml.attachments import Sent
from gateway.xml.parse import Limits

DIALOGUE = "xrueckkanal"
"""Messages of this standard belong to a case and are routed by it."""

_MAX_SERVICES = 10
_IN_HEADER = ("message_id", "service", "authority", "ars", "case_ref", "channel")


@dataclass(frozen=True, slots=True)
class Facts:
    """What message and metadata state together."""

    message_id: str
    service: str | None
    authority: str | None
    ars: str | None
    case_ref: str | None
    applied_on: date | None
    channel: str | None


@dataclass(frozen=True, slots=True)
class Examined:
    """A submission that may be accepted."""

    incoming: Incoming
    facts: Facts
    service: str
    authority: str
    tenant: str
    lead: str
    copies: tuple[str, ...]
    digest: str

    @property
    def message_type(self) -> str:
        """The id of the message type, such as `xurkunde:1.1:urkunde.anforderung.0101`."""
        return self.incoming.message_type.id


async def read(
    catalogue: Catalogue,
    body: bytes,
    attachments: Sequence[Attachment],
    limits: Limits,
    metadata: Metadata = Metadata(),  # noqa: B008  # it is frozen
) -> Incoming:
    """Parse, identify and validate a message as of today in Germany, with what came along.

    Raises:
        Problem: with every finding, in document order.
    """
    sent = [Sent(each.sha256, len(each.data), each.media_type, each.file_name) for each in attachments]
    incoming = await reading.read(
        catalogue, body, today=today(), limits=limits, sent=sent, stated=_stated(metadata)
    )
    if incoming.message_type.direction is Direction.BACK:
        raise await asyncio.to_thread(_wrong_direction, incoming, body)
    return incoming


def _stated(metadata: Metadata) -> dict[str, str]:
    """Return what metadata state of a message, by fields of its header."""
    texts = {name: getattr(metadata, name) for name in _IN_HEADER}
    texts["applied_on"] = metadata.applied_on.isoformat() if metadata.applied_on else None
    return {name: text for name, text in texts.items() if text}


def _wrong_direction(incoming: Incoming, body: bytes) -> Problem:
    problem = at_root(WrongDirection, incoming.root, body, refusals.WRONG_WAY, refusals.ANSWERS_HERE)
    problem.message_type = incoming.message_type.id
    problem.rejections = {code: incoming.standard.rejection(code) for code in problem.codes}
    return problem


def state_facts(incoming: Incoming, metadata: Metadata, idempotency_key: str | None) -> Facts:
    """Bring together what message and metadata state; reading the message has compared them."""
    header, stated = incoming.header, _stated(metadata)

    def agreed(name: str) -> str | None:
        return getattr(header, name) or stated.get(name)

    return Facts(
        message_id=agreed("message_id") or idempotency_key or "",
        service=agreed("service"),
        authority=agreed("authority"),
        ars=agreed("ars"),
        case_ref=agreed("case_ref"),
        applied_on=_date(agreed("applied_on")),
        channel=agreed("channel"),
    )


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None


def examine(
    config: Config,
    client: Client,
    incoming: Incoming,
    facts: Facts,
    metadata: Metadata,
    attachments: Sequence[Attachment] = (),
    *,
    body: bytes,
    case: Case | None = None,
) -> Examined:
    """Decide whether a message that was read may be accepted, and where it goes.

    Args:
        case: the client's case that the message belongs to; None for one that opens a case.

    Raises:
        Problem: metadata-mismatch, no-route, not-authorised or trust-level-too-low.
    """
    _check_test(client, incoming, case)
    _require_complete(facts, opens_case=case is None and incoming.message_type.standard != DIALOGUE)
    digest = digest_of(body, attachments)
    if case:
        _check_joins(facts, case)
        _check_grant(client, case.tenant, case.service)
        return Examined(
            incoming, facts, case.service, case.authority, case.tenant, case.lead, case.copies, digest
        )
    route = _route(config, incoming, facts)
    _check_grant(client, route.tenant, route.service)
    _check_trust(config.service[route.service], metadata)
    return Examined(
        incoming, facts, route.service, route.authority, route.tenant, route.lead, route.copies, digest
    )


def digest_of(body: bytes, attachments: Sequence[Attachment]) -> str:
    """Digest a submission: the message and its attachments in whatever order they were sent."""
    digests = [sha256(body).hexdigest(), *sorted(each.sha256 for each in attachments)]
    return sha256("\n".join(digests).encode()).hexdigest()


def _route(config: Config, incoming: Incoming, facts: Facts) -> Route:
    message_type = incoming.message_type
    if message_type.standard == DIALOGUE:
        raise NoRoute(refusals.NO_CASE, hint=refusals.POST_TO_CASE)
    if facts.service not in config.service:
        raise NoRoute(refusals.NOT_OFFERED, hint=_services(config, message_type.id))
    return config.route_table.resolve(
        service=facts.service,
        message_type=message_type.id,
        ars=facts.ars,
        authority=facts.authority,
        test=incoming.header.test,
    )


def _services(config: Config, message_type: str) -> Bilingual | None:
    """Name the services that take a type of message."""
    taking = config.route_table.services(message_type)[:_MAX_SERVICES]
    known = ", ".join(f"{key} {config.service[key].name}" for key in taking)
    return Bilingual(de=f"Angeboten: {known}.", en=f"Offered: {known}.") if known else None


def _check_test(client: Client, incoming: Incoming, case: Case | None) -> None:
    if client.test and not incoming.header.test:
        raise NoRoute(refusals.TEST_ONLY, hint=refusals.SET_TEST)
    if case and case.test != incoming.header.test:
        raise NoRoute(refusals.OTHER_WORLD)


def _require_complete(facts: Facts, *, opens_case: bool) -> None:
    """Say all at once what is needed and stated by neither message nor metadata."""
    missing = [] if facts.message_id else [refusals.NO_ID]
    if opens_case and not facts.service:
        missing.append(refusals.NO_SERVICE)
    if opens_case and not facts.authority and not facts.ars:
        missing.append(refusals.NO_PLACE)
    if missing:
        raise IncompleteMetadata(findings=missing)


def _check_joins(facts: Facts, case: Case) -> None:
    if facts.service and facts.service != case.service:
        raise MetadataMismatch(
            Bilingual(
                de=f"Der Vorgang betrifft die Leistung {case.service}; die Nachricht nennt eine andere.",
                en=f"The case is about service {case.service}; the message names another.",
            )
        )
    if facts.authority and facts.authority != case.authority:
        raise MetadataMismatch(
            Bilingual(
                de=f"Der Vorgang liegt bei {case.authority}; die Nachricht nennt eine andere Stelle.",
                en=f"The case is with {case.authority}; the message names another authority.",
            )
        )


def _check_grant(client: Client, tenant: str, service: str) -> None:
    if not client.may("submit", tenant, service):
        raise refusals.no_grant("submit", tenant, service)


def _check_trust(service: Service, metadata: Metadata) -> None:
    needed = TRUST_LEVELS.index(service.trust_level)
    given = max((TRUST_LEVELS.index(each.trust_level) for each in metadata.identifications), default=0)
    if given < needed:
        raise TrustLevelTooLow(
            Bilingual(
                de=f"Die Leistung verlangt das Vertrauensniveau `{service.trust_level}`.",
                en=f"The service needs the trust level `{service.trust_level}`.",
            ),
            hint=refusals.STATE_TRUST,
        )
