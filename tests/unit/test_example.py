"""Examples of messages: valid for both engines, deterministic, minimal or full, for whatever schemas use."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lxml import etree

from gateway.contract.findings import Severity
from gateway.errors import NotPossible, Problem, RuleViolation, Unavailable
from gateway.settings import data_folder
from gateway.standards import Catalogue, MessageType, Standard
from gateway.standards.catalogue import Opened
from gateway.standards.examples import Examples
from gateway.standards.examples.tree import MAX_ELEMENTS
from gateway.xml.parse import parse
from gateway.xml.rules import Rules
from tests.unit.test_standards import code_list

SEEDS = range(5)
MATERIAL = Path(os.environ.get("AMTSBOTE_MATERIAL", Path(__file__).parents[3] / "shared" / "material"))
OURS = Catalogue.load([data_folder("schemas")])
STANDARDS = {(each.manifest.standard, each.manifest.version): each for each in OURS.standards}
WRITERS = {key: Examples(standard) for key, standard in STANDARDS.items()}
CONSTRUCTS = yaml.safe_load(Path(__file__).with_name("example_schemas.yaml").read_text("utf-8"))
XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:example:probe"
 targetNamespace="urn:example:probe" elementFormDefault="qualified">{}</xs:schema>"""
MANIFEST: dict[str, Any] = {
    "standard": "probe",
    "version": "1",
    "title": {"de": "Probe", "en": "Probe"},
    "namespace": "urn:example:probe",
    "valid_from": "2020-01-01",
    "schemas": ["probe.xsd"],
    "namespaces": {"t": "urn:example:probe"},
    "message_types": [{"name": "m", "root": "m", "direction": "in", "title": {"de": "Probe", "en": "Probe"}}],
}
PREFIXES = {"t": "urn:example:probe", "xsi": "http://www.w3.org/2001/XMLSchema-instance"}


def standard_of(folder: Path, schema: str, **manifest: Any) -> Standard:
    """Write a standard with one message type `m` and load it."""
    (folder / "probe.xsd").write_text(XSD.format(schema), "utf-8")
    (folder / "standard.yaml").write_text(yaml.safe_dump(MANIFEST | manifest), "utf-8")
    (standard,) = Catalogue.load([folder]).standards
    return standard


def write(standard: Standard, *, full: bool = False, seed: int = 0) -> bytes:
    return Examples(standard).write(standard.message_types[0], full=full, seed=seed).body


def assert_valid(standard: Standard, body: bytes) -> None:
    """Have both engines read it, each on its own."""
    assert standard.schema.lxml.validate(etree.fromstring(body)), standard.schema.lxml.error_log
    assert list(standard.schema.xmlschema.iter_errors(etree.fromstring(body))) == []


# The sample standards


@pytest.mark.parametrize("full", [False, True], ids=["minimal", "full"])
@pytest.mark.parametrize("message_type", OURS.message_types, ids=lambda each: each.id)
def test_example_is_accepted_as_a_message_of_its_type(message_type: MessageType, full: bool) -> None:
    key = message_type.standard, message_type.version
    written = [WRITERS[key].write(message_type, full=full, seed=seed) for seed in SEEDS]
    assert not written[0].broken
    assert len({each.body for each in written}) == len(SEEDS)
    for each in written:
        body, root = each.body, parse(each.body)
        assert_valid(STANDARDS[key], body)
        assert _rules_that_refuse(message_type, body) == [broken.rule for broken in each.broken]
        assert OURS.identify(root, body, STANDARDS[key].manifest.valid_from) == (message_type, STANDARDS[key])
        header = STANDARDS[key].read_header(root)
        assert (header.standard, header.version) == key
        assert header.message_type_code == message_type.code
        assert re.fullmatch(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", header.message_id or "")
        assert re.fullmatch(r"20..-.*\.\d{3}[+]0[12]:00", header.created_at or "")
        assert header.test is full  # it is an optional attribute


def _rules_that_refuse(message_type: MessageType, body: bytes) -> list[str | None]:
    standard = STANDARDS[message_type.standard, message_type.version]
    try:
        OURS.judge(Opened(message_type, standard, parse(body), body, standard.manifest.valid_from))
    except RuleViolation as refused:
        return [each.rule for each in refused.findings if each.severity is Severity.ERROR]
    return []


@pytest.mark.parametrize("key", [("xgewerbe", "1.0"), ("xparken", "1.0")])
def test_example_is_the_same_when_the_seed_is(key: tuple[str, str]) -> None:
    for message_type in STANDARDS[key].message_types:
        for full in (False, True):
            # A writer that has written others before, and one that has not.
            written = [WRITERS[key].write(message_type, full=full, seed=8)]
            written.append(Examples(STANDARDS[key]).write(message_type, full=full, seed=8))
            assert written[0] == written[1]


def test_minimal_example_needs_everything_that_is_in_it() -> None:
    for key, standard in STANDARDS.items():
        for message_type in standard.message_types:
            body = WRITERS[key].write(message_type).body
            spare = [what for what, less in _with_one_less(body) if _is_accepted(standard, less)]
            # A choice may leave a part out altogether; the seed has decided for one with something in it.
            assert len(spare) <= 1, (message_type.id, spare)


def _with_one_less(body: bytes) -> Iterator[tuple[str, bytes]]:
    for number in range(1, len(list(parse(body).iter()))):
        root = parse(body)
        element = list(root.iter())[number]
        element.getparent().remove(element)
        yield str(element.tag), etree.tostring(root)
    for number, element in enumerate(parse(body).iter()):
        for name in list(element.attrib):
            root = parse(body)
            del list(root.iter())[number].attrib[name]
            yield f"{element.tag}/@{name}", etree.tostring(root)


def _is_accepted(standard: Standard, body: bytes) -> bool:
    try:
        return not standard.find(parse(body), body, standard.message_types[0]).shown
    except Problem:
        return False


# What schemas use


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_example_is_as_it_should_be_when_a_schema_uses(name: str, tmp_path: Path) -> None:
    case = CONSTRUCTS[name]
    standard = standard_of(tmp_path, case["schema"])
    writer = Examples(standard)
    seen: dict[str, set[bool]] = {xpath: set() for xpath in case.get("varies", ())}
    for kind in ("minimal", "full"):
        for seed in range(30 if seen else 6):
            body = writer.write(standard.message_types[0], full=kind == "full", seed=seed).body
            assert_valid(standard, body)
            root = parse(body)
            false = [each for each in case[kind] if not root.xpath(f"boolean({each})", namespaces=PREFIXES)]
            assert not false, body.decode()
            for xpath, values in seen.items():
                values.add(bool(root.xpath(f"boolean({xpath})", namespaces=PREFIXES)))
    assert all(values == {True, False} for values in seen.values()), seen


BUILTINS = [
    "anySimpleType", "anyURI", "base64Binary", "boolean", "byte", "date", "dateTime", "decimal", "double",
    "duration", "float", "gDay", "gMonth", "gMonthDay", "gYear", "gYearMonth", "hexBinary", "ID", "int",
    "integer", "language", "long", "Name", "NCName", "negativeInteger", "NMTOKEN", "NMTOKENS",
    "nonNegativeInteger", "nonPositiveInteger", "normalizedString", "positiveInteger", "QName", "short",
    "string", "time", "token", "unsignedByte", "unsignedInt", "unsignedLong", "unsignedShort",
]  # fmt: skip


@pytest.mark.parametrize("builtin", BUILTINS)
def test_example_has_a_valid_value_of_a_built_in_type(builtin: str, tmp_path: Path) -> None:
    standard = standard_of(tmp_path, f'<xs:element name="m" type="xs:{builtin}"/>')
    for seed in SEEDS:
        body = write(standard, seed=seed)
        assert_valid(standard, body)
        assert parse(body).text


@pytest.mark.parametrize(
    ("base", "facets"),
    [
        ("string", '<xs:length value="7"/>'),
        ("string", '<xs:minLength value="300"/><xs:maxLength value="301"/>'),
        ("string", '<xs:maxLength value="1"/>'),
        ("string", '<xs:maxLength value="0"/>'),
        ("token", '<xs:minLength value="50"/><xs:pattern value="(A|B)+( (A|B)+)*"/>'),
        ("string", r'<xs:pattern value="\d{5}"/><xs:pattern value="[A-Z]{3}"/>'),
        ("NMTOKENS", '<xs:minLength value="4"/>'),
        (
            "decimal",
            '<xs:totalDigits value="6"/><xs:fractionDigits value="2"/><xs:minInclusive value="1000.5"/>',
        ),
        ("decimal", '<xs:minExclusive value="0"/><xs:maxExclusive value="0.1"/>'),
        ("decimal", r'<xs:pattern value="\d+\.\d{2}"/>'),
        ("int", '<xs:minExclusive value="17"/><xs:maxExclusive value="19"/>'),
        ("integer", '<xs:minInclusive value="100000000000000000"/>'),
        ("integer", '<xs:maxInclusive value="-5000"/>'),
        ("integer", r'<xs:pattern value="0\d{3}"/>'),
        ("double", '<xs:minInclusive value="1e10"/>'),
        ("date", '<xs:minInclusive value="2150-01-01"/>'),
        ("date", '<xs:minExclusive value="2150-01-01"/><xs:maxInclusive value="2151-12-31"/>'),
        ("date", '<xs:maxExclusive value="1700-01-01"/>'),
        ("date", '<xs:pattern value=".*Z"/>'),
        ("dateTime", r'<xs:pattern value=".+\.\d{3}(Z|[+\-]\d{2}:\d{2})"/>'),
        ("dateTime", '<xs:pattern value="[^Z+.]*"/>'),
        ("time", '<xs:maxInclusive value="06:00:00"/>'),
        ("gYear", '<xs:minExclusive value="2100"/>'),
        ("duration", '<xs:minInclusive value="P2Y"/>'),
        ("hexBinary", '<xs:length value="32"/>'),
        ("base64Binary", '<xs:length value="20"/>'),
        ("anyURI", '<xs:pattern value="urn:[a-z]+:.*"/>'),
        ("language", '<xs:pattern value="[a-z]{2}"/>'),
        ("boolean", '<xs:pattern value="[01]"/>'),
        ("ID", '<xs:pattern value="[A-Z]{2}"/>'),
    ],
)
def test_example_keeps_to_facets(base: str, facets: str, tmp_path: Path) -> None:
    restricted = f'<xs:restriction base="xs:{base}">{facets}</xs:restriction>'
    schema = f'<xs:element name="m"><xs:simpleType>{restricted}</xs:simpleType></xs:element>'
    standard = standard_of(tmp_path, schema)
    for seed in SEEDS:
        assert_valid(standard, write(standard, seed=seed))


def test_full_example_stays_small_when_the_schema_is_broad_and_deep(tmp_path: Path) -> None:
    levels = "".join(
        f'<xs:complexType name="L{level}"><xs:sequence>'
        + "".join(f'<xs:element name="e{n}" type="t:L{level + 1}" minOccurs="0"/>' for n in range(4))
        + "</xs:sequence></xs:complexType>"
        for level in range(25)
    )
    end = '<xs:sequence><xs:element name="end" minOccurs="0"/></xs:sequence>'
    last = f'<xs:complexType name="L25">{end}</xs:complexType>'
    standard = standard_of(tmp_path, f'<xs:element name="m" type="t:L0"/>{levels}{last}')
    body = write(standard, full=True)
    assert_valid(standard, body)
    assert body.count(b"</") + body.count(b"/>") < 1500
    assert b"t:end" in body  # every optional element is there once, however deep


# Code lists and headers

CODED = """<xs:element name="m"><xs:complexType><xs:sequence>
 <xs:element name="weg"><xs:complexType><xs:sequence>
   <xs:element name="code" type="xs:token" form="unqualified"/></xs:sequence>
   <xs:attribute name="listURI" type="xs:anyURI" {uri}/>
   <xs:attribute name="listVersionID" type="xs:string" {version}/></xs:complexType></xs:element>
</xs:sequence></xs:complexType></xs:element>"""
LISTS = {
    "weg.xml": code_list("urn:list:weg", "1", "post", "mail"),
    "weg-2.xml": code_list("urn:list:weg", "2", "bote"),
    "farbe.xml": code_list("urn:list:farbe", "1", "rot"),
}


@pytest.mark.parametrize(
    ("uri", "version", "closed", "codes"),
    [
        ('use="required" fixed="urn:list:weg"', 'use="required" fixed="1"', True, {"post", "mail"}),
        ('fixed="urn:list:weg"', 'fixed="2"', True, {"bote"}),
        ('fixed="urn:list:weg"', "", True, {"post", "mail", "bote"}),
        ('use="required"', 'use="required"', True, {"post", "mail", "bote"}),  # by its name
        ('use="required" fixed="urn:list:farbe"', 'use="required"', True, {"rot"}),
        ('use="required"', 'use="required"', False, {"post", "mail", "bote"}),
        ("", "", True, {"post", "mail", "bote"}),  # one must be named all the same
    ],
)
def test_example_takes_codes_from_the_lists_that_the_schema_leaves(
    uri: str, version: str, closed: bool, codes: set[str], tmp_path: Path
) -> None:
    for name, content in LISTS.items():
        (tmp_path / name).write_text(content, "utf-8")
    schema = CODED.format(uri=uri, version=version)
    listed = [{"file": name} for name in LISTS]
    standard = standard_of(tmp_path, schema, code_lists=listed, closed_code_lists=closed)
    writer = Examples(standard)
    written = set()
    for seed in range(40):
        for full in (False, True):
            body = writer.write(standard.message_types[0], full=full, seed=seed).body
            assert not standard.find(parse(body), body, standard.message_types[0]).shown
            written.add(parse(body).findtext("*/code"))
    assert written == codes


def test_example_carries_what_the_header_profile_reads(tmp_path: Path) -> None:
    schema = """<xs:element name="m"><xs:complexType><xs:sequence>
      <xs:element name="nr" type="xs:string"/><xs:element name="art" type="xs:string"/></xs:sequence>
      <xs:attribute name="std" type="xs:string" use="required"/></xs:complexType></xs:element>"""
    xpaths = {"message_id": "string(t:nr)", "message_type_code": "t:art", "standard": "@std"}
    types = [MANIFEST["message_types"][0] | {"code": "4711"}]
    header = {"profile": "none", "xpaths": xpaths}
    standard = standard_of(tmp_path, schema, header=header, message_types=types)
    header = standard.read_header(parse(write(standard)))
    assert (header.message_type_code, header.standard) == ("4711", "probe")
    assert len(header.message_id or "") == 36


# Rules

CHOICE = """<xs:element name="m"><xs:complexType><xs:sequence>
 <xs:element name="art"><xs:simpleType><xs:restriction base="xs:string">
   <xs:enumeration value="neu"/><xs:enumeration value="alt"/><xs:enumeration value="fremd"/>
 </xs:restriction></xs:simpleType></xs:element>
 <xs:element name="person" maxOccurs="2"><xs:complexType><xs:sequence>
   <xs:element name="name" minOccurs="0"><xs:complexType><xs:sequence>
     <xs:element name="vor" type="xs:string" minOccurs="0"/>
     <xs:element name="nach" type="xs:string" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
   <xs:element name="zusatz" type="xs:string" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
 <xs:element name="rest" type="xs:string" minOccurs="0"/>
</xs:sequence></xs:complexType></xs:element>"""
NOTHING_EMPTY = ("*", "* or normalize-space()")


def with_rules(folder: Path, schema: str, *rules: tuple[str, str]) -> Standard:
    """Write a standard with rules R1, R2 …, each of a context and a test; a pattern each."""
    patterns = "".join(
        f'<sch:pattern><sch:rule context="{context}"><sch:assert id="R{number}" test="{test}">Nein.'
        "</sch:assert></sch:rule></sch:pattern>"
        for number, (context, test) in enumerate(rules, start=1)
    )
    (folder / "probe.sch").write_text(
        '<sch:schema xmlns:sch="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">'
        f'<sch:ns prefix="t" uri="urn:example:probe"/>{patterns}</sch:schema>',
        "utf-8",
    )
    return standard_of(folder, schema, rules=[{"file": "probe.sch"}])


@pytest.mark.parametrize(
    ("rules", "full", "xpath"),
    [
        ([("t:m", "t:art = 'neu'")], False, "t:person"),
        ([("t:m", "t:art = 'neu'")], True, "t:person/t:name/t:nach"),
        ([NOTHING_EMPTY], False, "count(t:person/*) = 1 and not(t:rest)"),
        ([NOTHING_EMPTY], True, "t:person/t:name/t:vor and t:rest"),
        ([("t:person", "t:name/t:vor")], False, "not(t:rest)"),
        ([("t:name", "not(t:vor)")], True, "t:person/t:name[not(*)] and t:person/t:zusatz and t:rest"),
        ([("t:name", "not(t:vor)"), NOTHING_EMPTY], True, "t:person/t:zusatz and t:rest"),
        ([("t:zusatz", "false()")], True, "t:person/t:name/t:vor and t:rest and not(//t:zusatz)"),
    ],
)
def test_example_keeps_rules_by_changing_what_they_object_to(
    rules: list[tuple[str, str]], full: bool, xpath: str, tmp_path: Path
) -> None:
    standard = with_rules(tmp_path, CHOICE, *rules)
    (message_type,) = standard.message_types
    for seed in SEEDS:
        example = Examples(standard).write(message_type, full=full, seed=seed)
        assert (example.judged, example.broken) == (True, ())
        root = parse(example.body)
        assert not standard.find(root, example.body, message_type).shown
        assert root.xpath(f"boolean({xpath})", namespaces=PREFIXES), example.body.decode()


def test_large_example_has_nothing_empty_when_a_rule_forbids_it(tmp_path: Path) -> None:
    def level(number: int, *kinds: str) -> str:
        each = "".join(
            f'<xs:element name="e{n}" type="{kind}" minOccurs="0"/>' for n, kind in enumerate(kinds)
        )
        return f'<xs:complexType name="L{number}"><xs:sequence>{each}</xs:sequence></xs:complexType>'

    levels = [level(0, *["t:L1"] * 10), level(1, *["t:L2"] * 10), level(2, "t:L3", *["xs:string"] * 9)]
    schema = f'<xs:element name="m" type="t:L0"/>{"".join(levels)}{level(3, "xs:string")}'
    standard = with_rules(tmp_path, schema, NOTHING_EMPTY)
    example = Examples(standard).write(standard.message_types[0], full=True)
    assert not example.broken
    assert example.body.count(b"<t:") > MAX_ELEMENTS


def test_example_says_which_rules_it_breaks_when_none_keeps_all(tmp_path: Path) -> None:
    standard = with_rules(tmp_path, CHOICE, ("t:m", "t:art = 'neu'"), ("t:art", "false()"))
    writer = Examples(standard)
    written = [writer.write(standard.message_types[0], seed=seed) for seed in SEEDS]
    assert {tuple(broken.rule for broken in each.broken) for each in written} == {("R2",)}
    assert {each.broken[0].path for each in written} == {"/t:m/t:art"}
    for each in written:
        assert_valid(standard, each.body)


def test_example_is_not_judged_when_rules_cannot_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standard = with_rules(tmp_path, CHOICE, ("t:m", "false()"))
    asked = []

    def fail(*_: object) -> None:
        asked.append(1)
        raise Unavailable

    monkeypatch.setattr(Rules, "find", fail)
    example = Examples(standard).write(standard.message_types[0])
    assert (example.judged, example.broken, len(asked)) == (False, (), 1)
    assert_valid(standard, example.body)


# What cannot be written


@pytest.mark.parametrize(
    ("schema", "manifest", "words"),
    [
        ('<xs:element name="m" type="xs:ENTITY"/>', {}, "/t:m"),
        ('<xs:element name="other" type="xs:int"/>', {}, "declares no element"),
        (
            '<xs:element name="m" type="t:Endless"/><xs:complexType name="Endless"><xs:sequence>'
            '<xs:element name="again" type="t:Endless"/></xs:sequence></xs:complexType>',
            {}, "/t:m",
        ),
        (
            '<xs:element name="m"><xs:complexType><xs:sequence><xs:element name="a"><xs:complexType>'
            '<xs:attribute name="to" type="xs:IDREF" use="required"/></xs:complexType></xs:element>'
            "</xs:sequence></xs:complexType></xs:element>",
            {}, "/t:m/t:a",
        ),
        (
            '<xs:element name="m"><xs:complexType><xs:sequence>'
            '<xs:any namespace="urn:nowhere"/></xs:sequence></xs:complexType></xs:element>',
            {}, "/t:m",
        ),
        (CODED.format(uri='use="required"', version=""), {"closed_code_lists": True}, "/t:m/t:weg"),
        (
            '<xs:element name="m"><xs:complexType><xs:attribute name="v" fixed="2" use="required"/>'
            "</xs:complexType></xs:element>",
            {"header": {"profile": "none", "xpaths": {"version": "@v"}}},
            "another version of the standard",
        ),
    ],
)  # fmt: skip
def test_example_is_refused_with_its_place_when_none_is_valid(
    schema: str, manifest: dict[str, Any], words: str, tmp_path: Path
) -> None:
    standard = standard_of(tmp_path, schema, **manifest)
    with pytest.raises(NotPossible) as refused:
        write(standard)
    assert "probe:1:m" in refused.value.detail
    assert words in refused.value.detail


# Published standards, where they are at hand

if MATERIAL.is_dir():
    PUBLISHED = {
        "xschule": ("http://xschule.digital/def/xschule/1.2/xsd", "xschule.xsd", ("xbildung-1.2",)),
        "xhochschule": (
            "http://xhochschule.de/def/xhochschule/1.2/xsd",
            "xhochschule.xsd",
            ("xbildung-1.2",),
        ),
        "xdomea-3.0.0": ("urn:xoev-de:xdomea:schema:3.0.0", "xdomea*.xsd", ()),
    }

    def published(name: str, folder: Path) -> Standard:
        """Return a standard whose message types are all elements that a published schema declares."""
        namespace, entries, needed = PUBLISHED[name]
        for each in (name, *needed, "common"):
            shutil.copytree(MATERIAL / "standards" / each, folder / each)
        paths = sorted((folder / name).rglob("*.xsd"))
        schemas = [parse(path.read_bytes()) for path in paths]
        roots = sorted(
            each.get("name", "")
            for schema in schemas
            if schema.get("targetNamespace") == namespace
            for each in schema.iterchildren("{*}element")
        )
        manifest = MANIFEST | {
            "namespace": namespace,
            "namespaces": {},
            "schemas": [path.relative_to(folder).as_posix() for path in (folder / name).rglob(entries)],
            "code_lists": [
                {"file": path.relative_to(folder).as_posix()}
                for path in sorted((folder / name).rglob("codelists/*.xml"))
            ],
            "message_types": [MANIFEST["message_types"][0] | {"name": root, "root": root} for root in roots],
        }
        (folder / "standard.yaml").write_text(yaml.safe_dump(manifest), "utf-8")
        (standard,) = Catalogue.load([folder]).standards
        return standard

    @pytest.mark.material
    @pytest.mark.parametrize("name", PUBLISHED)
    def test_example_follows_from_every_message_type_of_a_published_standard(
        name: str, tmp_path: Path
    ) -> None:
        standard = published(name, tmp_path)
        writer = Examples(standard)
        assert standard.message_types
        for message_type in standard.message_types:
            for full in (False, True):
                # It would raise if it were not valid; what it looks at is tested above.
                assert writer.write(message_type, full=full).body
