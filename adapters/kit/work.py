"""One delivery in hand: its content, and the steps that are already done."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from adapters.kit.errors import Transient
from adapters.kit.gateway_client import AttachmentInfo, GatewayClient
from adapters.kit.steps import Step
from adapters.kit.store import AdapterStore
from gateway.contract.delivery import Delivery

_REPORT_IDS = uuid.UUID("01980a6e-5d52-7b0e-9d5c-3f1f6f0c8a11")


def stable_report_id(destination: str, submission_id: str, name: str) -> str:
    """Return the id that a report of this name about this submission has whenever it is made again."""
    return str(uuid.uuid5(_REPORT_IDS, f"{destination}/{submission_id}/{name}"))


class Work:
    """What `deliver` works with. Everything here may be called again after a crash."""

    def __init__(self, delivery: Delivery, store: AdapterStore, gateway: GatewayClient) -> None:
        self.delivery = delivery
        self._store = store
        self._gateway = gateway
        self._attachments: list[AttachmentInfo] | None = None

    @property
    def submission_id(self) -> str:
        """The submission: the same on every resend, the key for `find`."""
        return self.delivery.submission_id

    @property
    def case_id(self) -> str:
        """The case the submission belongs to."""
        return self.delivery.case_id

    def report_id(self, name: str) -> str:
        """Return an id for a report made in `deliver`, the same each time this submission is worked on."""
        return stable_report_id(self.delivery.destination, self.submission_id, name)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[Step]:
        """Enter a step: do it unless `step.done`, set `step.result`; it is recorded when the block ends well.

        async with work.step("register") as step:
            if not step.done:
                step.result = await application.register(...)
        """
        known = await self._store.fetch_step(self.delivery.delivery_id, name)
        if known is not None:
            yield known
            return
        step = Step(name)
        yield step
        step.done = True
        await self._store.record_step(self.delivery.delivery_id, step)

    async def body(self) -> bytes:
        """Return the message, from the copy itself or fetched where it is too large to travel inline.

        Raises:
            Transient: the gateway did not answer.
        """
        return self.delivery.body or await self._gateway.fetch_body(self.delivery.delivery_id)

    async def original(self) -> bytes:
        """Return the message as the portal sent it: the evidence, where `body` was converted from it.

        Raises:
            Transient: the gateway did not answer.
        """
        if self.delivery.converted_from is None:
            return await self.body()
        return await self._gateway.fetch_original(self.delivery.delivery_id)

    async def attachments(self) -> list[AttachmentInfo]:
        """List the attachments, numbered as in the message.

        Raises:
            Transient: the gateway did not answer.
        """
        if self._attachments is None:
            count = self.delivery.attachment_count
            listed = await self._gateway.list_attachments(self.delivery.delivery_id) if count else []
            self._attachments = listed
        return self._attachments

    async def attachment(self, number: int) -> bytes:
        """Return one attachment, compared with its sha256 in the list.

        Raises:
            Transient: the gateway did not answer, or with other bytes.
        """
        expected = {each.number: each.sha256 for each in await self.attachments()}.get(number)
        data = await self._gateway.fetch_attachment(self.delivery.delivery_id, number)
        if sha256(data).hexdigest() != expected:
            raise Transient(f"Attachment {number} is not the one that the gateway lists.")
        return data
