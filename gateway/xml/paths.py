"""XPaths that a portal developer can paste: names with the prefixes of the message itself.

A position stands only where an element has siblings of the same name. An element in a default namespace
has no prefix to take: the standard's manifest names one, or it is called `ns1`, `ns2` …; `namespaces` says
what the prefixes of a path stand for.
"""

import re
from collections.abc import Mapping

from lxml import etree

MAX_NAME = 128
"""Longer names are the sender's joke; such a step is written as `*[n]`, which is as exact."""
_PREFIX = re.compile(r"/@?([^/:@\[\]]+):")


class Names:
    """Prefixes and paths for one message; paths are cheapest when asked for in document order."""

    def __init__(self, root: etree._Element, known: Mapping[str, str] | None = None) -> None:
        self._known = {uri: prefix for prefix, uri in (known or {}).items()}
        self._prefixes: dict[str, str] = {}
        self._last: dict[tuple[etree._Element, str], tuple[etree._Element, int]] = {}
        self._claim("xml", "http://www.w3.org/XML/1998/namespace")
        for prefix, uri in root.nsmap.items():
            if prefix:
                self._claim(prefix, uri)

    def name(self, tag: str, prefix: str | None = None) -> str:
        """Write an expanded name `{uri}local` with its prefix; `prefix` is the one its element has."""
        uri, _, local = tag.rpartition("}")
        if not uri:
            return local
        return f"{self._prefix(uri[1:], prefix)}:{local}"

    def path(self, element: etree._Element, attribute: str | None = None) -> str:
        """Return the XPath of an element, or of one of its attributes; one of a very long name has none."""
        steps = [self._step(node) for node in (*reversed(list(element.iterancestors())), element)]
        if attribute and len(attribute) <= MAX_NAME:
            uri = etree.QName(attribute).namespace
            own = next((prefix for prefix, its in element.nsmap.items() if prefix and its == uri), None)
            steps.append(f"@{self.name(attribute, own)}")
        return "/" + "/".join(steps)

    def namespaces(self, path: str) -> dict[str, str]:
        """Return the prefixes that a path of ours uses, with what they stand for."""
        used = set(_PREFIX.findall(path))
        return {prefix: uri for uri, prefix in self._prefixes.items() if prefix in used}

    def _claim(self, prefix: str, uri: str) -> bool:
        if len(prefix) > MAX_NAME or prefix in self._prefixes.values():
            return False
        return self._prefixes.setdefault(uri, prefix) == prefix

    def _prefix(self, uri: str, preferred: str | None) -> str:
        """One prefix a namespace and one namespace a prefix, or the path would lead elsewhere."""
        if uri in self._prefixes:
            return self._prefixes[uri]
        for prefix in (preferred, self._known.get(uri)):
            if prefix and self._claim(prefix, uri):
                return prefix
        number = 1
        while not self._claim(f"ns{number}", uri):
            number += 1
        return f"ns{number}"

    def _step(self, element: etree._Element) -> str:
        tag = str(element.tag)
        if len(etree.QName(tag).localname) > MAX_NAME:
            return f"*[{self._position(element, '*')}]"
        name = self.name(tag, element.prefix)
        if not _has_twin(element, tag):
            return name
        return f"{name}[{self._position(element, tag)}]"

    def _position(self, element: etree._Element, tag: str) -> int:
        """Count on from the last sibling asked for, so that many findings cost one walk, not many."""
        parent = element.getparent()
        if parent is None:
            return 1
        known, position = self._last.get((parent, tag), (None, 0))
        if known is not None and known is not element:
            for step, sibling in enumerate(known.itersiblings(tag), start=1):
                if sibling is element:
                    position += step
                    break
            else:
                known = None
        if known is None:
            position = 1 + sum(1 for _ in element.itersiblings(tag, preceding=True))
        self._last[parent, tag] = (element, position)
        return position


def _has_twin(element: etree._Element, tag: str) -> bool:
    before = next(element.itersiblings(tag, preceding=True), None)
    return before is not None or next(element.itersiblings(tag), None) is not None
