"""XSLT as it is handed to a worker, and where each of its lines comes from.

A stylesheet is a tree until then: `schematron` writes one, `read_stylesheet` reads one that is published
ready compiled. What Saxon says of a line of its text is told as a line of the file that a person can edit.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.xml.reference import read_reference

XSL = "{http://www.w3.org/1999/XSL/Transform}"

_LINE = re.compile(r"\bon line (\d+)(?: column \d+)?(?: of \S+)?")


class Stylesheet:
    """One stylesheet, complete in itself: it can import and include nothing.

    Args:
        name: the file, as an operator knows it.
        root: `xsl:stylesheet`; each element's `sourceline` is the line it comes from.
        files: by elements, the file that they and all below them come from, where it is another.
    """

    def __init__(
        self, name: str, root: etree._Element, files: Mapping[etree._Element, str] | None = None
    ) -> None:
        self.name = name
        self.text = etree.tostring(root, encoding="unicode")
        self.key = hashlib.sha256(self.text.encode()).hexdigest()
        self._root = root
        self._files = files or {}

    def localise(self, complaint: str) -> str:
        """Return what Saxon says of the text with lines of the files that it was made of."""
        said = _LINE.sub(lambda found: self._places.get(int(found[1]), self.name), complaint)
        return f"{self.name}: {' '.join(said.split())}"

    @cached_property
    def _places(self) -> dict[int, str]:
        # The same elements in the same order: only their lines are new.
        # libxml2 objects to addresses of namespaces that it has itself written.
        parser = etree.XMLParser(huge_tree=True, recover=True)
        written = etree.fromstring(self.text.encode(), parser).iter("*")
        return {
            int(new.sourceline or 0): f"at {self._file(old)}:{old.sourceline}"
            for new, old in zip(written, self._root.iter("*"), strict=True)
        }

    def _file(self, element: etree._Element) -> str:
        origins = (element, *element.iterancestors())
        return next((self._files[each] for each in origins if each in self._files), self.name)


def read_stylesheet(path: Path) -> Stylesheet:
    """Read an XSLT file.

    Raises:
        ConfigurationError: it cannot be read or is no stylesheet.
    """
    root = read_reference(path)
    require_stylesheet(root, path)
    return Stylesheet(str(path), root)


def require_stylesheet(root: etree._Element, path: Path) -> None:
    """Check what would be told in more words, or for no reason that shows, when it is compiled.

    Raises:
        ConfigurationError: it is no stylesheet, or not complete in itself.
    """
    if root.tag not in {f"{XSL}stylesheet", f"{XSL}transform"}:
        raise ConfigurationError(f"{path}: is no XSLT: its root element is {root.tag}")
    for part in root.iterchildren(f"{XSL}import", f"{XSL}include"):
        raise ConfigurationError(
            f"{path}:{part.sourceline}: must be complete in itself, but asks for {part.get('href')}; "
            "a release has it in one piece"
        )
