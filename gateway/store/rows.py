"""What the store takes and gives: plain records, one a noun."""

from dataclasses import dataclass, field
from datetime import date, datetime

from gateway.contract.states import CaseStatus, CitizenStatus, DeliveryState, Role
from gateway.store.codec import Encoded
from gateway.store.vault import Vault

CONTACT = "contact"
"""The kind of reference that may name a person, and is encrypted for that."""


@dataclass(frozen=True, slots=True)
class Part:
    """One stored content of a message; number 0 is the XML, from 1 on attachments, -1 the metadata."""

    number: int
    media_type: str
    sha256: str
    data: bytes = field(repr=False)
    file_name: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AttachmentRow:
    """An attachment as it is listed, without its content."""

    number: int
    media_type: str
    sha256: str
    size: int
    file_name: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A number, foreign id or contact under which a destination keeps a case."""

    destination: str
    kind: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewSubmission:
    """A submission that was examined and is to be accepted.

    `case_id` None opens a case with `lead` and `copies`; otherwise the submission joins that case of the
    same client and goes where the case goes. `withdraws` marks the applicant's withdrawal. With
    `new_reference` it opens a case only if nothing that the client sent is known under that name.
    """

    submission_id: str
    tenant: str
    client: str
    sender_message_id: str
    message_type: str
    service: str
    authority: str
    test: bool
    channel: str | None
    applied_on: date | None
    digest: str
    parts: tuple[Part, ...]
    lead: str
    copies: tuple[str, ...]
    received: bool = False
    case_id: str | None = None
    portal_reference: str | None = None
    withdraws: bool = False
    erase_after: date | None = None
    new_reference: str | None = None

    @property
    def reference(self) -> tuple[str, str] | None:
        """Whose reference must not be known yet."""
        return (self.client, self.new_reference) if self.new_reference else None

    @property
    def key(self) -> tuple[str, str]:
        """What makes a submission the same on every resend."""
        return (self.client, self.sender_message_id)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The result of accepting: the stored submission, or the one that had the same id before."""

    submission_id: str
    case_id: str
    tenant: str
    received_at: datetime
    status: str
    digest: str
    created: bool
    opens_case: bool = False
    destinations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stands; held under its row lock where a transaction changes it."""

    case_id: str
    tenant: str
    client: str
    portal_reference: str | None
    message_type: str
    service: str
    authority: str
    lead: str
    copies: tuple[str, ...]
    test: bool
    status: CaseStatus
    citizen_status: CitizenStatus
    due_on: date | None
    next_seq: int
    next_event: int
    opened_at: datetime
    updated_at: datetime
    erase_after: date | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as it stands."""

    delivery_id: str
    tenant: str
    message_id: str
    case_id: str
    case_seq: int
    destination: str
    role: Role
    state: DeliveryState
    attempt: int
    tries: int
    look_up: bool
    first_failed_at: datetime | None
    wish: str | None
    due_at: datetime
    lease_until: datetime | None
    code: str | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that was claimed for one attempt, with all that its envelope says."""

    delivery_id: str
    tenant: str
    message_id: str
    case_id: str
    case_seq: int
    destination: str
    role: Role
    attempt: int
    look_up: bool
    message_type: str
    service: str
    authority: str
    test: bool
    attachment_count: int
    body_sha256: str
    body_bytes: int
    received_at: datetime
    expires_at: datetime
    codec: str | None
    key_id: str | None
    stored: bytes | None = field(repr=False)
    vault: Vault = field(repr=False)

    @property
    def body(self) -> bytes:
        """The bytes as received; empty where they are to be fetched.

        Decoded only here: one payload that cannot be read must not stop the claim of its neighbours.

        Raises:
            PayloadErased, PayloadUnreadable, KeyUnavailable: there is none to send, or not now.
        """
        if self.codec is None or self.stored is None:
            return b""
        sealed = Encoded(self.codec, self.key_id, self.stored)
        return self.vault.unseal(
            sealed, tenant=self.tenant, place=payload_place(self.message_id, 0, self.body_sha256)
        )


@dataclass(frozen=True, slots=True)
class Document:
    """What an adapter uploaded, without its content; it becomes an attachment of a message."""

    tenant: str
    destination: str
    sha256: str


@dataclass(frozen=True, slots=True)
class BackMessage:
    """A back-channel message that is to be put into a mailbox; its documents are numbered from 1 on."""

    message_id: str
    message_type: str
    body: bytes = field(repr=False)
    documents: tuple[Document, ...] = ()
    after_final: bool = False


def contact_place(case_id: str, destination: str) -> str:
    """Say where a destination's contact for a case lies; it is encrypted for that place."""
    return f"case_references/{case_id}/{destination}/{CONTACT}"


def payload_place(message_id: str, number: int, sha256: str) -> str:
    """Say where a part of a message lies; it is encrypted for that place.

    A document's place is its digest: the database copies it from the upload into messages as it is.
    """
    return f"documents/{sha256}" if number > 0 else f"payloads/{message_id}/{number}"


def name_place(message_id: str, number: int) -> str:
    """Say where the file name of an attachment lies; it is encrypted for that place."""
    return f"payloads/{message_id}/{number}/file_name"
