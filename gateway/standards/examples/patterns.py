"""Texts that match a pattern of a schema, made of plain letters and digits where the pattern lets them.

A pattern comes as xmlschema has translated it for Python's `re`, whose parser says what is in it. Nothing is
promised about length or about other patterns of the same type: the caller tries a text and asks for another.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from random import Random
from typing import Any

# Private, and the only parser of `re` there is since sre_parse became an alias; the libraries that make
# texts from patterns stand on it as well.
from re import _parser  # type: ignore[attr-defined]  # isort: skip

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PREFERRED = (_LETTERS + "0123456789", "ÄÖÜäöüß", " -_.,:/", "".join(map(chr, range(0x21, 0x7F))))
_ALL = range(0x20, 0x3000)
_MAX_REPEATS = 10_000


def matching(pattern: re.Pattern[str], random: Random, more: int = 0) -> str:
    """Return a text that matches the pattern, save for a rare look-around or back reference.

    Args:
        more: how often a part that may be repeated is repeated beyond what it must be, at most.
    """
    return _Text(random, more).of(_parsed(pattern.pattern))


@lru_cache(maxsize=512)
def _parsed(pattern: str) -> Sequence[Any]:
    parsed: Sequence[Any] = _parser.parse(pattern)
    return parsed


class _Text:
    """One walk through a parsed pattern."""

    def __init__(self, random: Random, more: int) -> None:
        self._random = random
        self._more = more

    def of(self, parts: Sequence[Any]) -> str:
        return "".join(self._part(str(operation), argument) for operation, argument in parts)

    def _part(self, operation: str, argument: Any) -> str:
        match operation:
            case "LITERAL":
                return chr(argument)
            case "NOT_LITERAL" | "ANY" | "IN":
                return self._random.choice(_characters(operation, _hashable(argument)))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                return self._repeated(*argument)
            case "SUBPATTERN":
                return self.of(argument[-1])
            case "ATOMIC_GROUP":
                return self.of(argument)
            case "BRANCH":
                return self.of(self._random.choice(argument[1]))
            case _:  # an anchor: between characters there is nothing to write
                return ""

    def _repeated(self, least: Any, most: Any, parts: Sequence[Any]) -> str:
        most = min(int(most), int(least) + self._more, _MAX_REPEATS)
        return "".join(self.of(parts) for _ in range(self._random.randint(int(least), max(most, int(least)))))


def _hashable(argument: Any) -> Any:
    return tuple((str(kind), value) for kind, value in argument) if isinstance(argument, list) else argument


@lru_cache(maxsize=1024)
def _characters(operation: str, argument: Any) -> str:
    """Return the most readable characters that fit a class; any character, where none is known to."""
    for preferred in (*_PREFERRED, map(chr, _ALL), _stated(argument)):
        if found := "".join(each for each in preferred if _fits(each, operation, argument)):
            return found
    return "?"


def _stated(argument: Any) -> Iterator[str]:
    """Return characters that a class names; not for one that is a single character or everything."""
    for kind, value in argument if isinstance(argument, tuple) else ():
        if kind in ("LITERAL", "RANGE"):
            yield chr(value if kind == "LITERAL" else value[0])


def _fits(character: str, operation: str, argument: Any) -> bool:
    if operation == "ANY":
        return character != "\n"
    if operation == "NOT_LITERAL":
        return bool(ord(character) != argument)
    negated: bool = ("NEGATE", None) in argument
    return negated != any(_in_item(character, kind, value) for kind, value in argument if kind != "NEGATE")


def _in_item(character: str, kind: str, value: Any) -> bool:
    match kind:
        case "LITERAL":
            return bool(ord(character) == value)
        case "RANGE":
            return bool(value[0] <= ord(character) <= value[1])
        case _:
            return _in_category(character, str(value))


def _in_category(character: str, category: str) -> bool:
    name = category.removeprefix("CATEGORY_")
    found = {
        "DIGIT": unicodedata.category(character) == "Nd",
        "SPACE": character.isspace(),
        "WORD": character.isalnum() or character == "_",
    }[name.removeprefix("NOT_")]
    return found != name.startswith("NOT_")
