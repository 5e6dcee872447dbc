"""The Rückweisung of a refused message: every finding with its place, valid however long they are."""

from datetime import UTC, datetime
from functools import cache

import pytest
from lxml import etree

from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding, Severity
from gateway.errors import AttachmentMismatch, NoRoute, Problem, RejectReason, SchemaViolation
from gateway.intake.receipt import rejection_from
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.standards.standard import Standard
from gateway.xml.parse import parse
from gateway.xml.rueckkanal import Head, Party
from gateway.xml.rueckkanal_frame import R

HERE = Party("amtsbote", "amtsbote", "Amtsbote")
MISSING = Finding(
    code="X001",
    path="/u:urkunde.anforderung.0101/u:beteiligter[2]",
    line=61,
    column=9,
    message=Bilingual(de="Es fehlt »vornamen«.", en="“vornamen” is missing."),
    hint=Bilingual(
        de="»vornamen« gehört hinter »familienname«", en="“vornamen” belongs after “familienname”"
    ),
)
CODE = MISSING.model_copy(update={"code": "S011", "hint": None, "line": 62})
WARNING = MISSING.model_copy(update={"code": "S010", "severity": Severity.WARNING, "line": 1})


@cache
def standard() -> Standard:
    found = Catalogue.load([data_folder("schemas")]).fetch("xrueckkanal", "1.0")
    assert found
    return found


def rejection(problem: Problem) -> etree._Element:
    """Write it, and have both engines and the code lists look at it."""
    body = rejection_from(Head(author=HERE, reader=HERE, created_at=datetime.now(UTC)), problem)
    root = parse(body)
    assert not standard().schema.find(root, body)
    assert not list(standard().schema.xmlschema.iter_errors(root))
    return root


def reasons(root: etree._Element) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (
            reason.findtext(f"{R}grund/code", ""),
            [
                (each.findtext(f"{R}fehlercode", ""), each.findtext(f"{R}fehlerbeschreibung", ""))
                for each in reason.iterfind(f"{R}grundSpezifisch")
            ],
        )
        for reason in root.iterfind(f"{R}rueckweisungsgrund")
    ]


def test_finding_is_told_with_sentence_hint_and_place() -> None:
    ((code, ((finer, said),)),) = reasons(rejection(SchemaViolation(findings=[MISSING])))
    assert (code, finer) == ("X001", "X001")
    assert said == (
        "Es fehlt »vornamen«. »vornamen« gehört hinter »familienname« - "
        "Zeile 61, Spalte 9: /u:urkunde.anforderung.0101/u:beteiligter[2] - "
        '"vornamen" is missing. "vornamen" belongs after "familienname"'
    )


def test_each_code_is_a_reason_of_its_own_in_the_order_of_the_problem() -> None:
    found = reasons(rejection(SchemaViolation(findings=[CODE, MISSING, CODE])))
    assert [(code, [finer for finer, _ in details]) for code, details in found] == [
        ("X001", ["X001"]),
        ("S011", ["S011", "S011"]),
    ]


def test_warning_gives_no_reason_but_is_told() -> None:
    ((code, details),) = reasons(rejection(SchemaViolation(findings=[WARNING, MISSING])))
    assert (code, [finer for finer, _ in details]) == ("X001", ["S010", "X001"])
    assert details[0][1].startswith("Warnung: Es fehlt")
    assert " - Warning: " in details[0][1]


def test_codes_that_a_standards_own_list_lacks_share_one_reason() -> None:
    problem = SchemaViolation(findings=[MISSING, CODE])
    other = RejectReason("S999", "urn:list:reasons", "7")
    problem.rejections = {"X001": other, "S011": other}
    root = rejection(problem)
    ((code, details),) = reasons(root)
    assert (code, [finer for finer, _ in details]) == ("S999", ["X001", "S011"])
    grund = root.find(f"{R}rueckweisungsgrund/{R}grund")
    assert grund is not None
    assert (grund.get("listURI"), grund.get("listVersionID")) == ("urn:list:reasons", "7")


@pytest.mark.parametrize("problem", [NoRoute(), AttachmentMismatch()])
def test_problem_without_a_place_is_told_as_a_whole(problem: Problem) -> None:
    ((code, ((_, said),)),) = reasons(rejection(problem))
    assert code == problem.code
    assert said.startswith(problem.title.de)


def test_every_finding_is_there_and_the_message_valid_when_all_are_as_long_as_can_be() -> None:
    # Ligatures become several letters, letters outside DIN 91379 a question mark, control characters nothing.
    long = Bilingual(de="ﷺ Ω\x07语 " * 2000, en="x" * 3000)
    path = "/" + "/".join(f"{'ŝ' * 128}:{'語' * 128}[{number}]" for number in range(64))
    longest = MISSING.model_copy(
        update={"message": long, "hint": long, "path": path, "line": 10**7, "column": 10**7}
    )
    findings = [longest.model_copy(update={"line": number}) for number in range(1, MAX_FINDINGS + 51)]
    root = rejection(SchemaViolation(findings=findings, more_findings=7))
    ((_, details),) = reasons(root)
    assert len(details) == MAX_FINDINGS
    for number, (_, said) in enumerate(details, start=1):
        assert len(said) <= 2000
        assert f" Zeile {number}, Spalte 10000000: /ŝŝ" in said
    assert root.findtext(f"{R}transportinformationen") == "Weitere Befunde, die hier nicht stehen: 57."


def test_message_is_valid_when_a_sentence_has_no_character_that_can_be_sent() -> None:
    nothing = Bilingual(de="\u0301\x07", en="\x07")
    problem = SchemaViolation(findings=[MISSING.model_copy(update={"message": nothing, "hint": None})])
    ((_, ((_, said),)),) = reasons(rejection(problem))
    assert "Zeile 61" in said
