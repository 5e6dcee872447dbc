"""What operators do with keys and contents whose time is over, on a store that a gateway has open."""

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.contract.ids import new_id
from gateway.store import SqlStore, reads
from gateway.store.accept import accept
from gateway.store.master_key import MasterKey
from gateway.store.migrate import migrate
from gateway.store.rows import Accepted
from gateway.store.tables import deliveries
from tests.acceptance.installation import Installation
from tests.contract.store.make import MASTER_KEY, TENANT, submission

DONE, REFUSED, WRONG_USAGE, NOT_CONFIGURED = 0, 1, 2, 4
NEW_KEY = base64.urlsafe_b64encode(bytes(32)).decode()
LONG_AGO = date(2020, 1, 1)


class Town:
    """An installation whose store another process serves."""

    def __init__(self, folder: Path) -> None:
        self.installation = Installation(folder)
        self.key_file = self.installation.var / "secrets" / "master.key"
        self.address = f"sqlite:///{self.installation.var / 'amtsbote.db'}"
        migrate(self.address)
        self.logs: list[Any] = []

    def invoke(self, *arguments: str) -> Result:
        # Logs are set up once a process, and other tests of this one want to read them.
        with (
            patch("gateway.cli.custody.configure_logs"),
            patch("gateway.cli.run.configure_logs"),
            capture_logs() as self.logs,
        ):
            return CliRunner().invoke(app, arguments, env=self.installation.variables)

    def run(self, *arguments: str) -> tuple[int, Any]:
        done = self.invoke(*arguments, "--json")
        assert done.stderr == ""
        return done.exit_code, json.loads(done.stdout)

    def data_keys(self) -> list[tuple[str, int]]:
        code, said = self.run("keys", "list")
        assert code == DONE
        return [(each["tenant"], each["generation"]) for each in said["keys"]]

    def submit(self, **changes: Any) -> Accepted:
        async def store_it() -> Accepted:
            store = SqlStore(self.address, master_key=MASTER_KEY)
            try:
                (accepted,) = await accept(store, [submission(**changes)])
                async with store.write() as connection:
                    await connection.execute(update(deliveries).values(state="accepted"))
                return accepted
            finally:
                await store.close()

        return asyncio.run(store_it())

    def read(self, accepted: Accepted, master_key: MasterKey) -> bytes:
        async def read_it() -> bytes:
            store = SqlStore(self.address, master_key=master_key)
            try:
                async with store.read() as connection:
                    part = await reads.fetch_part(connection, store, accepted.submission_id, 0, tenant=TENANT)
                assert part is not None
                return part.data
            finally:
                await store.close()

        return asyncio.run(read_it())


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    serving = SqlStore(town.address)
    serving.claim_file()
    yield town
    asyncio.run(serving.close())


def test_rotated_keys_are_listed_and_old_contents_are_read(town: Town) -> None:
    accepted = town.submit()
    assert town.data_keys() == [(TENANT, 1)]
    code, said = town.run("keys", "rotate", "--tenant", TENANT)
    assert (code, [each["generation"] for each in said["keys"]]) == (DONE, [2])
    assert town.data_keys() == [(TENANT, 1), (TENANT, 2)]
    assert town.read(accepted, MASTER_KEY) == b"<antrag/>"
    assert town.run("keys", "rotate")[0] == DONE
    assert (TENANT, 3) in town.data_keys()
    assert ("beispielhausen", 1) in town.data_keys()


def test_rotation_of_an_unknown_tenant_names_those_there_are(town: Town) -> None:
    code, said = town.run("keys", "rotate", "--tenant", "nowhere")
    assert code == NOT_CONFIGURED
    assert TENANT in said["detail"]
    assert town.data_keys() == []


def test_new_master_key_opens_what_is_there_and_the_former_no_longer_starts(town: Town) -> None:
    accepted = town.submit()
    new = town.key_file.with_name("master.key.new")
    new.write_text(NEW_KEY)
    said = town.invoke("keys", "rewrap", str(new)).stdout
    assert f"put {new} in the place of {town.key_file}" in said
    for command in (("keys", "list"), ("config", "check"), ("erase",)):
        code, answer = town.run(*command)
        assert code == NOT_CONFIGURED
        assert "another master key" in answer["detail"]
    new.replace(town.key_file)
    assert town.data_keys() == [(TENANT, 1)]
    assert town.run("config", "check")[0] == DONE
    assert town.read(accepted, MasterKey(bytes(32))) == b"<antrag/>"


def test_master_key_that_is_in_use_is_no_new_one(town: Town) -> None:
    town.submit()
    copy = town.key_file.with_name("master.key.copy")
    copy.write_text(town.key_file.read_text().strip())
    for path in (town.key_file, copy):
        refused = town.invoke("keys", "rewrap", str(path))
        assert refused.exit_code == WRONG_USAGE
        assert "in use" in refused.stderr
    assert town.data_keys() == [(TENANT, 1)]


def test_missing_master_key_is_said_before_a_start(town: Town) -> None:
    town.submit()
    town.key_file.unlink()
    for command in (("config", "check"), ("keys", "list")):
        code, answer = town.run(*command)
        assert code == NOT_CONFIGURED
        assert "put the file back from its backup" in answer["detail"]
    assert not town.key_file.exists()


def test_what_is_due_is_counted_then_erased_and_logged_in_counts(town: Town) -> None:
    town.submit(erase_after=LONG_AGO)
    for options, left in ((["--dry-run"], 1), ([], 1), ([], 0)):
        code, said = town.run("erase", "--tenant", TENANT, *options)
        (tenant,) = said["tenants"]
        assert (code, tenant["tenant"], tenant["messages"], tenant["contents"]) == (DONE, TENANT, left, left)
    assert [entry["event"] for entry in town.logs] == ["contents_erased"]
    assert set(town.logs[0]) == {*tenant, "event", "log_level"}
    assert f"{TENANT}: erased 0 messages" in town.invoke("erase").stdout


def test_held_case_is_not_erased_until_it_is_released(town: Town) -> None:
    case_id = town.submit(erase_after=LONG_AGO).case_id
    assert town.run("hold", case_id, "--reason", "VG 4 K 17/26", "--operator", "a-kaya") == (
        DONE,
        {"case_id": case_id, "legal_hold": True},
    )
    (hold,) = town.run("findings", "list", "--kind", "legal_hold")[1]["findings"]
    assert (hold["case_id"], hold["code"], hold["raised_by"]) == (case_id, "VG 4 K 17/26", "a-kaya")
    assert "0 messages" in (said := town.invoke("erase", "--tenant", TENANT).stdout)
    assert "1 legal hold" in said
    assert town.run("hold", case_id, "--release")[0] == DONE
    assert "erased 1 messages" in town.invoke("erase", "--tenant", TENANT).stdout


@pytest.mark.parametrize(
    "case_id", ["019300000000-7000-8000-000000000000", "01930000-0000-7000-8000-000000000000"]
)
def test_hold_of_an_unknown_case_is_refused(town: Town, case_id: str) -> None:
    assert town.run("hold", case_id, "--release")[0] == REFUSED


@pytest.mark.parametrize(
    "options", [[], ["--release", "--reason", "x"], ["--reason", ""], ["--reason", "x" * 101]]
)
def test_hold_needs_a_reason_or_a_release(town: Town, options: list[str]) -> None:
    assert town.invoke("hold", new_id(), *options).exit_code == WRONG_USAGE
