"""What the calls answer: the models behind the OpenAPI document and most answers themselves."""

from datetime import date, datetime
from typing import Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.contract.findings import Bilingual, Finding
from gateway.contract.states import (
    CaseStatus,
    CitizenStatus,
    DeliveryState,
    Direction,
    Role,
    SubmissionStatus,
)


class Answer(BaseModel):
    """Something a call answers with."""

    model_config = ConfigDict(extra="forbid")

    def response(self, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """Write it as JSON."""
        return Response(self.model_dump_json(), status, headers, "application/json")


class SubmissionLinks(Answer):
    """Where to go on from a submission."""

    self: str
    events: str
    receipt: str
    case: str
    messages: str


class ReceiptNote(Answer):
    """What was stored: the digest of the message as received, and where the XML receipt is."""

    sha256: str
    xml: str


class SubmissionAccepted(Answer):
    """A submission is stored durably; `findings` are there only where there are warnings."""

    submission_id: str
    case_id: str
    received_at: datetime
    status: SubmissionStatus
    receipt: ReceiptNote
    links: SubmissionLinks
    findings: list[Finding] = Field(default_factory=list)
    findings_more: int = 0


class CaseSummary(Answer):
    """Where the dialogue stands; `citizen_status` is what a citizen is shown."""

    status: CaseStatus
    citizen_status: CitizenStatus
    due_on: date | None


class DeliverySummary(Answer):
    """Where a submission stands on its way to one destination."""

    destination: str
    role: Role
    state: DeliveryState
    attempt: int
    code: str | None
    updated_at: datetime


class SubmissionView(Answer):
    """A submission as it stands."""

    submission_id: str
    case_id: str
    message_id: str
    message_type: str
    tenant: str
    service: str
    authority: str
    test: bool
    status: SubmissionStatus
    received_at: datetime
    updated_at: datetime
    receipt: ReceiptNote
    attachment_count: int
    case: CaseSummary
    deliveries: list[DeliverySummary]
    links: SubmissionLinks


class Event(Answer):
    """One thing that happened. An attempt to deliver has the kind `delivery.attempt`."""

    at: datetime
    kind: str
    destination: str | None = None
    code: str | None = None
    attempt: int | None = None
    ended_at: datetime | None = None
    outcome: str | None = None


class Events(Answer):
    """Everything that happened to a submission, oldest first."""

    submission_id: str
    events: list[Event]


class CaseReference(Answer):
    """A number under which a destination keeps the case."""

    destination: str
    kind: str
    value: str


class CaseLinks(Answer):
    """Where to go on from a case."""

    self: str
    messages: str


class CaseView(Answer):
    """A case as it stands."""

    case_id: str
    message_type: str
    tenant: str
    service: str
    authority: str
    test: bool
    status: CaseStatus
    citizen_status: CitizenStatus
    due_on: date | None
    opened_at: datetime
    updated_at: datetime
    references: list[CaseReference]
    links: CaseLinks


class CaseMessage(Answer):
    """A message of the dialogue: `in` from the applicant, `back` to the applicant."""

    message_id: str
    direction: Literal["in", "back"]
    type: str
    received_at: datetime
    status: SubmissionStatus | None
    collected_at: datetime | None
    after_final: bool
    sha256: str
    size: int
    attachment_count: int
    link: str


class Dialogue(Answer):
    """The whole dialogue of a case, both directions, in its order."""

    case_id: str
    messages: list[CaseMessage]


class MailboxLinks(Answer):
    """Where the content of a mailbox message is, and where to say that it was taken over."""

    content: str
    attachments: list[str]
    collected: str
    case: str


class MailboxItem(Answer):
    """A message that waits for the portal; `after_final` where it came after the case had ended."""

    message_id: str
    type: str
    case_id: str
    created_at: datetime
    collected_at: datetime | None
    after_final: bool
    sha256: str
    size: int
    test: bool
    links: MailboxLinks


class MailboxPage(Answer):
    """Messages behind the cursor, in order; give `next` as `after` in the next call."""

    items: list[MailboxItem]
    next: str


class Collected(Answer):
    """The portal has taken a message over."""

    message_id: str
    collected_at: datetime


class Valid(Answer):
    """The message would be accepted, and by whom it would be decided; `findings` are warnings."""

    valid: Literal[True]
    message_type: str
    tenant: str
    service: str
    authority: str
    test: bool
    findings: list[Finding]
    findings_more: int


class Token(Answer):
    """An access token."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 a type of token, not one
    expires_in: int


class TokenError(Answer):
    """Why no token is given (RFC 6749, 5.2)."""

    error: str
    error_description: str


class DeliveryAttachment(Answer):
    """An attachment of a delivery; `file_name` is the sender's own, never to be used as a path."""

    number: int
    sha256: str
    size: int
    media_type: str
    file_name: str | None


class StandardLinks(Answer):
    """Where to go on from a standard."""

    self: str


class StandardSummary(Answer):
    """A standard in a version; valid on both days and in between, in Germany.

    Until `grace_until` its messages are taken with a warning; without `valid_from` they are not yet.
    """

    standard: str
    version: str
    title: Bilingual
    valid_from: date | None
    valid_until: date | None
    grace_until: date | None
    served: bool
    message_count: int
    links: StandardLinks


class Standards(Answer):
    """Every standard and version of this installation."""

    standards: list[StandardSummary]


class MessageTypeView(Answer):
    """One kind of message: `in` is sent by portals, `back` by authorities; `example` is made up."""

    id: str
    name: str
    title: Bilingual
    direction: Direction
    root: str
    code: str | None
    example: str


class SchemaFileView(Answer):
    """A schema file, and the standard that hands it out."""

    standard: str
    version: str
    file: str
    link: str


class CodeListView(Answer):
    """A code list in a version; an open one names some codes, not all that exist."""

    uri: str
    version: str
    closed: bool
    link: str


class StandardView(StandardSummary):
    """A standard with its message types, every schema file that it needs, and its code lists."""

    namespace: str
    header_profile: str
    messages: list[MessageTypeView]
    schemas: list[SchemaFileView]
    code_lists: list[CodeListView]


class Codes(Answer):
    """A code list with its codes, sorted."""

    uri: str
    version: str
    closed: bool
    codes: list[str]


class Alive(Answer):
    """The process answers."""

    status: Literal["ok"]


class PartState(Answer):
    """Whether a part works, and if not, why."""

    ok: bool
    reason: str | None = None


class Readiness(Answer):
    """Whether requests can be served; the broker being away delays deliveries only.

    Where standards cannot be used, those that were there before are served.
    """

    ready: bool
    parts: dict[Literal["store", "disk", "broker", "standards"], PartState]


class ProblemLinks(Answer):
    """Where the submission is that used the message id first."""

    first: str


class ProblemDocument(Answer):
    """A refusal or fault (RFC 9457); `findings` in document order, `findings_more` counts the rest.

    `title` and `detail` are English, `title_de` and `detail_de` say the same in German.
    """

    type: str
    title: str
    title_de: str
    status: int
    detail: str
    detail_de: str
    instance: str
    code: str | None
    retryable: bool
    request_id: str
    findings: list[Finding]
    findings_more: int
    message_type: str | None = None
    links: ProblemLinks | None = None
