"""Building bricks of sentences in German and English: quoted names, lists, numbers."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from lxml import etree

from gateway.contract.findings import Bilingual

_MAX_NAME = 128
_MAX_LISTED = 20
_MAX_SHOWN = 500
"""Characters of what is listed: the codes of some lists are addresses."""
_TIMES = ("nie", *(f"{word}mal" for word in ("ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben")))
_TIMES_EN = ("never", "once", "twice", "three times")


class Option(NamedTuple):
    """Something that may be chosen: how it is written, and what it is called."""

    written: str
    label: str | None = None

    def __str__(self) -> str:
        written = self.written or '""'
        if self.label is None or self.label.casefold() == self.written.casefold():
            return written
        return f"{written} ({self.label})"


def in_english(text: str) -> str:
    """Write German quotation marks as English ones."""
    return text.replace("»", "“").replace("«", "”")


def say(german: str, english: str) -> Bilingual:
    """Return a sentence in both languages."""
    return Bilingual(de=german, en=english)


def local(name: str) -> str:
    """Return the local part of an expanded name; an overlong one is the sender's joke and not repeated."""
    found = name.rpartition("}")[2]
    return found if len(found) <= _MAX_NAME else "…"


def local_of(element: etree._Element) -> str:
    """Return the local part of an element's name."""
    return local(str(element.tag))


def direct_text(element: etree._Element) -> str:
    """Return the text that stands in an element itself, without that of its children."""
    return "".join([element.text or "", *(child.tail or "" for child in element)])


def quoted(names: Iterable[str], german: str = "und", english: str = "and") -> Bilingual:
    """Write names in quotation marks, the last two joined by a word."""
    known = list(dict.fromkeys(names))
    return say(
        _joined([f"»{name}«" for name in known], german), _joined([f"“{name}”" for name in known], english)
    )


def _joined(items: Sequence[str], word: str) -> str:
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def allowed(options: Iterable[Option | str]) -> Bilingual:
    """Say what is allowed; of very many only how many there are, and the first."""
    return listed("Zulässig", "Allowed", options)


def possible(options: Iterable[Option | str]) -> Bilingual:
    """Say what could stand here."""
    return listed("Möglich", "Possible", options)


def listed(german: str, english: str, options: Iterable[Option | str]) -> Bilingual:
    """Say a word and after it what there is; of very many only the first, and how many more."""
    known = list(map(str, options))
    ends = accumulate(len(each) + 2 for each in known[:_MAX_LISTED])
    count = max(1, sum(end <= _MAX_SHOWN for end in ends))
    shown, more = ", ".join(known[:count]), len(known) - count
    if more > 0:
        return say(f"{german}: {shown} und {more} weitere", f"{english}: {shown} and {more} others")
    return say(f"{german}: {shown}", f"{english}: {shown}")


def meant(option: Option | str) -> Bilingual:
    """Guess what was meant."""
    return say(f"Gemeint ist vielleicht {option}", f"Perhaps {in_english(str(option))} is meant")


def together(hints: Iterable[Bilingual | None]) -> Bilingual | None:
    """Join hints to one; None if there is none."""
    known = [hint for hint in hints if hint]
    if not known:
        return None
    return say(". ".join(hint.de for hint in known), ". ".join(hint.en for hint in known))


def times(count: int) -> Bilingual:
    """Say how often."""
    german = _TIMES[count] if count < len(_TIMES) else f"{count}-mal"
    return say(german, _TIMES_EN[count] if count < len(_TIMES_EN) else f"{count} times")
