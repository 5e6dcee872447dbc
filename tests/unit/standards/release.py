"""A published release as a publisher of XÖV standards would deliver it, small and made up."""

from pathlib import Path

SHARED = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:publisher:shared:1_0"
  version="1.0"><!-- types only --><xs:complexType name="Code">
   <xs:sequence><xs:element name="code" type="xs:token"/></xs:sequence>
   <xs:attribute name="listURI" type="xs:anyURI"/><xs:attribute name="listVersionID" type="xs:string"/>
 </xs:complexType></xs:schema>"""

MAIN = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:h="urn:publisher:hund:2_3"
  targetNamespace="urn:publisher:hund:2_3" version="2.3" elementFormDefault="qualified">
 <xs:annotation><xs:appinfo><standard><nameLang>XHund - Anmeldung von Hunden</nameLang>
  <nameKurz>XHund</nameKurz><nameTechnisch>XHund</nameTechnisch><kennung>urn:publisher:standard:xhund</kennung></standard>
  <versionStandard><version>2.3</version></versionStandard></xs:appinfo></xs:annotation>
 <xs:include schemaLocation="xhund-bausteine.xsd"/>
 <xs:element name="hund.anmeldung.0101"><xs:annotation>
   <xs:appinfo><title>Anmeldung eines Hundes</title></xs:appinfo></xs:annotation>
  <xs:complexType><xs:complexContent><xs:extension base="h:Nachricht"><xs:sequence>
    <xs:element ref="h:hund"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType></xs:element>
 <xs:element name="hund" type="h:Hund"/>
 <xs:element name="hundefoto" type="xs:base64Binary"/>
</xs:schema>"""

PARTS = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:h="urn:publisher:hund:2_3"
  xmlns:s="urn:publisher:shared:1_0" targetNamespace="urn:publisher:hund:2_3" elementFormDefault="qualified">
 <xs:import namespace="urn:publisher:shared:1_0" schemaLocation="https://publisher.invalid/shared/1_0/shared.xsd"/>
 <xs:complexType name="Nachricht"><xs:sequence>
   <xs:element name="nachrichtenkopf.g2g" form="unqualified"><xs:complexType><xs:sequence>
     <xs:element name="identifikation.nachricht" form="unqualified"><xs:complexType><xs:sequence>
       <xs:element name="nachrichtenUUID" type="xs:token" form="unqualified"/></xs:sequence></xs:complexType>
     </xs:element></xs:sequence></xs:complexType></xs:element></xs:sequence>
   <xs:attribute name="standard" type="xs:string" fixed="XHund" use="required"/>
   <xs:attribute name="version" type="xs:string" fixed="2.3" use="required"/></xs:complexType>
 <xs:complexType name="Hund"><xs:sequence><xs:element name="rasse"><xs:complexType><xs:complexContent>
   <xs:restriction base="s:Code"><xs:sequence><xs:element name="code" type="xs:token" form="unqualified"/>
    </xs:sequence><xs:attribute name="listURI" type="xs:anyURI" fixed="urn:publisher:codeliste:rasse"/>
    <xs:attribute name="listVersionID" type="xs:string" fixed="{list_version}"/></xs:restriction>
   </xs:complexContent></xs:complexType></xs:element></xs:sequence></xs:complexType>
</xs:schema>"""

LIST = """<gc:CodeList xmlns:gc="http://docs.oasis-open.org/codelist/ns/genericode/1.0/"><Identification>
 <ShortName>rasse</ShortName><Version>{version}</Version><CanonicalUri>urn:publisher:codeliste:rasse</CanonicalUri>
 </Identification><ColumnSet><Column Id="code"/><Key Id="k"><ColumnRef Ref="code"/></Key></ColumnSet>
 <SimpleCodeList><Row><Value><SimpleValue>dackel</SimpleValue></Value></Row></SimpleCodeList></gc:CodeList>"""


def message(race: str = "dackel", name: str = "hund.anmeldung.0101", list_version: str = "1") -> str:
    """Write a message of the standard."""
    return (
        f'<h:{name} xmlns:h="urn:publisher:hund:2_3" standard="XHund" version="2.3"><nachrichtenkopf.g2g>'
        "<identifikation.nachricht><nachrichtenUUID>0f6c2b52-5d0e-4c7f-8a53-1f6f1c9b2d70</nachrichtenUUID>"
        "</identifikation.nachricht></nachrichtenkopf.g2g><h:hund>"
        f'<h:rasse listURI="urn:publisher:codeliste:rasse" listVersionID="{list_version}"><code>{race}</code>'
        f"</h:rasse></h:hund></h:{name}>"
    )


def files(*, list_version: str = "1") -> dict[str, str]:
    """Return the files of the release by their paths; its shared types are delivered apart."""
    return {
        "XHund 2.3/xsd/xhund.xsd": MAIN,
        "XHund 2.3/xsd/xhund-bausteine.xsd": PARTS.replace("{list_version}", list_version),
        "XHund 2.3/codelisten/rasse.xml": LIST.replace("{version}", list_version),
        "XHund 2.3/beispiele/dackel.xml": message(list_version=list_version),
        "XHund 2.3/Spezifikation.pdf": "%PDF-",
    }


def shared_files() -> dict[str, str]:
    """Return the release of the shared types."""
    return {"shared.xsd": SHARED}


def write(folder: Path, contents: dict[str, str]) -> Path:
    """Write files below a folder and return it."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return folder
