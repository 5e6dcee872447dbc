"""`amtsbote standards add` and `enable`: what they say, and what they refuse in a sentence."""

import datetime
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree
from typer.testing import CliRunner, Result

from gateway.cli import app, releases
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.standards.adding import add
from gateway.standards.manifest import FILE_NAME
from tests.unit.standards import release

DONE, REFUSED, WRONG_USAGE, _, NOT_CONFIGURED = range(5)
TODAY = datetime.date(2027, 3, 1)
XHUND = ("enable", "xhund", "2.3")


@pytest.fixture
def standards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a standard and its shared types were added to, on a fixed day."""
    monkeypatch.setattr(releases, "today", lambda: TODAY)
    # Logs would go on to the output of the command, which is closed.
    monkeypatch.setattr("gateway.cli.run.configure_logs", lambda _: None)
    folder = tmp_path / "standards"
    folder.mkdir()
    for name, contents in (("gemeinsames", release.shared_files()), ("lieferung", release.files())):
        add(release.write(tmp_path / name, contents), Catalogue.load([folder]), folder)
    return folder


def run(folder: Path, *arguments: str | Path) -> Result:
    variables = {"AMTSBOTE_STANDARDS": str(folder), "TERMINAL_WIDTH": "1000"}
    return CliRunner().invoke(app, ["standards", *map(str, arguments)], env=variables)


def usage_error(folder: Path, *arguments: str | Path) -> str:
    """Return what is said about wrong usage, as one line."""
    done = run(folder, *arguments)
    assert done.exit_code == WRONG_USAGE, done.output
    return " ".join(re.sub(r"[^\x20-\x7e]", " ", done.stderr).split())


@pytest.mark.parametrize(
    ("before", "options", "words"),
    [
        ((), "--from 2027-05-01 --until 2027-04-01", "--until 2027-04-01 lies before --from 2027-05-01"),
        (
            (),
            "--until 2027-02-01",
            "--until 2027-02-01 lies before today, 2027-03-01",
        ),
        (
            ("--from", "2027-05-01"),
            "--until 2027-04-01",
            "--until 2027-04-01 lies before valid_from 2027-05-01 of its standard.yaml",
        ),
        (
            ("--until", "2027-05-01"),
            "--from 2027-06-01 --grace-until 2027-07-01",
            "valid_until 2027-05-01 of its standard.yaml lies before --from 2027-06-01",
        ),
        (
            ("--until", "2027-05-01"),
            "--grace-until 2027-04-01",
            "--grace-until 2027-04-01 lies before valid_until 2027-05-01 of its standard.yaml",
        ),
        (
            (),
            "--until 2027-05-01 --grace-until 2027-04-01",
            "--grace-until 2027-04-01 lies before --until 2027-05-01",
        ),
        ((), "--grace-until 2027-04-01", "--grace-until 2027-04-01 follows a last day, and there is none"),
        ((), "--from 01.05.2027", "'01.05.2027' is no day; write YYYY-MM-DD"),
        ((), "--from 2027-02-31", "'2027-02-31' is no day; write YYYY-MM-DD"),
    ],
)
def test_days_that_contradict_each_other_are_refused_by_their_options(
    standards: Path, before: tuple[str, ...], options: str, words: str
) -> None:
    if before:
        assert run(standards, *XHUND, *before).exit_code == DONE
    path = standards / "xhund" / "2.3" / FILE_NAME
    content = path.read_bytes()
    assert words in usage_error(standards, *XHUND, *options.split())
    assert path.read_bytes() == content


def test_last_day_stays_when_a_period_of_grace_follows_it(standards: Path) -> None:
    assert run(standards, *XHUND, "--until", "2027-05-01").exit_code == DONE
    assert run(standards, *XHUND, "--grace-until", "2027-06-01").exit_code == DONE
    (manifest,) = (each.manifest for each in Catalogue.load([standards]).standards if each.message_types)
    assert [str(day) for day in manifest.days.values()] == ["2027-03-01", "2027-05-01", "2027-06-01"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", "xhund 2.3 is served from 2027-03-01; routes name it as xhund:2.3:*"),
        ("--until 2027-03-01", "xhund 2.3 is served from 2027-03-01, until 2027-03-01; routes name"),
        ("--from 2027-05-01", "xhund 2.3 will be served from 2027-05-01; routes name"),
        (
            "--from 2026-01-01 --until 2026-12-31",
            "xhund 2.3 was served from 2026-01-01, until 2026-12-31; its messages are refused",
        ),
        (
            "--from 2026-01-01 --until 2026-12-31 --grace-until 2027-04-01",
            "xhund 2.3 was served from 2026-01-01, until 2026-12-31, and is taken with a warning until "
            "2027-04-01; routes name",
        ),
    ],
)
def test_enabling_says_what_the_days_mean_today(standards: Path, options: str, words: str) -> None:
    done = run(standards, *XHUND, *options.split())
    assert done.stdout.startswith(words)
    assert done.stdout.endswith("/xhund/2.3/standard.yaml\n")


def test_enabling_says_which_days_it_drops(standards: Path) -> None:
    kept = ("--until", "2027-05-01", "--grace-until", "2027-06-01")
    assert "dropped" not in run(standards, *XHUND, *kept).stdout
    assert "dropped" not in run(standards, *XHUND, "--from", "2027-01-01", *kept).stdout
    said = run(standards, *XHUND, "--from", "2027-02-01").stdout
    assert "\nSet before and dropped now: --until 2027-05-01 --grace-until 2027-06-01; give" in said
    run(standards, *XHUND, *kept)
    answer = json.loads(run(standards, *XHUND, "--until", "2027-07-01", "--json").stdout)
    assert (answer["valid_until"], answer["dropped"]) == ("2027-07-01", {"grace_until": "2027-06-01"})


def test_enabling_shared_types_does_not_say_that_they_are_served(standards: Path) -> None:
    done = run(standards, "enable", "gemeinsames", "1.0")
    assert done.stdout.startswith("gemeinsames 1.0 has no message types")
    assert "routes" not in done.stdout


def test_help_says_how_a_day_is_written(standards: Path) -> None:
    assert run(standards, "enable", "--help").stdout.count("YYYY-MM-DD") == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--name", "XGemein"), "'XGemein' is no name of a standard: write lower-case letters"),
        (("--name", "../../x"), "'../../x' is no name of a standard"),
        (("--version", "1.0 beta"), "'1.0 beta' is no version: write letters, digits"),
        (("--version", "../9"), "'../9' is no version"),
        (("--version", ""), "'' is no version"),
    ],
)
def test_name_that_no_standard_can_have_is_refused_with_the_form_of_one(
    standards: Path, tmp_path: Path, options: tuple[str, str], words: str
) -> None:
    assert words in usage_error(standards, "add", tmp_path / "lieferung", *options)


SCHEMA = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:schema">'
    '<xs:element name="a"/></xs:schema>'
)
MEASURED = """import atexit, pathlib, re, sys
def tell():
    status = pathlib.Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024, end="", file=sys.stderr)
atexit.register(tell)
from gateway.cli import app
app()"""
"""Runs the command line, and says last how many MiB it has taken."""
CLEAR = "\x1b[2J\x9b31m"
"""What clears a terminal and turns it red, in the two ways of writing it."""


def test_file_names_of_a_release_reach_the_terminal_visibly(standards: Path, tmp_path: Path) -> None:
    unusual = {f"a{CLEAR}.xml": "<", f"{CLEAR}/b.xml": release.message("pudel")}
    source = release.write(tmp_path / "seltsam", unusual | release.files())
    empty = tmp_path / "leer"
    empty.mkdir()
    done = run(empty, "add", source, "--dry-run")
    assert done.exit_code == DONE, done.output
    assert "a␛[2J<U+009B>31m.xml" in done.stdout
    assert not set(CLEAR[0] + CLEAR[4]) & set(done.stdout)


def test_file_names_in_a_refusal_reach_the_terminal_visibly(standards: Path, tmp_path: Path) -> None:
    done = run(standards, "add", release.write(tmp_path / "seltsam", {f"a{CLEAR}.xml": "<"}))
    assert done.exit_code == REFUSED
    assert "a␛[2J<U+009B>31m.xml" in done.stderr
    assert not set(CLEAR[0] + CLEAR[4]) & set(done.stderr)
    assert done.stderr.count("\n") == 2  # a line for what is wrong, and one for the file


def test_report_counts_and_says_what_was_guessed(standards: Path, tmp_path: Path) -> None:
    source = release.write(tmp_path / "katze", {"a.xsd": SCHEMA})
    said = run(standards, "add", source, "--dry-run").stdout
    assert "1 file, 1 message type, header" in said
    assert (
        "  guessed, as no file tells it: name katze, version 1\n    if that is wrong, `standards remove`"
        in said
    )
    report = json.loads(run(standards, "add", source, "--dry-run", "--json").stdout)
    assert report["guessed"] == ["name", "version"]
    told = run(standards, "add", source, "--dry-run", "--name", "katze", "--version", "1").stdout
    assert "guessed" not in told


def test_report_names_lists_that_contradict_each_other_and_files_that_are_not_used(
    standards: Path, tmp_path: Path
) -> None:
    files = release.files()
    other = files[release.LIST].replace("dackel", "dogge")
    lost = files["beispiele/dackel.xml"].replace("xhund:2.3", "xhnd:2.3")
    twice = {"codelisten/zwei.xml": other, "codelisten/zwilling.xml": files[release.LIST]}
    source = release.write(tmp_path / "mehr", files | twice | {"beispiele/b.xml": lost})
    report = json.loads(run(standards, "add", source, "--dry-run", "--json").stdout)
    assert report["unusable_files"] == {
        "codelisten/zwei.xml": f"has address and version of {release.LIST}, but other codes; that is used"
    }
    assert (report["code_lists"], report["other_files"]) == (1, ["beispiele/b.xml"])
    assert (
        "  other XML files, of which nothing is used: 1\n    beispiele/b.xml"
        in run(standards, "add", source, "--dry-run").stdout
    )


def test_json_has_nothing_that_steers_a_terminal(standards: Path, tmp_path: Path) -> None:
    source = release.write(tmp_path / "seltsam", {f"a{CLEAR}ü.xml": "<", "b.xsd": SCHEMA})
    (source / os.fsdecode(b"\xff.xml")).write_text("<", "utf-8")
    said = run(standards, "add", source, "--dry-run", "--json").stdout
    assert said.replace("\n", "").isprintable()
    assert "ü" in said
    assert {*json.loads(said)["unusable_files"]} == {f"a{CLEAR}ü.xml", "\udcff.xml"}


WIDE = "".join(
    f'<xs:complexType name="t{kind}"><xs:sequence>'
    + "".join(f'<xs:element name="a{number}"/>' for number in range(900))
    + "</xs:sequence></xs:complexType>"
    for kind in range(110)
)
"""Four megabytes of schema, of which libxml2 makes five gigabytes."""


def test_adding_takes_no_more_memory_than_it_may(standards: Path, tmp_path: Path) -> None:
    source = release.write(
        tmp_path / "breit", {"a.xsd": SCHEMA.replace("</xs:schema>", f"{WIDE}</xs:schema>")}
    )
    variables = os.environ | {"AMTSBOTE_STANDARDS": str(standards)}
    command = [sys.executable, "-c", MEASURED, "standards", "add", str(source)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    refused, _, mebibytes = done.stderr.rpartition("\n")
    assert refused.startswith("a.xsd: the schema cannot be compiled"), done.stderr
    assert int(mebibytes) < releases.MEMORY_BYTES // 2**20 + 128  # what the program itself takes


@pytest.mark.parametrize("error", [MemoryError(), etree.XMLSyntaxError("unknown error", 0, 0, 0)])
def test_release_is_refused_in_a_sentence_when_memory_is_short(
    standards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The second is what the parser says then."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("gateway.standards.examining.draft", fail)
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    done = run(standards, "add", release.write(tmp_path / "voll", {"a.xsd": SCHEMA}))
    assert done.exit_code == REFUSED, done.output
    assert done.stderr.startswith("it takes more than 1024 MiB of memory, so nothing was added")
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits


def test_standard_that_comes_with_the_program_is_not_removed_and_nothing_else_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.run.configure_logs", lambda _: None)  # as above
    folders = f"{data_folder('schemas')},{tmp_path}"
    variables = {"AMTSBOTE_STANDARDS": folders}
    done = CliRunner().invoke(app, ["standards", "remove", "xurkunde", "1.0"], env=variables)
    assert (done.exit_code, done.stdout) == (REFUSED, "")
    assert done.stderr.startswith("xurkunde 1.0 comes with Amtsbote and is not removed")


def test_version_is_not_removed_while_messages_are_converted_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.cli.run.configure_logs", lambda _: None)  # as above
    done = run(data_folder("schemas"), "remove", "xurkunde", "1.0")
    assert done.exit_code == REFUSED, done.output
    assert "messages of xurkunde 1.1 are converted into it" in done.stderr
    assert (data_folder("schemas") / "xurkunde" / "1.0" / FILE_NAME).is_file()
