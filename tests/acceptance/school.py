"""A school office in an afternoon: an adapter that enters what comes in and ends it with a certificate."""

import uuid
from datetime import UTC, datetime
from hashlib import sha256

from adapters.kit import Accepted, Adapter, Work
from gateway.contract.delivery import Delivery
from gateway.xml import rueckkanal

CERTIFICATE = b"Die Meldung ist eingegangen und zu den Akten genommen.\n"


class School(Adapter):
    """Ends every case at once; `entries` maps the submissions it holds to their bytes."""

    async def start(self) -> None:
        self.entries: dict[str, bytes] = {}

    async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
        self.entries[delivery.submission_id] = await work.body()
        reports = self.context.reports
        number = f"SCHULE-{len(self.entries)}"
        await reports.reference(delivery.case_id, aktenzeichen=number, report_id=_id(delivery, "reference"))
        digest = await self.context.documents.upload(CERTIFICATE, "text/plain")
        await reports.decision(
            delivery.case_id, _ended(delivery, digest), report_id=_id(delivery, "decision")
        )
        return Accepted(foreign_id=delivery.submission_id, reference=number)

    async def find(self, delivery: Delivery) -> Accepted | None:
        known = delivery.submission_id in self.entries
        return Accepted(foreign_id=delivery.submission_id) if known else None


def _ended(delivery: Delivery, digest: str) -> bytes:
    party = rueckkanal.Party("DVDV", delivery.authority, "Schulamt der Stadt")
    certificate = rueckkanal.Attachment(
        name="bestaetigung.txt",
        title="Bestätigung",
        kind="schreiben",
        media_type="text/plain",
        size=len(CERTIFICATE),
        sha256=digest,
    )
    return rueckkanal.ergebnis(
        head=rueckkanal.Head(author=party, reader=party, created_at=datetime.now(UTC)),
        reference=rueckkanal.Reference(reference=delivery.case_id),
        kind=rueckkanal.ResultKind.DONE,
        text=CERTIFICATE.decode().strip(),
        attachments=[certificate],
    )


def digest_of_certificate() -> str:
    return sha256(CERTIFICATE).hexdigest()


def _id(delivery: Delivery, what: str) -> str:
    return str(uuid.uuid5(uuid.UUID(delivery.submission_id), what))
