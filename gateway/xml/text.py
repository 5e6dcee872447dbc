"""Fit free text into DIN 91379 datatype C, the characters that German administration exchanges.

Typographic signs become the plain ones that the norm has, compatibility forms their letters, other signs a
question mark. A letter without counterpart (Greek, Cyrillic, Han …) is replaced in a text that only shows
something, and refused in one where losing it would change what somebody wrote.

Source: DIN 91379:2022-08, datatype C; the pattern of `DatentypC` in schemas/xbasis
"""

import re
import unicodedata

_SINGLE = (
    "\\t\\n -~\u00a0-\u00ac\u00ae-\u017e\u0187\u0188\u018f\u0197\u01a0\u01a1\u01af\u01b0\u01b7\u01cd-\u01dc"
    "\u01de\u01df\u01e2-\u01f0\u01f4\u01f5\u01f8-\u01ff\u0212\u0213\u0218-\u021b\u021e\u021f\u0227-\u0233"
    "\u0259\u0268\u0292\u02b9\u02ba\u02be\u02bf\u02c8\u02cc\u1e02\u1e03\u1e06\u1e07\u1e0a-\u1e11\u1e17"
    "\u1e1c-\u1e2b\u1e2f-\u1e37\u1e3a\u1e3b\u1e40-\u1e49\u1e52-\u1e5b\u1e5e-\u1e63\u1e6a-\u1e6f"
    "\u1e80-\u1e87\u1e8c-\u1e97\u1e9e\u1ea0-\u1ef9\u2019\u2021\u20ac"
)
_MARKED = (  # letters, and the combining marks of which one may follow them
    ("Aa", "\u030b"),
    ("Cc", "\u0300|\u0304|\u0306|\u0308|\u0315|\u0323|\u0326|\u0328\u0306"),
    ("Dd", "\u0302"),
    ("Ff", "\u0300|\u0304"),
    ("Gg", "\u0300"),
    ("Hh", "\u0304|\u0326"),
    ("H", "\u0331"),
    ("J", "\u0301|\u030c"),
    ("j\u00ff\u012a\u012b", "\u0301"),
    ("Kk", "\u0300|\u0302|\u0304|\u0307|\u0315|\u031b|\u0326|\u035fh"),
    ("K", "\u035fH"),
    ("Ll", "\u0302|\u0326|\u0325\u0304?"),
    ("Mm", "\u0300|\u0302|\u0306|\u0310"),
    ("Nn", "\u0302|\u0304|\u0306|\u0326"),
    ("Pp", "\u0300|\u0304|\u0315|\u0323"),
    ("Rr", "\u0306|\u0325\u0304?"),
    ("Ss", "\u0300|\u0304|\u0331|\u031b\u0304"),
    ("Tt", "\u0300|\u0304|\u0315|\u031b"),
    ("T", "\u0308"),
    ("Uu", "\u0307"),
    ("Zz", "\u0300|\u0304|\u0306|\u0308|\u0327"),
    ("\u00c7\u00e7", "\u0306"),
    ("\u00db\u00fb\u1e32\u1e33\u1e62\u1e63\u1e6c\u1e6d", "\u0304"),
    ("\u010c\u010d", "\u0315|\u0323"),
    ("\u0113\u014d", "\u030d"),
    ("\u017d\u017e", "\u0326|\u0327"),
    ("\u1ea0\u1ea1\u1ecc\u1ecd", "\u0308"),
    ("\u1ee4\u1ee5", "\u0304|\u0308"),
)
_CHARACTER = "|".join([*(f"[{letters}](?:{marks})" for letters, marks in _MARKED), f"[{_SINGLE}]"])
_ALLOWED = re.compile(f"(?:{_CHARACTER})*")
_COMMON = re.compile("[ -~\u00a1-\u00ac\u00ae-\u017e]*")
"""What nearly every text consists of, and what stays as it is: a hundred times as fast as looking closer."""
_FOREIGN = re.compile(f"((?:{_CHARACTER})+)|(.)", re.DOTALL)

_PLAIN = str.maketrans(
    {
        "\r": "\n",
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-",
        "\u2022": "-", "\u2212": "-", "\u2028": "\n", "\u2029": "\n",
        "\u2018": "'", "\u201a": "'", "\u201b": "'", "\u2039": "'", "\u203a": "'",
        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"',
    }
)  # fmt: skip


class UnfitText(ValueError):
    """A text does not fit its field; the sentence names the field, never the text."""


def line(text: str, field: str, limit: int) -> str:
    """Return `text` on one line, exactly as far as characters allow.

    Raises:
        UnfitText: it is empty, too long, or has letters that cannot be transmitted.
    """
    return _bounded(" ".join(_convert(text, field, strict=True).split()), field, limit)


def prose(text: str, field: str, limit: int) -> str:
    """Return `text` with its line breaks, exactly as far as characters allow.

    Raises:
        UnfitText: it is empty, too long, or has letters that cannot be transmitted.
    """
    return _bounded(_convert(text, field, strict=True).strip(), field, limit)


def label(text: str, field: str, limit: int) -> str:
    """Return `text` on one line for showing: letters that cannot be transmitted are `?`, too long is cut.

    Raises:
        UnfitText: it is empty.
    """
    fitted = " ".join(_convert(text, field, strict=False).split())
    return _bounded(cut(fitted, limit), field, limit)


def cut(text: str, limit: int) -> str:
    """Shorten a fitting text to `limit` characters, ending in three dots, never within a character."""
    if len(text) <= limit:
        return text
    kept = _ALLOWED.match(text[: limit - 3])
    return (kept.group() if kept else "").rstrip() + "..."


def _convert(text: str, field: str, *, strict: bool) -> str:
    if _COMMON.fullmatch(text):
        return text
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").translate(_PLAIN))
    return _FOREIGN.sub(lambda found: found[1] or _counterpart(found[2], field, strict=strict), plain)


def _counterpart(sign: str, field: str, *, strict: bool) -> str:
    category = unicodedata.category(sign)
    if category[0] == "M" or category in {"Cc", "Cf"}:
        return ""
    parts = "".join(part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part))
    if _ALLOWED.fullmatch(parts):
        return parts
    if strict and category[0] in "LN":
        raise UnfitText(
            f"{field}: contains a letter outside DIN 91379 (for example Greek or Cyrillic); transcribe it"
        )
    return "?"


def _bounded(text: str, field: str, limit: int) -> str:
    if not text:
        raise UnfitText(f"{field}: is empty; state something or leave it out")
    if len(text) > limit:
        raise UnfitText(f"{field}: has {len(text)} characters, {limit} are allowed; shorten or attach it")
    return text
