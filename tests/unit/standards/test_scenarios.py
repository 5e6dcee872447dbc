"""Rules of a release, as Schematron and as a configuration of the KoSIT validator."""

import datetime
import re
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding, Findings, Severity
from gateway.errors import ConfigurationError, RuleViolation, Unavailable, VersionNotServed
from gateway.standards import Catalogue, reading
from gateway.standards.acceptance import Criterion
from gateway.standards.adding import add
from gateway.standards.examining import Report
from gateway.standards.serving import enable
from gateway.xml.schematron import compile_schematron
from gateway.xml.stylesheet import XSL
from gateway.xml.svrl import SVRL
from tests.unit.standards import release

DAY = datetime.date(2026, 11, 1)

RULES = """<sch:schema xmlns:sch="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
 <sch:ns prefix="h" uri="urn:amtsbote:xhund:2.3"/>
 <sch:pattern><sch:rule context="h:rasse">
  <sch:assert id="HUND-1" test="code != 'mischling'">Beim Mischling fehlt die Schulterhöhe.</sch:assert>
  <sch:assert id="HUND-2" test="code != 'pudel'">Pudel werden an anderer Stelle angemeldet.</sch:assert>
 </sch:rule></sch:pattern></sch:schema>"""

SCENARIOS = """<scenarios xmlns="http://www.xoev.de/de/validator/framework/1/scenarios"
  frameworkVersion="1.0.0">
 <name>Amtsbote-Beispielkonfiguration Hund 4.1</name><author>wir</author><date>2026-01-31</date>
 <description><p>…</p></description>
 <scenario><name>Anmeldung eines Dackels</name>
  <namespace prefix="hund">urn:amtsbote:xhund:2.3</namespace>
  <namespace prefix="rep">http://www.xoev.de/de/validator/varl/1</namespace>
  <match>exists(/hund:hund.anmeldung.0101/hund:hund/hund:rasse[code != 'dogge'])</match>
  <validateWithXmlSchema><resource><name>Schema</name><location>xsd/xhund.xsd</location></resource>
  </validateWithXmlSchema>
  <validateWithSchematron><resource><name>Regeln</name><location>hund.xsl</location></resource>
  </validateWithSchematron>
  <createReport><resource><name>Bericht</name><location>bericht.xsl</location></resource>{levels}</createReport>
  <acceptMatch>{accept}</acceptMatch>
 </scenario></scenarios>"""
USUAL = "/rep:report/rep:assessment[1]/rep:accept[1]"


@pytest.fixture
def standards(tmp_path: Path) -> Path:
    folder = tmp_path / "standards"
    folder.mkdir()
    source = release.write(tmp_path / "gemeinsames", release.shared_files())
    add(source, Catalogue.load([folder]), folder)
    return folder


def adding(standards: Path, contents: dict[str, str]) -> Report:
    source = release.write(standards.parent / "validator-configuration-hund", contents)
    return add(source, Catalogue.load([standards]), standards)


def configured(tmp_path: Path, *, levels: str = "", accept: str = USUAL) -> dict[str, str]:
    """Return the files of a configuration, with the rules compiled as its publisher compiles them."""
    path = tmp_path / "hund.sch"
    path.write_text(RULES, "utf-8")
    compiled = compile_schematron(path, tmp_path, None).text
    scenarios = SCENARIOS.format(levels=levels, accept=accept)
    return release.files() | {"scenarios.xml": scenarios, "hund.xsl": compiled}


def serving(standards: Path, report: Report) -> Catalogue:
    manifest = report.manifest
    found = Catalogue.load([standards]).fetch(manifest.standard, manifest.version)
    assert found
    enable(found, since=DAY, until=None, grace_until=None)
    return Catalogue.load([standards])


def broken(catalogue: Catalogue, race: str) -> list[str | None]:
    """Return the rules for which a message is refused."""
    with pytest.raises(RuleViolation) as caught:
        catalogue.read(release.message(race).encode(), today=DAY)
    return [each.rule for each in caught.value.findings if each.severity == "error"]


def warned(catalogue: Catalogue, race: str) -> list[str | None]:
    """Return the rules that a message is warned of."""
    return [each.rule for each in catalogue.read(release.message(race).encode(), today=DAY).warnings.shown]


# Schematron


def test_rules_of_a_release_are_compiled_and_kept(standards: Path) -> None:
    report = adding(standards, release.files() | {"regeln/hund.sch": RULES})
    assert [each.file for each in report.manifest.rules] == ["regeln/hund.sch"]
    catalogue = serving(standards, report)
    assert broken(catalogue, "pudel") == ["HUND-2"]
    assert warned(catalogue, "dackel") == []


def test_rules_are_used_as_written_when_they_are_delivered_compiled_as_well(
    standards: Path, tmp_path: Path
) -> None:
    compiled = configured(tmp_path)["hund.xsl"]
    report = adding(standards, release.files() | {"hund.sch": RULES, "hund.xsl": compiled})
    assert [each.file for each in report.manifest.rules] == ["hund.sch"]


def test_rules_that_others_include_do_not_stand_by_themselves(standards: Path) -> None:
    head, pattern, _ = (
        RULES.replace("<sch:pattern>", "|<sch:pattern>").replace("</sch:schema>", "|").split("|")
    )
    part = pattern.replace("<sch:pattern>", '<sch:pattern xmlns:sch="http://purl.oclc.org/dsdl/schematron">')
    whole = f'{head}<sch:include href="teile/rasse.sch"/></sch:schema>'
    report = adding(standards, release.files() | {"hund.sch": whole, "teile/rasse.sch": part})
    assert [each.file for each in report.manifest.rules] == ["hund.sch"]
    assert broken(serving(standards, report), "pudel") == ["HUND-2"]


@pytest.mark.parametrize(
    "wrong", ['<sch:ns prefix="h" uri=""/>', '<sch:ns uri="urn:h"/>', '<sch:ns prefix="h" uri="a b"/>']
)
def test_rules_are_reported_and_left_out_when_a_prefix_is_wrong(standards: Path, wrong: str) -> None:
    rules = RULES.replace('<sch:ns prefix="h" uri="urn:amtsbote:xhund:2.3"/>', wrong).replace(
        " != 'pudel'", " ("
    )
    report = adding(standards, release.files() | {"hund.sch": rules})
    assert report.manifest.rules == []
    assert "hund.sch" in report.broken[Path("hund.sch")]


def test_rules_that_do_not_compile_are_reported_and_left_out(standards: Path) -> None:
    report = adding(standards, release.files() | {"hund.sch": RULES.replace("!= 'pudel'", "!= (")})
    assert report.manifest.rules == []
    (reason,) = report.broken.values()
    assert "hund.sch" in reason


COMPILED = f"""<xsl:stylesheet version="2.0" xmlns:xsl="{XSL[1:-1]}" xmlns:svrl="{SVRL[1:-1]}">
<xsl:template match="/">
<svrl:schematron-output>
<xsl:for-each select="//*:rasse">
<xsl:if test="not({{test}})"><svrl:failed-assert test="doc('text.xml')"/></xsl:if>
</xsl:for-each></svrl:schematron-output></xsl:template></xsl:stylesheet>"""


def asking(test: str, *, compiled: bool) -> dict[str, str]:
    """Return rules of which one, in line 5, has that test: as they are written, or compiled."""
    if compiled:
        return {"r/hund.xsl": COMPILED.format(test=test)}
    return {"r/hund.sch": RULES.replace("code != 'pudel'", test)}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("test", "shown"),
    [
        ("code = document('codes.xml')//code", "document('codes.xml')"),
        ("exists(doc( 'https://rules.example/(1).xml' )/*)", "doc( 'https://rules.example/(1).xml' )"),
        (
            "code = ('doc(1)', Q{http://www.w3.org/2005/xpath-functions}unparsed-text('codes.txt'))",
            "unparsed-text('codes.txt')",
        ),
        ("exists(collection())", "collection()"),
        ("exists(json-doc(concat('codes', '.json')))", "json-doc(concat"),
    ],
)
def test_rules_that_ask_for_another_file_are_reported_with_the_line_and_left_out(
    standards: Path, test: str, shown: str, compiled: bool
) -> None:
    rules = asking(test, compiled=compiled)
    report = adding(standards, release.files() | rules)
    assert report.manifest.rules == []
    (name,) = rules
    (reason,) = report.broken.values()
    assert reason.startswith(f"{name}: {shown} at {name}:5 asks for another file")


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "test",
    [
        "code != 'document(1)'",
        "code != 'a' (: such as doc('codes.xml') :)",
        "not(doc-available('codes.xml')) or code = doc('codes.xml')//code",
        "string-length(document-uri(/)) != 1",
    ],
)
def test_rules_that_ask_for_no_other_file_are_kept(standards: Path, test: str, compiled: bool) -> None:
    report = adding(standards, release.files() | asking(test, compiled=compiled))
    assert len(report.manifest.rules) == 1
    assert warned(serving(standards, report), "dackel") == []


def test_rules_that_ask_for_another_file_within_a_text_that_is_evaluated_are_left_out(
    standards: Path,
) -> None:
    rules = {"hund.xsl": COMPILED.format(test="true()").replace("doc('text.xml')", "{doc('text.xml')}")}
    report = adding(standards, release.files() | rules)
    assert report.broken[Path("hund.xsl")].startswith("hund.xsl: doc('text.xml') at hund.xsl:5 asks for")


def test_rules_whose_texts_alone_ask_for_another_file_are_kept(standards: Path) -> None:
    """Values are taken out of the texts of rules, and with them what they would have been read from."""
    text = "angemeldet: <sch:value-of select=\"document('codes.xml')//amt\"/>."
    report = adding(standards, release.files() | {"hund.sch": RULES.replace("angemeldet.", text)})
    assert broken(serving(standards, report), "pudel") == ["HUND-2"]


def test_configuration_is_refused_when_its_rules_ask_for_another_file(
    standards: Path, tmp_path: Path
) -> None:
    rules = asking("code = document('codes.xml')//code", compiled=True)["r/hund.xsl"]
    with pytest.raises(
        ConfigurationError, match=r"document\('codes\.xml'\) at hund\.xsl:\d+ asks for another"
    ):
        adding(standards, configured(tmp_path) | {"hund.xsl": rules})


# Configurations of the KoSIT validator


def test_configuration_becomes_a_standard_with_its_rules(standards: Path, tmp_path: Path) -> None:
    report = adding(standards, configured(tmp_path))
    manifest = report.manifest
    assert (manifest.standard, manifest.version) == ("hund", "4.1")
    assert [(each.name, each.root) for each in manifest.message_types] == [
        ("anmeldung-eines-dackels", "hund.anmeldung.0101")
    ]
    assert [each.valid for each in report.samples] == [True]
    catalogue = serving(standards, report)
    assert warned(catalogue, "dackel") == []
    assert broken(catalogue, "mischling") == ["HUND-1"]


def test_message_that_no_scenario_matches_is_of_no_version_served(standards: Path, tmp_path: Path) -> None:
    catalogue = serving(standards, adding(standards, configured(tmp_path)))
    with pytest.raises(VersionNotServed):
        catalogue.read(release.message("dogge").encode(), today=DAY)


CAT = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:amtsbote:xkatze:1.0">
 <xs:element name="katze" type="xs:string"/></xs:schema>"""


def test_prefix_may_stand_for_another_namespace_in_each_scenario(standards: Path, tmp_path: Path) -> None:
    """As in the publishers' own configurations for several versions of one standard."""
    contents = configured(tmp_path) | {"xsd/katze.xsd": CAT}
    first = contents["scenarios.xml"].partition("<scenario>")[2].partition("</scenario>")[0]
    second = (
        first.replace("Dackels", "Kätzchens")
        .replace("urn:amtsbote:xhund:2.3", "urn:amtsbote:xkatze:1.0")
        .replace("exists(/hund:hund.anmeldung.0101/hund:hund/hund:rasse[code != 'dogge'])", "/hund:katze")
        .replace("xhund.xsd", "katze.xsd")
    )
    contents["scenarios.xml"] = contents["scenarios.xml"].replace(
        "</scenarios>", f"<scenario>{second}</scenario></scenarios>"
    )
    report = adding(standards, contents)
    assert [(each.name, each.namespaces) for each in report.manifest.message_types] == [
        ("anmeldung-eines-dackels", {}),
        ("anmeldung-eines-kaetzchens", {"hund": "urn:amtsbote:xkatze:1.0"}),
    ]
    catalogue = serving(standards, report)
    read = catalogue.read(b'<katze xmlns="urn:amtsbote:xkatze:1.0">Mia</katze>', today=DAY)
    assert read.message_type.name == "anmeldung-eines-kaetzchens"
    assert broken(catalogue, "mischling") == ["HUND-1"]


NEEDING_XPATH_2 = [
    "some $race in //hund:rasse/code satisfies $race = 'mischling'",
    "//hund:rasse['mischling' le code and xs:string(code) lt 'mischlinge']",
    "//hund:rasse[code > 'mischlinf' and code < 'mischlinh']",
    "matches(string-join(//hund:rasse/code), '^misch')",
]


@pytest.mark.parametrize("match", NEEDING_XPATH_2)
async def test_match_may_ask_for_more_than_xpath_1(standards: Path, tmp_path: Path, match: str) -> None:
    contents = configured(tmp_path)
    usual = "exists(/hund:hund.anmeldung.0101/hund:hund/hund:rasse[code != 'dogge'])"
    contents["scenarios.xml"] = contents["scenarios.xml"].replace(usual, escape(match))
    report = adding(standards, contents)
    assert [each.match for each in report.manifest.message_types] == [match]
    assert report.samples == []  # it is about a dackel
    catalogue = serving(standards, report)
    body = release.message("mischling").encode()
    with pytest.raises(RuleViolation):
        await reading.read(catalogue, body, today=DAY)
    with pytest.raises(VersionNotServed, match="none is for a message of this content"):
        await reading.read(catalogue, release.message("dackel").encode(), today=DAY)


def test_message_on_which_a_match_fails_is_none_of_that_scenario(standards: Path, tmp_path: Path) -> None:
    contents = configured(tmp_path)
    usual = "exists(/hund:hund.anmeldung.0101/hund:hund/hund:rasse[code != 'dogge'])"
    contents["scenarios.xml"] = contents["scenarios.xml"].replace(usual, "xs:integer(//hund:rasse/code) gt 0")
    catalogue = serving(standards, adding(standards, contents))
    with pytest.raises(VersionNotServed):
        catalogue.read(release.message("dackel").encode(), today=DAY)


def test_message_is_put_off_when_its_match_is_no_xpath(standards: Path, tmp_path: Path) -> None:
    """Nothing is compiled at a start, so that a message may be the first to find it out."""
    serving(standards, adding(standards, configured(tmp_path)))
    [manifest] = standards.glob("hund/*/standard.yaml")
    manifest.write_text(manifest.read_text("utf-8").replace("exists(", "every("), "utf-8")
    catalogue = Catalogue.load([standards])
    with pytest.raises(Unavailable):
        catalogue.read(release.message("dackel").encode(), today=DAY)
    assert any("is no XPath" in each.fault for each in catalogue.standards)


def test_custom_level_weighs_a_rule_anew(standards: Path, tmp_path: Path) -> None:
    levels = '<customLevel level="warning">HUND-9 HUND-1</customLevel>'
    catalogue = serving(standards, adding(standards, configured(tmp_path, levels=levels)))
    assert warned(catalogue, "mischling") == ["HUND-1"]
    assert broken(catalogue, "pudel") == ["HUND-2"]


def test_accept_criterion_decides_about_broken_rules(standards: Path, tmp_path: Path) -> None:
    accept = "not(//rep:message[@level = 'error' and @code = 'HUND-1'])"
    catalogue = serving(standards, adding(standards, configured(tmp_path, accept=accept)))
    assert warned(catalogue, "pudel") == ["HUND-2"]
    assert broken(catalogue, "mischling") == ["HUND-1"]


@pytest.mark.parametrize(
    "accept",
    [
        "empty(//rep:message[@code = 'HUND-1'])",
        "exists(//rep:accept) or not({})",
        "every $each in //rep:message satisfies $each/@code ne 'HUND-1'",
    ],
)
def test_accept_criterion_may_ask_what_there_is_as_in_xpath_2(
    standards: Path, tmp_path: Path, accept: str
) -> None:
    accept = accept.replace("{}", "exists(//rep:message[@code = 'HUND-1'])")
    catalogue = serving(standards, adding(standards, configured(tmp_path, accept=accept)))
    assert warned(catalogue, "pudel") == ["HUND-2"]
    assert broken(catalogue, "mischling") == ["HUND-1"]


def test_configuration_of_framework_2_weighs_rules_where_it_names_them_and_asks_no_criterion(
    standards: Path, tmp_path: Path
) -> None:
    """What stood below `createReport` before is still read; the rule set's own word counts for more."""
    contents = configured(
        tmp_path, levels='<customLevel level="error">HUND-1</customLevel>', accept="//test:rejected"
    )
    own = '<customLevel level="warning">HUND-1</customLevel></validateWithSchematron>'
    contents["scenarios.xml"] = (
        contents["scenarios.xml"]
        .replace("framework/1/scenarios", "framework/2/scenarios")
        .replace("</validateWithSchematron>", own)
    )
    catalogue = serving(standards, adding(standards, contents))
    assert warned(catalogue, "mischling") == ["HUND-1"]
    assert broken(catalogue, "pudel") == ["HUND-2"]


def test_nothing_is_accepted_when_a_finding_that_is_not_shown_might_speak_against_it() -> None:
    criterion = Criterion("not(//rep:message[@code = 'FATAL'])", {})
    often = [a_finding("A")] * MAX_FINDINGS
    assert criterion.weigh(Findings.of(often)).errors == frozenset()
    assert criterion.weigh(Findings.of(often, 1)).errors == {str(RejectCode.RULE)}


def test_criterion_knows_of_rules_whose_findings_are_not_shown() -> None:
    criterion = Criterion("not(//rep:message[@code = 'FATAL'])", {})
    warned = [a_finding("W", Severity.WARNING)] * MAX_FINDINGS

    def errors(*rules: str) -> frozenset[str]:
        broken = frozenset((rule, Severity.WARNING) for rule in ("W", *rules))
        return criterion.weigh(Findings.of(warned, 1, broken)).errors

    assert errors() == frozenset()
    assert errors("FATAL") == {str(RejectCode.RULE)}


def test_warnings_stay_warnings_when_an_error_is_why_the_criterion_does_not_hold() -> None:
    criterion = Criterion("not(//rep:message[@code = 'FATAL'])", {})
    weighed = criterion.weigh(Findings.of([a_finding("FATAL"), a_finding("W", Severity.WARNING)]))
    assert [each.severity for each in weighed.shown] == ["error", "warning"]


def a_finding(rule: str, severity: Severity = Severity.ERROR) -> Finding:
    said = Bilingual(de="x", en="x")
    return Finding(code=str(RejectCode.RULE), severity=severity, path="/", message=said, rule=rule)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("hund.xsl", "fehlt.xsl", "fehlt.xsl is not in the release"),
        ("hund.xsl", "../../../../etc/passwd", "is not in the release"),
        ("xsd/xhund.xsd", "xhund.xsd", "xhund.xsd is not in the release; put xsd/xhund.xsd there"),
        ("hund.xsl", "x" * 5000, "is not in the release"),
        ("exists(", "every(", r"message_types\[0\]\.match: .every\(.* is no XPath: XPST0017"),
        ("/hund:hund.anmeldung", "/katze:hund.anmeldung", r"\]\.match: .* the prefix katze stands"),
        (USUAL, "1 le", r"message_types\[0\]\.accept: '1 le' is no XPath: XPST0003"),
        (USUAL, "//test:rejected", "accept"),
        (USUAL, "count(//hund:rejected) = 0", r"accept: .* asks for hund:, which is urn:amtsbote:xhund:2\.3"),
        ("<match>", '<namespace prefix="leer"/><match>', "leer"),
        ("<match>", '<namespace prefix="">urn:x</namespace><match>', "namespaces"),
        ("hund:hund.anmeldung.0101", "hund:katze", "no scenario has a message type"),
        ("<scenario>", "<!-- <scenario>", "cannot be read|no scenario|no XML schema"),
    ],
)
def test_configuration_that_cannot_be_followed_is_refused(
    standards: Path, tmp_path: Path, old: str, new: str, words: str
) -> None:
    contents = configured(tmp_path)
    text = contents["scenarios.xml"].replace(old, new)
    contents["scenarios.xml"] = text.replace("</scenario>", "</scenario> -->") if "<!--" in new else text
    before = sorted(standards.rglob("*"))
    with pytest.raises(ConfigurationError, match=words):
        adding(standards, contents)
    assert sorted(standards.rglob("*")) == before


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (b"no XML", "hund.xsl: cannot be read"),
        (b"<xsl:x xmlns:xsl='http://www.w3.org/1999/XSL/Transform'/>", "XSLT"),
    ],
)
def test_configuration_is_refused_when_its_rules_do_not_compile(
    standards: Path, tmp_path: Path, broken: bytes, words: str
) -> None:
    """It could be enabled otherwise, and no gateway would start with it."""
    contents = configured(tmp_path) | {"hund.xsl": broken.decode()}
    del contents["beispiele/dackel.xml"]
    before = sorted(standards.rglob("*"))
    with pytest.raises(ConfigurationError, match=words):
        adding(standards, contents)
    assert sorted(standards.rglob("*")) == before


def test_rules_of_a_configuration_are_used_whatever_they_are_called(standards: Path, tmp_path: Path) -> None:
    contents = configured(tmp_path)
    contents["hund.XSL"] = contents.pop("hund.xsl")
    contents["scenarios.xml"] = contents["scenarios.xml"].replace("hund.xsl", "hund.XSL")
    assert broken(serving(standards, adding(standards, contents)), "mischling") == ["HUND-1"]


def test_configuration_is_refused_when_it_has_more_scenarios_than_are_taken(
    standards: Path, tmp_path: Path
) -> None:
    contents = configured(tmp_path)
    scenario = "<scenario><name>x</name><match>1</match></scenario>"
    several = contents["scenarios.xml"].replace("</scenarios>", f"{scenario * 5000}</scenarios>")
    with pytest.raises(ConfigurationError, match=r"scenarios\.xml: has more scenarios"):
        adding(standards, contents | {"scenarios.xml": several})


def test_configuration_is_refused_when_it_weighs_more_rules_than_are_taken(
    standards: Path, tmp_path: Path
) -> None:
    rules = " ".join(f"R{number}" for number in range(50_000))
    contents = configured(tmp_path, levels=f'<customLevel level="warning">{rules}</customLevel>')
    with pytest.raises(ConfigurationError, match=r"scenarios\.xml: has more scenarios"):
        adding(standards, contents)


def test_version_of_a_configuration_is_made_one_that_a_standard_may_have(
    standards: Path, tmp_path: Path
) -> None:
    contents = configured(tmp_path)
    text = contents["scenarios.xml"].replace("Hund 4.1", "Hund")
    contents["scenarios.xml"] = text.replace("2026-01-31", "2026-01-31+01:00")
    assert adding(standards, contents).manifest.version == "2026-01-31-01-00"


def test_first_of_several_scenarios_that_match_takes_a_message(standards: Path, tmp_path: Path) -> None:
    """When it is added as well as when it is served."""
    contents = configured(tmp_path)
    head, scenario, tail = re.split(r"(<scenario>.*</scenario>)", contents["scenarios.xml"], flags=re.DOTALL)
    second = scenario.replace("<name>", "<name>Zweite ").replace("!= 'dogge'", "!= 'spitz'")
    contents["scenarios.xml"] = f"{head}{scenario}{second}{tail}"
    report = adding(standards, contents)
    first, _ = report.manifest.message_types
    read = serving(standards, report).read(release.message("dackel").encode(), today=DAY)
    assert read.message_type.name == first.name
