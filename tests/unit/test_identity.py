"""Identifiers of XML Schema's own types, which libxml2 does not check; only what a schema declares counts."""

import time

import pytest

from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.xml.parse import parse
from gateway.xml.validate import Documents, Schema

HEAD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="http://www.w3.org/2001/XMLSchema"
  xmlns:t="urn:t" targetNamespace="urn:t" elementFormDefault="qualified">"""
XSD = f"""{HEAD}
<xs:include schemaLocation="part.xsd"/>
<xs:element name="r"><xs:complexType><xs:sequence>
  <xs:element name="part" minOccurs="0" maxOccurs="99"><xs:complexType><xs:sequence>
      <xs:any minOccurs="0" maxOccurs="9" processContents="skip"/></xs:sequence>
    <xs:attribute name="id" type="t:Own"/></xs:complexType></xs:element>
  <xs:element name="plain" minOccurs="0" maxOccurs="99"><xs:complexType>
    <xs:attribute name="id" type="xs:string"/></xs:complexType></xs:element>
  <xs:element name="key" type="ID" minOccurs="0" maxOccurs="99"/>
  <xs:element name="valued" type="t:Valued" minOccurs="0" maxOccurs="99"/>
  <xs:element name="to" minOccurs="0" maxOccurs="99"><xs:complexType>
    <xs:attribute name="one" type="xs:IDREF"/><xs:attribute name="many" type="t:Many"/>
    <xs:attribute ref="t:far"/><xs:attributeGroup ref="t:near"/></xs:complexType></xs:element>
</xs:sequence></xs:complexType></xs:element>
<xs:attribute name="far" type="xs:IDREF"/>
<xs:simpleType name="Own"><xs:restriction base="t:Base">
  <xs:maxLength value="9"/></xs:restriction></xs:simpleType>
<xs:simpleType name="Base"><xs:restriction base="xs:ID"/></xs:simpleType>
<xs:simpleType name="Many"><xs:list itemType="xs:IDREF"/></xs:simpleType>
<xs:complexType name="Valued"><xs:simpleContent>
  <xs:extension base="t:Own"/></xs:simpleContent></xs:complexType>
</xs:schema>""".encode()
PART = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:attributeGroup name="near"><xs:attribute name="near" type="xs:IDREFS"/></xs:attributeGroup></xs:schema>"""

SCHEMA = Schema(Documents("t.xsd", {"t.xsd": XSD, "part.xsd": PART}), {})


def look_at(content: str) -> list[tuple[str, int]]:
    body = f'<t:r xmlns:t="urn:t">\n{content}</t:r>'.encode()
    found = SCHEMA.find(parse(body), body)
    assert all(finding.code == "X001" and finding.severity == "error" for finding in found.shown)
    return [(finding.path, finding.line or 0) for finding in found.shown]


@pytest.mark.parametrize(
    "content",
    [
        "",
        '<t:part id="a"/><t:part id="b"/><t:to one="a" many="b a" t:far="b" near="a"/>',
        '<t:plain id="a"/><t:plain id="a"/>',
        '<t:part id="a"/><t:plain id="a"/>',
        '<t:part id="a"><t:part id="a"/><t:to one="z"/></t:part>',
        "<t:key>a</t:key><t:valued>b</t:valued><t:to one=' a ' many=' b\n a'/>",
        '<t:part id="a"/><t:part/><t:part/><t:to/>',
    ],
)
def test_message_is_valid_when_identifiers_are_unique_and_references_lead_to_one(content: str) -> None:
    assert look_at(content) == []


@pytest.mark.parametrize(
    ("content", "path", "line"),
    [
        ('<t:part id="a"/>\n<t:part id="a"/>', "/t:r/t:part[2]/@id", 3),
        ('<t:part id="a"/>\n<t:part id=" a"/>', "/t:r/t:part[2]/@id", 3),
        ('<t:part id="a"/>\n<t:key>a</t:key>', "/t:r/t:key", 3),
        ("<t:key>a</t:key>\n<t:valued>a</t:valued>", "/t:r/t:valued", 3),
        ('<t:part id="a"/>\n<t:to one="b"/>', "/t:r/t:to/@one", 3),
        ('<t:part id="a"/>\n<t:to many="a b"/>', "/t:r/t:to/@many", 3),
        ('<t:part id="a"/>\n<t:to t:far="A"/>', "/t:r/t:to/@t:far", 3),
        ('<t:part id="a"/>\n<t:to near="b"/>', "/t:r/t:to/@near", 3),
        ('<t:plain id="a"/>\n<t:plain id="a"/><t:to one="b"/>', "/t:r/t:to/@one", 3),
    ],
)
def test_message_is_refused_when_an_identifier_is_amiss(content: str, path: str, line: int) -> None:
    assert look_at(content) == [(path, line)]


def test_identifiers_are_looked_at_also_when_something_else_is_wrong() -> None:
    assert look_at('<t:part id="a"/>\n<t:part id="a"/>\n<t:wrong/>') == [
        ("/t:r/t:part[2]/@id", 3),
        ("/t:r/t:wrong", 4),
    ]


@pytest.mark.parametrize(
    ("content", "places"),
    [
        ('<t:wrong id="a"/>\n<t:to one="a" many="a a"/>', [("/t:r/t:wrong", 2)]),
        ('<t:wrong other="a"/>\n<t:to one="a"/>', [("/t:r/t:wrong", 2), ("/t:r/t:to/@one", 3)]),
        ('<t:wrong id="a"/>\n<t:to many="a b"/>', [("/t:r/t:wrong", 2), ("/t:r/t:to/@many", 3)]),
        (
            '<t:tO one="a"/>\n<t:to one="a"/>',
            [("/t:r/t:tO", 2), ("/t:r/t:tO/@one", 2), ("/t:r/t:to/@one", 3)],
        ),
        ('<t:plain id="a"/>\n<t:to one="a"/>', [("/t:r/t:to/@one", 3)]),
    ],
)
def test_identifier_in_an_unknown_element_is_one_fault_with_what_refers_to_it(
    content: str, places: list[tuple[str, int]]
) -> None:
    assert look_at(content) == places


@pytest.mark.parametrize(
    ("content", "count"),
    [
        ('<t:part id="a"/>' * 20_000, 19_999),
        ('<t:to one="x"/>' * 20_000, 20_000),
        ('<t:part id="b"/>' + '<t:plain id="a"/>' * 20_000, 0),
    ],
)
def test_identifiers_of_a_large_message_are_counted_in_time(content: str, count: int) -> None:
    body = f'<t:r xmlns:t="urn:t">{content}</t:r>'.encode()
    xsd = XSD.replace(b'maxOccurs="99"', b'maxOccurs="unbounded"')
    schema = Schema(Documents("t.xsd", {"t.xsd": xsd, "part.xsd": PART}), {})
    started = time.perf_counter()
    found = schema.find(parse(body), body)
    assert len(found.shown) + found.more == count
    assert time.perf_counter() - started < 5


def test_names_of_several_identifiers_are_united_in_time() -> None:
    parts = "".join(f'<t:part id="a{number}"/>' for number in range(18_000))
    keys = "".join(f"<t:key>b{number}</t:key>" for number in range(18_000))
    root = parse(f'<t:r xmlns:t="urn:t">{parts}{keys}</t:r>'.encode())
    assert SCHEMA.identifiers is not None
    started = time.perf_counter()
    assert not SCHEMA.identifiers.may_be_wrong(root)
    assert time.perf_counter() - started < 8
    root[-1].text = "a7"
    assert SCHEMA.identifiers.may_be_wrong(root)


def test_message_is_not_refused_for_identifiers_when_the_schema_cannot_be_described(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema = Schema(Documents("t.xsd", {"t.xsd": XSD, "part.xsd": PART}), {})
    monkeypatch.setattr(schema, "declarations", None)
    body = b'<t:r xmlns:t="urn:t"><t:plain id="a"/><t:plain id="a"/></t:r>'
    assert not schema.find(parse(body), body)


def test_sample_standards_pay_nothing_when_they_have_no_identifiers() -> None:
    assert [
        each for each in Catalogue.load([data_folder("schemas")]).standards if each.schema.identifiers
    ] == []
