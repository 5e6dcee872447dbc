"""What the Schematron compiler makes of each feature, run by Saxon and read back from its SVRL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from gateway.errors import ConfigurationError
from gateway.xml import svrl
from gateway.xml.schematron import compile_schematron
from gateway.xml.stylesheet import Stylesheet
from gateway.xml.workers import Workers

HEAD = '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2" '
ORDER = """<o:order xmlns:o="urn:order" id="x1">
  <o:item n="1"><price>10</price></o:item>
  <o:item n="2"><price>20</price><rebate>25</rebate></o:item>
  <note>secret</note>
</o:order>"""


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = Workers(1, time_limit_s=60, processor_limit_s=60)  # on a machine that is busy
    yield workers
    workers.close()


class Bench:
    """Compiles a schema in a folder of its own, and runs it."""

    def __init__(self, folder: Path, workers: Workers) -> None:
        self.folder = folder
        self._workers = workers

    def write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    def report(self, content: str, document: str = ORDER, phase: str | None = None) -> list[svrl.Failure]:
        """Return what a schema, without its start tag or with it, says of a document."""
        whole = content if content.startswith("<schema") else f"{HEAD}>{content}</schema>"
        stylesheet = compile_schematron(self.write("rules.sch", whole), self.folder, phase)
        return [*svrl.read(self._workers.transform(stylesheet, etree.fromstring(document)))]

    def broken(self, content: str, document: str = ORDER, phase: str | None = None) -> list[str]:
        """Return the ids of the rules that a document breaks, in the order of the report."""
        return [str(each.rule) for each in self.report(content, document, phase)]

    def complaint(self, content: str, phase: str | None = None) -> str:
        with pytest.raises(ConfigurationError) as raised:
            self.report(content, phase=phase)
        return raised.value.detail.replace(f"{self.folder}/", "")


@pytest.fixture
def bench(tmp_path: Path, workers: Workers) -> Bench:
    return Bench(tmp_path, workers)


NS = '<ns prefix="o" uri="urn:order"/>'

# Each row: what is shown, a schema, the ids of what it finds.
FEATURES = {
    "assert that does not hold": (
        '<pattern><rule context="price"><assert id="a" test=". &lt; 15">x</assert></rule></pattern>',
        ["a"],
    ),
    "report that holds": (
        '<pattern><rule context="price"><report id="r" test=". &lt; 15">x</report></rule></pattern>',
        ["r"],
    ),
    "prefixes": (
        NS + '<pattern><rule context="o:item"><assert id="a" test="rebate">x</assert></rule></pattern>',
        ["a"],
    ),
    "prefix of a type without a declaration": (
        '<pattern><rule context="price"><assert id="a" test="xs:integer(.) = 10">x</assert></rule></pattern>',
        ["a"],
    ),
    "first rule that matches": (
        NS
        + """<pattern><rule context="o:item[rebate]"><assert id="first" test="false()">x</assert></rule>
        <rule context="o:item"><assert id="second" test="false()">x</assert></rule></pattern>""",
        ["second", "first"],
    ),
    "each pattern for itself": (
        """<pattern><rule context="note"><report id="a" test="true()">x</report></rule></pattern>
        <pattern><rule context="note"><report id="b" test="true()">x</report></rule></pattern>""",
        ["a", "b"],
    ),
    "each rule of a group": (
        """<group><rule context="note"><report id="a" test="true()">x</report></rule>
        <rule context="*[not(*)]"><report id="b" test=". = 'secret'">x</report></rule></group>""",
        ["a", "b"],
    ),
    "document": (
        '<pattern><rule context="/"><report id="a" test="*/@id">x</report></rule></pattern>',
        ["a"],
    ),
    "attributes": (
        '<pattern><rule context="@n"><assert id="a" test=". = 1">x</assert></rule></pattern>',
        ["a"],
    ),
    "attributes by their axis": (
        '<pattern><rule context="attribute::n"><assert id="a" test=". = 1">x</assert></rule></pattern>',
        ["a"],
    ),
    "children by their axis": (
        '<pattern><rule context="child::price"><report id="a" test=". &lt; 15">x</report></rule></pattern>',
        ["a"],
    ),
    "texts": (
        '<pattern><rule context="price/text()"><assert id="a" test=". = 10">x</assert></rule></pattern>',
        ["a"],
    ),
    "anything that matches a dot": (
        """<pattern><rule context=".[. instance of attribute() and . = 2]">
        <report id="a" test="true()">x</report></rule></pattern>""",
        ["a"],
    ),
    "elements below one that matched": (
        NS
        + """<pattern><rule context="o:order"><report id="a" test="true()">x</report></rule>
        <rule context="note"><report id="b" test="true()">x</report></rule></pattern>""",
        ["a", "b"],
    ),
    "let of the schema": (
        """<let name="sum" value="sum(//price)"/>
        <pattern><rule context="/"><report id="a" test="$sum = 30">x</report></rule></pattern>""",
        ["a"],
    ),
    "let in a context": (
        """<let name="limit" value="15"/>
        <pattern><rule context="price[. > $limit]"><report id="a" test="1">x</report></rule></pattern>""",
        ["a"],
    ),
    "let of patterns by one name": (
        """<let name="v" value="0"/>
        <pattern><let name="v" value="1"/><rule context="note">
          <report id="a" test="$v = 1 and '$v' != string($v)">x</report></rule></pattern>
        <pattern><let name="v" value="2"/><rule context="note[$v = 2]">
          <report id="b" test="$v = 2">x</report></rule></pattern>
        <pattern><rule context="note"><report id="c" test="$v = 0">x</report></rule></pattern>""",
        ["a", "b", "c"],
    ),
    "let of a rule, from another, with a type": (
        NS
        + """<pattern><rule context="o:item"><let name="p" value="price" as="xs:integer"/>
        <let name="q" value="$p * 2"/><report id="a" test="$q instance of xs:integer and $q = 40">x</report>
        </rule></pattern>""",
        ["a"],
    ),
    "let with content": (
        """<let name="codes"><c xmlns="">secret</c><c xmlns="">open</c></let>
        <pattern><rule context="note"><report id="a" test=". = $codes/*">x</report></rule></pattern>""",
        ["a"],
    ),
    "abstract pattern": (
        """<pattern abstract="true" id="max"><let name="m" value="$limit"/>
          <rule context="$what"><assert id="a" test=". &lt;= $m and '$limit' = '15'">x</assert></rule>
        </pattern>
        <pattern is-a="max"><param name="what" value="price"/><param name="limit" value="15"/></pattern>
        """,
        ["a"],
    ),
    "abstract pattern before and after, with a default, longer names first": (
        """<pattern is-a="max"><param name="w" value="price"/></pattern>
        <pattern abstract="true" id="max"><param name="w2" value="15"/>
          <rule context="$w"><assert id="a" test=". &lt;= $w2">x</assert></rule></pattern>
        <pattern is-a="max"><param name="w" value="rebate"/><param name="w2" value="30"/></pattern>""",
        ["a"],
    ),
    "abstract rule": (
        """<pattern><rule abstract="true" id="base"><let name="t" value="string(.)"/>
          <assert id="a" test="$t = ''">x</assert></rule>
        <rule context="note"><assert id="b" test="false()">x</assert><extends rule="base"/>
          <report id="c" test="$t = 'secret'">x</report></rule></pattern>""",
        ["b", "a", "c"],
    ),
    "abstract rule that extends another, which stands elsewhere": (
        """<rules><rule abstract="true" id="far"><report id="a" test="true()">x</report></rule></rules>
        <pattern><rule abstract="true" id="near"><extends rule="far"/></rule>
        <rule context="note"><extends rule="near"/></rule></pattern>""",
        ["a"],
    ),
    "function and key": (
        """<xsl:function name="f:half" xmlns:f="urn:f" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
            as="xs:double"><xsl:param name="n"/><xsl:sequence select="number($n) div 2"/></xsl:function>
        <xsl:key name="by" match="price" use="." xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>
        <pattern><rule context="price"><report id="a" test="f:half(.) = 5 and key('by', '20')">x</report>
        </rule></pattern>""",
        ["a"],
    ),
    "braces, quotes and entities in a test": (
        """<pattern><rule context="note"><report id="{a}" role="{$x}"
            test="matches(., '^[a-z]{6}$') and . != &quot;&lt;'&amp;&quot;">x</report></rule></pattern>""",
        ["{a}"],
    ),
    "what is for people only": (
        """<title>t</title><p>p <emph>e</emph></p><q xmlns="urn:quick-fix"/>
        <pattern><title>t</title><rule context="note"><report id="a" test="true()">x</report></rule></pattern>
        <diagnostics/><properties/>""",
        ["a"],
    ),
}


@pytest.mark.parametrize(("schema", "found"), FEATURES.values(), ids=FEATURES)
def test_rules_find_what_they_mean_when_a_feature_is_used(
    bench: Bench, schema: str, found: list[str]
) -> None:
    assert bench.broken(schema) == found


PHASES = (
    HEAD
    + """defaultPhase="small"><let name="x" value="1"/>
 <phase id="small"><active pattern="p1"/></phase>
 <phase id="both"><let name="y" value="2"/><active pattern="p1"/><active pattern="p2"/></phase>
 <pattern id="p1"><rule context="note"><report id="a" test="true()">x</report></rule></pattern>
 <pattern id="p2"><rule context="note"><report id="b" test="$y = 2">x</report></rule></pattern>
 <pattern id="p3"><rule context="note"><report id="c" test="true()">x</report></rule></pattern>
</schema>"""
)


@pytest.mark.parametrize(
    ("phase", "found"), [(None, ["a"]), ("#DEFAULT", ["a"]), ("small", ["a"]), ("both", ["a", "b"])]
)
def test_phase_decides_which_patterns_run(bench: Bench, phase: str | None, found: list[str]) -> None:
    assert bench.broken(PHASES, phase=phase) == found


def test_all_patterns_run_when_there_is_no_default_phase(bench: Bench) -> None:
    schema = PHASES.replace('defaultPhase="small"', "").replace("$y = 2", "true()")
    assert bench.broken(schema) == bench.broken(schema, phase="#ALL") == ["a", "b", "c"]


def test_failure_says_level_place_and_text(bench: Bench) -> None:
    [failure] = bench.report(
        NS
        + """<pattern><rule context="o:item" role="warning"><assert test="not(rebate)" diagnostics="d1 d2">
          In <name/> of <emph>this <dir>kind</dir></emph> there must be no <name path="name(rebate)"/>:
          <value-of select="price"/>.</assert></rule></pattern>
        <diagnostics><diagnostic id="d1">Price <value-of select="price"/></diagnostic>
          <diagnostic id="d2">in <value-of select="local-name(..)"/></diagnostic></diagnostics>"""
    )
    assert failure == svrl.Failure(
        rule=None,
        level="warning",
        location="/descendant::*[4]",
        prefixes={},
        text="In o:item of this kind there must be no rebate: ….",
        diagnostics="Price … in order",
    )


@pytest.mark.parametrize(
    ("attributes", "level"),
    [
        ("", ""),
        ('role="Warning"', "warning"),
        ('flag="fatal"', "fatal"),
        ('role="info" flag="fatal"', "info"),
        ('severity="warning"', "warning"),
    ],
)
def test_level_is_that_of_the_assertion(bench: Bench, attributes: str, level: str) -> None:
    [failure] = bench.report(
        f'<pattern><rule context="note"><report {attributes} test="true()">x</report></rule></pattern>'
    )
    assert failure.level == level


def test_level_of_the_assertion_outweighs_that_of_the_rule(bench: Bench) -> None:
    [failure] = bench.report(
        """<pattern><rule context="note" role="warning">
        <report flag="fatal" test="true()">x</report></rule></pattern>"""
    )
    assert failure.level == "fatal"


@pytest.mark.parametrize(
    ("context", "place"),
    [
        ("o:item[rebate]", "/o:order/o:item[2]"),
        ("/", "/o:order"),
        ("/|rebate", "/o:order"),
        ("rebate|/o:order/none", "/o:order/o:item[2]/rebate"),
        ("rebate/text()", "/o:order/o:item[2]/rebate"),
        ("@n[. = 2]", "/o:order/o:item[2]/@n"),
    ],
)
def test_failure_is_where_the_rule_has_fired(bench: Bench, context: str, place: str) -> None:
    failure = bench.report(
        NS + f'<pattern><rule context="{context}"><report test="true()">x</report></rule></pattern>'
    )[0]
    root = etree.fromstring(ORDER.encode())
    [(element, attribute)] = svrl.resolve(root, [failure])
    assert root.getroottree().getpath(element) + (f"/@{attribute}" if attribute else "") == place


def test_group_counts_elements_for_each_rule(bench: Bench) -> None:
    failures = bench.report(
        """<group><rule context="note"><report test="true()">x</report></rule>
        <rule context="rebate"><report test="true()">x</report></rule></group>"""
    )
    assert [each.location for each in failures] == ["/descendant::*[7]", "/descendant::*[6]"]


@pytest.mark.parametrize(
    ("subject", "place"),
    [("@n", "/o:order/o:item[2]/@n"), ("price", "/o:order/o:item[2]/price"), ("none", "/o:order/o:item[2]")],
)
def test_subject_is_where_the_failure_is(bench: Bench, subject: str, place: str) -> None:
    [failure] = bench.report(
        NS
        + f"""<pattern><rule context="o:item"><report test="rebate" subject="{subject}">x</report></rule>
        </pattern>"""
    )
    root = etree.fromstring(ORDER.encode())
    [(element, attribute)] = svrl.resolve(root, [failure])
    path = root.getroottree().getpath(element) + (f"/@{attribute}" if attribute else "")
    assert path == place


# --- several files


def test_include_puts_in_the_element_that_a_file_or_fragment_holds(bench: Bench) -> None:
    bench.write(
        "parts/p.sch",
        """<pattern xmlns="http://purl.oclc.org/dsdl/schematron" xmlns:z="urn:order">
        <include href="../library.sch#r2"/></pattern>""",
    )
    bench.write(
        "library.sch",
        """<rules xmlns="http://purl.oclc.org/dsdl/schematron">
        <rule id="r1" context="note"><report id="a" test="true()">x</report></rule>
        <rule id="r2" context="z:item"><report id="b" test="true()">x</report></rule></rules>""",
    )
    assert bench.broken('<include href="parts/p.sch"/>') == ["b", "b"]


def test_extends_puts_in_what_the_root_of_a_file_holds(bench: Bench) -> None:
    bench.write(
        "rule.sch",
        """<rule xmlns="http://purl.oclc.org/dsdl/schematron"><report id="a" test="true()">x</report>
        <report id="b" test="true()">x</report></rule>""",
    )
    schema = '<pattern><rule context="note"><extends href="rule.sch"/></rule></pattern>'
    assert bench.broken(schema) == ["a", "b"]


@pytest.mark.parametrize(
    "href", ["../outside.sch", "/etc/passwd", "file:///etc/passwd", "https://example.org/p.sch", "link.sch"]
)
def test_include_is_refused_when_it_leaves_the_folder(bench: Bench, href: str) -> None:
    (bench.folder.parent / "outside.sch").write_text(f"{HEAD}/>", encoding="utf-8")
    (bench.folder / "link.sch").symlink_to(bench.folder.parent / "outside.sch")
    said = bench.complaint(f'\n<include href="{href}"/>')
    assert said == f"rules.sch:2: includes {href}, which is not in the folder of this standard"


def test_include_is_refused_when_it_has_no_end(bench: Bench) -> None:
    bench.write("a.sch", f'{HEAD}><include href="b.sch"/></schema>')
    bench.write("b.sch", f'{HEAD}><include href="a.sch"/></schema>')
    assert bench.complaint('<include href="a.sch"/>') == "b.sch:1: includes a.sch without end"


def test_include_is_refused_when_files_double_again_and_again(bench: Bench) -> None:
    for number in range(12):
        twice = f'<include href="{number + 1}.sch"/>' * 2
        bench.write(f"{number}.sch", f"{HEAD}>{twice}</schema>")
    bench.write("12.sch", f"{HEAD}/>")
    assert bench.complaint('<include href="0.sch"/>').endswith("without end")


DOUBLING = "".join(
    f'<rule abstract="true" id="r{number + 1}">' + f'<extends rule="r{number}"/>' * 2 + "</rule>"
    for number in range(40)
)
SHEET = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'
LONG, OFTEN, MANY = "x" * 9000, 9000, "<a/>" * 9000
GROWING = {
    "extends": f"""<pattern><rule abstract="true" id="r0"><assert test="1">x</assert></rule>{DOUBLING}
      <rule context="a"><extends rule="r40"/></rule></pattern>""",
    "is-a": f"""<pattern abstract="true" id="p">{"<title>x</title>" * 2000}</pattern>
      {"<pattern is-a='p'/>" * 2000}""",
    "parameters": f"""<pattern abstract="true" id="p"><rule context="a">
      <assert test="{"$x " * OFTEN}"/></rule></pattern>
      <pattern is-a="p"><param name="x" value="{LONG}"/></pattern>""",
    "diagnostics": f"""<pattern><rule context="a"><assert test="1" diagnostics="{"d " * OFTEN}"/></rule>
      </pattern><diagnostics><diagnostic id="d">{LONG}</diagnostic></diagnostics>""",
    "XSLT": f"""<pattern><rule abstract="true" id="r0"><xsl:if test="1" {SHEET}>{MANY}</xsl:if></rule>
      <rule context="a">{"<extends rule='r0'/>" * OFTEN}</rule></pattern>""",
    "include": '<include href="large.sch"/>' * 50,
}


@pytest.mark.parametrize("content", GROWING.values(), ids=GROWING)
def test_schema_is_refused_when_it_grows_beyond_all_bounds(bench: Bench, content: str) -> None:
    """A few kilobytes would take gigabytes."""
    bench.write("large.sch", f"{HEAD}>{'<title>x</title>' * 20_000}</schema>")
    assert "here the schema grows too large" in bench.complaint(content)


# --- what is wrong, and where

FAULTS = {
    "no schema": ("<schema/>", "rules.sch:1: is no Schematron: the root element is schema"),
    "no binding": (HEAD.replace('queryBinding="xslt2"', "") + "/>", "rules.sch:1: has no queryBinding"),
    "XSLT 1": (HEAD.replace("xslt2", "xslt") + "/>", "rules.sch:1: queryBinding xslt is not among xslt2"),
    "not XML": ("<schema><pattern>", "rules.sch: cannot be read: "),
    "declared entity": (f"{HEAD}>&#10;\n&nbsp;</schema>", "rules.sch: cannot be read: Entity 'nbsp'"),
    "misspelt": ("\n<pattern>\n<ruel/></pattern>", "rules.sch:3: ruel is not known in pattern"),
    "misspelt pattern": ("\n<patern/>", "rules.sch:2: patern is not known in schema"),
    "misspelt check": (
        '<pattern><rule context="a">\n<asert test="b"/></rule></pattern>',
        "rules.sch:2: asert is not known in rule",
    ),
    "no context": ("<pattern>\n<rule/></pattern>", "rules.sch:2: rule has no context"),
    "no test": ('<pattern><rule context="a">\n<assert/></rule></pattern>', "rules.sch:2: assert has no test"),
    "no name": ('\n<let value="1"/>', "rules.sch:2: let has no name"),
    "no abstract pattern": ('\n<pattern is-a="x"/>', "rules.sch:2: there is no abstract pattern x"),
    "no abstract rule": (
        '<pattern><rule context="a">\n<extends rule="x"/></rule></pattern>',
        "rules.sch:2: there is no abstract rule x",
    ),
    "rule extends itself": (
        """<pattern><rule context="a"><extends rule="x"/></rule>
        <rule abstract="true" id="x"><extends rule="y"/></rule>
        <rule abstract="true" id="y"><extends rule="x"/></rule></pattern>""",
        "rules.sch:3: the rule x extends itself",
    ),
    "no diagnostic": (
        '<pattern><rule context="a">\n<assert test="b" diagnostics="d"/></rule></pattern>',
        "rules.sch:2: there is no diagnostic d",
    ),
    "no active pattern": (
        HEAD + 'defaultPhase="f">\n<phase id="f"><active pattern="x"/></phase></schema>',
        "rules.sch:2: there is no pattern x",
    ),
    "no phase": (
        HEAD + 'defaultPhase="f"><phase id="g"/></schema>',
        "rules.sch:1: there is no phase f; there are: g",
    ),
    "other documents": ("\n<pattern documents=\"'a.xml'\"/>", "rules.sch:2: documents of a pattern: "),
    "visits": (
        '<pattern>\n<rule context="a" visit-each="b"/></pattern>',
        "rules.sch:2: visit-each of a rule: ",
    ),
    "import of XSLT": (
        '\n<xsl:import href="x.xsl" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>',
        "rules.sch:2: import is not allowed in rules",
    ),
    "prefix that is none": ('<ns prefix="1" uri="urn:x"/>', "rules.sch:1: a prefix is wrong"),
    "wrong test": (
        '<pattern><rule context="a">\n<assert test="b =&#10; 1 and (">x</assert></rule></pattern>',
        "at rules.sch:2 ",
    ),
    "unknown variable": (
        '<pattern>\n<rule context="a">\n<let name="b" value="$c"/></rule></pattern>',
        "at rules.sch:3 XPST0008 Variable $c has not been declared",
    ),
    "unknown prefix": ('<pattern>\n<rule context="o:a"/></pattern>', "at rules.sch:2 "),
    "context that is no pattern": ('<pattern>\n<rule context="a/.."/></pattern>', "at rules.sch:2 "),
}


@pytest.mark.parametrize(("schema", "said"), FAULTS.values(), ids=FAULTS)
def test_fault_is_told_with_file_and_line(bench: Bench, schema: str, said: str) -> None:
    assert said in bench.complaint(schema)


def test_fault_is_told_with_the_file_that_was_included(bench: Bench) -> None:
    bench.write(
        "part.sch",
        """<pattern xmlns="http://purl.oclc.org/dsdl/schematron">
        <rule context="note">
        <assert test="$nowhere">x</assert></rule></pattern>""",
    )
    assert "at part.sch:3 XPST0008" in bench.complaint('<include href="part.sch"/>')


def test_unknown_phase_of_the_manifest_is_told_with_those_there_are(bench: Bench) -> None:
    said = bench.complaint(PHASES, phase="big")
    assert said == "rules.sch:1: there is no phase big; there are: small, both"


# --- stylesheets that are published ready compiled

XSLT = """<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
  xmlns:svrl="http://purl.oclc.org/dsdl/svrl"><xsl:template match="/"><svrl:schematron-output>
  <svrl:failed-assert {attributes} location="/"><xsl:attribute name="id">R-1</xsl:attribute>{inner}
  </svrl:failed-assert></svrl:schematron-output></xsl:template></xsl:stylesheet>"""

TEXTS = {
    "value-of": ('is <xsl:value-of select="//note"/>!', "is …!"),
    "name": ('in <xsl:value-of select="name()"/> <xsl:value-of select="local-name(*/note)"/>', "in note"),
    "name of a value": ('<xsl:value-of select="name(//note), //note"/>', "…"),
    "sequence": ('is <xsl:sequence select="//note"/>.', "is …."),
    "copy": ('<xsl:copy-of select="//note"/>', "…"),
    "choose": ('<xsl:choose><xsl:when test="true()">secret</xsl:when></xsl:choose>', "…"),
    "literal element": ('a <b x="{//note}"><xsl:value-of select="//note"/></b> c', "a … c"),
    "text template": ('<b xsl:expand-text="yes">a {//note} b {//note} c</b>', "a … c"),
    "text": ("<xsl:text>plain  </xsl:text> text", "plain text"),
}


def _told(workers: Workers, attributes: str, inner: str) -> svrl.Failure:
    root = etree.fromstring(XSLT.format(attributes=attributes, inner=inner))
    svrl.silence(root)
    [failure] = svrl.read(workers.transform(Stylesheet("rules.xsl", root), etree.fromstring(ORDER)))
    return failure


@pytest.mark.parametrize(("text", "said"), TEXTS.values(), ids=TEXTS)
def test_text_of_a_stylesheet_repeats_no_value(workers: Workers, text: str, said: str) -> None:
    failure = _told(workers, "", f"<svrl:text>{text}</svrl:text>")
    assert (failure.rule, failure.text) == ("R-1", said)


def test_text_that_a_stylesheet_makes_up_is_not_told(workers: Workers) -> None:
    made = '<xsl:element name="svrl:text"><xsl:value-of select="//note"/></xsl:element>'
    assert _told(workers, "", made).text == ""


@pytest.mark.parametrize(
    "inner",
    [
        '<xsl:attribute name="id"><xsl:value-of select="//note"/></xsl:attribute>',
        '<xsl:attribute name="id" select="//note"/>',
    ],
)
def test_rule_id_that_is_computed_is_not_told(workers: Workers, inner: str) -> None:
    assert _told(workers, "", inner).rule == "R-1"
    assert _told(workers, 'id="{//note}"', "").rule == "R-1"


# --- places

LOCATIONS = {
    "/": "/o:order",
    "": "/o:order",
    "/Q{urn:order}order[1]/Q{urn:order}item[2]/Q{}price[1]": "/o:order/o:item[2]/price",
    "/*:order[namespace-uri()='urn:order'][1]/*:item[namespace-uri()='urn:order'][2]": "/o:order/o:item[2]",
    "/*[local-name()='order' and namespace-uri()='urn:order'][1]/*[local-name()='note']"
    "[namespace-uri()=''][1]": "/o:order/note",
    "/x:order[1]/x:item[1]": "/o:order/o:item[1]",
    "/x:order[1]/note[1]/text()[1]": "/o:order/note",
    "/x:order[1]/note[1]/comment()[1]": "/o:order/note",
    "/x:order[1]/x:item[3]": "/o:order",
    "/x:order[1]/x:item[2]/@n": "/o:order/o:item[2]/@n",
    "/x:order[1]/@Q{}id": "/o:order/@id",
    "/x:order[1]/@*:id[namespace-uri()='']": "/o:order/@id",
    "/x:order[1]/@none": "/o:order",
    "/x:order[1]/note[1]/x:item[position() = last()]": "/o:order/note",
    "/other[1]/x:item[1]": "/o:order",
    "/descendant::*[4]": "/o:order/o:item[2]",
    "/descendant::*[1]": "/o:order",
    "/descendant::*[99]": "/o:order",
    "/descendant::*[0]": "/o:order",
    "/x:order[1]/x:item[0]": "/o:order/o:item[1]",
    "//x:item | document('x')": "/o:order",
    "/*:order[namespace-uri()='urn:order'] | //x[1]": "/o:order",
}


@pytest.mark.parametrize(("location", "place"), LOCATIONS.items())
def test_location_is_followed_as_compilers_write_it(location: str, place: str) -> None:
    root = etree.fromstring(ORDER.encode())
    failure = svrl.Failure("a", "", location, {"x": "urn:order"}, "", "")
    [(element, attribute)] = svrl.resolve(root, [failure])
    assert root.getroottree().getpath(element) + (f"/@{attribute}" if attribute else "") == place


@pytest.mark.parametrize("rest", [b"\xff", b"<a", b"</b>", b"<a>" * 300])
def test_report_is_read_up_to_where_it_is_none(rest: bytes) -> None:
    head = b'<s:schematron-output xmlns:s="http://purl.oclc.org/dsdl/svrl"><s:failed-assert role="a"/>'
    read = svrl.read(bytearray(head + rest))
    assert next(read).level == "a"
    with pytest.raises(ValueError, match="not XML"):
        next(read)
