"""Connects the sample office to the gateway: enters what is delivered, and lets the office act on it."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime

from pydantic import ValidationError

from adapters.kit import Accepted, Adapter, Context, Refused, Work
from adapters.musteramt.desk import Desk
from adapters.musteramt.handover import Handover
from adapters.musteramt.office import Office
from adapters.musteramt.options import Options
from adapters.musteramt.page import Page, read_or_make_secret
from adapters.musteramt.reading import Reading, read
from adapters.musteramt.records import Document, Entry, NewInbound
from adapters.musteramt.register import Register
from adapters.musteramt.web import create_app
from gateway.contract.codes import RejectCode
from gateway.contract.delivery import Delivery
from gateway.contract.states import Role

_NOT_COMPETENT = "Diese Stelle ist für die Leistung nicht zuständig. Bitte wenden Sie sich an Ihre Gemeinde."


class Musteramt(Adapter):
    """The sample specialist application of one destination."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._options = Options()
        self._register = Register(context.data_dir / "register.db")
        self._handover = Handover(self._register, context.reports, context.documents, now=_now)
        self._office: Office
        self._desk: Desk
        self._page: Page | None = None
        self._running = AsyncExitStack()

    @property
    def page_port(self) -> int | None:
        """The port of the clerk's page, None where it is not served."""
        return self._page.port if self._page else None

    def check_config(self) -> list[str]:
        """Return a sentence about each option that is wrong."""
        try:
            Options.model_validate(dict(self.context.options))
        except ValidationError as error:
            return [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        return []

    async def start(self) -> None:
        """Open the register and go on with everything unfinished."""
        self._options = Options.model_validate(dict(self.context.options))
        self._office = Office(self._register, self._options, wake=self._handover.wake, now=_now)
        delay_s = self._options.clerk_delay_s if self._options.scripted_clerk else None
        self._desk = Desk(self._register, self._office, clerk_delay_s=delay_s)
        self._running.push_async_callback(self._register.close)
        await self._register.open()
        if self._options.page_port is not None:
            self._page = self._make_page(self._options.page_port)
            self._running.push_async_callback(self._page.stop)
            self._page.start()
        self._running.push_async_callback(self._handover.stop)
        self._handover.start()
        self._running.push_async_callback(self._desk.stop)
        await self._desk.start()

    async def stop(self) -> None:
        """Stop acting, then close the register; what was started only in part is closed too."""
        await self._running.aclose()

    async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
        """Enter one submission; the office acts on it afterwards."""
        if delivery.service in self._options.refuse_services:
            raise Refused(RejectCode.OTHER.value, _NOT_COMPETENT)
        body = await work.body()
        reading = read(body)
        inbound = _inbound(delivery, reading, body, await _fetch_documents(work))
        entry = await self._register.record(
            inbound,
            lambda case, new: self._office.acknowledge(reading, case, new=new),
            now=_now(),
        )
        return self._accept(entry)

    async def find(self, delivery: Delivery) -> Accepted | None:
        """Look a submission up in the register."""
        entry = await self._register.fetch_entry(delivery.submission_id)
        return self._accept(entry) if entry else None

    def _accept(self, entry: Entry) -> Accepted:
        self._handover.wake()
        self._desk.put(entry.case_id)
        return Accepted(foreign_id=entry.number, reference=entry.aktenzeichen)

    def _make_page(self, port: int) -> Page:
        given = self._options.page_secret_file
        secret = read_or_make_secret(given or self.context.data_dir / "page-secret", generate=given is None)
        return Page(create_app(self._register, self._office, secret=secret), port)


async def _fetch_documents(work: Work) -> tuple[Document, ...]:
    documents = []
    for each in await work.attachments():
        data = await work.attachment(each.number)
        documents.append(Document(each.sha256, each.file_name or each.sha256[:16], each.media_type, data))
    return tuple(documents)


def _inbound(
    delivery: Delivery, reading: Reading, body: bytes, documents: tuple[Document, ...]
) -> NewInbound:
    return NewInbound(
        submission_id=delivery.submission_id,
        case_id=delivery.case_id,
        kind=reading.kind,
        subject=reading.subject,
        service=delivery.service,
        authority=delivery.authority,
        reference=reading.reference or delivery.case_id,
        message_type=delivery.message_type,
        message_id=reading.message_id,
        test=delivery.test,
        lead=delivery.role is Role.LEAD,
        body=body,
        documents=documents,
    )


def _now() -> datetime:
    return datetime.now(UTC)
