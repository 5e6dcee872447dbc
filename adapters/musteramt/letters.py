"""Letters of the office as PDF. The same letter gives the same bytes, so that a retry names the same digest.

The embedded font covers every letter of DIN 91379 datatype C (docs/decisions/0004-pdf-library.md).
"""

import io
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from xml.sax.saxutils import escape

import fontpkg
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, HRFlowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer

_FONT = "NotoSans"


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a letter; every paragraph is plain text."""

    heading: str | None
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """What a letter says. `note` stands small at its end."""

    office: str
    recipient: tuple[str, ...]
    written_on: date
    aktenzeichen: str
    title: str
    sections: tuple[Section, ...]
    note: str | None = None


def render(letter: Letter) -> bytes:
    """Return the letter as PDF with its font embedded."""
    target = io.BytesIO()
    document = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=25 * mm,
        rightMargin=20 * mm,
        topMargin=20 * mm,
        bottomMargin=20 * mm,
        title=f"{letter.title} {letter.aktenzeichen}",
        author=letter.office,
        lang="de-DE",
        invariant=1,
    )
    document.build([*_head(letter), *_body(letter), *_foot(letter)])
    return target.getvalue()


def german_date(day: date) -> str:
    """Write a date as a German letter does."""
    return f"{day.day:02d}.{day.month:02d}.{day.year}"


def _head(letter: Letter) -> Iterable[Flowable]:
    yield _paragraph(letter.office, "office")
    yield HRFlowable(width="100%", thickness=0.7, color="#1f3a5f", spaceBefore=2 * mm, spaceAfter=14 * mm)
    for line in letter.recipient:
        yield _paragraph(line, "text")
    yield Spacer(0, 12 * mm)
    yield _paragraph(f"Aktenzeichen: {letter.aktenzeichen}", "text")
    yield _paragraph(f"Datum: {german_date(letter.written_on)}", "text")
    yield Spacer(0, 8 * mm)
    yield _paragraph(letter.title, "title")


def _body(letter: Letter) -> Iterable[Flowable]:
    for section in letter.sections:
        first, *rest = [_paragraph(text, "text") for text in section.paragraphs]
        if section.heading:
            yield KeepTogether([_paragraph(section.heading, "heading"), first])
        else:
            yield first
        yield from rest


def _foot(letter: Letter) -> Iterable[Flowable]:
    if letter.note:
        yield Spacer(0, 10 * mm)
        yield _paragraph(letter.note, "note")


def _paragraph(text: str, style: str) -> Paragraph:
    # reportlab draws code points one by one: a composed letter looks better than letter and mark.
    composed = unicodedata.normalize("NFC", text)
    return Paragraph(escape(composed).replace("\n", "<br/>"), _styles()[style])


@cache
def _styles() -> dict[str, ParagraphStyle]:
    pdfmetrics.registerFont(TTFont(_FONT, str(fontpkg.path("Noto Sans"))))
    text = ParagraphStyle("text", fontName=_FONT, fontSize=10.5, leading=15, spaceAfter=2 * mm)
    return {
        "text": text,
        "office": ParagraphStyle("office", parent=text, fontSize=13, leading=17, textColor="#1f3a5f"),
        "title": ParagraphStyle("title", parent=text, fontSize=17, leading=22, spaceAfter=5 * mm),
        "heading": ParagraphStyle("heading", parent=text, fontSize=12.5, leading=17, spaceBefore=4 * mm),
        "note": ParagraphStyle("note", parent=text, fontSize=8.5, leading=11, textColor="#444444"),
    }
