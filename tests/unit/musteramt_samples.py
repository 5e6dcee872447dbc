"""Messages of made-up people, as small as their schemas allow, for the tests of the sample office."""

from functools import cache
from pathlib import Path

from lxml import etree

from gateway.contract.ids import new_id

SCHEMAS = Path(__file__).parents[2] / "schemas"
STREET = "Lindenstraße"
ZONES = {"MS-A": [STREET]}
PARKING = "99900000000102"
CERTIFICATES = "99900000000101"
TRADE = "99050012104000"
CONSENT = """<b:einwilligung><b:art listURI="urn:amtsbote:codeliste:einwilligung" listVersionID="1">
  <code>elektronische-bekanntgabe</code></b:art><b:zeitpunkt>2026-11-20T10:00:00+01:00</b:zeitpunkt>
  <b:textfassung>2026-01</b:textfassung></b:einwilligung>"""


def message(standard, version, name, content, *, test=False):
    mark = ' test="ja"' if test else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<x:{name} xmlns:x="urn:amtsbote:{standard}:{version}" xmlns:b="urn:amtsbote:xbasis:1.0"
  produkt="Musterportal" produkthersteller="Musterland" standard="{standard}" version="{version}"{mark}>
  <nachrichtenkopf.g2g>
    <identifikation.nachricht>
      <nachrichtenUUID>{new_id()}</nachrichtenUUID>
      {code("nachrichtentyp", f"{standard}.nachrichtentyp", name[-4:])}
      <erstellungszeitpunkt>2026-11-23T08:00:00.000+01:00</erstellungszeitpunkt>
    </identifikation.nachricht>
    <leser>{agency("psw:99101001", "Verkehrsbehörde Musterstadt")}</leser>
    <autor>{agency("psw:99100000", "Serviceportal Musterland")}</autor>
  </nachrichtenkopf.g2g>
  {content}
</x:{name}>""".encode()


def code(tag, name, value):
    return f'<{tag} listURI="urn:amtsbote:codeliste:{name}" listVersionID="1"><code>{value}</code></{tag}>'


def agency(identifier, name):
    directory = (
        '<verzeichnisdienst listURI="urn:xoev-de:kosit:codeliste:verzeichnisdienst" listVersionID="1">'
        "<code>DVDV</code></verzeichnisdienst>"
    )
    return f"{directory}<kennung>{identifier}</kennung><name>{name}</name>"


def frame(service, *, consent=CONSENT, channel="portal", payment=""):
    return f"""<x:rahmen>
    <b:leistung>{service}</b:leistung><b:referenz>{new_id()}</b:referenz>
    <b:antragsdatum>2026-11-20</b:antragsdatum>{code("b:eingangskanal", "eingangskanal", "online")}
    <b:antwortkanal><b:art>{channel}</b:art></b:antwortkanal>{consent}{payment}</x:rahmen>"""


def person(tag="x:beteiligter", *, key="B1", role="antragsteller", surname="Şahin-Čović", protected=False):
    block = "<b:auskunftssperre><b:rechtsgrundlage>§ 51 BMG</b:rechtsgrundlage></b:auskunftssperre>"
    return f"""<{tag}><b:id>{key}</b:id>{code("b:rolle", "rolle", role)}<b:natuerlichePerson>
    <b:familienname>{surname}</b:familienname><b:vornamen>Łucja</b:vornamen>
    <b:geburtsdatum><b:jahrMonatTag>1990-05-17</b:jahrMonatTag></b:geburtsdatum>
    <b:anschrift>{address()}<b:ars>991010001001</b:ars></b:anschrift>{block if protected else ""}
    </b:natuerlichePerson></{tag}>"""


def address(tag="b:inland", street=STREET):
    return f"""<{tag}><b:strasse>{street}</b:strasse><b:hausnummer>5</b:hausnummer><b:plz>99998</b:plz>
    <b:ort>Musterstadt</b:ort></{tag}>"""


def payment(status="bezahlt"):
    return f"""<b:zahlung><b:status>{status}</b:status><b:betrag>30.00</b:betrag><b:waehrung>EUR</b:waehrung>
    {code("b:verfahren", "zahlverfahren", "kreditkarte")}<b:transaktion>T-1</b:transaktion>
    <b:zeitpunkt>2026-11-20T10:01:00+01:00</b:zeitpunkt></b:zahlung>"""


def parking(
    *,
    parties=None,
    keeper="<x:beteiligter>B1</x:beteiligter>",
    status="bezahlt",
    surname="Şahin-Čović",
    consent=CONSENT,
    channel="portal",
    test=False,
):
    content = f"""{frame(PARKING, consent=consent, channel=channel, payment=payment(status))}
    {code("x:art", "xparken.antragsart", "neu")}{parties or person(surname=surname)}
    <x:hauptwohnung>{address("x:inland")}<x:ars>991010001001</x:ars></x:hauptwohnung>
    {code("x:zone", "xparken.zone", "MS-A")}
    <x:fahrzeug><x:kennzeichen>MS-AB 123</x:kennzeichen><x:halter>{keeper}</x:halter></x:fahrzeug>
    <x:zeitraum><x:von>2026-12-01</x:von><x:bis>2027-11-30</x:bis></x:zeitraum>"""
    return message("xparken", "1.0", "bewohnerparken.antrag.0101", content, test=test)


def foreign_vehicle(**options):
    """An application for the vehicle of somebody who does not take part."""
    return parking(keeper="<x:name>Erna Beispiel</x:name>", **options)


def certificate(*, relation="selbst", version="1.1"):
    way = "<x:zustellweg>post</x:zustellweg>" if version == "1.1" else ""
    content = f"""{frame(CERTIFICATES)}{person()}
    <x:registerfuehrendesStandesamt>{agency("psw:99101000", "Standesamt Musterstadt")}
    </x:registerfuehrendesStandesamt><x:register>geburt</x:register>
    <x:ereignis><x:datum><b:jahr>1990</b:jahr></x:datum><x:ort><b:name>Musterstadt</b:name></x:ort>
      <x:registernummer>G 815/1990</x:registernummer></x:ereignis>
    <x:betroffene><x:familienname>Şahin</x:familienname><x:vornamen>Łucja</x:vornamen></x:betroffene>
    <x:urkunde>{code("x:art", "urkundenart", "geburtsurkunde")}{code("x:format", "urkundenformat", "a4")}
      <x:anzahl>2</x:anzahl></x:urkunde>
    <x:berechtigung>{code("x:verhaeltnis", "berechtigungsverhaeltnis", relation)}</x:berechtigung>
    <x:verwendungszweck>Eheschließung</x:verwendungszweck>{way}"""
    return message("xurkunde", version, "urkunde.anforderung.0101", content)


def trade():
    content = f"""{frame(TRADE)}
    <x:betrieb><x:name>Bäckerei Öztürk</x:name>
      {code("x:rechtsform", "rechtsform", "einzelunternehmen")}</x:betrieb>
    <x:anzeigender>{person()}</x:anzeigender>
    <x:betriebsstaette>{address("x:inland")}<x:ars>991010001001</x:ars></x:betriebsstaette>
    <x:taetigkeit><x:text>Handel mit Backwaren</x:text></x:taetigkeit><x:beginn>2026-12-01</x:beginn>
    {code("x:niederlassungsart", "xgewerbe.niederlassungsart", "hauptniederlassung")}
    <x:nebenerwerb>false</x:nebenerwerb>
    <x:vollzeit>2</x:vollzeit><x:teilzeit>0</x:teilzeit>
    {code("x:grund", "xgewerbe.anmeldegrund", "neugruendung")}"""
    return message("xgewerbe", "1.0", "gewerbe.anmeldung.0101", content)


@cache
def schema(standard, version):
    return etree.XMLSchema(etree.parse(SCHEMAS / standard / version / f"{standard}.xsd"))


def valid(body):
    """Return the message's root after validating it against its schema."""
    root = etree.fromstring(body)
    schema(root.get("standard"), root.get("version")).assertValid(root)
    return root
