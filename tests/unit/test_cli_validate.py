"""`amtsbote validate`: one judgement in four forms, and which of them may show the message's lines."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.errors import Unavailable
from gateway.settings import data_folder
from gateway.standards import reading
from gateway.xml.rueckkanal_frame import R

DONE, REFUSED, WRONG_USAGE, NOT_AVAILABLE = range(4)
PARKEN = data_folder("fixtures") / "xparken" / "1.0"
FAULTY = PARKEN / "invalid" / "17-sechs-fehler.xml"
CARD = PARKEN / "anlagen" / "betreuerausweis.pdf"
LEASED = PARKEN / "valid" / "05-leasingwagen-mit-ueberlassung.xml"
LEASE = PARKEN / "anlagen" / "ueberlassung-leasing.pdf"
HOSTILE = "\x7f\u202e</script></pre><img src=x onerror=alert(1)>&amp;"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(
        app, ["validate", *map(str, arguments)], env={"AMTSBOTE_STANDARDS": str(data_folder("schemas"))}
    )


@pytest.fixture
def warned(tmp_path: Path) -> Path:
    """A message that is valid in spite of a code list that nobody knows."""
    (sample,) = (PARKEN.parents[1] / "xrueckkanal" / "1.0" / "valid").glob("1134-*.xml")
    path, listed = tmp_path / "warned.xml", 'xrueckkanal.nachrichtentyp" listVersionID="'
    text = sample.read_text("utf-8")
    assert f'{listed}1"' in text
    path.write_text(text.replace(f'{listed}1"', f'{listed}7"'), "utf-8")
    return path


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A message whose first fault stands in a line that would break out of a page and a terminal."""
    path = tmp_path / "hostile<b>\x1b[31m.xml"
    text = FAULTY.read_text("utf-8")
    path.write_text(text.replace("<b:betrag>", f"<b:betrag><!--{HOSTILE}\x85-->", 1), "utf-8")
    return path


def test_unknown_type_is_told_together_with_a_folder_of_standards_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unknown.xml").write_text("<unknown/>", "utf-8")

    def said() -> Result:
        return CliRunner().invoke(app, ["validate", "unknown.xml"], env={"AMTSBOTE_VAR": "var"})

    assert f"there is no folder {tmp_path}/var/standards" in said().stderr
    (tmp_path / "var" / "standards").mkdir(parents=True)
    assert "there is no folder" not in said().stderr
    assert said().exit_code == REFUSED


def test_terminal_shows_each_finding_with_its_line_and_a_caret() -> None:
    done = run(FAULTY, "--attach", CARD)
    assert (done.exit_code, done.stderr) == (REFUSED, "")
    lines = FAULTY.read_text("utf-8").split("\n")
    heads = re.findall(
        rf"^{re.escape(str(FAULTY))}:(\d+):(\d+): error X001 (/\S+)$", done.stdout, re.MULTILINE
    )
    carets = re.findall(r"^ *(\d+) │ (.*)\n +│ ( *)(\^~*)$", done.stdout, re.MULTILINE)
    assert len(heads) == len(carets) == 6
    for (line, column, path), (number, shown, lead, caret) in zip(heads, carets, strict=True):
        assert (number, shown) == (line, lines[int(line) - 1])
        assert len(lead) == int(column) - 1
        tag = shown[len(lead) :][: len(caret)]
        assert tag == f"<{path.rpartition('/')[2].partition('[')[0]}"


def test_terminal_says_everything_in_both_languages_and_counts() -> None:
    said = run(FAULTY, "--attach", CARD).stdout
    for text in (
        "  »betrag« ist keine Dezimalzahl.\n  “betrag” is not a decimal number.\n  → Erwartet: Dezimalzahl",
        "  → Expected: decimal number with a point",
        "  Schema: Gezahlter oder zu zahlender Betrag.",
        "abgewiesen / refused (X001): Die Nachricht entspricht nicht ihrem Schema. / The message does not",
    ):
        assert text in said
    assert said.endswith("\n6 Fehler / 6 errors\n")


def test_terminal_counts_what_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "many.xml"
    text = FAULTY.read_text("utf-8")
    path.write_text(text.replace("<p:zeitraum>", "<p:zeitraum>" + "<p:jahr/>" * 230, 1), "utf-8")
    more = json.loads(run(path, "--json").stdout)["findings_more"]
    assert more > 20
    assert f"200 Fehler, {more} weitere, die hier nicht stehen / 200 errors, {more} more" in run(path).stdout


def test_terminal_is_not_steered_by_a_message(hostile: Path) -> None:
    said = run(hostile).stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said)
    assert "hostile<b>␛[31m.xml:45:7: error X001" in said
    assert "<U+007F><U+202E></script>" in said


def test_warnings_are_shown_when_the_message_is_valid(warned: Path) -> None:
    done = run(warned)
    assert (done.exit_code, done.stderr) == (DONE, "")
    assert re.search(rf"^{warned}:\d+:\d+: warning S010 /", done.stdout, re.MULTILINE)
    assert "│ " in done.stdout
    assert "\n1 Warnung / 1 warning\n" in done.stdout
    assert done.stdout.endswith("gültig / valid: xrueckkanal:1.0:rueckkanal.mitteilung.1134\n")


def test_attachments_are_compared_with_their_references(tmp_path: Path) -> None:
    other = tmp_path / "geheim.pdf"
    other.write_bytes(b"%PDF other")
    assert run(LEASED, "--attach", LEASE).exit_code == DONE
    for arguments, count in (((), 1), (("-a", other), 1), (("-a", LEASE, "-a", other), 1)):
        done = run(LEASED, *arguments, "--json")
        problem = json.loads(done.stdout)
        assert (done.exit_code, problem["code"], len(problem["findings"])) == (REFUSED, "S020", count)
        assert "geheim" not in done.stdout


def test_json_is_the_problem_document_and_has_no_line_of_the_message() -> None:
    problem = json.loads(run(FAULTY, "--json").stdout)
    assert problem["type"] == "/problems/schema-violation"
    assert (problem["valid"], problem["message_type"]) == (False, "xparken:1.0:bewohnerparken.antrag.0101")
    assert (problem["status"], problem["code"], problem["retryable"]) == (422, "X001", False)
    assert problem["detail_de"].startswith("Zeile 45, Spalte 7 (1 von 7 Befunden): »betrag«")
    assert problem["instance"] == f"urn:uuid:{problem['request_id']}"
    assert "30,00" not in str(problem)


def test_rejection_is_printed_when_xml_is_wanted() -> None:
    done = run(FAULTY, "--xml")
    assert (done.exit_code, done.stderr) == (REFUSED, "")
    root = etree.fromstring(done.stdout_bytes)
    assert [each.text for each in root.iterfind(f"{R}rueckweisungsgrund/{R}grund/code")] == ["X001", "S020"]
    assert len(list(root.iter(f"{R}grundSpezifisch"))) == 7
    assert b"30,00" not in done.stdout_bytes


def test_nothing_is_printed_as_rejection_when_the_message_is_valid(warned: Path) -> None:
    done = run(warned, "--xml")
    assert (done.exit_code, done.stdout) == (DONE, "")
    assert "warning S010" in done.stderr


def test_message_is_neither_valid_nor_refused_when_nobody_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise Unavailable

    monkeypatch.setattr(reading, "read", away)
    for form in ((), ("--xml",)):
        done = run(LEASED, *form)
        assert (done.exit_code, done.stdout) == (NOT_AVAILABLE, "")
        assert "unavailable" in done.stderr
        assert "nicht verfügbar" in done.stderr
    page = Page(run(LEASED, "--html", "-").stdout)
    assert "Nicht entschieden" in page.text
    assert "Not decided" in page.text
    assert "Abgewiesen" not in page.text


def test_page_speaks_of_excerpts_only_where_there_are_some() -> None:
    said = "The excerpts are from the message"
    assert said in Page(run(FAULTY, "--html", "-").stdout).text
    unnamed = Page(run(LEASED, "--attach", CARD, "--attach", LEASE, "--html", "-").stdout).text
    assert "attachment/" in unnamed
    assert said not in unnamed


@pytest.mark.parametrize(
    "arguments",
    [
        ("--client", "a", "--url", "http://127.0.0.1:99999"),
        ("--client", "a", "--url", "http://[::1"),
        ("--client", "a", "--url", "ftp://127.0.0.1"),
        ("--client", "a", "--metadata", "latin1.json"),
        ("--metadata", "latin1.json"),
        ("--url", "http://127.0.0.1"),
    ],
)
def test_gateway_is_not_asked_what_cannot_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin1.json").write_bytes(b'"\xfc"')
    assert run(LEASED, *arguments).exit_code == WRONG_USAGE


class Page(HTMLParser):
    """What a page consists of: its elements with attributes, its text, what is marked."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.text = ""
        self.marked: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.text += data if "style" not in self._open else ""
        if "mark" in self._open:
            self.marked.append(data)


def test_page_has_every_finding_with_its_place_and_source() -> None:
    done = run(FAULTY, "--attach", CARD, "--html", "-")
    assert (done.exit_code, done.stderr) == (REFUSED, "")
    page = Page(done.stdout)
    assert page.marked == [
        "<b:betrag",
        "<b:natuerlichePerson",
        "<b:vertrauensniveau",
        "<p:kennzeichen",
        "<p:von",
        "<b:mimeType",
    ]
    for finding in json.loads(run(FAULTY, "--attach", CARD, "--json").stdout)["findings"]:
        message, hint = finding["message"], finding["hint"]
        for text in (*message.values(), *hint.values(), finding["documentation"], finding["path"]):
            assert text in page.text
    for text in (
        "6 Fehler",
        "6 errors",
        "xparken 1.0",
        "bewohnerparken.antrag.0101",
        FAULTY.name,
        "30,00",
        "b = urn:amtsbote:xbasis:1.0",
    ):
        assert text in page.text


def test_page_needs_nothing_else_and_runs_nothing(hostile: Path) -> None:
    text = run(hostile, "--html", "-").stdout
    page = Page(text)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "link", "iframe", "a", "form", "object", "base"}
    assert not [attributes for _, attributes in page.tags if {"src", "href", "style"} & set(attributes)]
    (policy,) = [
        each["content"] for _, each in page.tags if each.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "<U+007F><U+202E></script></pre><img src=x" in page.text
    assert "hostile<b>␛[31m.xml" in page.text


def test_page_says_that_a_message_is_valid_and_what_it_is_warned_of(warned: Path) -> None:
    text = Page(run(warned, "--html", "-").stdout).text
    assert "Gültig" in text
    assert "1 Warnung" in text
    assert "Warnung S010" in text


def test_page_is_written_for_its_owner_beside_what_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    done = run(FAULTY, "--html", path, "--json")
    assert json.loads(done.stdout)["code"] == "X001"
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("body", [b"<a", b"\xff\xfe<\x00", b"", b"<unknown/>", b"<!DOCTYPE a><a/>"])
def test_page_and_report_are_made_of_whatever_is_no_message(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "m.xml"
    path.write_bytes(body)
    assert "Abgewiesen" in Page(run(path, "--html", "-").stdout).text
    assert "1 Fehler / 1 error\n" in run(path).stdout


@pytest.mark.parametrize(
    "forms", [("--json", "--xml"), ("--json", "--html", "-"), ("--html", "/no/folder/x.html")]
)
def test_wrong_usage_is_told(forms: tuple[str, ...]) -> None:
    assert run(FAULTY, *forms).exit_code == WRONG_USAGE
