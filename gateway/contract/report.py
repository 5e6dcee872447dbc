"""Reports: what an adapter sends back about a delivery or a case."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.contract.ids import Id
from gateway.contract.message import HeaderValue, Message

MAX_COUNT = 2**31 - 1
"""Attempts and sequence numbers are kept as 32-bit integers."""

# The one character that JSON can carry and PostgreSQL cannot keep.
_Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]


class ReportType(StrEnum):
    """The kinds of report; those of a delivery and `case.reference` have JSON bodies, the others XML."""

    DELIVERY_ACCEPTED = "delivery.accepted"
    DELIVERY_REFUSED = "delivery.refused"
    DELIVERY_FAILED = "delivery.failed"
    CASE_REFERENCE = "case.reference"
    CASE_STATUS = "case.status"
    CASE_QUERY = "case.query"
    CASE_DECISION = "case.decision"
    CASE_MESSAGE = "case.message"

    @property
    def is_delivery(self) -> bool:
        """Say whether the report is about one delivery rather than its case."""
        return self.startswith("delivery.")


class FailureKind(StrEnum):
    """What the gateway makes of a failure: try again, stop, or look before trying again."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Accepted(_Body):
    """The destination has taken the submission over; `foreign_id` is its own id for it."""

    foreign_id: _Text = Field(min_length=1, max_length=200)
    reference: _Text | None = Field(default=None, max_length=200)


class Refused(_Body):
    """The destination refuses the applicant; `code` is one of the standard's reject list."""

    code: str = Field(pattern=r"^[A-Za-z0-9._-]{1,20}$")
    reason: str = Field(min_length=1, max_length=2000)


class Failed(_Body):
    """A technical fault; it never refuses the applicant."""

    kind: FailureKind
    reason: str = Field(max_length=2000)
    retry_after_s: float | None = Field(default=None, ge=0)


class Reference(_Body):
    """The reference numbers under which the authority keeps the case."""

    aktenzeichen: _Text = Field(min_length=1, max_length=200)
    kassenzeichen: _Text | None = Field(default=None, max_length=200)
    contact: _Text | None = Field(default=None, max_length=500)


class Report(BaseModel):
    """One report. `report_id` is fixed before the first send and alone de-duplicates, per destination.

    Delivery reports carry `delivery_id` and `attempt`, case reports `case_sequence`, which counts from 1
    per case and destination.

    Source: design.md §6
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    report_id: Id
    type: ReportType
    destination: str
    case_id: Id
    submission_id: Id | None = None
    delivery_id: Id | None = None
    attempt: int | None = Field(default=None, le=MAX_COUNT)
    case_sequence: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    created_at: datetime
    body: bytes = Field(repr=False)

    @property
    def key(self) -> tuple[str, str]:
        """What makes a report the same on every resend."""
        return (self.destination, self.report_id)

    @property
    def routing_key(self) -> str:
        """The topic `<destination>.<type>`: a broker can restrict who writes which."""
        return f"{self.destination}.{self.type}"

    def to_message(self) -> Message:
        """Write the report into properties and headers."""
        headers: dict[str, HeaderValue] = {"report-id": self.report_id}
        for name, value in (
            ("submission-id", self.submission_id),
            ("delivery-id", self.delivery_id),
            ("attempt", self.attempt),
            ("case-sequence", self.case_sequence),
        ):
            if value is not None:
                headers[name] = value
        is_json = self.type.is_delivery or self.type is ReportType.CASE_REFERENCE
        return Message(
            body=self.body,
            message_id=self.report_id,
            type=self.type.value,
            timestamp=self.created_at,
            correlation_id=self.case_id,
            content_type="application/json" if is_json else "application/xml",
            headers=headers,
            routing_key=self.routing_key,
        )

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Read a report from the wire; the destination is the one the routing key was allowed to name.

        Raises:
            pydantic.ValidationError: a header is missing or is not what the contract says.
        """
        fields = {name.replace("-", "_"): value for name, value in message.headers.items()}
        destination = message.routing_key.removesuffix(f".{message.type}")
        return cls.model_validate(
            fields
            | {
                "type": message.type,
                "destination": destination,
                "case_id": message.correlation_id,
                "created_at": message.timestamp,
                "body": message.body,
            }
        )
