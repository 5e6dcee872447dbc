"""The named states of deliveries, reports, submissions and cases, and what a citizen is shown.

The legal moves between them are in `gateway.domain`. Source: design.md §5.
"""

from enum import StrEnum


class DeliveryState(StrEnum):
    """Where one submission stands on its way to one destination."""

    WAITING = "waiting"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ReportState(StrEnum):
    """What became of a report."""

    APPLIED = "applied"
    PARKED = "parked"
    STALE = "stale"
    REJECTED = "rejected"


class SubmissionStatus(StrEnum):
    """Where a submission stands over all its deliveries."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CaseStatus(StrEnum):
    """Where the dialogue between applicant and authority stands."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    ACTION_REQUIRED = "action_required"
    DECIDED = "decided"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class CitizenStatus(StrEnum):
    """The six values German mailboxes show to a citizen."""

    SUBMITTED = "SUBMITTED"
    RECEIVED = "RECEIVED"
    PROCESSING = "PROCESSING"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    COMPLETED = "COMPLETED"
    UNKNOWN = "UNKNOWN"


class FindingKind(StrEnum):
    """What an operator is asked to look at."""

    DELIVERY_FAILED = "delivery_failed"
    DELIVERY_FAILING = "delivery_failing"
    DELIVERY_SILENT = "delivery_silent"
    ACCEPTED_AFTER_END = "accepted_after_end"
    ACCEPTED_TWICE = "accepted_twice"
    REPORT_REJECTED = "report_rejected"
    REPORT_STALE = "report_stale"
    REPORT_PARKED = "report_parked"
    DEAD_LETTER_FAILED = "dead_letter_failed"
    DESTINATION_GONE = "destination_gone"
    WISH_VOID = "wish_void"
    LEGAL_HOLD = "legal_hold"


class Role(StrEnum):
    """What a destination is in a route: the lead alone moves the case."""

    LEAD = "lead"
    COPY = "copy"


class Direction(StrEnum):
    """Which way a message type travels: from the applicant (in), to the applicant (back), or either."""

    IN = "in"
    BACK = "back"
    BOTH = "both"
