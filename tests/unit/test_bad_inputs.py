"""Hostile and broken messages that nobody here wrote; collected where they are at hand.

A child process reads them all against one catalogue, as a gateway would. The canaries that the files point to
are moved to this test's own folder and port.
"""

import datetime
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Problem
from gateway.standards import Catalogue

ROOT = Path(__file__).parents[2]
MATERIAL = Path(os.environ.get("AMTSBOTE_MATERIAL", ROOT.parent / "shared" / "material"))
FOLDER = MATERIAL / "bad-inputs"
__test__ = FOLDER.is_dir()

TODAY = datetime.date(2026, 6, 1)
TOKEN = "CANARY-7f3a91-SECRET"
CANARY_FILE = b"/tmp/xoev-canary/secret.txt"  # as the files name it; replaced before use
CANARY_ADDRESS = b"127.0.0.1:18999"
MAX_SECONDS = 2.0
MAX_EXTRA_MIB = 64

FORBIDDEN = "forbidden-xml S999"
MALFORMED = "malformed-xml X000"
NOT_UTF8 = "not-utf8 S001"
SCHEMA = "schema-violation X001"
ACCEPTED = "accepted"
EXPECTED = {
    **dict.fromkeys((1, 2, 4, 5, 7, 8, 10, 11, 13, 16, 17, 19, 20, 23, 34, 35, 43, 67, 77), FORBIDDEN),
    **dict.fromkeys((25, 26, 28, 29, 31, 32, 83, 91, 97, 98, 100), ACCEPTED),
    # docs/decisions/0002: UTF-8 only, also where the declaration alone says otherwise
    **dict.fromkeys((55, 56, 58, 61, 62), NOT_UTF8),
    **dict.fromkeys((59, 64, 65, 68, 70, 71, 73, 74, 76), MALFORMED),
    79: "unknown-message-type S999",
    **dict.fromkeys((80, 85, 86, 88), SCHEMA),
    92: "code-list-violation S010",
    94: "code-list-violation S011",
    95: "code-list-violation S010",
}

MANIFEST = """
standard: antrag
version: "1"
title: {de: Antrag, en: Application}
namespace: urn:example:xoev:antrag:1
valid_from: 2020-01-01
schemas: [base.xsd]
code_lists: [{file: staat.xml, closed: true}]
closed_code_lists: true
message_types:
  - name: antrag.stellen.0101
    root: antrag.stellen.0101
    direction: in
    title: {de: Antrag, en: Application}
"""
STATES = """<gc:CodeList xmlns:gc="http://docs.oasis-open.org/codelist/ns/genericode/1.0/">
<Identification><Version>2023-02-24</Version>
<CanonicalUri>urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:staat</CanonicalUri></Identification>
<ColumnSet><Column Id="code"/><Key Id="k"><ColumnRef Ref="code"/></Key></ColumnSet>
<SimpleCodeList><Row><Value ColumnRef="code"><SimpleValue>000</SimpleValue></Value></Row></SimpleCodeList>
</gc:CodeList>"""


def sidecars() -> list[dict[str, Any]]:
    return sorted(
        (json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.xml.json")),
        key=lambda case: case["id"],
    )


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Read every file once, in one child process, with the canaries watched."""
    folder = tmp_path_factory.mktemp("bad")
    standard = folder / "standard"
    standard.mkdir()
    shutil.copy(FOLDER / "base.xsd", standard)
    (standard / "standard.yaml").write_text(MANIFEST, "utf-8")
    (standard / "staat.xml").write_text(STATES, "utf-8")
    canary = folder / "secret.txt"
    canary.write_text(TOKEN, "utf-8")
    os.utime(canary, (0, canary.stat().st_mtime))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}".encode()
        for path in FOLDER.glob("*.xml"):
            body = path.read_bytes().replace(CANARY_FILE, bytes(canary)).replace(CANARY_ADDRESS, address)
            (folder / path.name).write_bytes(body)
        run = subprocess.run(
            [sys.executable, __file__, str(folder)], capture_output=True, timeout=100, check=True, cwd=ROOT
        )
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert canary.stat().st_atime == 0
    assert TOKEN.encode() not in run.stdout + run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.material
@pytest.mark.parametrize("case", sidecars(), ids=lambda case: case["file"])
def test_bad_input_is_refused_or_inert(outcomes: dict[str, Any], case: dict[str, Any]) -> None:
    got = outcomes[case["file"]]
    assert got["outcome"] == EXPECTED[case["id"]]
    if case["expect"] == "reject":
        assert got["outcome"] != ACCEPTED
    assert got["seconds"] <= MAX_SECONDS
    assert got["extra_mib"] <= MAX_EXTRA_MIB


@pytest.mark.material
def test_bad_inputs_are_all_expected() -> None:
    assert {case["id"] for case in sidecars()} == set(EXPECTED)


@pytest.mark.material
def test_valid_message_beside_the_bad_ones_is_accepted(outcomes: dict[str, Any]) -> None:
    assert outcomes["base-valid.xml"]["outcome"] == ACCEPTED


def main(folder: Path) -> None:
    """Read every message in `folder` and print what came of it."""
    catalogue = Catalogue.load([folder / "standard"])
    outcome(catalogue, (folder / "88-xsi-nil.xml").read_bytes())  # compiles the schema for both engines
    results = {}
    for path in sorted(folder.glob("*.xml")):
        body = path.read_bytes()
        before, started = peak_mib(), time.perf_counter()
        text = outcome(catalogue, body)
        results[path.name] = {
            "outcome": text,
            "seconds": time.perf_counter() - started,
            "extra_mib": peak_mib() - before,
        }
    sys.stdout.write("\n" + json.dumps(results) + "\n")


def outcome(catalogue: Catalogue, body: bytes) -> str:
    try:
        catalogue.read(body, today=TODAY)
    except Problem as problem:
        sys.stdout.write(problem.detail + "".join(item.model_dump_json() for item in problem.findings))
        return f"{problem.type} {problem.code}"
    return ACCEPTED


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
