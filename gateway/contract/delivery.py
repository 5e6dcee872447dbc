"""The envelope in which one submission travels to one destination."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from gateway.contract.ids import Id, new_id
from gateway.contract.message import Message
from gateway.contract.states import Role

MAX_INLINE_BODY_BYTES = 1024 * 1024
"""A larger body, like every attachment, is fetched over HTTP; the message then has an empty one."""


class Delivery(BaseModel):
    """One copy of a delivery on the wire.

    `body` holds the original bytes, or their conversion into the version the destination serves, which is
    then what `message_type` says; `converted_from` is the type of the original, which can be fetched. It is
    empty over MAX_INLINE_BODY_BYTES and must then be fetched. `look_up` says that an earlier attempt may
    have taken effect: look for `submission_id` before acting. Nothing is started after `expires_at`.

    Source: design.md §6
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    message_id: str
    delivery_id: Id
    submission_id: Id
    case_id: Id
    case_seq: int
    attempt: int
    look_up: bool
    expires_at: datetime
    destination: str
    role: Role
    tenant: str
    service: str
    authority: str
    message_type: str
    test: bool
    attachment_count: int
    original_sha256: str
    converted_from: str | None = None
    created_at: datetime
    traceparent: str | None = None
    body: bytes = Field(repr=False)

    def to_message(self, expiration_s: float) -> Message:
        """Write the envelope into properties and headers; `expiration_s` is the copy's time to live."""
        headers: dict[str, str | int | bool] = {
            "submission-id": self.submission_id,
            "delivery-id": self.delivery_id,
            "attempt": self.attempt,
            "case-seq": self.case_seq,
            "look-up": self.look_up,
            "expires-at": self.expires_at.isoformat(),
            "destination": self.destination,
            "role": self.role.value,
            "tenant": self.tenant,
            "service": self.service,
            "authority": self.authority,
            "test": self.test,
            "attachment-count": self.attachment_count,
            "original-sha256": self.original_sha256,
        }
        if self.converted_from:
            headers["converted-from"] = self.converted_from
        if self.traceparent:
            headers["traceparent"] = self.traceparent
        return Message(
            body=self.body,
            message_id=self.message_id,
            type=self.message_type,
            timestamp=self.created_at,
            correlation_id=self.case_id,
            headers=headers,
            expiration_s=expiration_s,
        )

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Read an envelope from the wire.

        Raises:
            pydantic.ValidationError: a header is missing or is not what the contract says.
        """
        fields = {name.replace("-", "_"): value for name, value in message.headers.items()}
        return cls.model_validate(
            fields
            | {
                "message_id": message.message_id or new_id(),
                "case_id": message.correlation_id,
                "message_type": message.type,
                "created_at": message.timestamp,
                "body": message.body,
            }
        )
