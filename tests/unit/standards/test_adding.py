"""Adding a published release: what is found, what is reported, that it is all or nothing."""

import datetime
import fcntl
import os
import re
import stat
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from gateway.cli.releases import report_text
from gateway.errors import ConfigurationError, NotPossible, SchemaViolation, Unavailable, VersionNotServed
from gateway.standards import Catalogue, Standard, draft, folders, survey
from gateway.standards.adding import add
from gateway.standards.description import fetch_schema_file, schema_files
from gateway.standards.examining import Report
from gateway.standards.examples import Examples
from gateway.standards.manifest import FILE_NAME
from gateway.standards.serving import enable, remove
from gateway.standards.sources import SchemaFiles, find_imports
from gateway.standards.survey import SCENARIOS
from gateway.xml.parse import parse
from gateway.xml.rules import Rules
from gateway.xml.validate import Schema
from tests.unit.standards import release
from tests.unit.test_bad_inputs import MATERIAL

DAY = datetime.date(2026, 11, 1)
PUBLISHED = MATERIAL / "standards"


@pytest.fixture
def standards(tmp_path: Path) -> Path:
    """The folder that standards are added to."""
    folder = tmp_path / "standards"
    folder.mkdir()
    return folder


def adding(standards: Path, contents: dict[str, str], folder: str = "lieferung", **options: object) -> Report:
    source = release.write(standards.parent / folder, contents)
    return add(source, Catalogue.load([standards]), standards, **options)  # type: ignore[arg-type]


def add_both(standards: Path) -> Report:
    adding(standards, release.shared_files(), "gemeinsames")
    return adding(standards, release.files())


def find_standard(catalogue: Catalogue, name: str, version: str) -> Standard:
    found = catalogue.fetch(name, version)
    assert found
    return found


def enabled(standards: Path, name: str = "xhund", version: str = "2.3", **days: datetime.date) -> Catalogue:
    """Serve a standard from DAY on, and return the catalogue that does."""
    standard = find_standard(Catalogue.load([standards]), name, version)
    enable(standard, **({"since": DAY, "until": None, "grace_until": None} | days))  # type: ignore[arg-type]
    return Catalogue.load([standards])


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_release_becomes_a_standard_that_takes_its_own_messages(standards: Path) -> None:
    report = add_both(standards)
    assert report.folder == standards / "xhund" / "2.3"
    incoming = enabled(standards).read(release.message().encode(), today=DAY)
    assert incoming.message_type.id == "xhund:2.3:hund.anmeldung.0101"
    assert incoming.header.message_id == "0f6c2b52-5d0e-4c7f-8a53-1f6f1c9b2d70"


def test_manifest_says_what_the_files_tell(standards: Path) -> None:
    manifest = add_both(standards).manifest
    assert manifest.identifier == "urn:amtsbote:standard:xhund"
    assert manifest.title.de == "Amtsbote-Beispielstandard Hundeanmeldung"
    assert manifest.schemas == [release.MAIN]
    assert manifest.header.profile == "bn-1.1-unqualified"
    assert (manifest.stated_standard, manifest.stated_version) == ("XHund", "2.3")
    assert [each.name for each in manifest.message_types] == ["hund.anmeldung.0101"]
    assert manifest.message_types[0].title.de == "Anmeldung eines Hundes"
    written = yaml.safe_load((standards / "xhund" / "2.3" / FILE_NAME).read_text("utf-8"))
    assert written["valid_from"] is None
    assert [each["file"] for each in written["code_lists"]] == [release.LIST]


def test_report_names_samples_and_what_is_no_message(standards: Path) -> None:
    report = add_both(standards)
    assert [(each.path.name, each.valid) for each in report.samples] == [("dackel.xml", True)]
    assert report.left_out == ["hundefoto"]  # it has no header; `hund` only stands in a message
    assert not report.unresolved
    assert not report.absent_lists


def test_element_without_the_header_is_a_message_when_a_sample_begins_with_it(standards: Path) -> None:
    photo = '<h:hundefoto xmlns:h="urn:amtsbote:xhund:{}">{}</h:hundefoto>'
    samples = {
        "foto.xml": photo.format("2.3", "QQ=="),
        "falsch.xml": photo.format("2.3", "?"),
        "fremd.xml": photo.format("9", "QQ=="),
    }
    adding(standards, release.shared_files(), "gemeinsames")
    report = adding(standards, release.files() | samples)
    assert [each.name for each in report.manifest.message_types] == ["hund.anmeldung.0101", "hundefoto"]
    assert report.left_out == []
    assert {each.path.name: each.valid for each in report.samples} == {
        "dackel.xml": True,
        "foto.xml": True,
        "falsch.xml": False,
    }
    header = report.manifest.header
    assert (header.profile, header.standard, header.version) == ("bn-1.1-unqualified", "XHund", "2.3")
    received = enabled(standards).read(samples["foto.xml"].encode(), today=DAY)
    assert received.message_type.name == "hundefoto"


def test_archive_is_added_as_a_folder_is(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    path = standards.parent / "XHund_2.3.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in release.files().items():
            file.writestr(name, content)
    assert add(path, Catalogue.load([standards]), standards).manifest.standard == "xhund"


def test_release_of_shared_types_is_called_as_its_folder(standards: Path) -> None:
    manifest = adding(standards, release.shared_files(), "gemeinsames-1.4").manifest
    assert (manifest.standard, manifest.version, manifest.message_types) == ("gemeinsames", "1.0", [])


def test_name_and_version_can_be_given(standards: Path) -> None:
    report = adding(standards, release.shared_files(), "gemeinsames", name="basis", version="7")
    assert report.folder == standards / "basis" / "7"


def test_standard_keeps_what_it_uses_of_others_when_these_are_removed(standards: Path) -> None:
    add_both(standards)
    remove(find_standard(Catalogue.load([standards]), "gemeinsames", "1.0").folder, standards)
    catalogue = Catalogue.load([standards])
    catalogue.check()
    assert [str(each) for each in catalogue.standards] == ["xhund 2.3"]


def test_import_that_nobody_delivered_is_a_gap_that_is_reported(standards: Path) -> None:
    contents = release.files()
    parts = contents[release.PARTS]
    contents[release.PARTS] = parts.replace(
        '<xs:element name="rasse">',
        '<xs:element name="ort" type="geo:Punkt" xmlns:geo="urn:geo:1" minOccurs="0"/>'
        '<xs:element name="rasse">',
    ).replace(
        "<xs:import ",
        '<xs:import namespace="urn:geo:1" schemaLocation="https://geo.invalid/geo.xsd"/><xs:import ',
        1,
    )
    adding(standards, release.shared_files(), "gemeinsames")
    report = adding(standards, contents)
    (gap,) = report.unresolved
    assert (gap.namespace, gap.location, gap.used) == ("urn:geo:1", "https://geo.invalid/geo.xsd", ("Punkt",))
    assert (gap.origin, gap.line) == (Path(release.PARTS), 5)
    assert f"    {release.PARTS}:5: urn:geo:1 from https://geo.invalid/geo.xsd: add" in report_text(report)
    catalogue = enabled(standards)
    with_place = release.message().replace("<h:hund>", "<h:hund><h:ort><breite>51</breite></h:ort>")
    catalogue.read(with_place.encode(), today=DAY)


def test_type_that_adds_to_a_missing_one_may_hold_anything(standards: Path) -> None:
    """Nobody knows what it adds to; the types that build on it in turn are no better known."""
    derived = (
        '<xs:complexType name="Ort"><xs:complexContent><xs:extension base="geo:Punkt" xmlns:geo="urn:geo:1">'
        '<xs:sequence><xs:element name="name" type="xs:string"/></xs:sequence></xs:extension>'
        '</xs:complexContent></xs:complexType><xs:complexType name="Wohnort"><xs:complexContent>'
        '<xs:extension base="h:Ort"><xs:sequence><xs:element name="seit" type="xs:date"/></xs:sequence>'
        '</xs:extension></xs:complexContent></xs:complexType><xs:complexType name="Hund">'
    )
    contents = release.files()
    for old, new in (
        ('<xs:complexType name="Hund">', derived),
        ('<xs:element name="rasse">', '<xs:element name="ort" type="h:Wohnort" minOccurs="0"/>\\g<0>'),
        ("<xs:import ", '<xs:import namespace="urn:geo:1"/>\\g<0>'),
    ):
        contents[release.PARTS] = re.sub(old, new, contents[release.PARTS], count=1)
    adding(standards, release.shared_files(), "gemeinsames")
    unresolved = adding(standards, contents).unresolved
    assert [(each.namespace, each.used) for each in unresolved] == [("urn:geo:1", ("Punkt",))]
    catalogue = enabled(standards)
    place = "<h:ort>Am Wall<breite>51</breite><h:name>x</h:name></h:ort>"
    body = release.message().replace("<h:hund>", f"<h:hund>{place}")
    catalogue.read(body.encode(), today=DAY)


LAND = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:geo="urn:geo:1"
  targetNamespace="urn:land:1">
 <xs:import namespace="urn:geo:1" schemaLocation="https://geo.invalid/geo.xsd"/>
 <xs:element name="land"><xs:complexType><xs:sequence><xs:element name="ort" type="geo:Ort"/></xs:sequence>
   {attribute}</xs:complexType></xs:element>
 {types}</xs:schema>"""
LAND_MESSAGE = '<l:land xmlns:l="urn:land:1"{attribute}><ort{label}>Musterstadt</ort></l:land>'


@pytest.mark.parametrize(
    ("attribute", "types", "stated", "label", "refused"),
    [
        ('<xs:attribute name="ort" type="geo:Ort"/>', "", ' ort="a"', "", ' nr="1"'),
        (
            "",
            '<xs:simpleType name="Stadt"><xs:restriction base="geo:Ort"><xs:maxLength value="9"/>'
            "</xs:restriction></xs:simpleType>",
            "",
            "",
            ' nr="1"',
        ),
        (
            "",
            '<xs:complexType name="Stadt"><xs:simpleContent><xs:extension base="geo:Ort">'
            '<xs:attribute name="kreis"/></xs:extension></xs:simpleContent></xs:complexType>',
            "",
            ' nr="1"',
            "><b/",
        ),
        (
            "",
            '<xs:complexType name="Stadt"><xs:simpleContent><xs:restriction base="geo:Ort">'
            '<xs:attribute name="nr" fixed="1"/></xs:restriction></xs:simpleContent></xs:complexType>',
            "",
            ' nr="1"',
            "><b/",
        ),
    ],
    ids=["attribute", "simple type", "extension", "restriction"],
)
def test_missing_type_that_is_used_in_several_ways_is_the_strictest_that_these_allow(
    standards: Path, attribute: str, types: str, stated: str, label: str, refused: str
) -> None:
    """Simple and complex types share one set of names: both of one name would be no schema."""
    report = adding(standards, {"land.xsd": LAND.format(attribute=attribute, types=types)})
    assert [each.used for each in report.unresolved] == [("Ort",)]
    catalogue = enabled(standards, "land", "1")
    catalogue.read(LAND_MESSAGE.format(attribute=stated, label=label).encode(), today=DAY)
    with pytest.raises(SchemaViolation):
        catalogue.read(LAND_MESSAGE.format(attribute=stated, label=refused).encode(), today=DAY)


def test_import_from_a_place_that_is_nowhere_is_none_when_another_file_has_the_namespace(
    standards: Path,
) -> None:
    """A place is a hint: the namespace is there, from where another file of the release imports it."""
    adding(standards, release.shared_files(), "gemeinsames")
    contents = release.files()
    nowhere = '<xs:import namespace="urn:amtsbote:gemeinsames:1.0" schemaLocation="../../alt/typen.xsd"/>'
    included = '<xs:include schemaLocation="xhund-bausteine.xsd"/>'
    contents[release.MAIN] = contents[release.MAIN].replace(included, included + nowhere)
    report = adding(standards, contents)
    assert not report.unresolved
    assert [each.valid for each in report.samples] == [True]


def test_imports_are_named_with_their_lines_when_it_does_not_compile_without_them(standards: Path) -> None:
    types = (
        '<xs:simpleType name="Breite"><xs:restriction base="geo:Grad"><xs:maxInclusive value="90"/>'
        "</xs:restriction></xs:simpleType>"
    )
    with pytest.raises(ConfigurationError) as refused:
        adding(standards, {"xsd/land.xsd": LAND.format(attribute="", types=types)})
    first, second, _ = refused.value.detail.split("\n")
    assert first.startswith("xsd/land.xsd: cannot be compiled")
    assert first.endswith("Add the release that has it first, then this one:")
    assert second == "  xsd/land.xsd:3: urn:geo:1 from https://geo.invalid/geo.xsd"
    assert not everything(standards)


# One namespace for all versions, as some standards have it

UNVERSIONED = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:k="urn:publisher:katze"
  targetNamespace="urn:publisher:katze" version="{version}" elementFormDefault="qualified">
 <xs:element name="katze"><xs:complexType><xs:sequence><xs:element name="kopf"><xs:complexType>
   <xs:attribute name="stand" type="xs:string" fixed="{version}" use="required"/>
   </xs:complexType></xs:element><xs:element name="{element}" type="xs:string"/></xs:sequence>
 </xs:complexType></xs:element></xs:schema>"""


def cat(version: str, element: str) -> bytes:
    text = f'<k:kopf stand="{version}"/><k:{element}>x</k:{element}>'
    return f'<k:katze xmlns:k="urn:publisher:katze">{text}</k:katze>'.encode()


def test_versions_of_one_namespace_are_told_apart_by_what_the_schema_fixes(standards: Path) -> None:
    for version, element in (("1.0", "name"), ("2.0", "rufname")):
        adding(standards, {"k.xsd": UNVERSIONED.format(version=version, element=element)}, f"katze-{version}")
        catalogue = enabled(standards, "katze", version)
        with pytest.raises(VersionNotServed):
            catalogue.read(cat("3.0", "name"), today=DAY)
    assert catalogue.read(cat("1.0", "name"), today=DAY).message_type.id == "katze:1.0:katze"
    assert catalogue.read(cat("2.0", "rufname"), today=DAY).message_type.id == "katze:2.0:katze"
    with pytest.raises(SchemaViolation):
        catalogue.read(cat("1.0", "rufname"), today=DAY)
    with pytest.raises(VersionNotServed) as caught:
        catalogue.read(cat("3.0", "name"), today=DAY)
    assert caught.value.findings[0].hint
    assert "katze 1.0 (since 2026-11-01); katze 2.0" in caught.value.findings[0].hint.en


def test_messages_of_one_root_element_are_told_apart_by_what_they_must_match(standards: Path) -> None:
    contents = {"k.xsd": UNVERSIONED.format(version="1.0", element="name")}
    adding(standards, contents, name="k1", version="1")
    path = standards / "k1" / "1" / FILE_NAME
    path.write_text(
        path.read_text("utf-8")
        .replace("root: katze,", "root: katze, match: \"/k:katze/k:name='Mohrle'\",")
        .replace("valid_from: null", "valid_from: 2026-01-01"),
        "utf-8",
    )
    catalogue = Catalogue.load([standards])
    catalogue.read(cat("1.0", "name").replace(b">x<", b">Mohrle<"), today=DAY)
    with pytest.raises(VersionNotServed):
        catalogue.read(cat("1.0", "name"), today=DAY)


LETTER = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:k="urn:k:1"
 targetNamespace="urn:k:1" elementFormDefault="qualified" version="1.0">
 <xs:element name="brief"><xs:complexType><xs:sequence>
  <xs:element name="kopf"><xs:complexType><xs:sequence>
   <xs:element name="art" type="xs:token" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
 </xs:sequence><xs:attribute name="an" type="xs:token" use="required"/></xs:complexType></xs:element>
</xs:schema>"""


def letter(standards: Path, match: str) -> Standard:
    """Add a standard whose one message type asks for something in the message."""
    adding(standards, {"k.xsd": LETTER}, name="k1", version="1")
    path = standards / "k1" / "1" / FILE_NAME
    text = path.read_text("utf-8")
    assert "root: brief," in text
    path.write_text(text.replace("root: brief,", f"root: brief, match: {match!r},"), "utf-8")
    [standard] = Catalogue.load([standards]).standards
    return standard


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    "match",
    [
        "/k:brief[k:kopf/k:art = 'A']",
        '/k:brief[@an="B"]',
        "//k:art='A' and /k:brief/@an = 'B'",
        "//k:art='A' or //k:art='B'",
        "not(//k:art = 'A')",
    ],
)
def test_example_fulfils_what_its_message_type_asks_for(standards: Path, match: str, full: bool) -> None:
    standard = letter(standards, match)
    [message_type] = standard.message_types
    example = Examples(standard).write(message_type, full=full)
    root = parse(example.body)
    assert standard.matches(message_type, root)


def test_no_example_is_given_that_is_of_another_message_type(standards: Path) -> None:
    standard = letter(standards, "count(//k:art) > 1")
    with pytest.raises(NotPossible, match="match"):
        Examples(standard).write(standard.message_types[0])


# Releases as they come


def test_file_that_is_delivered_twice_counts_once(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    files = release.files()
    twice = {
        f"Paket/{name}": text.replace("<xs:sequence>", "<xs:sequence><!-- -->\n")
        for name, text in files.items()
    }
    report = adding(standards, files | twice)
    assert [each.name for each in report.manifest.message_types] == ["hund.anmeldung.0101"]
    assert len(report.found.schemas) == 2


def test_message_that_two_files_declare_differently_is_refused(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    other = {"entwurf/xhund.xsd": release.files()[release.MAIN].replace('type="h:Hund"', 'type="xs:string"')}
    with pytest.raises(ConfigurationError, match=r"declared in .*xhund\.xsd and in .*add the folder of one"):
        adding(standards, release.files() | other)


def test_list_is_declared_open_when_the_samples_contradict_it(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    contents = release.files() | {"beispiele/windhund.xml": release.message("windhund")}
    report = adding(standards, contents)
    assert report.opened == [("urn:amtsbote:codeliste:hunderasse", "1")]
    assert [each.closed for each in report.manifest.code_lists] == [False]
    assert all(each.valid for each in report.samples)


def test_list_that_is_not_delivered_is_reported_and_taken_from_another_standard(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    contents = release.files()
    code_list = contents.pop(release.LIST)
    report = adding(standards, contents, dry_run=True)
    assert report.absent_lists == [("urn:amtsbote:codeliste:hunderasse", "1")]
    adding(standards, {"hunderasse.xml": code_list}, "codelisten", version="2026")
    report = adding(standards, contents)
    assert not report.absent_lists
    assert [each.file for each in report.manifest.code_lists] == ["imported/codelisten-2026/hunderasse.xml"]
    Catalogue.load([standards]).check()


def test_list_that_an_imported_type_fixes_is_reported_and_taken_over_as_well(standards: Path) -> None:
    shared = release.shared_files()
    (name,) = shared
    fixed = """<xs:complexType name="Geschlecht"><xs:complexContent><xs:restriction base="Code">
      <xs:sequence><xs:element name="code" type="xs:token"/></xs:sequence>
      <xs:attribute name="listURI" type="xs:anyURI" fixed="urn:amtsbote:codeliste:hunderasse"/>
      </xs:restriction></xs:complexContent></xs:complexType></xs:schema>"""
    adding(standards, {name: shared[name].replace("</xs:schema>", fixed)}, "gemeinsames")
    contents = release.files()
    code_list = contents.pop(release.LIST)
    unfixed = contents[release.PARTS].replace('fixed="urn:amtsbote:codeliste:hunderasse"', "")
    contents[release.PARTS] = unfixed
    report = adding(standards, contents, dry_run=True)
    assert report.absent_lists == [("urn:amtsbote:codeliste:hunderasse", None)]
    adding(standards, {"hunderasse.xml": code_list}, "codelisten", version="2026")
    report = adding(standards, contents)
    assert [each.file for each in report.manifest.code_lists] == ["imported/codelisten-2026/hunderasse.xml"]


def test_sample_that_is_wrong_is_reported_with_the_reason(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    wrong = release.message().replace("<h:hund>", "<h:hund><h:katze/>")
    report = adding(standards, release.files() | {"beispiele/katze.xml": wrong})
    (sample,) = [each for each in report.samples if not each.valid]
    assert sample.path.name == "katze.xml"
    assert sample.reason
    assert sample.reason.startswith("X001 /h:hund.anmeldung.0101/h:hund/h:katze ")


def test_file_that_is_no_xml_is_reported(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    report = adding(standards, release.files() | {"beispiele/kaputt.xml": "<h:hund"})
    assert [path.name for path in report.broken] == ["kaputt.xml"]


def test_dry_run_reports_and_leaves_nothing(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    before = everything(standards)
    report = adding(standards, release.files(), dry_run=True)
    assert report.folder is None
    assert report.manifest.standard == "xhund"
    assert everything(standards) == before


NO_SCHEMA = {"liesmich.xml": "<text/>"}
SHARED = release.shared_files()["gemeinsames.xsd"]
BROKEN_SCHEMA = {"a.xsd": SHARED.replace("gemeinsames", "anderes").replace("xs:token", "xs:tokn")}
MAIN = release.files()[release.MAIN]
CUT_OFF = {**release.files(), release.MAIN: MAIN[:200], release.PARTS: "<xs:schema"}
MISSING_PART = {"xhund.xsd": MAIN}
SWAPPED = release.files() | {release.MAIN: release.files()[release.PARTS], release.PARTS: MAIN}
SEVERAL = release.files() | {"XHase/x.xsd": MAIN.replace("XHund", "XHase").replace("hund", "hase")}


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (NO_SCHEMA, "no XML schema and no code list"),
        (CUT_OFF, r"none of its schemas can be read\n  xsd/xhund-bausteine\.xsd: "),
        (BROKEN_SCHEMA, "tokn"),
        (MISSING_PART, "xhund-bausteine.xsd"),
        (SEVERAL, "several standards"),
        (SWAPPED, r"do not declare .*\{urn:amtsbote:xhund:2.3\}hund.anmeldung.0101"),
    ],
)
def test_nothing_is_added_when_the_release_cannot_be_used(
    standards: Path, contents: dict[str, str], words: str
) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    before = everything(standards)
    with pytest.raises(ConfigurationError, match=words):
        adding(standards, contents)
    assert everything(standards) == before


KETTE = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:kette:1">{}</xs:schema>'
CHAIN = {
    f"k{number}.xsd": KETTE.format(f'<xs:include schemaLocation="k{number + 1}.xsd"/>')
    for number in range(600)
}
CHAIN |= {"k600.xsd": KETTE.format('<xs:element name="kette"/>')}
ANYWHERE = KETTE.format('<xs:element name="a"/>').replace(' targetNamespace="urn:kette:1"', "")
ASSERTION = KETTE.format('<xs:complexType name="a"><xs:sequence/><xs:assert test="true()"/></xs:complexType>')
LATER = '<xs:element name="a" xmlns:vc="http://www.w3.org/2007/XMLSchema-versioning" vc:minVersion="1.1"/>'
ENTITY = '<!DOCTYPE xs:schema [<!ENTITY art "Hund">]>' + KETTE.format(
    '<xs:annotation><xs:documentation>Ein &art;.</xs:documentation></xs:annotation><xs:element name="hund"/>'
)
IN_ATTRIBUTE = '<!DOCTYPE xs:schema [<!ENTITY art "hund">]>' + KETTE.format('<xs:element name="&art;"/>')


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (CHAIN, r"k0\.xsd: its schemas are nested, or include one another, deeper"),
        ({"a.xsd": ASSERTION}, r"a\.xsd:1: uses XML Schema 1\.1 \(assert\)"),
        ({"a.xsd": KETTE.format(LATER)}, r"a\.xsd:1: uses XML Schema 1\.1 \(element\)"),
        (
            {"a.xsd": ANYWHERE},
            r"a\.xsd: has no targetNamespace",
        ),
        ({"a.xsd": KETTE.format('<xs:element name="a" größe="1"/>')}, r"a\.xsd: .*'größe' is not allowed"),
        ({"a.xsd": ENTITY}, r"a\.xsd: uses entities that its DOCTYPE declares.*write out"),
        ({"a.xsd": IN_ATTRIBUTE}, r"a\.xsd: uses entities that its DOCTYPE declares.*write out"),
        ({"a.xsd": ENTITY, "b/a.xsd": ENTITY}, r"a\.xsd: uses entities"),
        (release.shared_files() | {"standard.yaml/a.xsd": SHARED}, r"standard\.yaml: is a folder.*rename"),
    ],
)
def test_odd_release_is_refused_in_a_sentence(standards: Path, contents: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        adding(standards, contents)
    assert everything(standards) == []


def test_entities_that_a_schema_declares_and_does_not_use_are_no_fault(standards: Path) -> None:
    declared = '<!DOCTYPE xs:schema [<!ENTITY art "Hund">]>' + KETTE.format('<xs:element name="hund"/>')
    assert adding(standards, {"a.xsd": declared}).manifest.message_types


NOTES = "<xs:annotation><xs:appinfo xmlns:ä='urn:a'><prüfung größe='1' ä:ö=''/></xs:appinfo></xs:annotation>"
LETTERS = """<xs:simpleType name="Zeichen"><xs:restriction base="xs:string">
<xs:pattern value="([&#x9;-&#xA;&#xD; -~¡-ž])*"/></xs:restriction></xs:simpleType>"""


@pytest.mark.parametrize("declared", ["", "<!DOCTYPE xs:schema>"])
def test_names_with_umlauts_in_the_notes_of_a_schema_are_no_fault(standards: Path, declared: str) -> None:
    schema = declared + KETTE.format(f'{NOTES}{LETTERS}<xs:element name="größe"/>')
    report = adding(standards, {"a.xsd": schema, "größe.xml": '<k:größe xmlns:k="urn:kette:1"/>'})
    assert [each.valid for each in report.samples] == [True]
    (added,) = Catalogue.load([standards]).standards
    added.check()


def test_long_chain_of_files_is_followed(tmp_path: Path) -> None:
    """The engines may give up on it; what is gathered for them does not."""
    folder = release.write(tmp_path / "kette", CHAIN)
    imports = find_imports([folder / "k0.xsd"], SchemaFiles([folder]))
    assert [path.name for path in imports.files] == [f"k{number}.xsd" for number in range(601)]


SCHEMATRON = (
    '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">'
    '<pattern><rule context="/*"><assert id="R1" test="true()">x</assert></rule></pattern></schema>'
)
COMPILED = (
    '<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" '
    'xmlns:svrl="http://purl.oclc.org/dsdl/svrl"><xsl:template match="/"><svrl:schematron-output/>'
    "</xsl:template></xsl:stylesheet>"
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("regeln.xml", COMPILED),
        ("regeln.XSL", COMPILED),
        ("regeln.SCH", SCHEMATRON),
        ("regeln.xml", SCHEMATRON),
    ],
)
def test_rules_are_used_whatever_their_file_is_called(standards: Path, name: str, content: str) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    report = adding(standards, release.files() | {name: content})
    assert [each.file for each in report.manifest.rules] == [name]
    enabled(standards).check()


def test_rules_that_no_worker_can_compile_are_left_out(
    standards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(_: Rules) -> None:
        raise Unavailable

    monkeypatch.setattr(Rules, "compile", give_up)
    report = adding(standards, {"gemeinsames.xsd": SHARED, "regeln.sch": SCHEMATRON}, "gemeinsames")
    assert report.manifest.rules == []
    assert "too large, or it takes too long" in report.broken[Path("regeln.sch")]


def test_sample_that_the_rules_cannot_check_in_time_is_said_to_be_put_off(
    standards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(Rules, "find", give_up)
    adding(standards, release.shared_files(), "gemeinsames")
    (sample,) = adding(standards, release.files() | {"regeln.sch": SCHEMATRON}).samples
    assert not sample.valid
    assert sample.reason is not None
    assert "such messages are put off" in sample.reason


LAUGHING = "".join(f"<!ENTITY a{number + 1} '{f'&a{number};' * 10}'>" for number in range(12))
DOCTYPES = {
    "internal": "<!DOCTYPE x [<!ENTITY a12 'b'>]>",
    "external": "<!DOCTYPE x [<!ENTITY a12 SYSTEM 'file:///etc/hostname'>]>",
    "laughs": f"<!DOCTYPE x [<!ENTITY a0 'x'>{LAUGHING}]>",
}


@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("regeln.sch", SCHEMATRON.replace(">x<", ">&a12;<")),
        ("regeln.xsl", COMPILED.replace("<svrl:schematron-output/>", "&a12;<svrl:schematron-output/>")),
        ("liste.xml", release.files()[release.LIST].partition("?>")[2].replace("dackel", "&a12;")),
        ("scenarios.xml", f'<scenarios xmlns="{SCENARIOS[0]}"><name>&a12;</name></scenarios>'),
    ],
)
def test_file_with_a_doctype_is_left_out_unless_it_is_a_schema(
    standards: Path, doctype: str, name: str, content: str
) -> None:
    contents = {"gemeinsames.xsd": SHARED, name: doctype + content}
    report = adding(standards, contents, "gemeinsames")
    assert re.search("DOCTYPE|amplification", report.broken[Path(name)])
    assert (report.manifest.rules, report.manifest.code_lists) == ([], [])


@pytest.mark.parametrize(
    "content",
    ["<r>" + "<a/>" * survey.MAX_NODES + "</r>", "<!DOCTYPE r><r>" + " " * 4 * survey.MAX_NODES + "</r>"],
)
def test_file_that_would_be_too_large_a_tree_is_left_out(standards: Path, content: str) -> None:
    report = adding(standards, {"gemeinsames.xsd": SHARED, "a.xml": content}, "gemeinsames")
    assert f"more than {survey.MAX_NODES} tags and attributes" in report.broken[Path("a.xml")]


@pytest.mark.parametrize(
    ("kind", "contents"),
    [
        ("schemas", release.files()),
        ("code lists", release.files()),
        ("rules", release.files() | {"a.sch": SCHEMATRON, "b.xsl": COMPILED}),
    ],
)
def test_release_is_refused_when_it_does_not_fit_into_memory(
    standards: Path, monkeypatch: pytest.MonkeyPatch, kind: str, contents: dict[str, str]
) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    weight = adding(standards, contents, dry_run=True).found.weights[kind]
    monkeypatch.setitem(survey.MAX_WEIGHT, kind, weight - 1)
    with pytest.raises(ConfigurationError, match=f"its {kind} have more than {weight - 1} tags.*one by one"):
        adding(standards, contents)


def test_long_texts_weigh_as_well(standards: Path) -> None:
    text = f"<!--{'x' * 32_000}--></xs:schema>"
    report = adding(standards, {"gemeinsames.xsd": SHARED.replace("</xs:schema>", text)}, "gemeinsames")
    assert report.found.weights["schemas"] > 1000


def test_release_is_refused_when_it_declares_more_messages_than_are_taken(
    standards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    monkeypatch.setattr(draft, "MAX_MESSAGE_TYPES", 1)
    with pytest.raises(ConfigurationError, match="declare 3 elements that may be messages, at most 1"):
        adding(standards, release.files())


def test_schema_is_compiled_once(standards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes most of the time and of the memory."""
    adding(standards, release.shared_files(), "gemeinsames")
    compiled = []
    monkeypatch.setattr(Schema, "compile", lambda schema: compiled.append(schema))
    adding(standards, release.files(), dry_run=True)
    assert len({*compiled}) == 1


@pytest.mark.parametrize(
    ("path", "contents", "words"),
    [
        ("a/b.xsd", {"a/b.xsd": KETTE.format('<xs:element name="k" type="xs:tokn"/>')}, "cannot be compiled"),
        ("a/b.xsd", {"a/b.xsd": KETTE.format('<xs:include schemaLocation="c.xsd"/>')}, "include of"),
        (
            "a/c.xsd",
            {"a/b.xsd": KETTE.format('<xs:include schemaLocation="c.xsd"/>'), "a/c.xsd": "<"},
            "cannot be",
        ),
    ],
)
def test_schema_that_is_wrong_is_named_as_in_the_release(
    standards: Path, path: str, contents: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        adding(standards, contents)
    assert refused.value.detail.startswith(f"{path}: ")
    assert words in refused.value.detail
    assert tempfile.gettempdir() not in refused.value.detail


def test_schema_that_no_message_needs_is_told(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    wrong = KETTE.replace("urn:kette:1", "urn:anderes").format('<xs:element name="k" type="xs:tokn"/>')
    report = adding(standards, {**release.files(), "anderes.xsd": wrong})
    assert report.broken == {
        Path("anderes.xsd"): "no schema of its messages needs it, so it was not looked at"
    }


def test_rules_that_are_left_out_are_reported_before_other_files(standards: Path) -> None:
    others = {f"a{number:02}.xml": "<" for number in range(20)} | {"r.sch": SCHEMATRON.replace("()", "(")}
    report = adding(standards, {"gemeinsames.xsd": SHARED} | others, "gemeinsames")
    assert next(iter(report.broken)) == Path("r.sch")
    assert "    r.sch: " in report_text(report)


def test_rules_that_are_wrong_are_named_as_in_the_release(standards: Path) -> None:
    wrong = SCHEMATRON.replace("true()", "true(")
    report = adding(standards, {"gemeinsames.xsd": SHARED, "r/r.sch": wrong}, "gemeinsames")
    (reason,) = report.broken.values()
    assert reason.startswith("r/r.sch")
    assert tempfile.gettempdir() not in reason


@pytest.mark.parametrize(
    ("schema", "options", "guessed"),
    [
        (UNVERSIONED.format(version="1.0", element="n"), {}, []),
        (KETTE.format('<xs:element name="k"/>'), {}, []),
        (KETTE.format('<xs:element name="k"/>').replace("urn:kette:1", "urn:kette"), {}, ["version"]),
        (
            KETTE.format('<xs:element name="k"/>').replace("urn:kette:1", "urn:schema"),
            {},
            ["name", "version"],
        ),
        (
            KETTE.format('<xs:element name="k"/>').replace("urn:kette:1", "urn:schema"),
            {"version": "2"},
            ["name"],
        ),
    ],
)
def test_what_no_file_tells_is_reported_as_guessed(
    standards: Path, schema: str, options: dict[str, str], guessed: list[str]
) -> None:
    assert adding(standards, {"a.xsd": schema}, **options).guessed == guessed


HUND = "hund.anmeldung.0101"
ABOUT = SCHEMATRON.replace("<pattern", '<ns prefix="h" uri="{}"/><pattern', 1).replace("/*", "{}")
PHOTO = {"foto.xml": '<h:hundefoto xmlns:h="urn:amtsbote:xhund:2.3">QQ==</h:hundefoto>'}
"""A sample that makes of its root element a second message type."""


@pytest.mark.parametrize(
    ("context", "types"),
    [
        (f"h:{HUND}", [HUND]),
        (f"/h:{HUND}//h:rasse[code = ('a|b', ']')] | //h:{HUND}", [HUND]),
        (f"h:{HUND} | h:rasse", []),
        ("h:hund", []),
        (f"//h:{HUND}/* | //*", []),
        (HUND, []),
        (f"*:{HUND}", []),
        (f"(h:{HUND})/h:hund", []),
        (f"child::h:{HUND}", []),
    ],
)
def test_rules_are_run_on_the_types_that_all_their_contexts_begin_with(
    standards: Path, context: str, types: list[str]
) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    rules = {
        "a.sch": ABOUT.format("urn:amtsbote:xhund:2.3", context),
        "b.sch": SCHEMATRON,
        "c.xsl": COMPILED,
    }
    report = adding(standards, release.files() | PHOTO | rules)
    assert [(each.file, each.message_types) for each in report.manifest.rules] == [
        ("a.sch", types),
        ("b.sch", []),
        ("c.xsl", []),
    ]
    told = f"  {3 - len(types)} rule files are run on all 2 message types; `message_types` in standard.yaml"
    assert told in report_text(report)


def test_rules_that_name_every_type_are_run_on_all_without_a_word(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    every = ABOUT.format("urn:amtsbote:xhund:2.3", f"h:{HUND}/nachrichtenkopf.g2g | h:hundefoto")
    report = adding(standards, release.files() | PHOTO | {"a.sch": every, "b.sch": SCHEMATRON})
    assert [each.message_types for each in report.manifest.rules] == [[], []]
    (told,) = (line for line in report_text(report).splitlines() if "message_types" in line)
    assert told.startswith("  1 rule file is run on all 2 message types; ")
    assert report.rules_for_all == ["b.sch"]


def test_rules_are_for_all_types_when_their_contexts_begin_with_elements_that_stand_within_others(
    standards: Path,
) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    within = '<h:hund xmlns:h="urn:amtsbote:xhund:2.3"><h:rasse><code>dackel</code></h:rasse></h:hund>'
    rules = {"a.sch": ABOUT.format("urn:amtsbote:xhund:2.3", "h:hund"), "b.sch": SCHEMATRON}
    report = adding(standards, release.files() | {"hund.xml": within} | rules)
    assert [each.name for each in report.manifest.message_types] == ["hund", HUND]
    assert [each.message_types for each in report.manifest.rules] == [[], []]


@pytest.mark.parametrize(
    "contents", [{"a.sch": SCHEMATRON} | PHOTO, {"a.sch": SCHEMATRON, "b.xsl": COMPILED}]
)
def test_rules_are_for_all_types_without_a_word_when_there_is_one_file_or_one_type(
    standards: Path, contents: dict[str, str]
) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    report = adding(standards, release.files() | contents)
    assert not any(each.message_types for each in report.manifest.rules)
    assert "message_types" not in report_text(report)


def test_rules_are_used_as_they_were_written_whatever_their_suffix(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    report = adding(standards, release.files() | {"regeln.SCH": SCHEMATRON, "regeln.xsl": COMPILED})
    assert [each.file for each in report.manifest.rules] == ["regeln.SCH"]


def test_schema_is_found_whichever_case_its_suffix_is_in(standards: Path) -> None:
    renamed = {"g.XSD": SHARED, "b.Xsd": KETTE.format('<xs:include schemaLocation="c.XSD"/>')}
    contents = renamed | {"c.XSD": KETTE.format('<xs:element name="kette"/>')}
    adding(standards, {"g.XSD": SHARED}, "gemeinsames")
    adding(standards, {name: contents[name] for name in ("b.Xsd", "c.XSD")}, "kette-1")
    catalogue = Catalogue.load([standards])
    standard = find_standard(catalogue, "kette", "1")
    standard.check()
    assert [each["file"] for each in schema_files(catalogue, standard)] == ["b.Xsd", "c.XSD"]
    assert fetch_schema_file(catalogue, standard, "c.XSD") == standard.folder / "c.XSD"


def test_version_that_is_there_already_is_refused(standards: Path) -> None:
    add_both(standards)
    before = everything(standards)
    with pytest.raises(ConfigurationError, match=r"xhund 2\.3 is there already.*remove"):
        adding(standards, release.files(), "noch-einmal")
    with pytest.raises(ConfigurationError, match="same root element"):
        adding(standards, release.files(), "noch-einmal", name="katze")
    assert everything(standards) == before


def test_folder_that_is_no_standard_is_named_when_it_is_in_the_way(standards: Path) -> None:
    adding(standards, release.shared_files())
    left_over = standards / "xhund" / "2.3" / "xhund.xsd.orig"
    left_over.parent.mkdir(parents=True)
    left_over.write_text("", "utf-8")
    with pytest.raises(ConfigurationError, match=r"xhund/2\.3: is no standard, but is not empty"):
        adding(standards, release.files())
    assert left_over.is_file()


def test_release_can_be_looked_at_while_its_version_is_there(standards: Path) -> None:
    add_both(standards)
    before = everything(standards)
    report = adding(standards, release.files(), "noch-einmal", dry_run=True)
    assert (report.is_there, [each.valid for each in report.samples]) == (True, [True])
    assert "xhund 2.3 is there already: `amtsbote standards remove xhund 2.3` first" in report_text(report)
    assert everything(standards) == before


@pytest.mark.parametrize(
    ("name", "words"), [("xhase", "same root element"), (None, r"xhund 2\.3 is there already")]
)
def test_release_that_another_command_added_meanwhile_is_refused(
    standards: Path, name: str | None, words: str
) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    known_before = Catalogue.load([standards])
    adding(standards, release.files())
    before = everything(standards)
    with pytest.raises(ConfigurationError, match=words):
        add(standards.parent / "lieferung", known_before, standards, name=name)
    assert everything(standards) == before
    Catalogue.load([standards])


def test_commands_look_and_write_one_after_the_other(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    source, known = (
        release.write(standards.parent / "lieferung", release.files()),
        Catalogue.load([standards]),
    )
    with (standards / ".lock").open("a") as lock, ThreadPoolExecutor() as threads:
        fcntl.flock(lock, fcntl.LOCK_EX)
        added = threads.submit(add, source, known, standards)
        with pytest.raises(TimeoutError):
            added.result(timeout=3)
        assert not (standards / "xhund" / "2.3").exists()
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert added.result().folder == standards / "xhund" / "2.3"


def test_what_a_command_that_was_killed_has_left_is_gone_with_the_next(standards: Path) -> None:
    with suppress(KeyboardInterrupt), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", _killed)
        patch.setattr(folders, "shutil", SimpleNamespace(rmtree=lambda *_, **__: None))
        adding(standards, release.shared_files(), "gemeinsames")
    assert [*standards.glob(".*/**/*.xsd")]
    adding(standards, release.shared_files(), "gemeinsames")
    assert [each.name for each in standards.iterdir() if each.is_dir()] == ["gemeinsames"]


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_standard_can_be_read_by_whom_the_umask_lets(standards: Path) -> None:
    before = os.umask(0o027)
    try:
        adding(standards, release.shared_files(), "gemeinsames")
    finally:
        os.umask(before)
    folder = standards / "gemeinsames" / "1.0"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*")) if path.is_dir()}
    assert modes == {0o750}
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o640


# From when to when it is served


def test_standard_is_not_served_before_it_is_enabled(standards: Path) -> None:
    add_both(standards)
    with pytest.raises(VersionNotServed) as caught:
        Catalogue.load([standards]).read(release.message().encode(), today=DAY)
    assert caught.value.findings[0].hint
    assert caught.value.findings[0].hint.de == "Bedient werden heute: keine"


def test_enabling_changes_the_days_and_nothing_else(standards: Path) -> None:
    add_both(standards)
    path = standards / "xhund" / "2.3" / FILE_NAME
    before = path.read_text("utf-8").splitlines()
    enabled(standards, until=DAY.replace(day=20), grace_until=DAY.replace(day=30))
    after = path.read_text("utf-8").splitlines()
    assert [line for line in before if line not in after] == ["valid_from: null", "valid_until: null"]
    assert [line for line in after if line not in before] == [
        "valid_from: 2026-11-01",
        "grace_until: 2026-11-30",
        "valid_until: 2026-11-20",
    ]
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".")] == []


def test_enabling_refuses_days_that_contradict_each_other(standards: Path) -> None:
    add_both(standards)
    path = standards / "xhund" / "2.3" / FILE_NAME
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=r"valid_until: .* lies before valid_from") as caught:
        enabled(standards, until=DAY - datetime.timedelta(days=1))
    assert caught.value.detail.startswith(f"{path}:\n")  # not the file that was tried and is gone
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*"))


def test_version_in_its_period_of_grace_is_taken_with_a_warning(standards: Path) -> None:
    add_both(standards)
    catalogue = enabled(standards, until=DAY.replace(day=20), grace_until=DAY.replace(day=25))
    body = release.message().encode()
    assert not catalogue.read(body, today=DAY.replace(day=20)).warnings.shown
    (warning,) = catalogue.read(body, today=DAY.replace(day=21)).warnings.shown
    assert (warning.code, warning.severity) == ("V000", "warning")
    assert "2026-11-25" in warning.message.de
    assert warning.hint
    assert warning.hint.en == "Served today: no other"
    for other, words in ((26, "until 2026-11-20"), (1, "from 2026-11-02")):
        catalogue = enabled(standards, since=DAY.replace(day=2), until=DAY.replace(day=20))
        with pytest.raises(VersionNotServed) as refused:
            catalogue.read(body, today=DAY.replace(day=other))
        assert refused.value.findings[0].hint
        assert words in refused.value.findings[0].hint.en


def test_removing_the_last_version_leaves_nothing(standards: Path) -> None:
    add_both(standards)
    adding(standards, {"a.xsd": KETTE.format('<xs:element name="k"/>')}, "kette", name="xhund", version="3")
    for version, left in (("2.3", True), ("3", False)):
        remove(find_standard(Catalogue.load([standards]), "xhund", version).folder, standards)
        assert (standards / "xhund").exists() == left
    assert (standards / "gemeinsames" / "1.0" / FILE_NAME).is_file()


def test_standard_of_another_folder_is_not_removed(standards: Path, tmp_path: Path) -> None:
    add_both(standards)
    standard = find_standard(Catalogue.load([standards]), "xhund", "2.3")
    with pytest.raises(NotPossible, match=r"was not added to .* AMTSBOTE_STANDARDS"):
        remove(standard.folder, tmp_path / "elsewhere")
    assert (standard.folder / FILE_NAME).is_file()


# While a gateway runs


def test_catalogue_takes_over_what_is_added_enabled_and_removed(standards: Path) -> None:
    catalogue, body = Catalogue.load([standards]), release.message().encode()
    assert catalogue.refresh([standards]) == []
    add_both(standards)
    assert catalogue.refresh([standards]) == ["+ gemeinsames 1.0", "+ xhund 2.3"]
    shared = find_standard(catalogue, "gemeinsames", "1.0")
    enable(find_standard(catalogue, "xhund", "2.3"), since=DAY, until=None, grace_until=None)
    assert catalogue.refresh([standards]) == ["+ xhund 2.3"]
    catalogue.read(body, today=DAY)
    assert find_standard(catalogue, "gemeinsames", "1.0") is shared  # and stays compiled
    remove(find_standard(catalogue, "xhund", "2.3").folder, standards)
    assert catalogue.refresh([standards]) == ["- xhund 2.3"]
    assert catalogue.refresh([standards]) == []


def test_catalogue_stays_as_it_was_when_what_is_there_cannot_be_used(standards: Path) -> None:
    add_both(standards)
    catalogue = Catalogue.load([standards])
    enable(find_standard(catalogue, "xhund", "2.3"), since=DAY, until=None, grace_until=None)
    catalogue.refresh([standards])
    path = standards / "xhund" / "2.3" / FILE_NAME
    path.write_text(path.read_text("utf-8").replace("xhund.xsd", "nowhere.xsd"), "utf-8")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"nowhere\.xsd"):
            catalogue.refresh([standards])
    catalogue.read(release.message().encode(), today=DAY)


# Published sets that nobody here wrote, in the order in which they need each other

if PUBLISHED.is_dir():
    FOUND = {
        "common": ("common", 0, 0, 0),
        "xbildung-1.2": ("xbildung 1.2", 0, 0, 0),
        "xschule": ("xschule 1.2", 5, 16, 0),
        "xhochschule": ("xhochschule 1.2", 8, 8, 0),
        "xdomea-3.0.0": ("xdomea 3.0.0", 64, 5, 0),
        "xbau-kernmodul-1.3.0": ("xbau-kernmodul 1.3.0", 18, 0, 1),
        "xbau-2.6": ("xbau 2.6", 121, 0, 1),
    }
    """Name and version, message types, samples, unresolved imports: the files of GML are not in the set."""

    @pytest.mark.material
    def test_published_sets_are_added_one_after_the_other(standards: Path) -> None:
        reports = {}
        for name in FOUND:
            reports[name] = add(PUBLISHED / name, Catalogue.load([standards]), standards)
        found = {
            name: (
                f"{report.manifest.standard} {report.manifest.version}".removesuffix(" 1"),
                len(report.manifest.message_types),
                len(report.samples),
                len(report.unresolved),
            )
            for name, report in reports.items()
        }
        assert found == FOUND
        samples = [sample for report in reports.values() for sample in report.samples]
        assert [sample for sample in samples if not sample.valid] == []
        assert reports["xdomea-3.0.0"].manifest.header.profile == "xdomea"
        assert reports["xbau-2.6"].manifest.header.profile == "bn-1.1-unqualified"
        assert reports["xbau-2.6"].manifest.stated_standard == "XBau-Hochbau"
        Catalogue.load([standards]).check()
