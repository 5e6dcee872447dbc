"""A Schematron schema as one tree: what it includes put in, its abstract patterns filled in.

Every element keeps its line, and the root of every file says which file that is.
"""

import re
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.xml.reference import read_reference

SCH = "{http://purl.oclc.org/dsdl/schematron}"
PATTERNS = (f"{SCH}pattern", f"{SCH}group")

_FILE = "{urn:amtsbote:schematron}file"
_BINDINGS = ("xslt2", "xslt3", "xpath2", "xpath3", "xpath31")
MAX_INCLUSIONS = 500
"""Files that include each other twice over would grow without end."""
MAX_WEIGHT = 200_000
"""Of what a schema becomes with all that it includes, instantiates and extends, which can grow by powers:
elements, and text by what is as long as one. Of published ones none that compiles weighs more than 18,000."""
CHARACTERS = 32


def fail(element: etree._Element, complaint: str) -> NoReturn:
    """Say what is wrong with an element of a schema, and where it stands."""
    raise ConfigurationError(f"{file_of(element)}:{element.sourceline}: {complaint}")


class Growth:
    """How much a schema may still grow."""

    def __init__(self) -> None:
        self._left = MAX_WEIGHT

    def add(self, element: etree._Element) -> None:
        """Count an element of the schema that is put somewhere, with all below it."""
        for each in element.iter():
            values = map(len, each.attrib.values()) if isinstance(each.tag, str) else ()
            self.add_text(element, sum(values, len(each.text or "") + len(each.tail or "")) + CHARACTERS)

    def add_text(self, element: etree._Element, characters: int) -> None:
        """Count text that an element of the schema stands for.

        Raises:
            ConfigurationError: it is too much.
        """
        self._left -= characters // CHARACTERS
        if self._left < 0:
            fail(element, "here the schema grows too large, by what it includes, instantiates or extends")


def file_of(element: etree._Element) -> str:
    """Return the file that an element was read from."""
    return next(file for each in (element, *element.iterancestors()) if (file := each.get(_FILE)))


def load(path: Path, within: Path) -> etree._Element:
    """Read a schema with everything that it includes from below the folder `within`.

    Raises:
        ConfigurationError: a file is missing or wrong, or the schema is none that can be compiled here.
    """
    growth = Growth()
    schema = _Reading(within.resolve(), growth).read(path.resolve())
    if schema.tag != f"{SCH}schema":
        fail(schema, f"is no Schematron: the root element is {schema.tag}, not {SCH}schema")
    binding = schema.get("queryBinding")
    if binding is None:
        fail(schema, 'has no queryBinding, which means XSLT 1; if it is meant so, write queryBinding="xslt2"')
    if binding.lower() not in _BINDINGS:
        fail(schema, f"queryBinding {binding} is not among {', '.join(_BINDINGS)}")
    _fill_in(schema, growth)
    return schema


@dataclass
class _Reading:
    within: Path
    growth: Growth
    inclusions: int = 0

    def read(self, path: Path, above: tuple[Path, ...] = ()) -> etree._Element:
        root = read_reference(path)
        root.set(_FILE, str(path))
        self.growth.add(root)
        for reference in [*root.iter(f"{SCH}include", f"{SCH}extends")]:
            if "href" in reference.attrib:
                self._replace(reference, (*above, path))
        return root

    def _replace(self, reference: etree._Element, above: tuple[Path, ...]) -> None:
        """Put in the element that is meant for `include`, and what that contains for `extends`."""
        self.inclusions += 1
        name, _, fragment = reference.get("href", "").partition("#")
        target = (above[-1].parent / name).resolve()
        if ":" in name or not target.is_relative_to(self.within):
            fail(reference, f"includes {name}, which is not in the folder of this standard")
        if target in above or self.inclusions > MAX_INCLUSIONS:
            fail(reference, f"includes {name} without end")
        included = self.read(target, above)
        if fragment:
            marked = next((each for each in included.iter("*") if fragment in _ids(each)), None)
            if marked is None:
                fail(reference, f"nothing in {name} has the id {fragment}")
            included = marked
        parts = [included] if reference.tag == f"{SCH}include" else [*included.iterchildren("*")]
        parent = reference.getparent()
        if parent is None:
            fail(reference, "must not be the root element")
        for part in parts:
            part.set(_FILE, file_of(part))
        parent[parent.index(reference) : parent.index(reference) + 1] = parts


def _ids(element: etree._Element) -> tuple[str | None, str | None]:
    return element.get("id"), element.get("{http://www.w3.org/XML/1998/namespace}id")


def _fill_in(schema: etree._Element, growth: Growth) -> None:
    """Give each pattern that is an instance of an abstract one the content of that, with its parameters."""
    abstract = {each.get("id"): each for each in schema.iter(*PATTERNS) if each.get("abstract") == "true"}
    for pattern in [*schema.iter(*PATTERNS)]:
        if "is-a" in pattern.attrib:
            model = abstract.get(pattern.get("is-a"))
            if model is None:
                fail(pattern, f"there is no abstract pattern {pattern.get('is-a')}")
            growth.add(model)
            values = _parameters(model) | _parameters(pattern)
            parts = [part for part in deepcopy(model).iterchildren("*") if part.tag != f"{SCH}param"]
            file = file_of(model)
            pattern[:] = []
            for part in parts:
                part.set(_FILE, part.get(_FILE, file))
                _substitute(part, values, growth)
                pattern.append(part)


def _parameters(pattern: etree._Element) -> dict[str, str]:
    return {each.get("name", ""): each.get("value", "") for each in pattern.iterchildren(f"{SCH}param")}


def _substitute(part: etree._Element, values: dict[str, str], growth: Growth) -> None:
    if not values:
        return
    names = "|".join(map(re.escape, sorted(values, key=len, reverse=True)))
    parameter = re.compile(rf"\$({names})(?![\w.-])")
    for element in part.iter("*"):
        for name, value in element.items():
            growth.add_text(element, sum(len(values[each[1]]) for each in parameter.finditer(str(value))))
            element.set(name, parameter.sub(lambda found: values[found[1]], str(value)))
