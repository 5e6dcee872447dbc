"""Adding a published release: what is found, what is reported, that it is all or nothing."""

import datetime
import zipfile
from pathlib import Path

import pytest
import yaml

from gateway.errors import ConfigurationError, VersionNotServed
from gateway.standards import Catalogue
from gateway.standards.adding import Report, add
from gateway.standards.manifest import FILE_NAME
from gateway.standards.serving import enable, find_standard, remove
from tests.unit.standards import release

DAY = datetime.date(2026, 11, 1)


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


def everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_release_becomes_a_standard_that_takes_its_own_messages(standards: Path) -> None:
    report = add_both(standards)
    assert report.folder == standards / "xhund" / "2.3"
    catalogue = Catalogue.load([standards])
    standard = find_standard(catalogue, "xhund", "2.3")
    enable(standard, since=DAY, until=None, grace_until=None)
    incoming = Catalogue.load([standards]).read(release.message().encode(), today=DAY)
    assert incoming.message_type.id == "xhund:2.3:hund.anmeldung.0101"
    assert incoming.header.message_id == "0f6c2b52-5d0e-4c7f-8a53-1f6f1c9b2d70"


def test_manifest_says_what_the_files_tell(standards: Path) -> None:
    manifest = add_both(standards).manifest
    assert manifest.identifier == "urn:publisher:standard:xhund"
    assert manifest.title.de == "XHund - Anmeldung von Hunden"
    assert manifest.schemas == ["XHund 2.3/xsd/xhund.xsd"]
    assert manifest.header.profile == "bn-1.1-unqualified"
    assert (manifest.stated_standard, manifest.stated_version) == ("XHund", "2.3")
    assert [each.name for each in manifest.message_types] == ["hund.anmeldung.0101"]
    assert manifest.message_types[0].title.de == "Anmeldung eines Hundes"
    written = yaml.safe_load((standards / "xhund" / "2.3" / FILE_NAME).read_text("utf-8"))
    assert written["valid_from"] is None
    assert [each["file"] for each in written["code_lists"]] == ["XHund 2.3/codelisten/rasse.xml"]


def test_report_names_samples_and_what_is_no_message(standards: Path) -> None:
    report = add_both(standards)
    assert [(each.path.name, each.valid) for each in report.samples] == [("dackel.xml", True)]
    assert report.left_out == ["hundefoto"]  # it has no header; `hund` only stands in a message
    assert not report.unresolved
    assert not report.absent_lists


def test_archive_is_added_as_a_folder_is(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    path = standards.parent / "XHund_2.3.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in release.files().items():
            file.writestr(name, content)
    assert add(path, Catalogue.load([standards]), standards).manifest.standard == "xhund"


def test_release_of_shared_types_is_called_as_its_folder(standards: Path) -> None:
    manifest = adding(standards, release.shared_files(), "gemeinsames-1.4").manifest
    assert (manifest.standard, manifest.version, manifest.message_types) == ("shared", "1.0", [])


def test_name_and_version_can_be_given(standards: Path) -> None:
    report = adding(standards, release.shared_files(), "gemeinsames", name="basis", version="7")
    assert report.folder == standards / "basis" / "7"


def test_standard_keeps_what_it_uses_of_others_when_these_are_removed(standards: Path) -> None:
    add_both(standards)
    remove(find_standard(Catalogue.load([standards]), "shared", "1.0"), standards)
    catalogue = Catalogue.load([standards])
    catalogue.check()
    assert [str(each) for each in catalogue.standards] == ["xhund 2.3"]


def test_import_that_nobody_delivered_is_a_gap_that_is_reported(standards: Path) -> None:
    contents = release.files()
    parts = contents["XHund 2.3/xsd/xhund-bausteine.xsd"]
    contents["XHund 2.3/xsd/xhund-bausteine.xsd"] = parts.replace(
        '<xs:complexType name="Hund"><xs:sequence>',
        '<xs:complexType name="Hund"><xs:sequence><xs:element name="ort" type="g:Punkt" '
        'xmlns:g="urn:geo:1" minOccurs="0"/>',
    ).replace(
        "<xs:import ",
        '<xs:import namespace="urn:geo:1" schemaLocation="https://geo.invalid/geo.xsd"/><xs:import ',
        1,
    )
    adding(standards, release.shared_files(), "gemeinsames")
    report = adding(standards, contents)
    (gap,) = report.unresolved
    assert (gap.namespace, gap.location, gap.used) == ("urn:geo:1", "https://geo.invalid/geo.xsd", ("Punkt",))
    enable(
        find_standard(Catalogue.load([standards]), "xhund", "2.3"), since=DAY, until=None, grace_until=None
    )
    with_place = release.message().replace("<h:hund>", "<h:hund><h:ort><breite>51</breite></h:ort>")
    Catalogue.load([standards]).read(with_place.encode(), today=DAY)


def test_list_is_declared_open_when_the_samples_contradict_it(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    contents = release.files() | {"XHund 2.3/beispiele/pudel.xml": release.message("pudel")}
    report = adding(standards, contents)
    assert report.opened == [("urn:publisher:codeliste:rasse", "1")]
    assert [each.closed for each in report.manifest.code_lists] == [False]
    assert all(each.valid for each in report.samples)


def test_list_that_is_not_delivered_is_reported_and_taken_from_another_standard(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    contents = release.files()
    code_list = contents.pop("XHund 2.3/codelisten/rasse.xml")
    report = adding(standards, contents, dry_run=True)
    assert report.absent_lists == [("urn:publisher:codeliste:rasse", "1")]
    adding(standards, {"rasse.xml": code_list}, "codelisten", version="2026")
    report = adding(standards, contents)
    assert not report.absent_lists
    assert [each.file for each in report.manifest.code_lists] == ["imported/codelisten-2026/rasse.xml"]
    Catalogue.load([standards]).check()


def test_sample_that_is_wrong_is_reported_with_the_reason(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    wrong = release.message().replace("<h:hund>", "<h:hund><h:katze/>")
    report = adding(standards, release.files() | {"XHund 2.3/beispiele/katze.xml": wrong})
    (sample,) = [each for each in report.samples if not each.valid]
    assert sample.path.name == "katze.xml"
    assert sample.reason
    assert sample.reason.startswith("X001 /h:hund.anmeldung.0101/h:hund/h:katze ")


def test_file_that_is_no_xml_is_reported(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    report = adding(standards, release.files() | {"XHund 2.3/beispiele/kaputt.xml": "<h:hund"})
    assert [path.name for path in report.broken] == ["kaputt.xml"]


def test_dry_run_reports_and_leaves_nothing(standards: Path) -> None:
    adding(standards, release.shared_files(), "gemeinsames")
    before = everything(standards)
    report = adding(standards, release.files(), dry_run=True)
    assert report.folder is None
    assert report.manifest.standard == "xhund"
    assert everything(standards) == before


NO_SCHEMA = {"liesmich.xml": "<text/>"}
BROKEN_SCHEMA = {"a.xsd": release.SHARED.replace("shared", "other").replace("xs:token", "xs:tokn")}
MISSING_PART = {"xhund.xsd": release.MAIN}
SEVERAL = release.files() | {"XHase/x.xsd": release.MAIN.replace("XHund", "XHase").replace("hund", "hase")}


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (NO_SCHEMA, "no XML schema and no code list"),
        (BROKEN_SCHEMA, "tokn"),
        (MISSING_PART, "xhund-bausteine.xsd"),
        (SEVERAL, "several standards"),
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


def test_version_that_is_there_already_is_refused(standards: Path) -> None:
    add_both(standards)
    before = everything(standards)
    with pytest.raises(ConfigurationError, match=r"xhund 2\.3 is there already.*remove"):
        adding(standards, release.files(), "noch-einmal")
    with pytest.raises(ConfigurationError, match="same root element"):
        adding(standards, release.files(), "noch-einmal", version="2.4")
    assert everything(standards) == before


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
    standard = find_standard(Catalogue.load([standards]), "xhund", "2.3")
    enable(standard, since=DAY, until=DAY.replace(day=20), grace_until=DAY.replace(day=30))
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
    standard = find_standard(Catalogue.load([standards]), "xhund", "2.3")
    with pytest.raises(ConfigurationError, match="follow each other"):
        enable(standard, since=DAY, until=DAY - datetime.timedelta(days=1), grace_until=None)
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*"))


def test_version_in_its_period_of_grace_is_taken_with_a_warning(standards: Path) -> None:
    add_both(standards)
    standard = find_standard(Catalogue.load([standards]), "xhund", "2.3")
    enable(standard, since=DAY, until=DAY.replace(day=20), grace_until=DAY.replace(day=25))
    catalogue, body = Catalogue.load([standards]), release.message().encode()
    assert not catalogue.read(body, today=DAY.replace(day=20)).warnings.shown
    (warning,) = catalogue.read(body, today=DAY.replace(day=21)).warnings.shown
    assert (warning.code, warning.severity) == ("V000", "warning")
    assert "2026-11-25" in warning.message.de
    with pytest.raises(VersionNotServed):
        catalogue.read(body, today=DAY.replace(day=26))


def test_standard_of_another_folder_is_not_removed(standards: Path, tmp_path: Path) -> None:
    add_both(standards)
    standard = find_standard(Catalogue.load([standards]), "xhund", "2.3")
    with pytest.raises(ConfigurationError, match="AMTSBOTE_STANDARDS"):
        remove(standard, tmp_path / "elsewhere")
    assert (standard.folder / FILE_NAME).is_file()


@pytest.mark.parametrize(("name", "there"), [("xhundd", "shared, xhund"), ("xhund", "2.3")])
def test_unknown_standard_is_answered_with_those_that_there_are(
    standards: Path, name: str, there: str
) -> None:
    add_both(standards)
    with pytest.raises(ConfigurationError, match=there):
        find_standard(Catalogue.load([standards]), name, "9")


# While a gateway runs


def test_catalogue_takes_over_what_is_added_enabled_and_removed(standards: Path) -> None:
    catalogue, body = Catalogue.load([standards]), release.message().encode()
    assert catalogue.refresh([standards]) == []
    add_both(standards)
    assert catalogue.refresh([standards]) == ["+ shared 1.0", "+ xhund 2.3"]
    shared = find_standard(catalogue, "shared", "1.0")
    enable(find_standard(catalogue, "xhund", "2.3"), since=DAY, until=None, grace_until=None)
    assert catalogue.refresh([standards]) == ["+ xhund 2.3"]
    catalogue.read(body, today=DAY)
    assert find_standard(catalogue, "shared", "1.0") is shared  # and stays compiled
    remove(find_standard(catalogue, "xhund", "2.3"), standards)
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
