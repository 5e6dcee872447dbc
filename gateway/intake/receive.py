"""Take a submission in: examine, store, answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial

import structlog

from gateway.config import Client, Config
from gateway.contract.ids import is_id, new_id
from gateway.errors import DuplicateMessageId, MetadataMismatch, NotFound, Problem
from gateway.intake import refusals
from gateway.intake.commit import GroupCommit
from gateway.intake.examine import DIALOGUE, Examined, Facts, digest_of, examine, read, state_facts
from gateway.intake.metadata import Attachment, Metadata
from gateway.intake.references import References
from gateway.settings import Settings
from gateway.standards import Catalogue, Incoming
from gateway.store import SqlStore, reads
from gateway.store.rows import Accepted, Case, NewSubmission, Part
from gateway.xml.parse import Limits

INLINE_BYTES = 256 * 1024
"""Validating a small message in a thread halves the rate; a large one would hold up all others."""

METADATA_NUMBER = -1
WITHDRAWAL = "antragsruecknahme"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that a submission is stored durably; `created` False when it was there before."""

    submission_id: str
    case_id: str
    tenant: str
    received_at: datetime
    status: str
    sha256: str
    authority: str
    sender_message_id: str
    portal_reference: str | None
    test: bool
    created: bool


class Intake:
    """Receives submissions of portals; one for the process."""

    def __init__(self, config: Config, catalogue: Catalogue, store: SqlStore, settings: Settings) -> None:
        self._config = config
        self._catalogue = catalogue
        self._store = store
        self._limits = Limits(
            max_bytes=settings.max_message_bytes,
            max_depth=settings.max_depth,
            max_attributes=settings.max_attributes,
        )
        self._references = References(store)
        self._commit = GroupCommit(
            store,
            max_batch=settings.commit_batch,
            max_waiting=settings.commit_queue,
            patience_s=settings.store_timeout_s,
        )

    async def start(self) -> None:
        """Start the writers."""
        await self._commit.start()

    async def stop(self, grace_s: float = 5) -> None:
        """Store what still waits, then stop; what is not stored within the grace is put off."""
        await self._commit.stop(grace_s)
        await self._references.stop()

    async def receive(
        self,
        client: Client,
        body: bytes,
        metadata: Metadata,
        attachments: Sequence[Attachment] = (),
        *,
        case_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Examine and store a submission.

        Args:
            body: the message as received, at most settings.max_message_bytes.
            case_id: the case it belongs to, where the call names one.

        Raises:
            Problem: the message is refused, and nothing is stored.
            DuplicateMessageId: the same id was used before for other bytes.
            Unavailable: whether it is stored is unknown; a resend is safe.
        """
        incoming = await self._read(body)
        facts = state_facts(incoming, metadata, idempotency_key)
        try:
            examined, case = await self._examine(
                client, body, metadata, attachments, case_id=case_id, incoming=incoming, facts=facts
            )
        except Problem:
            # What is stored stays receipted, whatever the configuration has become since.
            if earlier := await self._fetch_earlier(client, facts, digest_of(body, attachments)):
                return earlier
            raise
        item = self._new_submission(client, body, metadata, attachments, examined, case)
        accepted = await self._commit.accept(item)
        if accepted.digest != item.digest:
            link = f"/v1/submissions/{accepted.submission_id}"
            raise DuplicateMessageId(hint=refusals.NEW_ID, link=link)
        _log.info(
            "submission_accepted" if accepted.created else "submission_repeated",
            submission_id=accepted.submission_id,
            case_id=accepted.case_id,
            client=client.id,
            message_type=item.message_type,
            # `amtsbote receipts compare` reads these after a restore.
            sha256=item.parts[0].sha256,
            received_at=accepted.received_at.isoformat(),
        )
        return _receipt(accepted, item)

    async def examine(
        self,
        client: Client,
        body: bytes,
        metadata: Metadata,
        attachments: Sequence[Attachment] = (),
        *,
        case_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> tuple[Examined, Case | None]:
        """Do everything that receiving does, except storing.

        Raises:
            Problem: as `receive`.
        """
        incoming = await self._read(body)
        facts = state_facts(incoming, metadata, idempotency_key)
        return await self._examine(
            client, body, metadata, attachments, case_id=case_id, incoming=incoming, facts=facts
        )

    async def _examine(
        self,
        client: Client,
        body: bytes,
        metadata: Metadata,
        attachments: Sequence[Attachment],
        *,
        case_id: str | None,
        incoming: Incoming,
        facts: Facts,
    ) -> tuple[Examined, Case | None]:
        case = await self._find_case(client, incoming, facts, case_id)
        return (
            examine(self._config, client, incoming, facts, metadata, attachments, body=body, case=case),
            case,
        )

    async def _fetch_earlier(self, client: Client, facts: Facts, digest: str) -> Receipt | None:
        async with self._store.read() as connection:
            row = await reads.fetch_by_sender_id(connection, facts.message_id, client=client.id)
        if row is None or row.digest != digest:
            return None
        return Receipt(
            submission_id=row.message_id,
            case_id=row.case_id,
            tenant=row.tenant,
            received_at=row.received_at,
            status=row.status,
            sha256=row.body_sha256,
            authority=row.authority,
            sender_message_id=row.sender_message_id,
            portal_reference=row.portal_reference,
            test=row.test,
            created=False,
        )

    async def _read(self, body: bytes) -> Incoming:
        if len(body) <= INLINE_BYTES:
            return read(self._catalogue, body, self._limits)
        return await asyncio.to_thread(read, self._catalogue, body, self._limits)

    async def _find_case(
        self, client: Client, incoming: Incoming, facts: Facts, case_id: str | None
    ) -> Case | None:
        """Find the case by its id, the portal's reference for it, or an earlier message of it.

        An application that repeats the portal's reference opens a case of its own: one life event may
        need several.
        """
        if case_id is None and not facts.case_ref:
            return None
        reference = facts.case_ref or ""
        dialogue = incoming.message_type.standard == DIALOGUE
        applies = case_id is None and not dialogue
        if applies and not await self._references.known(client.id, reference):
            return None
        tenants = [grant.tenant for grant in client.grants if "submit" in grant.scopes]
        fetch_case = partial(reads.fetch_case, client=client.id, tenants=tenants)
        async with self._store.read() as connection:
            named = await fetch_case(connection, reference) if is_id(reference) else None
            if named is None and reference and (dialogue or case_id is not None):
                named = await reads.fetch_referenced_case(
                    connection, reference, client=client.id, tenants=tenants
                )
            if named is None and reference and facts.message_id != reference:
                earlier = await reads.fetch_by_sender_id(connection, reference, client=client.id)
                named = await fetch_case(connection, earlier.case_id) if earlier else None
            if case_id is None:
                return named
            case = await fetch_case(connection, case_id)
        if case is None:
            raise NotFound
        if named and named.case_id != case.case_id:
            # Somebody else's case, perhaps: whoever reads the message would take it for that one.
            raise MetadataMismatch(refusals.OTHER_CASE, hint=refusals.POST_WHERE_IT_BELONGS)
        return case

    def _new_submission(
        self,
        client: Client,
        body: bytes,
        metadata: Metadata,
        attachments: Sequence[Attachment],
        examined: Examined,
        case: Case | None,
    ) -> NewSubmission:
        facts = examined.facts
        return NewSubmission(
            submission_id=new_id(),
            tenant=examined.tenant,
            client=client.id,
            sender_message_id=facts.message_id,
            message_type=examined.message_type,
            service=examined.service,
            authority=examined.authority,
            test=examined.incoming.header.test,
            channel=facts.channel,
            applied_on=facts.applied_on,
            digest=examined.digest,
            parts=tuple(_parts(body, metadata, attachments)),
            lead=examined.lead,
            copies=examined.copies,
            received=self._config.tenant[examined.tenant].receiving_office,
            case_id=case.case_id if case else None,
            portal_reference=facts.case_ref,
            withdraws=examined.incoming.message_type.name.split(".")[1:2] == [WITHDRAWAL],
            erase_after=self._erase_after(examined),
        )

    def _erase_after(self, examined: Examined) -> date:
        service = self._config.service.get(examined.service)
        days = service.retention_days if service else None
        days = days or self._config.tenant[examined.tenant].retention_days
        return datetime.now(UTC).date() + timedelta(days=days)


def _parts(body: bytes, metadata: Metadata, attachments: Sequence[Attachment]) -> list[Part]:
    parts = [_part(0, "application/xml", body)]
    stated = metadata.model_dump_json(exclude_defaults=True).encode()
    if stated != b"{}":
        parts.append(_part(METADATA_NUMBER, "application/json", stated))
    parts += [
        _part(number, each.media_type, each.data, each.file_name)
        for number, each in enumerate(attachments, start=1)
    ]
    return parts


def _part(number: int, media_type: str, data: bytes, file_name: str | None = None) -> Part:
    return Part(number, media_type, Attachment("", media_type, data).sha256, data, file_name)


def _receipt(accepted: Accepted, item: NewSubmission) -> Receipt:
    return Receipt(
        submission_id=accepted.submission_id,
        case_id=accepted.case_id,
        tenant=accepted.tenant,
        received_at=accepted.received_at,
        status=accepted.status,
        sha256=item.parts[0].sha256,
        authority=item.authority,
        sender_message_id=item.sender_message_id,
        portal_reference=item.portal_reference,
        test=item.test,
        created=accepted.created,
    )
