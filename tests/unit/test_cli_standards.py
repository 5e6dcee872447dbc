"""`amtsbote standards`: what there is, what belongs to it, and an example of its messages."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.errors import Unavailable
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.xml.parse import parse
from gateway.xml.rules import Rules
from tests.unit.test_example import CHOICE, MANIFEST, XSD, with_rules

DONE, REFUSED, WRONG_USAGE, _, NOT_CONFIGURED = range(5)
NOTICE = "xgewerbe:1.0:gewerbe.anmeldung.0101"
"""Of a standard without rules: an example is made from the schema alone."""
TYPE = "xparken:1.0:bewohnerparken.antrag.0101"
OURS = Catalogue.load([data_folder("schemas")])


@pytest.fixture(autouse=True)
def no_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command sets up the logs of its process, which here is that of all tests."""
    monkeypatch.setattr("gateway.cli.run.configure_logs", lambda level: None)


def run(*arguments: str, folder: Path | None = None) -> Result:
    variables = {"AMTSBOTE_STANDARDS": str(folder)} if folder else {}
    return CliRunner().invoke(app, ["standards", *arguments], env=variables)


def answer(*arguments: str, folder: Path | None = None) -> Any:
    done = run(*arguments, "--json", folder=folder)
    assert done.exit_code == DONE, done.output
    return json.loads(done.stdout)


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    """A standard that was served once, and of whose message no example can be written."""
    (tmp_path / "probe.xsd").write_text(XSD.format('<xs:element name="m" type="xs:ENTITY"/>'), "utf-8")
    (tmp_path / "standard.yaml").write_text(yaml.safe_dump(MANIFEST | {"valid_until": "2020-12-31"}), "utf-8")
    return tmp_path


def test_list_says_what_is_served_when_some_is_not(probe: Path) -> None:
    (found,) = answer("list", folder=probe)["standards"]
    assert (found["standard"], found["version"], found["served"]) == ("probe", "1", False)
    assert (found["valid_from"], found["valid_until"], found["message_count"]) == (
        "2020-01-01",
        "2020-12-31",
        1,
    )
    line = " ".join(run("list", folder=probe).stdout.split())
    assert line == "probe 1 not served from 2020-01-01, until 2020-12-31 1 message type"
    assert {each["standard"] for each in answer("list")["standards"]} >= {"xurkunde", "xparken"}


def test_list_says_what_is_in_its_period_of_grace_and_keeps_its_columns(tmp_path: Path) -> None:
    for version, days in (("1", {}), ("2.0.1", {"valid_until": "2020-12-31", "grace_until": "2999-12-31"})):
        folder = tmp_path / version
        folder.mkdir()
        own = XSD.format('<xs:element name="m" type="xs:token"/>').replace(
            "urn:example:probe", f"urn:t{version}"
        )
        (folder / "probe.xsd").write_text(own, "utf-8")
        named = {"version": version, "namespace": f"urn:t{version}"}
        (folder / "standard.yaml").write_text(yaml.safe_dump(MANIFEST | named | days), "utf-8")
    assert run("list", folder=tmp_path).stdout.splitlines() == [
        f"probe 1      served    {'from 2020-01-01':66}  1 message type",
        "probe 2.0.1  in grace  from 2020-01-01, until 2020-12-31, with a warning until 2999-12-31"
        "  1 message type",
    ]
    assert "2999-12-31, in grace today" in run("show", "probe", "2.0.1", folder=tmp_path).stdout


def test_title_that_is_the_same_in_both_languages_is_shown_once(probe: Path) -> None:
    assert run("show", "probe", "1", folder=probe).stdout.startswith("probe 1: Probe\n")
    assert run("show", "xurkunde", "1.1").stdout.count(" / ") == 1


def test_show_tells_everything_that_belongs_to_a_standard() -> None:
    found = answer("show", "xurkunde", "1.1")
    assert found["namespace"] == "urn:amtsbote:xurkunde:1.1"
    assert found["header_profile"] == "bn-1.1-unqualified"
    assert {each["direction"] for each in found["messages"]} == {"in", "back"}
    assert {(each["standard"], each["file"]) for each in found["schemas"]} == {
        ("xurkunde", "xurkunde.xsd"),
        ("xbasis", "xbasis.xsd"),
    }
    assert {each["closed"] for each in found["code_lists"]} == {True, False}
    text = run("show", "xurkunde", "1.1").stdout
    for word in (
        "Amtsbote-Beispielstandard Urkundenanforderung",
        "valid from 2026-01-01, served today",
        "xurkunde:1.1:urkunde.anforderung.0101",
        "xbasis.xsd  of xbasis 1.0",
        "urn:amtsbote:codeliste:urkundenart 1  closed",
    ):
        assert word in text


@pytest.mark.parametrize(("arguments", "full"), [((), False), (("--minimal",), False), (("--full",), True)])
def test_example_is_a_message_that_can_be_sent_on(arguments: tuple[str, ...], full: bool) -> None:
    done = run("example", NOTICE, *arguments, "--seed", "3")
    assert done.exit_code == DONE
    read = OURS.read(done.stdout.encode(), today=OURS.standards[0].manifest.valid_from)
    assert read.message_type.id == NOTICE
    assert read.header.test is full
    found = answer("example", NOTICE, *arguments, "--seed", "3")
    assert found["message"] == done.stdout
    assert (found["message_type"], found["full"], found["seed"]) == (NOTICE, full, 3)


@pytest.mark.parametrize("arguments", [(), ("--full",)])
def test_example_is_accepted_as_it_is_printed_when_its_standard_has_rules(arguments: tuple[str, ...]) -> None:
    done = run("example", TYPE, *arguments)
    assert (done.exit_code, "all rules" in done.stderr) == (DONE, False)
    assert (
        OURS.read(done.stdout.encode(), today=OURS.standards[0].manifest.valid_from).message_type.id == TYPE
    )


@pytest.mark.parametrize(
    ("part", "options", "direction", "attachments", "words"),
    [
        ("gewerbe.anmeldung", (), "in", 0, ""),
        ("gewerbe.anmeldung", ("--full",), "in", 1, "it names 1 attachment, made up"),
        ("rueckkanal.mitteilung", (), "both", 0, ""),
        ("rueckkanal.status", (), "back", 0, "it sends such messages to applicants"),
        ("rueckkanal.bescheid", (), "back", 1, "it sends such messages to applicants"),
    ],
)
def test_example_says_why_it_is_refused_as_it_is_if_and_only_if_it_is(
    part: str, options: tuple[str, ...], direction: str, attachments: int, words: str, tmp_path: Path
) -> None:
    done = run("example", part, *options)
    path = tmp_path / "example.xml"
    path.write_text(done.stdout, "utf-8")
    judged = CliRunner().invoke(app, ["validate", str(path)])
    assert (done.exit_code, judged.exit_code) == (DONE, REFUSED if words else DONE)
    assert words in done.stderr if words else not done.stderr
    found = answer("example", part, *options)
    assert (found["direction"], found["attachments"]) == (direction, attachments)


def test_example_says_that_its_version_is_not_served(tmp_path: Path) -> None:
    with_rules(tmp_path, CHOICE)
    (manifest,) = tmp_path.rglob("standard.yaml")
    text = manifest.read_text("utf-8")
    assert "not served today" not in run("example", "probe:1:m", folder=tmp_path).stderr
    manifest.write_text(text + "valid_until: 2026-01-31\n", "utf-8")
    done = run("example", "probe:1:m", folder=tmp_path)
    assert (done.exit_code, done.stdout[:5]) == (DONE, "<?xml")
    assert "(V000): this version of the standard is not served today" in done.stderr


def test_example_is_printed_with_what_refuses_it_when_no_attempt_keeps_all_rules(tmp_path: Path) -> None:
    standard = with_rules(tmp_path, CHOICE, ("t:art", "false()"))
    done = run("example", "probe:1:m", folder=tmp_path)
    assert done.exit_code == DONE
    assert standard.schema.accepts(parse(done.stdout.encode()), done.stdout.encode())
    assert "3:3: error X002 [R1] /t:m/t:art" in done.stderr
    assert "The gateway refuses this example: no attempt" in done.stderr
    assert "Try --full or another --seed" in done.stderr
    found = answer("example", "probe:1:m", folder=tmp_path)
    assert (found["judged"], [each["rule"] for each in found["findings"]]) == (True, ["R1"])


def test_example_is_printed_with_a_warning_when_rules_cannot_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(Rules, "find", fail)
    with_rules(tmp_path, CHOICE, ("t:art", "true()"))
    done = run("example", "probe:1:m", folder=tmp_path)
    assert done.exit_code == DONE
    assert "<t:art>" in done.stdout
    assert "could not be run" in done.stderr
    assert answer("example", "probe:1:m", folder=tmp_path)["judged"] is False


@pytest.mark.parametrize("part", ["bewohnerparken.antrag", "ANTRAG.0101", "parken.antrag"])
def test_example_is_found_by_a_part_of_its_type_when_no_other_has_it(part: str) -> None:
    assert answer("example", part)["message_type"] == TYPE


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("example", "urkunde.anforderung.0101"),
            ["xurkunde:1.0:urkunde", "xurkunde:1.1:urkunde", "more of it"],
        ),
        (("example", "xparken:1.0:bewohnerparken.antarg.0101"), [TYPE]),
        (("example", "bewohnerparkn.antrag"), ["bewohnerparken.antrag.0101"]),
        (("example", "antrg"), [TYPE]),
        (("example", "Gewerve"), ["xgewerbe:1.0:gewerbe."]),
        (("example", "qqq"), ["no message type qqq", "standards list"]),
        (("show", "xurkunde", "9.9"), ["xurkunde 1.0", "xurkunde 1.1"]),
        (("show", "xurkude", "1.1"), ["xurkunde 1.1"]),
        (("show", "qqq", "1"), ["no standard qqq 1", "standards list"]),
    ],
)
def test_near_names_are_told_when_a_name_is_not_known(arguments: tuple[str, ...], words: list[str]) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (NOT_CONFIGURED, "")
    assert [word for word in words if word not in done.stderr] == []
    assert json.loads(run(*arguments, "--json").stdout)["detail"] == done.stderr.strip()


@pytest.mark.parametrize("name", ["", " "])
def test_message_type_has_to_be_named_for_an_example(name: str) -> None:
    done = run("example", name)
    assert (done.exit_code, done.stdout) == (WRONG_USAGE, "")
    assert "no message type is named" in " ".join(done.stderr.split())


def test_only_some_types_are_listed_when_a_part_is_of_very_many() -> None:
    said = run("example", ".").stderr
    assert said.count(":1.") == 20
    assert said.endswith(f" and {len(OURS.message_types) - 20} others; give more of it\n")


def test_example_is_refused_with_the_reason_when_the_schema_allows_none(probe: Path) -> None:
    done = run("example", "probe:1:m", folder=probe)
    assert (done.exit_code, done.stdout) == (REFUSED, "")
    assert "/t:m" in done.stderr


def test_seed_is_wrong_usage_when_it_is_negative() -> None:
    assert run("example", TYPE, "--seed", "-1").exit_code == WRONG_USAGE
