"""A gateway with the demo configuration, seen from outside as portals and adapters see it."""

import asyncio
import base64
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import httpx2
import yaml
from fastapi import FastAPI
from sqlalchemy import select

from gateway.backchannel.docket import work_on
from gateway.broker import MemoryBroker
from gateway.config import Config
from gateway.contract.ids import new_id
from gateway.http.app import create_app
from gateway.http.service import Service
from gateway.intake import Intake
from gateway.settings import Settings, data_folder
from gateway.standards import Catalogue
from gateway.standards.conversion import Converter
from gateway.standards.reading import limits_of
from gateway.store import SqlStore, reports
from gateway.store.migrate import migrate
from gateway.store.rows import BackMessage, Document
from gateway.store.tables import deliveries
from tests.contract.store.make import MASTER_KEY

PORTAL, OTHER, TESTER = "demo-portal", "demo-portal-zwei", "demo-portal-test"
LEAD, ELSEWHERE = "musteramt-musterstadt", "musteramt-beispielhausen"
SERVICE = "99900000000101"
XML = {"Content-Type": "application/xml"}
SAMPLES = data_folder("fixtures") / "xurkunde" / "1.1"

_SENDER_ID = re.compile(rb"<nachrichtenUUID>[^<]*</nachrichtenUUID>")
_CATALOGUE = Catalogue.load([data_folder("schemas")])


def sample(name: str) -> bytes:
    """Return the sample whose file name begins so."""
    return next(SAMPLES.glob(f"*/{name}*.xml")).read_bytes()


def message(sender_id: str | None = None) -> bytes:
    """Return a valid message with an id of its own."""
    named = f"<nachrichtenUUID>{sender_id or new_id()}</nachrichtenUUID>".encode()
    return _SENDER_ID.sub(named, sample("01-geburtsurkunde"))


def secret_of(caller: str) -> str:
    return f"secret-of-{caller}-0123456789"


def demo_config(**changes: Any) -> Config:
    """Return the demo configuration; `changes` replace whole parts of it."""
    text = (data_folder("fixtures") / "demo" / "config.yaml").read_text(encoding="utf-8")
    return Config.model_validate(yaml.safe_load(text) | changes)


class Portal:
    """Calls the API the way a portal's or an adapter's program does."""

    def __init__(self, app: FastAPI, service: Service) -> None:
        self.app = app
        self.service = service
        self.store = service.store
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://amtsbote.example"
        )
        self._tokens: dict[str, str] = {}

    async def sign_in(self, caller: str, secret: str | None = None, **form: str) -> httpx2.Response:
        pair = f"{quote(caller, safe='')}:{quote(secret or secret_of(caller), safe='')}"
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        data = {"grant_type": "client_credentials"} | form
        return await self.http.post("/oauth/token", data=data, headers=headers)

    async def call(
        self,
        method: str,
        path: str,
        *,
        caller: str = PORTAL,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        if caller not in self._tokens:
            self._tokens[caller] = (await self.sign_in(caller)).json()["access_token"]
        bearer = {"Authorization": f"Bearer {self._tokens[caller]}"}
        return await self.http.request(method, path, headers=bearer | (headers or {}), **more)

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self.call("GET", path, **more)

    async def post(self, path: str, **more: Any) -> httpx2.Response:
        return await self.call("POST", path, **more)

    async def submit(self, body: bytes | None = None, **more: Any) -> httpx2.Response:
        headers = XML | more.pop("headers", {})
        path = more.pop("path", "/v1/submissions")
        return await self.post(path, content=message() if body is None else body, headers=headers, **more)

    async def submitted(self, body: bytes | None = None) -> dict[str, Any]:
        answer = await self.submit(body)
        assert answer.status_code == 202, answer.text
        result: dict[str, Any] = answer.json()
        return result

    async def delivery_of(self, submission_id: str, destination: str = LEAD) -> str:
        """Look up the id that a destination learns from the broker."""
        statement = select(deliveries.c.delivery_id).where(
            deliveries.c.message_id == submission_id, deliveries.c.destination == destination
        )
        async with self.store.read() as connection:
            return (await connection.execute(statement)).scalar_one()

    async def send_back(self, accepted: dict[str, Any], text: str = "<bescheid/>", pdf: bytes = b"") -> str:
        """Put a message into the mailbox, as the back channel does; return its id."""
        documents = [await self._upload(pdf)] if pdf else []
        back = BackMessage(
            new_id(), "xrueckkanal:1.0:rueckkanal.mitteilung.1134", text.encode(), tuple(documents)
        )
        config, case_id = self.service.config, accepted["case_id"]
        async with work_on(self.store, config, case_id, tenant="musterstadt") as work:
            work.post(back)
        return back.message_id

    async def _upload(self, pdf: bytes) -> Document:
        document = Document("musterstadt", LEAD, sha256(pdf).hexdigest())
        await reports.put_document(
            self.store,
            destination=document.destination,
            tenant=document.tenant,
            sha256=document.sha256,
            media_type="application/pdf",
            data=pdf,
        )
        return document


@asynccontextmanager
async def running(
    folder: Path, config: Config | None = None, catalogue: Catalogue = _CATALOGUE, **settings: Any
) -> AsyncIterator[Portal]:
    """Run a gateway on a database of its own, without relay and adapters."""
    config = config or demo_config()
    chosen = Settings(var=folder, **settings)
    _prepare(folder, chosen.secrets, config)
    store, broker = SqlStore(chosen.store_url, master_key=MASTER_KEY), MemoryBroker()
    await broker.start()
    converter = Converter(catalogue, limits_of(chosen))
    intake = Intake(config, catalogue, converter, store, chosen)
    await intake.start()
    service = Service(chosen, config, catalogue, converter, store, broker, intake)
    portal = Portal(create_app(service), service)
    try:
        yield portal
    finally:
        await portal.http.aclose()
        await intake.stop()
        await broker.close()
        await store.close()
        await _threads_ended()


async def _threads_ended() -> None:
    """Wait for SQLite's threads: one that is left over would speak to an event loop that is gone."""
    async with asyncio.timeout(10):
        while any("_connection_worker_thread" in each.name for each in threading.enumerate()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@cache
def _empty_database() -> bytes:
    """Migrate once; each test gets a copy."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "amtsbote.db"
        migrate(f"sqlite:///{file}")
        return file.read_bytes()


def _prepare(folder: Path, secrets: Path, config: Config) -> None:
    for kind, names in (("clients", config.client), ("destinations", config.destination)):
        (secrets / kind).mkdir(parents=True)
        for name in names:
            caller = name if kind == "clients" else f"destination:{name}"
            (secrets / kind / name).write_text(secret_of(caller))
    (folder / "amtsbote.db").write_bytes(_empty_database())
    (secrets / "token.key").write_text("a key for tests, long enough")
