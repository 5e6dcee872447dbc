"""The catalogue of standards: manifests, imports, versions, code lists, headers."""

import datetime
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from structlog.testing import capture_logs

from gateway.contract.findings import Finding
from gateway.errors import (
    CodeListViolation,
    CodeViolation,
    ConfigurationError,
    MetadataMismatch,
    Problem,
    RejectReason,
    SchemaViolation,
    UnknownMessageType,
    VersionNotServed,
)
from gateway.settings import data_folder
from gateway.standards import Catalogue, Header
from gateway.standards.codelists import load_code_list
from gateway.standards.profiles import PROFILES, HeaderReader
from gateway.xml.parse import parse

TODAY = datetime.date(2026, 6, 1)
MATERIAL = Path(os.environ.get("AMTSBOTE_MATERIAL", Path(__file__).parents[3] / "shared" / "material"))
SAMPLES = [path.read_bytes() for path in sorted(data_folder("fixtures").glob("xurkunde/*/valid/*.xml"))]
OURS = Catalogue.load([data_folder("schemas")])

MANIFEST = """
standard: probe
version: "{version}"
title: {{de: Probe, en: Probe}}
namespace: urn:example:probe:{version}
valid_from: {valid_from}
valid_until: {valid_until}
schemas: [probe.xsd]
namespaces: {{p: "urn:example:probe:{version}"}}
header:
  profile: none
  xpaths: {{standard: "@standard", version: "@version", message_type_code: "@code", test: boolean(@test)}}
code_lists: [{{file: lists/way.xml, closed: true}}, {{file: lists/open.xml, closed: false}}]
closed_code_lists: {closed}
message_types:
  - {{name: probe.0101, root: probe.0101, code: "0101", direction: in, title: {{de: Probe, en: Probe}}}}
"""
XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:p="urn:example:probe:{version}"
  targetNamespace="urn:example:probe:{version}" elementFormDefault="qualified">
 <xs:element name="probe.0101"><xs:complexType><xs:sequence>
   <xs:element name="code" type="p:Code" minOccurs="0" maxOccurs="9"/>
   <xs:element name="way" minOccurs="0"><xs:complexType><xs:complexContent><xs:restriction base="p:Code">
     <xs:sequence><xs:element name="code" type="xs:token" form="unqualified"/></xs:sequence>
     <xs:attribute name="listURI" type="xs:anyURI" fixed="urn:list:way"/>
   </xs:restriction></xs:complexContent></xs:complexType></xs:element>
  </xs:sequence><xs:anyAttribute processContents="skip"/></xs:complexType></xs:element>
 <xs:complexType name="Code">
   <xs:sequence><xs:element name="code" type="xs:token" form="unqualified"/></xs:sequence>
   <xs:attribute name="listURI" type="xs:anyURI"/><xs:attribute name="listVersionID" type="xs:string"/>
 </xs:complexType>
</xs:schema>"""
GENERICODE = """<gc:CodeList xmlns:gc="http://docs.oasis-open.org/codelist/ns/genericode/1.0/">
<Identification><Version>{version}</Version><CanonicalUri>{uri}</CanonicalUri></Identification>
<ColumnSet><Column Id="name"/><Column Id="code"/><Key Id="k"><ColumnRef Ref="code"/></Key></ColumnSet>
<SimpleCodeList>{rows}</SimpleCodeList></gc:CodeList>"""
ROW = (
    "<Row><Value><SimpleValue>Name</SimpleValue></Value>"
    "<Value><SimpleValue>{code}</SimpleValue></Value></Row>"
)

Folder = Callable[..., Path]


def code_list(uri: str, version: str, *codes: str) -> str:
    rows = "".join(ROW.format(code=code) for code in codes)
    return GENERICODE.format(uri=uri, version=version, rows=rows)


@pytest.fixture
def standard(tmp_path: Path) -> Folder:
    """Write one version of the standard `probe` and return the folder of all of them."""

    def write(
        version: str = "1.0", valid_from: str = "2020-01-01", valid_until: str = "null", closed: str = "true"
    ) -> Path:
        folder = tmp_path / "standards" / "probe" / version
        (folder / "lists").mkdir(parents=True)
        manifest = MANIFEST.format(
            version=version, valid_from=valid_from, valid_until=valid_until, closed=closed
        )
        (folder / "standard.yaml").write_text(manifest, "utf-8")
        (folder / "probe.xsd").write_text(XSD.format(version=version), "utf-8")
        (folder / "lists" / "way.xml").write_text(code_list("urn:list:way", "1", "0101", "post"), "utf-8")
        (folder / "lists" / "open.xml").write_text(code_list("urn:list:open", "1", "known"), "utf-8")
        return tmp_path / "standards"

    return write


def message(content: str = "", version: str = "1.0", attributes: str = "", name: str = "probe.0101") -> bytes:
    return f'<m:{name} xmlns:m="urn:example:probe:{version}" {attributes}>{content}</m:{name}>'.encode()


def coded(uri: str, version: str, code: str) -> str:
    return f'<m:code listURI="{uri}" listVersionID="{version}"><code>{code}</code></m:code>'


def only_finding(problem: Problem) -> Finding:
    (finding,) = problem.findings
    return finding


# Manifests


@pytest.mark.parametrize(
    ("wrong", "right", "words"),
    [
        (
            "direction: sideways",
            "direction: in",
            ["message_types[0].direction: must be 'in', 'back' or 'both'"],
        ),
        ("profile: unheard", "profile: none", ["header.profile", "bn-1.1-unqualified"]),
        (
            "{shoe_size: p:code/code, ",
            '{standard: "@standard", ',
            ["header.xpaths", "shoe_size", "message_id"],
        ),
        (
            "message_type_code: 'p:code['",
            'message_type_code: "@code"',
            ["header.xpaths.message_type_code: 'p:code[' is no XPath 1.0; look at"],
        ),
        (
            "message_type_code: x:code",
            'message_type_code: "@code"',
            ["header.xpaths.message_type_code: 'x:code' has a prefix", "`namespaces`"],
        ),
        ("schemas: []", "schemas: [probe.xsd]", ["schemas"]),
        ("valid_from: someday", "valid_from: 2020-01-01", ["valid_from", "YYYY-MM-DD"]),
        ("colour: blue\nstandard: probe", "standard: probe", ["colour: unknown key; there are standard,"]),
        ("standard: [", "standard: probe", ["is not YAML: line "]),
    ],
)
def test_manifest_error_names_file_and_place(
    standard: Folder, wrong: str, right: str, words: list[str]
) -> None:
    folder = standard()
    path = folder / "probe" / "1.0" / "standard.yaml"
    text = path.read_text("utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        Catalogue.load([folder])
    for word in [str(path), *words]:
        assert word in caught.value.detail


def test_load_refuses_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no folder of standards"):
        Catalogue.load([tmp_path / "nowhere"])


def test_load_refuses_one_version_twice(standard: Folder, tmp_path: Path) -> None:
    folder = standard()
    shutil.copytree(folder, tmp_path / "again")
    with pytest.raises(ConfigurationError, match=r"probe 1\.0 is also in"):
        Catalogue.load([folder, tmp_path / "again"])


def test_load_reads_several_folders_side_by_side(standard: Folder) -> None:
    catalogue = Catalogue.load([data_folder("schemas"), standard()])
    ids = [item.id for item in catalogue.message_types]
    assert "probe:1.0:probe.0101" in ids
    assert "xurkunde:1.1:urkunde.anforderung.0101" in ids
    assert catalogue.get("probe:1.0:probe.0101").root == "{urn:example:probe:1.0}probe.0101"
    with pytest.raises(KeyError):
        catalogue.get("probe:9:probe.0101")


# Versions and message types


def test_read_identifies_by_root_element_and_namespace(standard: Folder) -> None:
    standard("1.0")
    catalogue = Catalogue.load([standard("1.1")])
    incoming = catalogue.read(message(version="1.1"), today=TODAY)
    assert incoming.message_type.id == "probe:1.1:probe.0101"
    assert incoming.root.tag == "{urn:example:probe:1.1}probe.0101"


@pytest.mark.parametrize(
    ("day", "served"),
    [("2026-01-31", False), ("2026-02-01", True), ("2026-11-30", True), ("2026-12-01", False)],
)
def test_version_is_served_from_its_first_to_its_last_day(standard: Folder, day: str, served: bool) -> None:
    standard("1.0", "2020-01-01", "2026-12-31")
    catalogue = Catalogue.load([standard("1.1", "2026-02-01", "2026-11-30")])
    today = datetime.date.fromisoformat(day)
    if served:
        assert catalogue.read(message(version="1.1"), today=today).message_type.version == "1.1"
        return
    with pytest.raises(VersionNotServed) as caught:
        catalogue.read(message(version="1.1"), today=today)
    finding = only_finding(caught.value)
    assert (finding.code, finding.path) == ("V000", "/m:probe.0101")
    assert finding.hint
    assert "probe 1.0 (seit 2020-01-01, bis 2026-12-31)" in finding.hint.de
    assert "probe 1.0 (since 2020-01-01, until 2026-12-31)" in finding.hint.en
    assert "1.1" not in finding.hint.de


def test_version_unknown_here_says_which_are_served(standard: Folder) -> None:
    catalogue = Catalogue.load([standard("1.0")])
    with pytest.raises(VersionNotServed) as caught:
        catalogue.read(message(version="2.0"), today=TODAY)
    assert "probe 1.0 (since 2020-01-01)" in caught.value.detail


@pytest.mark.parametrize(
    "body",
    [
        message(name="probe.0199"),
        b"<probe.0101/>",
        b'<a:b xmlns:a="urn:evil"/>',
        b'<a xmlns="urn:other:1.0"/>',
    ],
)
def test_message_type_unknown_here_is_refused(standard: Folder, body: bytes) -> None:
    with pytest.raises(UnknownMessageType):
        Catalogue.load([standard()]).read(body, today=TODAY)


def hint_of(catalogue: Catalogue, body: bytes, day: datetime.date = TODAY) -> str:
    with pytest.raises(UnknownMessageType) as caught:
        catalogue.read(body, today=day)
    (finding,) = caught.value.findings
    assert finding.hint
    return finding.hint.de


def test_unknown_root_element_is_told_what_is_served_when_nothing_like_it_is_known(standard: Folder) -> None:
    for version, since in (("1.0", "2020-01-01"), ("2.0", "2020-01-01"), ("3.0", "2999-01-01")):
        folder = standard(version, since)
    shared_standard(folder, "1.0")
    catalogue = Catalogue.load([folder])
    served = "Bedient werden heute: probe 1.0 (urn:example:probe:1.0), probe 2.0 (urn:example:probe:2.0)"
    assert hint_of(catalogue, b'<a xmlns="urn:other"/>') == served
    assert hint_of(catalogue, b"<a/>") == served
    assert hint_of(catalogue, b'<a xmlns="urn:exampel:probe:2.0"/>') == (
        f"Gemeint ist vielleicht urn:example:probe:2.0. {served}"
    )
    assert hint_of(catalogue, b"<a/>", datetime.date(2019, 1, 1)) == "Bedient wird heute nichts"


# Schemas and their imports

IMPORTING = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:example:probe:1.0">
 <xs:import namespace="urn:shared" schemaLocation="https://nowhere.invalid/shared/{name}"/>
 <xs:element name="probe.0101" type="s:T" xmlns:s="urn:shared"/></xs:schema>"""
SHARED = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:shared">
 <xs:simpleType name="T"><xs:restriction base="xs:{base}"/></xs:simpleType></xs:schema>"""
TYPES_ONLY = MANIFEST.partition("header:")[0].replace("probe", "shared") + "message_types: []\n"


def with_import(folder: Path, name: str = "types.xsd") -> Path:
    (folder / "probe" / "1.0" / "probe.xsd").write_text(IMPORTING.format(name=name), "utf-8")
    return folder


def shared_standard(folder: Path, version: str, base: str = "int") -> None:
    path = folder / "shared" / version
    path.mkdir(parents=True)
    manifest = TYPES_ONLY.format(version=version, valid_from="2020-01-01", valid_until="null")
    (path / "standard.yaml").write_text(manifest.replace("[shared.xsd]", "[types.xsd]"), "utf-8")
    (path / "types.xsd").write_text(SHARED.format(base=base), "utf-8")


def test_import_is_found_by_namespace_and_file_name_in_another_standard(standard: Folder) -> None:
    folder = with_import(standard())
    shared_standard(folder, "1.0")
    catalogue = Catalogue.load([folder])
    catalogue.check()
    catalogue.read(message("17"), today=TODAY)
    with pytest.raises(SchemaViolation):
        catalogue.read(message("x"), today=TODAY)


def test_schema_is_compiled_when_the_name_of_a_file_is_no_uri(standard: Folder) -> None:
    folder = with_import(standard(), "types ä [1].xsd")
    shared = folder / "probe" / "1.0" / "types ä [1].xsd"
    shared.write_text(SHARED.format(base="date"), "utf-8")
    Catalogue.load([folder]).read(message("2026-01-01"), today=TODAY)


@pytest.mark.parametrize("name", ["other.xsd", "../../types2.xsd", ""])
def test_import_that_is_nowhere_is_an_error(standard: Folder, name: str) -> None:
    folder = with_import(standard(), name)
    if name:
        shared_standard(folder, "1.0")
    with pytest.raises(ConfigurationError, match="urn:shared") as caught:
        Catalogue.load([folder]).check()
    assert "probe.xsd" in caught.value.detail


def test_import_is_ambiguous_when_two_files_differ(standard: Folder) -> None:
    folder = with_import(standard())
    shared_standard(folder, "1.0", "int")
    shared_standard(folder, "1.1", "int")
    Catalogue.load([folder]).check()
    (folder / "shared" / "1.1" / "types.xsd").write_text(SHARED.format(base="date"), "utf-8")
    with pytest.raises(ConfigurationError, match="ambiguous"):
        Catalogue.load([folder]).check()


def test_message_type_that_no_schema_declares_is_an_error(standard: Folder) -> None:
    folder = standard()
    path = folder / "probe" / "1.0" / "standard.yaml"
    path.write_text(path.read_text("utf-8").replace("root: probe.0101", "root: probe.0102"), "utf-8")
    with pytest.raises(
        ConfigurationError, match=r"probe\.0101: none of its schemas declares \{.*\}probe\.0102"
    ):
        Catalogue.load([folder]).check()


def test_import_in_the_own_folder_goes_first(standard: Folder) -> None:
    folder = with_import(standard())
    shared_standard(folder, "1.0", "int")
    (folder / "probe" / "1.0" / "types.xsd").write_text(SHARED.format(base="date"), "utf-8")
    Catalogue.load([folder]).read(message("2026-01-01"), today=TODAY)


def test_schema_that_is_none_is_an_error(standard: Folder) -> None:
    folder = standard()
    (folder / "probe" / "1.0" / "probe.xsd").write_text("<xs:schema", "utf-8")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Catalogue.load([folder]).check()
    (folder / "probe" / "1.0" / "probe.xsd").write_text("<html/>", "utf-8")
    with pytest.raises(ConfigurationError, match="cannot be compiled"):
        Catalogue.load([folder]).check()


# Code lists


@pytest.mark.parametrize(
    ("content", "code", "path", "hint"),
    [
        (coded("urn:list:evil", "1", "post"), "S010", "/m:probe.0101/m:code/@listURI", "urn:list:way"),
        (coded("urn:../../etc/passwd", "../x", "1"), "S010", "/m:probe.0101/m:code/@listURI", "urn:list:way"),
        (coded("", "", "post"), "S010", "/m:probe.0101/m:code/@listURI", "urn:list:way"),
        (coded("urn:list:way", "7", "post"), "S010", "/m:probe.0101/m:code/@listVersionID", "1"),
        (coded("urn:list:way", "1", "pigeon"), "S011", "/m:probe.0101/m:code/code", "0101 (Name), post"),
        (coded("urn:list:way", "1", "post<!-- -->al"), "S011", "/m:probe.0101/m:code/code", "0101 (Name)"),
        (
            '<m:way listVersionID="1"><code>pigeon</code></m:way>',
            "S011", "/m:probe.0101/m:way/code", "0101 (Name), post",
        ),
    ],
)  # fmt: skip
def test_code_list_fault_is_found_at_its_place(
    standard: Folder, content: str, code: str, path: str, hint: str
) -> None:
    with pytest.raises(CodeListViolation) as caught:
        Catalogue.load([standard()]).read(message(content), today=TODAY)
    finding = only_finding(caught.value)
    assert (str(caught.value.code), finding.code, finding.path, finding.line) == (code, code, path, 1)
    assert finding.hint
    assert hint in finding.hint.de
    text = finding.model_dump_json()
    assert not any(value in text for value in ("pigeon", "evil", "passwd"))


@pytest.mark.parametrize(("code", "rest"), [("pigeon", "is not in"), ("", "is empty; it must be of")])
@pytest.mark.parametrize(
    ("title", "cited"),
    [("", "“urn:list:way” (version 1)."), ("Wege", "“Wege” (urn:list:way, version 1).")],
)
def test_code_list_is_named_by_title_and_address_or_by_its_address_once(
    standard: Folder, title: str, cited: str, code: str, rest: str
) -> None:
    folder = standard()
    path = folder / "probe" / "1.0" / "lists" / "way.xml"
    named = f"<LongName>{title}</LongName>" if title else ""
    text = path.read_text("utf-8").replace("<Version>", f"{named}<Version>")
    path.write_text(text, "utf-8")
    with pytest.raises(CodeViolation) as caught:
        Catalogue.load([folder]).read(message(coded("urn:list:way", "1", code)), today=TODAY)
    said = only_finding(caught.value).message.en
    assert said == f"The code of “code” {rest} the code list {cited}"


def test_code_that_is_not_there_is_no_unknown_code(standard: Folder) -> None:
    content = coded("urn:list:way", "1", "pigeon").replace("<code>", "<kode>").replace("</code>", "</kode>")
    with pytest.raises(SchemaViolation) as caught:
        Catalogue.load([standard()]).read(message(content), today=TODAY)
    assert {each.code for each in caught.value.findings} == {"X001"}


@pytest.mark.parametrize(
    "content",
    [
        coded("urn:list:way", "1", "post"),
        coded("urn:list:way", "1", "  post\n "),
        coded("urn:list:way", "1", "<!-- by hand -->po<!-- -->st"),
        coded("urn:list:open", "1", "never heard of"),
        '<m:way listVersionID="1"><code>post</code></m:way>',
    ],
)
def test_code_is_accepted_when_its_list_allows_it(standard: Folder, content: str) -> None:
    Catalogue.load([standard()]).read(message(content), today=TODAY)


def test_code_list_that_is_not_installed_is_accepted_when_the_standard_is_open(standard: Folder) -> None:
    catalogue = Catalogue.load([standard(closed="false")])
    catalogue.read(message(coded("urn:list:other", "1", "x")), today=TODAY)
    with pytest.raises(CodeViolation):
        catalogue.read(message(coded("urn:list:way", "1", "x")), today=TODAY)


def test_all_code_list_faults_are_found_at_once(standard: Folder) -> None:
    content = (
        coded("urn:list:way", "1", "x")
        + coded("urn:list:evil", "1", "x")
        + coded("urn:list:way", "2", "post")
        + coded("urn:list:way", "2", "x")  # in none of the versions there are
        + coded("urn:list:open", "2", "x")  # where this version may have it
    )
    with pytest.raises(CodeListViolation) as caught:
        Catalogue.load([standard()]).read(message(content), today=TODAY)
    root = "/m:probe.0101/m:code"
    assert [(finding.code, finding.path) for finding in caught.value.findings] == [
        ("S011", f"{root}[1]/code"),
        ("S010", f"{root}[2]/@listURI"),
        ("S010", f"{root}[3]/@listVersionID"),
        ("S010", f"{root}[4]/@listVersionID"),
        ("S011", f"{root}[4]/code"),
        ("S010", f"{root}[5]/@listVersionID"),
    ]
    assert caught.value.code == "S010"


IMPORT = '<xs:import schemaLocation="global.xsd"/>'
GLOBAL = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:attribute name="listURI" type="xs:anyURI"/></xs:schema>"""
NIL = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'
LIST = '<xs:attribute name="listURI" type="xs:anyURI" fixed="urn:list:way"/>'
OTHER_LIST = LIST.replace("way", "other")
VERSION_3 = '<xs:attribute name="listVersionID" type="xs:string" fixed="3"/>'
ANY = '<xs:anyAttribute processContents="skip"/>'
CODES = '<xs:element name="code" type="p:Code" minOccurs="0" maxOccurs="9"/>'
NUMBERED = (
    '<xs:element name="k" maxOccurs="9"><xs:complexType><xs:attribute name="n" default="1"/></xs:complexType>'
    "</xs:element>"
)
UNIQUE = '<xs:unique name="u"><xs:selector xpath="p:k"/><xs:field xpath="@n"/></xs:unique>'
RULE = """<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
<ns prefix="p" uri="urn:example:probe:1.0"/>
<pattern><rule context="p:way/@listURI"><assert test="false()">Nie.</assert></rule></pattern></schema>"""
WAY_1 = '<m:way listVersionID="1"><code>post</code></m:way>'


@pytest.mark.parametrize(
    ("closed", "changes", "content", "found"),
    [
        ("true", {LIST: OTHER_LIST.replace("fixed", "default")}, WAY_1, {"S010": "m:way"}),
        ("false", {LIST: OTHER_LIST.replace("fixed", "default")}, WAY_1, {"S010": "m:way"}),
        ("false", {LIST: OTHER_LIST + VERSION_3}, WAY_1, {"X001": "m:way/@listVersionID"}),
        (
            "true", {LIST: LIST + VERSION_3.replace("fixed", "default")}, "<m:way><code>post</code></m:way>",
            {"S010": "m:way"},
        ),
        ("true", {}, "<m:code><code>post</code></m:code>", {"S010": "m:code"}),
        ("true", {}, '<m:way listURI="urn:list:way" listVersionID="1"><code>post</code></m:way>',
         {"X002": "m:way/@listURI"}),
        ("true", {}, WAY_1, {"X002": "m:way"}),
        (
            "true", {CODES: NUMBERED, f"{ANY}</xs:complexType>": f"{ANY}</xs:complexType>{UNIQUE}"},
            "<m:k/><m:k/><m:k n='2'/><m:k n='2'/>", {"X001": "m:k[2]", "X001 again": "m:k[4]/@n"},
        ),
        ("true", {ANY: f'<xs:attribute name="version" default="9"/>{ANY}'}, "", {"S999": ""}),
    ],
)  # fmt: skip
def test_attribute_that_only_the_schema_states_is_no_place(
    standard: Folder, closed: str, changes: dict[str, str], content: str, found: dict[str, str]
) -> None:
    folder = standard(closed=closed)
    schema, manifest = folder / "probe" / "1.0" / "probe.xsd", folder / "probe" / "1.0" / "standard.yaml"
    text = schema.read_text("utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    schema.write_text(text, "utf-8")
    if "X002" in found:
        (schema.parent / "rule.sch").write_text(RULE, "utf-8")
        manifest.write_text(manifest.read_text("utf-8") + "rules: [{file: rule.sch}]\n", "utf-8")
    try:
        findings = [*Catalogue.load([folder]).read(message(content), today=TODAY).warnings.shown]
    except Problem as refused:
        findings = refused.findings
    assert [(each.code, each.path) for each in findings] == [
        (code[:4], f"/m:probe.0101/{path}".rstrip("/")) for code, path in found.items()
    ]


def test_schema_and_code_lists_are_heard_in_one_run(standard: Folder) -> None:
    wrong_list = '<m:way listURI="urn:list:evil"><code>x</code></m:way>'
    content = coded("urn:list:way", "1", "x") + wrong_list + "<m:unknown/>"
    with pytest.raises(SchemaViolation) as caught:
        Catalogue.load([standard()]).read(message(content), today=TODAY)
    assert [(each.code, each.path) for each in caught.value.findings] == [
        ("S011", "/m:probe.0101/m:code/code"),
        ("X001", "/m:probe.0101/m:way/@listURI"),  # its code is not judged by a list it does not mean
        ("X001", "/m:probe.0101/m:unknown"),
    ]


def test_code_list_without_codes_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "list.xml"
    path.write_text(code_list("urn:list:way", "1"), "utf-8")
    with pytest.raises(ConfigurationError, match=r"list\.xml"):
        load_code_list(path, closed=True)


# Headers


@pytest.mark.parametrize(
    ("attribute", "wrong", "words"),
    [
        ("standard", "other", "Standard"),
        ("version", "0.9", "Version"),
        ("code", "0102", "Nachrichtentyp"),
    ],
)
def test_header_must_agree_with_the_root_element(
    standard: Folder, attribute: str, wrong: str, words: str
) -> None:
    with pytest.raises(MetadataMismatch) as caught:
        Catalogue.load([standard()]).read(message(attributes=f'{attribute}="{wrong}"'), today=TODAY)
    finding = only_finding(caught.value)
    assert (finding.code, finding.path) == ("S999", f"/m:probe.0101/@{attribute}")
    assert words in finding.message.de


def test_what_disagrees_is_told_with_all_else_that_is_wrong(standard: Folder) -> None:
    body = message(coded("urn:list:way", "1", "x"), attributes='standard="other" code="0102"')
    with pytest.raises(CodeViolation) as caught:
        Catalogue.load([standard()]).read(body, today=TODAY)
    assert [(each.code, each.path) for each in caught.value.findings] == [
        ("S999", "/m:probe.0101/@standard"),
        ("S999", "/m:probe.0101/@code"),
        ("S011", "/m:probe.0101/m:code/code"),
    ]


def test_error_is_told_where_there_is_a_warning_already(standard: Folder) -> None:
    folder = standard(closed="false")
    path = folder / "probe" / "1.0" / "standard.yaml"
    text = path.read_text("utf-8").replace('"@code"', "m:code/code")
    path.write_text(text.replace("{p:", '{m: "urn:example:probe:1.0", p:'), "utf-8")
    with pytest.raises(MetadataMismatch) as caught:
        Catalogue.load([folder]).read(message(coded("urn:list:evil", "1", "0102")), today=TODAY)
    assert [(each.severity, each.code) for each in caught.value.findings] == [
        ("warning", "S010"),
        ("error", "S999"),
    ]


@pytest.mark.parametrize(("xpath", "place"), [("m:code/code/text()", "m:code/code"), ("namespace::*", "")])
def test_what_disagrees_has_a_place_whatever_the_xpath_returns(
    standard: Folder, xpath: str, place: str
) -> None:
    folder = standard()
    path = folder / "probe" / "1.0" / "standard.yaml"
    text = path.read_text("utf-8").replace('"@code"', xpath)
    path.write_text(text.replace("{p:", '{m: "urn:example:probe:1.0", p:'), "utf-8")
    with pytest.raises(MetadataMismatch) as caught:
        Catalogue.load([folder]).read(message(coded("urn:list:way", "1", "post")), today=TODAY)
    assert only_finding(caught.value).path == f"/m:probe.0101/{place}".rstrip("/")


@pytest.mark.parametrize("field", ["message_id", "case_ref", "channel"])
def test_value_that_the_store_has_no_room_for_is_refused_by_name(standard: Folder, field: str) -> None:
    folder = standard()
    path = folder / "probe" / "1.0" / "standard.yaml"
    path.write_text(path.read_text("utf-8").replace("xpaths: {", f"xpaths: {{{field}: '@long', "), "utf-8")
    catalogue, body = Catalogue.load([folder]), message(attributes=f'long="{"x" * 201}"')
    catalogue.read(body, today=TODAY)  # nobody has sent it, and it is not stored
    with pytest.raises(MetadataMismatch) as caught:
        catalogue.read(body, today=TODAY, stated={})
    finding = only_finding(caught.value)
    assert (field in finding.message.en, finding.path) == (True, "/m:probe.0101/@long")


@pytest.mark.parametrize("value", ["", "0", "false", "true", "x"])
def test_header_is_a_test_when_the_attribute_is_there_whatever_its_value(
    standard: Folder, value: str
) -> None:
    catalogue = Catalogue.load([standard()])
    assert catalogue.read(message(attributes=f'test="{value}"'), today=TODAY).header.test
    assert not catalogue.read(message(), today=TODAY).header.test


def test_header_of_our_samples_is_read() -> None:
    body = (data_folder("fixtures") / "xurkunde" / "1.1" / "valid" / "06-testnachricht.xml").read_bytes()
    header = OURS.read(body, today=TODAY).header
    assert header.test
    assert header.message_type_code == "0101"
    assert (header.standard, header.version) == ("xurkunde", "1.1")
    for name in ("message_id", "created_at", "reader", "author", "product", "service", "authority"):
        assert getattr(header, name), name


G = "http://xoev.de/schemata/basisnachricht/g2g/1_1"
H = "http://xoev.de/schemata/basisnachricht/behoerde/1_1"
HEADERS = {
    "bn-1.1-unqualified": """<m produkt=" P " standard="s" version="1">
      <nachrichtenkopf.g2g><identifikation.nachricht><nachrichtenUUID>id-1</nachrichtenUUID>
      <nachrichtentyp><code>0101</code></nachrichtentyp><erstellungszeitpunkt>then</erstellungszeitpunkt>
      </identifikation.nachricht><leser><verzeichnisdienst><code>DVDV</code></verzeichnisdienst>
      <kennung>psw:1</kennung></leser><autor><kennung>psw:2</kennung></autor></nachrichtenkopf.g2g></m>""",
    "bn-1.1": f"""<m xmlns:g="{G}" xmlns:h="{H}" produkt="P" standard="s" version="1">
      <g:nachrichtenkopf.g2g><g:identifikation.nachricht><g:nachrichtenUUID>id-1</g:nachrichtenUUID>
      <g:nachrichtentyp><code>0101</code></g:nachrichtentyp>
      <g:erstellungszeitpunkt>then</g:erstellungszeitpunkt></g:identifikation.nachricht>
      <g:leser><h:kennung>psw:1</h:kennung></g:leser><g:autor><h:kennung>psw:2</h:kennung></g:autor>
      </g:nachrichtenkopf.g2g></m>""",
    "xinneres": """<x:m xmlns:x="urn:x" produkt="P" standard="s" version="1"><x:nachrichtenkopf>
      <x:identifikation.nachricht><x:nachrichtenUUID>id-1</x:nachrichtenUUID>
      <x:nachrichtentyp><code>0101</code></x:nachrichtentyp>
      <x:erstellungszeitpunkt>then</x:erstellungszeitpunkt></x:identifikation.nachricht>
      <x:leser><x:praefix><code>psw</code></x:praefix><x:kennung>1</x:kennung></x:leser>
      <x:autor><x:kennung>psw:2</x:kennung></x:autor></x:nachrichtenkopf></x:m>""",
}


@pytest.mark.parametrize("profile", HEADERS)
def test_profile_reads_its_kind_of_header(profile: str) -> None:
    header = HeaderReader(profile, {}, {}).read(parse(HEADERS[profile].encode()))
    assert header == Header(
        message_id="id-1",
        message_type_code="0101",
        created_at="then",
        standard="s",
        version="1",
        product="P",
        reader="psw:1",
        author="psw:2",
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_reads_nothing_from_a_message_without_a_header(profile: str) -> None:
    assert HeaderReader(profile, {}, {}).read(parse(b"<m>text</m>")) == Header()


def test_header_field_cannot_reach_into_the_next() -> None:
    reader = HeaderReader("none", {"service": "a", "ars": "b"}, {})
    header = reader.read(parse(b"<m><a>1\n2&#10;&#13;3</a><b>4</b></m>"))
    assert (header.service, header.ars) == ("1 2 3", "4")


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_read_raises_nothing_but_problems_on_changed_samples(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body) - 1))
        words = st.sampled_from([b"", b"x", b"<!-- -->", b"9", b" ", b"&#9;", b"<b:x/>", b'" a="'])
        body[start : start + data.draw(st.integers(0, 3))] = data.draw(words)
    with suppress(Problem):
        OURS.read(bytes(body), today=TODAY)


# Code lists where a standard leaves them open, and files of other generations


def warned(folder: Path, content: str) -> list[tuple[str, str, str, str]]:
    incoming = Catalogue.load([folder]).read(message(content), today=TODAY)
    return [(each.code, str(each.severity), each.path, each.message.de) for each in incoming.warnings.shown]


def told(folder: Path, content: str) -> list[tuple[str, str]]:
    """Return code and path of all that is said of a message, refused or not."""
    try:
        findings = Catalogue.load([folder]).read(message(content), today=TODAY).warnings.shown
    except Problem as problem:
        findings = problem.findings
    return [(each.code, each.path) for each in findings]


@pytest.mark.parametrize(
    ("content", "path", "words"),
    [
        (coded("urn:unheard", "1", "x"), "/m:probe.0101/m:code/@listURI", "nicht bekannt"),
        (coded("urn:list:way", "7", "x"), "/m:probe.0101/m:code/@listVersionID", "nicht bekannt"),
        ('<m:code listURI="urn:list:way"><code>x</code></m:code>', "/m:probe.0101/m:code", "keine Version"),
    ],
)
def test_code_list_is_a_warning_when_lists_are_open_and_it_is_not_known(
    standard: Folder, content: str, path: str, words: str
) -> None:
    ((code, severity, place, said),) = warned(standard(closed="false"), content)
    assert (code, severity, place) == ("S010", "warning", path)
    assert words in said


def test_code_list_that_is_not_known_is_warned_of_once(standard: Folder) -> None:
    content = (
        coded("urn:unheard", "1", "x") * 3 + coded("urn:unheard", "2", "x") + coded("urn:else", "1", "x")
    )
    assert [path for _, _, path, _ in warned(standard(closed="false"), content)] == [
        "/m:probe.0101/m:code[1]/@listURI",
        "/m:probe.0101/m:code[5]/@listURI",
    ]


def test_code_that_its_closed_list_lacks_is_an_error_when_lists_are_open(standard: Folder) -> None:
    with pytest.raises(CodeViolation) as refused:
        Catalogue.load([standard(closed="false")]).read(
            message(coded("urn:unheard", "1", "x") + coded("urn:list:way", "1", "pots")), today=TODAY
        )
    assert [(each.code, str(each.severity)) for each in refused.value.findings] == [
        ("S010", "warning"),
        ("S011", "error"),
    ]
    hint = refused.value.findings[1].hint
    assert hint
    assert hint.de == "Gemeint ist vielleicht post (Name). Zulässig: 0101 (Name), post (Name)"


@pytest.mark.parametrize("closed", ["true", "false"])
@pytest.mark.parametrize(
    ("xsd_version", "count"),
    [("", 1), ('<xs:attribute name="listVersionID" type="xs:string" fixed="9"/>', 0)],
)
def test_code_list_that_the_schema_fixes_is_no_matter_of_the_sender_when_it_is_not_here(
    standard: Folder, closed: str, xsd_version: str, count: int
) -> None:
    folder = standard(closed=closed)
    path = folder / "probe" / "1.0" / "probe.xsd"
    fixed = '<xs:attribute name="listURI" type="xs:anyURI" fixed="urn:list:way"/>'
    path.write_text(path.read_text("utf-8").replace(fixed, fixed + xsd_version), "utf-8")
    version = "" if xsd_version else ' listVersionID="9"'
    assert len(told(folder, f"<m:way{version}><code>post</code></m:way>")) == count
    # What is not what the schema fixes is told by that alone.
    wrong = ('<m:way listURI="urn:list:far"', '<m:way listVersionID="8"' if xsd_version else "<m:way ")
    for start, what in zip(wrong, ("listURI", "listVersionID"), strict=True):
        if what in start:
            refused = [("X001", f"/m:probe.0101/m:way/@{what}")]
            assert told(folder, f"{start}><code>post</code></m:way>") == refused
    # The list that is not here at all, in whatever version the message states:
    manifest = folder / "probe" / "1.0" / "standard.yaml"
    manifest.write_text(
        manifest.read_text("utf-8").replace("{file: lists/way.xml, closed: true}, ", ""), "utf-8"
    )
    assert told(folder, f"<m:way{version}><code>x</code></m:way>") == []
    # But only where the schema fixes it:
    other = told(folder, '<m:code listURI="urn:list:way" listVersionID="9"><code>x</code></m:code>')
    assert other == ([] if closed == "false" else [("S010", "/m:probe.0101/m:code/@listURI")])


@pytest.mark.parametrize(
    ("content", "places"),
    [
        ("<m:code><code>post</code></m:code>", ["m:code"]),
        ('<m:code listURI=""><code>post</code></m:code>', ["m:code/@listURI"]),
        ("<m:unknown/><m:code><code>post</code></m:code>", ["m:unknown", "m:code"]),
        ('<m:way listVersionID="1"><code>post</code></m:way>', []),
        (f"<m:code {NIL}/>", []),
        (f'<m:code listURI="urn:list:evil" {NIL}/>', ["m:code/@listURI"]),
        (f'<m:way listVersionID="1" {NIL}/>', []),
    ],
)
def test_code_whose_list_is_left_out_is_refused_when_lists_are_closed(
    standard: Folder, content: str, places: list[str]
) -> None:
    folder = standard()
    path = folder / "probe" / "1.0" / "probe.xsd"
    text = path.read_text("utf-8")
    for element in ('name="code" type="p:Code"', 'name="way" minOccurs="0"'):
        assert element in text
        text = text.replace(element, f'{element} nillable="true"')
    path.write_text(text, "utf-8")
    assert [place for _, place in told(folder, content)] == [f"/m:probe.0101/{each}" for each in places]


def test_list_is_not_missing_where_the_schema_fixes_it_beside_a_reference(standard: Folder) -> None:
    path = standard() / "probe" / "1.0" / "probe.xsd"
    text = path.read_text("utf-8").replace(LIST, '<xs:attribute ref="listURI" fixed="urn:list:way"/>')
    path.write_text(text.replace(' <xs:element name="probe', IMPORT + ' <xs:element name="probe', 1), "utf-8")
    (path.parent / "global.xsd").write_text(GLOBAL, "utf-8")
    way = '<m:way listVersionID="1"><code>post</code></m:way>'
    assert told(path.parents[2], way) == []
    assert told(path.parents[2], "<m:code><code>post</code></m:code>") == [("S010", "/m:probe.0101/m:code")]


def test_standard_without_any_list_warns_of_none(standard: Folder) -> None:
    folder = standard(closed="false")
    path = folder / "probe" / "1.0" / "standard.yaml"
    text = path.read_text("utf-8").replace("{file: lists/way.xml, closed: true}, ", "")
    path.write_text(text.replace("{file: lists/open.xml, closed: false}", ""), "utf-8")
    assert warned(folder, coded("urn:unheard", "1", "x")) == []


def test_refusal_for_codes_of_a_long_list_is_explained_in_time(standard: Folder) -> None:
    folder = standard()
    codes = [f"{number:05}.{number % 7}x{number}" for number in range(5_000)]
    (folder / "probe" / "1.0" / "lists" / "way.xml").write_text(
        code_list("urn:list:way", "1", *codes), "utf-8"
    )
    catalogue = Catalogue.load([folder])
    body = message("".join(coded("urn:list:way", "1", f"{code}zz") for code in codes[:9]))
    started = time.perf_counter()
    with pytest.raises(CodeViolation) as refused:
        catalogue.read(body, today=TODAY)
    assert len(refused.value.findings) == 9
    assert time.perf_counter() - started < 3


COLUMNS = """<gc:CodeList xmlns:gc="http://docs.oasis-open.org/codelist/ns/genericode/1.0/" xmlns:m="{mark}">
<Identification><ShortName>short</ShortName>
 <LongName xml:lang="en">English title</LongName><LongName xml:lang="de">Deutscher Titel</LongName>
 <Version>1</Version><CanonicalUri>urn:list</CanonicalUri></Identification>
<ColumnSet>{columns}{keys}</ColumnSet>
<SimpleCodeList><Row>{values}</Row></SimpleCodeList></gc:CodeList>"""
KEY = '<Key Id="{0}Key"><Annotation><AppInfo>{1}</AppInfo></Annotation><ColumnRef Ref="{0}"/></Key>'


@pytest.mark.parametrize(
    ("columns", "keys", "expected"),
    [
        (["key", "name"], [("key", "")], {"key!": "name!"}),
        (["SCHLUESSEL", "Bezeichnung"], [("SCHLUESSEL", "")], {"SCHLUESSEL!": "Bezeichnung!"}),
        (["Schlüssel", "Wert", "iana"], [("Schlüssel", "")], {"Schlüssel!": "Wert!"}),
        (["code", "dokumentation", "beschreibung"], [("code", "")], {"code!": "beschreibung!"}),
        (
            ["code", "Description-English", "Description-Deutsch"],
            [("code", "")],
            {"code!": "Description-Deutsch!"},
        ),
        (
            ["schluessel", "existenz", "staatenname-kurz"],
            [("schluessel", "")],
            {"schluessel!": "staatenname-kurz!"},
        ),
        (["praefix", "vergebendestelle"], [("praefix", "")], {"praefix!": "vergebendestelle!"}),
        (["a", "b"], [("a", ""), ("b", "")], {"a!": "b!", "b!": ""}),
        (
            ["a", "b", "name"],
            [("a", ""), ("b", "<m:recommendedKeyColumn>true</m:recommendedKeyColumn>")],
            {"b!": "name!"},
        ),
        (["a", "b", "name"], [("a", ""), ("b", "<m:empfohleneCodeSpalte/>")], {"b!": "name!"}),
        (["code"], [], {"code!": ""}),
    ],
    ids=str,
)
@pytest.mark.parametrize("mark", ["http://xoev.de/schemata/genericode/4", "urn:another:generation"])
def test_code_list_of_any_generation_gives_its_codes_with_names(
    tmp_path: Path, columns: list[str], keys: list[tuple[str, str]], expected: dict[str, str], mark: str
) -> None:
    path = tmp_path / "list.xml"
    path.write_text(
        COLUMNS.format(
            mark=mark,
            columns="".join(f'<Column Id="{each}"/>' for each in columns),
            keys="".join(KEY.format(*each) for each in keys),
            values="".join(
                f'<Value ColumnRef="{each}"><SimpleValue>{each}!</SimpleValue></Value>' for each in columns
            ),
        ),
        "utf-8",
    )
    read = load_code_list(path, closed=True)
    assert read.names == expected
    assert read.codes == set(expected)
    assert read.title == "Deutscher Titel"


def test_column_with_the_names_is_known_by_its_short_name_as_well(tmp_path: Path) -> None:
    path = tmp_path / "list.xml"
    columns = '<Column Id="a"/><Column Id="nr"/><Column Id="bez"><ShortName>Bezeichnung</ShortName></Column>'
    values = "".join(f"<Value><SimpleValue>{each}</SimpleValue></Value>" for each in ("R", "1", "rot"))
    text = COLUMNS.format(mark="urn:m", columns=columns, keys=KEY.format("a", ""), values=values)
    path.write_text(text, "utf-8")
    assert load_code_list(path, closed=True).names == {"R": "rot"}


# Published standards, where they are at hand

if MATERIAL.is_dir():

    @pytest.mark.material
    @pytest.mark.parametrize(
        "path",
        sorted([*MATERIAL.glob("code-lists/*.xml"), *MATERIAL.glob("standards/*/codelists/*.xml")]),
        ids=lambda path: path.name,
    )
    def test_published_code_list_is_read(path: Path) -> None:
        published = load_code_list(path, closed=True)
        assert published.uri.startswith("urn:")
        assert all(published.codes)

    @pytest.mark.material
    def test_published_code_list_gives_the_codes_of_its_key_column() -> None:
        name = "urn_de_xoev_codeliste_erreichbarkeit_{}.xml"
        for version in ("1", "2", "3", "4", "4.1"):
            read = load_code_list(MATERIAL / "code-lists" / name.format(version), closed=True)
            assert read.names["01"] in {"E-Mail", "Email", "E-Mail-Adresse"}, version

    PUBLISHED = {
        "xschule": ("http://xschule.digital/def/xschule/1.2/xsd", "xschule.xsd", ["xbildung-1.2"]),
        "xdomea-3.0.0": (
            "urn:xoev-de:xdomea:schema:3.0.0",
            "xdomea-Nachrichten-AussonderungDurchfuehren.xsd",
            [],
        ),
        "xhochschule": ("http://xhochschule.de/def/xhochschule/1.2/xsd", "xhochschule.xsd", ["xbildung-1.2"]),
    }

    @pytest.fixture(params=PUBLISHED)
    def published(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Catalogue]:
        """A standard around published schemas: its own folder, those it needs, and the common types."""
        namespace, entry, needed = PUBLISHED[request.param]
        folder = tmp_path / "published"
        for name in (request.param, *needed, "common"):
            shutil.copytree(MATERIAL / "standards" / name, folder / name)
        (path,) = (folder / request.param).rglob(entry)
        roots = sorted(
            {parse(item.read_bytes()).tag.rpartition("}")[2] for item in _instances(request.param)}
        )
        types = "".join(
            f"  - {{name: {root}, root: {root}, direction: in, title: {{de: x, en: x}}}}\n" for root in roots
        )
        (folder / "standard.yaml").write_text(
            f'standard: published\nversion: "1"\ntitle: {{de: x, en: x}}\nnamespace: {namespace}\n'
            f"valid_from: 2020-01-01\nschemas: [{path.relative_to(folder).as_posix()}]\n"
            f"message_types:{chr(10) + types if types else ' []'}",
            "utf-8",
        )
        return request.param, Catalogue.load([folder])

    def _instances(name: str) -> list[Path]:
        return sorted((MATERIAL / "standards" / name).glob("instances/*.xml"))

    @pytest.mark.material
    def test_published_standard_compiles_and_accepts_its_own_messages(
        published: tuple[str, Catalogue],
    ) -> None:
        name, catalogue = published
        (standard,) = catalogue.standards
        assert standard.schema.xmlschema.maps.elements
        assert _instances(name)
        for path in _instances(name):
            catalogue.read(path.read_bytes(), today=TODAY)

    @pytest.mark.material
    def test_published_message_is_explained_when_it_is_broken(published: tuple[str, Catalogue]) -> None:
        name, catalogue = published
        (standard,) = catalogue.standards
        with capture_logs() as logs:
            for path in _instances(name)[:4]:
                for body in _broken(path.read_bytes()):
                    root = parse(body)
                    for finding in standard.schema.find(root, body).shown:
                        found = root.getroottree().xpath(finding.path, namespaces=finding.namespaces)
                        assert len(found) == 1
                        assert "entspricht nicht dem Schema" not in finding.message.de
        assert logs == []

    def _broken(body: bytes) -> Iterator[bytes]:
        """Change a message at forty places: rename, remove, double and empty elements."""
        count = len(list(parse(body).iter("*")))
        for number in range(1, count, max(1, count // 40)):
            root = parse(body)
            element = list(root.iter("*"))[number]
            parent = element.getparent()
            if number % 4 == 0:
                element.tag = f"{element.tag}x"
            elif number % 4 == 1:
                parent.remove(element)
            elif number % 4 == 2:
                parent.insert(0, deepcopy(element))
            else:
                element.text = ""
            yield etree.tostring(root)


@pytest.mark.parametrize(("codes", "expected"), [(("X001", "V000"), "X001"), (("A1", "A2"), "S999")])
def test_rejection_takes_its_code_from_the_standards_own_list_or_s999(
    standard: Folder, codes: tuple[str, ...], expected: str
) -> None:
    folder = standard()
    (folder / "probe" / "1.0" / "lists" / "way.xml").write_text(
        code_list("urn:list:reasons", "7", *codes), "utf-8"
    )
    path = folder / "probe" / "1.0" / "standard.yaml"
    path.write_text(
        path.read_text("utf-8") + 'reject_list: {uri: "urn:list:reasons", version: "7"}\n', "utf-8"
    )
    with pytest.raises(SchemaViolation) as refused:
        Catalogue.load([folder]).read(message("<m:unknown/>"), today=TODAY)
    assert refused.value.rejections == {"X001": RejectReason(expected, "urn:list:reasons", "7")}
