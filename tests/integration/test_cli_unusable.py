"""What commands do beside a `standard.yaml` that is broken, or contradicts its folder or another."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings import data_folder
from tests.integration.test_cli_operations import DONE, NOT_CONFIGURED, REFUSED, Town

SCHEMAS = data_folder("schemas")
PARKING = SCHEMAS.parent / "fixtures" / "xparken" / "1.0" / "valid" / "01-neu-online.xml"


class Standards(Town):
    """An installation with the sample standards in the folder that others are added to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.standards = shutil.copytree(SCHEMAS, folder / "standards")
        self.installation.variables["AMTSBOTE_STANDARDS"] = str(self.standards)

    def file(self, name: str, version: str = "1.0") -> Path:
        return self.standards / name / version / "standard.yaml"

    def write(self, old: str, new: str, name: str = "xgewerbe") -> Path:
        file = self.file(name)
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), "utf-8")
        return file

    def refused(self, *arguments: str, code: int = NOT_CONFIGURED) -> str:
        """Run a command that has to stop; return what it says."""
        done = self.invoke(*arguments)
        assert (done.exit_code, done.stdout) == (code, "")
        return done.stderr


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Standards]:
    town = Standards(tmp_path / "town")
    yield town
    asyncio.run(town.serving.close())


def test_list_shows_the_others_and_says_what_is_wrong_when_one_is_broken(town: Standards) -> None:
    file = town.write("schemas:", "schema:")
    done = town.invoke("standards", "list")
    assert done.exit_code == NOT_CONFIGURED
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        *("xbasis", "xparken", "xrueckkanal", "xurkunde", "xurkunde")
    ]
    assert done.stderr.startswith(f"{file}:\n")
    assert "schema: unknown key; did you mean schemas? (line " in done.stderr
    code, said = town.run("standards", "list")
    assert (code, len(said["standards"])) == (NOT_CONFIGURED, 5)
    assert said["unusable_files"][str(file)] == done.stderr.strip()


def test_commands_about_other_standards_go_on_when_one_is_broken(town: Standards) -> None:
    town.write("schemas:", "schema:")
    for arguments in (
        ("standards", "show", "xurkunde", "1.1"),
        ("standards", "example", "bewohnerparken.antrag.0101"),
        ("standards", "senders", "xurkunde", "1.1"),
        ("deliveries", "list"),
        ("findings", "list"),
        ("reconcile",),
    ):
        done = town.invoke(*arguments)
        assert (done.exit_code, done.stderr) == (DONE, ""), arguments


def test_senders_of_all_say_what_is_left_out_when_one_is_broken(town: Standards) -> None:
    file = town.write("schemas:", "schema:")
    done = town.invoke("standards", "senders")
    assert done.exit_code == NOT_CONFIGURED
    assert "xparken 1.0" in done.stdout
    assert done.stderr.startswith(f"{file}:\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("validate", str(PARKING)),
        ("serve", "--port", "0"),
        ("standards", "enable", "xurkunde", "1.1"),
        ("standards", "add", str(SCHEMAS.parent / "fixtures" / "releases" / "gemeinsames-1.0")),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_commands_that_need_all_stop_with_file_fault_and_remedy_when_one_is_broken(
    town: Standards, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr("gateway.cli.serving.configure_logs", lambda _: None)
    file = town.write("schemas:", "schema:")
    said = town.refused(*arguments)
    assert said.startswith(f"{file}:\n  schemas: is missing (line 1)\n  schema: unknown key")
    assert said.rstrip().endswith("amtsbote standards remove NAME VERSION")


@pytest.mark.parametrize("command", ["show", "enable", "senders"])
def test_command_about_the_broken_one_says_what_is_wrong_with_it(town: Standards, command: str) -> None:
    file = town.write("schemas:", "schema:")
    assert town.refused("standards", command, "xgewerbe", "1.0").startswith(f"{file}:\n")


def test_broken_standard_is_removed_by_the_names_of_its_folders(town: Standards) -> None:
    town.file("xgewerbe").write_text("standard: [", "utf-8")
    assert town.invoke("standards", "remove", "xgewerbe", "1.0").exit_code == DONE
    assert not (town.standards / "xgewerbe").exists()
    assert town.invoke("standards", "list").exit_code == DONE


def test_broken_standard_stays_while_messages_of_it_are_on_their_way(town: Standards) -> None:
    town.submit(message_type="xgewerbe:1.0:gewerbe.anmeldung.0101")
    file = town.file("xgewerbe")
    file.write_text("standard: [", "utf-8")
    done = town.invoke("standards", "remove", "xgewerbe", "1.0")
    assert done.exit_code == REFUSED
    assert "1 message of xgewerbe 1.0 still on the way" in done.stderr
    assert file.is_file()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('version: "1.0"', 'version: "1.1"', 'version: is 1.1, but its folder is that of 1.0: write "1.0"'),
        ("standard: xgewerbe", "standard: xg", "standard: is xg, but its folder is that of xgewerbe: write"),
    ],
)
def test_standard_that_names_another_version_than_its_folder_is_not_used(
    town: Standards, old: str, new: str, said: str
) -> None:
    file = town.write(old, new)
    for arguments in (("list",), ("show", "xgewerbe", "1.0")):
        done = town.invoke("standards", *arguments)
        assert done.exit_code == NOT_CONFIGURED
        first, line = done.stderr.splitlines()
        assert first == f"{file}:"
        assert line.strip().startswith(said)
    # A version that was edited would be gone, and its messages on the way with it.
    town.submit(message_type="xgewerbe:1.0:gewerbe.anmeldung.0101")
    assert town.invoke("standards", "remove", "xgewerbe", "1.0").exit_code == REFUSED


def test_standard_may_be_called_otherwise_than_its_folder_where_nothing_is_added(town: Standards) -> None:
    by_hand = town.standards.with_name("by-hand") / "anything" / "else"
    shutil.move(town.standards / "xgewerbe" / "1.0", by_hand)
    town.installation.variables["AMTSBOTE_STANDARDS"] = f"{by_hand.parents[1]},{town.standards}"
    done = town.invoke("standards", "list")
    assert (done.exit_code, done.stderr) == (DONE, "")
    assert "xgewerbe" in done.stdout
    said = town.refused("standards", "remove", "xgewerbe", "1.0", code=REFUSED)
    assert said.startswith(f"{by_hand}: was not added to {town.standards}")
    assert by_hand.is_dir()


def test_second_of_two_that_collide_is_removed_although_messages_of_the_first_are_on_their_way(
    town: Standards,
) -> None:
    town.installation.variables["AMTSBOTE_STANDARDS"] = f"{SCHEMAS},{town.standards}"
    for each in ("xbasis", "xparken", "xrueckkanal", "xurkunde"):
        shutil.rmtree(town.standards / each)
    town.submit(message_type="xgewerbe:1.0:gewerbe.anmeldung.0101")
    code, said = town.run("standards", "list")
    assert (code, list(said["unusable_files"])) == (NOT_CONFIGURED, [str(town.file("xgewerbe"))])
    assert town.invoke("standards", "remove", "xgewerbe", "1.0").exit_code == DONE
    assert town.invoke("standards", "list").exit_code == DONE
    assert (SCHEMAS / "xgewerbe" / "1.0" / "standard.yaml").is_file()


def test_standard_is_told_with_the_other_when_nothing_tells_their_messages_apart(town: Standards) -> None:
    (town.standards / "xhandel").mkdir()
    shutil.move(town.standards / "xgewerbe" / "1.0", town.standards / "xhandel" / "1.0")
    shutil.copytree(SCHEMAS / "xgewerbe" / "1.0", town.standards / "xgewerbe" / "1.0")
    text = town.file("xgewerbe").read_text("utf-8")
    town.file("xhandel").write_text(text.replace("standard: xgewerbe", "standard: xhandel", 1), "utf-8")
    said = json.loads(town.invoke("standards", "list", "--json").stdout)
    assert "xgewerbe" in {each["standard"] for each in said["standards"]}
    (reason,) = said["unusable_files"].values()
    assert reason.startswith(f"{town.file('xhandel')}: xhandel:1.0:")
    assert "and xgewerbe:1.0:" in reason
    assert town.invoke("standards", "remove", "xhandel", "1.0").exit_code == DONE
    assert town.invoke("standards", "list").exit_code == DONE


def test_standard_below_another_is_not_taken_away_with_it(town: Standards) -> None:
    """By hand, one may lie where the folders of versions lie."""
    outer = town.standards / "xurkunde"
    for each in ("standard.yaml", "xgewerbe.xsd"):
        shutil.copy(SCHEMAS / "xgewerbe" / "1.0" / each, outer)
    shutil.copytree(SCHEMAS / "xgewerbe" / "1.0" / "codelists", outer / "codelists")
    shutil.rmtree(town.standards / "xgewerbe")
    assert "was not added to" in town.refused("standards", "remove", "xgewerbe", "1.0", code=REFUSED)
    assert town.file("xurkunde", "1.1").is_file()


def test_validate_says_why_a_standard_cannot_be_used(town: Standards) -> None:
    schema = town.file("xparken").with_name("xparken.xsd")
    schema.write_text(schema.read_text("utf-8").replace("</xs:schema>", ""), "utf-8")
    assert str(schema) in town.refused("validate", str(PARKING))
