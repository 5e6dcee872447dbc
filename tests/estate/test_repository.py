"""The repository as a whole: what every committed file must be, and what holds the versions together."""

import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BINARY = {".pdf", ".png", ".jpg", ".jpeg", ".gif", ".ico", ".woff2", ".docx", ".zip", ".p7s"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PIN = re.compile(r"([A-Za-z0-9._-]+)==([0-9][A-Za-z0-9.+!]*)(; .+)?")


@cache
def committed() -> dict[str, bytes]:
    """Path → content of every file under version control that is still there."""
    # The checkout may belong to another user than the one who tests.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    paths = [path for path in listed.decode().split("\0") if path and (ROOT / path).is_file()]
    return {path: (ROOT / path).read_bytes() for path in paths}


def texts() -> dict[str, str]:
    return {
        path: content.decode("utf-8")
        for path, content in committed().items()
        if Path(path).suffix not in BINARY and not is_bad_input(path)
    }


def is_bad_input(path: str) -> bool:
    """Say whether a file is there to be wrong, down to its encoding and last byte."""
    return path.startswith("fixtures/") and "/invalid/" in path


def lines_with(pattern: str) -> list[str]:
    wanted = re.compile(pattern)
    return [
        f"{path}:{number}"
        for path, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if wanted.search(line) and Path(path) != Path(__file__).relative_to(ROOT)
    ]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {canonical(match[1]): match[2] for line in lines if (match := PIN.fullmatch(line))}


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a path of one machine", r"(?<![\w.$}/-])/(work|root|home/\w+|Users/\w+)/"),
        (
            "a package index",
            r"--(extra-)?index-url|--find-links|--trusted-host|\bpypi\.org\b|pythonhosted|/simple/",
        ),
        ("something unfinished", r"\b(TODO|FIXME|XXX)\b"),
        ("a merge that was not finished", r"^(<{7}|>{7}) "),
        ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    ],
)
def test_no_committed_file_names(what: str, pattern: str) -> None:
    assert lines_with(pattern) == [], what


def test_every_text_file_ends_with_one_newline() -> None:
    wrong = [
        path for path, text in texts().items() if text and (not text.endswith("\n") or text.endswith("\n\n"))
    ]
    assert wrong == []


def test_no_text_file_has_windows_line_ends() -> None:
    assert [path for path, text in texts().items() if "\r" in text] == []


def test_no_generated_file_is_committed() -> None:
    generated = re.compile(
        r"(^|/)(var|secrets|\.venv|__pycache__|dist|[^/]+\.egg-info)/|\.(pyc|db|sqlite3?)$"
    )
    assert [path for path in committed() if generated.search(path)] == []


def test_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_constraints_are_exact_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not PIN.fullmatch(line)] == []
    assert lines == sorted(lines, key=lambda line: line.partition("==")[0].lower())
    assert len(pins()) == len(lines)


def test_every_direct_dependency_has_an_exact_version() -> None:
    declared = [
        *PROJECT["dependencies"],
        *(each for extra in PROJECT["optional-dependencies"].values() for each in extra),
    ]
    names = {canonical(re.split(r"[\[<>=!~; ]", each, maxsplit=1)[0]) for each in declared}
    assert names - {canonical(PROJECT["name"])} - set(pins()) == set()


def test_every_direct_dependency_is_explained() -> None:
    record = (ROOT / "docs/decisions/0001-dependencies.md").read_text(encoding="utf-8")
    explained = {canonical(name) for name in re.findall(r"^\| `([^`]+)` \|", record, re.MULTILINE)}
    declared = {
        canonical(re.split(r"[\[<>=!~; ]", each, maxsplit=1)[0])
        for part in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
        for each in part
    }
    assert explained == declared - {canonical(PROJECT["name"])}


def test_continuous_integration_runs_the_tests_and_nothing_cleverer() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec make test"


def test_publiccode_says_what_the_package_says() -> None:
    described = yaml.safe_load((ROOT / "publiccode.yml").read_text(encoding="utf-8"))
    assert described["legal"]["license"] == PROJECT["license"]
    assert described["name"].lower() == PROJECT["name"]
    for words in described["description"].values():
        assert len(words["shortDescription"]) <= 150
        assert 150 <= len(words["longDescription"]) <= 10_000
