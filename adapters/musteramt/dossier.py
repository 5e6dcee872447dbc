"""One case with everything that came in, read and ready to be acted on."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.musteramt.reading import Reading, read
from adapters.musteramt.records import Case, Inbound, Kind, State
from adapters.musteramt.register import Register
from gateway.contract.report import ReportType
from gateway.xml.rueckkanal import Party


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case, what the applicant sent (oldest first), and whether the office has asked already."""

    case: Case
    received: Sequence[tuple[Inbound, Reading]]
    asked: bool

    @property
    def application(self) -> Reading | None:
        """The application or notice; None where the case began with another message."""
        readings = (reading for inbound, reading in self.received if inbound.kind is Kind.APPLICATION)
        return next(readings, None)

    @property
    def latest(self) -> Reading:
        """What came in last."""
        return self.received[-1][1]

    @property
    def office(self) -> Party:
        """This office, as the applicant's portal addressed it."""
        return self.received[0][1].office

    @property
    def undecided(self) -> bool:
        """Say whether this office may still decide."""
        return self.case.lead and not self.case.state.closed

    @property
    def on_desk(self) -> bool:
        """Say whether the case waits for this office rather than for the applicant."""
        return self.undecided and self.case.state is State.OPEN


async def fetch_dossier(register: Register, case_id: str) -> Dossier | None:
    """Read a case out of the register, or return None if there is none by this id."""
    case = await register.fetch_case(case_id)
    if case is None:
        return None
    inbounds = await register.list_inbounds(case_id)
    outgoing = await register.list_outgoing(case_id)
    return Dossier(
        case=case,
        received=[(each, read(each.body)) for each in inbounds],
        asked=any(each.kind is ReportType.CASE_QUERY for each in outgoing),
    )
