"""What is said of an element that has the name of another one that its parent knows as well."""

import pytest

from gateway.xml.parse import parse
from gateway.xml.validate import Documents, Schema

DECLARATIONS = """<xs:element name="message">
 <xs:complexType><xs:sequence>
  <xs:element name="person" type="t:Person" minOccurs="0" maxOccurs="9"/>
  <xs:element name="firm" minOccurs="0"><xs:complexType><xs:sequence>
   <xs:element name="name"/><xs:element name="number"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="place" minOccurs="0" maxOccurs="9"><xs:complexType><xs:sequence>
    <xs:element name="town"/></xs:sequence>
    <xs:attribute name="kind" default="any"/><xs:attribute name="id"/></xs:complexType></xs:element>
  <xs:element name="day" type="xs:date" minOccurs="0"/>
  <xs:element name="other" minOccurs="0"><xs:complexType><xs:sequence>
    <xs:element name="left"/><xs:element name="right" type="t:Person"/></xs:sequence>
    <xs:attribute name="id"/></xs:complexType>
  </xs:element></xs:sequence></xs:complexType>
 <xs:key name="persons"><xs:selector xpath="t:person"/><xs:field xpath="@id"/></xs:key>
 <xs:key name="places"><xs:selector xpath="t:place"/><xs:field xpath="@id"/></xs:key></xs:element>
<xs:complexType name="Person"><xs:sequence>
  <xs:element name="name"/><xs:element name="born" type="xs:date"/></xs:sequence>
  <xs:attribute name="id"/></xs:complexType>"""
HEAD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t"'


def schema_of(declarations: str) -> Schema:
    content = f'{HEAD} elementFormDefault="qualified">{declarations}</xs:schema>'
    return Schema(Documents("t.xsd", {"t.xsd": content.encode()}), {})


SCHEMA = schema_of(DECLARATIONS)
OTHERS_NAME = "“place” in the element “message” holds what belongs in an element of another name."
PERSON = '<t:person id="{}"><t:name/><t:born>2000-01-01</t:born></t:person>'
PLACE = '<t:place id="{}"><t:town/></t:place>'


def told(content: str, schema: Schema = SCHEMA) -> list[tuple[str, str]]:
    body = f'<t:message xmlns:t="urn:t">{content}</t:message>'.encode()
    found = schema.find(parse(body), body)
    assert found.errors
    return [(each.path.removeprefix("/t:message/"), each.message.en) for each in found.shown]


def as_place(person: str) -> str:
    return person.replace("t:person", "t:place")


def test_element_is_judged_as_what_it_holds() -> None:
    """What libxml2 has added to it because of its name is no fault of the sender's."""
    mistaken = as_place(PERSON.format(1))
    assert told(mistaken) == [("t:place", OTHERS_NAME)]
    assert told(mistaken.replace("2000-01-01", "soon")) == [
        ("t:place", OTHERS_NAME),
        ("t:place/t:born", "“born” is not a valid date."),
    ]


def test_same_mistake_twice_is_told_twice() -> None:
    first, second = as_place(PERSON.format(1)), as_place(PERSON.format(2))
    assert told(first + second) == [("t:place[1]", OTHERS_NAME), ("t:place[2]", OTHERS_NAME)]


def test_same_mistake_is_told_in_the_same_way_where_one_fills_what_is_missing() -> None:
    parts = [
        f'<xs:element name="{name}" {often} maxOccurs="9"><xs:complexType><xs:sequence>'
        f'<xs:element name="id"/><xs:element name="{one}"/><xs:element name="{two}"/>'
        '<xs:element name="no"/></xs:sequence></xs:complexType></xs:element>'
        for name, often, one, two in (
            ("person", "", "name", "born"),
            ("place", 'minOccurs="0"', "town", "way"),
        )
    ]
    declared = f'<xs:element name="message"><xs:complexType><xs:sequence>{"".join(parts)}'
    schema = schema_of(f"{declared}</xs:sequence></xs:complexType></xs:element>")
    mistaken = "<t:place><t:id/><t:name/><t:born/><t:no/></t:place>"
    assert told(mistaken * 2, schema) == [("t:place[1]", OTHERS_NAME), ("t:place[2]", OTHERS_NAME)]


@pytest.mark.parametrize(
    "content",
    [
        '<t:place id="1"><t:town/><t:name/></t:place>',  # some of what it holds belongs in a place
        '<t:place id="1"><t:name/></t:place>',  # nothing is complete with that
        '<t:place id="1"><t:name/><t:street/></t:place>',  # there is no element for that
        "<t:place>Berlin</t:place>",  # nor for that
        "<t:firm><t:name/><t:number/></t:firm><t:place><t:name/><t:number/></t:place>",  # one is enough
        "<t:place>2026-11-28</t:place>",  # that is one fault either way
        as_place(PERSON.format(1)).replace("<t:place", '<t:place kind="some"'),  # two either way
        as_place(PERSON.format(1)).replace("<t:name", "Text<t:name"),
        f'{PLACE.format(1)}<t:place id="2"/>',  # holds nothing
    ],
)
def test_element_keeps_its_name_where_no_other_explains_all(content: str) -> None:
    assert OTHERS_NAME not in [message for _, message in told(content)]


def test_element_keeps_its_name_where_as_much_of_what_it_holds_is_its_own() -> None:
    firm = PERSON.format(1).replace("t:person", "t:firm")
    assert ("t:firm", OTHERS_NAME.replace("“place”", "“firm”")) not in told(firm)


def test_element_keeps_its_name_where_several_others_are_as_likely() -> None:
    guest = '<xs:element name="guest" type="t:Person" minOccurs="0"/><xs:element name="firm"'
    schema = schema_of(DECLARATIONS.replace('<xs:element name="firm"', guest))
    messages = [message for _, message in told(as_place(PERSON.format(1)), schema)]
    assert "The element “born” is not provided for in the element “place”." in messages
    assert OTHERS_NAME not in messages


def test_independent_faults_are_told_beside_it() -> None:
    """One is left out, another is moved: neither is taken for the other."""
    other = "<t:other><t:right><t:name/><t:born>2000-01-01</t:born></t:right></t:other>"
    assert told(other + PLACE.format(1)) == [
        ("t:other", "In the element “other”, “left” is missing."),
        (
            "t:other",
            "“other” stands in the wrong place in the element “message”: it belongs after “place”.",
        ),
    ]


def test_key_that_an_element_has_only_by_its_name_is_not_told_but_any_other_is() -> None:
    person = as_place(PERSON.format(1))
    assert told(person + PLACE.format(1)) == [("t:place[1]", OTHERS_NAME)]
    other = "<t:left/><t:right><t:name/><t:born>2000-01-01</t:born></t:right>"
    assert told(f'{PLACE.format(1)}<t:place id="1">{other}</t:place>') == [("t:place[2]", OTHERS_NAME)]
    twice = (
        "“id” in the element “place” occurs in the message more than once with the same value; the value must"
    )
    assert told(person + PLACE.format(1) + PLACE.format(1)) == [
        ("t:place[1]", OTHERS_NAME),
        ("t:place[3]/@id", f"{twice} be unique."),
    ]


def test_element_may_be_in_the_wrong_place_as_well() -> None:
    """Where it belongs is said of what it should be called."""
    other = "<t:other><t:left/><t:right><t:name/><t:born>2000-01-01</t:born></t:right></t:other>"
    assert told(f"<t:day>2026-11-28</t:day>{other}<t:firm><t:town/></t:firm>") == [
        ("t:firm", OTHERS_NAME.replace("“place”", "“firm”")),
        ("t:firm", "“firm” stands in the wrong place in the element “message”: it belongs before “day”."),
    ]
