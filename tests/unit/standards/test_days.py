"""Releases of one standard whose messages look the same: the day decides; and what V000 says of days."""

import datetime
import re
import shutil
from pathlib import Path

import pytest

from gateway.errors import ConfigurationError, RuleViolation, VersionNotServed
from gateway.standards import Catalogue
from gateway.standards.adding import add
from gateway.standards.conversion import Converter
from gateway.standards.description import description, summary
from gateway.standards.examples import Examples
from gateway.standards.manifest import FILE_NAME
from gateway.standards.reading import read_message_ids
from gateway.standards.serving import enable
from gateway.xml.parse import DEFAULT_LIMITS, parse
from tests.unit.standards import release
from tests.unit.standards.served import in_days
from tests.unit.standards.test_scenarios import configured

STICHTAG = datetime.date(2027, 2, 1)
EVE = STICHTAG - datetime.timedelta(days=1)
SINCE = datetime.date(2026, 1, 1)
OLD, NEW, NEXT, OTHER = ("hund", "4.1"), ("hund", "4.2"), ("hund", "4.3"), ("dogge", "1.0")
TYPE = "anmeldung-eines-dackels"
MESSAGE_ID = "0f6c2b52-5d0e-4c7f-8a53-1f6f1c9b2d70"
BODY, PUDEL, DOGGE = (release.message(race).encode() for race in ("dackel", "pudel", "dogge"))
COPY = """<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="3.0">
<xsl:mode on-no-match="shallow-copy"/></xsl:stylesheet>"""


@pytest.fixture
def standards(tmp_path: Path) -> Path:
    """A folder with two releases of one configuration, the newer with stricter rules, and another standard.

    The other has the same root element, and its messages fulfil another match.
    """
    folder = tmp_path / "standards"
    folder.mkdir()
    old = configured(tmp_path)
    scenarios = old["scenarios.xml"]
    stricter = {
        "scenarios.xml": scenarios.replace("4.1", "4.2"),
        "hund.xsl": old["hund.xsl"].replace("pudel", "dackel"),
    }
    other = {"scenarios.xml": scenarios.replace("4.1", "1.0").replace("code != 'dogge'", "code = 'dogge'")}
    add(release.write(tmp_path / "gemeinsames", release.shared_files()), Catalogue.load([folder]), folder)
    del old["beispiele/dackel.xml"]  # which the stricter rules refuse
    for name, contents in (("hund", old), ("hund-neu", old | stricter), ("dogge", old | other)):
        source = release.write(tmp_path / name, contents)
        add(source, Catalogue.load([folder]), folder, name=name.removesuffix("-neu"))
    return folder


def file_of(standards: Path, key: tuple[str, str]) -> Path:
    return standards / key[0] / key[1] / FILE_NAME


def edit(standards: Path, key: tuple[str, str], old: str, new: str) -> None:
    path = file_of(standards, key)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def serve(
    standards: Path,
    key: tuple[str, str],
    since: datetime.date,
    until: datetime.date | None = None,
    grace_until: datetime.date | None = None,
) -> Catalogue:
    found = Catalogue.load([standards]).fetch(*key)
    assert found
    enable(found, since=since, until=until, grace_until=grace_until)
    return Catalogue.load([standards])


def version_of(catalogue: Catalogue, day: datetime.date | None, body: bytes = BODY) -> str:
    return catalogue.open(body, today=day).standard.manifest.version


def hints(catalogue: Catalogue, day: datetime.date, body: bytes = BODY) -> tuple[str, str]:
    with pytest.raises(VersionNotServed) as caught:
        catalogue.read(body, today=day)
    (finding,) = caught.value.findings
    assert finding.hint
    return finding.hint.de, finding.hint.en


# The day decides


def test_next_release_takes_over_on_its_first_day_when_nothing_else_tells_its_messages(
    standards: Path,
) -> None:
    serve(standards, OLD, SINCE)
    catalogue = serve(standards, NEW, STICHTAG)
    assert catalogue.read(BODY, today=EVE).message_type.id == f"hund:4.1:{TYPE}"
    with pytest.raises(RuleViolation) as caught:
        catalogue.read(BODY, today=STICHTAG)
    assert [each.rule for each in caught.value.findings] == ["HUND-2"]
    assert caught.value.message_type == f"hund:4.2:{TYPE}"
    assert version_of(catalogue, datetime.date(2029, 1, 1)) == "4.2"


def test_release_without_days_changes_nothing_when_it_lies_beside_the_one_that_is_served(
    standards: Path,
) -> None:
    assert hints(Catalogue.load([standards]), STICHTAG)[0] == "Bedient werden heute: keine"
    assert version_of(serve(standards, OLD, SINCE), STICHTAG) == "4.1"


@pytest.mark.parametrize(
    ("days_later", "version"), [(-1, "4.1"), (0, "4.1"), (1, None), (4, None), (5, "4.2"), (6, "4.2")]
)
def test_no_version_is_taken_between_the_last_day_of_one_and_the_first_of_the_next(
    standards: Path, days_later: int, version: str | None
) -> None:
    serve(standards, OLD, SINCE, STICHTAG)
    catalogue = serve(standards, NEW, STICHTAG + datetime.timedelta(days=5))
    day = STICHTAG + datetime.timedelta(days=days_later)
    if version:
        assert version_of(catalogue, day) == version
        return
    assert hints(catalogue, day) == (
        "Bedient werden heute: keine; "
        "zu anderer Zeit: hund 4.1 (ab 2026-01-01, bis 2027-02-01); hund 4.2 (ab 2027-02-06)",
        "Served today: none; "
        "at other times: hund 4.1 (from 2026-01-01, until 2027-02-01); hund 4.2 (from 2027-02-06)",
    )


def test_grace_of_the_old_version_warns_until_the_next_takes_over(standards: Path) -> None:
    serve(standards, OTHER, SINCE)
    serve(standards, OLD, SINCE, EVE, STICHTAG.replace(day=28))
    catalogue = serve(standards, NEW, STICHTAG.replace(day=10))
    (warning,) = catalogue.read(BODY, today=STICHTAG.replace(day=9)).warnings.shown
    assert (warning.code, warning.severity) == ("V000", "warning")
    assert warning.hint
    assert warning.hint.de == "Bedient werden heute: keine andere; zu anderer Zeit: hund 4.2 (ab 2027-02-10)"
    incoming = catalogue.read(PUDEL, today=STICHTAG.replace(day=10))
    assert (incoming.standard.manifest.version, incoming.warnings.shown) == ("4.2", ())


def test_earlier_version_is_taken_again_when_the_later_has_ended(standards: Path) -> None:
    serve(standards, OLD, SINCE)
    catalogue = serve(standards, NEW, STICHTAG, STICHTAG)
    assert [version_of(catalogue, STICHTAG.replace(day=day)) for day in (1, 2)] == ["4.2", "4.1"]


def test_running_gateway_takes_over_what_is_enabled_beside_a_version(standards: Path) -> None:
    catalogue = serve(standards, OLD, SINCE)
    serve(standards, NEW, STICHTAG)
    assert catalogue.refresh([standards]) == ["+ hund 4.2"]
    assert [version_of(catalogue, day) for day in (EVE, STICHTAG)] == ["4.1", "4.2"]


def test_version_in_force_reads_what_is_read_on_any_day(standards: Path) -> None:
    """Such as an answer, or a message whose id is wanted: no version judges them that is yet to come."""
    serve(standards, OLD, in_days(-20), in_days(-10))  # type: ignore[arg-type]
    planned = serve(standards, NEW, in_days(10))  # type: ignore[arg-type]
    assert version_of(planned, None) == "4.1"
    begun = serve(standards, NEW, in_days(-5))  # type: ignore[arg-type]
    assert version_of(begun, None) == "4.2"


async def test_message_ids_are_read_wherever_a_version_says_they_stand(standards: Path) -> None:
    edit(standards, NEW, "profile: bn-1.1-unqualified", "profile: none")  # not reviewed yet
    serve(standards, OLD, in_days(-20), in_days(-10))  # type: ignore[arg-type]
    catalogue = serve(standards, NEW, in_days(10))  # type: ignore[arg-type]
    assert await read_message_ids(catalogue, BODY) == [MESSAGE_ID]
    edit(standards, OLD, "profile: bn-1.1-unqualified", "profile: none\n  xpaths: {message_id: '@version'}")
    edit(standards, NEW, "profile: none", "profile: bn-1.1-unqualified")
    assert {*await read_message_ids(Catalogue.load([standards]), BODY)} == {"2.3", MESSAGE_ID}
    assert await read_message_ids(catalogue, b"<hund/>") == []
    assert await read_message_ids(catalogue, b"<hund") == []


def test_each_version_is_told_and_has_an_example_of_its_own(standards: Path) -> None:
    serve(standards, OLD, SINCE, EVE)
    catalogue = serve(standards, NEW, STICHTAG)
    for key in (OLD, NEW):
        standard = catalogue.fetch(*key)
        assert standard
        days = {day: summary(standard, day)["served"] for day in (EVE, STICHTAG)}
        assert days == {EVE: key is OLD, STICHTAG: key is NEW}
        (message,) = description(catalogue, standard, EVE)["messages"]
        message_type = catalogue.get(f"{key[0]}:{key[1]}:{TYPE}")
        assert message["id"] == message_type.id
        written = Examples(standard).write(message_type, full=True, seed=1)
        day = EVE if key is OLD else STICHTAG
        assert catalogue.identify(parse(written.body), written.body, day) == (message_type, standard)


async def test_message_is_converted_into_the_release_that_a_destination_serves(standards: Path) -> None:
    (standards / "hund" / "4.1" / "neu.xsl").write_text(COPY, "utf-8")
    edit(standards, OLD, "schemas:", "conversions: [{to: '4.2', file: neu.xsl}]\nschemas:")
    serve(standards, OLD, SINCE, EVE)
    converter = Converter(serve(standards, NEW, STICHTAG), DEFAULT_LIMITS)
    assert converter.target(f"hund:4.1:{TYPE}", ["hund:4.2:*"]) == f"hund:4.2:{TYPE}"
    converted = await converter.convert(f"hund:4.1:{TYPE}", PUDEL, ["hund:4.2:*"])
    assert converted.message_type == f"hund:4.2:{TYPE}"
    with pytest.raises(VersionNotServed):  # it breaks a rule of that release
        await converter.convert(f"hund:4.1:{TYPE}", BODY, ["hund:4.2:*"])


def test_releases_are_told_apart_by_the_day_when_their_namespace_has_a_version(tmp_path: Path) -> None:
    folder = tmp_path / "standards"
    folder.mkdir()
    add(release.write(tmp_path / "g", release.shared_files()), Catalogue.load([folder]), folder)
    source = release.write(tmp_path / "lieferung", release.files())
    for version in ("2.3", "2.3.1"):
        add(source, Catalogue.load([folder]), folder, version=version)
    serve(folder, ("xhund", "2.3"), SINCE)
    catalogue = serve(folder, ("xhund", "2.3.1"), STICHTAG)
    read = [catalogue.read(BODY, today=day) for day in (EVE, STICHTAG)]
    assert [each.message_type.version for each in read] == ["2.3", "2.3.1"]
    assert {each.header.message_id for each in read} == {MESSAGE_ID}


# What the day cannot decide


def test_enabling_is_refused_when_another_release_has_the_same_first_day(standards: Path) -> None:
    serve(standards, NEW, STICHTAG)
    path = file_of(standards, OLD)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError) as caught:
        serve(standards, OLD, STICHTAG, STICHTAG.replace(day=20))
    assert caught.value.detail == (
        f"{path}: valid_from: 2027-02-01 is the first day of hund 4.2 as well, and nothing else tells "
        f"messages of hund:4.1:{TYPE} and hund:4.2:{TYPE} apart; give one of the two another first day, and "
        "the later takes over on its own"
    )
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*"))
    assert version_of(serve(standards, OLD, EVE), EVE) == "4.1"


def test_enabling_again_from_the_same_day_is_no_contradiction(standards: Path) -> None:
    serve(standards, OLD, SINCE)
    assert version_of(serve(standards, OLD, SINCE, STICHTAG), STICHTAG) == "4.1"


def test_catalogue_leaves_the_second_out_when_two_releases_have_the_same_first_day(standards: Path) -> None:
    serve(standards, OLD, STICHTAG)
    edit(standards, NEW, "valid_from: null", f"valid_from: {STICHTAG}")
    with pytest.raises(
        ConfigurationError, match=r"valid_from: 2027-02-01 is the first day of hund 4\.1 as well"
    ):
        Catalogue.load([standards])
    assert list(Catalogue.load_usable([standards]).unusable) == [file_of(standards, NEW)]


@pytest.mark.parametrize("since", ["null", "2027-02-01"])
def test_standards_of_other_names_are_refused_when_nothing_tells_their_messages_apart(
    standards: Path, since: str
) -> None:
    serve(standards, OLD, SINCE)
    edit(standards, OTHER, "code = ", "code != ")
    edit(standards, OTHER, "valid_from: null", f"valid_from: {since}")
    with pytest.raises(ConfigurationError, match="nothing tells their messages apart"):
        Catalogue.load([standards])


def test_types_of_one_version_are_refused_when_nothing_tells_their_messages_apart(standards: Path) -> None:
    path = file_of(standards, OLD)
    (entry,) = re.findall(r"  - .*direction: in.*\n", path.read_text("utf-8"))
    edit(standards, OLD, entry, entry + entry.replace(f"name: {TYPE}", "name: noch-einer"))
    with pytest.raises(ConfigurationError, match="nothing tells their messages apart"):
        Catalogue.load([standards])


# What V000 says of days


@pytest.mark.parametrize(
    ("until", "day", "words"),
    [
        (None, SINCE, ("hund 4.1 (ab 2027-02-01)", "hund 4.1 (from 2027-02-01)")),
        (
            STICHTAG,
            datetime.date(2027, 3, 1),
            ("hund 4.1 (ab 2027-02-01, bis 2027-02-01)", "hund 4.1 (from 2027-02-01, until 2027-02-01)"),
        ),
    ],
)
def test_refusal_names_the_days_of_that_standard_when_another_is_served(
    standards: Path, until: datetime.date | None, day: datetime.date, words: tuple[str, str]
) -> None:
    serve(standards, OTHER, SINCE)
    catalogue = serve(standards, OLD, STICHTAG, until)
    german, english = words
    assert hints(catalogue, day) == (
        f"Bedient werden heute: keine; zu anderer Zeit: {german}",
        f"Served today: none; at other times: {english}",
    )
    assert version_of(catalogue, day, DOGGE) == "1.0"


def test_refusal_names_what_has_the_root_element_when_the_message_fits_none(standards: Path) -> None:
    serve(standards, OTHER, SINCE)
    edit(standards, OLD, "!= ''dogge''", "= ''spitz''")
    edit(standards, NEW, "!= ''dogge''", "= ''spitz''")
    catalogue = serve(standards, OLD, SINCE)
    german, english = hints(catalogue, STICHTAG)
    assert german.startswith(f"Möglich: dogge:1.0:{TYPE} (exists(/hund:hund.anmeldung.0101")
    assert english.startswith(f"Possible: dogge:1.0:{TYPE} (")
    assert f", hund:4.1:{TYPE} (" in english
    assert english.endswith("[code = 'spitz']))")


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        (STICHTAG, None, ("ab 2027-02-01", "from 2027-02-01")),
        (SINCE, SINCE, ("ab 2026-01-01, bis 2026-01-01", "from 2026-01-01, until 2026-01-01")),
    ],
)
def test_refusal_says_when_its_version_is_served_when_another_of_its_standard_is(
    standards: Path, since: datetime.date, until: datetime.date | None, words: tuple[str, str]
) -> None:
    edit(standards, NEW, "!= ''dogge''", "= ''spitz''")
    edit(standards, OLD, "!= ''dogge''", "= ''dackel''")
    shutil.copytree(standards / "hund" / "4.2", standards / "hund" / "4.3")
    edit(standards, NEXT, "version: '4.2'", "version: '4.3'")
    serve(standards, NEXT, datetime.date(2028, 1, 1))  # which is none of the message's
    serve(standards, NEW, SINCE)
    german, english = words
    assert hints(serve(standards, OLD, since, until), EVE) == (
        f"Bedient werden heute: hund 4.2 (seit 2026-01-01); diese Version: {german}",
        f"Served today: hund 4.2 (since 2026-01-01); this version: {english}",
    )


def test_refusal_names_how_long_a_version_is_taken_with_a_warning(standards: Path) -> None:
    catalogue = serve(standards, OLD, SINCE, EVE, STICHTAG)
    with pytest.raises(VersionNotServed) as caught:
        catalogue.read(BODY, today=SINCE - datetime.timedelta(days=1))
    (finding,) = caught.value.findings
    assert finding.hint
    assert finding.hint.de.endswith(f"bis {EVE}, mit Warnung bis {STICHTAG})")
    assert finding.hint.en.endswith(f"until {EVE}, with a warning until {STICHTAG})")
    assert caught.value.message_type == f"hund:4.1:{TYPE}"
