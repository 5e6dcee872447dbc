"""The adapter of the benchmark: takes what is delivered over and decides it at once, with a short result.

As the peer's adapter answers at once. Runs as `python -m benchmarks.adapter`, with the settings of a worker.
"""

import httpx2

from adapters.kit import Accepted, Adapter, Work
from adapters.kit.runner import build_runner, run_destination
from benchmarks.message import AUTHORITY
from gateway.bootstrap import destination_secret, make_broker
from gateway.config import load_config
from gateway.contract.delivery import Delivery
from gateway.logs import configure_logs
from gateway.process import run, stop_on_signal
from gateway.settings import load_settings, read_secret
from gateway.xml import rueckkanal
from gateway.xml.rueckkanal import ResultKind
from gateway.xml.rueckkanal_frame import Head, Party, Reference

DESTINATION = "bench"
_TEXT = "Der Registerausdruck wurde ausgestellt."
_OFFICE = Party("DVDV", AUTHORITY, "Standesamt des Landkreises Musterland")
_PORTAL = Party("DVDV", "psw:99100000", "Serviceportal Musterland")


class Decider(Adapter):
    """Decides every submission."""

    async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
        """Send the result, then take the submission over."""
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


async def _work() -> None:
    settings = load_settings()
    configure_logs(settings.log_level)
    destination = load_config(settings.config).destination[DESTINATION]
    data_dir = settings.var / "adapters" / DESTINATION
    broker = make_broker(settings)
    with stop_on_signal() as stop:
        await broker.start()
        try:
            async with httpx2.AsyncClient(base_url=settings.gateway_url) as http:
                runner = build_runner(
                    Decider,
                    destination=DESTINATION,
                    options={},
                    data_dir=data_dir,
                    store_url=settings.adapter_db or f"sqlite:///{data_dir / 'adapter.db'}",
                    broker=broker,
                    http=http,
                    secret=read_secret(destination_secret(settings, DESTINATION)),
                    concurrency=destination.concurrency,
                )
                await run_destination(runner, stop)
        finally:
            await broker.close()


if __name__ == "__main__":
    run(_work())
