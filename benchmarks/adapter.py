"""The adapter of the benchmark: takes what is delivered over and decides it at once, with a short result.

As the peer's adapter answers at once. It is found as any adapter that a vendor installs: by an entry point.
"""

import os
import time

from adapters.kit import Accepted, Adapter, Context, Work
from benchmarks.message import AUTHORITY
from benchmarks.stamps import STAMPS
from gateway.contract.delivery import Delivery
from gateway.xml import rueckkanal
from gateway.xml.rueckkanal import ResultKind
from gateway.xml.rueckkanal_frame import Head, Party, Reference

_TEXT = "Der Registerausdruck wurde ausgestellt."
_OFFICE = Party("DVDV", AUTHORITY, "Standesamt des Landkreises Musterland")
_PORTAL = Party("DVDV", "psw:99100000", "Serviceportal Musterland")


class Decider(Adapter):
    """Decides every submission, and notes when it was handed it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._stamps = os.open(os.environ[STAMPS], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
        """Send the result, then take the submission over."""
        os.write(self._stamps, f"{delivery.submission_id} {time.monotonic_ns()}\n".encode())
        await self.context.reports.decision(
            delivery.case_id, _result(delivery), report_id=delivery.submission_id
        )
        return Accepted(foreign_id=delivery.submission_id)

    async def find(self, delivery: Delivery) -> Accepted | None:
        """Nothing is kept but the reports, whose ids make a second one harmless."""
        return None


def _result(delivery: Delivery) -> bytes:
    return rueckkanal.ergebnis(
        head=Head(author=_OFFICE, reader=_PORTAL, created_at=delivery.created_at),
        reference=Reference(delivery.case_id, message_id=delivery.submission_id),
        kind=ResultKind.ISSUED,
        text=_TEXT,
    )
