"""What values look like, in German and English: patterns of the standards here, types of XML Schema."""

_DATE = ("Datum in der Form JJJJ-MM-TT", "date as YYYY-MM-DD")
_MONTH = ("Monat in der Form JJJJ-MM", "month as YYYY-MM")
_YEAR = ("Jahr in der Form JJJJ", "year as YYYY")
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
    "date": _DATE,
    "dateTime": ("Zeitpunkt in der Form JJJJ-MM-TThh:mm:ss", "point in time as YYYY-MM-DDThh:mm:ss"),
    "time": ("Uhrzeit in der Form hh:mm:ss", "time as hh:mm:ss"),
    "gYear": _YEAR,
    "gYearMonth": _MONTH,
    "boolean": ("true oder false", "true or false"),
    "decimal": (
        "Dezimalzahl mit Punkt, ohne Tausendertrennung",
        "decimal number with a point, without thousands separators",
    ),
    "integer": ("ganze Zahl", "whole number"),
    "int": ("ganze Zahl", "whole number"),
    "long": ("ganze Zahl", "whole number"),
    "nonNegativeInteger": ("ganze Zahl ab 0", "whole number from 0"),
    "positiveInteger": ("ganze Zahl ab 1", "whole number from 1"),
    "base64Binary": ("Base64-kodierte Daten", "Base64-encoded data"),
    "hexBinary": ("hexadezimal kodierte Daten", "hexadecimal data"),
    "anyURI": ("eine URI", "a URI"),
    "ID": (
        "eine eindeutige Kennung, die mit einem Buchstaben beginnt",
        "a unique id that starts with a letter",
    ),
    "IDREF": ("ein Verweis auf eine Kennung", "a reference to an id"),
    "language": ("ein Sprachkürzel wie de", "a language code such as de"),
    "duration": ("eine Dauer wie P30D", "a duration such as P30D"),
}
