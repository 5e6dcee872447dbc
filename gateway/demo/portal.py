"""The demo's portal: posts samples, follows each, collects the mailbox and answers queries."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from gateway.demo.samples import Sample
from gateway.portal import File, Portal
from gateway.xml import rueckkanal, rueckkanal_read
from gateway.xml.parse import parse
from gateway.xml.rueckkanal import Answer, Attachment, Head, Party, Reference

STAGES = ("accepted", "delivered", "in progress", "decided")
FINAL = frozenset({"decided", "refused", "withdrawn"})

_PORTAL = Party("DVDV", "psw:99100000", "Serviceportal Musterland")
_QUERY = "rueckkanal.rueckfrage.1130"
_NOTE = b"Beispielnachweis des Demoportals, frei erfunden.\n"


@dataclass(slots=True)
class Trip:
    """The way of one sample: when it reached which stage, in seconds since it was posted."""

    sample: Sample
    started: float = field(default_factory=time.monotonic)
    reached: dict[str, float] = field(default_factory=dict)
    status: str = "posting"
    queries: int = 0
    error: str | None = None

    def reach(self, stage: str) -> None:
        """Note that a stage was reached, once."""
        self.reached.setdefault(stage, time.monotonic() - self.started)

    @property
    def ended(self) -> bool:
        """Whether the case has come to its end, or the sample was not even taken."""
        return self.status in FINAL or self.error is not None


class DemoPortal:
    """One client of the gateway that behaves as a portal does."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._trips: dict[str, Trip] = {}

    async def travel(self, trip: Trip) -> None:
        """Post a sample and follow it until its case is decided."""
        trip.started = time.monotonic()
        posted = await self._portal.submit(
            trip.sample.body, metadata=trip.sample.metadata, files=trip.sample.files
        )
        self._trips[posted["case_id"]] = trip
        trip.reach("accepted")
        trip.status = "accepted"
        etag = None
        while not trip.ended:
            view, etag = await self._portal.submission(posted["submission_id"], etag=etag, wait_s=20)
            if view:
                _note(trip, view["status"], view["case"]["status"])

    async def read_mailbox(self) -> None:
        """Collect what comes back, for ever, and answer each query."""
        after = "0"
        while True:
            page = await self._portal.mailbox(after=after, wait_s=20)
            for item in page["items"]:
                if item["collected_at"] is None:
                    await self._take(item)
                    await self._portal.collect(item["message_id"])
            after = page["next"]

    async def _take(self, item: dict[str, Any]) -> None:
        content = await self._portal.content(item["links"]["content"])
        if not item["type"].endswith(_QUERY):
            return
        case_id = item["case_id"]
        # A query of an earlier run, or one that overtook our receipt, is answered too.
        if trip := self._trips.get(case_id):
            trip.queries += 1
            trip.reach("in progress")
        answer, files = _answer(content, case_id, test=item["test"])
        await self._portal.reply(case_id, answer, files=files)


def _note(trip: Trip, submission: str, case: str) -> None:
    if submission == "delivered":
        trip.reach("delivered")
    if case in {"in_progress", "action_required"}:
        trip.reach("in progress")
    trip.status = case if case != "open" else submission
    if trip.status in FINAL:
        trip.reach("decided")


def _answer(query: bytes, case_id: str, *, test: bool) -> tuple[bytes, list[File]]:
    """Answer every item of a query, with a document where one is wanted."""
    root = parse(query)
    files: list[File] = []
    answers = []
    for number, item in enumerate(rueckkanal_read.query_items(root), start=1):
        attachments = []
        if item.document_kind:
            data = _NOTE + f"Nr. {number}\n".encode()
            file = File(f"nachweis-{number}.txt", "text/plain", data)
            files.append(file)
            attachments.append(
                Attachment(
                    name=file.name,
                    title="Nachweis",
                    kind=item.document_kind,
                    media_type=file.media_type,
                    size=len(data),
                    sha256=sha256(data).hexdigest(),
                )
            )
        answers.append(Answer(item.id, "Die fehlende Angabe reiche ich hiermit nach.", attachments))
    stated = rueckkanal_read.reference(root)
    head = Head(author=_PORTAL, reader=_PORTAL, created_at=datetime.now(UTC), test=test)
    reference = Reference(
        reference=stated.reference if stated else case_id, message_id=rueckkanal_read.message_id(root)
    )
    return rueckkanal.antwort(head=head, reference=reference, answers=answers), files


async def follow(portal: DemoPortal, trip: Trip) -> None:
    """Follow a sample; what goes wrong is its result, not the demo's."""
    try:
        await portal.travel(trip)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        trip.error = getattr(error, "detail", type(error).__name__)
