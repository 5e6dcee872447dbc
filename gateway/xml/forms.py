"""What values look like, in German and English: patterns of the standards here, types of XML Schema."""

_DATE = ("Datum in der Form JJJJ-MM-TT", "date as YYYY-MM-DD")
_MONTH = ("Monat in der Form JJJJ-MM", "month as YYYY-MM")
_YEAR = ("Jahr in der Form JJJJ", "year as YYYY")
_NAME = (
    "Kennung, die mit einem Buchstaben beginnt und keine Leerzeichen enthält",
    "id that starts with a letter and has no spaces",
)
_UUID = "3f0c7a52-5d0e-4c7f-8a53-1f6f1c9b2d70"
PATTERNS = {
    "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}": (
        f"eine UUID wie {_UUID}",
        f"a UUID such as {_UUID}",
    ),
    "[0-9a-f]{64}": (
        "SHA-256 als 64 Hexziffern in Kleinbuchstaben",
        "SHA-256 as 64 lower-case hexadecimal digits",
    ),
    r"[a-z0-9][a-z0-9!#$&\-\^_.+]{0,62}/[a-z0-9][a-z0-9!#$&\-\^_.+]{0,126}": (
        "ein Medientyp in Kleinbuchstaben wie application/pdf",
        "a media type in lower case such as application/pdf",
    ),
    r"99\d{12}": (
        "ein LeiKa-Schlüssel: 14 Ziffern, die mit 99 beginnen, wie 99050012104000",
        "a LeiKa key: 14 digits that start with 99, such as 99050012104000",
    ),
    r"\d{12}": ("zwölf Ziffern (ARS) wie 991010001001", "twelve digits (ARS) such as 991010001001"),
    r"\d{5}": ("fünf Ziffern wie 01234", "five digits such as 01234"),
    "[A-ZÄÖÜ]{1,3}-[A-Z]{1,2} [1-9][0-9]{0,3}[EH]?": (
        "ein Kennzeichen in Großbuchstaben wie MS-AB 123 oder MS-AB 123E",
        "a number plate in capitals such as MS-AB 123 or MS-AB 123E",
    ),
    "[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}": (
        "eine IBAN ohne Leerzeichen wie DE02120300000000202051",
        "an IBAN without spaces such as DE02120300000000202051",
    ),
    r".+(Z|[+\-]\d{2}:\d{2})": (
        "ein Zeitpunkt mit Zeitzone wie 2026-03-02T10:15:27+01:00",
        "a point in time with its zone, such as 2026-03-02T10:15:27+01:00",
    ),
    r".+\.\d{3}(Z|[+\-]\d{2}:\d{2})": (
        "ein Zeitpunkt mit Millisekunden und Zeitzone wie 2026-03-02T10:15:27.482+01:00",
        "a point in time with milliseconds and its zone, such as 2026-03-02T10:15:27.482+01:00",
    ),
    '[^/\\\\:*?"<>|\t\n\r]+': (
        'ein Dateiname ohne Pfad und ohne die Zeichen / \\ : * ? " < > |',
        'a file name without a path and without the characters / \\ : * ? " < > |',
    ),
    "[1-9][0-9]{0,3}( ?[a-zA-Z])?( [1-9]/[1-9])?( ?- ?[1-9][0-9]{0,3}( ?[a-zA-Z])?)?": (
        "eine Hausnummer wie 12, 12a oder 12-14",
        "a house number such as 12, 12a or 12-14",
    ),
    r"[A-Za-z][A-Za-z0-9._\-]{0,31}": (
        "ein Kennzeichen, das mit einem Buchstaben beginnt, höchstens 32 Zeichen, wie A1",
        "an id that starts with a letter, at most 32 characters, such as A1",
    ),
    r"DE\d{9}(-\d{5})?": (
        "eine Wirtschafts-Identifikationsnummer wie DE123456789-00001",
        "a business identification number such as DE123456789-00001",
    ),
    r"\d{4}-\d{2}-\d{2}": _DATE,
    r"\d{4}": _YEAR,
    r"\d{4}-\d{2}": _MONTH,
}
"""By the pattern as the schemas have it; one that is not here is shown as it is."""

DATATYPES = {
    "date": ("kein gültiges Datum", "not a valid date", *_DATE),
    "dateTime": (
        "kein gültiger Zeitpunkt",
        "not a valid point in time",
        "Zeitpunkt in der Form JJJJ-MM-TThh:mm:ss",
        "point in time as YYYY-MM-DDThh:mm:ss",
    ),
    "time": ("keine gültige Uhrzeit", "not a valid time", "Uhrzeit in der Form hh:mm:ss", "time as hh:mm:ss"),
    "gYear": ("kein gültiges Jahr", "not a valid year", *_YEAR),
    "gYearMonth": ("kein gültiger Monat", "not a valid month", *_MONTH),
    "gMonth": ("kein gültiger Monat", "not a valid month", "Monat in der Form --MM", "month as --MM"),
    "gDay": ("kein gültiger Tag", "not a valid day", "Tag in der Form ---TT", "day as ---DD"),
    "gMonthDay": ("kein gültiger Tag", "not a valid day", "Tag in der Form --MM-TT", "day as --MM-DD"),
    "duration": ("keine gültige Dauer", "not a valid duration", "Dauer wie P30D", "duration such as P30D"),
    "boolean": ("kein Wahrheitswert", "not a truth value", "true oder false", "true or false"),
    "decimal": (
        "keine Dezimalzahl",
        "not a decimal number",
        "Dezimalzahl mit Punkt, ohne Tausendertrennung",
        "decimal number with a point, without thousands separators",
    ),
    "float": ("keine Zahl", "not a number", "Zahl mit Punkt wie 1.5", "number with a point such as 1.5"),
    "double": ("keine Zahl", "not a number", "Zahl mit Punkt wie 1.5", "number with a point such as 1.5"),
    "nonNegativeInteger": (
        "keine ganze Zahl ab 0",
        "not a whole number from 0 up",
        "ganze Zahl ab 0",
        "whole number from 0 up",
    ),
    "positiveInteger": (
        "keine ganze Zahl ab 1",
        "not a whole number from 1 up",
        "ganze Zahl ab 1",
        "whole number from 1 up",
    ),
    "negativeInteger": (
        "keine ganze Zahl unter 0",
        "not a whole number below 0",
        "ganze Zahl unter 0",
        "whole number below 0",
    ),
    "nonPositiveInteger": (
        "keine ganze Zahl bis 0",
        "not a whole number up to 0",
        "ganze Zahl bis 0",
        "whole number up to 0",
    ),
    "base64Binary": (
        "kein gültiges Base64",
        "not valid Base64",
        "Base64-kodierte Daten",
        "Base64-encoded data",
    ),
    "hexBinary": (
        "keine gültige Hexadezimalzahl",
        "not a valid hexadecimal number",
        "hexadezimal kodierte Daten",
        "hexadecimal data",
    ),
    "anyURI": (
        "keine gültige URI",
        "not a valid URI",
        "URI wie https://www.beispiel.de oder urn:xoev-de:kosit:codeliste:rolle",
        "URI such as https://www.beispiel.de or urn:xoev-de:kosit:codeliste:rolle",
    ),
    "language": (
        "kein Sprachkürzel",
        "not a language code",
        "Sprachkürzel wie de",
        "language code such as de",
    ),
    "ID": ("keine gültige Kennung", "not a valid id", *_NAME),
    "IDREF": ("keine gültige Kennung", "not a valid id", *_NAME),
    "NCName": ("kein gültiger Name", "not a valid name", *_NAME),
    "Name": ("kein gültiger Name", "not a valid name", *_NAME),
    "NMTOKEN": (
        "kein gültiger Name",
        "not a valid name",
        "Buchstaben, Ziffern, Punkte, Unter- und Bindestriche",
        "letters, digits, points, underscores and hyphens",
    ),
    "QName": (
        "kein gültiger Name",
        "not a valid name",
        "Name mit einem vereinbarten Präfix",
        "name with a declared prefix",
    ),
}
"""By the local name of XML Schema's own type: "is …" in both languages, and what is expected instead."""

WHOLE_NUMBERS = {
    "integer",
    *("byte", "short", "int", "long"),
    *("unsignedByte", "unsignedShort", "unsignedInt", "unsignedLong"),
}
_WHOLE = ("keine ganze Zahl", "not a whole number", "ganze Zahl", "whole number")


def datatype(name: str) -> tuple[str, str, str, str]:
    """Return what a wrong value is not, and what is expected, of one of XML Schema's own types."""
    if name in WHOLE_NUMBERS:
        return _WHOLE
    other = (f"kein gültiger Wert vom Typ xs:{name}", f"not a valid value of type xs:{name}")
    return DATATYPES.get(name, (*other, f"Wert vom Typ xs:{name}", f"value of type xs:{name}"))
