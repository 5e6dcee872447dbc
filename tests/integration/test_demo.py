"""The demo as a newcomer starts it: in an empty folder, with one command."""

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from gateway.demo.samples import load_samples
from gateway.standards import Catalogue
from tests.acceptance.installation import FIXTURES, ROOT, Process, demo_config, environment, eventually
from tests.services.runtime import free_ports

ONCE_S, START_S = 60.0, 40.0

Demo = Callable[..., Process]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Start `amtsbote demo` in an empty folder; what still runs in the end is killed."""
    (port,) = free_ports(1)
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(demo_config(), allow_unicode=True), encoding="utf-8")
    folder = tmp_path / "empty"
    folder.mkdir()
    variables = environment(AMTSBOTE_CONFIG=config, AMTSBOTE_PORT=str(port), COLUMNS="160")
    started = []

    def start(*arguments: str) -> Process:
        started.append(Process(["demo", *arguments], variables, folder, tmp_path / "demo.log"))
        return started[-1]

    yield start
    for process in started:
        if process.runs:
            process.kill()


def test_demo_once_decides_every_sample_within_a_minute(demo: Demo) -> None:
    process = demo("--once")
    code, printed = process.wait(ONCE_S + START_S), process.printed()
    assert code == 0, printed
    url = re.search(r"(http://127\.0\.0\.1:\d+)/docs", printed)
    assert url, printed
    assert f"{url[1]}/console" in printed
    assert "demo-portal" in printed


def test_demo_once_names_the_laggards_when_time_is_too_short(demo: Demo) -> None:
    process = demo("--once", "--timeout", "0.5")
    code, printed = process.wait(ONCE_S), process.printed()
    assert code == 1, printed
    before, _, late = printed.rpartition("\nNot decided in time:\n")
    assert before.endswith("\n")
    assert "  xparken 1.0 01-neu-online\n" in late
    assert "Traceback" not in printed


def test_demo_once_prints_two_objects_when_asked_for_json(demo: Demo) -> None:
    process = demo("--once", "--json")
    code, printed = process.wait(ONCE_S + START_S), process.printed()
    assert code == 0, printed
    where, result = map(json.loads, printed.splitlines())
    assert where["docs"] == f"{where['url']}/docs"
    assert where["console"] == f"{where['url']}/console"
    assert where["client"]["id"] == "demo-portal"
    posted = load_samples(FIXTURES, Catalogue.load([ROOT / "schemas"]))
    samples = result["samples"]
    assert [each["name"] for each in samples] == [sample.name for sample in posted]
    assert result["decided"] == len(posted)
    assert result["late"] == []
    assert {each["status"] for each in samples} == {"decided"}
    assert [each["error"] for each in samples if each["error"]] == []
    assert all({"accepted", "decided"} <= each["reached"].keys() for each in samples)
    assert any(each["queries"] for each in samples)


def test_demo_once_names_the_laggards_in_json_when_time_is_too_short(demo: Demo) -> None:
    process = demo("--once", "--json", "--timeout", "0.5")
    code, printed = process.wait(ONCE_S), process.printed()
    assert code == 1, printed
    _, result = map(json.loads, printed.splitlines())
    assert "xparken 1.0 01-neu-online" in result["late"]
    assert result["decided"] + len(result["late"]) == len(result["samples"])


async def test_demo_ends_in_good_order_when_interrupted(demo: Demo) -> None:
    process = demo()
    await eventually(lambda: _url(process), START_S, "the demo has started")
    code, printed = process.stop(signal.SIGINT), process.printed()
    assert code == 0, printed
    assert "stopping …" in printed
    assert "Traceback" not in printed
    assert '"level":' not in printed, printed  # nothing was logged: the demo logs errors only


def test_demo_once_decides_its_own_samples_when_an_earlier_one_ended_early(demo: Demo) -> None:
    process = demo("--once", "--timeout", "3")
    process.wait(ONCE_S + START_S)
    process = demo("--once")
    code, printed = process.wait(ONCE_S + START_S), process.printed()
    assert code == 0, printed


def test_nobody_else_may_read_what_the_demo_writes(demo: Demo, tmp_path: Path) -> None:
    demo("--once", "--timeout", "0.5").wait(ONCE_S)
    written = [tmp_path / "empty" / "var", *(tmp_path / "empty" / "var").rglob("*")]
    assert {"amtsbote.db", "adapter.db", "demo-portal"} <= {path.name for path in written}
    assert [path for path in written if path.stat().st_mode & 0o077] == []


async def test_readme_session_ends_with_the_decision_when_pasted_while_the_demo_runs(
    demo: Demo, tmp_path: Path
) -> None:
    process = demo()
    url = await eventually(lambda: _url(process), START_S, "the demo has started")
    (tmp_path / "empty" / "fixtures").symlink_to(ROOT / "fixtures")
    (session,) = re.findall(r"```sh\n(URL=.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert session.startswith("URL=http://127.0.0.1:8080\n")
    pasted = session.replace("http://127.0.0.1:8080", url)
    command = ["timeout", str(ONCE_S), "bash", "-euo", "pipefail", "-c", pasted]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=tmp_path / "empty", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, decision = done.stdout.partition("<r:rueckkanal.bescheid.1150")
    assert decision.count('"code": "X001"') >= 1, done.stdout


async def _url(process: Process) -> str | None:
    assert process.runs, process.printed()
    found = re.search(r"(http://127\.0\.0\.1:\d+)/docs", process.printed())
    return found[1] if found else None
