"""Messages in the version that a destination serves: converted, validated, and nothing stated is lost."""

import datetime
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.errors import Unavailable, VersionNotServed
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.standards.conversion import Converter
from gateway.xml.parse import DEFAULT_LIMITS

DAY = datetime.date(2026, 6, 1)
FIXTURES = data_folder("fixtures") / "xurkunde"
CATALOGUE = Catalogue.load([data_folder("schemas")])
OLD, NEW = ("xurkunde:1.0:urkunde.anforderung.0101", "xurkunde:1.1:urkunde.anforderung.0101")
SERVES_OLD, SERVES_NEW = ("xurkunde:1.0:*",), ("xurkunde:1.1:*",)
DROPPING = '<xsl:template match="neu:zustellweg"/>'


def orders(version: str) -> dict[str, bytes]:
    paths = sorted((FIXTURES / version / "valid").glob("*.xml"))
    return {path.stem: path.read_bytes() for path in paths if b"anforderung.0101" in path.read_bytes()}


def sent_by_post(body: bytes) -> bytes:
    text = body.decode()
    for other in ("abholung", "elektronisch"):
        text = text.replace(f"<u:zustellweg>{other}<", "<u:zustellweg>post<")
    return text.encode()


FIRST = next(iter(orders("1.1").values()))


@pytest.fixture
def converter() -> Converter:
    return Converter(CATALOGUE, DEFAULT_LIMITS)


@pytest.mark.parametrize("body", orders("1.0").values(), ids=orders("1.0"))
async def test_old_message_reaches_a_destination_that_serves_the_new_version(
    converter: Converter, body: bytes
) -> None:
    converted = await converter.convert(OLD, body, SERVES_NEW)
    assert converted.message_type == NEW
    incoming = CATALOGUE.read(converted.body, today=DAY)
    assert incoming.message_type.id == NEW
    assert incoming.root.findtext("{urn:amtsbote:xurkunde:1.1}zustellweg") == "post"
    assert incoming.header.message_id == CATALOGUE.read(body, today=DAY).header.message_id


@pytest.mark.parametrize("body", orders("1.1").values(), ids=orders("1.1"))
async def test_new_message_reaches_a_destination_that_serves_the_old_version(
    converter: Converter, body: bytes
) -> None:
    converted = await converter.convert(NEW, sent_by_post(body), SERVES_OLD)
    assert CATALOGUE.read(converted.body, today=DAY).message_type.id == OLD


async def test_message_is_left_as_it_is_when_its_version_is_served(converter: Converter) -> None:
    body = FIRST
    for serves in ((), SERVES_NEW, ("xurkunde:*",), (NEW,), (*SERVES_OLD, *SERVES_NEW)):
        converted = await converter.convert(NEW, body, serves)
        assert (converted.message_type, converted.body) == (NEW, body)
        assert converter.target(NEW, serves) == NEW
    assert converter.target(NEW, SERVES_OLD) == OLD


async def test_message_of_a_standard_that_the_destination_does_not_name_is_left_as_it_is(
    converter: Converter,
) -> None:
    for message_type in ("xfall:1.0:fall.ruecknahme.1140", "xparken:1.0:x"):
        converted = await converter.convert(message_type, FIRST, SERVES_OLD)
        assert (converted.message_type, converted.body) == (message_type, FIRST)
        assert converter.target(message_type, SERVES_OLD) == message_type


async def test_message_is_refused_when_something_stated_would_be_lost(converter: Converter) -> None:
    body = sent_by_post(FIRST).replace(b"<u:zustellweg>post<", b"<u:zustellweg>abholung<")
    with pytest.raises(VersionNotServed) as caught:
        await converter.convert(NEW, body, SERVES_OLD)
    (finding,) = caught.value.findings
    assert (finding.code, finding.path) == ("V000", "/u:urkunde.anforderung.0101/u:zustellweg")
    line = body.decode().splitlines()[(finding.line or 0) - 1]
    assert line[(finding.column or 0) - 1 :].startswith("<u:zustellweg>")
    assert "»zustellweg« ginge bei der Umwandlung verloren" in finding.message.de
    assert "abholung" not in f"{finding.message} {finding.hint}"
    assert finding.hint is not None
    assert finding.hint.en == "Send the message as xurkunde 1.0 or with post here."


async def test_message_is_refused_when_no_conversion_leads_to_what_is_served(converter: Converter) -> None:
    body = FIRST
    for serves in (("xurkunde:2.0:*",), ("xurkunde:1.2:*", "xparken:*")):
        with pytest.raises(VersionNotServed) as caught:
            await converter.convert(NEW, body, serves)
        assert caught.value.findings[0].hint
        assert serves[0] in caught.value.findings[0].hint.en
        with pytest.raises(VersionNotServed):
            converter.target(NEW, serves)


# With conversions of another making


def changed(tmp_path: Path, stylesheet: str, **conversion: object) -> Converter:
    """Return a converter of the sample standards with another stylesheet from 1.1 to 1.0."""
    folder = tmp_path / "schemas"
    shutil.copytree(data_folder("schemas"), folder)
    version = folder / "xurkunde" / "1.1"
    manifest = yaml.safe_load((version / "standard.yaml").read_text("utf-8"))
    manifest["conversions"][0] |= conversion
    (version / "standard.yaml").write_text(yaml.safe_dump(manifest, allow_unicode=True), "utf-8")
    (version / "conversions" / "to-1.0.xsl").write_text(stylesheet, "utf-8")
    return Converter(Catalogue.load([folder]), DEFAULT_LIMITS)


def stylesheet(old: str = "", new: str = "") -> str:
    path = data_folder("schemas") / "xurkunde" / "1.1" / "conversions" / "to-1.0.xsl"
    text = path.read_text("utf-8")
    assert old in text
    return text.replace(old, new, 1)


async def test_element_that_the_manifest_names_may_be_lost(tmp_path: Path) -> None:
    converter = changed(tmp_path, stylesheet(), drops=["zustellweg"])
    body = FIRST
    converted = await converter.convert(NEW, body, SERVES_OLD)
    assert b"zustellweg" not in converted.body


async def test_loss_is_found_wherever_it_is(tmp_path: Path) -> None:
    losing = stylesheet(DROPPING, DROPPING + '<xsl:template match="b:rufname | b:geburtsort"/>')
    body = sent_by_post(FIRST)
    with pytest.raises(VersionNotServed) as caught:
        await changed(tmp_path, losing).convert(NEW, body, SERVES_OLD)
    lost = [each.path.rpartition("/")[2] for each in caught.value.findings]
    assert {name.partition("[")[0] for name in lost} == {"b:rufname", "b:name"}  # the place has a name


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (DROPPING, ""),  # what comes out is not valid
        ('<xsl:template match="neu:*">', '<xsl:template match="neu:nichts">'),  # nor of that version
        ('<xsl:mode on-no-match="shallow-copy"/>', '<xsl:mode on-no-match="deep-skip"/>'),  # nor anything
    ],
)
async def test_message_is_refused_when_what_comes_out_is_not_valid(
    tmp_path: Path, old: str, new: str
) -> None:
    body = sent_by_post(FIRST)
    with pytest.raises(VersionNotServed) as caught:
        await changed(tmp_path, stylesheet(old, new)).convert(NEW, body, SERVES_OLD)
    assert "umwandeln" in caught.value.findings[0].message.de


async def test_conversion_that_fails_is_tried_again_later(tmp_path: Path) -> None:
    dividing = DROPPING.replace(
        "/>", '><xsl:sequence select="1 idiv string-length(.[. = 1])"/></xsl:template>'
    )
    failing = stylesheet(DROPPING, dividing)
    with pytest.raises(Unavailable):
        await changed(tmp_path, failing).convert(NEW, FIRST, SERVES_OLD)


# What is compared


def as_sent(*changes: tuple[str, str]) -> bytes:
    """Return a message that version 1.0 can say, with some changes."""
    text = sent_by_post(FIRST).decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


async def convert(tmp_path: Path, templates: str, body: bytes, **conversion: object) -> bytes:
    """Return what a stylesheet with more templates makes of a message that is valid."""
    CATALOGUE.read(body, today=DAY)
    converter = changed(tmp_path, stylesheet(DROPPING, DROPPING + templates), **conversion)
    return (await converter.convert(NEW, body, SERVES_OLD)).body


async def lost(tmp_path: Path, templates: str, body: bytes, **conversion: object) -> list[str]:
    """Return where a stylesheet with more templates would lose something."""
    with pytest.raises(VersionNotServed) as caught:
        await convert(tmp_path, templates, body, **conversion)
    return [each.path for each in caught.value.findings if "verloren" in each.message.de]


TEST = ('produkt="', 'test="TEST" produkt="')


@pytest.mark.parametrize("drops", [["zustellweg"], ["zustellweg", "@test"]])
async def test_test_message_stays_one_whatever_may_be_dropped(tmp_path: Path, drops: list[str]) -> None:
    assert CATALOGUE.read(as_sent(TEST), today=DAY).header.test
    template = '<xsl:template match="/neu:*/@test"/>'
    assert await lost(tmp_path, template, as_sent(TEST), drops=drops) == []  # its author must look


PART = FIRST[FIRST.index(b"<u:urkunde>") : FIRST.index(b"</u:urkunde>") + len(b"</u:urkunde>")]


@pytest.mark.parametrize(
    "body",
    [FIRST.replace(PART, PART * (40_000 // PART.count(b"<"))), FIRST.replace(PART, PART + b" " * 2**21)],
    ids=["parts", "bytes"],
)
async def test_message_that_is_large_is_not_converted(converter: Converter, body: bytes) -> None:
    limits = r"2097152 bytes and 40000 tags and attributes .* as xurkunde 1\.0\.$"
    with pytest.raises(VersionNotServed, match=limits):
        await converter.convert(NEW, body, SERVES_OLD)


async def test_message_does_not_become_a_test(tmp_path: Path) -> None:
    template = '<xsl:template match="/neu:*/@produkt"><xsl:attribute name="test">TEST</xsl:attribute>'
    template += '<xsl:attribute name="produkt" select="."/></xsl:template>'
    assert await lost(tmp_path, template, as_sent()) == []


async def test_attribute_of_the_root_is_not_lost(tmp_path: Path) -> None:
    template = '<xsl:template match="/neu:*/@produktversion"/>'
    assert await lost(tmp_path, template, as_sent()) == ["/u:urkunde.anforderung.0101"]


async def test_where_a_schema_is_may_change(tmp_path: Path) -> None:
    namespace = "http://www.w3.org/2001/XMLSchema-instance"
    location = f'xmlns:xsi="{namespace}" xsi:schemaLocation="urn:amtsbote:xurkunde:1.1 u.xsd" produkt="'
    template = f'<xsl:template match="@xsi:schemaLocation" xmlns:xsi="{namespace}"/>'
    assert b"schemaLocation" not in await convert(tmp_path, template, as_sent(('produkt="', location)))


# Of a standard that allows anything


SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:probe:{version}">
  <xs:element name="probe"><xs:complexType mixed="true">
    <xs:sequence><xs:any minOccurs="0" maxOccurs="unbounded" processContents="skip"/></xs:sequence>
    <xs:anyAttribute processContents="skip"/>
  </xs:complexType></xs:element>
</xs:schema>"""
STYLESHEET = """<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:mode on-no-match="shallow-copy"/>
  <xsl:template match="/*"><probe xmlns="urn:probe:2">
    <xsl:apply-templates select="@*, node()"/>
  </probe></xsl:template>
  <xsl:template match="/*/@version"><xsl:attribute name="version">2</xsl:attribute></xsl:template>
  TEMPLATES
</xsl:stylesheet>"""
TYPE = {"name": "probe", "root": "probe", "direction": "in", "title": {"de": "Probe", "en": "Probe"}}


def probes(
    tmp_path: Path,
    templates: str,
    *,
    header: dict[str, object] | None = None,
    target: dict[str, object] | None = None,
    drops: Sequence[str] = (),
) -> Catalogue:
    """Return versions 1 and 2 of a standard, and a conversion with more templates between them."""
    for version in ("1", "2"):
        folder = tmp_path / version
        folder.mkdir()
        manifest = {
            "standard": "probe",
            "version": version,
            "title": TYPE["title"],
            "namespace": f"urn:probe:{version}",
            "valid_from": "2026-01-01",
            "schemas": ["probe.xsd"],
            "header": header or {"profile": "bn-1.1-unqualified"},
            "message_types": [TYPE],
        }
        if version == "2":
            manifest |= target or {}
        else:
            manifest["conversions"] = [{"to": "2", "file": "to-2.xsl", "drops": list(drops)}]
        (folder / "standard.yaml").write_text(yaml.safe_dump(manifest), "utf-8")
        (folder / "probe.xsd").write_text(SCHEMA.format(version=version), "utf-8")
    (tmp_path / "1" / "to-2.xsl").write_text(STYLESHEET.replace("TEMPLATES", templates), "utf-8")
    return Catalogue.load([tmp_path])


async def probe(
    tmp_path: Path, content: str, templates: str, attributes: str = 'version="1"', **changes: Any
) -> str:
    """Return what becomes of a message."""
    catalogue = probes(tmp_path, templates, **changes)
    body = f'<p:probe xmlns:p="urn:probe:1" {attributes}>{content}</p:probe>'.encode()
    incoming = catalogue.read(body, today=DAY)
    converter = Converter(catalogue, DEFAULT_LIMITS)
    return (await converter.convert(incoming.message_type.id, body, ("probe:2:*",))).body.decode()


EXCHANGING = """<xsl:template match="name/text()">
  <xsl:value-of select="//name[. != current()]"/>
</xsl:template>"""
WITHOUT_COMMENTS = '<xsl:template match="comment()"/>'


@pytest.mark.parametrize(
    ("content", "templates", "lost"),
    [
        ("<a>x<!-- --> y</a>", "<xsl:template match=\"text()[. = 'x y']\"/>", ["a"]),
        ("<a>x<?p?>y</a>", "<xsl:template match=\"text()[. = 'xy']\"/>", ["a"]),
        ("<a>x <b>y</b> z</a>", "<xsl:template match=\"text()[. = ' z']\"/>", ["a"]),
        ("<a>x</a><eilt/>", '<xsl:template match="eilt"/>', ["eilt"]),
        ("<a>x</a><eilt> </eilt>", '<xsl:template match="eilt"/>', ["eilt"]),
        (
            "<kind><name>x</name></kind><mutter><name>y</name></mutter>",
            EXCHANGING,
            ["kind/name", "mutter/name"],
        ),
        (
            "<kind><p><name>x</name></p></kind><mutter><p><name>y</name></p></mutter>",
            EXCHANGING,
            ["kind/p/name", "mutter/p/name"],
        ),
        (
            '<kind id="x"/><mutter id="y"/>',
            '<xsl:template match="@id"><xsl:attribute name="id" select="//@id[. != current()]"/>'
            "</xsl:template>",
            ["kind", "mutter"],
        ),
    ],
)
async def test_nothing_that_is_said_is_lost(
    tmp_path: Path, content: str, templates: str, lost: list[str]
) -> None:
    with pytest.raises(VersionNotServed) as caught:
        await probe(tmp_path, content, templates)
    assert [each.path.removeprefix("/p:probe/") for each in caught.value.findings] == lost


@pytest.mark.parametrize(
    ("content", "templates", "drops"),
    [
        ("<a>x<!-- of the sender -->y</a>", WITHOUT_COMMENTS, []),
        ("<a>x <!-- --> <b/></a>", WITHOUT_COMMENTS, []),
        ("<a> <b/> </a>", '<xsl:strip-space elements="*"/>', []),
        (  # a wrapper of another name
            "<kind><name>x</name></kind><mutter><name>y</name></mutter>",
            '<xsl:template match="kind"><person><xsl:apply-templates/></person></xsl:template>',
            [],
        ),
        (  # a new one
            "<kind><name>x</name></kind><mutter><name>y</name></mutter>",
            '<xsl:template match="name"><person><xsl:copy-of select="."/></person></xsl:template>',
            [],
        ),
        (  # none
            "<kind><p><name>x</name></p></kind><mutter><p><name>y</name></p></mutter>",
            '<xsl:template match="p"><xsl:apply-templates/></xsl:template>',
            [],
        ),
        (  # declared: the name of a text, and a flag
            "<a>x</a><eilt/>",
            '<xsl:template match="a"><b>x</b></xsl:template><xsl:template match="eilt"/>',
            ["a", "eilt"],
        ),
    ],
)
async def test_message_may_look_another_way_when_it_says_the_same(
    tmp_path: Path, content: str, templates: str, drops: list[str]
) -> None:
    assert "urn:probe:2" in await probe(tmp_path, content, templates, drops=drops)


TWO = (
    '<person id="1"><name>x</name><geburt><tag>3</tag></geburt></person>'
    '<person id="2"><name>y</name><geburt><tag>4</tag></geburt></person>'
)
DATES = """<xsl:template match="tag/text()">
  <xsl:value-of select="//tag[. != current()]"/>
</xsl:template>"""


@pytest.mark.parametrize(
    ("content", "templates", "torn"),
    [
        (TWO, EXCHANGING, ["person[1]", "person[2]"]),
        (TWO, DATES, ["person[1]", "person[2]"]),
        (
            TWO,
            '<xsl:template match="person/@id"><xsl:attribute name="id" select="3 - ."/></xsl:template>',
            ["person[1]", "person[2]"],
        ),
        (  # in the middle of what is said of them
            TWO.replace("<tag>", "<im><melderegister><stehende><tag>").replace(
                "</tag>", "</tag></stehende></melderegister></im>"
            ),
            '<xsl:template match="geburt/im"><im><xsl:copy-of select="//geburt/im[. != current()]/*"/></im>'
            "</xsl:template>",
            ["person[1]", "person[2]"],
        ),
        (  # in wrappers that have got other names
            f"<kind>{TWO}</kind>",
            f'<xsl:template match="kind"><leute><xsl:apply-templates/></leute></xsl:template>{DATES}',
            ["kind/person[1]", "kind/person[2]"],
        ),
        (  # while these change places as a whole
            TWO,
            '<xsl:template match="/*" priority="2"><probe xmlns="urn:probe:2" version="2">'
            f'<xsl:apply-templates select="reverse(*)"/></probe></xsl:template>{DATES}',
            ["person[1]", "person[2]"],
        ),
        (  # one of three is left as it was
            f"{TWO}<person><name>z</name><geburt><tag>5</tag></geburt></person>",
            DATES.replace("//tag", "//tag[. &lt; 5]").replace("tag/text()", "tag[. &lt; 5]/text()"),
            ["person[1]", "person[2]"],
        ),
    ],
)
async def test_what_belongs_together_does_not_get_into_different_elements(
    tmp_path: Path, content: str, templates: str, torn: list[str]
) -> None:
    with pytest.raises(VersionNotServed) as caught:
        await probe(tmp_path, content, templates)
    assert [each.path.removeprefix("/p:probe/") for each in caught.value.findings] == torn
    assert "was in »person« zusammengehört" in caught.value.findings[0].message.de


@pytest.mark.parametrize(
    ("content", "templates", "drops"),
    [
        (  # the other way round
            TWO,
            '<xsl:template match="/*" priority="2"><probe xmlns="urn:probe:2" version="2">'
            '<xsl:apply-templates select="reverse(*)"/></probe></xsl:template>',
            [],
        ),
        (  # each with something more
            TWO,
            '<xsl:template match="person"><person neu="ja"><xsl:apply-templates select="@*, node()"/>'
            "<zahl>1</zahl></person></xsl:template>",
            [],
        ),
        (  # with less, as declared
            TWO,
            '<xsl:template match="tag"/><xsl:template match="geburt"/>',
            ["geburt"],
        ),
        (  # made one
            TWO,
            '<xsl:template match="person[1]"><person><xsl:copy-of select="//person/(@* except @id, *)"/>'
            '</person></xsl:template><xsl:template match="person[2]"/>',
            ["@id"],
        ),
        (  # divided
            TWO,
            '<xsl:template match="person"><person><xsl:copy-of select="@*, name"/></person>'
            '<person><xsl:copy-of select="geburt"/></person></xsl:template>',
            [],
        ),
        (  # what has the same name in the same element, in another order
            "<p><name>x</name><name>y</name></p><p><name>z</name><name>x</name></p>",
            '<xsl:template match="p"><p><xsl:apply-templates select="reverse(*)"/></p></xsl:template>',
            [],
        ),
        ("<p><name>x</name><ort>o</ort></p>" * 3, "", []),  # the same three times
    ],
)
async def test_elements_of_one_name_may_change_when_what_they_say_stays_together(
    tmp_path: Path, content: str, templates: str, drops: list[str]
) -> None:
    assert "urn:probe:2" in await probe(tmp_path, content, templates, drops=drops)


KEEPING_VERSION = '<xsl:template match="/*/@version" priority="2"><xsl:copy/></xsl:template>'
HEADER = {"profile": "none", "xpaths": {"version": "kopf/version", "message_type_code": "@code"}}


@pytest.mark.parametrize(
    ("attributes", "templates", "target"),
    [
        ('version="1"', KEEPING_VERSION, {}),
        ('standard="probe"', "", {"header": {"profile": "bn-1.1-unqualified", "standard": "probe2"}}),
        ('code="1"', "", {"header": HEADER, "message_types": [{**TYPE, "code": "2"}]}),
        ('code="1"', "", {"message_types": [{**TYPE, "match": "@code = 2"}]}),
    ],
)
async def test_message_that_would_be_refused_on_arrival_does_not_leave(
    tmp_path: Path, attributes: str, templates: str, target: dict[str, object]
) -> None:
    with pytest.raises(VersionNotServed) as caught:
        await probe(tmp_path, "", templates, attributes, target=target)
    assert "umwandeln" in caught.value.findings[0].message.de


async def test_version_becomes_another_but_does_not_vanish(tmp_path: Path) -> None:
    with pytest.raises(VersionNotServed) as caught:
        await probe(tmp_path, "", '<xsl:template match="/*/@version" priority="2"/>')
    assert "»@version« ginge bei der Umwandlung verloren" in caught.value.findings[0].message.de


async def test_version_is_where_the_manifest_says(tmp_path: Path) -> None:
    template = '<xsl:template match="kopf/version"><version>2</version></xsl:template>'
    content = "<kopf><version>1</version></kopf><version>7</version>"
    assert "<version>2<" in await probe(tmp_path, content, template, "", header=HEADER)


@pytest.mark.parametrize(
    ("templates", "hints"),
    [
        ('<xsl:template match="a"/>', ["Send the message without this."]),
        ('<xsl:template match="/"><a/></xsl:template>', [None]),
    ],
    ids=["lost", "failed"],
)
async def test_refusal_does_not_send_to_a_version_that_is_no_longer_valid(
    tmp_path: Path, templates: str, hints: list[str | None]
) -> None:
    with pytest.raises(VersionNotServed) as caught:
        await probe(tmp_path, "<a>x</a>", templates, target={"valid_until": "2026-01-02"})
    assert [each.hint and each.hint.en for each in caught.value.findings] == hints


async def test_version_that_is_no_longer_valid_reaches_a_destination_that_serves_it(tmp_path: Path) -> None:
    assert "urn:probe:2" in await probe(tmp_path, "", "", target={"valid_until": "2026-01-02"})
