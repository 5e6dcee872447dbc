"""The machine of a delivery: which reports count, and what they make of its state.

The fence: `accepted` of any attempt wins; everything else counts only for the current attempt of a row
that is `sent`. Source: design.md §5
"""

from dataclasses import dataclass
from enum import Enum

from gateway.contract.states import DeliveryState as S

SETTLED = frozenset({S.ACCEPTED, S.REFUSED, S.CANCELLED})
"""The next message of the case may go to the destination once this one is in one of these."""

UNSETTLED = frozenset(S) - SETTLED

CANCELLABLE = frozenset({S.WAITING, S.FAILED})
"""A withdrawal or an operator cancels these at once; a copy on the wire must be settled first."""


class Effect(Enum):
    """What a report about a delivery does."""

    APPLY = "apply"
    REPEAT = "repeat"
    STALE = "stale"
    CONTRADICTS = "contradicts"


@dataclass(frozen=True, slots=True)
class Fence:
    """Where a delivery stands when a report about it arrives."""

    state: S
    attempt: int

    def accepted(self) -> Effect:
        """Judge `delivery.accepted`; on a cancelled or refused row an operator must look."""
        if self.state is S.ACCEPTED:
            return Effect.REPEAT
        return Effect.CONTRADICTS if self.state in {S.CANCELLED, S.REFUSED} else Effect.APPLY

    def ended(self, attempt: int | None) -> Effect:
        """Judge `delivery.refused`, `delivery.failed` or a dead letter of an attempt."""
        current = self.state is S.SENT and attempt == self.attempt
        return Effect.APPLY if current else Effect.STALE
