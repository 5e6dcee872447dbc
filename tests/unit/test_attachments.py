"""Attachments against their references: what differs, where it is said, and what is never said."""

import asyncio
import datetime
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256

import pytest

from gateway.contract.findings import MAX_FINDINGS, Finding
from gateway.errors import AttachmentMismatch, Problem, SchemaViolation
from gateway.settings import data_folder
from gateway.standards import Catalogue, Incoming, reading
from gateway.standards.catalogue import Opened
from gateway.xml.attachments import Sent

URKUNDE = data_folder("fixtures") / "xurkunde" / "1.1"
BODY = next(URKUNDE.glob("valid/03-*.xml")).read_bytes()
CATALOGUE = Catalogue.load([data_folder("schemas")])
TODAY = datetime.date(2026, 6, 1)
ANLAGE = "/u:urkunde.anforderung.0101/u:anlage"


def sent(name: str, media_type: str, data: bytes) -> Sent:
    return Sent(sha256(data).hexdigest(), len(data), media_type, name)


# The names are those that the message states.
LETTER = sent(
    "Vollmacht Quandt-Möller.pdf",
    "application/pdf",
    (URKUNDE / "anlagen" / "vollmacht-quandt.pdf").read_bytes(),
)
CARD = sent("Ausweis.png", "image/png", (URKUNDE / "anlagen" / "ausweis-quandt.png").read_bytes())
OTHER_CARD = sent("Ausweis.png", "image/png", b"\x89PNG geheim")
STRAY = sent("geheim-4711.pdf", "application/pdf", b"%PDF geheim")


def found(files: Sequence[Sent], body: bytes = BODY) -> list[Finding]:
    try:
        return list(CATALOGUE.read(body, today=TODAY, sent=files).warnings.shown)
    except Problem as problem:
        return problem.findings


def places(findings: Sequence[Finding]) -> list[tuple[str, str, str]]:
    return [(each.code, str(each.severity), each.path) for each in findings]


def changed(*pairs: tuple[str, str]) -> bytes:
    text = BODY.decode()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text.encode()


def test_nothing_is_found_when_all_is_there_in_whatever_order() -> None:
    assert found([CARD, LETTER]) == []
    assert found([LETTER, CARD, LETTER]) == []


def test_missing_attachment_is_told_when_a_comment_cuts_its_digest_in_two() -> None:
    digest = LETTER.sha256
    body = changed((digest, f"{digest[:9]}<!-- -->{digest[9:]}"))
    assert places(found([CARD], body)) == places(found([CARD])) != []
    assert found([CARD, LETTER], body) == []


def test_attachments_are_not_looked_at_when_nobody_knows_what_came() -> None:
    assert not CATALOGUE.read(BODY, today=TODAY).warnings


def test_missing_attachment_is_told_at_its_reference_with_what_is_stated() -> None:
    with pytest.raises(AttachmentMismatch):
        CATALOGUE.read(BODY, today=TODAY, sent=[])
    first, second = found([])
    assert places([first, second]) == [("S020", "error", f"{ANLAGE}[{number}]") for number in (1, 2)]
    assert first.namespaces == {"u": "urn:amtsbote:xurkunde:1.1"}
    assert (first.line, first.column) < (second.line, second.column)
    for finding, file in ((first, LETTER), (second, CARD)):
        assert BODY.decode().split("\n")[(finding.line or 0) - 1][(finding.column or 0) - 1 :] == "<u:anlage>"
        for said in (finding.message.de, finding.message.en):
            assert f"SHA-256 {file.sha256[:16]}…, {file.size} B, {file.media_type}" in said
        assert finding.documentation


@pytest.mark.parametrize("files", [[LETTER, OTHER_CARD], [LETTER, replace(OTHER_CARD, name="x.png")]])
def test_another_file_is_one_finding_when_it_came_instead(files: list[Sent]) -> None:
    (finding,) = found(files)
    assert finding.path == f"{ANLAGE}[2]"
    for file in (CARD, OTHER_CARD):
        assert f"SHA-256 {file.sha256[:16]}…, {file.size} B" in finding.message.de


def test_files_are_paired_by_name_when_several_are_other_ones() -> None:
    letter = replace(STRAY, name=LETTER.name)
    first, second = found([OTHER_CARD, letter])
    assert letter.sha256[:16] in first.message.de
    assert OTHER_CARD.sha256[:16] in second.message.de


def test_missing_and_unnamed_are_told_apart_when_nothing_pairs_them() -> None:
    stray = [replace(STRAY, name=f"{number}", sha256=f"{number}" * 64) for number in (1, 2)]
    findings = found([LETTER, *stray])
    assert places(findings) == [
        ("S020", "error", "attachment/2"),
        ("S020", "error", "attachment/3"),
        ("S020", "error", f"{ANLAGE}[2]"),
    ]


def test_attachment_that_the_message_does_not_name_is_told_by_its_number() -> None:
    (finding,) = found([LETTER, CARD, STRAY])
    assert (finding.path, finding.line, finding.column) == ("attachment/3", None, None)
    assert f"SHA-256 {STRAY.sha256[:16]}…, {STRAY.size} B, application/pdf" in finding.message.en


def test_other_size_than_stated_refuses_though_the_digest_is_right() -> None:
    body = changed((f"<b:groesse>{CARD.size}<", f"<b:groesse>{CARD.size + 1}<"))
    (finding,) = found([LETTER, CARD], body)
    assert places([finding]) == [("S020", "error", f"{ANLAGE}[2]")]
    assert f"{CARD.size + 1} Byte" in finding.message.de
    assert f"{CARD.size}." in finding.message.de


@pytest.mark.parametrize(
    ("media_type", "shown"),
    [
        ("image/jpeg", "image/jpeg"),
        ("application/vnd.erika-mustermann", "application/…"),
        ("erika/mustermann", "…/…"),
    ],
)
def test_media_type_that_nobody_knows_is_not_repeated(media_type: str, shown: str) -> None:
    [finding] = found([LETTER, replace(CARD, media_type=media_type)])
    assert finding.message.en.endswith(f"it was sent as {shown}.")
    assert "erika" not in str(finding)


@pytest.mark.parametrize(
    ("media_type", "count"),
    [
        ("image/jpeg", 1),
        ("IMAGE/PNG; charset=binary", 0),
        ("application/octet-stream", 0),
        ("", 0),
        ("no type at all", 0),
    ],
)
def test_other_media_type_than_stated_is_a_warning(media_type: str, count: int) -> None:
    findings = found([LETTER, replace(CARD, media_type=media_type)])
    assert places(findings) == [("S020", "warning", f"{ANLAGE}[2]")] * count


def test_message_that_breaks_its_schema_is_told_what_is_missing_too() -> None:
    body = changed(("<b:vornamen>", "<b:vorname>"), ("</b:vornamen>", "</b:vorname>"))
    with pytest.raises(SchemaViolation) as refused:
        CATALOGUE.read(body, today=TODAY, sent=[LETTER])
    assert [each.code for each in refused.value.findings] == ["X001", "S020"]
    assert refused.value.codes == ["X001", "S020"]


def test_unnamed_file_is_not_told_when_a_broken_reference_may_mean_it() -> None:
    body = changed((CARD.sha256, "no digest"))
    assert {each.code for each in found([LETTER, CARD], body)} == {"X001"}


def test_names_of_files_are_never_said() -> None:
    said = str([found(files) for files in ([], [OTHER_CARD], [LETTER, CARD, STRAY], [STRAY])])
    assert not re.search(r"geheim|quandt|ausweis\.|\.pdf|\.png", said, re.IGNORECASE)


def test_any_attachment_may_come_with_standards_that_have_no_reference() -> None:
    standard = CATALOGUE.fetch("xurkunde", "1.1")
    assert standard
    namespaces = standard.manifest.namespaces | {"b": "urn:other"}
    manifest = standard.manifest.model_copy(update={"namespaces": namespaces})
    standard = type(standard)(manifest, standard.folder, standard._files)
    assert not Catalogue([standard]).read(BODY, today=TODAY, sent=[STRAY]).warnings


def test_error_is_shown_when_there_are_more_warnings_than_are_shown() -> None:
    (reference,) = re.findall(rb"<u:anlage>(?:(?!<u:anlage>).)*?>A2<.*?</u:anlage>", BODY, re.DOTALL)
    copies = b"".join(
        reference.replace(b">A2<", f">B{number}<".encode(), 1) for number in range(MAX_FINDINGS + 10)
    )
    missing = reference.replace(b">A2<", b">C1<", 1).replace(CARD.sha256.encode(), b"0" * 64)
    body = BODY.replace(reference, reference + copies + missing)
    with pytest.raises(AttachmentMismatch) as refused:
        CATALOGUE.read(body, today=TODAY, sent=[LETTER, replace(CARD, media_type="image/jpeg")])
    errors = [each for each in refused.value.findings if each.severity == "error"]
    assert len(errors) == 1
    assert (len(refused.value.findings), refused.value.more_findings) == (MAX_FINDINGS, 12)


async def test_event_loop_goes_on_while_it_is_said_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, threads = Catalogue.judge, []

    def noted(catalogue: Catalogue, opened: Opened) -> Incoming:
        threads.append(threading.current_thread() is threading.main_thread())
        return judge(catalogue, opened)

    monkeypatch.setattr(Catalogue, "judge", noted)
    CATALOGUE.check()
    await reading.read(CATALOGUE, BODY, today=TODAY, sent=[LETTER, CARD])
    with pytest.raises(AttachmentMismatch):
        await reading.read(CATALOGUE, BODY, today=TODAY, sent=[LETTER])
    assert threads == [True, False]


async def test_only_the_first_message_of_a_standard_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[object] = []
    original = asyncio.to_thread

    async def noted(function: Callable[..., object], *arguments: object, **named: object) -> object:
        called.append(function)
        return await original(function, *arguments, **named)

    monkeypatch.setattr(asyncio, "to_thread", noted)
    catalogue = Catalogue.load([data_folder("schemas")])
    for _ in range(3):
        await reading.read(catalogue, BODY, today=TODAY)
    assert len(called) == 1
