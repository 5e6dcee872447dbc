"""Values that programs stumble over: by data type, by character, and canaries that no answer may repeat."""

import re

from hypothesis import strategies as st

CANARY = "Quastenberg"
"""A name that stands in no schema: where an answer or a log has it, it repeats a value of the message."""
NUMBER_CANARY = "7130917"
_SIZES = re.compile(r"\d+ (?:B|Byte|bytes)\b")


def without_sizes(text: str) -> str:
    """Leave out the sizes of attachments, which findings do say (docs/decisions/0016)."""
    return _SIZES.sub("", text)


_MOMENTS = (
    "T24:00:00", "T24:00:01", "T23:59:60", "T00:00:00.0000000000000000000000001", "T12:00", "t00:00:00z",
    "T00:00:00Z", "T00:00:00+14:00", "T00:00:00-14:01", "T00:00:00+00:60", "T25:00:00", "T00:00:00 Z",
)  # fmt: skip
_DATES = (
    "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2023-13-01", "2023-00-10", "2023-04-31",
    "0000-01-01",
    "-0001-01-01", "0001-01-01", "10000-01-01", "02023-01-01", "99999999999999999999-01-01", "-2023-01-01",
    "2023-1-1", "2023-01-01Z", "2023-01-01+14:00", "2023-01-01+14:01", "2023-01-01+1:00", "20230101",
    "12.03.2024",
    "+2023-01-01", "2023-01-01T00:00:00", "٢٠٢٣-٠١-٠١", " 2023-01-01 ", "2023-01-01-00:00",
)  # fmt: skip
_WHOLE = (
    "0", "-0", "+0", "00", "+1", "1.0", "1.", ".5", "-", "+", "", " 1 ", "1 2", "1e3", "0x1", "१२", "1_000",
    "127", "128", "-128", "-129", "255", "256", "32767", "32768", "65535", "65536", "2147483647",
    "2147483648",
    "-2147483648", "-2147483649", "4294967295", "4294967296", "9223372036854775807", "9223372036854775808",
    "18446744073709551615", "18446744073709551616", "-1", "9" * 24, "9" * 25, "9" * 400, "-" + "9" * 60,
    "1" + NUMBER_CANARY, NUMBER_CANARY * 3, "NaN", "INF", "1\u00a0000", "0" * 100 + "1",
)  # fmt: skip
_DECIMAL = (
    *_WHOLE,
    "0." + "0" * 30 + "1",
    "1." + "0" * 60,
    NUMBER_CANARY + ".5",
    "1,5",
    "-.0",
    "+.1",
    "1.5.5",
)
_FLOATS = (
    *_DECIMAL,
    "INF",
    "-INF",
    "+INF",
    "NaN",
    "nan",
    "inf",
    "1E400",
    "1e-400",
    "1e",
    "e1",
    "1.5e+3",
    "0x1p3",
    "Infinity",
)
_TEXTS = (
    "",
    " ",
    "\t",
    "a\tb",
    "a\nb",
    "a  b",
    " a ",
    "\n",
    "a\r",
    CANARY + "!",
    CANARY + "?",
    "\u00a0",
    "\u2028",
)
_NAMES = (
    *_TEXTS,
    "a",
    "a:b",
    ":a",
    "a:",
    "1a",
    "-a",
    ".a",
    "ä",
    "·a",
    "a·",
    "\U00010000",
    "xml",
    "a b",
    "_",
    "a\u0300",
    "x:y:z",
)

SPECIAL: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("string", "normalizedString", "token"), _TEXTS),
    **dict.fromkeys(("Name", "NCName", "NMTOKEN", "QName", "ID", "IDREF", "ENTITY"), _NAMES),
    **dict.fromkeys(("integer", "int", "byte", "short", "long", "positiveInteger", "negativeInteger"),
    _WHOLE),
    **dict.fromkeys(("nonNegativeInteger", "nonPositiveInteger"), _WHOLE),
    **dict.fromkeys(("unsignedByte", "unsignedShort", "unsignedInt", "unsignedLong"), _WHOLE),
    "decimal": _DECIMAL,
    **dict.fromkeys(("float", "double"), _FLOATS),
    "date": _DATES,
    "dateTime": (*(f"2024-02-29{each}" for each in _MOMENTS), *(f"{each}T00:00:00" for each in _DATES),
    *_DATES),
    "time": tuple(each.removeprefix("T") for each in _MOMENTS),
    "gYear": ("2023", "0000", "-0001", "12023", "023", "99999999999", "2023Z", "2023+14:00", "+2023",
    "20 23"),
    "gYearMonth": ("2023-01", "2023-13", "2023-00", "0000-01", "2023-1", "2023-01Z", "2023"),
    "gMonth": ("--01", "--13", "--00", "--01--", "--1", "--01Z", "01"),
    "gDay": ("---01", "---31", "---32", "---00", "---1", "---01Z"),
    "gMonthDay": ("--02-29", "--02-30", "--04-31", "--12-31", "--13-01", "--02-29Z", "02-29"),
    "duration": (
        "P1D", "P", "PT", "P1Y", "-P1D", "P-1D", "P1.5D", "PT1.5S", "P1Y2M3DT4H5M6S", "P1S", "PT1", "P12M",
        "P30D",
        "P365D", "P366D", "P99999999999999999999Y", "PT0S", "+P1D", "P1DT", "P1M1Y", "PT1.S", "PT.5S", "P1W",
    ),
    "boolean": ("true", "false", "1", "0", "TRUE", "wahr", "", " true ", "01", "2"),
    "anyURI": ("", "urn:x", "a b", "%", "%zz", "http://[", "http://a:b:c/", "\\\\x", "ü", "#a#b", "::",
    "\U0001f600", "//"),
    "language": ("de", "DE-AT", "de_AT", "deutschland", "d", "", "de-", "123", "i-klingon", "x-y",
    "abcdefghi"),
    "hexBinary": ("", "0", "00", "0g", "ABcd", "AB cd", "ABCD\n", "0000", "000000"),
    "base64Binary": (
        "", "QQ==", "QQ=", "QQ", "Q Q = =", "QQ==QQ==", "QR==", "Q*Q==", "====", "QQ==\n", "QUJD", "QUJ",
        "ä", "QUI=x",
    ),
}  # fmt: skip
"""Values for XML Schema's own types, right ones among them: engines differ most where nobody looks."""

STRANGE = (
    "",
    " ",
    CANARY,
    f" {CANARY} ",
    f"{CANARY}\n{CANARY}",
    "e\u0301",
    "\u0301",
    "\ufeff",
    "\ufffd",
    "\u200b",
    "\u202e",
    "A\u030a",
)

_PLANES = [
    (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF), (0x1E00, 0x1EFF), (0x2000,
    0x206F),
    (0x3040, 0x30FF), (0xFE00, 0xFE0F), (0xFFF0, 0xFFFD), (0x10000, 0x103FF), (0x1F600, 0x1F64F), (0x20000,
    0x200FF),
    (0x30000, 0x300FF), (0xE0000, 0xE01EF), (0xFFF80, 0xFFFFD), (0x10FF80, 0x10FFFD),
]  # fmt: skip
CHARACTERS = st.sampled_from(_PLANES).flatmap(lambda plane: st.integers(*plane)).map(chr)
"""Characters of every plane that XML allows."""
TEXTS = st.lists(CHARACTERS, max_size=30).map("".join)

REFERENCES = st.one_of(
    st.sampled_from([
        "&#0;", "&#1;", "&#x1F;", "&#9;", "&#10;", "&#13;", "&#x7F;", "&#x85;", "&#xA0;", "&#xD800;",
        "&#xDFFF;",
        "&#xFFFE;", "&#xFFFF;", "&#x10FFFF;", "&#x110000;", "&#99999999999;", "&#228;", "&#x41;", "&#x301;",
        "&#;",
        "&#x;", "&amp;", "&lt;", "&gt;", "&apos;", "&quot;", "&auml;", "&", "&amp", "]]>", "&#x2028;",
        "&#xFEFF;",
    ]),
    CHARACTERS.map(lambda each: f"&#{ord(each)};"),
    CHARACTERS.map(lambda each: f"&#x{ord(each):x};"),
)  # fmt: skip
"""Characters as references, also those that XML forbids."""
