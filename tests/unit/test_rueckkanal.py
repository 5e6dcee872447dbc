"""Whatever the builders write, the schema accepts; whatever they are given, it never refuses."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.contract.states import CitizenStatus
from gateway.settings import data_folder
from gateway.xml import rueckkanal, rueckkanal_read
from gateway.xml.parse import parse
from gateway.xml.rueckkanal import (
    Answer,
    Attachment,
    Consent,
    Consequence,
    Deadline,
    Disclosure,
    DisclosureKind,
    FeeItem,
    Head,
    ItemKind,
    Party,
    Payment,
    PaymentStatus,
    QueryItem,
    QueryKind,
    Reference,
    RejectDetail,
    RejectReason,
    Remedy,
    ResultKind,
    Tenor,
)
from gateway.xml.text import UnfitText, label, line, prose

PORTAL = Party("DVDV", "psw:99100000", "Serviceportal Musterland")
OFFICE = Party("DVDV", "psw:99101001", "Verkehrsbehörde Musterstadt")
AT = datetime(2026, 3, 2, 23, 15, 0, 123456, tzinfo=UTC)
CASE = "0199d3a0-0001-7000-8000-000000000001"
QUERY = "0199d3a0-0002-7000-8000-000000000002"
HEAD = Head(author=OFFICE, reader=PORTAL, created_at=AT)
FULL_HEAD = Head(OFFICE, PORTAL, AT, QUERY, "Musteramt", "Musterhaus", "1.0", test=True)
REFERENCE = Reference(CASE)
FULL_REFERENCE = Reference(CASE, "33.2-BP-2026-4711", QUERY)
DOCUMENT = Attachment(
    "Bescheid.pdf",
    "Bescheid vom 2. März",
    "bescheid",
    "application/pdf",
    4711,
    "0123456789abcdef" * 4,
)
FULL_DOCUMENT = Attachment(
    "Ausweis.PDF", "Ausweis", "parkausweis", "application/pdf", 1, "0" * 64, "P1", date(2026, 3, 1), "A1"
)
DEADLINE = Deadline(date(2026, 4, 7))
FULL_DEADLINE = Deadline(date(2026, 4, 7), "§ 42a Absatz 2 VwVfG", Consequence.FICTION)
REMEDY = Remedy("Gegen diesen Bescheid\nkann Widerspruch erhoben werden.", DEADLINE, "Stadt Musterstadt")
CONSENT = Consent("elektronische-bekanntgabe", AT, "EB-2026-01")
PAYMENT = Payment(PaymentStatus.PAID, Decimal("30.70"), "kreditkarte", "TX-1", AT)
REASON = RejectReason("X001", "urn:example:reasons", "1")

MINIMAL: dict[str, dict[str, Any]] = {
    "eingangsbestaetigung": {"received_at": AT, "received_by": OFFICE, "sha256": "a" * 64},
    "aktenzeichen": {"file_number": "33.2-BP-2026-4711", "office": OFFICE},
    "status": {"code": CitizenStatus.PROCESSING, "text": "Wird geprüft"},
    "rueckfrage": {
        "kind": QueryKind.QUERY,
        "items": [QueryItem("F1", ItemKind.STATEMENT, "Wem gehört das Fahrzeug?")],
        "deadline": DEADLINE,
    },
    "antwort": {"answers": [Answer("F1", "Meiner Mutter.")]},
    "nachreichung": {"attachments": [DOCUMENT]},
    "antragsaenderung": {"message": b"<neu/>"},
    "mitteilung": {"subject": "Frage", "text": "Wie lange dauert es?\nDanke."},
    "antragsruecknahme": {},
    "ruecknahmebestaetigung": {"accepted": False},
    "bescheid": {
        "tenor": Tenor.GRANTED,
        "final": True,
        "automated": False,
        "day": date(2026, 3, 3),
        "subject": "Bewohnerparkausweis",
        "remedy": REMEDY,
        "disclosure": Disclosure(DisclosureKind.LETTER),
        "attachments": [DOCUMENT],
    },
    "ergebnis": {"kind": ResultKind.DONE, "text": "Zur Kenntnis genommen."},
    "gebuehrenbescheid": {
        "items": [FeeItem("Ausweis", Decimal("30.70"))],
        "cash_number": "K-1",
        "iban": "DE37 9999 9999 0123 4567 89",
        "due": date(2026, 4, 1),
        "remedy": REMEDY,
    },
    "zahlungsmeldung": {"payment": PAYMENT},
    "bekanntgabemeldung": {"message_id": QUERY, "provided_at": AT},
    "rueckweisung": {"reasons": [REASON]},
}
FULL: dict[str, dict[str, Any]] = {
    "eingangsbestaetigung": {"deadline_note": "Die Frist nach § 42a VwVfG beginnt."},
    "aktenzeichen": {"cash_number": "K-1", "contact": "Frau Übermut, 030 23125 001"},
    "status": {"addition": "Wir melden uns", "deadline": FULL_DEADLINE},
    "rueckfrage": {
        "kind": QueryKind.HEARING,
        "items": [
            QueryItem("F1", ItemKind.DOCUMENT, "Bitte reichen Sie die Bestätigung nach.", "ueberlassung"),
            QueryItem("F2", ItemKind.COMMENT, "Sie können sich äußern."),
        ],
        "deadline": FULL_DEADLINE,
    },
    "antwort": {
        "answers": [
            Answer("F1", "Siehe Anlagen.", [DOCUMENT, FULL_DOCUMENT]),
            Answer("F2", "Nein.", [DOCUMENT]),
        ]
    },
    "nachreichung": {"attachments": [DOCUMENT, FULL_DOCUMENT]},
    "antragsaenderung": {"message": None, "attachments": [FULL_DOCUMENT]},
    "mitteilung": {"attachments": [DOCUMENT]},
    "antragsruecknahme": {"reason": "Umgezogen."},
    "ruecknahmebestaetigung": {"accepted": True, "text": "Es fallen keine Gebühren an."},
    "bescheid": {
        "tenor": Tenor.PARTLY_GRANTED,
        "conditions": ["Gilt nur bis Jahresende.", "Widerruf vorbehalten."],
        "reasons": "Weil die Zone endet.",
        "disclosure": Disclosure(DisclosureKind.RETRIEVAL, CONSENT),
        "attachments": [DOCUMENT, FULL_DOCUMENT],
    },
    "ergebnis": {"kind": ResultKind.ISSUED, "attachments": [DOCUMENT]},
    "gebuehrenbescheid": {
        "items": [FeeItem("Ausweis", Decimal("30.70"), "Satzung Nr. 1"), FeeItem("Porto", Decimal(0))],
    },
    "zahlungsmeldung": {
        "payment": Payment(PaymentStatus.REFUNDED, Decimal(0), "lastschrift", "TX-2", AT, "K-1")
    },
    "bekanntgabemeldung": {"notified_at": AT, "retrieved_at": AT + timedelta(days=1)},
    "rueckweisung": {
        "reasons": [
            RejectReason(
                "X001", "urn:example:reasons", "1", [RejectDetail("schema-violation", "Es fehlt zone.")]
            ),
            REASON,
        ],
        "examined_by": "Amtsbote",
        "transport_note": "request 1",
        "message": b"\xff not even XML",
    },
}
BUILDERS = sorted(MINIMAL)


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(data_folder("schemas") / "xrueckkanal" / "1.0" / "xrueckkanal.xsd"))


def valid(body: bytes) -> etree._Element:
    root = parse(body)
    schema().assertValid(root)
    return root


def build(name: str, **changes: Any) -> bytes:
    arguments = {"head": HEAD, "reference": REFERENCE} | MINIMAL[name] | changes
    function: Callable[..., bytes] = getattr(rueckkanal, name)
    return function(**arguments)


def test_builders_cover_every_message_of_the_schema() -> None:
    xsd = etree.parse(data_folder("schemas") / "xrueckkanal" / "1.0" / "xrueckkanal.xsd").getroot()
    names = [element.get("name", "").split(".")[1] for element in xsd.iterchildren("{*}element")]
    assert sorted(names) == BUILDERS


@pytest.mark.parametrize("name", BUILDERS)
def test_message_is_valid_when_only_what_is_needed_is_stated(name: str) -> None:
    body = build(name)
    assert body.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    assert rueckkanal_read.message_name(valid(body)).split(".")[1] == name


@pytest.mark.parametrize("name", BUILDERS)
def test_message_is_valid_when_everything_is_stated(name: str) -> None:
    root = valid(build(name, head=FULL_HEAD, reference=FULL_REFERENCE, **FULL[name]))
    assert root.get("test") == "true"
    assert rueckkanal_read.message_id(root) == QUERY
    assert rueckkanal_read.reference(root) == FULL_REFERENCE


def test_head_states_type_code_reader_author_and_time_in_milliseconds() -> None:
    root = valid(build("status"))
    head = "nachrichtenkopf.g2g/"
    assert root.findtext(f"{head}identifikation.nachricht/nachrichtentyp/code") == "1120"
    assert root.findtext(f"{head}leser/kennung") == PORTAL.id
    assert root.findtext(f"{head}autor/name") == OFFICE.name
    created = root.findtext(f"{head}identifikation.nachricht/erstellungszeitpunkt")
    assert created == "2026-03-02T23:15:00.123+00:00"


def test_head_gets_a_new_id_when_none_is_given() -> None:
    one, other = (valid(build("status", head=Head(OFFICE, PORTAL, AT))) for _ in range(2))
    assert rueckkanal_read.message_id(one) != rueckkanal_read.message_id(other)


def test_head_is_refused_when_its_time_has_no_zone() -> None:
    naive = Head(OFFICE, PORTAL, AT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="created_at: has no time zone"):
        build("status", head=naive)


def test_head_writes_utc_when_its_zone_is_a_strange_one() -> None:
    strange = AT.astimezone(timezone(timedelta(minutes=53, seconds=28)))
    valid(build("status", head=Head(OFFICE, PORTAL, strange)))


def test_reference_leaves_the_file_number_out_when_it_is_too_long() -> None:
    root = valid(build("status", reference=Reference(CASE, "4" * 51)))
    assert rueckkanal_read.reference(root) == REFERENCE


def test_rejection_has_no_reference_when_the_case_is_unknown() -> None:
    root = valid(build("rueckweisung", reference=None))
    assert rueckkanal_read.reference(root) is None


def test_status_reads_back_as_it_was_written() -> None:
    root = valid(build("status", **FULL["status"]))
    found = rueckkanal_read.status(root)
    assert found == rueckkanal_read.Status(
        CitizenStatus.PROCESSING, "Wird geprüft", "Wir melden uns", FULL_DEADLINE
    )


def test_status_is_cut_when_its_texts_are_too_long() -> None:
    found = rueckkanal_read.status(valid(build("status", text="Ä" * 51, addition="b " * 90)))
    assert found is not None
    assert found.text == "Ä" * 47 + "..."
    assert found.addition is not None
    assert len(found.addition) <= 100


def test_query_reads_back_as_it_was_written() -> None:
    root = valid(build("rueckfrage", **FULL["rueckfrage"]))
    assert rueckkanal_read.query_items(root) == FULL["rueckfrage"]["items"]
    assert rueckkanal_read.deadline(root) == FULL_DEADLINE


def test_answers_read_back_with_numbered_attachments() -> None:
    found = rueckkanal_read.answers(valid(build("antwort", **FULL["antwort"])))
    assert [(answer.item, answer.text) for answer in found] == [("F1", "Siehe Anlagen."), ("F2", "Nein.")]
    assert [document.id for answer in found for document in answer.attachments] == ["A1", "P1", "A3"]


def test_decision_reads_back_as_it_was_written() -> None:
    root = valid(build("bescheid", **FULL["bescheid"]))
    assert rueckkanal_read.decision(root) == rueckkanal_read.Decision(
        Tenor.PARTLY_GRANTED, final=True, automated=False, day=date(2026, 3, 3), subject="Bewohnerparkausweis"
    )


def test_attachment_reads_back_and_is_dated_the_german_day_of_the_message_when_undated() -> None:
    first, second = rueckkanal_read.attachments(valid(build("nachreichung", **FULL["nachreichung"])))
    assert (first.name, first.title, first.kind) == (DOCUMENT.name, DOCUMENT.title, DOCUMENT.kind)
    assert (first.media_type, first.size, first.sha256) == (DOCUMENT.media_type, 4711, DOCUMENT.sha256)
    assert (first.id, first.day) == ("A1", date(2026, 3, 3))
    assert second == FULL_DOCUMENT


def test_note_withdrawal_and_result_read_back_as_they_were_written() -> None:
    note = rueckkanal_read.note(valid(build("mitteilung")))
    assert note == rueckkanal_read.Note("Frage", "Wie lange dauert es?\nDanke.")
    receipt = valid(build("ruecknahmebestaetigung", accepted=True))
    assert rueckkanal_read.withdrawal_accepted(receipt) is True
    assert rueckkanal_read.result_kind(valid(build("ergebnis"))) is ResultKind.DONE


def test_readers_answer_nothing_when_the_message_is_another() -> None:
    root = valid(build("antragsruecknahme"))
    assert rueckkanal_read.status(root) is None
    assert rueckkanal_read.decision(root) is None
    assert rueckkanal_read.note(root) is None
    assert rueckkanal_read.withdrawal_accepted(root) is None
    assert rueckkanal_read.result_kind(root) is None
    assert rueckkanal_read.query_items(root) == []
    assert rueckkanal_read.answers(root) == []
    assert rueckkanal_read.attachments(root) == []


def test_fee_notice_totals_its_items() -> None:
    root = valid(
        build("gebuehrenbescheid", items=[FeeItem("a", Decimal("0.1")), FeeItem("b", Decimal("0.20"))])
    )
    assert root.findtext("{*}summe") == "0.30"


@pytest.mark.parametrize("amount", ["-0.01", "0.001", "10000000", "NaN", "Infinity", "1e30"])
def test_fee_notice_is_refused_when_an_amount_cannot_be_paid(amount: str) -> None:
    with pytest.raises(ValueError, match="fee amount: must be whole cents"):
        build("gebuehrenbescheid", items=[FeeItem("Ausweis", Decimal(amount))])


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("status", {"text": "\x00\u200b"}, "text: is empty"),
        ("status", {"reference": Reference("4711")}, "reference: is not of the form"),
        ("aktenzeichen", {"file_number": "1" * 251}, "file_number: has 251 characters"),
        ("aktenzeichen", {"file_number": "Дело 1"}, "file_number: contains a letter outside DIN 91379"),
        ("mitteilung", {"text": "x" * 10_001}, "text: has 10001 characters, 10000 are allowed"),
        ("mitteilung", {"text": "Καλημέρα"}, "text: contains a letter outside DIN 91379"),
        ("nachreichung", {"attachments": []}, "attachments: at least one"),
        ("nachreichung", {"attachments": [FULL_DOCUMENT, FULL_DOCUMENT]}, "no two with the same id"),
        ("antwort", {"answers": []}, "answers: at least one"),
        ("antwort", {"answers": [Answer("F1", "Ja."), Answer("F1", "Nein.")]}, "no two with the same id"),
        ("antragsaenderung", {"message": None}, "either the whole new message or attachments"),
        ("antragsaenderung", {"attachments": [DOCUMENT]}, "either the whole new message or attachments"),
        ("antragsaenderung", {"message": b""}, "message: is empty"),
        ("rueckfrage", {"items": []}, "items: at least one"),
        ("rueckweisung", {"reasons": []}, "reasons: a rejection needs at least one"),
        ("gebuehrenbescheid", {"items": []}, "items: a fee notice needs at least one"),
        ("gebuehrenbescheid", {"iban": "4711"}, "iban: is not of the form"),
        ("eingangsbestaetigung", {"sha256": "A" * 64}, "sha256: is not of the form"),
    ],
)
def test_builder_says_which_field_when_it_cannot_be_sent(
    name: str, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(field)):
        build(name, **changes)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("size", 0, "attachment size: must be from 1"),
        ("size", 10**12, "attachment size: must be from 1"),
        ("sha256", "x", "attachment sha256: is not of the form"),
        ("media_type", "application/pdf; x=1", "attachment media_type: is not of the form"),
        ("kind", "ein bescheid", "code: is not of the form"),
        ("id", "1", "attachment id: is not of the form"),
        ("replaces", "1", "attachment replaces: is not of the form"),
        ("name", "\x07", "attachment name: is empty"),
    ],
)
def test_attachment_is_refused_when_a_field_cannot_be_sent(field: str, value: Any, sentence: str) -> None:
    stated = {name: getattr(FULL_DOCUMENT, name) for name in FULL_DOCUMENT.__slots__}
    with pytest.raises(ValueError, match=sentence):
        build("nachreichung", attachments=[Attachment(**stated | {field: value})])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("C:\\Fotos\\Foto*1?.jpg", "C__Fotos_Foto_1_.jpg"),
        ("Справка.pdf", "_______.pdf"),
        ("Scan „1“ – neu.pdf", "Scan _1_ - neu.pdf"),
        ("ß" * 300 + ".pdf", "ß" * 193 + "....pdf"),
    ],
)
def test_attachment_name_becomes_one_that_can_be_stored(name: str, expected: str) -> None:
    document = Attachment(name, "Titel", "sonstiges", "image/png", 1, "0" * 64)
    (found,) = rueckkanal_read.attachments(valid(build("nachreichung", attachments=[document])))
    assert found.name == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("„Grüße“ – ‚so‘…", "\"Grüße\" - 'so'..."),
        ("Mu\u0308ller", "Müller"),
        ("Ｆｕｌｌ ﬁ ①", "Full fi 1"),
        ("a\x00b\u200bc\ufeffd\u00ade", "abcde"),
        ("Я\U0001f600", "??"),
        ("K\u0315 s\u031b\u0304 x\u0315", "K\u0315 s\u031b\u0304 x"),
        (" a\r\n b\t ", "a b"),
    ],
)
def test_label_replaces_what_din_91379_does_not_have(text: str, expected: str) -> None:
    assert label(text, "field", 100) == expected


def test_prose_keeps_line_breaks_and_replaces_signs_but_no_letters() -> None:
    assert prose("Ja \U0001f600\r\n\r\nNein", "field", 100) == "Ja ?\n\nNein"
    for letters in ("Ω", "漢字", "Ⅷ ١"):
        with pytest.raises(UnfitText):
            prose(letters, "field", 100)


def test_error_never_repeats_the_text() -> None:
    with pytest.raises(UnfitText) as caught:
        line("Geheimnis " * 30, "subject", 250)
    assert "Geheimnis" not in str(caught.value)


def test_label_cuts_before_a_combined_character_rather_than_within() -> None:
    assert label("aaaaK\u035fh" * 3, "field", 9) == "aaaaK..."


def characters() -> Iterator[str]:
    """Every character of the basic plane, and every Latin letter with every mark the norm uses."""
    yield from (chr(point) for point in range(0x21, 0x10000) if not 0xD800 <= point <= 0xDFFF)
    marks = [0x300, 0x301, 0x302, 0x304, 0x306, 0x307, 0x308, 0x30B, 0x30C, 0x30D, 0x310, 0x315, 0x31B, 0x323]
    letters = [chr(point) for point in (*range(0x41, 0x17F), *range(0x1E00, 0x1F00))]
    for mark in (*marks, 0x325, 0x326, 0x327, 0x328, 0x331, 0x35F):
        yield from (letter + chr(mark) for letter in letters)


def test_texts_agree_with_the_schema_on_every_character() -> None:
    datatype = etree.parse(data_folder("schemas") / "xbasis" / "1.0" / "xbasis.xsd")
    (pattern,) = datatype.xpath("//*[@name='DatentypC']//@value")
    allowed = re.compile(pattern)
    kept = []
    for character in characters():
        written = label(f"x{character}x", "field", 100)
        assert allowed.fullmatch(written), ascii(character)
        if written[1:-1] == character:
            kept.append(character)
        else:
            composed = unicodedata.normalize("NFC", character) != character
            assert composed or character.isspace() or not allowed.fullmatch(character), ascii(character)
    valid(build("mitteilung", text="".join(kept)))


HOSTILE = st.one_of(
    st.text(max_size=300),
    st.text(st.characters(min_codepoint=0x300, max_codepoint=0x36F), max_size=50),
    st.text("AaKks\u035f\u031b\u0304hH\u0325", max_size=120),
    st.sampled_from(
        ["<&>\"'", "]]>", "\ud800", "\x00", "\ufffe", "", " ", "\u00a0", "x" * 20_000, "\U0001f600" * 5000]
    ),
)


@settings(max_examples=150, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_hostile_text_never_yields_an_invalid_document(one: str, two: str, three: str) -> None:
    party = Party("DVDV", one, two)
    head = Head(OFFICE, Party("DVDV", "psw:1", three or "x"), AT, product=one or "x", product_version=two)
    document = Attachment(one, two, "sonstiges", "image/png", 1, "0" * 64, replaces=three)
    remedy = Remedy(one, Deadline(date(2026, 4, 7), two), three)
    hostile: dict[str, dict[str, Any]] = {
        "status": {"text": one, "addition": two, "deadline": Deadline(date(2026, 4, 7), three)},
        "aktenzeichen": {"file_number": one, "cash_number": two, "contact": three},
        "eingangsbestaetigung": {"received_by": party, "deadline_note": three},
        "mitteilung": {"subject": one, "text": two, "attachments": [document]},
        "rueckfrage": {"items": [QueryItem("F1", ItemKind.STATEMENT, one, two)]},
        "antwort": {"answers": [Answer(one, two, [document])]},
        "bescheid": {"subject": one, "conditions": [two], "reasons": three, "remedy": remedy},
        "rueckweisung": {
            "reasons": [RejectReason(one, two, three, [RejectDetail(one, two)])],
            "examined_by": one,
            "transport_note": three,
        },
        "gebuehrenbescheid": {"items": [FeeItem(one, Decimal(1), two)], "cash_number": three, "iban": one},
        "zahlungsmeldung": {"payment": Payment(PaymentStatus.OPEN, Decimal(1), one, two, AT, three)},
    }
    for name, changes in hostile.items():
        for changed in ({"head": head}, {"reference": Reference(CASE, one)}, changes):
            try:
                body = build(name, **changed)
            except ValueError:
                continue
            valid(body)
