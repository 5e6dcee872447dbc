"""How `deliver` and `find` end when they do not end with `Accepted`. The class decides what happens.

Anything else that is raised is a permanent failure, an operator's business, reported with the name of its
class and nothing more: the text of a foreign exception may hold personal data.
"""

from gateway.errors import AmtsboteError

MAX_REASON = 2000


class Transient(AmtsboteError):
    """The application cannot take the submission now and has not taken it; the gateway tries again.

    Args:
        reason: a sentence for an operator, without personal data.
        retry_after_s: the earliest time for the next attempt; None leaves it to the gateway.
    """

    retryable = True

    def __init__(self, reason: str | None = None, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = self.detail[:MAX_REASON]
        self.retry_after_s = retry_after_s


class Refused(AmtsboteError):
    """The authority refuses the applicant. Never raise this for a technical fault.

    Args:
        code: a code of the reject list that the standard names, such as "S999".
        reason: a sentence for the applicant.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason[:MAX_REASON]


class OutcomeUnknown(AmtsboteError):
    """The application may or may not have taken the submission: look before trying again.

    Args:
        reason: a sentence for an operator, without personal data.
    """

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        self.reason = self.detail[:MAX_REASON]
