"""Validating without a pattern that a message keeps to anyway: with the same verdict, on every text."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.settings import data_folder
from gateway.xml.parse import MAX_TREE_TAGS, parse
from gateway.xml.repertoire import split
from gateway.xml.validate import Documents, Schema

LETTERS = "([&#9;&#10;&#13; -~äß]|A(&#x30B;)?|x&#x303;)*"
XBASIS = data_folder("schemas") / "xbasis" / "1.0" / "xbasis.xsd"


def xsd(*patterns: str) -> bytes:
    facets = "".join(f'<xs:pattern value="{pattern}"/>' for pattern in patterns)
    return f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
        <xs:element name="r"><xs:complexType><xs:sequence><xs:element name="t" type="T"/></xs:sequence>
        </xs:complexType></xs:element>
        <xs:simpleType name="T"><xs:restriction base="xs:string">{facets}</xs:restriction></xs:simpleType>
        </xs:schema>""".encode()


def accepts(schema: Schema, body: bytes) -> bool:
    return not schema.find(parse(body), body).errors


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("", True),
        ("Straße", True),
        ("A\u030b xx\u0303", True),
        ("B\u030b", False),
        ("x\u0303\u0303", False),
        ("\u0303", False),
        ("ж", False),
        ("&#1078;", False),
        ("&#0000000001078;", False),
        ("&#x0000000436;", False),
        ("a&#228;&#x00000000e4;", True),
        ("a<!-- &#99999999999999999999; &#xffffffff; -->ä", True),
        ("&#x41;&#x30B;", True),
        ("\x7f", False),
        ("A<!-- ж -->", True),
    ],
)
def test_verdict_is_that_of_the_pattern(text: str, valid: bool) -> None:
    body = f"<r><t>{text}</t></r>".encode()
    schema = Schema(Documents("t.xsd", {"t.xsd": xsd(LETTERS)}), {})
    assert (accepts(schema, body), schema.lxml.validate(parse(body))) == (valid, valid)


@pytest.mark.parametrize(
    "pattern",
    [
        "([ -~]|&#9;|&#10;|&#13;)*",
        "((&#9;|&#10;|&#13;)|([ -~ä]))*",
        r"([&#9;&#10;&#13; -\)]|\)|\(|[*-~])*",
        r"([&#9;&#10;&#13; -~-[\]]]|\])*",
        r"(\\|\[|\]|[&#9;&#10;&#13; -Z^-~])*",
    ],
)
def test_pattern_that_every_ascii_text_keeps_to_is_a_repertoire(pattern: str) -> None:
    parts = split({"t.xsd": xsd(pattern)})
    assert parts
    assert b"pattern" not in parts[0]["t.xsd"]


@pytest.mark.parametrize(
    "patterns",
    [
        ["[a-z]+"],
        ["([&#9;&#10;&#13; -~])+"],
        ["([&#9;&#10;&#13; -~])*a"],
        ["([ -~])*"],
        ["([&#9;&#10;&#13; -~])*|(ab)*"],
        ["([&#9;&#10;&#13; -~]*)(a)*"],
        ["([&#9;&#10;&#13; -~])*", "(ж)*"],
    ],
)
def test_every_other_pattern_is_kept(patterns: list[str]) -> None:
    etree.XMLSchema(etree.fromstring(xsd(*patterns)))  # none is left alone for being wrong
    assert split({"t.xsd": xsd(*patterns)}) is None


@pytest.mark.parametrize("given", ["default", "fixed"])
def test_value_that_the_schema_itself_brings_along_is_looked_at(given: str) -> None:
    document = xsd(LETTERS).replace(
        b"</xs:schema>", f'<xs:element name="d" type="xs:string" {given}="ж"/></xs:schema>'.encode()
    )
    schema = Schema(Documents("t.xsd", {"t.xsd": document}), {})
    body = b'<d xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="T"/>'
    assert not schema.lxml.validate(parse(body))
    assert not accepts(schema, body)


@pytest.mark.parametrize(
    "addition",
    [
        # No facet, and no pattern either.
        '<xs:annotation><xs:appinfo><xs:pattern value="(x[)*"/></xs:appinfo></xs:annotation>',
        # libxml2 gives it up at some characters.
        '<xs:simpleType name="U"><xs:restriction base="xs:string">'
        '<xs:pattern value="(([&#9;&#10;&#13; -~])|(([^)])?|[\\s*]|x*(a?){1,3}){0,2})*"/>'
        "</xs:restriction></xs:simpleType>",
    ],
)
def test_pattern_that_cannot_be_tried_disturbs_no_message(addition: str) -> None:
    document = xsd(LETTERS).replace(b"</xs:schema>", addition.encode() + b"</xs:schema>")
    schema = Schema(Documents("t.xsd", {"t.xsd": document}), {})
    assert accepts(schema, "<r><t>Straße</t></r>".encode())
    assert not accepts(schema, "<r><t>ж</t></r>".encode())


def test_message_of_very_many_characters_gets_no_long_look() -> None:
    parts = split({"t.xsd": xsd(r"(.|\s)*")})
    assert parts
    letters = [chr(0x4E00 + number) for number in range(20_000)]
    assert parts[1].covers("".join(letters[:200]).encode())
    assert not parts[1].covers("".join(letters).encode())


@pytest.mark.parametrize("before", range(65_520, 65_545))
def test_reference_is_read_wherever_it_stands_in_a_long_text(before: int) -> None:
    parts = split({"t.xsd": xsd(LETTERS)})
    assert parts
    start = b"&#228;" + b"x" * before
    assert parts[1].covers(start + b"&#00000228; &amp; &#xe4;")
    assert not parts[1].covers(start + b"&#00001078; &amp; &#xe4;")


def test_large_message_has_the_same_verdict() -> None:
    many = xsd(LETTERS).replace(b'type="T"/>', b'type="T" maxOccurs="unbounded"/>')
    schema = Schema(Documents("t.xsd", {"t.xsd": many}), {})
    texts = "<t>Straße</t>" * MAX_TREE_TAGS
    assert accepts(schema, f"<r>{texts}</r>".encode())
    assert not accepts(schema, f"<r>{texts}<t>ж</t></r>".encode())


_OF_THE_NORM = st.text(st.sampled_from("aAnNsSkK hj\u0300\u0304\u031b\u035fHÄßçžж\u20ac\t"), max_size=12)


@pytest.fixture(scope="module")
def two_texts() -> Schema:
    entry = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:b="urn:amtsbote:xbasis:1.0">
        <xs:import namespace="urn:amtsbote:xbasis:1.0" schemaLocation="xbasis.xsd"/>
        <xs:element name="r"><xs:complexType><xs:sequence>
        <xs:element name="t" type="b:DatentypC"/><xs:element name="u" type="b:DatentypC"/>
        </xs:sequence></xs:complexType></xs:element></xs:schema>"""
    return Schema(Documents("entry.xsd", {"entry.xsd": entry, "xbasis.xsd": XBASIS.read_bytes()}), {})


@given(first=_OF_THE_NORM, second=_OF_THE_NORM)
@example(first="K\u035fH", second="s\u031b\u0304")
@example(first="K", second="\u035fH")
@settings(deadline=None)
def test_verdict_on_german_texts_is_that_of_the_bare_schema(
    two_texts: Schema, first: str, second: str
) -> None:
    body = f"<r><t>{first}</t><u>{second}</u></r>".encode()
    assert accepts(two_texts, body) == two_texts.lxml.validate(parse(body))


def test_sample_standards_gain_from_it() -> None:
    parts = split({"xbasis.xsd": XBASIS.read_bytes()})
    assert parts
    files, repertoire = parts
    assert b"&#768;" not in files["xbasis.xsd"]
    assert b"\\d{12}" in files["xbasis.xsd"]
    assert repertoire.covers("Müller, Şahin und Łukasz, 12 €".encode())
    assert not repertoire.covers("Мюллер".encode())
    assert repertoire.covers(b"M&#252;ller &amp; S&#x00f6;hne")
    assert not repertoire.covers(b"&#00001052;")
    assert not repertoire.covers(b"<!-- &#" + b"9" * 5000 + b"; -->")
