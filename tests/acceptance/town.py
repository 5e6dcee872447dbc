"""Musterstadt from outside: its applications, its portal, and what its offices hold in the end."""

import asyncio
import json
import re
import sqlite3
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import yaml

from gateway.portal import File, GatewayUnreachable, Portal, read_file
from gateway.xml import rueckkanal, rueckkanal_read
from gateway.xml.parse import parse
from tests.acceptance.installation import FIXTURES, PAUSE_S, Installation, eventually

STANDARDS = ("xurkunde/1.0", "xurkunde/1.1", "xparken/1.0", "xgewerbe/1.0")
OFFICES = ("psw:99101000", "psw:99101001", "psw:99101002")
REGISTER, DMS = "musteramt-musterstadt", "dms-musterstadt"
QUERY, FILE_NUMBER, STATUS = "rueckfrage.1130", "aktenzeichen.1111", "status.1120"
FINAL = ("bescheid.1150", "ergebnis.1151")
RECEIPT_S = 40.0

_MESSAGE_ID = re.compile(rb"(<nachrichtenUUID>)[^<]*")
_READER = re.compile(rb"<leser>.*?<kennung>([^<]*)</kennung>", re.DOTALL)
_TEST = re.compile(rb"<[^?!][^>]* test=")


@dataclass(frozen=True)
class Application:
    """One message to post, with an id of its own."""

    name: str
    body: bytes = field(repr=False)
    files: tuple[File, ...] = ()
    metadata: str | None = None


def applications() -> list[Application]:
    """Return every valid sample that an applicant sends to an office of Musterstadt."""
    return [each for standard in STANDARDS for each in _samples(FIXTURES / standard)]


def _samples(folder: Path) -> Iterator[Application]:
    for case in yaml.safe_load((folder / "cases.yaml").read_text(encoding="utf-8")):
        body = (folder / case["file"]).read_bytes()
        if case["expect"] == "accepted" and case.get("direction") != "back" and _for_us(body):
            yield _application(folder, case, body)


def _for_us(body: bytes) -> bool:
    reader = _READER.search(body)
    return reader is not None and reader[1].decode() in OFFICES and not _TEST.search(body)


def _application(folder: Path, case: dict[str, Any], body: bytes) -> Application:
    files = tuple(read_file(folder / name) for name in case.get("attachments", []))
    metadata = json.dumps(case["metadata"]) if "metadata" in case else None
    name = f"{folder.parent.name} {folder.name} {Path(case['file']).stem}"
    return fresh(Application(name, body, files, metadata))


def fresh(application: Application) -> Application:
    """Return the same application under a message id that was never used."""
    body = _MESSAGE_ID.sub(rb"\g<1>" + str(uuid.uuid4()).encode(), application.body, count=1)
    return Application(application.name, body, application.files, application.metadata)


async def submit(portal: Portal, application: Application) -> dict[str, Any]:
    """Post an application; while nobody answers, the same again, as a portal has to."""

    async def post() -> dict[str, Any] | None:
        with suppress(GatewayUnreachable):
            return await portal.submit(
                application.body, metadata=application.metadata, files=application.files
            )
        return None

    return await eventually(post, RECEIPT_S, "a receipt") or {}


@dataclass
class Letter:
    """A message of the mailbox with its content."""

    id: str
    type: str
    case_id: str
    created_at: datetime
    body: bytes = field(repr=False)
    attachments: list[bytes] = field(repr=False)

    def is_one_of(self, names: Sequence[str]) -> bool:
        return self.type.endswith(tuple(names))


class Mail:
    """A portal's reader of its mailbox: takes every message over, and answers queries.

    It reads on in the background while the block runs, whether or not somebody answers.
    """

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._after = "0"
        self._taken: set[str] = set()
        self.letters: dict[str, list[Letter]] = defaultdict(list)
        self.answers: dict[str, dict[str, list[bytes]]] = defaultdict(dict)
        """By case: the answers to queries by their submission ids, and the documents each brought."""

    async def __aenter__(self) -> Self:
        self._reader = asyncio.create_task(self._read_on())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    def decisions(self, case_id: str) -> list[Letter]:
        return [letter for letter in self.letters[case_id] if letter.is_one_of(FINAL)]

    def count(self) -> int:
        return sum(map(len, self.letters.values()))

    async def decided(self, case_ids: Sequence[str], timeout_s: float) -> None:
        """Wait until each of these cases has a final decision."""

        async def look() -> bool:
            if self._reader.done():
                self._reader.result()
            return all(map(self.decisions, case_ids))

        await eventually(look, timeout_s, "every case is decided")

    async def _read_on(self) -> None:
        while True:
            try:
                page = await self._portal.mailbox(after=self._after, wait_s=2)
                for item in page["items"]:
                    await self._take(item)
                self._after = page["next"]
            except GatewayUnreachable:
                await asyncio.sleep(PAUSE_S)

    async def _take(self, item: dict[str, Any]) -> None:
        if item["message_id"] in self._taken:
            return
        links = item["links"]
        letter = Letter(
            item["message_id"],
            item["type"],
            item["case_id"],
            datetime.fromisoformat(item["created_at"]),
            await self._portal.content(links["content"]),
            [await self._portal.content(each) for each in links["attachments"]],
        )
        if letter.is_one_of([QUERY]):
            await self._answer(letter)
        self.letters[letter.case_id].append(letter)
        self._taken.add(letter.id)
        await self._portal.collect(letter.id)

    async def _answer(self, query: Letter) -> None:
        # The id of the answer derives from the query's: answering again after a fault sends the same.
        body, files = answer(query)
        posted = await self._portal.reply(query.case_id, body, files=files)
        self.answers[query.case_id][posted["submission_id"]] = [file.data for file in files]


def answer(query: Letter) -> tuple[bytes, list[File]]:
    """Write an answer to every item of a query, with a document where one is wanted."""
    root = parse(query.body)
    items = rueckkanal_read.query_items(root)
    files = [
        File(f"nachweis-{item.id}.txt", "text/plain", f"{query.id} {item.id}\n".encode())
        for item in items
        if item.document_kind
    ]
    named = {file.name: _described(file) for file in files}
    answers = [
        rueckkanal.Answer(
            item.id,
            "Das reiche ich hiermit nach.",
            [_of_kind(named[f"nachweis-{item.id}.txt"], item.document_kind)] if item.document_kind else [],
        )
        for item in items
    ]
    portal = rueckkanal.Party("DVDV", "psw:99100000", "Serviceportal Musterland")
    head = rueckkanal.Head(
        author=portal,
        reader=portal,
        created_at=datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0),
        message_id=str(uuid.uuid5(uuid.NAMESPACE_OID, query.id)),
    )
    reference = rueckkanal.Reference(
        reference=rueckkanal_read.reference(root).reference, message_id=rueckkanal_read.message_id(root)
    )
    return rueckkanal.antwort(head=head, reference=reference, answers=answers), files


def _described(file: File) -> dict[str, Any]:
    return {
        "name": file.name,
        "title": "Nachweis",
        "media_type": file.media_type,
        "size": len(file.data),
        "sha256": sha256(file.data).hexdigest(),
    }


def _of_kind(described: dict[str, Any], kind: str) -> rueckkanal.Attachment:
    return rueckkanal.Attachment(kind=kind, **described)


async def whole_mailbox(portal: Portal) -> list[dict[str, Any]]:
    """Read everything that was ever put into the mailbox, page by page."""
    items, after = [], "0"
    while (page := await portal.mailbox(after=after, limit=20))["items"]:
        items += page["items"]
        after = page["next"]
    return items


def register(town: Installation, destination: str = REGISTER) -> dict[str, list[str]]:
    """Read from the office's register which submissions it holds: case → submission ids in their order."""
    path = town.var / "adapters" / destination / "register.db"
    held: dict[str, list[str]] = defaultdict(list)
    if not path.exists():
        return held
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for case_id, submission_id in database.execute(
            "SELECT case_id, submission_id FROM inbounds ORDER BY number"
        ):
            held[case_id].append(submission_id)
    return held


@dataclass(frozen=True)
class Filed:
    """One Dokument in the DMS."""

    submission_id: str
    case_id: str
    message_type: str
    body: bytes = field(repr=False)
    attachments: list[bytes] = field(repr=False)


def filed(town: Installation, destination: str = DMS) -> list[Filed]:
    """Read every Dokument that the DMS holds; drafts that a killed process left do not count."""
    root = town.var / "adapters" / destination / "akten"
    return [_filed(path.parent) for path in sorted(root.glob("*/*/[!.]*/metadata.json"))]


def _filed(folder: Path) -> Filed:
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    return Filed(
        metadata["submission_id"],
        metadata["case_id"],
        metadata["message_type"],
        (folder / "message.xml").read_bytes(),
        [(folder / each["file"]).read_bytes() for each in metadata["attachments"]],
    )
