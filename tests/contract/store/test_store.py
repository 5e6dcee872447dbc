"""The store's contract on both databases, and what only one of them can show."""

import asyncio
import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, event

from gateway import rush as rush_module
from gateway.errors import ConfigurationError, ReferenceKnown, StoreConflict, StoreInUse, StoreUnavailable
from gateway.intake.commit import MANY, GroupCommit
from gateway.rush import Rush
from gateway.store import SqlStore, cases, deliveries
from gateway.store.accept import accept
from gateway.store.engine import sync_url
from gateway.store.migrate import migrate
from gateway.store.rows import Accepted
from gateway.store.schema import check_schema
from gateway.store.tables import cases as case_table
from gateway.store.tables import messages, metadata, payloads
from tests.contract.store.contract import StoreContract, accept_one, claim, count
from tests.contract.store.locks import until_waiting
from tests.contract.store.make import MASTER_KEY, TENANT, again, part, submission


class CommitContract:
    """What group commit promises on every database."""

    @pytest.fixture
    async def store(self, address: str) -> AsyncIterator[SqlStore]:
        await asyncio.to_thread(migrate, address)
        store = SqlStore(address, master_key=MASTER_KEY)
        yield store
        await store.close()

    @pytest.fixture
    async def commit(self, store: SqlStore) -> AsyncIterator[GroupCommit]:
        commit = GroupCommit(store, max_batch=50, max_waiting=500)
        await commit.start()
        yield commit
        await commit.stop()

    async def test_bad_row_fails_alone(self, commit: GroupCommit, store: SqlStore) -> None:
        items = [submission() for _ in range(5)] + [submission(message_type=None)]
        results = await asyncio.gather(*map(commit.accept, items), return_exceptions=True)
        assert [isinstance(result, Exception) for result in results] == [False] * 5 + [True]
        assert await count(store, messages) == 5

    async def test_cancelled_request_leaves_its_batch_alone(
        self, commit: GroupCommit, store: SqlStore
    ) -> None:
        tasks = [asyncio.create_task(commit.accept(submission())) for _ in range(10)]
        await asyncio.sleep(0)
        tasks[3].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, BaseException) for result in results].count(True) == 1
        await commit.stop()
        assert await count(store, messages) == 10

    async def test_known_reference_takes_no_neighbour_along(
        self, commit: GroupCommit, store: SqlStore
    ) -> None:
        earlier = await commit.accept(submission())
        items = [submission(new_reference=each) for each in ("new", earlier.case_id, "newer")]
        results = await asyncio.gather(*map(commit.accept, items), return_exceptions=True)
        assert [type(each) for each in results] == [Accepted, ReferenceKnown, Accepted]
        assert await count(store, messages) == 3

    async def test_batches_that_overlap_store_each_submission_once(self, store: SqlStore) -> None:
        items = [submission() for _ in range(20)]
        shares = await asyncio.gather(
            accept(store, items),
            accept(store, [again(item) for item in reversed(items)]),
            accept(store, [again(item) for item in items[::2]]),
        )
        by_key = defaultdict(list)
        for share, own in zip(shares, (items, items[::-1], items[::2]), strict=True):
            for item, result in zip(own, share, strict=True):
                by_key[item.key].append(result)
        assert [sum(result.created for result in results) for results in by_key.values()] == [1] * 20
        assert {len({each.case_id for each in results}) for results in by_key.values()} == {1}
        assert [await count(store, each) for each in (messages, payloads, case_table)] == [20, 20, 20]

    @pytest.mark.parametrize("size_bytes", [10, 2 * 1024 * 1024])
    async def test_nothing_of_a_submission_is_stored_when_a_part_is_refused(
        self, store: SqlStore, size_bytes: int
    ) -> None:
        twice = submission(parts=(part(b"x" * size_bytes, 1), part(b"x" * size_bytes, 1)))
        with pytest.raises(StoreConflict):
            await accept(store, [submission(), twice])
        assert [await count(store, each) for each in (messages, payloads, case_table)] == [0, 0, 0]

    @pytest.mark.parametrize(
        ("together", "busy", "waits"),
        [(MANY - 1, True, False), (MANY, True, True), (MANY, False, False)],
    )
    async def test_many_at_once_in_a_busy_process_are_a_rush(
        self, store: SqlStore, monkeypatch: pytest.MonkeyPatch, together: int, busy: bool, waits: bool
    ) -> None:
        monkeypatch.setattr(rush_module, "QUIET_S", 3600)
        rush = Rush(time.monotonic if busy else lambda: 0.0)
        commit = GroupCommit(store, max_batch=50, max_waiting=500, rush=rush)
        items = [submission() for _ in range(together)]
        waiting = [asyncio.create_task(commit.accept(item)) for item in items]
        await asyncio.sleep(0)
        await commit.start()
        await asyncio.gather(*waiting)
        over = asyncio.create_task(rush.over(within_s=3600))
        await asyncio.sleep(0)
        assert over.done() is not waits
        over.cancel()
        await commit.stop()

    async def test_first_to_come_after_a_long_transaction_of_several_waits_for_others(
        self, store: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.intake.commit.BUSY_ROUND_S", 1.0)
        commit = GroupCommit(store, max_batch=50, max_waiting=500)
        case_id = (await accept_one(store)).case_id
        async with store.write() as connection:
            await cases.lock(connection, case_id, tenant=TENANT)
            several = [asyncio.create_task(commit.accept(submission(case_id=case_id))) for _ in range(2)]
            await asyncio.sleep(0)
            await commit.start()
            answered, _ = await asyncio.wait(several, timeout=1.1)
            assert not answered
        await asyncio.gather(*several)
        first = asyncio.create_task(commit.accept(submission()))
        await asyncio.wait({first}, timeout=0.1)
        assert not first.done()
        assert (await first).created
        await commit.stop()

    async def test_next_transaction_waits_for_as_many_as_the_last_had(
        self, store: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.intake.commit.BUSY_ROUND_S", 60.0)
        commit = GroupCommit(store, max_batch=50, max_waiting=500)
        several = [asyncio.create_task(commit.accept(submission())) for _ in range(20)]
        await asyncio.sleep(0)
        await commit.start()
        await asyncio.gather(*several)
        back = [asyncio.create_task(commit.accept(submission())) for _ in range(19)]
        answered, _ = await asyncio.wait(back, timeout=0.1)
        assert not answered
        results = await asyncio.gather(*back, commit.accept(submission()))
        assert len({each.received_at for each in results}) == 1
        await commit.stop()

    async def test_stop_stores_what_still_waits(self, commit: GroupCommit, store: SqlStore) -> None:
        tasks = [asyncio.create_task(commit.accept(submission())) for _ in range(120)]
        await asyncio.sleep(0)
        await commit.stop()
        assert all(result.created for result in await asyncio.gather(*tasks))
        assert await count(store, messages) == 120


class _OnSqlite:
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'store.db'}"


class _OnPostgres:
    @pytest.fixture
    def address(self, postgresql_url: str) -> str:
        return postgresql_url


class TestSqlite(_OnSqlite, StoreContract):
    """SQLite."""

    async def test_second_serving_process_is_refused_with_a_sentence(
        self, store: SqlStore, address: str
    ) -> None:
        store.claim_file()
        other = SqlStore(address)
        with pytest.raises(StoreInUse, match="already served by another process"):
            other.claim_file()
        await other.close()

    async def test_file_is_free_again_after_the_end(self, store: SqlStore, address: str) -> None:
        store.claim_file()
        await store.close()
        other = SqlStore(address)
        other.claim_file()
        await other.close()

    def test_loop_ends_when_a_task_was_cancelled_twice_within_a_statement(self, address: str) -> None:
        other = sqlite3.connect(address.removeprefix("sqlite:///"), isolation_level=None)

        async def write(store: SqlStore) -> None:
            async with store.write():
                pass

        async def cancel_within_begin() -> None:
            store = SqlStore(address, timeout_s=3)
            await write(store)
            other.execute("BEGIN IMMEDIATE")
            task = asyncio.create_task(write(store))
            await asyncio.wait({task}, timeout=0.3)
            task.cancel()
            await asyncio.wait({task}, timeout=0.2)

        # The end of the loop cancels once more; without `stop_once` it would then never close.
        asyncio.run(cancel_within_begin())
        other.close()

    async def test_durability_pragmas_are_set(self, store: SqlStore) -> None:
        async with store.write() as connection:
            journal = (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one()
            synchronous = (await connection.exec_driver_sql("PRAGMA synchronous")).scalar_one()
        assert (journal, synchronous) == ("wal", 2)

    def test_file_is_turned_to_wal_where_it_is_made(self, address: str) -> None:
        migrate(address)
        file = sqlite3.connect(address.removeprefix("sqlite:///"))
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        file.close()


class TestPostgres(_OnPostgres, StoreContract):
    """PostgreSQL."""

    async def test_what_writes_without_a_transaction_writes_with_one_statement(self, store: SqlStore) -> None:
        writes: list[int] = []
        engine = store._readers.sync_engine
        event.listen(engine, "checkout", lambda *_: writes.append(0))

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            writes[-1] += len(re.findall(r"\b(?:INSERT INTO|UPDATE|DELETE FROM) ", statement)) > 0

        event.listen(engine, "before_cursor_execute", note)
        accepted = await accept_one(store, submission(new_reference="a case of the portal"))
        await accept_one(store, submission(case_id=accepted.case_id))
        claimed = await claim(store)
        await deliveries.confirm_sent(store, claimed, lease_s=60)
        await deliveries.release(store, claimed, delay_s=0, look_up=False, outcome="QueueFull")
        assert max(writes) == 1
        assert sum(writes) == 3  # accepting, claiming, confirming

    async def test_connection_that_was_lost_at_rest_is_replaced_unnoticed(
        self, store: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.store.engine._REST_S", 0.0)
        await accept_one(store)
        await _hang_up_on_everybody(store)
        assert (await accept_one(store)).created

    async def test_connection_that_is_lost_in_use_costs_one_answer(
        self, store: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.store.engine._REST_S", 600.0)
        await accept_one(store)
        await _hang_up_on_everybody(store)
        with pytest.raises(StoreUnavailable):
            await accept_one(store)
        assert (await accept_one(store)).created

    async def test_batch_goes_when_enough_waits(
        self, store: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.intake.commit.BUSY_ROUND_S", 600.0)
        commit = GroupCommit(store, max_batch=4, max_waiting=100)
        await commit.start()
        # Two make the writer gather; what would wait for ten minutes goes once four are there.
        assert len(await asyncio.gather(*(commit.accept(submission()) for _ in range(2)))) == 2
        assert len(await asyncio.gather(*(commit.accept(submission()) for _ in range(4)))) == 4
        await commit.stop()

    async def test_deadlock_is_run_again(self, store: SqlStore) -> None:
        low, high = sorted([(await accept_one(store)).case_id for _ in range(2)])
        commit = GroupCommit(store, max_batch=10, max_waiting=10)
        async with store.write() as ours:
            # Whoever finds a deadlock is ended: the batch, which looks for one after a second of waiting.
            await ours.exec_driver_sql("SET LOCAL deadlock_timeout = '1min'")
            await cases.lock(ours, high, tenant=TENANT)
            joining = [submission(case_id=low), submission(case_id=high)]
            async with store.write() as third:
                await cases.lock(third, low, tenant=TENANT)
                tasks = [asyncio.create_task(commit.accept(item)) for item in joining]
                await asyncio.sleep(0)
                await commit.start()
                await until_waiting(store, 1)
                locking = asyncio.create_task(cases.lock(ours, low, tenant=TENANT))
                await until_waiting(store, 2)
            # Now the batch, first in the line, has the lower case and waits for ours as we do for its.
            await locking
        results = await asyncio.gather(*tasks)
        await commit.stop()
        assert [result.created for result in results] == [True, True]

    async def test_database_of_another_version_says_what_to_run(self, store: SqlStore) -> None:
        with pytest.raises(StoreUnavailable, match="amtsbote migrate"):
            async with store.write() as connection:
                await connection.exec_driver_sql("SELECT no_such_column FROM messages")

    async def test_unreachable_database_is_unavailable(self) -> None:
        store = SqlStore("postgresql://nobody@127.0.0.1:1/nothing", timeout_s=2)
        with pytest.raises(StoreUnavailable):
            await store.ping()
        await store.close()


class TestCommitOnSqlite(_OnSqlite, CommitContract):
    """Group commit on SQLite."""


class TestCommitOnPostgres(_OnPostgres, CommitContract):
    """Group commit on PostgreSQL."""


class SchemaContract:
    """The migrations build what the tables say."""

    def test_migrations_build_the_tables(self, address: str) -> None:
        migrate(address)
        engine = create_engine(sync_url(address))
        with engine.connect() as connection:
            differences = compare_metadata(MigrationContext.configure(connection), metadata)
        engine.dispose()
        assert differences == []

    def test_database_without_schema_is_refused_with_the_command_that_mends_it(self, address: str) -> None:
        with pytest.raises(ConfigurationError, match="amtsbote migrate"):
            check_schema(address)

    def test_database_of_a_later_version_is_refused_with_what_that_means(self, address: str) -> None:
        migrate(address)
        engine = create_engine(sync_url(address))
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        engine.dispose()
        with pytest.raises(ConfigurationError, match="9999, which a later version has"):
            check_schema(address)

    def test_migrated_database_is_accepted(self, address: str) -> None:
        migrate(address)
        check_schema(address)


class TestSchemaOnSqlite(_OnSqlite, SchemaContract):
    """SQLite."""


class TestSchemaOnPostgres(_OnPostgres, SchemaContract):
    """PostgreSQL."""


async def _hang_up_on_everybody(store: SqlStore) -> None:
    address = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
