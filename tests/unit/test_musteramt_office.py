"""What the office does with a case, over a real register, without gateway and background tasks."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from adapters.kit import Transient
from adapters.musteramt.decisions import OUTCOMES, Decision, Outcome
from adapters.musteramt.desk import Desk
from adapters.musteramt.dossier import fetch_dossier
from adapters.musteramt.handover import Handover
from adapters.musteramt.office import Office
from adapters.musteramt.options import Options
from adapters.musteramt.papers import Query
from adapters.musteramt.reading import read
from adapters.musteramt.records import CaseChanged, NewInbound, State
from adapters.musteramt.register import Register
from adapters.musteramt.script import handle
from gateway.contract.ids import new_id
from gateway.contract.report import ReportType
from gateway.xml.text import UnfitText
from tests.unit.musteramt_samples import ZONES, certificate, foreign_vehicle, parking, person, trade, valid

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BASIS = "§ 1 der Mustersatzung"
AUTOMATED = Options(automation_basis=BASIS, zones=ZONES)


@pytest.fixture
async def register(tmp_path):
    register = Register(tmp_path / "register.db")
    await register.open()
    yield register
    await register.close()


@pytest.fixture
def office(register):
    return make_office(register, AUTOMATED)


def make_office(register, options):
    return Office(register, options, wake=lambda: None, now=lambda: NOW)


async def enter(register, office, body, case_id=None, **changes):
    """Enter a message and return the dossier of its case."""
    reading = read(body)
    fields = {
        "submission_id": new_id(),
        "case_id": case_id or new_id(),
        "kind": reading.kind,
        "subject": reading.subject,
        "service": "99900000000102",
        "authority": "psw:99101001",
        "reference": reading.reference,
        "message_type": "",
        "message_id": reading.message_id,
        "test": False,
        "lead": True,
        "body": body,
    }
    inbound = NewInbound(**(fields | changes))
    await register.record(inbound, lambda case, new: office.acknowledge(reading, case, new=new), now=NOW)
    return await fetch_dossier(register, inbound.case_id)


async def eventually(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the journal knows no events
            await asyncio.sleep(0.01)


class Journal:
    """Stands in for the kit: writes down what it is given, and fails where it is told to."""

    def __init__(self):
        self.entries = []
        self.fail_on = set()
        self.failures = 0

    def _note(self, kind, key):
        if kind in self.fail_on:
            self.failures += 1
            raise Transient("The gateway is away.")
        self.entries.append((kind, key))

    async def upload(self, data, media_type):
        self._note("upload", media_type)

    async def reference(self, case_id, *, aktenzeichen, contact, report_id):
        self._note("reference", report_id)

    async def status(self, case_id, xml, *, report_id):
        self._note("status", report_id)

    async def query(self, case_id, xml, *, report_id):
        self._note("query", report_id)

    async def decision(self, case_id, xml, *, report_id):
        self._note("decision", report_id)

    async def message(self, case_id, xml, *, report_id):
        self._note("message", report_id)


def handover(register, journal):
    return Handover(register, journal, journal, now=lambda: NOW)


@pytest.mark.parametrize(
    ("options", "body", "changes"),
    [
        (Options(zones=ZONES), parking(), {}),
        (Options(automation_basis=BASIS), parking(), {}),
        (AUTOMATED, parking(status="offen"), {}),
        (AUTOMATED, foreign_vehicle(), {}),
        (AUTOMATED, parking(parties=person(protected=True)), {}),
        (AUTOMATED, parking(), {"lead": False}),
        (AUTOMATED, certificate(), {}),
        (AUTOMATED, trade(), {}),
    ],
    ids=["no basis", "no street", "fee open", "foreign vehicle", "protected", "copy", "certificate", "trade"],
)
async def test_rules_decide_nothing_when_they_may_not(register, options, body, changes):
    office = make_office(register, options)
    dossier = await enter(register, office, body, **changes)

    decided = await office.decide_by_rules(dossier)

    assert not decided
    outgoing = await register.list_outgoing(dossier.case.case_id)
    assert ReportType.CASE_DECISION not in {each.kind for each in outgoing}


async def test_rules_leave_a_case_alone_when_a_second_message_came(register, office):
    dossier = await enter(register, office, parking())
    dossier = await enter(register, office, parking(), case_id=dossier.case.case_id)

    assert not await office.decide_by_rules(dossier)
    assert office.doubts(dossier) == ["Zum Antrag ist eine weitere Nachricht eingegangen."]


async def test_rules_grant_once_when_they_are_asked_twice(register, office):
    dossier = await enter(register, office, parking())

    assert await office.decide_by_rules(dossier)
    with pytest.raises(CaseChanged):
        await office.decide_by_rules(dossier)

    outgoing = await register.list_outgoing(dossier.case.case_id)
    assert [each.kind for each in outgoing].count(ReportType.CASE_DECISION) == 1


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        *((parking(), each) for each in (Outcome.GRANTED, Outcome.REFUSED)),
        *((certificate(), each) for each in (Outcome.ISSUED, Outcome.NOT_FOUND, Outcome.NOT_ENTITLED)),
        (trade(), Outcome.CERTIFIED),
    ],
    ids=lambda each: each if isinstance(each, Outcome) else "",
)
async def test_every_outcome_is_written_as_its_schemas_demand(register, office, body, outcome):
    dossier = await enter(register, office, body)
    assert outcome in OUTCOMES[dossier.case.subject]

    await office.decide(dossier, Decision(outcome, "Begründung – „kurz“", ("Nur für ein Fahrzeug.",)))

    outgoing = await register.list_outgoing(dossier.case.case_id)
    written = [valid(each.body) for each in outgoing if each.kind is not ReportType.CASE_REFERENCE]
    assert outgoing[-1].kind is ReportType.CASE_DECISION
    assert len(written) == len(outgoing) - 1


async def test_outcome_is_refused_when_it_does_not_fit_the_case(register, office):
    dossier = await enter(register, office, trade())

    with pytest.raises(ValueError, match="outcome"):
        await office.decide(dossier, Decision(Outcome.GRANTED))


async def test_text_is_refused_and_nothing_stored_when_it_cannot_be_transmitted(register, office):
    dossier = await enter(register, office, parking())

    with pytest.raises(UnfitText):
        await office.tell(dossier, "Betreff", "Привет")

    assert len(await register.list_outgoing(dossier.case.case_id)) == 2


async def test_case_is_decided_only_once_when_two_clerks_decide(register, office):
    dossier = await enter(register, office, foreign_vehicle())

    await office.decide(dossier, Decision(Outcome.REFUSED, "Kein Anspruch."))
    with pytest.raises(CaseChanged):
        await office.decide(dossier, Decision(Outcome.GRANTED))
    fresh = await fetch_dossier(register, dossier.case.case_id)
    with pytest.raises(CaseChanged):
        await office.decide(fresh, Decision(Outcome.GRANTED))

    assert fresh.case.state is State.DECIDED


async def test_withdrawal_is_confirmed_only_when_one_was_received(register, office):
    dossier = await enter(register, office, parking())

    with pytest.raises(CaseChanged):
        await office.confirm_withdrawal(dossier)


async def test_scripted_clerk_asks_only_once(register, office):
    dossier = await enter(register, office, foreign_vehicle())

    await handle(office, dossier)
    asked = await fetch_dossier(register, dossier.case.case_id)
    await handle(office, asked)

    assert asked.case.state is State.ASKED
    kinds = [each.kind for each in await register.list_outgoing(dossier.case.case_id)]
    assert kinds.count(ReportType.CASE_QUERY) == 1
    assert ReportType.CASE_DECISION not in kinds


async def test_documents_are_uploaded_before_the_report_that_names_them(register, office):
    await office.decide_by_rules(await enter(register, office, parking()))
    journal = Journal()

    assert await handover(register, journal).hand_over()

    assert [kind for kind, _ in journal.entries] == [
        "reference",
        "status",
        "upload",
        "message",
        "upload",
        "upload",
        "decision",
    ]


async def test_reports_keep_their_ids_and_order_when_the_handover_is_cut_short(register, office):
    dossier = await enter(register, office, foreign_vehicle())
    await office.ask(dossier, [Query("Wem gehört das Fahrzeug?")], answer_by=date(2026, 12, 7))
    ids = [each.report_id for each in await register.list_outgoing(dossier.case.case_id)]
    broken, repaired = Journal(), Journal()
    broken.fail_on = {"status"}

    assert not await handover(register, broken).hand_over()
    assert await handover(register, repaired).hand_over()

    assert [key for _, key in broken.entries + repaired.entries] == ids


async def test_report_is_handed_over_again_with_the_same_id_when_the_process_dies_before_noting_it(
    register, office, monkeypatch
):
    await enter(register, office, foreign_vehicle())
    journal = Journal()

    async def die(report_ids, *, now):
        raise ConnectionAbortedError

    with monkeypatch.context() as killed:
        killed.setattr(register, "mark_handed_over", die)
        assert not await handover(register, journal).hand_over()
    assert await handover(register, journal).hand_over()

    assert len(journal.entries) == 4
    assert journal.entries[:2] == journal.entries[2:]


async def test_other_cases_go_on_when_one_cannot_be_handed_over(register, office):
    await office.decide_by_rules(await enter(register, office, parking()))
    other = await enter(register, office, foreign_vehicle())
    journal = Journal()
    journal.fail_on = {"upload"}

    assert not await handover(register, journal).hand_over()

    others = {each.report_id for each in await register.list_outgoing(other.case.case_id)}
    assert others <= {key for _, key in journal.entries}
    assert "decision" not in {kind for kind, _ in journal.entries}


async def test_background_handover_tries_again_by_itself_after_a_failure(register, office):
    await enter(register, office, foreign_vehicle())
    journal = Journal()
    journal.fail_on = {"reference"}
    background = handover(register, journal)

    background.start()
    try:
        await eventually(lambda: journal.failures > 0)
        journal.fail_on = set()
        await eventually(lambda: len(journal.entries) == 2)
    finally:
        await background.stop()

    assert [kind for kind, _ in journal.entries] == ["reference", "status"]


async def test_desk_returns_to_a_case_until_the_register_answers_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Unreachable:
        """An office whose register fails eight times, and then has nothing to do."""

        looks = 0

        async def fetch_dossier(self, case_id: str) -> None:
            self.looks += 1
            if self.looks <= 8:
                raise OSError

    monkeypatch.setattr("adapters.musteramt.desk._FIRST_PAUSE_S", 0.0001)
    office = Unreachable()
    desk = Desk(NoCases(), office, clerk_delay_s=None)
    await desk.start()
    desk.put("a case")
    try:
        await eventually(lambda: office.looks == 9)
    finally:
        await desk.stop()


class NoCases:
    """A register without unfinished cases."""

    async def list_unfinished(self) -> list[str]:
        return []
