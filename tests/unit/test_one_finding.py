"""One fault in a message is one finding: every valid sample, changed in one place in each of these ways.

Left out is what is more than one fault to the schema: a copy of an element with identifiers, and a value that
has the name of another, as it may as well have been moved where another was left out.
"""

import datetime
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from lxml import etree
from structlog.testing import capture_logs

from gateway.errors import Problem
from gateway.settings import data_folder
from gateway.standards import Catalogue

DAY = datetime.date(2026, 6, 1)
FIXTURES = data_folder("fixtures")
SAMPLES = sorted(FIXTURES.glob("*/*/valid/*.xml"))
EACH = 3
"""So many elements of a message are changed in each way; all of them take minutes."""


def named(element: etree._Element, namespace: str | None, name: str) -> None:
    element.tag = f"{{{namespace}}}{name}" if namespace else name


def misspell(element: etree._Element) -> bool:
    name = etree.QName(element)
    named(element, name.namespace, f"{name.localname}x")
    return True


def rename(element: etree._Element) -> bool:
    named(element, etree.QName(element).namespace, "voelliganders")
    return True


def write_in_capitals(element: etree._Element) -> bool:
    name = etree.QName(element)
    named(element, name.namespace, name.localname.upper())
    return name.localname != name.localname.upper()


def put_in_another_namespace(element: etree._Element) -> bool:
    named(element, "urn:example:other", etree.QName(element).localname)
    return True


def call_it_like_the_next(element: etree._Element) -> bool:
    following = element.getnext()
    if following is None or following.tag == element.tag or not len(element):
        return False
    element.tag = following.tag
    return True


def call_it_like_the_first(element: etree._Element) -> bool:
    first = parent_of(element)[0]
    if first.tag == element.tag or not len(element):
        return False
    element.tag = first.tag
    return True


def leave_out(element: etree._Element) -> bool:
    parent_of(element).remove(element)
    return True


def copy(element: etree._Element) -> bool:
    element.addnext(deepcopy(element))
    return next(element.iter("{*}id"), None) is None


def swap_with_the_next(element: etree._Element) -> bool:
    following = element.getnext()
    if following is None or following.tag == element.tag:
        return False
    following.addnext(element)
    return True


def put_a_level_higher(element: etree._Element) -> bool:
    parent = parent_of(element)
    if parent.getparent() is None:
        return False
    parent.addnext(element)
    return True


def put_into_the_one_before(element: etree._Element) -> bool:
    before = element.getprevious()
    if before is None or not len(before):
        return False
    before.append(element)
    return True


def forget_the_tags(element: etree._Element) -> bool:
    parent, children = parent_of(element), list(element)
    at = parent.index(element)
    parent[at : at + 1] = children
    return bool(children)


def write_text_beside_children(element: etree._Element) -> bool:
    element.text = "Text"
    return len(element) > 0


def put_an_element_into_a_value(element: etree._Element) -> bool:
    if len(element):
        return False
    etree.SubElement(element, "unbekannt")
    return True


def leave_out_an_attribute(element: etree._Element) -> bool:
    for name in list(element.attrib)[:1]:
        del element.attrib[name]
        return True
    return False


ALWAYS_WRONG: list[Callable[[etree._Element], bool]] = [
    misspell,
    rename,
    write_in_capitals,
    put_in_another_namespace,
    put_a_level_higher,
    put_into_the_one_before,
    forget_the_tags,
    write_text_beside_children,
    put_an_element_into_a_value,
]
MOSTLY_WRONG = [
    call_it_like_the_next,
    call_it_like_the_first,
    leave_out,
    copy,
    swap_with_the_next,
    leave_out_an_attribute,
]
"""A schema may allow it here or there."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load([data_folder("schemas")])


def parent_of(element: etree._Element) -> etree._Element:
    parent = element.getparent()
    assert parent is not None
    return parent


def changed(file: Path, change: Callable[[etree._Element], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield the sample with the change at some of its elements, and where that is."""
    parser = etree.XMLParser(remove_comments=True)
    count = sum(1 for _ in etree.parse(str(file), parser).iter("*"))
    numbers = list(range(1, count))
    random.Random(f"{file.name} {change.__name__}").shuffle(numbers)  # noqa: S311 any order will do
    left = EACH
    for number in numbers:
        tree = etree.parse(str(file), parser)
        element = list(tree.iter("*"))[number]
        path = tree.getpath(element)
        if change(element):
            yield path, etree.tostring(tree, encoding="UTF-8", xml_declaration=True)
            left -= 1
        if not left:
            return


def errors(catalogue: Catalogue, body: bytes) -> list[str]:
    try:
        with capture_logs() as logs:
            catalogue.read(body, today=DAY)
    except Problem as problem:
        assert not logs  # an error that is made good is told there
        return [each.message.de for each in problem.findings if each.severity == "error"]
    return []


@pytest.mark.parametrize("change", [*ALWAYS_WRONG, *MOSTLY_WRONG])
def test_each_change_is_made_to_some_samples(change: Callable[[etree._Element], bool]) -> None:
    assert any(next(changed(file, change), None) for file in SAMPLES)


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: "/".join(file.relative_to(FIXTURES).parts[::3]))
def test_one_fault_is_one_finding(catalogue: Catalogue, file: Path) -> None:
    told = {
        (change.__name__, path): errors(catalogue, body)
        for change in (*ALWAYS_WRONG, *MOSTLY_WRONG)
        for path, body in changed(file, change)
    }
    always = {change.__name__ for change in ALWAYS_WRONG}
    assert {
        at: found for at, found in told.items() if len(found) > 1 or (not found and at[0] in always)
    } == {}
