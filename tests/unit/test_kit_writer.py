"""Group commit in the adapter store: who shares a transaction, and who does not take whom along."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from adapters.kit.database import Database
from adapters.kit.writer import Writer
from gateway.errors import StoreConflict, StoreUnavailable


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    writer = Writer(Database(f"sqlite:///{tmp_path / 'adapter.db'}"), timeout_s=0.5)
    await writer.open()
    await writer.call(lambda db: db.execute(text("CREATE TABLE entry (number INTEGER PRIMARY KEY)")))
    yield writer
    await writer.close()


class Entries:
    """Work that enters numbers and remembers how they were grouped."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def enter(self, db: Connection, numbers: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(numbers))
        for number in numbers:
            db.execute(text("INSERT INTO entry VALUES (:number)"), {"number": number})
        return [10 * number for number in numbers]


async def stored(writer: Writer) -> list[int]:
    return list(await writer.call(lambda db: db.scalars(text("SELECT number FROM entry ORDER BY 1")).all()))


async def test_writer_shares_a_transaction_when_several_wait(writer: Writer) -> None:
    entries = Entries()
    assert await asyncio.gather(*(writer.run(entries.enter, n) for n in range(20))) == list(range(0, 200, 10))
    assert entries.batches == [list(range(20))]


async def test_writer_gathers_when_the_last_transaction_was_shared(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.kit.writer.BUSY_ROUND_S", 0.3)
    monkeypatch.setattr(writer, "_timeout_s", 10)  # a slow disk is not what this is about
    entries = Entries()
    await asyncio.gather(*(writer.run(entries.enter, n) for n in (1, 2)))
    early = asyncio.create_task(writer.run(entries.enter, 3))
    for _ in range(10):  # turns of the loop, in which it would have been handed over
        await asyncio.sleep(0)
    await asyncio.gather(early, writer.run(entries.enter, 4))
    await writer.run(entries.enter, 5)
    assert entries.batches == [[1, 2], [3, 4], [5]]


async def test_writer_stores_the_neighbours_when_one_cannot_be_stored(writer: Writer) -> None:
    entries = Entries()
    await writer.run(entries.enter, 2)
    answers = await asyncio.gather(*(writer.run(entries.enter, n) for n in (1, 2, 3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, StoreConflict, int]
    assert await stored(writer) == [1, 2, 3]
    assert entries.batches == [[2], [1, 2, 3], [1], [2], [2], [3]]  # a conflict may be gone the second time


async def test_writer_leaves_out_who_was_cancelled_before_its_turn(writer: Writer) -> None:
    entries = Entries()
    tasks = [asyncio.create_task(writer.run(entries.enter, n)) for n in (1, 2, 3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await stored(writer) == [1, 3]


async def test_writer_goes_on_when_who_waited_was_cancelled_in_the_middle(writer: Writer) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(db: Connection) -> None:
        begun.set()
        go_on.wait(10)

    task = asyncio.create_task(writer.call(slow))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    go_on.set()
    assert await stored(writer) == []


async def test_writer_says_unavailable_and_can_be_closed_when_the_database_hangs(tmp_path: Path) -> None:
    writer = Writer(Database(f"sqlite:///{tmp_path / 'adapter.db'}"), timeout_s=0.1)
    await writer.open()
    go_on = threading.Event()
    began_at = time.monotonic()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="in time"):
            await writer.call(lambda db: go_on.wait(60))
    await writer.close()
    assert time.monotonic() - began_at < 8
    with pytest.raises(StoreUnavailable, match="not open"):
        await writer.call(lambda db: None)
    go_on.set()
