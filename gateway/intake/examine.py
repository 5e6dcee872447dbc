"""Examine a submission: everything that can refuse it, and nothing that stores it.

Intake, `POST /v1/validate` and the command line call the same function and so say the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from gateway.config import Client, Config, Service
from gateway.contract.findings import Bilingual, Finding
from gateway.contract.states import Direction
from gateway.domain.calendar import today
from gateway.domain.routing import Route
from gateway.errors import (
    AttachmentMismatch,
    MetadataMismatch,
    NoRoute,
    NotAuthorised,
    TrustLevelTooLow,
    UnknownMessageType,
)
from gateway.intake.metadata import TRUST_LEVELS, Attachment, Metadata
from gateway.standards import Catalogue, Incoming
from gateway.store.rows import Case
from gateway.xml import rueckkanal_read
from gateway.xml.parse import Limits
from gateway.xml.rueckkanal_frame import BASIS

DIALOGUE = "xrueckkanal"
"""Messages of this standard belong to a case and are routed by it."""

_LONGEST = {"message_id": 200, "case_ref": 200, "channel": 20}
"""What the store keeps of what a message states freely; longer would be refused by PostgreSQL only."""


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


def read(catalogue: Catalogue, body: bytes, limits: Limits) -> Incoming:
    """Parse, identify and validate a message as of today in Germany.

    Raises:
        Problem: with every finding, in document order.
    """
    incoming = catalogue.read(body, today=today(), limits=limits)
    if incoming.message_type.direction is Direction.BACK:
        raise UnknownMessageType(
            f"{incoming.message_type.name} is a message from authorities to applicants; "
            "it cannot be submitted."
        )
    return incoming


def state_facts(incoming: Incoming, metadata: Metadata, idempotency_key: str | None) -> Facts:
    """Bring together what message and metadata state.

    Raises:
        MetadataMismatch: they contradict each other, or nothing identifies the message.
    """
    header = incoming.header
    mismatches: list[Finding] = []

    def agreed(name: str, stated: str | None) -> str | None:
        in_message: str | None = getattr(header, name) or None
        if in_message and stated and in_message != stated:
            mismatches.append(_mismatch(name))
        agreed_on = in_message or stated
        if agreed_on and len(agreed_on) > _LONGEST.get(name, len(agreed_on)):
            mismatches.append(_too_long(name))
        return agreed_on

    facts = Facts(
        message_id=agreed("message_id", metadata.message_id) or idempotency_key or "",
        service=agreed("service", metadata.service),
        authority=agreed("authority", metadata.authority),
        ars=agreed("ars", metadata.ars),
        case_ref=agreed("case_ref", metadata.case_ref),
        applied_on=_date(
            agreed("applied_on", metadata.applied_on.isoformat() if metadata.applied_on else None)
        ),
        channel=agreed("channel", metadata.channel),
    )
    if mismatches:
        raise MetadataMismatch(findings=mismatches)
    if not facts.message_id:
        raise MetadataMismatch(
            "The message has no id of its own: send the header Idempotency-Key, the same on every resend."
        )
    return facts


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None


def _mismatch(name: str) -> Finding:
    return Finding(
        code="S999",
        message=Bilingual(
            de=f"Nachricht und Metadaten nennen für „{name}“ Verschiedenes.",
            en=f"Message and metadata state different things for `{name}`.",
        ),
        hint=Bilingual(
            de=f"Lassen Sie „{name}“ in den Metadaten weg: die Angabe in der Nachricht genügt.",
            en=f"Leave `{name}` out of the metadata: what the message says is enough.",
        ),
    )


def _too_long(name: str) -> Finding:
    return Finding(
        code="S999",
        message=Bilingual(
            de=f"„{name}“ ist länger als die erlaubten {_LONGEST[name]} Zeichen.",
            en=f"`{name}` is longer than the {_LONGEST[name]} characters allowed.",
        ),
    )


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
        Problem: metadata-mismatch, no-route, not-authorised, trust-level-too-low or attachment-mismatch.
    """
    _check_attachments(incoming, attachments)
    _check_test(client, incoming, case)
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
        raise NoRoute(
            f"{message_type.name} belongs to a case, and you have none by the reference it names: "
            "post it to /v1/cases/{case_id}/messages."
        )
    if not facts.service:
        raise MetadataMismatch(
            "Neither message nor metadata name the service: state `service`, its LeiKa key."
        )
    if not facts.authority and not facts.ars:
        raise MetadataMismatch(
            "Neither message nor metadata say where this belongs: state `authority` or `ars`."
        )
    if facts.service not in config.service:
        raise NoRoute(f"The service {facts.service} is not offered here.")
    return config.route_table.resolve(
        service=facts.service,
        message_type=message_type.id,
        ars=facts.ars,
        authority=facts.authority,
        test=incoming.header.test,
    )


def _check_test(client: Client, incoming: Incoming, case: Case | None) -> None:
    if client.test and not incoming.header.test:
        raise NoRoute("A test client posts test messages only: set the attribute `test` on the root element.")
    if case and case.test != incoming.header.test:
        raise NoRoute("A test message belongs to a test case, and only there.")


def _check_joins(facts: Facts, case: Case) -> None:
    if facts.service and facts.service != case.service:
        raise MetadataMismatch(f"The case is about service {case.service}; the message names another.")
    if facts.authority and facts.authority != case.authority:
        raise MetadataMismatch(f"The case is with {case.authority}; the message names another authority.")


def _check_grant(client: Client, tenant: str, service: str) -> None:
    if not client.may("submit", tenant, service):
        raise NotAuthorised(f"This client holds no grant to submit for tenant {tenant}, service {service}.")


def _check_trust(service: Service, metadata: Metadata) -> None:
    needed = TRUST_LEVELS.index(service.trust_level)
    given = max((TRUST_LEVELS.index(each.trust_level) for each in metadata.identifications), default=0)
    if given < needed:
        raise TrustLevelTooLow(
            f"The service needs trust level {service.trust_level}; "
            "state it in `identifications` of the metadata."
        )


def _check_attachments(incoming: Incoming, attachments: Sequence[Attachment]) -> None:
    """Compare by digest; messages of standards without the Anlage of xbasis may come with any."""
    if BASIS not in incoming.standard.manifest.namespaces.values():
        return
    named = [each.sha256 for each in rueckkanal_read.attachments(incoming.root)]
    sent = {each.sha256 for each in attachments}
    findings = [_attachment("fehlt", "is missing", digest) for digest in named if digest not in sent]
    findings += [
        _attachment("ist in der Nachricht nicht genannt", "is not named in the message", digest)
        for digest in sorted(sent - set(named))
    ]
    if findings:
        raise AttachmentMismatch(findings=findings)


def _attachment(fault_de: str, fault_en: str, digest: str) -> Finding:
    return Finding(
        code="S999",
        message=Bilingual(
            de=f"Die Anlage mit der Prüfsumme {digest[:16]}… {fault_de}.",
            en=f"The attachment with the digest {digest[:16]}… {fault_en}.",
        ),
        hint=Bilingual(
            de="Jede Anlage ist ein Teil „attachment“ und wird in der Nachricht mit ihrem SHA-256 genannt.",
            en="Send each attachment as a part `attachment` and name it in the message by its SHA-256.",
        ),
    )
