"""Where in the bytes of a message something stands; columns are tried with findings, in other tests."""

import re

import pytest
from lxml import etree

from gateway.xml.parse import parse
from gateway.xml.positions import find_places

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        ("<b/>", set()),
        ("<b a='1'/>", {"a"}),
        ("<b\n\ta\r\n = '>'\n>c='1'</b>", {"a"}),
        ("<b d=\" a='1' c='1' \"/>", set()),
        ("<b d=' a=\"1\" '   c=\"'a='1'\"/>", {"c"}),
        ("<b xmlns:a='urn:b' a:c='1'/>", {"{urn:b}c"}),
        ("<b n:c='1'><!-- a='1' --><b a='1'/></b>", {"{urn:n}c"}),
        ("<b xmlns='urn:b' xml:lang='de'/>", {XML_LANG}),
        ("<ä ä='1' a='ä'/>", {"a", "ä"}),
    ],
)
def test_only_attributes_of_the_message_itself_are_written(tag: str, written: set[str]) -> None:
    body = f"<r xmlns:n='urn:n' a='1' c='1'>{tag}<b a='1' c='1'/></r>".encode()
    root = parse(body)
    element = root[0]
    names = ["a", "c", "ä", "{urn:b}c", "{urn:n}c", XML_LANG]
    assert {name for name in names if name in element.attrib} == written
    for name in names:  # as validating does
        element.set(name, "1")
    tag_place, *places = find_places(body, root, [(element, None), *((element, name) for name in names)])
    assert [place.attribute for place in places] == [name if name in written else None for name in names]
    lines = body.decode().split("\n")
    for place in (tag_place, *places):
        assert place.element is element
        stands = "\n".join(
            [lines[place.position.line - 1][place.position.column - 1 :], *lines[place.position.line :]]
        )
        local = etree.QName(place.attribute or element.tag).localname
        assert re.match(rf"(\w+:)?{local}\s*=" if place.attribute else f"<{local}", stands)
