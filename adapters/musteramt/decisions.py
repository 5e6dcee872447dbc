"""How a case can end, and what was decided."""

from dataclasses import dataclass
from enum import StrEnum

from adapters.musteramt.records import Subject


class Outcome(StrEnum):
    """How a case can end."""

    GRANTED = "bewilligt"
    REFUSED = "abgelehnt"
    ISSUED = "ausgestellt"
    NOT_FOUND = "nichtGefunden"
    NOT_ENTITLED = "nichtBerechtigt"
    CERTIFIED = "bescheinigt"
    DONE = "erledigt"

    @property
    def needs_reasons(self) -> bool:
        """Say whether it must be explained to the applicant."""
        return self in {Outcome.REFUSED, Outcome.NOT_FOUND, Outcome.NOT_ENTITLED, Outcome.DONE}


OUTCOMES = {
    Subject.PARKING: (Outcome.GRANTED, Outcome.REFUSED),
    Subject.CERTIFICATE: (Outcome.ISSUED, Outcome.NOT_FOUND, Outcome.NOT_ENTITLED),
    Subject.TRADE: (Outcome.CERTIFIED,),
    Subject.OTHER: (Outcome.DONE,),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided. `basis` is the legal basis of an automated decision, None where a person decided."""

    outcome: Outcome
    reasons: str = ""
    conditions: tuple[str, ...] = ()
    basis: str | None = None
