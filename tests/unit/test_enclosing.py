"""What is said of elements that stand directly where the one around them is missing, and what is not."""

import pytest

from gateway.xml.parse import parse
from gateway.xml.validate import Documents, Schema

PLACE = """<xs:complexType name="Place"><xs:sequence>
  <xs:element name="town"/>
  <xs:element name="since" type="xs:date" minOccurs="0"/>
  <xs:element name="floor" minOccurs="0"/>
  <xs:element name="view" minOccurs="0"/>
</xs:sequence></xs:complexType>
<xs:complexType name="Abroad"><xs:sequence>
  <xs:element name="line" maxOccurs="3"/>
  <xs:element name="state"/>
</xs:sequence></xs:complexType>"""
SINCE = "<t:since>2020-01-01</t:since>"


def schema_of(person: str, more: str = "", keys: str = "") -> Schema:
    text = f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t"
      elementFormDefault="qualified">
    <xs:element name="person"><xs:complexType><xs:sequence>{person}</xs:sequence></xs:complexType>{keys}
    </xs:element>{PLACE}{more}</xs:schema>"""
    return Schema(Documents("t.xsd", {"t.xsd": text.encode()}), {})


def two(flat: int, flap: int) -> str:
    """A person that must have so many of two places of one type."""
    return f"""<xs:element name="name"/><xs:element name="flat" type="t:Place" minOccurs="{flat}"/>
      <xs:element name="flap" type="t:Place" minOccurs="{flap}"/>"""


def told(schema: Schema, content: str) -> list[tuple[str, str]]:
    body = f'<t:person xmlns:t="urn:t" xmlns:o="urn:o">{content}</t:person>'.encode()
    found = schema.find(parse(body), body)
    return [(each.path.removeprefix("/t:person").removeprefix("/"), each.message.en) for each in found.shown]


def lost(first: str, around: str, further: str = "") -> tuple[str, str]:
    name, they = first.removeprefix("t:").partition("[")[0], "they belong" if further else "it belongs"
    stand = f"“{name}” and {further} stand" if further else f"“{name}” stands"
    return first, f"{stand} directly in the element “person”; the element {around} that {they} in is missing."


def unexpected(path: str) -> tuple[str, str]:
    name = path.removeprefix("t:").partition("[")[0]
    return path, f"The element “{name}” is not provided for in the element “person”."


ONE = "one further element"
IDS = """<xs:element name="id"/><xs:element name="name"/><xs:element name="flat" minOccurs="0">
  <xs:complexType><xs:sequence><xs:element name="id" minOccurs="0"/><xs:element name="street"/>
  <xs:element name="city" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="born" minOccurs="0"/>"""
EITHER = """<xs:element name="name"/><xs:choice><xs:element name="flat" type="t:Place"/>
  <xs:element name="abroad" type="t:Abroad"/></xs:choice>"""
TWICE = '<xs:element name="name"/><xs:element name="flat" type="t:Place" {} maxOccurs="2"/>'
NAMED = """<xs:element name="name" minOccurs="0"/><xs:element name="flat"><xs:complexType><xs:sequence>
  <xs:element name="name"/><xs:element name="town"/></xs:sequence></xs:complexType></xs:element>"""
NEARLY = """<xs:element name="ids"/><xs:element name="name"/><xs:element name="flat" minOccurs="0">
  <xs:complexType><xs:sequence><xs:element name="idx"/><xs:element name="street"/></xs:sequence>
  </xs:complexType></xs:element>"""
LIKE = """<xs:element name="ids" minOccurs="0"/><xs:element name="flat" minOccurs="0"><xs:complexType>
  <xs:sequence><xs:element name="idx"/></xs:sequence></xs:complexType></xs:element>"""
CITY = """<xs:element name="flat" minOccurs="0"><xs:complexType><xs:sequence><xs:element name="street"/>
  <xs:element name="city" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="city" minOccurs="0"/>"""
HOME = """<xs:element name="home" type="t:Place" minOccurs="0"/>
  <xs:element name="flat"><xs:complexType><xs:sequence><xs:element name="line"/></xs:sequence>
  </xs:complexType></xs:element><xs:element name="born" type="xs:date"/>"""
FLAT = "<t:flat><t:town/></t:flat>"


@pytest.mark.parametrize(
    ("person", "content", "expected"),
    [
        # Which of several: what the person must have, and each of several as often as there may be one.
        (two(0, 0), f"<t:name/><t:town/>{SINCE}", [lost("t:town", "“flat” or “flap”", ONE)]),
        (two(0, 0), "<t:name/><t:town/>", [unexpected("t:town")]),
        (two(1, 0), f"<t:name/><t:town/>{SINCE}", [lost("t:town", "“flat”", ONE)]),
        (two(0, 1), f"<t:name/><t:town/>{SINCE}", [lost("t:town", "“flap”", ONE)]),
        (
            two(1, 1),
            f"<t:name/><t:town/>{SINCE}",
            [("", "In the element “person”, “flap” is missing."), lost("t:town", "“flat”", ONE)],
        ),
        (
            TWICE.format(""),
            f"<t:name/><t:town/>{SINCE}<t:town/>{SINCE}",
            [lost("t:town[1]", "“flat”", ONE), lost("t:town[2]", "“flat”", ONE)],
        ),
        (TWICE.format('minOccurs="2"'), f"<t:name/>{FLAT}<t:town/>{SINCE}", [lost("t:town", "“flat”", ONE)]),
        # Nothing that is wrong without it as well, or only with it.
        (
            TWICE.format(""),
            f"<t:name/>{FLAT * 2}<t:town/>{SINCE}",
            [unexpected("t:town"), unexpected("t:since")],
        ),
        (two(0, 0), f"<t:name/>{FLAT}{SINCE}<t:floor/>", [unexpected("t:since"), unexpected("t:floor")]),
        (EITHER, "<t:name/><t:town/><t:abroad><t:line/><t:state/></t:abroad>", [unexpected("t:town")]),
        (
            two(0, 0),
            f"<t:name/>{FLAT}{SINCE}<t:floor/><t:view/>",
            [unexpected("t:since"), unexpected("t:floor"), unexpected("t:view")],
        ),
        (two(0, 0), f"<t:name/>{SINCE}<t:floor/>", [unexpected("t:since"), unexpected("t:floor")]),
        (two(1, 0), f"<t:name/>{SINCE}<t:floor/>", [lost("t:since", "“flat”", ONE)]),
        (
            EITHER,
            f"<t:name/><t:town/>{SINCE}<t:floor/><t:abroad><t:line/><t:state/></t:abroad>",
            [unexpected("t:town"), unexpected("t:since"), unexpected("t:floor")],
        ),
        (LIKE, "<t:idx/>", [unexpected("t:idx")]),
        (EITHER, "<t:name/><t:house/>", [unexpected("t:house")]),
        (EITHER, "<t:name/><t:line/><t:state/>", [lost("t:line", "“abroad”", ONE)]),
        (EITHER, "<t:name/><t:town/><t:line/>", [lost("t:town", "“flat”"), unexpected("t:line")]),
        # What the person itself has under a name that the missing element knows too.
        (
            IDS,
            "<t:name/><t:street/><t:born/><t:id/>",
            [
                lost("t:street", "“flat”"),
                ("t:id", "“id” stands in the wrong place in the element “person”: it belongs before “name”."),
            ],
        ),
        (
            IDS,
            "<t:id/><t:id/><t:name/><t:street/>",
            [
                ("t:id[2]", "“id” occurs twice in the element “person”; it is allowed at most once."),
                lost("t:street", "“flat”"),
            ],
        ),
        (CITY, "<t:street/><t:city/>", [lost("t:street", "“flat”")]),
        (
            HOME,
            "<t:home><t:town/><t:born>2020-01-01</t:born></t:home><t:line/>",
            [
                ("t:home/t:born", "“born” stands in the element “home”, but belongs in “person”."),
                lost("t:line", "“flat”"),
            ],
        ),
        (
            HOME,
            "<t:home/><t:town/><t:line/><t:born>2020-01-01</t:born>",
            [
                ("t:town", "“town” stands in the element “person”, but belongs in “home”."),
                lost("t:line", "“flat”"),
            ],
        ),
        (IDS, "<t:id/><t:name/><t:id/><t:street/>", [lost("t:id[2]", "“flat”", ONE)]),
        (NAMED, "<t:name/><t:town/>", [lost("t:name", "“flat”", ONE)]),
        (NAMED, "<t:name/><t:name/><t:town/>", [lost("t:name[2]", "“flat”", ONE)]),
        # What was taken for something that the person lacks.
        (
            NEARLY,
            "<t:name/><t:idx/><t:street/>",
            [unexpected("t:idx"), unexpected("t:street")],
        ),
        (NEARLY, "<t:ids/><t:name/><t:idx/><t:street/>", [lost("t:idx", "“flat”", ONE)]),
    ],
)
def test_missing_element_is_told_when_less_is_wrong_with_it(
    person: str, content: str, expected: list[tuple[str, str]]
) -> None:
    assert told(schema_of(person), content) == expected


def test_alternatives_that_a_missing_element_would_lack_are_all_named() -> None:
    flat = """<xs:element name="flat"><xs:complexType><xs:sequence><xs:element name="town"/>
      <xs:element name="floor"/><xs:choice><xs:element name="owned"/><xs:element name="rented"/></xs:choice>
      </xs:sequence></xs:complexType></xs:element>"""
    body = b'<t:person xmlns:t="urn:t"><t:town/><t:floor/></t:person>'
    (finding,) = schema_of(flat).find(parse(body), body).shown
    assert finding.hint is not None
    assert finding.hint.en == "In “flat”, one of “owned” or “rented” is then still missing"


def test_element_that_may_not_be_there_itself_is_not_missing() -> None:
    heads = """<xs:element name="head" abstract="true" type="t:Place"/>
      <xs:element name="house" substitutionGroup="t:head"/>"""
    found = told(schema_of('<xs:element ref="t:head"/>', heads), f"<t:town/>{SINCE}")
    assert found == [lost("t:town", "“house”", ONE)]


def test_element_without_a_namespace_may_stand_for_the_one_around_it() -> None:
    code = schema_of("""<xs:element name="code"><xs:complexType><xs:sequence>
      <xs:element name="code" form="unqualified"/></xs:sequence></xs:complexType></xs:element>""")
    assert told(code, "<code>1</code>") == [lost("code", "“code”")]
    (wrong,) = told(code, "<code><code>1</code></code>")
    assert "stands in no namespace; it belongs in the namespace urn:t" in wrong[1]


def test_reference_to_what_has_lost_its_parent_leads_somewhere_and_no_other_does() -> None:
    flat = """<xs:element name="flat" maxOccurs="9"><xs:complexType><xs:sequence>
      <xs:element name="id" type="xs:string"/><xs:element name="town"/></xs:sequence></xs:complexType>
      </xs:element><xs:element name="lives" type="xs:string" maxOccurs="9"/>"""
    keys = """<xs:key name="k"><xs:selector xpath="t:flat"/><xs:field xpath="t:id"/></xs:key>
      <xs:keyref name="r" refer="t:k"><xs:selector xpath="t:lives"/><xs:field xpath="."/></xs:keyref>"""
    schema = schema_of(flat, keys=keys)
    flats = "<t:flat><t:id>1</t:id><t:town/></t:flat><t:id>2</t:id><t:town/>"
    assert told(schema, f"{flats}<t:lives>2</t:lives>") == [lost("t:id", "“flat”", ONE)]
    found = told(schema, f"{flats}<t:lives>1</t:lives><t:lives>2</t:lives><t:lives>3</t:lives>")
    assert [path for path, _ in found] == ["t:id", "t:lives[3]"]


def test_children_of_one_element_by_the_thousand_are_told_in_time() -> None:
    """The square of them would take minutes, and the run's limit of time for a test would end it."""
    codes = """<xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="flat" type="t:Place"/>
      <xs:element name="abroad" type="t:Abroad"/></xs:choice>"""
    body = f'<t:person xmlns:t="urn:t">{"<t:town/><t:state/>" * 9_000}</t:person>'.encode()
    found = schema_of(codes).find(parse(body), body)
    assert len(found.shown) == 200
