"""The frame of a back-channel message: header, reference to its case, deadlines, attachments.

Everything here is plain data that knows how to write itself. Texts follow `gateway.xml.text`: what only
shows something (names of offices, titles and names of files) is cut and replaced; anything else is never
altered in substance: ValueError says which field does not fit.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from lxml import etree

from gateway.contract.ids import new_id
from gateway.xml.text import cut, label, line
from gateway.xml.write import add, add_code, date_text, matching, time_text, uuid_text

NAMESPACE = "urn:amtsbote:xrueckkanal:1.0"
BASIS = "urn:amtsbote:xbasis:1.0"
R = f"{{{NAMESPACE}}}"
B = f"{{{BASIS}}}"
LISTS = "urn:amtsbote:codeliste:"
KEY = re.compile(r"[A-Za-z][A-Za-z0-9._\-]{0,31}")
SHA256 = re.compile(r"[0-9a-f]{64}")

_GERMANY = ZoneInfo("Europe/Berlin")
_DIRECTORIES = "urn:xoev-de:kosit:codeliste:verzeichnisdienst"
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&\-^_.+]{0,62}/[a-z0-9][a-z0-9!#$&\-^_.+]{0,126}")
_NOT_IN_FILE_NAMES = re.compile(r'[/\\:*?"<>|\t\n]')
_MAX_FILE_NAME = 200
_MAX_FILE_NUMBER = 50


@dataclass(frozen=True, slots=True)
class Party:
    """An authority by its entry in a directory, as reader or author of a message; the name is cut to 250."""

    directory: str
    id: str
    name: str

    def write(self, parent: etree._Element, tag: str) -> None:
        """Append the authority."""
        element = add(parent, tag)
        add_code(element, "verzeichnisdienst", self.directory, _DIRECTORIES)
        add(element, "kennung", line(self.id, "authority id", 250))
        add(element, "name", label(self.name, "authority name", 250))


@dataclass(frozen=True, slots=True)
class Head:
    """The header of an outgoing message; `test` marks it as one that must never reach production."""

    author: Party
    reader: Party
    created_at: datetime
    message_id: str = field(default_factory=new_id)
    product: str = "Amtsbote"
    vendor: str = "Amtsbote"
    product_version: str | None = None
    test: bool = False

    @property
    def day(self) -> date:
        """The day in Germany on which the message was written."""
        return self.created_at.astimezone(_GERMANY).date()

    def start(self, name: str) -> etree._Element:
        """Return the root element of message `name`, with attributes and header."""
        root = etree.Element(f"{R}{name}", nsmap={"r": NAMESPACE, "b": BASIS})
        self._attributes(root)
        head = add(root, "nachrichtenkopf.g2g")
        identification = add(head, "identifikation.nachricht")
        add(identification, "nachrichtenUUID", uuid_text(self.message_id, "message_id"))
        add_code(identification, "nachrichtentyp", name[-4:], f"{LISTS}xrueckkanal.nachrichtentyp")
        add(identification, "erstellungszeitpunkt", time_text(self.created_at, "created_at"))
        self.reader.write(head, "leser")
        self.author.write(head, "autor")
        return root

    def _attributes(self, root: etree._Element) -> None:
        root.set("produkt", label(self.product, "product", 100))
        root.set("produkthersteller", label(self.vendor, "vendor", 100))
        if self.product_version:
            root.set("produktversion", label(self.product_version, "product_version", 100))
        root.set("standard", "xrueckkanal")
        root.set("version", "1.0")
        if self.test:
            root.set("test", "true")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a message is about (Bezug): the portal's id of the case, and a message that it answers.

    `file_number` (Aktenzeichen) is left out where it does not fit into 50 characters: `reference` is what
    identifies, and message 1111 carries the number whole.
    """

    reference: str
    file_number: str | None = None
    message_id: str | None = None

    def write(self, parent: etree._Element) -> None:
        """Append `bezug`."""
        element = add(parent, f"{R}bezug")
        add(element, f"{B}referenz", uuid_text(self.reference, "reference"))
        if self.file_number and len(number := line(self.file_number, "file_number", 250)) <= _MAX_FILE_NUMBER:
            add(element, f"{B}vorgang", number)
        if self.message_id:
            add(element, f"{B}bezugNachricht", uuid_text(self.message_id, "reference message_id"))


class Consequence(StrEnum):
    """What happens when a deadline has passed."""

    NONE = "keine"
    REMINDER = "erinnerung"
    FICTION = "fiktion"


@dataclass(frozen=True, slots=True)
class Deadline:
    """A legal deadline: the last day, which ends at 24:00 in Germany."""

    day: date
    basis: str | None = None
    consequence: Consequence | None = None

    def write(self, parent: etree._Element) -> None:
        """Append `frist`."""
        element = add(parent, f"{R}frist")
        add(element, f"{B}datum", date_text(self.day))
        if self.basis:
            add(element, f"{B}rechtsgrundlage", line(self.basis, "deadline basis", 250))
        if self.consequence:
            add(element, f"{B}rechtsfolge", self.consequence.value)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document that travels beside a message and is matched by `sha256`; `size` is in bytes.

    `kind` is a code of the list `anlageart`. `title` is cut to 250 characters; in `name` what file systems
    do not allow becomes `_`, and it is cut to 200 with its ending kept. Without `id` it is numbered; without
    `day` it is dated the day of the message. `replaces` is the id of an earlier attachment of the case.
    """

    name: str
    title: str
    kind: str
    media_type: str
    size: int
    sha256: str
    id: str | None = None
    day: date | None = None
    replaces: str | None = None

    def write(self, parent: etree._Element, number: int, day: date) -> None:
        """Append `anlage`; `number` and `day` stand in for a missing id and date."""
        element = add(parent, f"{R}anlage")
        add(element, f"{B}id", matching(KEY, self.id or f"A{number}", "attachment id"))
        add(element, f"{B}bezeichnung", label(self.title, "attachment title", 250))
        add_code(element, f"{B}anlageart", self.kind, f"{LISTS}anlageart")
        add(element, f"{B}dateiname", _file_name(self.name))
        add(element, f"{B}mimeType", matching(_MEDIA_TYPE, self.media_type, "attachment media_type"))
        add(element, f"{B}groesse", _size_text(self.size))
        add(element, f"{B}sha256", matching(SHA256, self.sha256, "attachment sha256"))
        add(element, f"{B}datum", date_text(self.day or day))
        if self.replaces:
            add(element, f"{B}ersetzt", matching(KEY, self.replaces, "attachment replaces"))


def write_attachments(
    parent: etree._Element, attachments: Iterable[Attachment], day: date, first: int = 1
) -> None:
    """Append every attachment, numbered from `first`."""
    for number, attachment in enumerate(attachments, start=first):
        attachment.write(parent, number, day)


def _file_name(name: str) -> str:
    fitted = _NOT_IN_FILE_NAMES.sub("_", label(name, "attachment name", 1000))
    if len(fitted) <= _MAX_FILE_NAME:
        return fitted
    ending = PurePosixPath(fitted).suffix[:10]
    return cut(fitted.removesuffix(ending), _MAX_FILE_NAME - len(ending)) + ending


def _size_text(size: int) -> str:
    if not 0 < size < 10**12:
        raise ValueError("attachment size: must be from 1 to 999999999999 bytes")
    return str(size)
