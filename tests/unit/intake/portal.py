"""A portal that hands submissions to intake, with messages out of the fixtures."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from gateway.config import Client, Config
from gateway.contract.ids import new_id
from gateway.intake import Attachment, Intake, Metadata
from gateway.intake.receive import Receipt
from gateway.settings import Settings, data_folder
from gateway.standards import Catalogue
from gateway.xml import rueckkanal
from tests.unit.backchannel.world import START, World, catalogue

FIXTURES = data_folder("fixtures")
URKUNDE = FIXTURES / "xurkunde" / "1.1"
FULL = Metadata()


def sample(name: str) -> bytes:
    """Return the sample of a certificate order whose file name begins so."""
    return next(URKUNDE.glob(f"*/{name}*.xml")).read_bytes()


def put(body: bytes, element: str, value: str) -> bytes:
    """Replace the text of an element wherever it stands."""
    pattern = rf"(<(?:\w+:)?{element}>)[^<]*(</)"
    changed, count = re.subn(pattern, rf"\g<1>{value}\g<2>", body.decode())
    assert count, element
    return changed.encode()


def order(
    name: str = "01-geburtsurkunde", *, message_id: str | None = None, reference: str | None = None
) -> bytes:
    """Return a valid order with an id and a portal reference of its own."""
    body = put(sample(name), "nachrichtenUUID", message_id or new_id())
    return put(body, "referenz", reference or new_id())


def note(reference: str, **head: Any) -> bytes:
    """Return a message (Mitteilung) of the applicant in the case of that reference."""
    return rueckkanal.mitteilung(**_frame(reference, **head), subject="Nachfrage", text="Wie lange noch?")


def withdrawal(reference: str) -> bytes:
    return rueckkanal.antragsruecknahme(**_frame(reference))


def answer(reference: str, files: Sequence[Attachment]) -> bytes:
    """Return documents handed in later."""
    named = [
        rueckkanal.Attachment(
            each.file_name, "Nachweis", "ausweis", each.media_type, len(each.data), each.sha256
        )
        for each in files
    ]
    return rueckkanal.nachreichung(**_frame(reference), attachments=named)


def _frame(reference: str, *, authority: str = "psw:99101000", test: bool = False) -> dict[str, Any]:
    head = rueckkanal.Head(
        author=rueckkanal.Party("DVDV", "psw:99100000", "Serviceportal Musterland"),
        reader=rueckkanal.Party("DVDV", authority, "Standesamt Musterstadt"),
        created_at=START,
        test=test,
    )
    return {"head": head, "reference": rueckkanal.Reference(reference)}


class Counter:
    """Where portals hand in: intake, and the world behind it."""

    def __init__(self, world: World, intake: Intake) -> None:
        self.world = world
        self.intake = intake

    def client(self, name: str = "demo-portal") -> Client:
        return self.world.config.client[name]

    async def receive(
        self,
        body: bytes,
        metadata: Metadata = FULL,
        files: Sequence[Attachment] = (),
        *,
        client: str | Client = "demo-portal",
        **more: Any,
    ) -> Receipt:
        who = self.client(client) if isinstance(client, str) else client
        return await self.intake.receive(who, body, metadata, files, **more)


@asynccontextmanager
async def open_counter(
    world: World, config: Config | None = None, standards: Catalogue | None = None, **settings: Any
) -> AsyncIterator[Counter]:
    known = standards or catalogue()
    intake = Intake(config or world.config, known, world.converter, world.store, Settings(**settings))
    await intake.start()
    try:
        yield Counter(world, intake)
    finally:
        await intake.stop()
