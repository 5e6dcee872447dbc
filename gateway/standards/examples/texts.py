"""What an example says: made-up texts, times and numbers, by the name of the element and its data type.

Nothing here knows a schema's facets: these are offers, the likeliest first, and the caller takes the first
that is valid. No value is anybody's: names are the ones that every German form is filled in with.
"""

import base64
import datetime
import re
import uuid
from collections.abc import Callable, Iterator
from random import Random

from gateway.domain.calendar import BERLIN

_BY_NAME = [
    (re.compile(words, re.IGNORECASE), tuple(offered))
    for words, offered in (
        (r"e-?mail", ["muster@musterstadt.example"]),
        # Numbers that the Bundesnetzagentur keeps free for films.
        (r"telefon|telefax|mobil|phone", ["+49 30 23125555", "03023125555"]),
        (r"postleitzahl|plz$|postalzone", ["12345"]),
        (r"hausnummer", ["12a", "12"]),
        (r"stra(ss|ß)e", ["Musterstraße", "Beispielweg"]),
        (r"vorname|rufname|given|firstname", ["Erika", "Maxi"]),
        (r"familienname|nachname|geburtsname|lastname|surname", ["Mustermann", "Musterfrau"]),
        (r"ort$|ortsname|stadt|wohnort|city", ["Musterstadt", "Beispielhausen"]),
        (r"staat$|land$|country", ["Deutschland", "DE"]),
        (r"staatsangeh", ["deutsch"]),
        (r"^note$|grade$", ["2,3", "2.3"]),
        (r"iban", ["DE02120300000000202051"]),
        (r"waehrung|währung|currency", ["EUR"]),
        (r"sprache$|language|lang$", ["de", "Deutsch"]),
        (r"mime|medientyp|mediatype", ["application/pdf"]),
        (r"dateiname|filename", ["beispiel.pdf"]),
        (r"kennung", ["psw:99100000", "beispiel-1"]),
        (r"regionalschl|^ars$", ["991010001001"]),
        (r"gemeindeschl|^ags$", ["99101000"]),
        (r"behoerde|behörde|organisation|amt$", ["Amt Musterstadt"]),
        (r"^id$", ["A1"]),
        (r"nummer|zeichen$|transaktion", ["2026-4711", "4711"]),
        (r"^test$", ["true"]),
        (r"version", ["1.0"]),
        (r"jahr$|year$", ["2026"]),
        (r"betrag|summe|gebuehr|gebühr|preis|amount", ["12.50", "12"]),
        (r"produkt|hersteller|software", ["Musterprodukt"]),
        (r"titel|betreff|bezeichnung|name$", ["Musterbezeichnung", "Muster"]),
    )
]
_WORDS = (
    "Beispieltext",
    "Mustertext für Übungszwecke",
    "Ein erfundener Text",
    "Probe",
    "Größe und Maß",
)
_SHORT = ("Muster", "Probe", "01", "1", "A1", "DE", "a", "A", "1.0", "0", "false", "01234567")
_FILLER = "Beispiel für einen längeren Text aus einfachen Wörtern ohne jede Bedeutung. "

Offers = Iterator[str]


def texts(name: str, random: Random) -> Offers:
    """Offer texts for an element or attribute of that name."""
    if re.search(r"uuid|guid", name, re.IGNORECASE):
        yield made_up_uuid(random)
    for words, offered in _BY_NAME:
        if words.search(name):
            yield from _turned(offered, random)
    yield from _turned(_WORDS, random)
    yield from _SHORT
    yield made_up_uuid(random)


def filler(length: int) -> str:
    """Return a text of exactly so many characters, with no white space at its ends."""
    text = (_FILLER * (length // len(_FILLER) + 1))[:length]
    return text[:-1] + "n" if text.endswith(" ") else text


def made_up_uuid(random: Random) -> str:
    """Return a UUID of version 4 that the seed decides."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def of_datatype(builtin: str, name: str, random: Random) -> Offers:
    """Offer values of one of XML Schema's own types that is not a text.

    Args:
        builtin: the local name of the type, such as `dateTime`.
    """
    maker = _MAKERS.get(builtin)
    return maker(name, random) if maker else iter(())


def _moment(name: str, random: Random) -> datetime.datetime:
    """Return a point in time in Germany that suits the name: births lie back, ends lie ahead."""
    # From March to July: no leap day, so that it may be moved to another year.
    offset = datetime.timedelta(days=random.randrange(150), seconds=random.randrange(8 * 3600))
    fraction = datetime.timedelta(milliseconds=random.randrange(1, 1000))
    return datetime.datetime(_year(name), 3, 2, 8, 30, tzinfo=BERLIN) + offset + fraction


def _year(name: str) -> int:
    if re.search(r"geburt|birth", name, re.IGNORECASE):
        return 1980
    if re.search(r"[Bb]is$|bis[A-Z]|[Ee]nde|ablauf|f(ä|ae)llig|frist|until|expir|due", name):
        return 2027
    return 2026


def _moments(name: str, random: Random) -> Iterator[datetime.datetime]:
    """The suitable moment, then others that a schema may have its reasons to ask for."""
    first = _moment(name, random)
    yield first
    for year in (2000, 2030, 2045, 2099, 1975, 1950, 1900):
        yield first.replace(year=year)


def _turned(offered: tuple[str, ...], random: Random) -> Offers:
    start = random.randrange(len(offered))
    return iter(offered[start:] + offered[:start])


def _date_times(name: str, random: Random) -> Offers:
    for each in _moments(name, random):
        utc = each.astimezone(datetime.UTC).replace(tzinfo=None)
        plain = each.replace(tzinfo=None)
        yield each.isoformat(timespec="milliseconds")
        yield each.isoformat(timespec="seconds")
        yield utc.isoformat(timespec="milliseconds") + "Z"
        yield utc.isoformat(timespec="seconds") + "Z"
        yield plain.isoformat(timespec="seconds")
        yield plain.isoformat(timespec="milliseconds")


def _dates(name: str, random: Random) -> Offers:
    for each in _moments(name, random):
        for zone in ("", "Z", "+01:00"):
            yield each.date().isoformat() + zone


def _times(name: str, random: Random) -> Offers:
    moment = _moment(name, random).strftime("%H:%M:%S")
    for each in (moment, f"{moment}.125", "00:00:00", "12:00:00", "23:59:59"):
        yield from (each + zone for zone in ("", "Z", "+01:00"))


def _strftime(form: str) -> Callable[[str, Random], Offers]:
    def offers(name: str, random: Random) -> Offers:
        for each in _moments(name, random):
            for zone in ("", "Z"):
                yield each.strftime(form) + zone

    return offers


def _durations(name: str, random: Random) -> Offers:
    yield from _turned(("P30D", "P1M", "PT1H", "P1Y"), random)
    yield from ("P1D", "P1Y6M", "P10Y", "PT1M", "PT1S", "P0D", "-P1D")


def _booleans(name: str, random: Random) -> Offers:
    yield from _turned(("true", "false"), random)
    yield from ("1", "0")


def _base64(name: str, random: Random) -> Offers:
    yield base64.b64encode(b"Beispiel").decode()
    for length in (*range(33), 48, 64, 128):
        yield base64.b64encode(filler(length).encode("ascii", "replace")[:length]).decode()


def _hex(name: str, random: Random) -> Offers:
    for length in (8, *range(33), 48, 64, 128):
        yield random.randbytes(length).hex()
        yield random.randbytes(length).hex().upper()


def _uris(name: str, random: Random) -> Offers:
    yield "https://musterstadt.example/beispiel"
    yield "urn:example:beispiel"
    yield "mailto:muster@musterstadt.example"
    yield "beispiel"


def _fixed(*offered: str) -> Callable[[str, Random], Offers]:
    return lambda name, random: iter(offered)


_MAKERS: dict[str, Callable[[str, Random], Offers]] = {
    "anyURI": _uris,
    "base64Binary": _base64,
    "boolean": _booleans,
    "date": _dates,
    "dateTime": _date_times,
    "duration": _durations,
    "double": _fixed("1.5", "1", "0", "-1", "100", "1000000"),
    "float": _fixed("1.5", "1", "0", "-1", "100", "1000000"),
    "gDay": _strftime("---%d"),
    "gMonth": _strftime("--%m"),
    "gMonthDay": _strftime("--%m-%d"),
    "gYear": _strftime("%Y"),
    "gYearMonth": _strftime("%Y-%m"),
    "hexBinary": _hex,
    "language": _fixed("de", "de-DE", "en", "x"),
    "QName": _fixed("beispiel"),
    "time": _times,
}
