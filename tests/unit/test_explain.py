"""What becomes of many faults with one cause, and of what stands in elements of a wrong name."""

import pytest

from gateway.contract.codes import RejectCode
from gateway.contract.findings import Finding
from gateway.xml.parse import parse
from gateway.xml.validate import Documents, Schema

XSD = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t"
  targetNamespace="urn:t" elementFormDefault="qualified">
<xs:element name="message"><xs:complexType><xs:sequence>
  <xs:element name="subject" type="xs:string"/>
  <xs:element name="person" type="t:Person" maxOccurs="unbounded"/>
</xs:sequence></xs:complexType></xs:element>
<xs:complexType name="Person"><xs:sequence>
  <xs:element name="name" type="xs:string"/>
  <xs:element name="born" type="xs:date" minOccurs="0"/>
  <xs:element name="flat" type="t:Place" minOccurs="0"/>
  <xs:element name="flap" type="t:Place" minOccurs="0"/>
</xs:sequence></xs:complexType>
<xs:complexType name="Place"><xs:sequence>
  <xs:element name="town" type="xs:string"/>
  <xs:element name="since" type="xs:date" minOccurs="0"/>
</xs:sequence></xs:complexType>
</xs:schema>"""


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema(Documents("t.xsd", {"t.xsd": XSD}), {})


def refuse(schema: Schema, content: str) -> tuple[Finding, ...]:
    body = f'<t:message xmlns:t="urn:t" xmlns:o="urn:o">{content}</t:message>'.encode()
    found = schema.find(parse(body), body)
    assert found.errors == {RejectCode.SCHEMA}
    assert found.more == 0
    return found.shown


def test_elements_of_one_wrong_namespace_are_one_finding_however_many_they_are(schema: Schema) -> None:
    (finding,) = refuse(schema, f"<t:subject/>{'<o:person><t:name/></o:person>' * 300}")
    assert finding.path == "/t:message/o:person[1]"
    assert "ebenso 299 weitere Elemente" in finding.message.de
    assert "so do 299 further elements" in finding.message.en


def test_elements_of_different_wrong_namespaces_are_a_finding_each(schema: Schema) -> None:
    found = refuse(schema, "<subject/><o:person><t:name/></o:person>")
    assert [each.path for each in found] == ["/t:message/subject", "/t:message/o:person"]


def test_content_is_judged_under_the_names_that_were_meant_when_they_are_clear(schema: Schema) -> None:
    person = "<t:persom><t:name/><t:Born>soon</t:Born><o:flat><t:since>x</t:since></o:flat></t:persom>"
    found = refuse(schema, f"<t:subject/>{person}")
    assert [(each.path.removeprefix("/t:message/t:persom"), each.message.en) for each in found] == [
        ("", "The element “persom” is not provided for in the element “message”."),
        ("/t:Born", "The element “Born” is really called “born”: upper and lower case matter."),
        ("/t:Born", "“Born” is not a valid date."),
        ("/o:flat", "The element “flat” stands in the namespace urn:o; it belongs in the namespace urn:t."),
        ("/o:flat", "In the element “flat”, “town” is missing."),
        ("/o:flat/t:since", "“since” is not a valid date."),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "<t:subject/><t:person><t:name/><t:fla><t:since>x</t:since></t:fla></t:person>",  # flat or flap
        "<t:subject/><t:x><t:y>x</t:y></t:x>",  # in the place of a person, but has nothing of one
        "<t:subject/><t:person><t:name/><t:borm><t:day>x</t:day></t:borm></t:person>",  # a date has none
    ],
)
def test_content_is_left_alone_when_it_is_not_clear_what_was_meant(schema: Schema, content: str) -> None:
    (finding,) = refuse(schema, content)
    assert "not provided for" in finding.message.en


def test_as_much_is_judged_as_the_second_engine_may_be_shown(schema: Schema) -> None:
    def judged(count: int) -> set[str]:
        persons = "<o:person><t:name/><t:born/></o:person>" * count
        return {each.message.en for each in refuse(schema, f"<t:subject/>{persons}")[1:]}

    assert judged(100) == {"“born” is empty."}
    body = f"<t:subject/><o:person>{'<t:born/>' * 3000}</o:person>"
    (finding,) = refuse(schema, body)
    assert finding.path == "/t:message/o:person"


@pytest.mark.parametrize("wrong", ["<t:born>{}</t:born>", '<t:born a="{}">x</t:born>', "<t:name>{}</t:name>"])
def test_long_values_are_kept_from_the_second_engine(schema: Schema, wrong: str) -> None:
    content = wrong.format("9" * 20_000)
    (finding,) = refuse(schema, f"<t:subject/><o:person><t:name/>{content}</o:person>")[:1]
    assert finding.path == "/t:message/o:person"
    assert "999" not in str(refuse(schema, f"<t:subject/><o:person><t:name/>{content}</o:person>"))


def test_type_that_a_misnamed_element_states_is_its_own(schema: Schema) -> None:
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="t:Place"'
    found = refuse(schema, f"<t:subject/><t:person><t:name/><o:flat {xsi}><t:since/></o:flat></t:person>")
    assert [each.message.en for each in found][1:] == [
        "In the element “flat”, “town” is missing.",
        "“since” is empty.",
    ]


def test_element_is_left_where_it_is_when_two_near_by_lack_it(schema: Schema) -> None:
    person = "<t:person><t:name/><t:flat/><t:flap/><t:town/></t:person>"
    found = refuse(schema, f"<t:subject/>{person}")
    assert [(each.path.rpartition("/")[2], each.message.en) for each in found] == [
        ("t:flat", "In the element “flat”, “town” is missing."),
        ("t:flap", "In the element “flap”, “town” is missing."),
        ("t:town", "The element “town” is not provided for in the element “person”."),
    ]


def test_missing_element_around_others_is_one_finding_with_all_that_it_may_be(schema: Schema) -> None:
    person = "<t:person><t:name/><t:town/><t:since>2020-01-01</t:since></t:person>"
    (finding,) = refuse(schema, f"<t:subject/>{person}")
    assert finding.path == "/t:message/t:person/t:town"
    assert finding.message.en == (
        "“town” and one further element stand directly in the element “person”; the element “flat” or “flap” "
        "that they belong in is missing."
    )


def test_elements_without_the_one_around_them_are_a_finding_for_each_that_is_missing(schema: Schema) -> None:
    person = "<t:person><t:name/><t:town/><t:since>2020-01-01</t:since></t:person>"
    found = refuse(schema, f"<t:subject/>{person * 2}")
    assert [each.path for each in found] == [
        "/t:message/t:person[1]/t:town",
        "/t:message/t:person[2]/t:town",
    ]


def test_content_of_elements_is_judged_where_the_one_around_them_is_missing(schema: Schema) -> None:
    found = refuse(schema, "<t:subject/><t:born>soon</t:born><t:flat><t:since>2020-01-01</t:since></t:flat>")
    assert [(each.path.removeprefix("/t:message"), each.message.en) for each in found] == [
        (
            "/t:born",
            "“born” and one further element stand directly in the element “message”; the element “person” "
            "that they belong in is missing.",
        ),
        ("/t:born", "“born” is not a valid date."),
        ("/t:flat", "In the element “flat”, “town” is missing."),
    ]
    assert found[0].hint is not None
    assert found[0].hint.en == "In “person”, “name” is then still missing"


def test_namesake_is_judged_by_where_it_belongs_when_the_one_around_it_is_missing() -> None:
    named = XSD.replace(
        b'<xs:element name="person"',
        b'<xs:element name="flat" type="t:Flat" minOccurs="0"/><xs:element name="person"',
    ).replace(
        b"</xs:schema>",
        b"""<xs:complexType name="Flat"><xs:sequence>
        <xs:element name="rent" type="xs:string"/><xs:element name="person" type="xs:date"/>
        </xs:sequence></xs:complexType></xs:schema>""",
    )
    schema = Schema(Documents("t.xsd", {"t.xsd": named}), {})
    person = "<t:person><t:name/></t:person>"
    found = refuse(schema, f"<t:subject/><t:rent/><t:person>2020-01-01</t:person>{person}")
    assert [(each.path.removeprefix("/t:message"), each.message.en) for each in found] == [
        (
            "/t:rent",
            "“rent” and one further element stand directly in the element “message”; the element “flat” that "
            "they belong in is missing.",
        )
    ]
    _, wrong = refuse(schema, f"<t:subject/><t:rent/><t:person>2020</t:person>{person}")
    assert wrong.message.en == "“person” is not a valid date."


def test_element_that_one_beside_it_may_have_as_well_is_not_said_to_lack_another(schema: Schema) -> None:
    person = "<t:person><t:name/><t:flat><t:town/></t:flat><t:town/></t:person>"
    (finding,) = refuse(schema, f"<t:subject/>{person}")
    assert finding.message.en == "The element “town” is not provided for in the element “person”."


def test_each_lack_is_filled_once_when_an_element_is_there_twice_in_the_wrong_parent(schema: Schema) -> None:
    person = "<t:person><t:name/><t:flat/><t:town/><t:town/></t:person>"
    found = refuse(schema, f"<t:subject/>{person}")
    assert [(each.path.rpartition("/")[2], each.message.en) for each in found] == [
        ("t:town[1]", "“town” stands in the element “person”, but belongs in “flat”."),
        ("t:town[2]", "The element “town” is not provided for in the element “person”."),
    ]


def test_what_is_missing_besides_is_still_told_when_an_element_has_the_wrong_parent(schema: Schema) -> None:
    person = "<t:person><t:flat><t:name/></t:flat></t:person>"
    found = refuse(schema, f"<t:subject/>{person}")
    assert [
        (each.path.rpartition("/")[2], each.message.en, each.hint and each.hint.en) for each in found
    ] == [
        (
            "t:flat",
            "In the element “flat”, “town” is missing.",
            "“town” belongs at the beginning",
        ),
        (
            "t:name",
            "“name” stands in the element “flat”, but belongs in “person”.",
            "“name” belongs at the beginning",
        ),
    ]


def test_lack_far_away_has_nothing_to_do_with_an_unexpected_element(schema: Schema) -> None:
    persons = "<t:person><t:name/><t:flat/></t:person><t:person><t:name/><t:town/></t:person>"
    found = refuse(schema, f"<t:subject/>{persons}")
    assert [each.message.en for each in found] == [
        "In the element “flat”, “town” is missing.",
        "The element “town” is not provided for in the element “person”.",
    ]


def test_text_does_not_hide_what_is_missing_beside_other_elements(schema: Schema) -> None:
    person = "<t:person><t:name/><t:flat>text<t:since>2020-01-01</t:since></t:flat></t:person>"
    found = refuse(schema, f"<t:subject/>{person}")
    assert {each.message.en for each in found} == {
        "The element “flat” must not contain text, only child elements.",
        "In the element “flat”, “town” is missing.",
    }


def test_what_a_choice_no_longer_allows_is_not_offered() -> None:
    either = """<xs:element name="subject"/><xs:choice><xs:element name="left"/><xs:element name="right"/>
      </xs:choice><xs:element name="end" minOccurs="0"/>"""
    (finding,) = refuse(schema_of(either), "<t:subject/><t:left/><t:x/>")
    assert finding.hint is not None
    assert finding.hint.en == "Possible: end"
    (finding,) = refuse(schema_of(either), "<t:subject/><t:x/>")
    assert finding.hint is not None
    assert finding.hint.en == "Possible: left, right, end"


def test_other_letter_is_no_other_case() -> None:
    (finding,) = refuse(schema_of('<xs:element name="strasse"/>'), "<t:straße/>")
    assert "not provided for" in finding.message.en
    assert finding.hint is not None
    assert "strasse" in finding.hint.en


def test_element_that_stands_beside_the_one_of_its_name_where_it_belongs_is_one_fault() -> None:
    name = """<xs:element name="name"><xs:complexType><xs:sequence>
      <xs:element name="name"/></xs:sequence></xs:complexType></xs:element>"""
    (finding,) = refuse(schema_of(name), "<t:name/><t:name>x</t:name>")
    assert finding.path == "/t:message/t:name[2]"
    assert finding.message.en == "“name” stands in the element “message”, but belongs in “name”."


def test_reference_to_what_stands_in_an_unknown_element_leads_somewhere() -> None:
    parts = """<xs:element name="part" maxOccurs="9"><xs:complexType><xs:attribute name="id"/>
      </xs:complexType></xs:element><xs:element name="of" type="xs:string" maxOccurs="9"/>"""
    keys = """<xs:key name="k"><xs:selector xpath="t:part"/><xs:field xpath="@id"/></xs:key>
      <xs:keyref name="r" refer="t:k"><xs:selector xpath="t:of"/><xs:field xpath="."/></xs:keyref>"""
    content = '<t:part id="1"/><t:x><t:part id="2"/></t:x><t:of>2</t:of>'
    (finding,) = refuse(schema_of(parts, keys), content)
    assert finding.path == "/t:message/t:x"
    found = refuse(schema_of(parts, keys), f"{content}<t:of>3</t:of>")
    assert [each.path for each in found] == ["/t:message/t:x", "/t:message/t:of[2]"]


def schema_of(content: str, constraint: str = "") -> Schema:
    text = f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t"
      elementFormDefault="qualified"><xs:element name="message"><xs:complexType><xs:sequence>{content}
      </xs:sequence></xs:complexType>{constraint}</xs:element></xs:schema>"""
    return Schema(Documents("t.xsd", {"t.xsd": text.encode()}), {})


@pytest.mark.parametrize(
    ("numbers", "doubled"),
    [
        ("1,1 2 3", ["t:person[1]/t:doc[2]/@no"]),  # both in one that may be there
        ("1 1 3", ["t:person[2]/t:doc/@no"]),
        ("1 2 1", []),
    ],
)
def test_what_is_twice_because_of_one_element_too_many_is_its_fault(numbers: str, doubled: list[str]) -> None:
    person = """<xs:element name="person" maxOccurs="2"><xs:complexType><xs:sequence>
      <xs:element name="doc" maxOccurs="9"><xs:complexType><xs:attribute name="no"/></xs:complexType>
      </xs:element></xs:sequence></xs:complexType></xs:element>"""
    key = '<xs:unique name="u"><xs:selector xpath="t:person/t:doc"/><xs:field xpath="@no"/></xs:unique>'
    documents = [[f'<t:doc no="{number}"/>' for number in each.split(",")] for each in numbers.split()]
    persons = "".join(f"<t:person>{''.join(each)}</t:person>" for each in documents)
    found = [each.path.removeprefix("/t:message/") for each in refuse(schema_of(person, key), persons)]
    assert found == [*doubled, "t:person[3]"]


@pytest.mark.parametrize(
    ("references", "dangling"), [("1 1", []), ("1 2", ["t:owner[1]", "t:owner[2]"]), ("", [])]
)
def test_reference_to_the_element_that_is_missing_is_no_fault_of_its_own(
    references: str, dangling: list[str]
) -> None:
    """Of references to different ones, only one of which is missing, nobody knows which is right."""
    content = """<xs:element name="person"><xs:complexType><xs:attribute name="id"/></xs:complexType>
      </xs:element><xs:element name="owner" type="xs:string" minOccurs="0" maxOccurs="9"/>"""
    keys = """<xs:key name="k"><xs:selector xpath="t:person"/><xs:field xpath="@id"/></xs:key>
      <xs:keyref name="r" refer="t:k"><xs:selector xpath="t:owner"/><xs:field xpath="."/></xs:keyref>"""
    owners = "".join(f"<t:owner>{each}</t:owner>" for each in references.split())
    found = [each.path.removeprefix("/t:message") for each in refuse(schema_of(content, keys), owners)]
    assert found == ["", *(f"/{each}" for each in dangling)]


def test_everything_wrong_is_told_of_elements_that_are_too_many_unless_only_one_is_wrong(
    schema: Schema,
) -> None:
    """It is the one to take out then; of two that are wrong, either may stay."""

    def told(*dates: str) -> list[tuple[str, str]]:
        born = "".join(f"<t:born>{date}</t:born>" for date in dates)
        found = refuse(schema, f"<t:subject/><t:person><t:name/>{born}</t:person>")
        return [(each.path.rpartition("/")[2], each.message.en) for each in found]

    twice = "“born” occurs twice in the element “person”; it is allowed at most once."
    invalid = "“born” is not a valid date."
    assert told("1970-01-01", "1970-01-01") == [("t:born[2]", twice)]
    assert told("soon", "1970-01-01") == [("t:born[1]", twice)]
    assert told("soon", "later") == [("t:born[1]", invalid), ("t:born[2]", invalid), ("t:born[2]", twice)]


def test_element_that_is_lacked_elsewhere_is_told_of_within_one_too_many() -> None:
    schema = schema_of("""<xs:element name="flat" minOccurs="0"><xs:complexType><xs:sequence>
      <xs:element name="town"/></xs:sequence></xs:complexType></xs:element>
      <xs:element name="mid"/><xs:element name="name"/>""")
    flats = "<t:flat><t:town/><t:name/></t:flat><t:flat><t:town/></t:flat>"
    assert [each.message.en for each in refuse(schema, f"{flats}<t:mid/>")] == [
        "“name” stands in the element “flat”, but belongs in “message”.",
        "“flat” occurs twice in the element “message”; it is allowed at most once.",
    ]


def test_value_is_told_of_an_element_too_many_when_nobody_has_looked_at_the_other() -> None:
    schema = schema_of("""<xs:element name="z" maxOccurs="unbounded"/>
      <xs:element name="d" type="xs:date"/>""")
    found = refuse(schema, f"{'<t:z/>' * 11_000}<t:d>q</t:d><t:d>r</t:d>")
    assert [each.message.en for each in found] == [
        "“d” is not a valid date.",
        "“d” occurs twice in the element “message”; it is allowed at most once.",
    ]


def test_element_of_another_name_is_told_of_before_what_is_wrong_in_it() -> None:
    schema = schema_of("""<xs:element name="nr" type="xs:int"/><xs:element name="code" type="xs:date"/>""")
    first, second = refuse(schema, "<t:nr>1</t:nr><t:nr>soon</t:nr>")
    assert (first.path, second.path) == ("/t:message/t:nr[2]", "/t:message/t:nr[2]")
    assert "occurs twice" in first.message.en
    assert second.message.en == "“nr” is not a valid date."


def test_element_cannot_be_judged_as_one_that_stands_for_others() -> None:
    text = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t"
      elementFormDefault="qualified"><xs:element name="message"><xs:complexType><xs:sequence>
      <xs:element name="x"/><xs:element ref="t:head"/><xs:element name="y"/></xs:sequence></xs:complexType>
      </xs:element><xs:element name="head" abstract="true"/></xs:schema>"""
    schema = Schema(Documents("t.xsd", {"t.xsd": text.encode()}), {})
    (finding,) = refuse(schema, "<t:x/><t:x/><t:y/>")
    assert "occurs twice" in finding.message.en


def test_what_belongs_elsewhere_is_not_told_within_an_element_of_another_name() -> None:
    place = """<xs:complexType><xs:sequence><xs:element name="town"/><xs:element name="since"/></xs:sequence>
      </xs:complexType>"""
    schema = schema_of(f"""<xs:element name="subject">{place}</xs:element><xs:element name="person">
      <xs:complexType><xs:sequence><xs:element name="name" minOccurs="0"/>
      <xs:element name="flat" minOccurs="0">{place}</xs:element></xs:sequence></xs:complexType>
      </xs:element>""")
    (finding,) = refuse(schema, "<t:person><t:town/><t:since/></t:person><t:person/>")
    assert finding.hint is not None
    assert finding.hint.en == "Expected here is “subject”"


def test_what_stands_in_an_element_of_another_name_is_judged_as_what_is_missing(schema: Schema) -> None:
    found = refuse(schema, "<t:person><t:name/></t:person><t:person/>")
    assert [each.message.en for each in found] == [
        "In the element “message”, “subject” is missing.",
        "In the element “person”, “name” is missing.",
    ]
    swapped = "<t:subject/><t:person><t:born>1970-01-01</t:born><t:born>soon</t:born></t:person>"
    found = refuse(schema, swapped)
    assert [(each.path.rpartition("/")[2], each.hint and each.hint.en) for each in found] == [
        ("t:born[1]", "Expected here is “name”"),
        ("t:born[2]", "Expected: date as YYYY-MM-DD"),
    ]


def test_faults_are_counted_one_by_one_up_to_as_many_as_are_looked_at(schema: Schema) -> None:
    """Of what comes behind them one is counted for each element that is wrong."""

    def count(persons: int) -> int:
        person = f"<t:person><t:name/>{'<o:other/>' * 20}</t:person>"
        body = (
            f'<t:message xmlns:t="urn:t" xmlns:o="urn:o"><t:subject/>{person * persons}</t:message>'.encode()
        )
        found = schema.find(parse(body), body)
        assert {each.path.split("/")[2] for each in found.shown} == {f"t:person[{n}]" for n in range(1, 11)}
        return len(found.shown) + found.more

    assert count(100) == 2000
    assert count(150) == 2050


def test_any_element_that_is_missing_has_no_name() -> None:
    wildcard = '<xs:any namespace="##other" processContents="lax" minOccurs="2" maxOccurs="2"/>'
    (finding,) = refuse(schema_of(f'<xs:element name="subject"/>{wildcard}'), "<t:subject/><o:x/>")
    assert finding.message.en == "In the element “message”, another element is missing."
    assert finding.hint is None


def test_what_an_element_lacks_is_told_when_xsi_nil_is_false(schema: Schema) -> None:
    nil = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="false"'
    found = refuse(schema, f"<t:subject/><t:person><t:name/><t:flat {nil}/></t:person>")
    assert [each.message.en for each in found] == [
        "The element “flat” must not have an attribute xsi:nil, not even as “false”.",
        "In the element “flat”, “town” is missing.",
    ]
    found = refuse(schema, f"<t:subject/><t:person><t:name/><t:born {nil}>soon</t:born></t:person>")
    assert found[1].message.en == "“born” is not a valid date."


@pytest.mark.parametrize(
    ("stated", "words"),
    [("x:Place", "prefix"), ("xml:Place", "unknown"), ("t:y:z", "unknown"), ("Place", "unknown")],
)
def test_prefix_of_a_type_is_said_not_to_be_declared_only_where_it_is_not(
    schema: Schema, stated: str, words: str
) -> None:
    xsi = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="{stated}"'
    content = f"<t:subject/><t:person><t:name/><t:flat {xsi}><t:town/></t:flat></t:person>"
    (finding,) = refuse(schema, content)
    assert words in finding.message.en


DEMANDING = """<xs:element name="one"/><xs:element name="may" minOccurs="0"/>
  <xs:element name="two" minOccurs="2" maxOccurs="3"/>
  <xs:choice><xs:element name="left"/><xs:element name="right"/></xs:choice>
  <xs:sequence minOccurs="0"><xs:element name="with"><xs:complexType>
  <xs:attribute name="must" use="required"/><xs:attribute name="may"/></xs:complexType></xs:element>
  </xs:sequence>"""


@pytest.mark.parametrize(
    ("twos", "path", "attribute", "demanded"),
    [
        (2, "t:one", None, True),
        (2, "t:may", None, False),
        (2, "t:two", None, True),
        (3, "t:two", None, False),
        (2, "t:left", None, True),
        (2, "t:with", None, False),
        (2, "t:with", "must", True),
        (2, "t:with", "may", False),
        (2, ".", None, True),
    ],
)
def test_schema_knows_what_cannot_be_left_out(
    twos: int, path: str, attribute: str | None, *, demanded: bool
) -> None:
    content = f"<t:one/><t:may/>{'<t:two/>' * twos}<t:left/><t:with must='1' may='1'/>"
    root = parse(f'<t:message xmlns:t="urn:t">{content}</t:message>'.encode())
    element = root.find(path, {"t": "urn:t"})
    assert element is not None
    assert schema_of(DEMANDING).demands(element, attribute) is demanded


def test_form_of_a_list_is_that_of_its_entries_also_in_lists_of_xml_schema_itself() -> None:
    words = XSD.replace(b'"subject" type="xs:string"', b'"subject" type="xs:NMTOKENS"')
    schema = Schema(Documents("t.xsd", {"t.xsd": words}), {})
    (finding,) = refuse(schema, "<t:subject><t:word/></t:subject><t:person><t:name/></t:person>")
    assert finding.hint is not None
    assert finding.hint.en == "Expected: letters, digits, points, underscores and hyphens"


def test_allowed_values_that_are_long_are_not_all_shown() -> None:
    """A Rückweisung has 2,000 characters for a finding, in both languages."""
    address = "urn:example:a-code-that-is-written-as-an-address:"
    values = "".join(f'<xs:enumeration value="{address}{number:02}"/>' for number in range(15))
    kind = f'<xs:simpleType><xs:restriction base="xs:string">{values}</xs:restriction></xs:simpleType>'
    (finding,) = refuse(schema_of(f'<xs:element name="kind">{kind}</xs:element>'), "<t:kind>x</t:kind>")
    assert finding.hint
    assert f"{address}08 und 6 weitere" in finding.hint.de
    assert f"{address}08 and 6 others" in finding.hint.en
