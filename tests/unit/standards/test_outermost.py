"""Which elements of a schema messages begin with."""

import pytest
import xmlschema

from gateway.standards.outermost import outermost

NAMESPACE = "urn:example:plan"
# As in schemas that use GML: a collection of features, which is a feature itself.
FEATURES = """
 <xs:element name="Merkmal" type="xs:anyType" abstract="true"/>
 <xs:element name="mitglied"><xs:complexType><xs:sequence>
  <xs:element ref="p:Merkmal"/></xs:sequence></xs:complexType></xs:element>
 <xs:element name="Auszug" substitutionGroup="p:Merkmal"><xs:complexType><xs:sequence>
  <xs:element ref="p:mitglied" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>
 <xs:element name="Plan" substitutionGroup="p:Merkmal"><xs:complexType><xs:sequence>
  <xs:element name="hoehe" type="p:HoeheProperty"/></xs:sequence></xs:complexType></xs:element>
 <xs:element name="Hoehe"><xs:complexType/></xs:element>
 <xs:complexType name="HoeheProperty"><xs:sequence><xs:element ref="p:Hoehe"/></xs:sequence></xs:complexType>
 <xs:complexType name="AuszugProperty">
  <xs:sequence><xs:element ref="p:Auszug"/></xs:sequence></xs:complexType>
"""


@pytest.mark.parametrize(
    ("declarations", "names", "found"),
    [
        (FEATURES, ["mitglied", "Auszug", "Plan", "Hoehe"], ["Auszug", "mitglied"]),
        (FEATURES, ["Auszug", "Plan", "Hoehe"], ["Auszug"]),
        (FEATURES, ["Plan", "Hoehe"], ["Plan"]),
        # What only a type of no message holds is a message.
        ('<xs:element name="a"/><xs:complexType name="T"><xs:sequence><xs:element ref="p:a"/></xs:sequence>'
         "</xs:complexType>", ["a"], ["a"]),
        # Two that may stand in each other, and one in both.
        ('<xs:element name="a"><xs:complexType><xs:choice><xs:element ref="p:b"/><xs:element ref="p:c"/>'
         '</xs:choice></xs:complexType></xs:element><xs:element name="b"><xs:complexType><xs:choice>'
         '<xs:element ref="p:a"/></xs:choice></xs:complexType></xs:element><xs:element name="c"/>',
         ["a", "b", "c"], ["a", "b"]),
        # `b` stands in what `xsi:type` may make of `kern`, two steps on; `c` in what nothing is.
        ('<xs:complexType name="Kern"/><xs:element name="a"><xs:complexType><xs:sequence>'
         '<xs:element name="kern" type="p:Kern"/></xs:sequence></xs:complexType></xs:element>'
         '<xs:complexType name="Mehr"><xs:complexContent><xs:extension base="p:Kern"/></xs:complexContent>'
         '</xs:complexType><xs:complexType name="Meist"><xs:complexContent><xs:extension base="p:Mehr">'
         '<xs:sequence><xs:element ref="p:b"/></xs:sequence></xs:extension></xs:complexContent>'
         '</xs:complexType><xs:element name="b"/><xs:complexType name="T"><xs:complexContent>'
         '<xs:restriction base="xs:anyType"><xs:sequence><xs:element ref="p:c"/></xs:sequence>'
         '</xs:restriction></xs:complexContent></xs:complexType><xs:element name="c"/>',
         ["a", "b", "c"], ["a", "c"]),
        # Where `xsi:type` may not make anything of it, nor of what comes of it in another way.
        ('<xs:complexType name="Kern"/><xs:element name="a" type="p:Kern" block="extension"/>'
         '<xs:complexType name="Mehr"><xs:complexContent><xs:extension base="p:Kern"><xs:sequence>'
         '<xs:element ref="p:b"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>'
         '<xs:element name="b"/>', ["a", "b"], ["a", "b"]),
        # Whatever a wildcard takes is not meant by it.
        ('<xs:element name="a"><xs:complexType><xs:sequence><xs:any/></xs:sequence></xs:complexType>'
         '</xs:element>'
         '<xs:element name="b" type="xs:string"/>', ["a", "b"], ["a", "b"]),
    ],
)  # fmt: skip
def test_outermost_elements_stand_in_no_other(declarations: str, names: list[str], found: list[str]) -> None:
    schema = xmlschema.XMLSchema(
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:p="{NAMESPACE}" '
        f'targetNamespace="{NAMESPACE}" elementFormDefault="qualified">{declarations}</xs:schema>'
    )
    outer = outermost(schema.maps, [f"{{{NAMESPACE}}}{name}" for name in names])
    assert sorted(name.partition("}")[2] for name in outer) == found


def test_depth_of_a_schema_is_no_matter() -> None:
    """The search is no recursion, which a schema could drive beyond Python's limit."""
    count = 3000
    chain = "".join(
        f'<xs:element name="e{number}"><xs:complexType><xs:sequence><xs:element ref="p:e{number + 1}"/>'
        "</xs:sequence></xs:complexType></xs:element>"
        for number in range(count)
    )
    schema = xmlschema.XMLSchema(
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:p="{NAMESPACE}" '
        f'targetNamespace="{NAMESPACE}">{chain}<xs:element name="e{count}"/></xs:schema>'
    )
    names = [f"{{{NAMESPACE}}}e{number}" for number in range(count + 1)]
    assert outermost(schema.maps, names) == {f"{{{NAMESPACE}}}e0"}
