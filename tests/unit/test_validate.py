"""What a refusal by the schema says: code, path, place, both languages, never the value."""

import gc
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import xmlschema

from gateway.contract.codes import RejectCode
from gateway.contract.findings import MAX_FINDINGS, Finding, Findings
from gateway.xml import lxml_faults, xmlschema_faults
from gateway.xml.parse import MAX_TREE_TAGS, parse
from gateway.xml.validate import Documents, Schema

XSD = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t"
  targetNamespace="urn:t" elementFormDefault="qualified">
<xs:element name="r">
 <xs:complexType>
  <xs:sequence>
   <xs:element name="a" type="xs:string"/>
   <xs:element name="date" type="xs:date" minOccurs="0"/>
   <xs:element name="p" type="t:Word" minOccurs="0" maxOccurs="3"/>
   <xs:element name="e" type="t:Way" minOccurs="0"/>
   <xs:element name="n" type="t:Amount" minOccurs="0"/>
   <xs:choice minOccurs="0">
     <xs:element name="c1" type="xs:int"/><xs:element name="c2" type="xs:int"/></xs:choice>
   <xs:element name="q" minOccurs="0"><xs:complexType>
     <xs:attribute name="req" use="required" type="xs:int"/><xs:attribute name="fix" fixed="F"/>
   </xs:complexType></xs:element>
   <xs:element name="u" minOccurs="0"><xs:simpleType>
     <xs:union memberTypes="xs:date xs:gYear"/></xs:simpleType></xs:element>
   <xs:element name="fx" minOccurs="0" fixed="abc"/>
   <xs:element name="k" minOccurs="0" maxOccurs="9"><xs:complexType>
     <xs:attribute name="v" type="xs:string"/></xs:complexType></xs:element>
   <xs:element name="ref" minOccurs="0" maxOccurs="9" type="xs:string"/>
   <xs:element name="abs" type="t:Abs" minOccurs="0"/>
   <xs:element name="z" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence>
     <xs:element name="z1" type="xs:int"/><xs:element name="z2" type="xs:int"/>
     <xs:element name="z3" type="xs:int"/>
   </xs:sequence></xs:complexType></xs:element>
  </xs:sequence>
 </xs:complexType>
 <xs:unique name="uk"><xs:selector xpath="t:k"/><xs:field xpath="@v"/></xs:unique>
 <xs:keyref name="kr" refer="t:uk"><xs:selector xpath="t:ref"/><xs:field xpath="."/></xs:keyref>
</xs:element>
<xs:simpleType name="Word"><xs:restriction base="xs:string">
  <xs:minLength value="3"/><xs:maxLength value="6"/><xs:pattern value="[a-z]+"/></xs:restriction>
</xs:simpleType>
<xs:simpleType name="Way"><xs:restriction base="xs:token">
  <xs:enumeration value="post"/><xs:enumeration value="mail"/></xs:restriction></xs:simpleType>
<xs:simpleType name="Amount"><xs:restriction base="xs:decimal">
  <xs:minInclusive value="0"/><xs:maxInclusive value="90"/><xs:fractionDigits value="2"/></xs:restriction>
</xs:simpleType>
<xs:complexType name="Abs" abstract="true">
  <xs:sequence><xs:element name="x" type="xs:int"/></xs:sequence></xs:complexType>
<xs:complexType name="Con"><xs:complexContent><xs:extension base="t:Abs"/></xs:complexContent>
</xs:complexType>
</xs:schema>"""
HEAD = '<t:r xmlns:t="urn:t" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema(Documents("t.xsd", {"t.xsd": XSD}), {})


def refuse(schema: Schema, body: str) -> Findings:
    encoded = body.encode()
    found = schema.find(parse(encoded), encoded)
    assert found.errors == {RejectCode.SCHEMA}
    return found


def findings(schema: Schema, content: str) -> tuple[Finding, ...]:
    return refuse(schema, f"{HEAD}{content}</t:r>").shown


def place(finding: Finding) -> tuple[str, int, int]:
    return finding.path, finding.line, finding.column


SECRET = "Quastenberg"

# content (from line 2 on), path, line, column, words of the German sentence, words of the German hint
FAULTS = {
    "missing child at the end": ("", "/t:r", 1, 1, "fehlt »a«", "an den Anfang"),
    "missing child in between": (
        "<t:a/>\n <t:z><t:z1>1</t:z1><t:z3>1</t:z3></t:z>",
        "/t:r/t:z", 3, 2, "fehlt »z2«", "hinter »z1«",
    ),
    "unknown child": (f"<t:a/><t:b>{SECRET}</t:b>", "/t:r/t:b", 2, 7, "»b« ist", "Möglich: date"),
    "children in the wrong order": (
        "<t:a/><t:z><t:z2>1</t:z2><t:z1>1</t:z1><t:z3>1</t:z3></t:z>",
        "/t:r/t:z/t:z2", 2, 12, "falschen Stelle: es gehört hinter »z1«", "",
    ),
    "child too often": (
        "<t:a/><t:p>aaa</t:p><t:p>aaa</t:p><t:p>aaa</t:p><t:p>aaa</t:p>",
        "/t:r/t:p[4]", 2, 49, "viermal vor; zulässig ist es höchstens dreimal", "",
    ),
    "both sides of a choice": ("<t:a/><t:c1>1</t:c1><t:c2>1</t:c2>", "/t:r/t:c2", 2, 21, "neben »c1«", ""),
    "no date": (f"<t:a/><t:date>{SECRET}</t:date>", "/t:r/t:date", 2, 7, "kein gültiges Datum", "JJJJ-MM-TT"),
    "neither date nor year": (
        f"<t:a/><t:u>{SECRET}</t:u>",
        "/t:r/t:u", 2, 7, "keine der zulässigen Formen", "JJJJ-MM-TT oder Jahr",
    ),
    "no number": (f"<t:a/><t:n>{SECRET}</t:n>", "/t:r/t:n", 2, 7, "keine Dezimalzahl", "mit Punkt"),
    "pattern": (f"<t:a/><t:p>{SECRET[:6]}</t:p>", "/t:r/t:p", 2, 7, "vorgeschriebene Form", "[a-z]+"),
    "too long": ("<t:a/><t:p>abcdefghi</t:p>", "/t:r/t:p", 2, 7, "zu lang: höchstens 6 Zeichen", ""),
    "too short": ("<t:a/><t:p>ab</t:p>", "/t:r/t:p", 2, 7, "zu kurz: mindestens 3 Zeichen", ""),
    "not in the enumeration": (
        f"<t:a/><t:e>{SECRET}</t:e>",
        "/t:r/t:e", 2, 7, "keinen der zulässigen Werte", "post, mail",
    ),
    "too small": ("<t:a/><t:n>-7711</t:n>", "/t:r/t:n", 2, 7, "zu klein: zulässig sind Werte ab 0", ""),
    "too large": ("<t:a/><t:n>7711</t:n>", "/t:r/t:n", 2, 7, "zu groß: zulässig sind Werte bis 90", ""),
    "too many digits": ("<t:a/><t:n>7.711</t:n>", "/t:r/t:n", 2, 7, "höchstens 2", ""),
    "other than the fixed value": (
        f"<t:a/><t:fx>{SECRET}</t:fx>",
        "/t:r/t:fx", 2, 7, "muss den Wert abc haben", "",
    ),
    "missing attribute": ("<t:a/><t:q/>", "/t:r/t:q", 2, 7, "fehlt das Attribut »req«", ""),
    "unknown attribute": (
        f'<t:a/><t:q req="1" zz="{SECRET}"/>',
        "/t:r/t:q/@zz", 2, 20, "nicht vorgesehen", "",
    ),
    "attribute under another name": (
        '<t:a/><t:q zz="7711"/>', "/t:r/t:q/@zz", 2, 12, "nicht vorgesehen", "vielleicht »req«",
    ),
    "attribute of the wrong type": (
        f'<t:a/><t:q req="{SECRET}"/>',
        "/t:r/t:q/@req", 2, 12, "keine ganze Zahl", "ganze Zahl",
    ),
    "attribute other than fixed": (
        f'<t:a/><t:q req="1" fix="{SECRET}"/>',
        "/t:r/t:q/@fix", 2, 20, "muss den Wert F haben", "",
    ),
    "text between elements": (f"<t:a/>{SECRET}", "/t:r", 1, 1, "keinen Text", ""),
    "children in a simple type": ("<t:a><t:b/></t:a>", "/t:r/t:a", 2, 1, "keine Kindelemente", ""),
    "nil": ('<t:a xsi:nil="true"/>', "/t:r/t:a", 2, 1, "xsi:nil", ""),
    "abstract type": ("<t:a/><t:abs><t:x>1</t:x></t:abs>", "/t:r/t:abs", 2, 7, "konkreten Typs", "Con"),
    "unknown type": (
        '<t:a/><t:abs xsi:type="t:Nope"><t:x>1</t:x></t:abs>',
        "/t:r/t:abs/@xsi:type", 2, 14, "unbekannt oder dort nicht", "Con",
    ),
    "key twice": (
        f'<t:a/><t:k v="{SECRET}"/><t:k v="{SECRET}"/>', "/t:r/t:k[2]/@v", 2, 34, "mehrfach", "in Zeile 2",
    ),
    "key in an element of another name": (
        f'<t:a/><t:wxy v="{SECRET}"/><t:ref>{SECRET}</t:ref>', "/t:r/t:wxy", 2, 7, "nicht vorgesehen", "",
    ),
    "reference to no key": (
        f'<t:a/><t:k v="1"/><t:ref>1</t:ref><t:ref>{SECRET}</t:ref>', "/t:r/t:ref[2]", 2, 35, "ins Leere", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_one_finding_at_its_place(schema: Schema, fault: str) -> None:
    content, path, line, column, sentence, hint = FAULTS[fault]
    (finding,) = findings(schema, content)
    assert (finding.code, *place(finding)) == ("X001", path, line, column)
    assert sentence in finding.message.de
    assert finding.message.en
    assert finding.message.en != finding.message.de
    assert hint in (finding.hint.de if finding.hint else "")
    text = finding.model_dump_json()
    for value in (SECRET, SECRET[:6], "7711", "7.711", "abcdefghi"):
        assert value not in text


@pytest.mark.parametrize(
    "fault",
    sorted(
        set(FAULTS) - {"unknown type", "attribute under another name", "key in an element of another name"}
    ),
)
def test_finding_is_at_the_same_place_when_libxml2_stands_alone(
    schema: Schema, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(xmlschema_faults, "MAX_TAGS", 0)
    content, path, _, _, _, _ = FAULTS[fault]
    found = {finding.path for finding in findings(schema, content)}
    assert found == {path}


def test_fault_is_found_when_the_second_engine_cannot_read_the_schema(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema = Schema(Documents("t.xsd", {"t.xsd": XSD}), {})
    monkeypatch.setattr(xmlschema, "XMLSchema", _refuses)
    for name in sorted(
        set(FAULTS) - {"unknown type", "attribute under another name", "key in an element of another name"}
    ):
        content, path, _, _, _, _ = FAULTS[name]
        (finding,) = findings(schema, content)
        assert finding.message.de != finding.message.en
        # Without the definition of a key, its field is not known.
        assert finding.path in (path, path.removesuffix("/@v"), "/t:r", "/t:r/t:z/t:z3"), name


def _refuses(*_: object, **__: object) -> None:
    raise xmlschema.XMLSchemaParseError(None, "no")


def test_unknown_root_is_found_at_the_root(schema: Schema) -> None:
    (finding,) = refuse(schema, '<x:other xmlns:x="urn:t"/>').shown
    assert place(finding) == ("/x:other", 1, 1)


def test_findings_go_on_after_the_first_fault_of_a_parent(schema: Schema) -> None:
    found = findings(
        schema,
        "<t:a/>\n<t:b/>\n<t:date>x</t:date>\n<t:y/>\n<t:z><t:z1>x</t:z1><t:z2>1</t:z2></t:z>",
    )
    assert [place(finding) for finding in found] == [
        ("/t:r/t:b", 3, 1),
        ("/t:r/t:date", 4, 1),
        ("/t:r/t:y", 5, 1),
        ("/t:r/t:z", 6, 1),
        ("/t:r/t:z/t:z1", 6, 6),
    ]


@pytest.mark.parametrize(
    "attribute", ['zz="eins"', 'xml:base="1"', 'xmlns:o="urn:o" o:zz="1"', 'fixx="1" fix="F"', 'zz="" ']
)
def test_attribute_that_is_none_under_another_name_does_not_hide_what_is_missing(
    schema: Schema, attribute: str
) -> None:
    unexpected, missing = sorted(
        findings(schema, f"<t:a/><t:q {attribute}/>"), key=lambda each: -len(each.path)
    )
    assert "nicht vorgesehen" in unexpected.message.de
    assert "fehlt das Attribut »req«" in missing.message.de


@pytest.mark.parametrize(
    "content",
    [
        '<t:wxy w="1"/><t:ref>1</t:ref>',
        '<t:wxy v="2"/><t:ref>1</t:ref>',
        "<t:wxy>1</t:wxy><t:ref>1</t:ref>",
        '<t:wxy><t:o v="1"/></t:wxy><t:ref>1</t:ref>',
        '<t:k v="2" xml:lang="1"/><t:ref>1</t:ref>',
    ],
)
def test_reference_is_told_beside_an_unknown_element_that_it_does_not_lead_to(
    schema: Schema, content: str
) -> None:
    assert {each.path for each in findings(schema, f"<t:a/>{content}")} > {"/t:r/t:ref"}


def test_value_that_breaks_several_rules_is_one_finding(schema: Schema) -> None:
    (finding,) = findings(schema, "<t:a/><t:p>1</t:p>")
    assert finding.hint
    assert "[a-z]+" in finding.hint.de


@pytest.mark.parametrize("shift", range(0, 60, 3))
def test_text_in_the_wrong_place_is_found_wherever_the_message_is_cut_into_pieces(
    schema: Schema, shift: int
) -> None:
    padding = "x" * (lxml_faults._WINDOW_BYTES - len(HEAD) - 40 + shift)
    (finding,) = findings(schema, f"<t:a>{padding}</t:a>text&#1046;<t:date>2026-01-01</t:date>")
    assert place(finding) == ("/t:r", 1, 1)
    assert "keinen Text" in finding.message.de


def test_columns_count_characters_and_lines_end_at_line_feeds(schema: Schema) -> None:
    (finding,) = findings(schema, "<t:a>äöü😀</t:a><!-- <t:b/>\r\n -->ß<![CDATA[<t:b>]]><t:b/>")[-1:]
    assert place(finding) == ("/t:r/t:b", 3, 23)


def test_path_uses_a_generated_prefix_and_says_so_when_the_namespace_is_the_default(schema: Schema) -> None:
    (finding,) = refuse(schema, '<r xmlns="urn:t"><a/><b/></r>').shown
    assert finding.path == "/ns1:r/ns1:b"
    assert finding.namespaces == {"ns1": "urn:t"}


def test_path_prefers_the_prefix_of_the_standard_over_a_generated_one() -> None:
    schema = Schema(Documents("t.xsd", {"t.xsd": XSD}), {"tee": "urn:t"})
    (finding,) = refuse(schema, '<r xmlns="urn:t"><a/><b/></r>').shown
    assert finding.path == "/tee:r/tee:b"


def test_path_keeps_namespaces_apart_when_a_prefix_is_bound_again(schema: Schema) -> None:
    body = '<t:r xmlns:t="urn:t"><t:a/><t:b xmlns:t="urn:evil"/></t:r>'
    (finding,) = refuse(schema, body).shown
    assert finding.path == "/t:r/ns1:b"


@pytest.mark.parametrize("prefix", ["p" * 95, "p" * 96, "p" * 97, "p" * 40_000, "ä" * 60, "p" + "ä" * 60])
def test_places_are_right_however_long_the_prefix_is(schema: Schema, prefix: str) -> None:
    body = "<P:r xmlns:P='urn:t'>\n<P:a/>\n<P:q req='1' x=''/>\n<P:k v='1'/>\n<P:k v='2' x=''/></P:r>"
    found = refuse(schema, body.replace("P", prefix))
    places = [(each.path.rpartition(":")[2], each.line) for each in found.shown]
    assert places == [("q/@x", 3), ("k[2]/@x", 5)]


@pytest.mark.parametrize("name", ["n" * 99, "n" * 700, "t:" + "ä" * 60])
def test_places_are_right_below_an_element_of_a_very_long_name(schema: Schema, name: str) -> None:
    found = findings(schema, f"<t:a/>\n<t:date>x</t:date>\n<{name}><t:r/></{name}>\n<t:q req='x'/>")
    assert [each.line for each in found] == [3, 4, 5]


def test_message_with_a_long_prefix_is_refused_in_time_whatever_its_texts(schema: Schema) -> None:
    prefix, text = "p" * 99, "&#1046;" * 1_000_000
    body = f'<{prefix}:r xmlns:{prefix}="urn:t"><{prefix}:a x="">{text}</{prefix}:a></{prefix}:r>'
    (finding,) = refuse(schema, body).shown
    assert finding.line == 1


def test_element_without_namespace_is_not_taken_for_one_in_a_default_namespace(schema: Schema) -> None:
    document = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">
<xs:element name="r"><xs:complexType><xs:sequence>
  <xs:any namespace="##other" processContents="skip"/><xs:element name="u" type="xs:int"/>
</xs:sequence></xs:complexType></xs:element></xs:schema>"""
    mixed = Schema(Documents("m.xsd", {"m.xsd": document}), {})
    (finding,) = refuse(mixed, '<t:r xmlns:t="urn:t">\n<u xmlns="urn:o"/>\n<u>x</u></t:r>').shown
    assert place(finding) == ("/t:r/u", 3, 1)


@pytest.mark.parametrize("body", [f"{HEAD}<t:a/><t:b/><t:z/><t:z/><t:date>1</t:date></t:r>"])
def test_path_selects_the_element_when_pasted(schema: Schema, body: str) -> None:
    root = parse(body.encode())
    for finding in refuse(schema, body).shown:
        assert len(root.getroottree().xpath(finding.path, namespaces=finding.namespaces)) == 1


def test_path_does_not_repeat_a_name_of_unreasonable_length(schema: Schema) -> None:
    (finding,) = findings(schema, f"<t:a/><t:{'x' * 40_000}/>")
    assert finding.path == "/t:r/*[2]"


def test_path_leads_to_the_element_when_an_attribute_has_an_unreasonable_name(schema: Schema) -> None:
    (finding,) = findings(schema, f'<t:a/><t:q req="1" fix="F" {"x" * 129}=""/>')
    assert finding.path == "/t:r/t:q"


@pytest.mark.parametrize("count", [150, 4_000, 9_000])
def test_findings_are_capped_and_the_rest_counted_whatever_the_number(schema: Schema, count: int) -> None:
    content = "<t:z><t:z1>x</t:z1><t:z2>1</t:z2><t:z3>1</t:z3></t:z>" * count
    found = refuse(schema, f"{HEAD}<t:a/>{content}</t:r>")
    assert len(found.shown) == min(count, MAX_FINDINGS)
    assert found.shown[-1].path == f"/t:r/t:z[{min(count, MAX_FINDINGS)}]/t:z1"
    known = min(count, lxml_faults.MAX_ERRORS)
    assert known - MAX_FINDINGS <= found.more <= max(count - MAX_FINDINGS, 0)


def test_element_of_countless_unknown_children_is_refused_by_an_engines_word(schema: Schema) -> None:
    found = refuse(schema, f"{HEAD}<t:a/>{'<t:x/>' * 21_000}</t:r>")
    assert [each.path for each in found.shown] == ["/t:r/t:x[1]"]


def test_single_fault_in_a_large_message_is_found(schema: Schema) -> None:
    right = "<t:z><t:z1>1</t:z1><t:z2>1</t:z2><t:z3>1</t:z3></t:z>\n" * 4_900
    wrong = "<t:z><t:z1>1</t:z1><t:z2>x</t:z2><t:z3>1</t:z3></t:z>"
    (finding,) = refuse(schema, f"{HEAD}<t:a/>{right}{wrong}{right}</t:r>").shown
    assert place(finding) == ("/t:r/t:z[4901]/t:z2", 4902, 20)


def test_large_valid_message_is_accepted(schema: Schema) -> None:
    right = "<t:z><t:z1>1</t:z1><t:z2>1</t:z2><t:z3>1</t:z3></t:z>" * 5_000
    body = f"{HEAD}<t:a/>{right}</t:r>".encode()
    assert not schema.find(parse(body), body).shown


@pytest.mark.parametrize(
    "content",
    [
        '<t:a/><t:abs xsi:type="nope:Nope"><t:x>1</t:x></t:abs>',
        '<t:a/><t:abs xsi:type=""/>',
        '<t:a xsi:nil="x" xsi:type=":"/>',
        f"<t:a/><t:n>{'9' * 20_000}</t:n>",
        "<t:a/><t:date>-99999999999999999999-01-01</t:date>",
    ],
)
def test_refusal_stands_whatever_the_second_engine_raises(schema: Schema, content: str) -> None:
    assert findings(schema, content)


def test_schema_locations_in_a_message_are_never_followed(schema: Schema, tmp_path: Path) -> None:
    trap = tmp_path / "trap.xsd"
    trap.write_bytes(b"<not-a-schema/>")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/x.xsd"
        locations = (
            f'xsi:schemaLocation="urn:t {address} urn:o {trap}" xsi:noNamespaceSchemaLocation="{address}"'
        )
        body = f"{HEAD.rstrip().rstrip('>')} {locations}><t:a/><t:b/></t:r>"
        (finding,) = refuse(schema, body).shown
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert finding.path == "/t:r/t:b"


LINKS = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:l">
<xs:attribute name="type" type="xs:string"/></xs:schema>"""
LINKING = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:l="urn:l">
<xs:import namespace="urn:l" schemaLocation="l.xsd"/>
<xs:element name="r"><xs:complexType>
 <xs:attribute ref="l:type" fixed="simple"/><xs:attribute name="list" fixed="urn:list"/>
</xs:complexType></xs:element></xs:schema>"""


@pytest.mark.parametrize(
    ("attributes", "is_valid"),
    [("", True), ('l:type="simple"', True), ('list="urn:other"', False)],
)
def test_value_beside_a_reference_to_an_attribute_disturbs_nothing_when_defaults_are_written(
    attributes: str, is_valid: bool
) -> None:
    schema = Schema(Documents("e.xsd", {"e.xsd": LINKING, "l.xsd": LINKS}), {})
    body = f'<r xmlns:l="urn:l" {attributes}/>'.encode()
    root = parse(body)
    findings = schema.find(root, body)
    assert [each.code for each in findings.shown] == ([] if is_valid else ["X001"])
    if is_valid:
        assert root.get("list") == "urn:list"


BACKTRACKING = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="r">
<xs:complexType><xs:sequence><xs:element name="v"><xs:simpleType><xs:restriction base="xs:string">
  <xs:pattern value="([a-z]+\\.?)+@x"/></xs:restriction></xs:simpleType></xs:element></xs:sequence>
</xs:complexType></xs:element></xs:schema>"""


def test_pattern_over_which_expressions_of_python_take_hours_is_said_like_any_other() -> None:
    schema = Schema(Documents("r.xsd", {"r.xsd": BACKTRACKING}), {})
    body = f"<r><other/><v>{'a' * 60}</v></r>".encode()
    found = schema.find(parse(body), body)
    assert [each.path for each in found.shown] == ["/r/other", "/r/v"]
    good = b"<r><other/><v>a.b@x</v></r>"
    assert [each.path for each in schema.find(parse(good), good).shown] == ["/r/other"]


@pytest.mark.parametrize("length", [3, 3_000, 30_000])
def test_value_that_does_not_match_is_told_in_the_same_words_however_long_it_is(length: int) -> None:
    schema = Schema(Documents("r.xsd", {"r.xsd": BACKTRACKING}), {})
    body = f"<r><v>{'A' * length}</v></r>".encode()
    [finding] = schema.find(parse(body), body).shown
    assert finding.message.en == "“v” does not have the required form."
    assert finding.hint is not None
    assert finding.hint.en == r"Expected: the pattern ([a-z]+\.?)+@x"


@pytest.mark.parametrize(
    ("block", "named"), [("", "E, R"), ("extension", "R"), ("restriction", "E"), ("#all", None)]
)
def test_types_are_named_that_an_element_does_not_block(block: str, named: str | None) -> None:
    derived = "".join(
        f'<xs:complexType name="{how[0].upper()}"><xs:complexContent><xs:{how} base="T"/></xs:complexContent>'
        "</xs:complexType>"
        for how in ("extension", "restriction")
    )
    xsd = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        f'<xs:element name="r" type="T" block="{block}"/><xs:complexType name="T"/>{derived}</xs:schema>'
    )
    schema = Schema(Documents("b.xsd", {"b.xsd": xsd.encode()}), {})
    (finding,) = refuse(
        schema, '<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Nope"/>'
    ).shown
    assert (finding.hint.de if finding.hint else None) == (named and f"Möglich: {named}")


def test_path_leads_to_an_attribute_of_a_namespace_that_only_the_message_declares(schema: Schema) -> None:
    body = f'{HEAD}<t:a/><t:b/><t:k xmlns:o="urn:fremd" o:zz="1"/></t:r>'
    _, found = refuse(schema, body).shown
    assert parse(body.encode()).xpath(found.path, namespaces=found.namespaces) == ["1"]


# What stays behind


# So many that it is validated as a stream.
MANY = "<t:z><t:z1>1</t:z1><t:z2>1</t:z2><t:z3>1</t:z3></t:z>" * (MAX_TREE_TAGS // 8)


def test_refusals_leave_no_memory_behind(schema: Schema) -> None:
    content = f"<t:a/>{MANY}<t:b/>"
    for _ in range(5):
        findings(schema, content)
    before = resident_mib()
    for _ in range(40):
        findings(schema, content)
    assert resident_mib() - before < 15


def resident_mib() -> float:
    gc.collect()
    status = Path("/proc/self/status").read_text("utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


@pytest.mark.parametrize("more", ["", MANY], ids=["tree", "stream"])
def test_refusal_writes_nothing_of_the_message_to_standard_error(
    schema: Schema, more: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A thread of its own: libxml2 writes what nobody listens to, and lxml listens in the main thread."""
    content = f'<t:a xml:id="">{SECRET}</t:a><t:k xml:id="{SECRET}"/><t:k xml:id="{SECRET}"/>{more}'
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(findings, schema, content).result()
    assert capfd.readouterr().err == ""


PADDED = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:simpleType name="Late"><xs:restriction base="xs:date"><xs:minInclusive value="2026-01-01"/>
 </xs:restriction></xs:simpleType>
<xs:element name="r"><xs:complexType><xs:choice maxOccurs="unbounded">
 <xs:element name="day" type="Late"/><xs:element name="moment" type="xs:dateTime"/>
 <xs:element name="length" type="xs:duration"/><xs:element name="year" type="xs:gYear"/>
 <xs:element name="number" type="xs:double"/>
 <xs:element name="on"><xs:complexType><xs:simpleContent><xs:extension base="xs:time">
  <xs:attribute name="day" type="xs:date"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>
 <xs:element name="text"><xs:simpleType><xs:restriction base="xs:string"><xs:maxLength value="10"/>
 </xs:restriction></xs:simpleType></xs:element>
</xs:choice></xs:complexType></xs:element></xs:schema>"""


@pytest.mark.parametrize(
    "content",
    [
        "<day>\n  2026-01-01\n</day>",
        "<moment> 2026-01-01T00:00:00Z</moment>",
        "<length>\tP1D\t</length><year> 2026 </year><number> -INF </number>",
        "<on day=' 2026-01-01 '> 10:00:00 </on>",
    ],
)
def test_white_space_around_dates_and_times_is_none_of_their_value(content: str) -> None:
    body = f"<r>{content}</r>".encode()
    root = parse(body)
    schema = Schema(Documents("p.xsd", {"p.xsd": PADDED}), {})
    assert not schema.find(root, body)
    assert schema.xmlschema.is_valid(body.decode())


@pytest.mark.parametrize(
    ("content", "places"),
    [
        ("<day> 2025-01-01 </day>", ["/r/day"]),
        ("<day> 2026-13-01 </day><year> 2026 </year>", ["/r/day"]),
        ("<text> 2026-01-01 </text>", ["/r/text"]),
        ("<day> 2026-01-01 </day><text> 2026-01-01 </text>", ["/r/text"]),
        ("<day>2026 -01-01</day>", ["/r/day"]),
    ],
)
def test_white_space_around_other_values_counts(content: str, places: list[str]) -> None:
    body = f"<r>{content}</r>".encode()
    found = Schema(Documents("p.xsd", {"p.xsd": PADDED}), {}).find(parse(body), body)
    assert [each.path for each in found.shown] == places


@pytest.mark.parametrize("given", ["xs:anySimpleType", "xs:anyType", "xs:NMTOKENS", "unknown"])
def test_padded_value_of_a_type_without_a_primitive_one_is_refused_like_any(given: str) -> None:
    stated = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
    body = f'<r {stated}><text i:type="{given}"> 2024 </text></r>'.encode()
    found = Schema(Documents("p.xsd", {"p.xsd": PADDED}), {}).find(parse(body), body)
    assert [each.path for each in found.shown] == ["/r/text/@i:type"]
