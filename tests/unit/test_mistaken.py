"""What is said of an element that has the name of another one that its parent knows as well."""

import pytest
from structlog.testing import capture_logs

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
    <xs:element name="left"/><xs:element name="right" type="t:Person"/>
    <xs:element name="third" minOccurs="0"/></xs:sequence>
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
    other = "<t:left/><t:right><t:name/><t:born>soon</t:born></t:right><t:third/>"
    assert told(f"<t:place>{other}</t:place>") == [
        ("t:place", OTHERS_NAME),
        ("t:place/t:right/t:born", "“born” is not a valid date."),
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


def parts(model: str, *, before: str = "", after: str = "", repeated: str = "") -> Schema:
    """Return a schema of a person and a place, each at most once, in a sequence or choice."""
    person = '<xs:element name="name"/><xs:element name="born" type="xs:date"/>'
    place = '<xs:element name="town"/><xs:element name="way"/>'
    elements = "".join(
        f'<xs:element name="{name}" minOccurs="0"><xs:complexType><xs:sequence>{content}</xs:sequence>'
        '<xs:attribute name="id" type="xs:NMTOKEN"/></xs:complexType></xs:element>'
        for name, content in (("place", place), ("person", person))
    )
    group = f"<xs:{model} {repeated}>{before}{elements}{after}</xs:{model}>"
    keys = '<xs:key name="k"><xs:selector xpath="t:person|t:place"/><xs:field xpath="@id"/></xs:key>'
    return schema_of(
        f'<xs:element name="message"><xs:complexType>{group}</xs:complexType>{keys}</xs:element>'
    )


RIGHT_PLACE = '<t:place id="1"><t:town/><t:way/></t:place>'
WRONG_PLACE = '<t:place id="2"><t:name/><t:born>2000-01-01</t:born></t:place>'
RIGHT_PERSON = '<t:person id="3"><t:name/><t:born>2000-01-01</t:born></t:person>'


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        # Under the other name it would be one too many as well, or stand beside what excludes it.
        (parts("sequence"), RIGHT_PLACE + WRONG_PLACE + RIGHT_PERSON),
        (parts("choice", before='<xs:element name="x"/>'), f"<t:x/>{WRONG_PLACE}"),
        # Nobody knows what stands in which order.
        (parts("sequence", repeated='maxOccurs="9"'), RIGHT_PERSON + WRONG_PLACE),
        # Another value would be any text; and nobody can say whether this date is one.
        (
            parts(
                "sequence",
                after='<xs:element name="n" type="xs:int" maxOccurs="9"/>'
                '<xs:element name="text" type="xs:string"/>',
            ),
            "<t:n>1</t:n><t:n>a</t:n>",
        ),
        (
            parts("sequence", after='<xs:element name="day" type="xs:date"/>'),
            "<t:place>99999999999-01-01</t:place>",
        ),
        # As much would be wrong.
        (parts("sequence"), WRONG_PLACE.replace("2000-01-01", "soon")),
    ],
)
def test_element_keeps_its_name_where_another_would_be_no_better(schema: Schema, content: str) -> None:
    with capture_logs() as logs:
        found = told(content, schema)
    assert [message for _, message in found if "of another name" in message] == []
    assert [each for each in logs if each["event"] == "faults_not_refined"] == []


def test_surplus_of_its_name_is_told_beside_it_wherever_it_stands() -> None:
    other = '<t:place id="4"><t:town/><t:way/></t:place>'
    assert told(RIGHT_PLACE + other + WRONG_PLACE, parts("sequence")) == [
        ("t:place[2]", "“place” occurs twice in the element “message”; it is allowed at most once."),
        ("t:place[3]", OTHERS_NAME),
    ]


def test_key_that_it_has_under_either_name_is_told() -> None:
    schema = parts("sequence", after='<xs:element name="z" minOccurs="0"/>')
    wrong = WRONG_PLACE.replace('"2"', '"1"')
    found = told(RIGHT_PLACE + wrong, schema)
    assert found[0] == ("t:place[2]", OTHERS_NAME)
    assert [path for path, _ in found[1:]] == ["t:place[2]/@id"]


def test_none_of_very_many_is_told_in_another_way_than_the_rest() -> None:
    schema = schema_of(DECLARATIONS.replace('maxOccurs="9"', 'maxOccurs="unbounded"'))
    for count in (20, 2000):
        found = {message for _, message in told(as_place(PERSON.format(1)) * count, schema)}
        assert (found == {OTHERS_NAME}) is (count == 20)
        assert (OTHERS_NAME in found) is (count == 20)


def test_several_have_the_name_of_one_that_may_occur_once_and_does() -> None:
    right = "<t:other><t:left/><t:right><t:name/><t:born>2000-01-01</t:born></t:right></t:other>"
    others_name = OTHERS_NAME.replace("“place”", "“other”")
    assert told("<t:other><t:town/></t:other>" * 2 + right) == [
        ("t:other[1]", others_name),
        ("t:other[2]", others_name),
    ]


@pytest.mark.parametrize(
    ("copied", "path", "missing"),
    [
        ("<t:size>2</t:size>", "t:size[2]", "unit"),
        ("<t:unit><t:code/></t:unit>", "t:unit[2]", "size"),
        ("<t:day>2000-01-01</t:day>", "t:day[2]", "unit"),
        ("<t:box><t:code/><t:side/></t:box>", "t:box[2]", "unit"),
    ],
)
def test_copy_beside_what_is_missing_is_another_fault(copied: str, path: str, missing: str) -> None:
    parts = {
        "unit": "<t:unit><t:code/></t:unit>",
        "size": "<t:size>2</t:size>",
        "day": "<t:day>2000-01-01</t:day>",
        "box": "<t:box><t:code/><t:side/></t:box>",
    }
    del parts[missing]
    content = "".join(part * (1 + (part == copied)) for part in parts.values())
    assert sorted(told(content, UNITS)) == sorted(
        [
            ("/t:message", f"In the element “message”, “{missing}” is missing."),
            (path, f"“{path[2:-3]}” occurs twice in the element “message”; it is allowed at most once."),
        ]
    )


def test_value_that_may_be_the_missing_one_is_taken_for_it() -> None:
    content = (
        "<t:unit><t:code/></t:unit><t:day>2</t:day><t:day>2000-01-01</t:day><t:box><t:code/><t:side/></t:box>"
    )
    [(path, _)] = told(content, UNITS)
    assert path == "t:day[1]"


UNITS = schema_of(
    """<xs:element name="message"><xs:complexType><xs:sequence>
     <xs:element name="unit"><xs:complexType><xs:sequence><xs:element name="code"/></xs:sequence>
     </xs:complexType></xs:element>
     <xs:element name="size" type="xs:int"/><xs:element name="day" type="xs:date"/>
     <xs:element name="box"><xs:complexType><xs:sequence>
      <xs:element name="code"/><xs:element name="side"/></xs:sequence></xs:complexType></xs:element>
    </xs:sequence></xs:complexType></xs:element>"""
)


def test_element_that_a_wildcard_takes_has_the_name_of_no_other() -> None:
    schema = schema_of(
        """<xs:element name="message"><xs:complexType><xs:sequence><xs:element name="first"/>
         <xs:any namespace="##other" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>"""
    )
    of_xsd = '<all xmlns="http://www.w3.org/2001/XMLSchema">text</all>'
    with capture_logs() as logs:
        assert told(of_xsd, schema)
    assert logs == []
