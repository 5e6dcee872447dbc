"""What a portal states beside the message."""

from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.config import Area, LeikaKey, TrustLevel

Channel = Literal["online", "counter", "mail", "paper"]
# Without control characters: PostgreSQL stores no NUL.
_Short = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]

TRUST_LEVELS: tuple[TrustLevel, ...] = ("none", "low", "substantial", "high")
"""From the lowest to the highest."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Identification(_Part):
    """How a person was identified, and how far that can be trusted."""

    means: _Short
    trust_level: TrustLevel
    at: datetime | None = None


class Payment(_Part):
    """A payment made at the portal."""

    status: _Short
    amount: Annotated[str, StringConstraints(pattern=r"^\d{1,9}\.\d{2}$")]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    transaction: _Short | None = None


class Metadata(_Part):
    """The part `metadata`: what routing and the record need, where the message does not say it.

    What message and metadata both state must agree. `authority` is an id such as `psw:99101000`.
    """

    message_id: _Short | None = None
    service: LeikaKey | None = None
    authority: _Short | None = None
    ars: Area | None = None
    case_ref: _Short | None = None
    applied_on: date | None = None
    channel: Channel | None = None
    recorded_by: _Short | None = None
    reply_to: _Short | None = None
    account: _Short | None = None
    identifications: tuple[Identification, ...] = Field(default=(), max_length=20)
    payment: Payment | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file posted along with the message."""

    file_name: str = field(repr=False)
    media_type: str
    data: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """The digest by which the message names it."""
        return sha256(self.data).hexdigest()
