"""What is said of elements that stand directly where the one around them is missing, and what is not."""

from collections.abc import Iterable

import pytest

from gateway.xml import content, near
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
    both = f"{flats}<t:id>3</t:id><t:town/><t:lives>2</t:lives><t:lives>3</t:lives><t:lives>4</t:lives>"
    assert [path for path, _ in told(schema, both)] == ["t:id[1]", "t:id[2]", "t:lives[3]"]


def test_reference_to_a_missing_element_whose_key_went_with_it_is_no_fault_of_its_own() -> None:
    flat = """<xs:element name="flat" maxOccurs="9"><xs:complexType><xs:sequence><xs:element name="town"/>
      <xs:element name="floor"/></xs:sequence><xs:attribute name="id" use="required"/></xs:complexType>
      </xs:element><xs:element name="lives" type="xs:string" maxOccurs="9"/>"""
    keys = """<xs:key name="k"><xs:selector xpath="t:flat"/><xs:field xpath="@id"/></xs:key>
      <xs:keyref name="r" refer="t:k"><xs:selector xpath="t:lives"/><xs:field xpath="."/></xs:keyref>"""
    schema = schema_of(flat, keys=keys)
    found = told(schema, "<t:town/><t:floor/><t:lives>1</t:lives>")
    assert found == [lost("t:town", "“flat”", ONE)]
    found = told(schema, "<t:town/><t:floor/><t:lives>1</t:lives><t:lives>2</t:lives>")
    assert [path for path, _ in found] == ["t:town", "t:lives[1]", "t:lives[2]"]


def test_children_of_one_element_by_the_thousand_are_told_in_time() -> None:
    """The square of them would take minutes, and the run's limit of time for a test would end it."""
    codes = """<xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="flat" type="t:Place"/>
      <xs:element name="abroad" type="t:Abroad"/></xs:choice>"""
    body = f'<t:person xmlns:t="urn:t">{"<t:town/><t:state/>" * 9_000}</t:person>'.encode()
    found = schema_of(codes).find(parse(body), body)
    assert len(found.shown) == 200


LIST = """<xs:element name="name"/><xs:element name="list" minOccurs="0"><xs:complexType><xs:sequence>
  <xs:element name="item" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>"""


@pytest.mark.parametrize("count", [50, 51, 52, 120, 1900])
def test_element_around_very_many_is_one_finding_with_their_number(count: int) -> None:
    found = told(schema_of(LIST), f"<t:name/>{'<t:item/>' * count}")
    assert found == [lost("t:item[1]", "“list”", f"{count - 1} further elements")]


def test_element_around_very_many_ends_where_others_begin() -> None:
    other = LIST + '<xs:element name="born" type="xs:date"/>'
    found = told(schema_of(other), f"<t:name/>{'<t:item/>' * 80}<t:born>soon</t:born>")
    assert found == [
        lost("t:item[1]", "“list”", "79 further elements"),
        ("t:born", "“born” is not a valid date."),
    ]


@pytest.mark.parametrize("note", ["<t:note/>", ""])
def test_element_around_very_many_leaves_what_may_stay(note: str) -> None:
    content = """<xs:element name="name"/><xs:element name="list" minOccurs="0"><xs:complexType><xs:sequence>
      <xs:element name="item" maxOccurs="unbounded"/><xs:element name="note" minOccurs="0"/></xs:sequence>
      </xs:complexType></xs:element><xs:element name="note" minOccurs="0"/>"""
    found = told(schema_of(content), f"<t:name/>{'<t:item/>' * 60}{note}")
    assert found == [lost("t:item[1]", "“list”", "59 further elements")]


def test_names_that_are_nearly_right_are_compared_once_whatever_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each with each in every trial took a minute for a message of 200 kB."""
    asked: list[str] = []

    def nearest(wrong: str, known: Iterable[str]) -> str | None:
        asked.append(wrong)
        return near.nearest(wrong, known)

    monkeypatch.setattr(content, "nearest", nearest)
    alike = "".join(f'<xs:element name="abcdefghijklmnopq{n:03}z" minOccurs="0"/>' for n in range(60))
    wrappers = "".join(f'<xs:element name="w{n:02}" type="t:Place" minOccurs="0"/>' for n in range(5))
    wrong = "".join(f"<t:abcdefghijkXmnopqX{n:02}z/>" for n in range(50))
    found = told(schema_of(alike + wrappers), f"{wrong}{'<t:town/><t:floor/>' * 2}")
    assert len(found) == 52
    assert len(asked) < 52 * 4  # also whether another is as near, and whether the one guessed is near at all


def test_letters_of_a_message_are_compared_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def nearest(wrong: str, known: Iterable[str]) -> str | None:
        names = list(known)
        compared.append(len(wrong) * len(names))
        return near.nearest(wrong, names)

    monkeypatch.setattr(content, "nearest", nearest)
    alike = "".join(f'<xs:element name="{"abcdefghij" * 5}{n:03}" minOccurs="0"/>' for n in range(60))
    wrong = "".join(f"<t:{'abcdefghij' * 5}X{n:03}/>" for n in range(199))
    assert len(told(schema_of(alike), wrong)) == 199
    assert sum(compared) <= 220_000


def test_unknown_elements_that_nothing_may_be_around_do_not_use_up_what_may_be_tried() -> None:
    unknown = "".join(f"<t:x{number}/>" for number in range(190))
    found = told(schema_of(two(1, 0)), f"<t:name/>{unknown}<t:town/>{SINCE}")
    assert found[-1] == lost("t:town", "“flat”", ONE)
    assert len(found) == 191


def test_everything_wrong_is_told_that_stands_where_one_of_several_is_missing() -> None:
    schema = schema_of(two(0, 0))
    found = told(schema, '<t:name/><t:town/><t:since a="1">soon</t:since><t:floor/>')
    assert found == [
        lost("t:town", "“flat” or “flap”", "2 further elements"),
        ("t:since", "“since” is not a valid date."),
        ("t:since/@a", "The attribute “a” is not provided for at the element “since”."),
    ]


def test_what_several_would_all_lack_is_told() -> None:
    place = PLACE.replace('<xs:element name="floor" minOccurs="0"/>', '<xs:element name="floor"/>')
    schema = schema_of(
        two(0, 0).replace("t:Place", "t:Full"),
        place.replace('"Place"', '"Full"').replace('"Abroad"', '"Else"'),
    )
    body = f'<t:person xmlns:t="urn:t"><t:name/><t:town/>{SINCE}<t:view/></t:person>'.encode()
    (finding,) = schema.find(parse(body), body).shown
    assert finding.hint is not None
    assert finding.hint.en == "In “flat” or “flap”, “floor” is then still missing"


def test_attributes_and_repetitions_that_a_missing_element_needs_are_told() -> None:
    flat = """<xs:element name="flat"><xs:complexType><xs:sequence><xs:element name="town"/>
      <xs:element name="room" minOccurs="2" maxOccurs="3"/></xs:sequence>
      <xs:attribute name="id" use="required"/><xs:attribute name="rent"/></xs:complexType></xs:element>"""
    body = b'<t:person xmlns:t="urn:t"><t:town/><t:room/></t:person>'
    (finding,) = schema_of(flat).find(parse(body), body).shown
    assert finding.hint is not None
    assert finding.hint.en == "In “flat”, “room” is then still missing. “flat” needs the attribute “id”"
    assert finding.hint.de == "In »flat« fehlt dann noch »room«. »flat« braucht das Attribut »id«"


def test_what_cannot_be_judged_where_it_belongs_is_not_hidden() -> None:
    """It is too much to be looked at again, and what is wrong in it is wrong there too."""
    named = """<xs:element name="name" type="t:Name" minOccurs="0"/><xs:element name="flat"><xs:complexType>
      <xs:sequence><xs:element name="name" type="t:Name"/><xs:element name="town"/></xs:sequence>
      </xs:complexType></xs:element>"""
    name = """<xs:complexType name="Name"><xs:sequence><xs:element name="z" type="xs:int"
      maxOccurs="unbounded"/></xs:sequence></xs:complexType>"""
    found = told(schema_of(named, name), f"<t:name>{'<t:z>1</t:z>' * 2001}<t:z>q</t:z></t:name><t:town/>")
    assert found == [
        lost("t:name", "“flat”", ONE),
        ("t:name/t:z[2002]", "“z” is not a whole number."),
    ]


def test_what_the_missing_element_takes_by_a_wildcard_belongs_in_it() -> None:
    flat = """<xs:element name="flat"><xs:complexType><xs:sequence><xs:element name="town"/>
      <xs:any namespace="##other" processContents="skip"/></xs:sequence></xs:complexType></xs:element>"""
    assert told(schema_of(flat), "<t:town/><o:sea/>") == [lost("t:town", "“flat”", ONE)]


def test_elements_that_any_of_many_may_be_around_are_one_finding() -> None:
    places = "".join(f'<xs:element name="p{n}" type="t:Place" minOccurs="0"/>' for n in range(5))
    found = told(schema_of(places), f"<t:town/>{SINCE}")
    assert found == [lost("t:town", "“p0”, “p1”, “p2”, “p3” or “p4”", ONE)]


@pytest.mark.parametrize(
    ("content", "told_of"),
    [
        ("<t:firm><t:address id='1'/></t:firm><t:person/><t:lives>2</t:lives>", ["t:person"]),
        ("<t:firm/><t:person><t:address id='1'/></t:person><t:lives>2</t:lives>", ["t:firm", "t:lives"]),
        ("<t:firm><t:address id='1'/></t:firm><t:lives>2</t:lives>", [""]),
    ],
)
def test_reference_is_excused_by_what_has_the_key_and_is_missing_where_the_key_is_looked_for(
    content: str, told_of: list[str]
) -> None:
    one = """<xs:complexType><xs:sequence><xs:element name="address"><xs:complexType>
      <xs:attribute name="id"/></xs:complexType></xs:element></xs:sequence></xs:complexType>"""
    names = f"""<xs:element name="firm">{one}</xs:element><xs:element name="person">{one}</xs:element>
      <xs:element name="lives" type="xs:string" minOccurs="0"/>"""
    keys = """<xs:key name="k"><xs:selector xpath="t:person/t:address"/><xs:field xpath="@id"/></xs:key>
      <xs:keyref name="r" refer="t:k"><xs:selector xpath="t:lives"/><xs:field xpath="."/></xs:keyref>"""
    assert [path for path, _ in told(schema_of(names, keys=keys), content)] == told_of
