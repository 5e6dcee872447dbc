"""What a clerk reads: names instead of codes, German forms of values, a label for every element."""

from pathlib import Path

import pytest
from lxml import etree

from adapters.musteramt.codes import CODE_LISTS, LANGUAGES, VALUES
from adapters.musteramt.labels import label
from adapters.musteramt.outline import outline

SCHEMAS = Path(__file__).parents[2] / "schemas"
XS = "{http://www.w3.org/2001/XMLSchema}"
# The header is not shown, and neither are code and currency: a name or a value stands for them.
NOT_SHOWN = {
    "autor",
    "code",
    "erstellungszeitpunkt",
    "identifikation.nachricht",
    "leser",
    "nachrichtenUUID",
    "nachrichtenkopf.g2g",
    "nachrichtentyp",
    "waehrung",
}


def shown(content, **options):
    root = etree.fromstring(f"<antrag>{content}</antrag>")
    return [(line.label.de, line.value) for line in outline(root, **options)]


def elements():
    names = {
        element.get("name")
        for path in SCHEMAS.glob("*/*/*.xsd")
        for element in etree.parse(path).iter(f"{XS}element")
        if element.get("name")
    }
    return {name for name in names if not name[-4:].isdigit()} - NOT_SHOWN


def code_lists():
    for path in sorted(SCHEMAS.glob("*/*/codelists/*.xml")):
        root = etree.parse(path).getroot()
        name = root.findtext(".//{*}CanonicalUri").rpartition(":")[2]
        if not name.endswith("nachrichtentyp"):
            rows = root.iterfind(".//{*}Row")
            yield pytest.param(name, dict(map(_values, rows)), id=f"{path.parts[-3]}-{name}")


def _values(row):
    values = {each.get("ColumnRef"): each.findtext("{*}SimpleValue") for each in row.iterfind("{*}Value")}
    return values["code"], values["name"]


def test_every_element_of_the_schemas_has_a_label_in_both_languages():
    assert elements()
    assert {name for name in elements() if not label(name).en} == set()


@pytest.mark.parametrize(("name", "names"), list(code_lists()))
def test_codes_are_called_what_their_list_calls_them(name, names):
    assert CODE_LISTS[name] == names


def test_every_own_value_that_is_named_is_one_of_a_schema():
    known = {
        value.get("value")
        for path in SCHEMAS.glob("*/*/*.xsd")
        for value in etree.parse(path).iter(f"{XS}enumeration")
    }
    assert {value for names in VALUES.values() for value in names} <= known


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("<betrag>1234567.50</betrag><waehrung>EUR</waehrung>", ("Betrag", "1.234.567,50 €")),
        ("<summe>0.00</summe>", ("Summe", "0,00 €")),
        ("<gemeldetSeit>2026-03-05</gemeldetSeit>", ("Gemeldet seit", "05.03.2026")),
        ("<zeitpunkt>2026-03-05T20:16:59.123Z</zeitpunkt>", ("Zeitpunkt", "05.03.2026, 21:16 Uhr")),
        ("<zeitpunkt>2026-07-05T23:16:00+01:00</zeitpunkt>", ("Zeitpunkt", "06.07.2026, 00:16 Uhr")),
        ("<jahrMonat>1985-03</jahrMonat>", ("Monat", "03.1985")),
        ("<groesse>11203</groesse>", ("Größe", "11,2 kB")),
        ("<nebenerwerb>false</nebenerwerb>", ("Nebenerwerb", "nein")),
        ("<sprache>fr</sprache>", ("Sprache", "Französisch")),
        ("<zustellweg>post</zustellweg>", ("Zustellweg", "mit der Post")),
        ("<rolle listURI='urn:x:rolle'><code>antragsteller</code></rolle>", ("Rolle", "Antragsteller")),
        ("<kanal listURI='urn:x:erreichbarkeit'><code>01</code></kanal>", ("Kanal", "E-Mail")),
        ("<zone listURI='urn:x:zone'><code>Z</code><name>Altstadt</name></zone>", ("Zone", "Altstadt")),
    ],
)
def test_value_is_shown_in_its_german_form(content, line):
    assert shown(content) == [line]


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("<rolle listURI='urn:x:rolle'><code>neu</code></rolle>", "neu"),
        ("<rolle><code>antragsteller</code></rolle>", "antragsteller"),
        ("<sprache>qaa</sprache>", "qaa"),
        ("<datum>2026-02-30</datum>", "2026-02-30"),
        ("<groesse>viel</groesse>", "viel"),
        ("<nummer>11203</nummer>", "11203"),
    ],
)
def test_value_is_shown_as_it_is_when_nothing_is_known_about_it(content, value):
    assert [line[1] for line in shown(content)] == [value]


def test_unknown_element_is_called_by_its_name():
    assert shown("<neuesMerkmal>x</neuesMerkmal>") == [("Neues Merkmal", "x")]


def test_part_is_left_out_when_it_is_named():
    assert shown("<bezug><referenz>R</referenz></bezug><text>T</text>", without="bezug") == [("Text", "T")]


def test_languages_are_codes_of_two_letters():
    assert {code for code in LANGUAGES if len(code) != 2 or not code.islower()} == set()
