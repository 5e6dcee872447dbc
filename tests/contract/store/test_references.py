"""Looking references up together, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event

from gateway.contract.ids import new_id
from gateway.errors import StoreUnavailable
from gateway.intake.references import References
from gateway.store import SqlStore
from gateway.store.migrate import migrate
from tests.contract.store.contract import accept_one
from tests.contract.store.make import CLIENT, MASTER_KEY, submission


class ReferencesContract:
    """The suite; a subclass gives the fixture `address`."""

    @pytest.fixture
    async def store(self, address: str) -> AsyncIterator[SqlStore]:
        await asyncio.to_thread(migrate, address)
        store = SqlStore(address, master_key=MASTER_KEY)
        yield store
        await store.close()

    @pytest.fixture
    def references(self, store: SqlStore) -> References:
        return References(store)

    async def test_reference_is_known_when_it_names_a_case_or_an_earlier_message(
        self, store: SqlStore, references: References
    ) -> None:
        accepted = await accept_one(store, submission(sender_message_id="ours, not a UUID"))
        asked = [accepted.case_id, "ours, not a UUID", new_id(), "never heard of", accepted.submission_id]
        answers = await asyncio.gather(*(references.known(CLIENT, each) for each in asked))
        assert answers == [True, True, False, False, False]

    async def test_reference_is_unknown_when_it_belongs_to_another_client(
        self, store: SqlStore, references: References
    ) -> None:
        item = submission()
        accepted = await accept_one(store, item)
        for reference in (accepted.case_id, item.sender_message_id):
            asked = [(CLIENT, reference), ("another-portal", reference)]
            answers = await asyncio.gather(*(references.known(*each) for each in asked))
            assert answers == [True, False]

    async def test_reference_is_known_as_soon_as_its_message_is_committed(
        self, store: SqlStore, references: References
    ) -> None:
        item = submission()
        assert not await references.known(CLIENT, item.sender_message_id)
        before = asyncio.create_task(references.known(CLIENT, new_id()))
        await accept_one(store, item)
        assert await references.known(CLIENT, item.sender_message_id)
        await before

    async def test_questions_share_a_look_when_they_wait_together(
        self, store: SqlStore, references: References
    ) -> None:
        statements = []
        event.listen(store._readers.sync_engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
        await asyncio.gather(*(references.known(CLIENT, new_id()) for _ in range(50)))
        assert len([each for each in statements if each.startswith("SELECT")]) == 2

    async def test_others_are_answered_when_a_request_goes_away(self, references: References) -> None:
        tasks = [asyncio.create_task(references.known(CLIENT, each)) for each in ("a", "a", "b")]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[2].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert answers[1] is False
        assert not await references.known(CLIENT, "c")


class TestReferencesOnSqlite(ReferencesContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'store.db'}"


class TestReferencesOnPostgresql(ReferencesContract):
    @pytest.fixture
    def address(self, postgresql_url: str) -> str:
        return postgresql_url


async def test_everyone_hears_of_it_when_the_store_is_away(tmp_path: Path) -> None:
    folder = tmp_path / "not there yet"
    store = SqlStore(f"sqlite:///{folder / 'store.db'}", master_key=MASTER_KEY)
    references = References(store)
    asked = (references.known(CLIENT, each) for each in ("a", "b"))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in answers] == [StoreUnavailable, StoreUnavailable]
    folder.mkdir()
    await asyncio.to_thread(migrate, f"sqlite:///{folder / 'store.db'}")
    assert not await references.known(CLIENT, "a")
    await store.close()
