"""A gateway without HTTP, on SQLite, with the in-process broker and a clock that tests set.

Submissions are posted to the store or to intake, copies go over the broker to a desk that only collects
them, and reports are handed in as a broker would hand them in. What became of it is read from the store.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from sqlalchemy import select

from gateway.backchannel import ReportIntake
from gateway.broker import MemoryBroker, Outcome
from gateway.config import Config
from gateway.contract.delivery import Delivery
from gateway.contract.ids import new_id
from gateway.contract.message import Message
from gateway.contract.report import Accepted, Failed, FailureKind, Reference, Refused, Report, ReportType
from gateway.contract.states import CitizenStatus
from gateway.delivery import DeadLetters, Relay, Sweep
from gateway.rush import Rush
from gateway.settings import Settings, data_folder
from gateway.standards import Catalogue
from gateway.standards.conversion import Converter
from gateway.store import SqlStore, reads, reports
from gateway.store.accept import accept
from gateway.store.migrate import migrate
from gateway.store.rows import Accepted as AcceptedSubmission
from gateway.store.rows import Case
from gateway.store.tables import (
    attempts,
    case_references,
    cases,
    deliveries,
    events,
    findings,
    messages,
)
from gateway.store.tables import reports as report_table
from gateway.xml import rueckkanal
from gateway.xml.parse import DEFAULT_LIMITS
from gateway.xml.rueckkanal import Head, Party
from gateway.xml.rueckkanal import Reference as About
from tests.contract.store.make import LEAD, MASTER_KEY, TENANT, submission

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DEADLINE_S = 5.0


class FakeClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


@cache
def catalogue() -> Catalogue:
    """Return all standards, compiled: which report comes first must make no difference to a test."""
    found = Catalogue.load([data_folder("schemas")])
    for standard in found.standards:
        standard.prepare()
    return found


@cache
def demo_config() -> Config:
    path = data_folder("fixtures") / "demo" / "config.yaml"
    return Config.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def fresh_database(folder: Path, template: Path) -> str:
    """Return the address of an empty database; migrating one for each test would take most of the time."""
    if not template.exists():
        template.parent.mkdir(parents=True, exist_ok=True)
        migrate(f"sqlite:///{template}")
    shutil.copy(template, folder / "store.db")
    return f"sqlite:///{folder / 'store.db'}"


class FaultyBroker(MemoryBroker):
    """A broker that refuses deliveries, or takes them without confirming, as a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.fault: Exception | None = None
        self.refuses: Callable[[Message], bool] = lambda _: True
        self.arrives = False
        self.asked = 0

    @property
    def connected(self) -> bool:
        return super().connected and not self.away

    async def publish_delivery(self, destination: str, message: Message) -> None:
        self.asked += 1
        faulty = self.fault is not None and self.refuses(message)
        if not faulty or self.arrives:
            await super().publish_delivery(destination, message)
        if faulty:
            raise self.fault


class World:
    """Everything between the API and the adapters."""

    def __init__(self, address: str, config: Config | None = None, **settings: Any) -> None:
        self.clock = FakeClock()
        self.config = config or demo_config()
        self.settings = Settings(**settings)
        self.store = SqlStore(
            address, master_key=MASTER_KEY, clock=self.clock, timeout_s=self.settings.store_timeout_s
        )
        self.broker = FaultyBroker()
        self.rush = Rush(time.monotonic)
        self.converter = Converter(catalogue(), DEFAULT_LIMITS)
        self.relay = Relay(self.config, self.converter, self.store, self.broker, self.settings, self.rush)
        self.sweep = Sweep(self.config, self.store)
        self.dead_letters = DeadLetters(self.config, self.store)
        self.reports = ReportIntake(self.config, catalogue(), self.store)
        self.desk: list[Message] = []

    # --- what portals and adapters do

    async def submit(self, **changes: Any) -> AcceptedSubmission:
        """Store a submission; without `case_id` it opens a case."""
        return (await accept(self.store, [submission(**changes)]))[0]

    async def send(self, destination: str = LEAD) -> list[Delivery]:
        """Let the relay send what is due, and return what arrived at the destination."""
        before = len(self.desk)
        await self.relay.send_due(self.config.destination[destination])
        on_the_wire = select(deliveries).where(
            deliveries.c.destination == destination, deliveries.c.state == "sent"
        )
        expected = {(row.delivery_id, row.attempt) for row in await self.rows(on_the_wire)}
        await poll(lambda: expected <= {(m.headers["delivery-id"], m.headers["attempt"]) for m in self.desk})
        return [Delivery.from_message(message) for message in self.desk[before:]]

    async def send_one(self, destination: str = LEAD) -> Delivery:
        (delivery,) = await self.send(destination)
        return delivery

    async def collect(self, message: Message) -> Outcome:
        self.desk.append(message)
        return Outcome.ACK

    async def report(
        self,
        type_: ReportType,
        body: BaseModel | bytes,
        about: Delivery | AcceptedSubmission,
        *,
        destination: str | None = None,
        **changes: Any,
    ) -> Report:
        """Hand a report in; it must be acknowledged whatever becomes of it."""
        made = Report(
            report_id=new_id(),
            type=type_,
            destination=destination or getattr(about, "destination", LEAD),
            case_id=about.case_id,
            delivery_id=getattr(about, "delivery_id", None) if type_.is_delivery else None,
            attempt=getattr(about, "attempt", None) if type_.is_delivery else None,
            created_at=self.clock.now(),
            body=body if isinstance(body, bytes) else body.model_dump_json().encode(),
        )
        report = made.model_copy(update=changes)
        assert await self.reports.handle(report.to_message()) is Outcome.ACK
        return report

    async def accepted(self, delivery: Delivery, foreign_id: str = "F-1", **changes: Any) -> Report:
        return await self.report(
            ReportType.DELIVERY_ACCEPTED, Accepted(foreign_id=foreign_id), delivery, **changes
        )

    async def refused(self, delivery: Delivery, code: str = "S999", **changes: Any) -> Report:
        body = Refused(code=code, reason="Das Fahrzeug ist nicht zugelassen.")
        return await self.report(ReportType.DELIVERY_REFUSED, body, delivery, **changes)

    async def failed(
        self,
        delivery: Delivery,
        kind: FailureKind = FailureKind.TRANSIENT,
        *,
        retry_after_s: float | None = None,
        **changes: Any,
    ) -> Report:
        body = Failed(kind=kind, reason="ConnectError", retry_after_s=retry_after_s)
        return await self.report(ReportType.DELIVERY_FAILED, body, delivery, **changes)

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """Hand a copy in as a dead letter."""
        letter = replace(delivery.to_message(600), death_reason=reason)
        assert await self.dead_letters.handle(letter) is Outcome.ACK

    async def upload(self, data: bytes, *, destination: str = LEAD) -> str:
        digest = sha256(data).hexdigest()
        await reports.put_document(
            self.store,
            destination=destination,
            tenant=TENANT,
            sha256=digest,
            media_type="application/pdf",
            data=data,
        )
        return digest

    # --- what became of it

    async def rows(self, statement: Any) -> list[Any]:
        async with self.store.read() as connection:
            return list(await connection.execute(statement))

    async def delivery(self, delivery_id: str) -> Any:
        (row,) = await self.rows(select(deliveries).where(deliveries.c.delivery_id == delivery_id))
        return row

    async def state(self, delivery: Delivery) -> str:
        return (await self.delivery(delivery.delivery_id)).state

    async def states(self, submission_id: str) -> dict[str, str]:
        """State by destination."""
        rows = await self.rows(select(deliveries).where(deliveries.c.message_id == submission_id))
        return {row.destination: row.state for row in rows}

    async def attempts(self, delivery: Delivery) -> list[str | None]:
        """The outcome of each attempt."""
        statement = select(attempts.c.outcome).where(attempts.c.delivery_id == delivery.delivery_id)
        return [row.outcome for row in await self.rows(statement.order_by(attempts.c.attempt))]

    async def case(self, about: Any) -> Case:
        async with self.store.read() as connection:
            case = await reads.fetch_case(
                connection, about.case_id, client="demo-portal", tenants=list(self.config.tenant)
            )
        assert case is not None
        return case

    async def status(self, submission_id: str) -> str:
        (row,) = await self.rows(select(messages.c.status).where(messages.c.message_id == submission_id))
        return row.status

    async def findings(self) -> list[str]:
        rows = await self.rows(select(findings.c.kind).order_by(findings.c.at, findings.c.finding_id))
        return [row.kind for row in rows]

    async def finding(self) -> Any:
        """The only finding there is."""
        (row,) = await self.rows(select(findings))
        return row

    async def events(self, about: Any) -> list[tuple[str, str | None]]:
        statement = select(events).where(events.c.case_id == about.case_id).order_by(events.c.seq)
        return [(row.kind, row.code) for row in await self.rows(statement)]

    async def mailbox(self) -> list[Any]:
        """The portal's messages, in order."""
        statement = select(messages).where(messages.c.position.is_not(None))
        return await self.rows(statement.order_by(messages.c.position))

    async def letters(self) -> list[str]:
        """The number of each message in the mailbox, such as `1190`."""
        return [row.message_type[-4:] for row in await self.mailbox()]

    async def body(self, message_id: str, number: int = 0) -> bytes:
        async with self.store.read() as connection:
            part = await reads.fetch_part(connection, self.store, message_id, number, tenant=TENANT)
        assert part is not None
        return part.data

    async def references(self, about: Any) -> dict[tuple[str, str], str]:
        rows = await self.rows(select(case_references).where(case_references.c.case_id == about.case_id))
        return {(row.destination, row.kind): row.value for row in rows}

    async def report_state(self, report: Report) -> tuple[str, bytes | None]:
        """What became of a report, and its body where that was kept."""
        (row,) = await self.rows(
            select(report_table).where(
                report_table.c.destination == report.destination,
                report_table.c.report_id == report.report_id,
            )
        )
        return row.state, reports.body_of(self.store, row) if row.body is not None else None

    async def forget_case(self, about: Any) -> None:
        async with self.store.write() as connection:
            await connection.execute(cases.delete().where(cases.c.case_id == about.case_id))


@asynccontextmanager
async def running(address: str, config: Config | None = None, **settings: Any) -> AsyncIterator[World]:
    """Start a world whose destinations only collect what arrives."""
    world = World(address, config, **settings)
    await world.broker.start()
    for name in world.config.destination:
        await world.broker.consume_deliveries(name, world.collect, concurrency=1)
    try:
        yield world
    finally:
        await world.broker.close()
        await world.store.close()


@asynccontextmanager
async def blocked(address: str) -> AsyncIterator[None]:
    """Keep everyone else from writing to a database while the block runs."""
    store = SqlStore(address)
    async with store.write():
        yield
    await store.close()


async def poll(condition: Any) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 the broker has no event for a test
            await asyncio.sleep(0.001)


# --- what a lead destination writes


def _frame(about: Any) -> dict[str, Any]:
    head = Head(
        author=Party("DVDV", "psw:99101000", "Standesamt Musterstadt"),
        reader=Party("amtsbote", "demo-portal", "Demo-Portal des Landes"),
        created_at=START,
    )
    return {"head": head, "reference": About(about.case_id)}


def status_xml(about: Any, code: CitizenStatus = CitizenStatus.PROCESSING) -> bytes:
    return rueckkanal.status(**_frame(about), code=code, text="In Bearbeitung")


def query_xml(about: Any, day: date = date(2026, 12, 7)) -> bytes:
    item = rueckkanal.QueryItem("B1", rueckkanal.ItemKind.STATEMENT, "Wann war das?")
    return rueckkanal.rueckfrage(
        **_frame(about), kind=rueckkanal.QueryKind.QUERY, items=[item], deadline=rueckkanal.Deadline(day)
    )


def document(digest: str, size: int) -> rueckkanal.Attachment:
    return rueckkanal.Attachment(
        "Bescheid.pdf", "Bescheid", "bescheid", "application/pdf", size=size, sha256=digest
    )


def decision_xml(about: Any, digest: str, *, final: bool = True) -> bytes:
    return rueckkanal.bescheid(
        **_frame(about),
        tenor=rueckkanal.Tenor.GRANTED,
        final=final,
        automated=False,
        day=START.date(),
        subject="Bewohnerparkausweis",
        remedy=rueckkanal.Remedy(
            "Binnen eines Monats.", rueckkanal.Deadline(date(2026, 12, 23)), "Stadt Musterstadt"
        ),
        disclosure=rueckkanal.Disclosure(rueckkanal.DisclosureKind.MAILBOX),
        attachments=[document(digest, 100)],
    )


def result_xml(about: Any) -> bytes:
    return rueckkanal.ergebnis(
        **_frame(about), kind=rueckkanal.ResultKind.ISSUED, text="Die Urkunde ist unterwegs."
    )


def note_xml(about: Any) -> bytes:
    return rueckkanal.mitteilung(**_frame(about), subject="Hinweis", text="Wir sind umgezogen.")


def withdrawal_xml(about: Any) -> bytes:
    return rueckkanal.antragsruecknahme(**_frame(about))


def confirmation_xml(about: Any, *, accepted: bool = True) -> bytes:
    return rueckkanal.ruecknahmebestaetigung(**_frame(about), accepted=accepted)


def reference_numbers(number: str = "32-2026-17") -> Reference:
    return Reference(aktenzeichen=number)


class Dialogue:
    """The lead's reports about one case, numbered as an adapter numbers them."""

    def __init__(self, world: World, about: Any, *, first: int = 1) -> None:
        self.world = world
        self.about = about
        self.next = first

    async def say(self, type_: ReportType, body: BaseModel | bytes, **changes: Any) -> Report:
        number = changes.pop("case_sequence", self.next)
        self.next = max(self.next, (number or 0) + 1)
        return await self.world.report(
            type_, body, self.about, destination=LEAD, case_sequence=number, **changes
        )

    async def process(self, **changes: Any) -> Report:
        return await self.say(ReportType.CASE_STATUS, status_xml(self.about), **changes)

    async def ask(self, **changes: Any) -> Report:
        return await self.say(ReportType.CASE_QUERY, query_xml(self.about), **changes)

    async def decide(self, *, final: bool = True, **changes: Any) -> Report:
        digest = await self.world.upload(b"%PDF-Bescheid")
        return await self.say(
            ReportType.CASE_DECISION, decision_xml(self.about, digest, final=final), **changes
        )

    async def note(self, **changes: Any) -> Report:
        return await self.say(ReportType.CASE_MESSAGE, note_xml(self.about), **changes)

    async def confirm_withdrawal(self, **changes: Any) -> Report:
        return await self.say(ReportType.CASE_MESSAGE, confirmation_xml(self.about), **changes)

    async def number(self, value: str = "32-2026-17", **changes: Any) -> Report:
        return await self.say(ReportType.CASE_REFERENCE, reference_numbers(value), **changes)


def today_of(world: World) -> date:
    return world.clock.now().date()
