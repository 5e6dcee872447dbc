"""Which elements an example has: all it may have, or only what it must, but others where it broke rules.

No rule is read. A rule says where it is broken, and what there is to change at a place is how much stands
there, besides the random numbers. What has helped at one place stays while others are still being tried.
Attributes stay as asked for: whether a message is a test is one.
"""

from collections import Counter
from collections.abc import Iterable
from typing import cast

from lxml import etree

from gateway.contract.findings import Finding
from gateway.standards.examples.parts import Tags, tags

_PATIENCE = 2
"""How often a rule is broken at a place before more is changed there than random numbers."""


class Plan:
    """What was asked for, and what earlier attempts at the same example have taught."""

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self._times = Counter[Tags]()
        self._empty: set[Tags] = set()

    def learn(self, root: etree._Element, broken: Iterable[Finding]) -> None:
        """Note where an attempt has broken rules."""
        found = {tags(element): element for each in broken for element in _found(root, each)}
        self._times.update(found.keys())
        self._empty |= {place for place, element in found.items() if len(element) == 0 and not element.text}

    def has_all(self, place: Tags, *, full: bool) -> bool:
        """Say whether elements that need not be there are written at a place.

        Where a full example has too much, less is written; where a minimal one has too little, more: first
        there, then also a level below, and if nothing helps, again as little as can be.

        Args:
            full: what was asked for, but for what is full once already.
        """
        if self.full:
            return full and self._times[place] < _PATIENCE
        return self._step(place) > 0 or self._step(place[:-1]) > 1

    def leaves_out(self, place: Tags) -> bool:
        """Say whether an element that need not be there is not written, though all is wanted."""
        return self.full and self._times[place] > _PATIENCE

    def fills(self, place: Tags) -> bool:
        """Say whether something is written into an element though it could be empty."""
        return place in self._empty

    def _step(self, place: Tags) -> int:
        return self._times[place] // _PATIENCE % 3


def _found(root: etree._Element, finding: Finding) -> list[etree._Element]:
    path = finding.path.partition("/@")[0]
    return cast("list[etree._Element]", root.xpath(path, namespaces=finding.namespaces)) or [root]
