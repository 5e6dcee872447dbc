"""The machine of a case: only the lead destination moves it, and an illegal move leaves it.

Source: design.md §5
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.contract.states import CaseStatus as S
from gateway.contract.states import CitizenStatus


class CaseEvent(StrEnum):
    """What can happen to a case."""

    PROCESSING = "processing"
    QUERY = "query"
    DECISION = "decision"
    INTERIM_DECISION = "interim_decision"
    REFUSAL = "refusal"
    WITHDRAWAL = "withdrawal"


FINAL = frozenset({S.DECIDED, S.REFUSED, S.WITHDRAWN})
RUNNING = frozenset(S) - FINAL

_TARGET = {
    CaseEvent.PROCESSING: S.IN_PROGRESS,
    CaseEvent.QUERY: S.ACTION_REQUIRED,
    CaseEvent.DECISION: S.DECIDED,
    CaseEvent.INTERIM_DECISION: S.IN_PROGRESS,
    CaseEvent.REFUSAL: S.REFUSED,
    CaseEvent.WITHDRAWAL: S.WITHDRAWN,
}

# From a decided case the lead may reopen it or decide again (an objection was upheld). A decision that
# crosses a withdrawal wins: the withdrawal's confirmation is then the illegal move.
_FROM = {
    CaseEvent.PROCESSING: RUNNING | {S.DECIDED},
    CaseEvent.QUERY: RUNNING | {S.DECIDED},
    CaseEvent.DECISION: RUNNING | {S.DECIDED},
    CaseEvent.INTERIM_DECISION: RUNNING | {S.DECIDED},
    CaseEvent.REFUSAL: RUNNING,
    CaseEvent.WITHDRAWAL: RUNNING,
}


@dataclass(frozen=True, slots=True)
class Move:
    """The result of an event; `legal` False means that the state was left as it was."""

    status: S
    legal: bool
    reopened: bool = False


def move(status: S, event: CaseEvent) -> Move:
    """Apply an event to a case's status."""
    if status not in _FROM[event]:
        return Move(status, legal=False)
    target = _TARGET[event]
    return Move(target, legal=True, reopened=status in FINAL and target in RUNNING)


def citizen_status(status: S, *, received: bool) -> CitizenStatus:
    """Say what a citizen is shown; `received` once the lead accepted or the gateway received for it."""
    if status is S.OPEN:
        return CitizenStatus.RECEIVED if received else CitizenStatus.SUBMITTED
    return {
        S.IN_PROGRESS: CitizenStatus.PROCESSING,
        S.ACTION_REQUIRED: CitizenStatus.ACTION_REQUIRED,
        S.REFUSED: CitizenStatus.ACTION_REQUIRED,
        S.DECIDED: CitizenStatus.COMPLETED,
        S.WITHDRAWN: CitizenStatus.COMPLETED,
    }[status]
