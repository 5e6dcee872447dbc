"""Take a submission in: examine, store, answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial

import structlog

from gateway.config import Client, Config
from gateway.contract.findings import Findings
from gateway.contract.ids import is_id, new_id
from gateway.domain.calendar import today
from gateway.errors import (
    DuplicateMessageId,
    MetadataMismatch,
    NotFound,
    Problem,
    ReferenceKnown,
    VersionNotServed,
)
from gateway.intake import refusals
from gateway.intake.commit import GroupCommit
from gateway.intake.examine import DIALOGUE, Examined, Facts, digest_of, examine, read, state_facts
from gateway.intake.metadata import Attachment, Metadata
from gateway.rush import Rush
from gateway.settings import Settings
from gateway.standards import Catalogue, Incoming
from gateway.standards.conversion import Converter
from gateway.standards.reading import limits_of, read_message_ids
from gateway.store import SqlStore, reads
from gateway.store.rows import Accepted, Case, NewSubmission, Part

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
    warnings: Findings = field(default_factory=Findings)
    """What the message was accepted in spite of."""


@dataclass(frozen=True, slots=True)
class _Posted:
    """What a client posts, read and found valid; `case_id` where the call names a case."""

    client: Client
    body: bytes = field(repr=False)
    metadata: Metadata = field(repr=False)
    attachments: Sequence[Attachment] = field(repr=False)
    case_id: str | None
    incoming: Incoming = field(repr=False)
    facts: Facts = field(repr=False)

    @property
    def in_dialogue(self) -> bool:
        """Say whether it can only belong to a case that there is."""
        return self.incoming.message_type.standard == DIALOGUE

    def examine(self, config: Config, case: Case | None) -> Examined:
        """Decide whether it may be accepted, into this case or a new one; raises as `examine`."""
        return examine(
            config,
            self.client,
            self.incoming,
            self.facts,
            self.metadata,
            self.attachments,
            body=self.body,
            case=case,
        )


class Intake:
    """Receives submissions of portals; one for the process.

    Args:
        rush: told when many come at once.
    """

    def __init__(
        self,
        config: Config,
        catalogue: Catalogue,
        converter: Converter,
        store: SqlStore,
        settings: Settings,
        rush: Rush | None = None,
    ) -> None:
        self._config = config
        self._catalogue = catalogue
        self._converter = converter
        self._store = store
        self._limits = limits_of(settings)
        self._commit = GroupCommit(
            store,
            max_batch=settings.commit_batch,
            max_waiting=settings.commit_queue,
            patience_s=settings.store_timeout_s,
            rush=rush,
        )

    async def start(self) -> None:
        """Start the writers."""
        await self._commit.start()

    async def stop(self, grace_s: float = 5) -> None:
        """Store what still waits, then stop; what is not stored within the grace is put off."""
        await self._commit.stop(grace_s)

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
        # What is stored stays receipted, whatever the day or the configuration has become since.
        try:
            posted = await self._read(client, body, metadata, attachments, case_id, idempotency_key)
        except Problem as problem:
            problem.with_traceback(None)  # its frames hold the message's tree, and there will be a second
            stated = metadata.message_id or idempotency_key
            if earlier := await self._fetch_earlier_of_any(client, stated, body, attachments):
                return earlier
            if isinstance(problem, VersionNotServed):
                _log.warning("version_not_served", client=client.id)  # nothing is stored that would say who
            raise
        stored = await self._accept_as_new(posted)
        if stored is None:
            try:
                examined, case = await self._examine(posted)
            except Problem:
                if earlier := await self._fetch_earlier(client, posted.facts.message_id, body, attachments):
                    return replace(earlier, warnings=posted.incoming.warnings)
                raise
            item = self._new_submission(posted, examined, case)
            stored = item, await self._commit.accept(item)
        item, accepted = stored
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
        return _receipt(accepted, item, posted.incoming.warnings)

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
        return await self._examine(
            await self._read(client, body, metadata, attachments, case_id, idempotency_key)
        )

    async def _accept_as_new(self, posted: _Posted) -> tuple[NewSubmission, Accepted] | None:
        """Store an application that names something new; None where it must be looked at more closely.

        Nearly every application names a reference that the portal has just made up. Whether it is new is
        asked for a whole batch: looking each one up by itself cost more than storing it.
        """
        if posted.case_id or not posted.facts.case_ref or posted.in_dialogue:
            return None
        try:
            examined = posted.examine(self._config, None)
            await self._check_versions(posted, examined)
        except Problem:  # the case that it names may know better
            return None
        item = self._new_submission(posted, examined, None, new_reference=posted.facts.case_ref)
        try:
            accepted = await self._commit.accept(item)
        except ReferenceKnown:
            return None
        return item, accepted

    async def _examine(self, posted: _Posted) -> tuple[Examined, Case | None]:
        try:
            case = await self._find_case(posted)
            examined = posted.examine(self._config, case)
            await self._check_versions(posted, examined)
        except Problem as problem:
            problem.message_type = posted.incoming.message_type.id
            raise
        return examined, case

    async def _check_versions(self, posted: _Posted, examined: Examined) -> None:
        """Try conversions now: the sender can still send another version, an operator could do nothing."""
        names = (examined.lead, *examined.copies)
        served = (self._config.destination[name].serves for name in names if name in self._config.destination)
        for serves in dict.fromkeys(served):  # most often they all want the same
            await self._converter.convert(examined.message_type, posted.body, serves)

    async def _fetch_earlier_of_any(
        self, client: Client, stated: str | None, body: bytes, attachments: Sequence[Attachment]
    ) -> Receipt | None:
        """Look a refused message up by all that may be its id: which version it was then is not known."""
        for message_id in [*await read_message_ids(self._catalogue, body, self._limits), stated]:
            if earlier := await self._fetch_earlier(client, message_id, body, attachments):
                return earlier
        return None

    async def _fetch_earlier(
        self, client: Client, message_id: str | None, body: bytes, attachments: Sequence[Attachment]
    ) -> Receipt | None:
        if not message_id:
            return None
        async with self._store.read() as connection:
            row = await reads.fetch_by_sender_id(connection, message_id, client=client.id)
        if row is None or row.digest != digest_of(body, attachments):
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

    async def _read(
        self,
        client: Client,
        body: bytes,
        metadata: Metadata,
        attachments: Sequence[Attachment],
        case_id: str | None,
        idempotency_key: str | None,
    ) -> _Posted:
        incoming = await read(self._catalogue, body, attachments, self._limits, metadata)
        facts = state_facts(incoming, metadata, idempotency_key)
        return _Posted(client, body, metadata, attachments, case_id, incoming, facts)

    async def _find_case(self, posted: _Posted) -> Case | None:
        """Find the case by its id, the portal's reference for it, or an earlier message of it.

        An application that repeats the portal's reference opens a case of its own: one life event may
        need several.
        """
        client, case_id, facts = posted.client, posted.case_id, posted.facts
        reference = facts.case_ref or ""
        if case_id is None and not reference:
            return None
        tenants = [grant.tenant for grant in client.grants if "submit" in grant.scopes]
        fetch_case = partial(reads.fetch_case, client=client.id, tenants=tenants)
        async with self._store.read() as connection:
            named = await fetch_case(connection, reference) if is_id(reference) else None
            if named is None and reference and (posted.in_dialogue or case_id is not None):
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
        self, posted: _Posted, examined: Examined, case: Case | None, *, new_reference: str | None = None
    ) -> NewSubmission:
        facts = posted.facts
        return NewSubmission(
            submission_id=new_id(),
            tenant=examined.tenant,
            client=posted.client.id,
            sender_message_id=facts.message_id,
            message_type=examined.message_type,
            service=examined.service,
            authority=examined.authority,
            test=posted.incoming.header.test,
            channel=facts.channel,
            applied_on=facts.applied_on,
            digest=examined.digest,
            parts=tuple(_parts(posted.body, posted.metadata, posted.attachments)),
            lead=examined.lead,
            copies=examined.copies,
            received=self._config.tenant[examined.tenant].receiving_office,
            case_id=case.case_id if case else None,
            portal_reference=facts.case_ref,
            new_reference=new_reference,
            withdraws=posted.incoming.message_type.name.split(".")[1:2] == [WITHDRAWAL],
            erase_after=self._erase_after(examined),
        )

    def _erase_after(self, examined: Examined) -> date:
        service = self._config.service.get(examined.service)
        days = service.retention_days if service else None
        days = days or self._config.tenant[examined.tenant].retention_days
        return today() + timedelta(days=days)


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


def _receipt(accepted: Accepted, item: NewSubmission, warnings: Findings) -> Receipt:
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
        warnings=warnings,
    )
