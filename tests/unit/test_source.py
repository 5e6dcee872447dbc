"""Excerpts of a message: the right place, aligned, cut to what fits, and nothing that steers a terminal."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gateway.cli.source import Line, Source, visible

WIDTH = 60


def excerpt(text: str | bytes, line: int, column: int, **more: int) -> list[Line]:
    body = text if isinstance(text, bytes) else text.encode()
    return Source("message.xml", body).excerpt(line, column, **{"width": WIDTH} | more)


def test_tag_at_the_column_is_marked_in_its_line() -> None:
    text = '<a>\r\n  <b:c x="1">d</b:c>\r\n</a>'
    assert excerpt(text, 2, 3) == [Line(2, "  ", "<b:c", ' x="1">d</b:c>')]
    assert excerpt(text, 2, 3, context=1) == [Line(1, "<a>"), *excerpt(text, 2, 3), Line(3, "</a>")]


def test_byte_order_mark_is_no_character() -> None:
    assert excerpt(b"\xef\xbb\xbf<a/>", 1, 1) == [Line(1, "", "<a", "/>")]


@pytest.mark.parametrize("lead", ["\t", "äöü", "漢字", "a\u0301", "\u202e", "\x1b", "\u3000", "🏛"])
def test_what_is_marked_begins_where_the_shown_part_before_it_ends(lead: str) -> None:
    (line,) = excerpt(f"{lead}<a>x</a>", 1, len(lead) + 1)
    assert (line.before, line.marked) == (visible(lead), "<a")
    assert cell_len(line.before) == sum(cell_len(visible(each)) for each in lead)


@pytest.mark.parametrize(("line", "column"), [(1, 99), (0, 1), (3, 1), (1, 0)])
def test_place_outside_of_the_message_breaks_nothing(line: int, column: int) -> None:
    assert len(excerpt("<a>\n</a>", line, column)) == (line == 1)


def test_long_line_is_cut_around_the_column() -> None:
    text = "<a>" + "<b>ä</b>" * 1000 + "<c/>" + "<d>漢</d>" * 1000
    column = text.index("<c/>") + 1
    (line,) = excerpt(text, 1, column)
    assert line.marked == "<c"
    assert line.before.startswith("…")
    assert line.after.endswith("…")
    assert cell_len(line.before + line.marked + line.after) <= WIDTH


@pytest.mark.parametrize(
    ("column", "marked"),
    [(4, "<b:c"), (9, "x"), (15, "p:list"), (24, '"'), (27, ">")],
)
def test_name_at_the_column_is_marked(column: int, marked: str) -> None:
    body = b'<a><b:c x="1" p:list = "2">'
    (line,) = Source("message.xml", body).excerpt(1, column, width=WIDTH)
    assert (line.marked, line.before + line.marked + line.after) == (marked, body.decode())


def test_long_line_is_cut_around_the_attribute() -> None:
    tag = f'<b x="{"y" * 500}" listURI="urn:list:{"z" * 500}">'
    (line,) = Source("message.xml", tag.encode()).excerpt(1, tag.index("listURI") + 1, width=WIDTH)
    assert (line.before[0], line.before[-2:], line.marked) == ("…", '" ', "listURI")
    assert line.after.startswith('="urn:list:z')
    assert cell_len(line.before + line.marked + line.after) <= WIDTH


def test_lines_around_a_cut_one_show_the_same_part() -> None:
    text = "x" * 200 + "\n" + " " * 100 + "<a>" + "y" * 200 + "\nz"
    first, second, third = excerpt(text, 2, 101, context=1)
    assert (first.before[0], second.before[0], third.before) == ("…", "…", "…")
    assert cell_len(first.before) == WIDTH


def test_excerpts_of_a_line_of_many_megabytes_are_made_at_once() -> None:
    source = Source("m.xml", b"<a>" + b"<b>\xcc\x81</b>" * 900_000)
    started = time.process_time()
    for number in range(200):
        assert source.excerpt(1, 3 + 8 * 4000 * number + 1, width=100)
    assert time.process_time() - started < 2


@given(st.text(st.characters(exclude_characters="\n")), st.integers(1, 300), st.integers(40, 120))
def test_excerpt_fits_and_shows_whatever_stands_there(text: str, column: int, width: int) -> None:
    for line in Source("m.xml", text.encode("utf-8", "replace")).excerpt(1, column, width=width):
        shown = line.before + line.marked + line.after
        assert cell_len(shown) <= width
        assert not [each for each in shown if visible(each) != each]


@given(st.text())
def test_visible_text_has_no_character_that_moves_or_hides_something(text: str) -> None:
    shown = visible(text)
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not [each for each in shown if unicodedata.category(each) in hidden]
    assert visible(shown) == shown


def test_control_characters_are_written_out() -> None:
    assert visible("a\x1b[31m\x00\t\u202e\x9b\u00a0b") == "a␛[31m␀    <U+202E><U+009B>\u00a0b"


def test_name_of_the_file_is_shown_so_too() -> None:
    assert Source("a\x1b]0;x\x07.xml", b"").name == "a␛]0;x␇.xml"
