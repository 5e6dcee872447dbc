"""Which code list an example names, and which code it takes from there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from xmlschema.validators import XsdAttribute

from gateway.standards.codelists import CodeList

URI = "listURI"
VERSION = "listVersionID"
_MADE_UP = {URI: "urn:example:codeliste:beispiel", VERSION: "1"}


@dataclass(frozen=True)
class Coding:
    """What a coded element says: its attributes, and the codes to choose from (none where none are known)."""

    attributes: dict[str, str]
    codes: list[str]


class Codes:
    """The code lists of a standard; where it is closed, a message may name no other."""

    def __init__(self, lists: Iterable[CodeList], *, closed: bool) -> None:
        self._lists = sorted(lists, key=lambda each: (each.uri, each.version))
        self._closed = closed

    def coding(self, declared: dict[str, XsdAttribute], name: str, random: Random) -> Coding | None:
        """Return how an element of that name is coded; None where it has no attribute for a list.

        Args:
            declared: its attributes by name.
        """
        if URI not in declared:
            return None
        fitting = self._fitting(declared, name)
        if not fitting:
            return Coding(dict(_MADE_UP), [])
        chosen = random.choice(fitting)
        codes = sorted(chosen.codes)
        start = random.randrange(len(codes))
        return Coding({URI: chosen.uri, VERSION: chosen.version}, codes[start:] + codes[:start])

    def _fitting(self, declared: dict[str, XsdAttribute], name: str) -> list[CodeList]:
        """Return the lists that the schema leaves; where it leaves all of them, those of that name."""
        uri, _ = _stated(declared, URI)
        version, is_fixed = _stated(declared, VERSION)
        found = [each for each in self._lists if uri in (None, each.uri)]
        exact = [each for each in found if version in (None, each.version)]
        fitting = exact if exact or is_fixed else found
        if uri is not None:
            return fitting
        return [each for each in fitting if _is_called(each, name)] or (fitting if self._closed else [])


def _stated(declared: dict[str, XsdAttribute], name: str) -> tuple[str | None, bool]:
    attribute = declared.get(name)
    if attribute is None:
        return None, False
    return attribute.fixed or attribute.default or None, attribute.fixed is not None


def _is_called(code_list: CodeList, name: str) -> bool:
    called, wanted = re.split(r"[:./]", code_list.uri.lower())[-1], name.lower()
    return called in wanted or wanted in called
