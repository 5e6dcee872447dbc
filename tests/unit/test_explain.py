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
