"""The demo's portal: posts samples, follows each, collects the mailbox and answers queries."""

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
PAGE = 500
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

    def fail(self, error: Exception) -> None:
        """Note what went wrong; it is this sample's result, not the demo's."""
        self.error = getattr(error, "detail", type(error).__name__)

    @property
    def ended(self) -> bool:
        """Whether the case has come to its end, or the sample was not even taken."""
        return self.status in FINAL or self.error is not None


class DemoPortal:
    """One client of the gateway that behaves as a portal does, for the cases of this run only."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._trips: dict[str, Trip] = {}
        self._early: dict[str, list[dict[str, Any]]] = {}
        self._after = "0"

    async def pass_over(self) -> None:
        """Go to the end of the mailbox: what lies there belongs to others, or to earlier runs."""
        while True:
            page = await self._portal.mailbox(after=self._after, limit=PAGE)
            if page["next"] == self._after:
                return
            self._after = page["next"]

    async def travel(self, trip: Trip) -> None:
        """Post a sample and follow it until its case is decided."""
        trip.started = time.monotonic()
        posted = await self._portal.submit(
            trip.sample.body, metadata=trip.sample.metadata, files=trip.sample.files
        )
        trip.reach("accepted")
        trip.status = "accepted"
        self._trips[posted["case_id"]] = trip
        for item in self._early.pop(posted["case_id"], []):
            await self._take(trip, item)
        etag = None
        while not trip.ended:
            view, etag = await self._portal.submission(posted["submission_id"], etag=etag, wait_s=20)
            if view:
                _note(trip, view["status"], view["case"]["status"])

    async def read_mailbox(self) -> None:
        """Collect what comes back, for ever, and answer each query."""
        while True:
            page = await self._portal.mailbox(after=self._after, wait_s=20)
            for item in page["items"]:
                await self._sort(item)
            self._after = page["next"]

    async def _sort(self, item: dict[str, Any]) -> None:
        trip = self._trips.get(item["case_id"])
        if trip is None:
            # Not ours, or it has overtaken our receipt.
            self._early.setdefault(item["case_id"], []).append(item)
            return
        try:
            await self._take(trip, item)
        except Exception as error:
            trip.fail(error)

    async def _take(self, trip: Trip, item: dict[str, Any]) -> None:
        content = await self._portal.content(item["links"]["content"])
        if item["type"].endswith(_QUERY):
            trip.queries += 1
            trip.reach("in progress")
            answer, files = _answer(content, item["case_id"], test=item["test"])
            await self._portal.reply(item["case_id"], answer, files=files)
        await self._portal.collect(item["message_id"])


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
    except Exception as error:
        trip.fail(error)
