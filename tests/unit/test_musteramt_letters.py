import io
import unicodedata
from datetime import date

import fontpkg
import pytest
from pypdf import PdfReader
from reportlab.pdfbase.ttfonts import TTFontFile

from adapters.musteramt.letters import Letter, Section, render
from adapters.musteramt.notices import remedy_deadline
from gateway.xml.text import _MARKED, _SINGLE

NAMES = "ŁłŞşČčĐđŐőŪūĀā ẞß ẀẁḪḫ Əə Ơơ ǄǨǩ ỸỹẠạ ʾʿ €"
SEQUENCES = ("C\u0300", "K\u035fh", "S\u031b\u0304", "R\u0325\u0304", "\u1ea0\u0308")


def a_letter(**changes):
    fields = {
        "office": "Verkehrsbehörde Musterstadt",
        "recipient": ("Łucja Şahin-Čović", "Đurđevstraße 5", "99998 Örtchen"),
        "written_on": date(2026, 11, 23),
        "aktenzeichen": "PARK-2026-00017",
        "title": "Bescheid",
        "sections": (Section(None, ("Ihrem Antrag wird entsprochen.",)),),
    }
    return Letter(**(fields | changes))


def text_of(pdf):
    extracted = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    return unicodedata.normalize("NFC", extracted)


def test_letter_has_its_text_with_every_letter_of_a_name():
    sections = (Section("Namen", (NAMES, " ".join(SEQUENCES))),)

    text = text_of(render(a_letter(sections=sections)))

    for word in (*NAMES.split(), *SEQUENCES, "Łucja Şahin-Čović", "PARK-2026-00017", "23.11.2026"):
        assert unicodedata.normalize("NFC", word) in text


def test_letter_gives_the_same_bytes_when_it_is_rendered_again():
    assert render(a_letter()) == render(a_letter())


def test_letter_shows_markup_as_text():
    sections = (Section("<i>", ("<b>fett</b> & <img src='file:///etc/passwd'/>",)),)

    assert "<b>fett</b> & <img src='file:///etc/passwd'/>" in text_of(render(a_letter(sections=sections)))


def test_letter_goes_on_over_pages_when_it_is_long():
    pdf = render(a_letter(sections=(Section("Begründung", ("Wort " * 3000,)),)))

    assert len(PdfReader(io.BytesIO(pdf)).pages) > 1


def test_font_has_a_glyph_for_everything_that_can_be_transmitted():
    known = TTFontFile(str(fontpkg.path("Noto Sans"))).charToGlyph
    marks = {mark for _, group in _MARKED for mark in group if mark not in "|?"}
    singles = _expand(_SINGLE)

    assert [f"{ord(sign):04x}" for sign in singles | marks if ord(sign) not in known] == []


def _expand(ranges):
    # The first two are the written-out tab and line feed, which no font draws.
    ranges = ranges.removeprefix("\\t\\n")
    found, position = set(), 0
    while position < len(ranges):
        if ranges[position + 1 : position + 2] == "-":
            found |= {chr(n) for n in range(ord(ranges[position]), ord(ranges[position + 2]) + 1)}
            position += 3
        else:
            found.add(ranges[position])
            position += 1
    return found


@pytest.mark.parametrize(
    ("decided_on", "last_day"),
    [
        (date(2026, 11, 23), date(2026, 12, 28)),  # known on Friday 27 November; 27 December is a Sunday
        (date(2026, 11, 24), date(2026, 12, 30)),  # known on Saturday, so on Monday 30 November
        (date(2027, 1, 27), date(2027, 3, 1)),  # 31 January is a Sunday: known on 1 February
        (date(2027, 1, 25), date(2027, 3, 1)),  # known on 29 January; February has 28 days, the last a Sunday
    ],
)
def test_remedy_deadline_is_a_month_after_the_fourth_day_and_never_on_a_weekend(decided_on, last_day):
    assert remedy_deadline(decided_on) == last_day
