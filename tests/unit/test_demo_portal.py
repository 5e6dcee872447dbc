"""The demo's portal minds its own cases: what else is in the mailbox is nobody's business of this run."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.demo.portal import DemoPortal, Trip
from gateway.demo.samples import Sample
from gateway.xml import rueckkanal
from gateway.xml.rueckkanal import Deadline, Head, ItemKind, Party, QueryItem, QueryKind, Reference

AUTHORITY = Party("DVDV", "psw:99101001", "Verkehrsbehörde Musterstadt")
OLD, OURS, FOREIGN = (str(uuid.uuid4()) for _ in range(3))


def query(case_id: str) -> bytes:
    return rueckkanal.rueckfrage(
        head=Head(author=AUTHORITY, reader=AUTHORITY, created_at=datetime.now(UTC), test=False),
        reference=Reference(reference=case_id),
        kind=QueryKind.QUERY,
        items=[QueryItem("nutzer", ItemKind.STATEMENT, "Wer nutzt das Fahrzeug?")],
        deadline=Deadline(datetime.now(UTC).date()),
    )


class Gateway:
    """Stands for the portal's client: a mailbox, and one case that is decided when its query is answered."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.collected: list[str] = []
        self.answered: list[str] = []
        self.news, self.is_read = asyncio.Event(), asyncio.Event()
        self.is_answered, self.is_collected = asyncio.Event(), asyncio.Event()

    def post(self, case_id: str, kind: str = "xrueckkanal:1.0:rueckkanal.rueckfrage.1130") -> None:
        number = str(len(self.items) + 1)
        links = {"content": case_id}
        self.items.append(
            {"message_id": number, "case_id": case_id, "type": kind, "test": False, "links": links}
        )
        self.news.set()

    async def mailbox(self, *, after: str, wait_s: float = 0, limit: int = 2) -> dict[str, Any]:
        if wait_s and int(after) == len(self.items):
            if self.items[-1]["case_id"] == FOREIGN:
                self.is_read.set()
            self.news.clear()
            await self.news.wait()
        items = self.items[int(after) :][:limit]
        return {"items": items, "next": str(int(after) + len(items))}

    async def submit(self, body: bytes, **_: Any) -> dict[str, Any]:
        self.post(OURS)
        self.post(FOREIGN)
        await self.is_read.wait()
        return {"case_id": OURS, "submission_id": "1"}

    async def submission(self, *_: Any, **__: Any) -> tuple[dict[str, Any], str]:
        await self.is_answered.wait()
        return {"status": "delivered", "case": {"status": "decided"}}, "etag"

    async def content(self, case_id: str) -> bytes:
        return query(case_id)

    async def reply(self, case_id: str, *_: Any, **__: Any) -> None:
        self.answered.append(case_id)
        self.is_answered.set()

    async def collect(self, message_id: str) -> None:
        self.collected.append(message_id)
        self.is_collected.set()


@pytest.mark.parametrize("overtaken", [True, False])
async def test_only_our_own_query_is_answered_and_collected_when_others_lie_around(overtaken: bool) -> None:
    gateway = Gateway()
    if not overtaken:
        gateway.is_read.set()  # else our receipt comes after the reader has seen the query
    for _ in range(5):
        gateway.post(OLD)
    portal = DemoPortal(gateway)  # type: ignore[arg-type]
    await portal.pass_over()
    reading = asyncio.create_task(portal.read_mailbox())
    trip = Trip(Sample("sample", b"<antrag/>", None, (), False))
    async with asyncio.timeout(5):
        await portal.travel(trip)
        await gateway.is_collected.wait()
    reading.cancel()
    assert (trip.status, trip.queries, trip.error) == ("decided", 1, None)
    assert gateway.answered == [OURS]
    assert gateway.collected == ["6"]
