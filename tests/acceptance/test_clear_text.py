"""What stands in clear where: nothing of an application outside its message, not at rest and not in a log.

The offices' own stores (register, DMS, adapter store) are theirs and hold what they were sent.
"""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import zstandard
from lxml import etree
from psycopg import sql

from gateway.portal import PortalError
from gateway.xml.parse import parse
from tests.acceptance.installation import FIXTURES, Installation, eventually
from tests.acceptance.town import DMS, REGISTER, Application, Mail, applications, filed, submit
from tests.services import PostgreSQL, PrivateRabbitMQ

WAY_S = 90.0
INVALID = [
    FIXTURES / "xparken" / "1.0" / "invalid" / f"{name}.xml"
    for name in ("02-kennzeichen-in-kleinbuchstaben", "17-sechs-fehler")
]
PERSONAL = (
    *("familienname", "vornamen", "rufname", "geburtsname", "strasse", "jahrMonatTag", "ort", "ortsteil"),
    *("kennzeichen", "registernummer", "ausweisnummer", "dateiname", "transaktion", "text", "angabe"),
)
LONG_ENOUGH = 7
"""Bytes: shorter words turn up by chance in what is encrypted."""
_ZSTD_MAGIC, _FRAME_BYTES = zstandard.FRAME_HEADER, 1_000_000
PUBLIC = ("Musterstadt", "Beispielhausen", "Kleindorf")


def words(bodies: Iterable[bytes]) -> set[str]:
    """Collect names, addresses, file names and the like from messages."""
    found = {
        element.text.strip()
        for body in bodies
        for element in parse(body).iter(etree.Element)
        if element.text and etree.QName(element).localname in PERSONAL
    }
    return {word for word in found if len(word.encode()) >= LONG_ENOUGH and word not in PUBLIC}


def forms(word: str) -> Iterator[bytes]:
    """Give the ways in which a word may be written down: plain, escaped, in hex, in base64."""
    plain = word.encode()
    yield plain
    yield word.encode("utf-16-le")
    yield word.encode("ascii", "backslashreplace")
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for offset in range(3):
        # What stands before and behind changes the first and last characters.
        text = b64encode(bytes(offset) + plain)
        yield text[4 if offset else 0 : -4]


def unpacked(text: bytes) -> Iterator[bytes]:
    """Give what a text is, and what it holds that is only compressed."""
    yield text
    for found in re.finditer(re.escape(_ZSTD_MAGIC), text):
        with suppress(zstandard.ZstdError):
            yield (
                zstandard.ZstdDecompressor().decompressobj().decompress(text[found.start() :][:_FRAME_BYTES])
            )


def in_clear(wanted: set[str], text: bytes) -> list[str]:
    text = b"\n".join(unpacked(text))
    return sorted(word for word in wanted if any(form in text for form in forms(word)))


def personal(sent: list[Application]) -> set[str]:
    names = {file.name for each in sent for file in each.files}
    found = words(each.body for each in sent) | names
    assert len(found) > 60
    return found


@asynccontextmanager
async def travelled(town: Installation, sent: list[Application]) -> AsyncIterator[None]:
    """Let applications travel the whole way, with some that are refused on the spot among them."""
    async with town.portal() as portal, Mail(portal) as mail:
        posted = [await submit(portal, each) for each in sent]
        for path in INVALID:
            with pytest.raises(PortalError):
                await portal.submit(path.read_bytes())
        yield
        await mail.decided([each["case_id"] for each in posted], WAY_S)
        await eventually(lambda: _all_filed(town, mail), WAY_S, "the DMS has every letter")


async def _all_filed(town: Installation, mail: Mail) -> bool:
    letters = {letter.body for case in mail.letters.values() for letter in case}
    return letters <= {each.body for each in filed(town)}


def contents(paths: Iterable[Path]) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in paths if path.is_file()}


def leaks(wanted: set[str], places: dict[str, bytes]) -> dict[str, list[str]]:
    assert all(places.values()), "there is nothing to look at"
    return {name: found for name, text in places.items() if (found := in_clear(wanted, text))}


async def test_nothing_personal_is_in_the_clear_when_everything_is_embedded(embedded: Installation) -> None:
    sent = applications()
    embedded.serve()
    await embedded.ready()
    async with travelled(embedded, sent):
        pass
    embedded.gateway.kill()  # so that what is not in the database file yet is still beside it
    wanted = personal(sent) | words(path.read_bytes() for path in INVALID)
    database = contents(embedded.var.glob("amtsbote.db*"))
    assert any(name.endswith("-wal") for name in database)
    assert leaks(wanted, database | contents(embedded.folder.glob("*.log"))) == {}
    # The search finds what is there: the office has it all.
    register = contents((embedded.var / "adapters" / REGISTER).glob("register.db*"))
    assert len(set().union(*leaks(wanted, register).values())) > 30


async def test_nothing_personal_is_in_the_clear_on_servers(
    postgresql_url: str, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    sent = applications()
    rabbitmq = PrivateRabbitMQ()
    rabbitmq.start()
    town = Installation(tmp_path / "town", database_url=postgresql_url, amqp_url=rabbitmq.url)
    try:
        town.migrate()
        town.serve()
        await town.ready()
        wanted = personal(sent)
        async with travelled(town, sent):
            bodies = {each.body for each in sent}
            assert leaks(wanted, await _queued(rabbitmq, bodies, 2 * len(sent))) == {}
            for name in (REGISTER, DMS):
                town.work(name)
        town.close()
        assert leaks(wanted, {"tables": b"".join(_rows(postgresql_url))}) == {}
        assert leaks(wanted, contents(town.folder.glob("*.log"))) == {}
    finally:
        town.close()
        rabbitmq.discard()


async def _queued(rabbitmq: PrivateRabbitMQ, bodies: set[bytes], count: int) -> dict[str, bytes]:
    """Read everything but bodies: what the broker tells of each message, and its data folder."""

    async def look() -> list[object]:
        order = {"count": 500, "ackmode": "ack_requeue_true", "encoding": "base64"}
        found: list[object] = []
        for name in (REGISTER, DMS):
            queue = f"queues/%2F/amtsbote.deliveries.{name}/get"
            found += rabbitmq.access.manage("POST", queue, json=order)
        return found if len(found) >= count else []

    messages = await eventually(look, WAY_S, "every delivery is in its queue")
    told = {f"message {number}": str(each | {"payload": ""}).encode() for number, each in enumerate(messages)}
    folder = rabbitmq.data_folder
    stored = b"".join(contents(folder.rglob("*")).values())
    assert all(body in stored for body in bodies)
    for body in bodies:
        stored = stored.replace(body, b"")
    return told | {"data folder": stored}


def _rows(url: str) -> Iterator[bytes]:
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in names:
            with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name))) as rows:
                for row in map(bytes, rows):
                    yield row
                    # Contents are written in hex.
                    yield from (
                        bytes.fromhex(each.decode()) for each in re.findall(rb"\\\\x([0-9a-f]+)", row)
                    )


def test_search_knows_a_word_in_every_form_it_may_be_written_in() -> None:
    for text in (b"Herr M\xc3\xbcller-Probe", b"4dc3bc6c6c6572", b64encode("xMüller-Probe!".encode())):
        assert in_clear({"Müller"}, text) == ["Müller"], text
    assert in_clear({"Müller"}, b"row" + zstandard.compress("Müller".encode() * 50) + b"row") == ["Müller"]
    assert in_clear({"Müller"}, b"Herr Muster") == []
