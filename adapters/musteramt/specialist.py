"""Writes the messages that only the deciding office sends: permit, trade receipt, certificate result."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from adapters.musteramt.records import Document
from adapters.musteramt.statements import BERLIN
from adapters.musteramt.xml import Element, find_all, text
from gateway.xml.rueckkanal import Head, Reference
from gateway.xml.text import prose
from gateway.xml.write import add, add_code, time_text, to_bytes

_BASE: Final = "urn:amtsbote:xbasis:1.0"
_LISTS: Final = "urn:amtsbote:codeliste:"


@dataclass(frozen=True, slots=True)
class Permit:
    """A resident's parking permit as granted."""

    number: str
    plate: str
    zone: str
    valid_from: date
    valid_until: date
    document: Document


def write_permit(head: Head, reference: Reference, permit: Permit) -> bytes:
    """Write bewohnerparken.ausweis.0102."""
    paper = _Paper("xparken", "1.0", "p", "bewohnerparken.ausweis.0102", head, reference)
    paper.value("ausweisnummer", permit.number)
    paper.value("kennzeichen", permit.plate)
    paper.code("zone", "xparken.zone", permit.zone)
    paper.value("gueltigVon", permit.valid_from.isoformat())
    paper.value("gueltigBis", permit.valid_until.isoformat())
    paper.attachment("AUSWEIS", "Bewohnerparkausweis", "parkausweis", permit.document, head.created_at)
    return paper.to_bytes()


def write_trade_receipt(head: Head, reference: Reference, number: str, document: Document) -> bytes:
    """Write gewerbe.empfangsbescheinigung.0110 (§ 15 Absatz 1 GewO)."""
    paper = _Paper("xgewerbe", "1.0", "g", "gewerbe.empfangsbescheinigung.0110", head, reference)
    paper.value("gemeindeMeldungNr", number)
    paper.value("datum", _day(head.created_at))
    paper.attachment("EMPFANG", "Empfangsbescheinigung", "empfangsbescheinigung", document, head.created_at)
    return paper.to_bytes()


def write_certificates_issued(head: Head, reference: Reference, order: Element, fee: str) -> bytes:
    """Write urkunde.ergebnis.0102: what was ordered is issued, in the version in which it was ordered."""
    paper = _result_paper(head, reference, order)
    issued = paper.group(paper.group(paper.root, "ergebnis"), "ausgestellt")
    for ordered in find_all(order, "urkunde"):
        certificate = paper.group(issued, "urkunde")
        paper.code("art", "urkundenart", text(ordered, "art/code"), parent=certificate)
        paper.code("format", "urkundenformat", text(ordered, "format/code"), parent=certificate)
        paper.value("anzahl", text(ordered, "anzahl"), parent=certificate)
        if number := text(order, "ereignis/registernummer"):
            paper.value("registernummer", number, parent=certificate)
    paper.value("versanddatum", _day(head.created_at))
    _fee(paper, fee)
    return paper.to_bytes()


def write_certificates_withheld(
    head: Head, reference: Reference, order: Element, *, found: bool, reason: str
) -> bytes:
    """Write urkunde.ergebnis.0102: there is no such entry, or the applicant is not entitled to it."""
    paper = _result_paper(head, reference, order)
    name = "nichtBerechtigt" if found else "nichtGefunden"
    note = paper.group(paper.group(paper.root, "ergebnis"), name)
    paper.value("text", prose(reason, "reasons", 2000), parent=note)
    _fee(paper, "0.00")
    return paper.to_bytes()


def _result_paper(head: Head, reference: Reference, order: Element) -> "_Paper":
    return _Paper("xurkunde", order.get("version", ""), "u", "urkunde.ergebnis.0102", head, reference)


def _fee(paper: "_Paper", amount: str) -> None:
    fee = paper.group(paper.root, "gebuehr")
    paper.value("betrag", amount, parent=fee)
    paper.value("waehrung", "EUR", parent=fee)


def _day(moment: datetime) -> str:
    return moment.astimezone(BERLIN).date().isoformat()


class _Paper:
    """One message in the making: root, header and reference are there, the rest follows in order."""

    def __init__(
        self, standard: str, version: str, prefix: str, name: str, head: Head, reference: Reference
    ) -> None:
        self._namespace = f"urn:amtsbote:{standard}:{version}"
        self.root = etree.Element(
            f"{{{self._namespace}}}{name}",
            produkt=head.product,
            produkthersteller=head.vendor,
            standard=standard,
            version=version,
            nsmap={prefix: self._namespace, "b": _BASE},
        )
        if head.test:
            self.root.set("test", "true")
        self._header(f"{_LISTS}{standard}.nachrichtentyp", name.rpartition(".")[2], head)
        self._reference(reference)

    def group(self, parent: Element, name: str) -> Element:
        """Add an element that holds others."""
        return add(parent, f"{{{self._namespace}}}{name}")

    def value(self, name: str, value: str, *, parent: Element | None = None) -> None:
        """Add an element with text."""
        self.group(self.root if parent is None else parent, name).text = value

    def code(self, name: str, list_name: str, code: str, *, parent: Element | None = None) -> None:
        """Add a code of one of the standards' own lists."""
        owner = self.root if parent is None else parent
        add_code(owner, f"{{{self._namespace}}}{name}", code, f"{_LISTS}{list_name}")

    def attachment(self, key: str, title: str, kind: str, document: Document, made_at: datetime) -> None:
        """Add an Anlage that names a document by its digest."""
        node = self.group(self.root, "anlage")
        _basic(node, "id", key)
        _basic(node, "bezeichnung", title)
        add_code(node, f"{{{_BASE}}}anlageart", kind, f"{_LISTS}anlageart")
        _basic(node, "dateiname", document.file_name)
        _basic(node, "mimeType", document.media_type)
        _basic(node, "groesse", str(len(document.data)))
        _basic(node, "sha256", document.sha256)
        _basic(node, "datum", _day(made_at))

    def to_bytes(self) -> bytes:
        """Return the message as it is sent."""
        return to_bytes(self.root)

    def _header(self, type_list: str, type_code: str, head: Head) -> None:
        header = add(self.root, "nachrichtenkopf.g2g")
        identification = add(header, "identifikation.nachricht")
        add(identification, "nachrichtenUUID", head.message_id)
        add_code(identification, "nachrichtentyp", type_code, type_list)
        add(identification, "erstellungszeitpunkt", time_text(head.created_at, "created_at"))
        for name, agency in (("leser", head.reader), ("autor", head.author)):
            agency.write(header, name)

    def _reference(self, reference: Reference) -> None:
        node = self.group(self.root, "bezug")
        _basic(node, "referenz", reference.reference)
        if reference.file_number:
            _basic(node, "vorgang", reference.file_number)
        if reference.message_id:
            _basic(node, "bezugNachricht", reference.message_id)


def _basic(parent: Element, name: str, value: str | None = None) -> Element:
    return add(parent, f"{{{_BASE}}}{name}", value)
