"""The offices of the town: a register that decides at once and a DMS, both with mishaps on demand.

They run as any adapter does, by `amtsbote work`; the harness installs them by an entry point of its own.
Which message meets with which mishap is written down in a file before the run begins; each happens once.
"""

import asyncio
import json
import os
from enum import StrEnum
from pathlib import Path

from adapters.dms import Dms
from adapters.kit import Accepted, Adapter, Context, OutcomeUnknown, Refused, Transient, Work
from chaos.book import Book
from chaos.checker import EFFECT, REFUSED
from chaos.messages import decision, id_of, stable_id
from gateway.broker import RabbitBroker
from gateway.contract.delivery import Delivery
from gateway.contract.ids import new_id
from gateway.contract.report import Refused as RefusedBody
from gateway.contract.report import Report, ReportType

LATE_S = 1.5
DECIDED = "decided"


class Mishap(StrEnum):
    """What may go wrong with one message in an office; the first word says how, the rest when."""

    REFUSE = "refuse"
    TRANSIENT = "transient"
    UNKNOWN_BEFORE = "unknown before"
    UNKNOWN_AFTER = "unknown after"
    UNKNOWN_DECIDED = "unknown decided"
    HANG_BEFORE = "hang before"
    HANG_AFTER = "hang after"
    DIE_BEFORE = "die before"
    DIE_AFTER = "die after"
    DIE_DECIDED = "die decided"
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    LATE = "late"


class Mishaps:
    """The mishaps of one office, each of which happens once however often the message comes."""

    def __init__(self, context: Context, book: Book) -> None:
        everywhere = json.loads(Path(context.options["mishaps"]).read_text(encoding="utf-8"))
        self._planned: dict[str, str] = everywhere.get(context.destination, {})
        self._book = book

    def of(self, delivery: Delivery) -> Mishap | None:
        """Return what is planned for a message."""
        planned = self._planned.get(id_of(delivery.body))
        return Mishap(planned) if planned else None

    async def meet(self, moment: str, delivery: Delivery) -> None:
        """Have the mishap of this moment happen, unless it did before."""
        planned = self.of(delivery)
        if planned is None or not planned.endswith(moment) or self._book.has(f"mishap: {planned}", delivery):
            return
        self._book.write(f"mishap: {planned}", delivery)
        match planned.split()[0]:
            case "die":
                os._exit(9)
            case "hang":
                await asyncio.Event().wait()  # until the kit's bound ends it
            case "crash":
                raise RuntimeError("planned")
            case "unknown":
                raise OutcomeUnknown("planned")
            case _:
                raise Transient("planned")


class Register(Adapter):
    """Enters what is delivered into its book, and decides it at once."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._broker = RabbitBroker(context.options["amqp_urls"], name="late reports")
        self._late: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the book."""
        self._book = Book(Path(self.context.options["book"]), self.context.destination)
        self._mishaps = Mishaps(self.context, self._book)
        await self._broker.start()

    async def stop(self) -> None:
        """Close the book."""
        for task in self._late:
            task.cancel()
        await self._broker.close()
        self._book.close()

    async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
        """Enter it and decide it, or refuse it, with whatever is planned to go wrong."""
        planned = self._mishaps.of(delivery)
        await self._mishaps.meet("transient" if planned is Mishap.TRANSIENT else "before", delivery)
        if planned is Mishap.REFUSE:
            self._refuse(delivery)
        if planned is Mishap.LATE:
            await self._mishaps.meet("late", delivery)
        async with work.step("enter") as step:
            if not step.done:
                self._book.write(EFFECT, delivery, delivery.original_sha256)
                await self._mishaps.meet("after", delivery)
                step.result = delivery.submission_id
        return await self._decide(delivery)

    async def find(self, delivery: Delivery) -> Accepted | None:
        """Look it up in the book; what was entered is decided, if that was not done before."""
        if not self._book.has(EFFECT, delivery):
            return None
        self._book.write("found", delivery)
        return await self._decide(delivery)

    def _refuse(self, delivery: Delivery) -> None:
        if not self._book.has(REFUSED, delivery):
            self._book.write(REFUSED, delivery)
        raise Refused("S999", "Der Antrag ist zu Testzwecken abgelehnt. / Refused for a test.")

    async def _decide(self, delivery: Delivery) -> Accepted:
        xml = decision(delivery.case_id, id_of(delivery.body))
        report_id = stable_report(delivery)
        await self.context.reports.decision(delivery.case_id, xml, report_id=report_id)
        await self._mishaps.meet("decided", delivery)
        if self._mishaps.of(delivery) is Mishap.LATE and delivery.attempt > 1:
            self._report_late(delivery)
        return Accepted(foreign_id=delivery.submission_id)

    def _report_late(self, delivery: Delivery) -> None:
        """Send what an earlier attempt might have reported, had its report not been held up until now."""
        task = asyncio.create_task(self._refuse_late(delivery))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _refuse_late(self, delivery: Delivery) -> None:
        await asyncio.sleep(LATE_S)
        body = RefusedBody(code="S999", reason="Zu spät. / Too late.")
        report = Report(
            report_id=new_id(),
            type=ReportType.DELIVERY_REFUSED,
            destination=delivery.destination,
            case_id=delivery.case_id,
            submission_id=delivery.submission_id,
            delivery_id=delivery.delivery_id,
            attempt=delivery.attempt - 1,
            created_at=delivery.created_at,
            body=body.model_dump_json().encode(),
        )
        await self._broker.publish_report(report.to_message())
        self._book.write("reported late", delivery)


def stable_report(delivery: Delivery) -> str:
    """Return the id of the decision about a submission: the same whenever it is made again."""
    return stable_id("decision", delivery.submission_id)


class Filing(Dms):
    """The DMS that comes with Amtsbote, whose process has mishaps."""

    async def start(self) -> None:
        """Open the book."""
        await super().start()
        self._book = Book(Path(self.context.options["book"]), self.context.destination)
        self._mishaps = Mishaps(self.context, self._book)

    def check_config(self) -> list[str]:
        """The options are the harness's own."""
        return []

    async def stop(self) -> None:
        """Close the book."""
        self._book.close()
        await super().stop()

    async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
        """File it, with whatever is planned to go wrong before and after."""
        planned = self._mishaps.of(delivery)
        await self._mishaps.meet("transient" if planned is Mishap.TRANSIENT else "before", delivery)
        accepted = await super().deliver(delivery, work)
        self._book.write("filed", delivery)
        await self._mishaps.meet("after", delivery)
        return accepted
