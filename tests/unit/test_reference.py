"""Files that operators install: what is read of them, and how much there is."""

import pytest
from lxml import etree

from gateway.xml.reference import count_nodes, parse_reference


@pytest.mark.parametrize(
    ("body", "nodes"),
    [
        (b'<a xmlns="u" b=""><!--x--><?p?><c d=""/>text</a>', 7),
        ("<a><b/><b/></a>".encode("utf-16"), 3),
        (b'<?xml version="1.0" encoding="UTF-7"?>+ADw-a+AD4APA-b/+AD4APA-/a+AD4-', 2),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", 10),
    ],
)
def test_nodes_are_counted_however_a_file_is_written(body: bytes, nodes: int) -> None:
    assert count_nodes(body, 100) == nodes
    assert count_nodes(body, nodes - 1) > nodes - 1


def test_counting_ends_when_there_are_more() -> None:
    assert count_nodes(b"<a>" + b"<b/>" * 1000 + b"<c>never closed", 10) == 11


ENTITIES = {
    "none": "",
    "internal": "<!ENTITY a 'b'>",
    "external": "<!ENTITY a SYSTEM 'file:///etc/hostname'>",
    "laughs": "<!ENTITY a0 'x'>"
    + "".join(f"<!ENTITY a{number + 1} '{f'&a{number};' * 10}'>" for number in range(12))
    + "<!ENTITY a '&a12;'>",
}


@pytest.mark.parametrize("declared", ENTITIES.values(), ids=ENTITIES)
@pytest.mark.parametrize("content", ["&a;", "<b c='&a;'/>", "x"])
def test_file_with_a_doctype_is_refused_unless_it_is_a_schema(declared: str, content: str) -> None:
    with pytest.raises(etree.XMLSyntaxError, match=r"DOCTYPE|amplification|external|not defined"):
        parse_reference(f"<!DOCTYPE a [{declared}]><a>{content}</a>".encode())
