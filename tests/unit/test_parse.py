"""The one parser: what it takes, what it refuses, and what the refusal says."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ForbiddenXml, MalformedXml, MessageTooLarge, NotUtf8, Problem
from gateway.settings import data_folder
from gateway.xml.parse import MAX_TREE, Limits, parse

BOM = b"\xef\xbb\xbf"
SMALL = Limits(max_bytes=100_000, max_depth=8, max_attributes=8)
SAMPLES = [path.read_bytes() for path in sorted(data_folder("fixtures").glob("xurkunde/*/valid/*.xml"))]


def refusal(body: bytes, limits: Limits = SMALL) -> Problem:
    with pytest.raises(Problem) as caught:
        parse(body, limits)
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        b"<a/>",
        b"<?xml version='1.0'?>\n<a/>",
        b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><a/>',
        b'<?xml version="1.0" encoding="utf-8"?><a/>',
        BOM + b'<?xml version="1.0" encoding="UTF-8"?><a/>',
        "<a>Müller-Lüdenscheidt</a>".encode(),
        b"<a><!-- <!DOCTYPE x> --><![CDATA[<!DOCTYPE x>]]></a>",
        b"<?xml-stylesheet href='http://127.0.0.1:1/x.xsl'?><a/>",
    ],
)
def test_parse_accepts_plain_utf8(body: bytes) -> None:
    assert parse(body).tag == "a"


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        ("<a>ü</a>".encode("utf-16"), 1, 1),
        ("<a>ü</a>".encode("utf-16-le"), 1, 1),
        ("<a>ü</a>".encode("utf-16-be"), 1, 1),
        ("<a>ü</a>".encode("utf-32"), 1, 1),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><a>ü</a>'.encode("latin-1"), 1, 31),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', 1, 31),
        (b'<?xml version="1.0" encoding="US-ASCII"?><a/>', 1, 31),
        (b'<?xml version="1.0" encoding="UTF-16"?><a/>', 1, 31),
        ("<a>\n<b>grün".encode() + b"\xff</b></a>", 2, 8),
        (b"<a>\xc0\xbc</a>", 1, 4),
        ("<a>\ud800</a>".encode("utf-8", "surrogatepass"), 1, 4),
    ],
)
def test_parse_refuses_other_encodings_with_their_place(body: bytes, line: int, column: int) -> None:
    problem = refusal(body)
    assert isinstance(problem, NotUtf8)
    (finding,) = problem.findings
    assert (finding.code, finding.path, finding.line, finding.column) == ("S001", "/", line, column)


NO_UTF8 = (
    *(b"\x80", b"\xbf\xbf", b"\xc3", b"\xc3a", b"\xe2\x82", b"\xe2\x82a", b"\xf0\x9f\x98", b"\xf0\x9f\x98a"),
    *(b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf"),
    *(b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80"),
    *(b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xfe", b"\xff"),
)
"""Lone and missing continuations, longer than need be, surrogates, beyond Unicode, and no bytes of UTF-8."""
PLACES = (
    *(b"<a>x%bx</a>", b"<a>%b</a>", b"<a><![CDATA[x%bx]]></a>", b"<a>" + 5000 * b"y" + b"%by</a>"),
    *(b"<a b='x%bx'/>", b"<a b='%b'/>", b"<a x%bx=''/>", b"<a%bx/>", b"<a xmlns='u:%bx'/>"),
    *(b"<a xmlns:p='u:%bx'/>", b"<a xmlns:p%bx='u:x'/>", b"<a><!--x%bx--></a>", b"<!--%b--><a/>"),
    *(b"<a/><!--x%bx-->", b"<a><?p x%bx?></a>", b"<?p %b?><a/>", b"<a><?p%bx x?></a>", b"<a/>%b"),
)


@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_utf8_is_refused_wherever_it_stands(place: bytes) -> None:
    for wrong in NO_UTF8:
        body = place.replace(b"%b", wrong)
        assert isinstance(refusal(body), NotUtf8), body


@pytest.mark.parametrize(
    "prolog",
    [
        b"",
        BOM,
        b'<?xml version="1.0"?>\n',
        b"<!-- a --><!-- > --> <?pi <!-- ?>\n",
    ],
)
@pytest.mark.parametrize(
    "doctype", [b"<!DOCTYPE a>", b'<!DOCTYPE a SYSTEM "file:///etc/hostname">', b"<!DOCTYPE"]
)
def test_parse_refuses_every_doctype(prolog: bytes, doctype: bytes) -> None:
    problem = refusal(prolog + doctype + b"<a/>")
    assert isinstance(problem, ForbiddenXml)
    assert "DOCTYPE" in problem.findings[0].message.de


def test_parse_refuses_a_doctype_at_its_place() -> None:
    (finding,) = refusal(b'<?xml version="1.0"?>\n <!DOCTYPE a><a/>').findings
    assert (finding.code, finding.line, finding.column) == ("S999", 2, 2)


def test_parse_refuses_a_prolog_of_many_comments_at_once() -> None:
    assert isinstance(refusal(b"<!--x-->" * 5_000 + b"<!DOCTYP <!DOCTYPE"), MalformedXml)


def test_parse_refuses_xml_1_1() -> None:
    assert isinstance(refusal(b'<?xml version="1.1"?><a/>'), ForbiddenXml)


def test_parse_refuses_an_entity_that_nobody_declared() -> None:
    problem = refusal(b"<a>&secret;</a>")
    assert isinstance(problem, MalformedXml)
    assert "secret" not in problem.findings[0].model_dump_json() + problem.detail


@pytest.mark.parametrize("depth", [8, 9])
def test_parse_counts_depth_from_the_root(depth: int) -> None:
    body = b"<a>" * depth + b"</a>" * depth
    if depth <= SMALL.max_depth:
        assert parse(body, SMALL).tag == "a"
    else:
        (finding,) = refusal(body).findings
        assert (finding.path, finding.line, finding.column) == ("/a" * 9, 1, 1 + 8 * 3)


def test_parse_refuses_depth_beyond_the_parser_itself() -> None:
    assert isinstance(refusal(b"<a>" * 300 + b"</a>" * 300, Limits()), ForbiddenXml)


@pytest.mark.parametrize("count", [8, 9])
def test_parse_counts_attributes_of_one_element(count: int) -> None:
    attributes = b" ".join(b'x%d="1"' % number for number in range(count))
    body = b"<r><a/>\n<a " + attributes + b'/><b y="1"/></r>'
    if count <= SMALL.max_attributes:
        assert parse(body, SMALL).tag == "r"
    else:
        problem = refusal(body)
        assert isinstance(problem, ForbiddenXml)
        assert [(f.path, f.line, f.column) for f in problem.findings] == [("/r/a[2]", 2, 1)]


@pytest.mark.parametrize("count", [8, 9])
def test_parse_counts_namespace_declarations_of_one_element(count: int) -> None:
    declarations = b" ".join(b'xmlns:x%d="urn:%d"' % (number, number) for number in range(count))
    body = b'<r xmlns:p="urn:p"><a ' + declarations + b"/></r>"
    if count <= SMALL.max_attributes:
        assert parse(body, SMALL).tag == "r"
    else:
        problem = refusal(body)
        assert isinstance(problem, ForbiddenXml)
        assert [finding.path for finding in problem.findings] == ["/r/a"]


def test_parse_accepts_declarations_spread_over_many_elements() -> None:
    assert len(parse(b"<r>" + b'<p:a xmlns:p="urn:p">xmlns xmlns</p:a>' * 20 + b"</r>", SMALL)) == 20


def test_parse_refuses_a_name_beyond_the_parser_itself() -> None:
    assert isinstance(refusal(b"<" + b"n" * 60_000 + b"/>"), ForbiddenXml)


@pytest.mark.parametrize("size", [100_000, 100_001])
def test_parse_counts_bytes(size: int) -> None:
    body = b"<a>" + b"x" * (size - 7) + b"</a>"
    assert len(body) == size
    if size <= SMALL.max_bytes:
        assert parse(body, SMALL).tag == "a"
    else:
        assert isinstance(refusal(body), MessageTooLarge)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "leer"),
        (b'{"a": 1}', "nicht mit einem XML-Element"),
        (b"<a/><b/>", "genau ein Wurzelelement"),
        (b"<a><b></a>", "passt nicht zum zuletzt"),
        (b"<a><b>", "abgeschnitten"),
        (b"<a b='1' b='2'/>", "das Attribut »b« zweimal"),
        (b"<a>&</a>", "&amp;"),
        (b"<a b=1/>", "Attribut ist fehlerhaft"),
        (b"<a b='<'/>", "&lt;"),
        (b"<p:a/>", "keinem Namensraum"),
        (b"<a>\x00</a>", "Steuerzeichen"),
        (b"<a>&#0;</a>", "Steuerzeichen"),
        (b"<a><!-- -- --></a>", "Bindestriche"),
        (b"<a>]]></a>", "]]>"),
        (b" <?xml version='1.0'?><a/>", "XML-Deklaration"),
    ],
)
def test_parse_says_in_both_languages_what_is_not_well_formed(body: bytes, words: str) -> None:
    problem = refusal(body)
    assert isinstance(problem, MalformedXml)
    (finding,) = problem.findings
    assert finding.code == "X000"
    assert finding.path == "/"
    assert words in finding.message.de
    assert finding.message.en
    assert finding.message.en != finding.message.de


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ('<a b="über'.encode(), "vermutlich ist sie abgeschnitten"),
        (b"<a>\n<b", "vermutlich ist sie abgeschnitten"),
        ("<a>ü".encode()[:-1], "vermutlich ist sie abgeschnitten"),
        (b"<a>\n<!-- b\n<c/></a>\n", "der Kommentar, der in Zeile 2 beginnt"),
        (b"<a>\n<b></a>\n", "das Element, das in Zeile 2 beginnt"),
    ],
)
def test_parse_says_what_is_still_open_or_that_a_message_was_cut_off(body: bytes, hint: str) -> None:
    with pytest.raises(Problem) as refused:
        parse(body)
    [finding] = refused.value.findings
    assert finding.hint
    assert hint in finding.hint.de


@pytest.mark.parametrize("body", [b"<a b=1/>\n", b"<a>\xfc</a>", b"<a/><", b""])
def test_parse_does_not_take_other_faults_for_a_cut(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        parse(body)
    assert [each.hint for each in refused.value.findings] == [None]


def test_parse_gives_the_line_where_it_breaks() -> None:
    (finding,) = refusal(b"<a>\n  <b>\n  </c>\n</a>").findings
    assert finding.line == 3


@pytest.mark.parametrize("secret", ["Erika-Mustermann", "1970-01-31"])
def test_parse_never_repeats_what_stands_in_the_message(secret: str) -> None:
    for body in (
        f"<a b='{secret}' b='{secret}'/>",
        f"<a>{secret}&{secret};</a>",
        f"<{secret}",
        f"<a><{secret}></a>",
    ):
        problem = refusal(body.encode())
        assert secret not in problem.detail + "".join(item.model_dump_json() for item in problem.findings)


@given(st.binary(max_size=400))
def test_parse_raises_nothing_but_problems_on_any_bytes(body: bytes) -> None:
    with suppress(Problem):
        parse(body, SMALL)


@given(st.text(alphabet="<>/&;!?[]-='\"ax: \n", max_size=60))
def test_parse_raises_nothing_but_problems_on_any_markup(text: str) -> None:
    with suppress(Problem):
        parse(text.encode(), SMALL)


@settings(deadline=None)
@given(st.data())
def test_parse_raises_nothing_but_problems_on_changed_samples(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 5))):
        start = data.draw(st.integers(0, len(body) - 1))
        body[start : start + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20))
    with suppress(Problem):
        parse(bytes(body))


@pytest.mark.parametrize(
    "wide",
    ["😀", "\U00010000", "\U0010ffff", "&#x1F600;", "&#x010000;", "&#x10fffF;", "&#65536;", "&#001114111;"],
)
def test_message_with_wide_characters_may_have_half_as_many_bytes(wide: str) -> None:
    half = SMALL.max_bytes // 2
    start, end = f"<a>\n<b>ü{wide}".encode(), b"</b></a>"
    assert len(parse(start + b"x" * (half - len(start + end)) + end, SMALL)) == 1
    problem = refusal(start + b"x" * half + end)
    assert isinstance(problem, ForbiddenXml)
    (finding,) = problem.findings
    assert (finding.line, finding.column) == (2, 5)
    assert f"{half} Byte" in finding.message.de
    for nothing in ("<!--{}-->", "<?p {}?>"):
        assert parse(b"<a>" + nothing.format(wide).encode() + b"x" * half + b"</a>", SMALL).tag == "a"
    section = f"<![CDATA[]x]{wide}]]>".encode()
    if wide.startswith("&"):
        assert parse(b"<a>" + section + b"x" * half + b"</a>", SMALL).tag == "a"
    else:
        assert isinstance(refusal(b"<a>" + section + b"x" * half + b"</a>"), ForbiddenXml)
    narrow = "\ufffd\ud7ffü\ue000&#xFFFD;&#65533;&#x00e000;&#57344;".encode()
    assert parse(b"<a>" + narrow * (90_000 // len(narrow)) + b"</a>", SMALL).tag == "a"


def test_message_of_countless_tags_is_forbidden_before_a_tree_is_built() -> None:
    body = b"<a>" + b"<x/>" * MAX_TREE + b"</a>"
    with pytest.raises(ForbiddenXml) as refused:
        parse(body)
    assert f"{MAX_TREE} Tags" in refused.value.findings[0].message.de
    assert len(parse(b"<a>" + b"<x/>" * 1000 + b"</a>")) == 1000


@pytest.mark.parametrize("attribute", [b" a%d=''", b' a%d = "1"', b"\nxmlns:a%d\n=\n'u'"])
def test_message_of_countless_attributes_is_forbidden_before_a_tree_is_built(attribute: bytes) -> None:
    element = b"<x" + b"".join(attribute % number for number in range(99)) + b"/>"
    with pytest.raises(ForbiddenXml) as refused:
        parse(b"<a>" + element * (MAX_TREE // 100) + b"</a>")
    assert f"{MAX_TREE} Tags und Attribute" in refused.value.findings[0].message.de
    elements = MAX_TREE // 100 - 1
    assert len(parse(b"<a>" + element * elements + b"=" * MAX_TREE + b"</a>")) == elements


MANY = b"<a/>" * 11_000


@pytest.mark.parametrize("piece", [b"&#228;", b"&amp;", b"x<!---->", b"<![CDATA[x]]>", b"<?x ?>"])
def test_text_in_too_many_pieces_is_refused_where_it_is(piece: bytes) -> None:
    body = b"<r>" + MANY + b"\n<t>" + (piece + b"x" * 60) * 50_000 + b"</t></r>"
    problem = refusal(body, Limits())
    assert isinstance(problem, ForbiddenXml)
    (finding,) = problem.findings
    assert (finding.path, finding.line, finding.column) == ("/r/t", 2, 1)


def test_text_is_taken_when_its_pieces_are_many_and_short() -> None:
    parts = b"<t>Stra&#223;e &amp; Stra\xc3\x9fe</t>" * 30_000
    assert len(parse(b"<r>" + MANY + parts + b"<t>" + b"\xc3\xa4" * 1_000_000 + b"</t></r>")) == 41_001


@pytest.mark.parametrize("piece", ["<!-- -->", "<?x y?>", "<![CDATA[]]>", "<!----><?x?><!---->"])
def test_parse_gives_a_text_as_one_whatever_is_put_into_it(piece: str) -> None:
    root = parse(f"<a>Muster{piece}mann<b/>x{piece}y</a>".encode())
    assert (root.text, root[0].tail, len(root)) == ("Mustermann", "xy", 1)


@pytest.mark.parametrize(
    "warned", ['<c xmlns="relative"/>', '<c xml:space="strange"/>', '<c xmlns="r"/>' * 300]
)
@pytest.mark.parametrize(
    "wrong",
    [
        "<:b/>",
        "<x:b/>",
        '<b x:y="1"/>',
        '<b xmlns:x=""/>',
        '<b xmlns:x:y="urn:x"/>',
        '<b xmlns:x="urn:x" xmlns:y="urn:x" x:a="1" y:a="2"/>',
    ],
)
def test_parse_refuses_what_is_wrong_with_namespaces_when_a_warning_follows(wrong: str, warned: str) -> None:
    """libxml2 goes on, and lxml looks at its last complaint alone."""
    problem = refusal(f"<a>\n{wrong}{warned}</a>".encode(), Limits())
    assert isinstance(problem, MalformedXml)
    assert problem.findings[0].line == 2
    assert parse(f"<a>{warned}</a>".encode(), Limits()).tag == "a"
