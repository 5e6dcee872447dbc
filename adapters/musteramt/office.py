"""What the office does with a case, whoever does it: the rules, a clerk on the page, or the scripted clerk.

Each act is composed first and then stored with its reports in one transaction, if the case is still as it
was seen; only then is it handed over.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime

from adapters.musteramt.decisions import Decision, Outcome
from adapters.musteramt.dossier import Dossier, fetch_dossier
from adapters.musteramt.options import Options
from adapters.musteramt.papers import Correspondence, Query
from adapters.musteramt.reading import Reading
from adapters.musteramt.records import Case, CaseChanged, Kind, Outgoing, State, Subject
from adapters.musteramt.register import Register
from adapters.musteramt.rules import doubts, read_parking
from adapters.musteramt.rulings import compose
from adapters.musteramt.statements import BERLIN
from gateway.contract.states import CitizenStatus

_BACK_ON_DESK = frozenset({Kind.ANSWER, Kind.FURTHER_DOCUMENTS, Kind.CHANGE})


class Office:
    """One office. `wake` is called after every act, when there is something to hand over."""

    def __init__(
        self, register: Register, options: Options, *, wake: Callable[[], None], now: Callable[[], datetime]
    ) -> None:
        self._register = register
        self._options = options
        self._wake = wake
        self._now = now

    def today(self) -> date:
        """Return the day it is in this office."""
        return self._now().astimezone(BERLIN).date()

    async def fetch_dossier(self, case_id: str) -> Dossier | None:
        """Return a case with everything that came in, or None."""
        return await fetch_dossier(self._register, case_id)

    def acknowledge(self, reading: Reading, case: Case, *, new: bool) -> list[Outgoing]:
        """Return what is sent at once when a message is entered."""
        if not case.lead:
            return []
        letters = Correspondence(case, reading.office, reading, self._now())
        if new:
            processing = letters.status(CitizenStatus.PROCESSING, "Ihr Antrag wird bearbeitet")
            return [letters.file_number(self._options.contact), processing]
        if reading.kind in _BACK_ON_DESK and not case.state.closed:
            return [letters.status(CitizenStatus.PROCESSING, "Ihre Antwort wird geprüft")]
        return []

    def doubts(self, dossier: Dossier) -> list[str]:
        """Return why the rules leave an application for a parking permit to a clerk."""
        application = dossier.application
        if dossier.case.subject is not Subject.PARKING or application is None or not dossier.undecided:
            return []
        if not self._options.automation_basis:
            return ["Für diese Leistung ist keine Rechtsgrundlage der Automatisierung genannt."]
        if len(dossier.received) > 1:
            return ["Zum Antrag ist eine weitere Nachricht eingegangen."]
        return doubts(read_parking(application.root), self._options.zones)

    async def decide_by_rules(self, dossier: Dossier) -> bool:
        """Grant what the rules may grant; say whether they did."""
        if dossier.case.subject is not Subject.PARKING or not dossier.application or not dossier.on_desk:
            return False
        if self.doubts(dossier):
            return False
        await self.decide(dossier, Decision(Outcome.GRANTED, basis=self._options.automation_basis))
        return True

    async def ask(self, dossier: Dossier, queries: Sequence[Query], *, answer_by: date) -> None:
        """Ask the applicant; the case then waits for the answer.

        Raises:
            CaseChanged: the case moved on in the meantime, or is closed.
            ValueError: a text cannot be transmitted.
        """
        _require_undecided(dossier)
        await self._act(dossier, [self._letters(dossier).query(queries, answer_by)], State.ASKED)

    async def tell(self, dossier: Dossier, subject: str, text: str) -> None:
        """Send the applicant a message; it changes nothing else.

        Raises:
            CaseChanged: the case moved on in the meantime.
            ValueError: a text cannot be transmitted.
        """
        await self._act(dossier, [self._letters(dossier).message(subject, text)], dossier.case.state)

    async def decide(self, dossier: Dossier, decision: Decision) -> None:
        """Decide the case; it is closed then.

        Raises:
            CaseChanged: the case moved on in the meantime, or is closed.
            ValueError: the outcome does not fit, or a text cannot be transmitted.
        """
        _require_undecided(dossier)
        await self._act(dossier, compose(dossier, self._letters(dossier), decision), State.DECIDED)

    async def confirm_withdrawal(self, dossier: Dossier, text: str = "") -> None:
        """Answer a withdrawal: it ends an undecided case and comes too late for a decided one.

        Raises:
            CaseChanged: the case moved on in the meantime, or no withdrawal is to be answered.
            ValueError: a text cannot be transmitted.
        """
        if not dossier.case.withdrawal_asked:
            raise CaseChanged
        accepted = not dossier.case.state.closed
        receipt = self._letters(dossier).withdrawal_receipt(accepted=accepted, text=text)
        state = State.WITHDRAWN if accepted else dossier.case.state
        await self._act(dossier, [receipt], state, withdrawal_done=True)

    async def _act(
        self, dossier: Dossier, reports: Sequence[Outgoing], state: State, *, withdrawal_done: bool = False
    ) -> None:
        if not dossier.case.lead:
            raise CaseChanged
        await self._register.act(
            dossier.case, reports, state=state, withdrawal_done=withdrawal_done, now=self._now()
        )
        self._wake()

    def _letters(self, dossier: Dossier) -> Correspondence:
        return Correspondence(dossier.case, dossier.office, dossier.latest, self._now())


def _require_undecided(dossier: Dossier) -> None:
    if not dossier.undecided:
        raise CaseChanged
