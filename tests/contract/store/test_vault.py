"""Encryption at rest, on both databases: keys, rotation, and contents that open at their own place only."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.errors import ConfigurationError, KeyUnavailable, PayloadUnreadable
from gateway.store import SqlStore, deliveries, keys, reads, vault
from gateway.store.codec import ZSTD, compress
from gateway.store.key_file import get_master_key
from gateway.store.master_key import MasterKey
from gateway.store.migrate import migrate
from gateway.store.rows import Accepted
from gateway.store.tables import data_keys, payloads
from tests.contract.store.contract import LEASE, accept_one
from tests.contract.store.make import LEAD, MASTER_KEY, TENANT, part, submission

OTHER_MASTER_KEY = MasterKey(bytes(32))


async def rows(store: SqlStore, table: Any, **columns: Any) -> list[Any]:
    async with store.read() as connection:
        statement = select(table).where(*(table.c[name] == value for name, value in columns.items()))
        return list((await connection.execute(statement)).all())


async def body_of(store: SqlStore, accepted: Accepted, number: int = 0) -> bytes:
    async with store.read() as connection:
        found = await reads.fetch_part(connection, store, accepted.submission_id, number, tenant=TENANT)
    assert found is not None
    return found.data


async def change(store: SqlStore, accepted: Accepted, **values: Any) -> None:
    async with store.write() as connection:
        changed = update(payloads).where(payloads.c.message_id == accepted.submission_id)
        await connection.execute(changed.values(**values))


class VaultContract:
    """The suite; a subclass gives the fixture `address`."""

    @pytest.fixture
    async def store(self, address: str) -> AsyncIterator[SqlStore]:
        await asyncio.to_thread(migrate, address)
        store = SqlStore(address, master_key=MASTER_KEY)
        yield store
        await store.close()

    @pytest.fixture
    async def neighbour(self, store: SqlStore, address: str) -> AsyncIterator[SqlStore]:
        """Another process on the same database."""
        other = SqlStore(address, master_key=MASTER_KEY)
        yield other
        await other.close()

    async def test_content_of_another_row_is_refused_when_rows_were_exchanged(self, store: SqlStore) -> None:
        one, two = [await accept_one(store, submission(body=body)) for body in (b"<one/>", b"<two/>")]
        (stolen,) = await rows(store, payloads, message_id=one.submission_id)
        await change(store, two, body=stolen.body)
        with pytest.raises(PayloadUnreadable):
            await body_of(store, two)
        assert await body_of(store, one) == b"<one/>"

    async def test_content_is_refused_when_its_row_was_given_to_another_tenant(self, store: SqlStore) -> None:
        accepted = await accept_one(store)
        await change(store, accepted, tenant="elsewhere")
        async with store.read() as connection:
            with pytest.raises(PayloadUnreadable):
                await reads.fetch_part(connection, store, accepted.submission_id, 0, tenant="elsewhere")

    async def test_row_from_before_encryption_is_read(self, store: SqlStore) -> None:
        accepted = await accept_one(store, submission(parts=(part(), part(b"%PDF", 1))))
        old = {"codec": ZSTD, "key_id": None, "file_name": compress(b"Ausweis.pdf")}
        await change(store, accepted, body=compress(b"%PDF"), **old)
        assert await body_of(store, accepted, 1) == b"%PDF"
        async with store.read() as connection:
            (listed,) = await reads.attachments(connection, store, accepted.submission_id, tenant=TENANT)
        assert listed.file_name == "Ausweis.pdf"

    async def test_tenant_has_one_key_when_processes_need_the_first_at_once(
        self, store: SqlStore, neighbour: SqlStore
    ) -> None:
        both = (store, neighbour)
        await asyncio.gather(*(each.vault.ready([TENANT, "other"]) for each in both for _ in range(3)))
        found = await rows(store, data_keys)
        assert sorted((each.tenant, each.generation) for each in found) == [("musterstadt", 1), ("other", 1)]

    async def test_rotated_key_seals_what_is_new_and_old_rows_stay_readable(
        self, store: SqlStore, neighbour: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(vault, "REFRESH_S", 0)
        before = await accept_one(store, submission(body=b"<before/>"))
        (made,) = await keys.rotate(neighbour, MASTER_KEY, [TENANT])
        after = await accept_one(store, submission(body=b"<after/>"))
        sealed = [(await rows(store, payloads, message_id=each.submission_id))[0] for each in (before, after)]
        used = [each.key_id for each in sealed]
        assert used[0] != used[1] == made.key_id
        assert [await body_of(store, each) for each in (before, after)] == [b"<before/>", b"<after/>"]

    async def test_process_reads_what_was_sealed_by_a_key_that_it_has_not_met(
        self, store: SqlStore, neighbour: SqlStore
    ) -> None:
        await neighbour.vault.ready([TENANT])
        await keys.rotate(store, MASTER_KEY, [TENANT])
        accepted = await accept_one(store)
        assert await body_of(neighbour, accepted) == b"<antrag/>"
        (claimed,) = await deliveries.claim(neighbour, LEAD, tenant=TENANT, limit=1, **LEASE)
        assert claimed.body == b"<antrag/>"

    async def test_process_with_the_former_master_key_leaves_later_contents_alone(
        self, store: SqlStore, address: str
    ) -> None:
        before = await accept_one(store)
        assert await keys.rewrap(store, MASTER_KEY, OTHER_MASTER_KEY) == 1
        rewrapped = SqlStore(address, master_key=OTHER_MASTER_KEY)
        await keys.rotate(rewrapped, OTHER_MASTER_KEY, [TENANT])
        after = await accept_one(rewrapped)
        await rewrapped.close()
        assert await body_of(store, before) == b"<antrag/>"
        with pytest.raises(KeyUnavailable):
            await body_of(store, after)
        await accept_one(store)

    async def test_keys_are_not_changed_when_the_master_key_is_another(self, store: SqlStore) -> None:
        await store.vault.ready([TENANT])
        before = await rows(store, data_keys)
        for work in (
            keys.rotate(store, OTHER_MASTER_KEY, [TENANT]),
            keys.rewrap(store, OTHER_MASTER_KEY, MASTER_KEY),
            keys.create_missing(store, OTHER_MASTER_KEY, ["another"]),
        ):
            with pytest.raises(ConfigurationError, match="another master key"):
                await work
        assert await rows(store, data_keys) == before

    async def test_contents_are_refused_when_the_store_was_opened_without_a_key(self, address: str) -> None:
        await asyncio.to_thread(migrate, address)
        store = SqlStore(address)
        with pytest.raises(ConfigurationError, match="without its master key"):
            await accept_one(store)
        await store.close()

    # --- the file of the master key

    async def test_start_is_refused_when_the_key_of_a_used_database_is_missing(
        self, store: SqlStore, address: str, tmp_path: Path
    ) -> None:
        await store.vault.ready([TENANT])
        with pytest.raises(ConfigurationError, match="put the file back from its backup"):
            await asyncio.to_thread(get_master_key, tmp_path / "master.key", address)
        assert not (tmp_path / "master.key").exists()

    async def test_start_is_refused_when_the_key_is_another(
        self, store: SqlStore, address: str, tmp_path: Path
    ) -> None:
        await store.vault.ready([TENANT])
        (tmp_path / "master.key").write_text("A" * 43)
        with pytest.raises(ConfigurationError, match=r"master\.key: .* wrapped by another master key"):
            await asyncio.to_thread(get_master_key, tmp_path / "master.key", address)


class TestSqlite(VaultContract):
    """SQLite."""

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'store.db'}"

    async def test_first_start_makes_a_key_that_nobody_else_can_read(
        self, store: SqlStore, address: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "secrets" / "master.key"
        made = await asyncio.to_thread(get_master_key, path, address)
        assert path.stat().st_mode & 0o777 == 0o600
        assert [each.name for each in path.parent.iterdir()] == ["master.key"]
        text = path.read_text()
        await keys.create_missing(store, made, [TENANT])
        assert await asyncio.to_thread(get_master_key, path, address)
        assert path.read_text() == text

    def test_nothing_is_made_when_only_asked_what_a_start_would_say(self, tmp_path: Path) -> None:
        path = tmp_path / "master.key"
        address = f"sqlite:///{tmp_path / 'none.db'}"
        assert get_master_key(path, address, generate=False) is None
        assert not path.exists()

    @pytest.mark.parametrize("text", ["", "short", "A" * 42, "A" * 44, "ä" * 43, "A" * 42 + "!"])
    async def test_key_is_refused_when_it_is_not_32_bytes_in_base64(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "master.key").write_text(text)
        with pytest.raises(ConfigurationError, match=r"master\.key: "):
            get_master_key(tmp_path / "master.key", f"sqlite:///{tmp_path / 'none.db'}")


class TestPostgres(VaultContract):
    """PostgreSQL."""

    @pytest.fixture
    def address(self, postgresql_url: str) -> str:
        return postgresql_url

    async def test_start_is_refused_when_no_key_is_given(
        self, store: SqlStore, address: str, tmp_path: Path
    ) -> None:
        with pytest.raises(ConfigurationError, match="with PostgreSQL it is not generated"):
            await asyncio.to_thread(get_master_key, tmp_path / "master.key", address)
        assert not (tmp_path / "master.key").exists()
