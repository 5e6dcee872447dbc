"""Made-up releases of any size, as a publisher of XÖV standards delivers them."""

from pathlib import Path

_XS = "http://www.w3.org/2001/XMLSchema"
_FIELDS = 12
"""Elements of each type."""
_TYPES_PER_MESSAGE = 4


def namespace(number: int) -> str:
    """Return the namespace of one of them."""
    return f"urn:publisher:vorhaben{number}:1_0"


def write_release(folder: Path, *, number: int = 0, messages: int) -> Path:
    """Write the files of a release with so many message types and return its folder."""
    (folder / "xsd").mkdir(parents=True)
    for message in range(messages):
        (folder / "xsd" / f"nachricht-{message:04}.xsd").write_text(_messages_file(number, message), "utf-8")
    included = "".join(f'<xs:include schemaLocation="nachricht-{each:04}.xsd"/>' for each in range(messages))
    (folder / "xsd" / "vorhaben.xsd").write_text(_schema(number, _stated(number) + included), "utf-8")
    return folder


def _messages_file(number: int, message: int) -> str:
    types = "".join(_type(f"T{message:04}.{each}") for each in range(_TYPES_PER_MESSAGE))
    parts = "".join(
        f'<xs:element name="teil{each}" type="v:T{message:04}.{each}" minOccurs="0" maxOccurs="unbounded"/>'
        for each in range(_TYPES_PER_MESSAGE)
    )
    element = (
        f'<xs:element name="vorhaben.nachricht.{message:04}"><xs:complexType><xs:sequence>{parts}'
        "</xs:sequence></xs:complexType></xs:element>"
    )
    return _schema(number, types + element)


def _type(name: str) -> str:
    fields = "".join(
        f'<xs:element name="feld{each}" minOccurs="0"><xs:annotation><xs:documentation>Feld {each} des '
        "Vorhabens</xs:documentation></xs:annotation><xs:simpleType><xs:restriction base='xs:token'>"
        f"<xs:maxLength value='{50 + each}'/></xs:restriction></xs:simpleType></xs:element>"
        for each in range(_FIELDS)
    )
    return f'<xs:complexType name="{name}"><xs:sequence>{fields}</xs:sequence></xs:complexType>'


def _stated(number: int) -> str:
    return (
        f"<xs:annotation><xs:appinfo><standard><nameKurz>Vorhaben{number}</nameKurz></standard>"
        "<versionStandard><version>1.0</version></versionStandard></xs:appinfo></xs:annotation>"
    )


def _schema(number: int, content: str) -> str:
    names = f'xmlns:xs="{_XS}" xmlns:v="{namespace(number)}" targetNamespace="{namespace(number)}"'
    return f'<xs:schema {names} elementFormDefault="qualified">{content}</xs:schema>'
