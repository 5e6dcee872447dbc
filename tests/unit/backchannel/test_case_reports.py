"""Case reports: in the lead's order, each once, and nothing that goes wrong is lost."""

import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from gateway.backchannel import ReportIntake, case_reports
from gateway.config import Config
from gateway.contract.ids import new_id
from gateway.contract.report import FailureKind, Reference, Report, ReportType
from gateway.contract.states import CitizenStatus
from gateway.domain.case import CaseEvent
from gateway.errors import ReportRejected, VersionNotServed
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.store import reads
from gateway.store.tables import case_references, reports
from gateway.xml import rueckkanal_read
from tests.contract.store.make import COPY, LEAD, TENANT
from tests.unit.backchannel.world import (
    START,
    Dialogue,
    World,
    catalogue,
    decision_xml,
    note_xml,
    reference_numbers,
    result_xml,
    status_xml,
    today_of,
    withdrawal_xml,
)

WEST = "musteramt-beispielhausen"


# --- moving the case


async def test_dialogue_moves_the_case_and_fills_the_mailbox_in_order(
    world: World, dialogue: Dialogue
) -> None:
    shown = []
    for step in (dialogue.number, dialogue.process, dialogue.ask, dialogue.process, dialogue.decide):
        await step()
        case = await world.case(dialogue.about)
        shown.append((case.status, case.citizen_status, case.due_on))
    assert shown == [
        ("open", "RECEIVED", None),
        ("in_progress", "PROCESSING", None),
        ("action_required", "ACTION_REQUIRED", date(2026, 12, 7)),
        ("in_progress", "PROCESSING", None),
        ("decided", "COMPLETED", None),
    ]
    assert await world.letters() == ["1111", "1120", "1130", "1120", "1150"]
    assert [row.position for row in await world.mailbox()] == [1, 2, 3, 4, 5]
    assert not any(row.after_final for row in await world.mailbox())
    assert await world.findings() == []


async def test_decision_that_is_not_final_leaves_the_case_in_progress(
    world: World, dialogue: Dialogue
) -> None:
    await dialogue.decide(final=False)
    assert (await world.case(dialogue.about)).status == "in_progress"
    assert await world.letters() == ["1150"]


async def test_result_without_administrative_act_decides_the_case(world: World, dialogue: Dialogue) -> None:
    await dialogue.say(ReportType.CASE_DECISION, result_xml(dialogue.about))
    assert (await world.case(dialogue.about)).status == "decided"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (CitizenStatus.RECEIVED, "open"),
        (CitizenStatus.PROCESSING, "in_progress"),
        (CitizenStatus.ACTION_REQUIRED, "action_required"),
        (CitizenStatus.COMPLETED, "decided"),
        (CitizenStatus.UNKNOWN, "open"),
    ],
)
async def test_status_moves_the_case_as_its_code_says(
    world: World, dialogue: Dialogue, code: CitizenStatus, status: str
) -> None:
    await dialogue.say(ReportType.CASE_STATUS, status_xml(dialogue.about, code))
    assert (await world.case(dialogue.about)).status == status


async def test_message_leaves_the_case_where_it_is(world: World, dialogue: Dialogue) -> None:
    await dialogue.ask()
    await dialogue.note()
    case = await world.case(dialogue.about)
    assert (case.status, case.due_on) == ("action_required", date(2026, 12, 7))
    assert await world.letters() == ["1130", "1134"]


async def test_decided_case_is_reopened_by_the_lead(world: World, dialogue: Dialogue) -> None:
    await dialogue.decide()
    await dialogue.process()
    assert (await world.case(dialogue.about)).status == "in_progress"
    assert ("case.reopened", None) in await world.events(dialogue.about)
    await dialogue.decide()
    assert (await world.case(dialogue.about)).status == "decided"
    assert [row.after_final for row in await world.mailbox()] == [False, False, False]


async def test_message_after_the_decision_is_marked(world: World, dialogue: Dialogue) -> None:
    await dialogue.decide()
    await dialogue.note()
    assert [row.after_final for row in await world.mailbox()] == [False, True]


async def test_illegal_move_leaves_the_case_is_recorded_and_still_reaches_the_mailbox(world: World) -> None:
    submitted = await world.submit()
    await world.refused(await world.send_one())
    dialogue = Dialogue(world, submitted)
    report = await dialogue.decide()
    assert (await world.case(submitted)).status == "refused"
    assert ("case.illegal_move", "refused:decision") in await world.events(submitted)
    assert [(row.message_type[-4:], row.after_final) for row in await world.mailbox()] == [
        ("1190", False),
        ("1150", True),
    ]
    assert (await world.report_state(report))[0] == "applied"


async def test_mailbox_gets_the_bytes_as_the_authority_wrote_them(world: World, dialogue: Dialogue) -> None:
    body = note_xml(dialogue.about)
    await dialogue.say(ReportType.CASE_MESSAGE, body)
    (row,) = await world.mailbox()
    assert await world.body(row.message_id) == body


# --- reference numbers


async def test_reference_numbers_are_indexed_and_told_to_the_applicant(
    world: World, dialogue: Dialogue
) -> None:
    numbers = Reference(aktenzeichen="32-2026-17", kassenzeichen="K 4711", contact="Frau Muster, Zi. 12")
    await dialogue.say(ReportType.CASE_REFERENCE, numbers)
    found = await world.references(dialogue.about)
    assert found[(LEAD, "aktenzeichen")] == "32-2026-17"
    assert found[(LEAD, "kassenzeichen")] == "K 4711"
    (row,) = await world.mailbox()
    root = catalogue().read(await world.body(row.message_id), today=today_of(world)).root
    assert rueckkanal_read.message_name(root) == "rueckkanal.aktenzeichen.1111"
    assert root.findtext("{*}aktenzeichen") == "32-2026-17"


async def test_latest_contact_counts_and_lies_encrypted(world: World, dialogue: Dialogue) -> None:
    for contact in ("Frau Muster, Zi. 12", "Herr Probe, Zi. 14"):
        await dialogue.say(ReportType.CASE_REFERENCE, Reference(aktenzeichen="A-1", contact=contact))
    (row,) = await world.rows(select(case_references).where(case_references.c.kind == "contact"))
    assert row.value == ""
    assert b"Probe" not in row.body
    async with world.store.read() as connection:
        found = await reads.readable_references(
            connection, world.store, dialogue.about.case_id, tenant=TENANT
        )
    assert [each.value for each in found if each.kind == "contact"] == ["Herr Probe, Zi. 14"]


@pytest.mark.parametrize(
    "numbers",
    [
        {"aktenzeichen": "Ωμέγα-1"},
        {"aktenzeichen": " "},
        {"aktenzeichen": "A-1", "kassenzeichen": "\u200b"},
        {"aktenzeichen": "A-1", "contact": " "},
        {"aktenzeichen": "A" * 201},
        {"kassenzeichen": "K-1"},
    ],
)
async def test_reference_number_that_no_message_can_carry_is_rejected_and_kept(
    world: World, dialogue: Dialogue, numbers: dict[str, str]
) -> None:
    body = json.dumps(numbers).encode()
    report = await dialogue.say(ReportType.CASE_REFERENCE, body)
    assert await world.report_state(report) == ("rejected", body)
    assert await world.findings() == ["report_rejected"]
    assert await world.letters() == []
    assert set(await world.references(dialogue.about)) == {(LEAD, "foreign_id")}
    await dialogue.number("A-2")
    assert await world.letters() == ["1111"]


# --- who may report what


async def test_copy_may_say_under_which_number_it_keeps_the_case(world: World, dialogue: Dialogue) -> None:
    report = await world.report(
        ReportType.CASE_REFERENCE, reference_numbers("DMS-9"), dialogue.about, destination=COPY
    )
    assert (await world.references(dialogue.about))[(COPY, "aktenzeichen")] == "DMS-9"
    assert (await world.report_state(report))[0] == "applied"
    assert await world.letters() == []
    await dialogue.process()  # the copy's report takes no number of the lead's
    assert await world.letters() == ["1120"]


@pytest.mark.parametrize(
    "type_",
    [ReportType.CASE_STATUS, ReportType.CASE_QUERY, ReportType.CASE_DECISION, ReportType.CASE_MESSAGE],
)
async def test_copy_may_say_nothing_else(world: World, dialogue: Dialogue, type_: ReportType) -> None:
    body = {
        ReportType.CASE_STATUS: status_xml(dialogue.about),
        ReportType.CASE_DECISION: result_xml(dialogue.about),
    }.get(type_, note_xml(dialogue.about))
    report = await world.report(type_, body, dialogue.about, destination=COPY, case_sequence=1)
    assert (await world.case(dialogue.about)).status == "open"
    finding = await world.finding()
    assert (finding.kind, finding.destination) == ("report_rejected", COPY)
    assert await world.report_state(report) == ("rejected", body)
    assert await world.letters() == []


async def test_destination_outside_the_case_may_not_even_name_a_number(
    world: World, dialogue: Dialogue
) -> None:
    await world.report(
        ReportType.CASE_REFERENCE, reference_numbers(), dialogue.about, destination="musteramt-test"
    )
    assert (await world.finding()).code == "not_the_lead"
    assert ("musteramt-test", "aktenzeichen") not in await world.references(dialogue.about)


async def test_case_report_for_another_tenants_case_is_kept_for_an_operator(
    world: World, dialogue: Dialogue
) -> None:
    body = status_xml(dialogue.about)
    report = await world.report(
        ReportType.CASE_STATUS, body, dialogue.about, destination=WEST, case_sequence=1
    )
    assert (await world.case(dialogue.about)).status == "open"
    finding = await world.finding()
    assert (finding.tenant, finding.code) == ("beispielhausen", "no_such_case")
    assert await world.report_state(report) == ("rejected", body)


# --- order


async def test_reports_are_applied_in_the_order_the_lead_gave_them(world: World, dialogue: Dialogue) -> None:
    decided = await dialogue.decide(case_sequence=3)
    asked = await dialogue.ask(case_sequence=2)
    assert await world.letters() == []
    assert (await world.case(dialogue.about)).status == "open"
    assert [(await world.report_state(each))[0] for each in (decided, asked)] == ["parked", "parked"]
    await dialogue.process(case_sequence=1)
    assert await world.letters() == ["1120", "1130", "1150"]
    assert (await world.case(dialogue.about)).status == "decided"
    assert await world.report_state(decided) == ("applied", None)
    assert await world.findings() == []


async def test_parked_reports_wait_behind_each_gap(world: World, dialogue: Dialogue) -> None:
    for number in (5, 2, 3):
        await dialogue.note(case_sequence=number)
    await dialogue.note(case_sequence=1)
    assert len(await world.letters()) == 3
    await dialogue.note(case_sequence=4)
    assert len(await world.letters()) == 5


async def test_repeated_report_has_no_further_effect(world: World, dialogue: Dialogue) -> None:
    report = await dialogue.process()
    for _ in range(2):
        await world.reports.handle(report.to_message())
    assert await world.letters() == ["1120"]
    assert await world.findings() == []


async def test_parked_report_that_comes_again_is_applied_once(world: World, dialogue: Dialogue) -> None:
    report = await dialogue.note(case_sequence=2)
    await world.reports.handle(report.to_message())
    await dialogue.process(case_sequence=1)
    await world.reports.handle(report.to_message())
    assert await world.letters() == ["1120", "1134"]


@pytest.mark.parametrize("number", [1, 3])
async def test_new_report_under_a_used_number_has_no_effect_and_asks_an_operator(
    world: World, dialogue: Dialogue, number: int
) -> None:
    await dialogue.process(case_sequence=1)
    await dialogue.note(case_sequence=3)  # parked
    report = await dialogue.decide(case_sequence=number)
    finding = await world.finding()
    assert (finding.kind, finding.code, finding.destination) == ("report_stale", "number_used", LEAD)
    state, body = await world.report_state(report)
    assert (state, body) == ("stale", report.body)
    assert (await world.case(dialogue.about)).status == "in_progress"


async def test_report_without_number_is_rejected_and_uses_none_up(world: World, dialogue: Dialogue) -> None:
    await dialogue.process(case_sequence=None)
    assert (await world.finding()).code == "no_case_sequence"
    await dialogue.process(case_sequence=1)
    assert await world.letters() == ["1120"]


async def test_report_parked_for_an_hour_asks_an_operator_once(world: World, dialogue: Dialogue) -> None:
    report = await dialogue.note(case_sequence=2)
    world.clock.advance(minutes=59)
    await world.sweep.look()
    assert await world.findings() == []
    world.clock.advance(minutes=2)
    for _ in range(3):
        await world.sweep.look()
    finding = await world.finding()
    assert (finding.kind, finding.code, finding.case_id) == (
        "report_parked",
        report.report_id,
        dialogue.about.case_id,
    )
    await dialogue.process(case_sequence=1)
    assert await world.letters() == ["1120", "1134"]
    await world.sweep.look()
    assert (await world.finding()).resolved_at is not None


# --- what is not to contract


Broken = tuple[ReportType, Callable[[Any], bytes], str]
BROKEN: dict[str, Broken] = {
    "not XML": (ReportType.CASE_STATUS, lambda _: b"PROCESSING", "malformed-xml"),
    "against its schema": (
        ReportType.CASE_STATUS,
        lambda about: status_xml(about).replace(b"<r:text>", b"<r:text>" + b"x" * 51),
        "schema-violation",
    ),
    "a code outside its list": (
        ReportType.CASE_STATUS,
        lambda about: status_xml(about).replace(b"PROCESSING", b"FORGOTTEN"),
        "code-list-violation",
    ),
    "a document type": (
        ReportType.CASE_STATUS,
        lambda about: status_xml(about).replace(b"?>", b"?><!DOCTYPE x>", 1),
        "forbidden-xml",
    ),
    "another report type's message": (ReportType.CASE_QUERY, status_xml, "wrong_report_type"),
    "a decision as mere message": (ReportType.CASE_MESSAGE, result_xml, "wrong_report_type"),
    "a message of applicants": (ReportType.CASE_MESSAGE, withdrawal_xml, "direction"),
    "a document that was not uploaded": (
        ReportType.CASE_DECISION,
        lambda about: decision_xml(about, "0" * 64),
        "document_missing",
    ),
    "JSON against the contract": (
        ReportType.CASE_REFERENCE,
        lambda _: b'{"surname": "Mustermann"}',
        "body_not_to_contract",
    ),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
async def test_broken_report_is_kept_with_a_finding_and_uses_its_number_up(
    world: World, dialogue: Dialogue, broken: Broken
) -> None:
    type_, write, fault = broken
    body = write(dialogue.about)
    report = await dialogue.say(type_, body)
    finding = await world.finding()
    assert (finding.kind, finding.destination, finding.code) == ("report_rejected", LEAD, fault)
    assert finding.case_id == dialogue.about.case_id
    assert await world.report_state(report) == ("rejected", body)
    assert await world.letters() == []
    assert (await world.case(dialogue.about)).status == "open"
    await dialogue.process()
    assert await world.letters() == ["1120"]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
async def test_broken_report_that_was_parked_does_not_hold_up_its_neighbours(
    world: World, dialogue: Dialogue, broken: Broken
) -> None:
    type_, write, fault = broken
    body = write(dialogue.about)
    parked = await dialogue.say(type_, body, case_sequence=2)
    await dialogue.note(case_sequence=3)
    await dialogue.process(case_sequence=1)
    assert await world.letters() == ["1120", "1134"]
    assert await world.report_state(parked) == ("rejected", body)
    finding = await world.finding()
    assert (finding.kind, finding.destination, finding.code) == ("report_rejected", LEAD, fault)


async def test_reading_a_report_says_in_one_word_why_it_is_rejected() -> None:
    about = SimpleNamespace(case_id=new_id())
    for type_, write, fault in BROKEN.values():
        if fault not in {"document_missing", "body_not_to_contract"}:
            report = Report(
                report_id=new_id(),
                type=type_,
                destination=LEAD,
                case_id=about.case_id,
                created_at=START,
                body=write(about),
            )
            with pytest.raises(ReportRejected) as rejected:
                await case_reports.read(catalogue(), report)
            assert rejected.value.detail == fault


async def test_decision_is_taken_when_its_standard_is_no_longer_served(tmp_path: Path) -> None:
    """Its case was opened in time; what the office has decided must not be lost for a date."""
    shutil.copytree(data_folder("schemas"), tmp_path / "schemas")
    manifest = tmp_path / "schemas" / "xrueckkanal" / "1.0" / "standard.yaml"
    ended = re.sub("^valid_until: .*$", "valid_until: 2025-12-31", manifest.read_text("utf-8"), flags=re.M)
    manifest.write_text(ended, "utf-8")
    about = SimpleNamespace(case_id=new_id())
    report = Report(
        report_id=new_id(),
        type=ReportType.CASE_DECISION,
        destination=LEAD,
        case_id=about.case_id,
        created_at=START,
        body=decision_xml(about, "a" * 64),
    )
    old = Catalogue.load([tmp_path / "schemas"])
    with pytest.raises(VersionNotServed):
        old.read(report.body, today=START.date())
    assert (await case_reports.read(old, report)).event == CaseEvent.DECISION


async def test_fault_in_a_parked_report_is_not_held_against_the_one_that_freed_it(
    world: World, dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong while a parked report is applied, half of its effect must not stay."""

    def fail(*_: object) -> None:
        raise RuntimeError("somebody's name")

    monkeypatch.setattr(case_reports, "case_reference", fail)
    parked = await dialogue.number(case_sequence=2)
    freed_by = await dialogue.process(case_sequence=1)
    assert [(await world.report_state(each))[0] for each in (parked, freed_by)] == ["rejected", "applied"]
    assert (await world.finding()).code == "cannot_be_handled"
    assert set(await world.references(dialogue.about)) == {(LEAD, "foreign_id")}
    await dialogue.note(case_sequence=3)
    assert await world.letters() == ["1120", "1134"]


async def test_message_that_names_another_case_does_not_reach_the_applicant(
    world: World, dialogue: Dialogue
) -> None:
    reference = new_id()
    other = await world.submit(portal_reference=reference)
    for named in (other.case_id, reference):
        await dialogue.say(ReportType.CASE_MESSAGE, note_xml(SimpleNamespace(case_id=named)))
    assert await world.findings() == ["report_rejected"] * 2
    assert await world.letters() == []


async def test_message_may_name_its_case_as_the_portal_does_or_as_nobody_else_does(world: World) -> None:
    reference = new_id()
    submitted = await world.submit(portal_reference=reference)
    await world.submit(portal_reference=reference)  # portals use one reference for several cases
    dialogue = Dialogue(world, submitted)
    for named in (submitted.case_id, reference, new_id()):
        await dialogue.say(ReportType.CASE_MESSAGE, note_xml(SimpleNamespace(case_id=named)))
    assert await world.letters() == ["1134"] * 3


# --- documents


async def test_documents_are_matched_by_digest_and_stored_with_the_message(
    world: World, dialogue: Dialogue
) -> None:
    await dialogue.decide()
    (row,) = await world.mailbox()
    assert row.attachment_count == 1
    assert await world.body(row.message_id, 1) == b"%PDF-Bescheid"


async def test_document_of_another_destination_is_missing(world: World, dialogue: Dialogue) -> None:
    digest = await world.upload(b"%PDF-of the DMS", destination=COPY)
    await dialogue.say(ReportType.CASE_DECISION, decision_xml(dialogue.about, digest))
    assert (await world.finding()).code == "document_missing"


async def test_document_may_be_uploaded_twice_and_used_twice(world: World, dialogue: Dialogue) -> None:
    await dialogue.decide()
    await dialogue.decide()
    assert await world.letters() == ["1150", "1150"]


# --- copies


async def test_mailbox_messages_go_to_the_copies_in_the_cases_order(world: World, dialogue: Dialogue) -> None:
    await dialogue.process()
    await world.submit(case_id=dialogue.about.case_id)
    await dialogue.decide()
    filed = []
    while got := await world.send(COPY):
        assert len(got) == 1
        filed.append((got[0].case_seq, got[0].message_type[-4:], got[0].attachment_count))
        await world.accepted(got[0], f"D-{len(filed)}")
    assert filed == [(1, "0101", 0), (2, "1120", 0), (3, "0101", 0), (4, "1150", 1)]


async def test_failed_copy_of_a_message_does_not_change_the_submission(
    world: World, dialogue: Dialogue
) -> None:
    await world.accepted(await world.send_one(COPY))
    await dialogue.process()
    await world.failed(await world.send_one(COPY), FailureKind.PERMANENT)
    assert await world.status(dialogue.about.submission_id) == "delivered"
    assert await world.findings() == ["delivery_failed"]


async def test_report_of_a_removed_destination_still_counts_for_its_case(
    world: World, dialogue: Dialogue
) -> None:
    world.reports = ReportIntake(_without(LEAD, world.config), catalogue(), world.store)
    await dialogue.process()
    assert (await world.case(dialogue.about)).status == "in_progress"


async def test_report_of_a_destination_that_the_case_never_had_leaves_nothing(
    world: World, dialogue: Dialogue
) -> None:
    stray = await world.report(
        ReportType.CASE_REFERENCE,
        Reference(aktenzeichen="1"),
        dialogue.about,
        destination="never-heard-of",
        case_sequence=1,
    )
    assert await world.rows(select(reports).where(reports.c.report_id == stray.report_id)) == []


def _without(destination: str, config: Config) -> Config:
    stated = config.model_dump()
    return Config.model_validate(
        stated
        | {
            "destinations": [each for each in stated["destinations"] if each["name"] != destination],
            "routes": [each for each in stated["routes"] if each["lead"] != destination],
        }
    )
