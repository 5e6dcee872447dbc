"""What is recorded while a run lasts, and collected at its end; all of it from outside the product."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NO_ANSWER = 0
"""The status of a send that was not answered: the connection failed, or the time ran out."""


@dataclass(frozen=True, slots=True)
class Send:
    """One request of the portal and its answer. `message_id` is the portal's own id of what it sent."""

    at: float
    message_id: str
    gateway: str
    status: int
    submission_id: str | None = None
    case_id: str | None = None
    error: str | None = None

    @property
    def is_receipt(self) -> bool:
        """Say whether the portal holds a receipt for it."""
        return self.status in (200, 202)

    @property
    def is_open(self) -> bool:
        """Say whether the portal cannot know what became of it."""
        return self.status == NO_ANSWER or self.status >= 500


@dataclass(frozen=True, slots=True)
class Message:
    """What the portal meant to send: its place in the dialogue of one application, and its digest."""

    message_id: str
    application: int
    place: int
    sha256: str
    valid: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an office's book: what it did, in the order in which it did it."""

    number: int
    at: float
    office: str
    what: str
    message_id: str
    submission_id: str
    case_id: str
    case_seq: int
    attempt: int
    sha256: str
    pid: int


@dataclass(frozen=True, slots=True)
class Filed:
    """One Dokument of a DMS. `filed_at` is the DMS's own time in ISO 8601."""

    destination: str
    submission_id: str
    case_id: str
    case_seq: int
    sha256: str
    filed_at: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of the mailbox as a reader got it; `about` is the portal's message that it answers."""

    message_id: str
    type: str
    case_id: str
    sha256: str
    read_at: float = 0.0
    cursor: str = ""
    about: str | None = None

    @property
    def is_decision(self) -> bool:
        """Say whether the office decided."""
        return self.type.endswith("ergebnis.1151")

    @property
    def is_refusal(self) -> bool:
        """Say whether the applicant was refused."""
        return self.type.endswith("rueckweisung.1190")


@dataclass(slots=True)
class History:
    """Everything that a run left behind.

    `mailbox` is what the cursor reader saw that ran all the time; `reread` the same mailbox read anew in the
    end. `views` holds what the API says of each submission, with its events where they were asked for.
    `excused` are cases that an
    operator redirected while a copy was on its way: both offices may have filed it.
    """

    messages: Mapping[str, Message] = field(default_factory=dict)
    sends: list[Send] = field(default_factory=list)
    book: list[Line] = field(default_factory=list)
    filed: list[Filed] = field(default_factory=list)
    mailbox: list[Letter] = field(default_factory=list)
    reread: list[Letter] = field(default_factory=list)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)
    balance: list[str] = field(default_factory=list)

    def receipts(self) -> dict[str, list[Send]]:
        """Return the receipts by the portal's message id."""
        found: dict[str, list[Send]] = defaultdict(list)
        for send in self.sends:
            if send.is_receipt:
                found[send.message_id].append(send)
        return found

    def lines(self, what: str) -> dict[str, list[Line]]:
        """Return the lines of one kind by the portal's message id."""
        found: dict[str, list[Line]] = defaultdict(list)
        for line in self.book:
            if line.what == what:
                found[line.message_id].append(line)
        return found


def by_case(things: Sequence[Any]) -> dict[str, list[Any]]:
    """Group by case, keeping the order."""
    found: dict[str, list[Any]] = defaultdict(list)
    for thing in things:
        found[thing.case_id].append(thing)
    return found
