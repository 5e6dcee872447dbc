"""Whatever a row holds comes back as it was, however it travels to the database."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.store import SqlStore, reads
from gateway.store.accept import accept
from gateway.store.bulk import MAX_BYTES_AS_TEXT
from gateway.store.migrate import migrate
from gateway.store.tables import cases, messages
from tests.contract.store.contract import accept_one
from tests.contract.store.make import MASTER_KEY, TENANT, part, submission

AWKWARD = 'Grüße, "O\'Neill" \\x00 {a,b} \t 𝄞 %s %(x)s :y'


class BulkContract:
    """The suite; a subclass gives the fixture `address`."""

    @pytest.fixture
    async def store(self, address: str) -> AsyncIterator[SqlStore]:
        await asyncio.to_thread(migrate, address)
        store = SqlStore(address, master_key=MASTER_KEY)
        yield store
        await store.close()

    async def test_text_stays_as_it_is_when_it_is_awkward(self, store: SqlStore) -> None:
        accepted = await accept_one(
            store,
            submission(
                sender_message_id=AWKWARD,
                portal_reference=AWKWARD,
                copies=("one", AWKWARD),
                applied_on=date(2024, 2, 29),
                channel=None,
            ),
        )
        async with store.read() as connection:
            message = (await connection.execute(select(messages))).one()
            case = (await connection.execute(select(cases))).one()
        assert (message.sender_message_id, message.channel) == (AWKWARD, None)
        assert message.applied_on == date(2024, 2, 29)
        assert message.received_at == accepted.received_at
        assert (case.portal_reference, list(case.copies)) == (AWKWARD, ["one", AWKWARD])

    @pytest.mark.parametrize("size", [0, 1, 9_000, MAX_BYTES_AS_TEXT + 1])
    async def test_content_stays_as_it_is_when_large_or_small(self, store: SqlStore, size: int) -> None:
        contents = [os.urandom(size), bytes(range(256)), b"<antrag/>"]
        item = submission(parts=tuple(part(data, number) for number, data in enumerate(contents)))
        results = await accept(store, [item, submission()])
        async with store.read() as connection:
            for number, data in enumerate(contents):
                stored = await reads.fetch_part(
                    connection, store, results[0].submission_id, number, tenant=TENANT
                )
                assert stored is not None
                assert stored.data == data


class TestBulkOnSqlite(BulkContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'store.db'}"


class TestBulkOnPostgresql(BulkContract):
    @pytest.fixture
    def address(self, postgresql_url: str) -> str:
        return postgresql_url
