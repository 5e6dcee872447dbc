"""A gateway in memory, to try an adapter on without any server.

async with GatewayDouble() as gateway:
    runner = gateway.runner(MyAdapter, tmp_path)
    await runner.start()
    delivery = await gateway.deliver(b"<antrag/>")
    report = await gateway.report(ReportType.DELIVERY_ACCEPTED)
    await runner.stop()
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from adapters.kit.adapter import Adapter
from adapters.kit.clock import utc_now
from adapters.kit.handler import MARGIN_S
from adapters.kit.runner import Runner, build_runner
from gateway.broker import MemoryBroker, Outcome
from gateway.contract.delivery import Delivery
from gateway.contract.ids import new_id
from gateway.contract.message import Message
from gateway.contract.report import Report, ReportType
from gateway.contract.states import Role

DESTINATION = "sample"
LIFETIME = timedelta(minutes=10)


def sample_delivery(**fields: Any) -> Delivery:
    """Return a delivery that is complete; `fields` replace what is given here."""
    now = utc_now()
    body = fields.get("body", b"<antrag/>")
    usual: dict[str, Any] = {
        "message_id": new_id(),
        "delivery_id": new_id(),
        "submission_id": new_id(),
        "case_id": new_id(),
        "case_seq": 1,
        "attempt": 1,
        "look_up": False,
        "expires_at": now + LIFETIME,
        "destination": DESTINATION,
        "role": Role.LEAD,
        "tenant": "musterstadt",
        "service": "99050012104000",
        "authority": "psw:01003110",
        "message_type": "xgewerbe:1.0:gewerbe.anmeldung.0101",
        "test": False,
        "attachment_count": 0,
        "original_sha256": sha256(body).hexdigest(),
        "created_at": now,
        "body": body,
    }
    return Delivery.model_validate(usual | fields)


class GatewayDouble:
    """The gateway's side of the contract: sends deliveries, serves attachments, collects reports.

    `reports` holds each report once, by its id, in the order of arrival; `uploads` what was uploaded by
    sha256; `attachments` the listing and content of each by delivery id.
    """

    def __init__(self, destination: str = DESTINATION) -> None:
        self.destination = destination
        self.broker = MemoryBroker()
        self.http = httpx2.AsyncClient(
            base_url="http://gateway.test", transport=httpx2.MockTransport(self._answer)
        )
        self.reports: list[Report] = []
        self.uploads: dict[str, bytes] = {}
        self._bodies: dict[str, bytes] = {}
        self.attachments: dict[str, list[tuple[dict[str, Any], bytes]]] = {}
        self._arrived = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self.broker.start()
        await self.broker.declare([self.destination])
        await self.broker.consume_reports(self._take_report, concurrency=4)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.broker.close(grace_s=1)
        await self.http.aclose()

    def runner(
        self,
        adapter_class: type[Adapter],
        folder: Path,
        *,
        options: Mapping[str, Any] | None = None,
        concurrency: int = 4,
        margin_s: float = MARGIN_S,
    ) -> Runner:
        """Return a runner for an adapter whose store and data are in `folder`; start and stop it yourself."""
        return build_runner(
            adapter_class,
            destination=self.destination,
            options=options or {},
            data_dir=folder / "data",
            store_url=f"sqlite:///{folder / 'adapter.db'}",
            broker=self.broker,
            http=self.http,
            secret="a secret of this test",  # noqa: S106 - there is nothing behind it
            concurrency=concurrency,
            margin_s=margin_s,
        )

    async def deliver(
        self,
        body: bytes = b"<antrag/>",
        *,
        attachments: Mapping[str, bytes] | None = None,
        inline: bool = True,
        **fields: Any,
    ) -> Delivery:
        """Send a delivery and return it.

        Args:
            body: the message.
            attachments: content by file name; the media type is application/pdf.
            inline: False leaves the body out of the copy, as for large ones.
            fields: replace fields of the delivery, such as `attempt` or `look_up`.
        """
        listed = list((attachments or {}).items())
        delivery = sample_delivery(
            **{
                "destination": self.destination,
                "attachment_count": len(listed),
                "original_sha256": sha256(body).hexdigest(),
                "body": body if inline else b"",
            }
            | fields
        )
        self._bodies[delivery.delivery_id] = body
        self.attachments[delivery.delivery_id] = [
            (_listed(number, name, data), data) for number, (name, data) in enumerate(listed, start=1)
        ]
        await self.send(delivery)
        return delivery

    async def send(self, delivery: Delivery) -> None:
        """Send a copy of a delivery, for example a second one."""
        await self.broker.publish_delivery(self.destination, delivery.to_message(LIFETIME.total_seconds()))

    async def report(
        self, kind: ReportType, *, case_id: str | None = None, count: int = 1, timeout_s: float = 10
    ) -> Report:
        """Wait for the `count`-th report of a kind, of a case or of any.

        Raises:
            TimeoutError: it did not come.
        """

        def matching() -> list[Report]:
            return [r for r in self.reports if r.type is kind and case_id in (None, r.case_id)]

        async with asyncio.timeout(timeout_s), self._arrived:
            await self._arrived.wait_for(lambda: len(matching()) >= count)
        return matching()[count - 1]

    async def _take_report(self, message: Message) -> Outcome:
        report = Report.from_message(message)
        async with self._arrived:
            if report.report_id not in {known.report_id for known in self.reports}:
                self.reports.append(report)
            self._arrived.notify_all()
        return Outcome.ACK

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path == "/oauth/token":
            return httpx2.Response(200, json={"access_token": "token", "expires_in": 600})
        parts = path.removeprefix(f"/v1/destinations/{self.destination}/").split("/")
        if request.method == "PUT" and parts[0] == "attachments":
            self.uploads[parts[1]] = await request.aread()
            return httpx2.Response(204)
        return self._content(parts)

    def _content(self, parts: list[str]) -> httpx2.Response:
        match parts:
            case ["deliveries", delivery_id] if delivery_id in self._bodies:
                return httpx2.Response(200, content=self._bodies[delivery_id])
            case ["deliveries", delivery_id, "attachments"]:
                listing = [info for info, _ in self.attachments.get(delivery_id, [])]
                return httpx2.Response(200, content=json.dumps(listing).encode())
            case ["deliveries", delivery_id, "attachments", number]:
                for info, data in self.attachments.get(delivery_id, []):
                    if str(info["number"]) == number:
                        return httpx2.Response(200, content=data)
        return httpx2.Response(404)


def later(delivery: Delivery, *, expires_at: datetime | None = None, **fields: Any) -> Delivery:
    """Return the next attempt of a delivery, as the gateway sends it after a failure or a lease's end."""
    change = {
        "message_id": new_id(),
        "attempt": delivery.attempt + 1,
        "expires_at": expires_at or utc_now() + LIFETIME,
    }
    return delivery.model_copy(update=change | fields)


def _listed(number: int, name: str, data: bytes) -> dict[str, Any]:
    return {
        "number": number,
        "sha256": sha256(data).hexdigest(),
        "size": len(data),
        "media_type": "application/pdf",
        "file_name": name,
    }
