"""Every hostile or broken message of the shared material against a running gateway, over HTTP.

The canaries that the files point to are moved to this test's own folder and port.
"""

import asyncio
import os
import shutil
import socket
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.acceptance.installation import (
    AUTHORITY,
    SERVICE,
    START_S,
    Installation,
    eventually,
    one_office_config,
    signed_in,
)
from tests.acceptance.town import filed
from tests.unit.test_bad_inputs import (
    ACCEPTED,
    CANARY_ADDRESS,
    CANARY_FILE,
    EXPECTED,
    FOLDER,
    MANIFEST,
    MAX_EXTRA_MIB,
    MAX_SECONDS,
    STATES,
    TOKEN,
    sidecars,
)

__test__ = FOLDER.is_dir()
pytestmark = pytest.mark.material

STATED = {"service": SERVICE, "authority": AUTHORITY}
VALID, REFUSED = "base-valid.xml", "88-xsi-nil.xml"


@dataclass(frozen=True)
class Answer:
    """What the gateway said to one message, and what that cost."""

    status: int
    seconds: float
    extra_mib: float
    body: bytes = field(repr=False)
    problem: dict[str, Any] = field(repr=False)


@dataclass
class Siege:
    """A gateway that was given every message."""

    town: Installation
    bodies: dict[str, bytes] = field(repr=False, default_factory=dict)
    answers: dict[str, Answer] = field(repr=False, default_factory=dict)

    def post(self, http: httpx2.Client, name: str, body: bytes) -> None:
        before, started = self._peak_mib(), time.perf_counter()
        headers = {"Content-Type": "application/xml", "Idempotency-Key": name}
        answer = http.post("/v1/submissions", content=body, params=STATED, headers=headers)
        seconds = time.perf_counter() - started
        self.bodies[name] = body
        problem = answer.json() if answer.is_error else {}
        extra_mib = self._peak_mib() - before
        self.answers[name] = Answer(answer.status_code, seconds, extra_mib, answer.content, problem)

    def accepted(self) -> list[str]:
        return [name for name, answer in self.answers.items() if answer.status == httpx2.codes.ACCEPTED]

    def _peak_mib(self) -> float:
        assert self.town.gateway
        text = Path(f"/proc/{self.town.gateway.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmHWM"))


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Siege:
    """Post every file to one gateway and see that no canary was touched."""
    folder = tmp_path_factory.mktemp("hostile")
    canary = folder / "secret.txt"
    canary.write_text(TOKEN, "utf-8")
    os.utime(canary, (0, canary.stat().st_mtime))
    town = _town(folder)
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}".encode()
            result = Siege(town)
            asyncio.run(_besiege(result, {CANARY_FILE: bytes(canary), CANARY_ADDRESS: address}))
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()
        assert canary.stat().st_atime == 0
        return result
    finally:
        town.close()


async def _besiege(siege: Siege, moved: dict[bytes, bytes]) -> None:
    siege.town.serve()
    await siege.town.ready()
    with signed_in(siege.town, "portal") as http:
        # The first of each kind compiles schemas, which is no message's doing.
        for number, name in enumerate((VALID, REFUSED)):
            siege.post(http, f"warm-up-{number}", (FOLDER / name).read_bytes())
        for path in sorted(FOLDER.glob("*.xml")):
            body = path.read_bytes()
            for known, place in moved.items():
                body = body.replace(known, place)
            siege.post(http, path.name, body)
    await eventually(lambda: _all_delivered(siege), START_S, "what was accepted is filed")


def _town(folder: Path) -> Installation:
    standard = folder / "standards" / "antrag"
    standard.mkdir(parents=True)
    shutil.copy(FOLDER / "base.xsd", standard)
    (standard / "standard.yaml").write_text(MANIFEST, "utf-8")
    (standard / "staat.xml").write_text(STATES, "utf-8")
    town = Installation(
        folder / "town",
        config=one_office_config("antrag:*"),
        AMTSBOTE_STANDARDS=f"{folder / 'standards'},{Path(__file__).parents[2] / 'schemas'}",
    )
    town.migrate()
    return town


async def _all_delivered(siege: Siege) -> bool:
    return len(_filed(siege)) == len(siege.accepted())


def _filed(siege: Siege) -> list[bytes]:
    return [each.body for each in filed(siege.town, "office") if each.message_type.startswith("antrag:")]


@pytest.mark.parametrize("case", sidecars(), ids=lambda case: case["file"])
def test_bad_input_is_refused_with_its_problem_or_accepted_without_effect(
    siege: Siege, case: dict[str, Any]
) -> None:
    got, expected = siege.answers[case["file"]], EXPECTED[case["id"]]
    if expected == ACCEPTED:
        assert case["expect"] == "inert"
        assert got.status == httpx2.codes.ACCEPTED, got.body
        assert siege.bodies[case["file"]] in _filed(siege)
    else:
        assert 400 <= got.status < 500
        assert f"{got.problem['type'].rpartition('/')[2]} {got.problem['code']}" == expected
        assert siege.bodies[case["file"]] not in _filed(siege)
    assert TOKEN.encode() not in got.body
    assert got.seconds <= MAX_SECONDS
    assert got.extra_mib <= MAX_EXTRA_MIB


def test_only_accepted_messages_have_deliveries(siege: Siege) -> None:
    digests = {sha256(siege.bodies[name]).hexdigest() for name in siege.accepted()}
    query = "SELECT DISTINCT p.sha256 FROM deliveries d JOIN payloads p USING (message_id) WHERE p.number = 0"
    with closing(sqlite3.connect(f"file:{siege.town.var / 'amtsbote.db'}?mode=ro", uri=True)) as database:
        delivered = {digest for (digest,) in database.execute(query)}
    assert delivered == digests


def test_nothing_of_a_secret_file_or_of_a_message_is_printed(siege: Siege) -> None:
    assert siege.town.gateway
    printed = siege.town.gateway.printed()
    assert TOKEN not in printed
    assert "Traceback" not in printed


def test_every_bad_input_was_posted(siege: Siege) -> None:
    assert {case["file"] for case in sidecars()} < set(siege.answers)
    assert all(answer.status < 500 for answer in siege.answers.values())
