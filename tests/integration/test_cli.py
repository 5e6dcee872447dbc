"""The command line against a running gateway, as scripts and people use it."""

import asyncio
import json
import os
import pty
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import typer

from gateway.cli import app
from tests.acceptance.installation import (
    COMMAND,
    FIXTURES,
    ROOT,
    START_S,
    Installation,
    Process,
    demo_config,
    eventually,
)
from tests.services.runtime import free_ports

DONE, REFUSED, WRONG_USAGE, NOT_AVAILABLE, NOT_CONFIGURED = range(5)
DECIDED_S = 30.0
XPARKEN = FIXTURES / "xparken" / "1.0"
VALID = XPARKEN / "valid" / "01-neu-online.xml"
WITH_ATTACHMENT = XPARKEN / "valid" / "05-leasingwagen-mit-ueberlassung.xml"
ATTACHMENT = XPARKEN / "anlagen" / "ueberlassung-leasing.pdf"
INVALID = XPARKEN / "invalid" / "02-kennzeichen-in-kleinbuchstaben.xml"
FINDING = "/p:bewohnerparken.antrag.0101/p:fahrzeug/p:kennzeichen"


PARKING = "99900000000102"
REFUSED_THERE = XPARKEN / "valid" / "03-beispielhausen-geburtsjahr-bekannt.xml"


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def outcome(done: CompletedProcess[str]) -> tuple[int, Any]:
    """Return the exit code and the JSON that a command printed."""
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running gateway on the embedded default, with an office that refuses some applications."""
    config = demo_config()
    for destination in config["destinations"]:
        if destination["name"] == "musteramt-beispielhausen":
            destination["options"]["refuse_services"] = [PARKING]
    town = Installation(tmp_path_factory.mktemp("town"), config=config)
    try:
        town.migrate()
        town.serve()
        asyncio.run(town.ready())
        yield town
    finally:
        town.close()


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that nobody has started or migrated."""
    return Installation(tmp_path_factory.mktemp("idle"))


@pytest.fixture
def application(tmp_path: Path) -> Path:
    """A valid application that was not sent before."""
    path = tmp_path / "application.xml"
    named = f"<nachrichtenUUID>{uuid.uuid4()}<"
    path.write_text(re.sub("<nachrichtenUUID>[^<]*<", named, VALID.read_text("utf-8"), count=1), "utf-8")
    return path


@pytest.mark.parametrize("command", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_help_of_every_command_has_an_example(idle: Installation, command: tuple[str, ...]) -> None:
    done = idle.run(*command, "--help", COLUMNS="200")
    assert done.returncode == DONE
    example = re.search(rf"Example: .*amtsbote {' '.join(command)}\b.*", done.stdout)
    assert example, done.stdout
    for file in re.findall(r"fixtures/\S+", example[0]):
        assert (ROOT / file).is_file(), file


@pytest.mark.parametrize("command", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_every_command_can_print_json(idle: Installation, command: tuple[str, ...]) -> None:
    assert re.search(r"--json\b", idle.run(*command, "--help", COLUMNS="200").stdout)


def test_help_says_what_the_exit_codes_mean(idle: Installation) -> None:
    done = idle.run("--help", COLUMNS="200")
    assert re.search("0 done.*1 refused.*2 wrong usage.*3 not available.*4 not configured", done.stdout)


async def test_application_is_sent_followed_and_answered(town: Installation, application: Path) -> None:
    code, sent = outcome(town.run("send", application, "--json"))
    assert (code, sent["status"]) == (DONE, "accepted")

    async def decided() -> dict[str, Any] | None:
        code, view = outcome(town.run("status", sent["submission_id"], "--json"))
        assert code == DONE
        return view if view["case"]["status"] == "decided" else None

    view = await eventually(decided, DECIDED_S, "decided")
    assert view
    assert "accepted" in {event["outcome"] for event in view["events"]}
    code, page = outcome(town.run("mailbox", "--collect", "--json"))
    assert code == DONE
    types = [item["type"] for item in page["items"] if item["case_id"] == sent["case_id"]]
    assert types[-1].endswith("bescheid.1150")
    assert "bescheid.1150" not in town.run("mailbox", "--after", page["next"]).stdout
    assert "decided" in town.run("status", sent["submission_id"]).stdout


def test_repeated_send_gives_the_first_receipt_and_says_so(town: Installation, application: Path) -> None:
    first, again = (outcome(town.run("send", application, "--json"))[1] for _ in range(2))
    assert again["submission_id"] == first["submission_id"]
    assert (first["created"], again["created"]) == (True, False)
    said = town.run("send", application).stdout
    assert said.startswith(f"already sent at {first['received_at']}: submission {first['submission_id']}")


async def test_status_says_why_a_submission_was_refused(town: Installation) -> None:
    _, sent = outcome(town.run("send", REFUSED_THERE, "--json"))

    async def refused() -> dict[str, Any] | None:
        _, view = outcome(town.run("status", sent["submission_id"], "--json"))
        return view if view["status"] == "refused" else None

    view = await eventually(refused, DECIDED_S, "refused")
    assert view
    assert [each["code"] for each in view["rejections"]] == ["S999"]
    said = town.run("status", sent["submission_id"]).stdout
    assert "refused: S999 Diese Stelle ist für die Leistung nicht zuständig." in said


async def test_mailbox_shows_one_case_and_what_is_collected(town: Installation, tmp_path: Path) -> None:
    cases = []
    for number in range(2):
        path = tmp_path / f"{number}.xml"
        named = f"<nachrichtenUUID>{uuid.uuid4()}<"
        path.write_text(re.sub("<nachrichtenUUID>[^<]*<", named, VALID.read_text("utf-8"), count=1), "utf-8")
        cases.append(outcome(town.run("send", path, "--json"))[1]["case_id"])

    async def both() -> bool:
        said = town.run("mailbox").stdout
        return all(re.search(rf"bescheid\.1150  case {case}", said) for case in cases)

    await eventually(both, DECIDED_S, "both decided")
    said = town.run("mailbox", "--case", cases[1]).stdout
    *shown, cursor = said.splitlines()
    assert cursor.startswith("next: ")
    assert shown
    assert all(line.endswith(f"case {cases[1]}") and "  new  " in line for line in shown)
    _, page = outcome(town.run("mailbox", "--case", cases[1], "--collect", "--json"))
    assert page["items"][0]["message_id"] == shown[0].split()[0]
    assert all(
        "  collected  " in line for line in town.run("mailbox", "--case", cases[1]).stdout.splitlines()[:-1]
    )
    assert "  collected  " not in town.run("mailbox", "--case", cases[0]).stdout
    assert town.run("mailbox", "--case", str(uuid.uuid4()), "--wait", "1").stdout.startswith("next: ")


def test_send_posts_metadata_to_a_case_too(town: Installation, application: Path) -> None:
    case = outcome(town.run("send", application, "--json"))[1]["case_id"]
    stated = application.with_name("metadata.json")
    stated.write_text('{"chanel": "online"}', "utf-8")
    refused = town.run("send", application, "--case", case, "--metadata", stated)
    assert refused.returncode == REFUSED
    assert "metadata/chanel" in refused.stderr


def test_send_posts_attachments(town: Installation) -> None:
    refused = town.run("send", WITH_ATTACHMENT)
    assert refused.returncode == REFUSED
    assert "S020" in refused.stderr
    done = town.run("send", WITH_ATTACHMENT, "--attach", ATTACHMENT)
    assert (done.returncode, done.stderr) == (DONE, "")
    assert done.stdout.startswith("accepted: submission ")


def test_refused_message_names_its_findings(town: Installation) -> None:
    code, problem = outcome(town.run("send", INVALID, "--json"))
    assert (code, problem["status"]) == (REFUSED, 422)
    assert [finding["path"] for finding in problem["findings"]] == [FINDING]


def test_unknown_submission_is_refused(town: Installation) -> None:
    done = town.run("status", str(uuid.uuid4()))
    assert done.returncode == REFUSED
    assert done.stderr.strip()


async def test_serve_says_in_one_line_of_json_where_it_listens(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.migrate()
    process = Process(["serve", "--json"], installation.variables, tmp_path, tmp_path / "serve.log")

    async def said() -> list[Any]:
        assert process.runs, process.printed()
        lines = process.printed().splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"url"') and line.endswith("}")]

    try:
        (where,) = await eventually(said, START_S, "it listens")
        url = installation.url
        roles = ["http", "relay", "reports"]
        assert where == {"url": url, "roles": roles, "docs": f"{url}/docs", "console": f"{url}/console"}
        assert process.stop() == DONE
    finally:
        if process.runs:
            process.kill()


def test_second_gateway_on_the_same_file_is_refused(town: Installation) -> None:
    (port,) = free_ports(1)
    done = town.run("serve", "--port", str(port))
    assert done.returncode == NOT_CONFIGURED
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_migrate_while_the_gateway_runs_changes_nothing(town: Installation) -> None:
    assert outcome(town.run("migrate", "--json")) == (DONE, {"migrated": True})


def test_validate_accepts_without_a_gateway(idle: Installation) -> None:
    code, answer = outcome(idle.run("validate", VALID, "--json"))
    assert code == DONE
    assert answer == {
        "valid": True,
        "message_type": "xparken:1.0:bewohnerparken.antrag.0101",
        "findings": [],
        "findings_more": 0,
    }
    assert "valid" in idle.run("validate", VALID).stdout


def test_validate_names_each_finding_with_its_place(idle: Installation) -> None:
    code, problem = outcome(idle.run("validate", INVALID, "--json"))
    assert (code, problem["type"], problem["code"]) == (REFUSED, "/problems/schema-violation", "X001")
    (finding,) = problem["findings"]
    assert finding["path"] == FINDING
    spoken = idle.run("validate", INVALID)
    assert spoken.returncode == REFUSED
    place = f"{INVALID}:{finding['line']}:{finding['column']}: error X001 {FINDING}"
    for text in (place, finding["message"]["de"], finding["message"]["en"], finding["documentation"]):
        assert text in spoken.stdout


@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_validate_is_coloured_on_a_terminal_unless_that_is_not_wanted(
    idle: Installation, more: dict[str, str], coloured: bool
) -> None:
    variables = {name: value for name, value in idle.variables.items() if name != "NO_COLOR"}
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [COMMAND, "validate", INVALID],
            env=variables | {"TERM": "xterm-256color"} | more,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
            cwd=idle.folder,
        )
        said = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == REFUSED
    assert "error X001" in said
    assert ("\x1b[" in said) is coloured


def test_validate_asks_a_gateway_also_where_a_message_would_go(town: Installation, tmp_path: Path) -> None:
    asked = ("validate", WITH_ATTACHMENT, "--attach", ATTACHMENT, "--client", "demo-portal")
    code, answer = outcome(town.run(*asked, "--json"))
    assert (code, answer["valid"], answer["authority"]) == (DONE, True, "psw:99101001")
    assert "responsible: psw:99101001" in town.run(*asked).stdout
    page = tmp_path / "page.html"
    assert town.run(*asked, "--html", page).returncode == DONE
    assert "zuständig ist <code>psw:99101001</code>" in page.read_text("utf-8")


def test_validate_says_what_only_a_gateway_knows(town: Installation, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.xml"
    elsewhere.write_text(VALID.read_text("utf-8").replace(PARKING, "99900000000777"), "utf-8")
    assert town.run("validate", elsewhere).returncode == DONE
    asked = ("validate", elsewhere, "--client", "demo-portal")
    code, answer = outcome(town.run(*asked, "--json"))
    assert (code, answer["valid"], answer["type"]) == (REFUSED, False, "/problems/no-route")
    assert answer["message_type"] == "xparken:1.0:bewohnerparken.antrag.0101"
    done = town.run(*asked, "--xml")
    assert (done.returncode, done.stderr) == (REFUSED, "")
    assert re.search(r"<code>T080</code>", done.stdout)
    metadata = tmp_path / "metadata.json"
    metadata.write_text("{", "utf-8")
    code, answer = outcome(town.run(*asked, "--metadata", metadata, "--json"))
    assert (code, [each["path"] for each in answer["findings"]]) == (REFUSED, ["metadata"])


def test_validate_says_that_nobody_answers(town: Installation) -> None:
    (port,) = free_ports(1)
    there = f"http://127.0.0.1:{port}"
    done = town.run("validate", VALID, "--client", "demo-portal", "--url", there)
    assert (done.returncode, done.stdout) == (NOT_AVAILABLE, "")
    assert there in done.stderr
    assert town.run("validate", VALID, "--url", there).returncode == WRONG_USAGE


def test_send_shows_the_line_of_each_finding(town: Installation) -> None:
    said = town.run("send", INVALID).stderr
    assert re.search(
        rf"^{INVALID}:\d+:\d+: error X001 {FINDING}\n +\d+ │ .*<p:kennzeichen>", said, re.MULTILINE
    )


def test_config_check_counts_what_a_usable_file_has(idle: Installation) -> None:
    code, answer = outcome(idle.run("config", "check", "--json"))
    assert code == DONE
    assert answer["valid"] is True
    assert answer["tenants"] >= 3
    assert answer["destinations"] == len(idle.config["destinations"])


def test_config_check_names_the_path_of_each_fault(idle: Installation, tmp_path: Path) -> None:
    text = (FIXTURES / "demo" / "config.yaml").read_text("utf-8")
    file = tmp_path / "town.yaml"
    file.write_text(text.replace("lead: musteramt-landkreis", "lead: musteramt-mond"), "utf-8")
    code, answer = outcome(idle.run("config", "check", file, "--json"))
    assert code == NOT_CONFIGURED
    assert "routes[1].lead: musteramt-mond is not defined" in answer["detail"]
    assert "routes[1].lead" in idle.run("config", "check", file).stderr


def test_config_check_says_everything_that_would_stop_a_start(tmp_path: Path) -> None:
    place = Installation(tmp_path / "place")
    text = (place.folder / "config.yaml").read_text("utf-8")
    text = text.replace("adapter: dms", "adapter: dmx", 1).replace(
        "scripted_clerk: true", "scripted_clerk: 7", 1
    )
    (place.folder / "config.yaml").write_text(text, "utf-8")
    (place.var / "secrets" / "clients" / "demo-portal").unlink()
    schemas = shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    (schemas / "xparken" / "1.0" / "xparken.xsd").write_text("<no/>", "utf-8")
    before = sorted(place.var.rglob("*"))
    code, answer = outcome(place.run("config", "check", "--json", AMTSBOTE_STANDARDS=str(schemas)))
    assert code == NOT_CONFIGURED
    for fault in (
        r"destinations\[\d\]\.adapter: adapter dmx is not installed.* \(line \d+\)",
        r"destinations\[\d\]\.options\.scripted_clerk: .* \(line \d+\)",
        r"secret file .*/clients/demo-portal is missing",
        r"xparken/1\.0: .*xparken\.xsd",
    ):
        assert re.search(fault, answer["detail"]), answer["detail"]
    assert sorted(place.var.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("send",),
        ("send", "no-such-file.xml"),
        ("send", VALID, "--url", "nonsense"),
        ("mailbox", "--wait", "61"),
    ],
)
def test_wrong_usage_is_told_apart(idle: Installation, arguments: tuple[str | Path, ...]) -> None:
    assert idle.run(*arguments).returncode == WRONG_USAGE


def test_gateway_that_does_not_answer_is_not_available(idle: Installation, application: Path) -> None:
    code, problem = outcome(idle.run("send", application, "--json"))
    assert code == NOT_AVAILABLE
    assert "amtsbote serve" in problem["detail"]


def test_store_that_does_not_answer_is_not_available(idle: Installation) -> None:
    (port,) = free_ports(1)
    done = idle.run("migrate", AMTSBOTE_DATABASE_URL=f"postgresql://postgres:x@127.0.0.1:{port}/none")
    assert done.returncode == NOT_AVAILABLE, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "settings", "says"),
    [
        (("serve",), {}, "amtsbote migrate"),
        (("work", "dms-musterstadt"), {}, "AMTSBOTE_AMQP_URLS"),
        (("demo",), {"AMTSBOTE_DATABASE_URL": "postgresql://x:x@127.0.0.1/none"}, "AMTSBOTE_DATABASE_URL"),
        (("migrate",), {"AMTSBOTE_PORT": "none"}, "AMTSBOTE_PORT"),
    ],
    ids=["serve", "work", "demo", "bad setting"],
)
def test_what_is_not_configured_is_named_in_json_when_asked(
    idle: Installation, arguments: tuple[str, ...], settings: dict[str, str], says: str
) -> None:
    code, problem = outcome(idle.run(*arguments, "--json", **settings))
    assert code == NOT_CONFIGURED
    assert says in problem["detail"]


@pytest.mark.parametrize(
    ("arguments", "settings", "says"),
    [
        (("serve",), {}, "amtsbote migrate"),
        (("serve",), {"AMTSBOTE_PORT": "none"}, "AMTSBOTE_PORT"),
        (("serve",), {"AMTSBOTE_SECRETS_DIR": "nowhere"}, "nowhere"),
        (("work", "dms-musterstadt"), {}, "AMTSBOTE_AMQP_URLS"),
        (("work", "dms-mond"), {}, "dms-musterstadt"),
        (("mailbox", "--client", "nobody"), {}, "there is no client nobody"),
        (("mailbox",), {"AMTSBOTE_SECRETS_DIR": "nowhere"}, "run this where `var/` is"),
        (("mailbox",), {"AMTSBOTE_GATEWAY_URL": "nonsense"}, "AMTSBOTE_GATEWAY_URL"),
    ],
    ids=[
        "not migrated",
        "bad setting",
        "no secrets",
        "no broker",
        "no destination",
        "no client",
        "elsewhere",
        "no address",
    ],
)
def test_what_is_not_configured_is_named(
    idle: Installation, arguments: tuple[str, ...], settings: dict[str, str], says: str
) -> None:
    done = idle.run(*arguments, **settings)
    assert done.returncode == NOT_CONFIGURED, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
