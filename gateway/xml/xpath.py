"""What an XPath is made of, and which ones libxml2 answers as XPath 3.1 demands.

libxml2 knows XPath 1.0, which compares by other rules wherever a number or a truth value stands, and takes
the first of several values where XPath 3.1 fails; and it is asked of an element here, where the document is
meant. What has none of that means the same to both: paths from the document, in whose predicates values are
compared with texts.
Source: XPath 3.1, https://www.w3.org/TR/xpath-31/ (appendix I: incompatibilities with XPath 1.0)
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

_NAME = r"[^\W\d][\w.-]*"
_TOKEN = re.compile(
    rf""""[^"]*"|'[^']*'|\(:|Q\{{[^}}]*\}}|{_NAME}(?::(?!:)(?:{_NAME}|\*))?|\d+|//|::|\.\.|!=|[^ \t\r\n]""",
    re.DOTALL,
)
_COMMENT = re.compile(r"\(:|:\)")
_A_NAME = re.compile(rf"(?:({_NAME}):)?(?:{_NAME}|\*)")
_QUOTES = {'"', "'"}
_ARGUMENTS = {"string": 1, "normalize-space": 1, "local-name": 0, "namespace-uri": 0}
"""How many arguments functions that give a text may have; without one they ask for what is looked at."""
_IN_XPATH_1 = {"exists": "boolean", "empty": "not"}
_DEEPEST = 50


def tokens(xpath: str) -> list[str]:
    """Return the tokens of an XPath without its comments; a name is one token with its prefix."""
    written: list[str] = []
    at = 0
    while found := _TOKEN.search(xpath, at):
        at = found.end()
        if found[0] != "(:":
            written.append(found[0])
            continue
        depth = 1
        while depth and (bracket := _COMMENT.search(xpath, at)):
            at = bracket.end()
            depth += 1 if bracket[0] == "(:" else -1
        if depth:  # it never ends, which is for whoever compiles it to say
            written.append("(:")
            break
    return written


def prefixes(written: Iterable[str]) -> set[str]:
    """Return the prefixes of names among tokens."""
    return {found[1] for found in map(_A_NAME.fullmatch, written) if found and found[1]}


def in_xpath_1(written: Sequence[str]) -> str | None:
    """Return an XPath 1.0 that is true of the same documents; None where there might be a difference.

    Args:
        written: the tokens of a condition in XPath 3.1.
    """
    try:
        return _Reader(written).rewritten()
    except _Beyond:
        return None


class _Beyond(Exception):
    """Something that might not mean the same."""


class _Reader:
    """Reads a condition by a grammar that both versions take for the same; raises _Beyond elsewhere.

    All of it goes down the tree, a predicate by as many levels as it has steps: libxml2 has no limit of time.
    """

    def __init__(self, written: Sequence[str]) -> None:
        self._written = written
        self._at = 0
        self._depth = 0
        self._result: list[str] = []

    def rewritten(self) -> str:
        self._condition(inside=False)
        if self._at < len(self._written):
            raise _Beyond
        return " ".join(self._result)

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Beyond
        yield
        self._depth -= 1

    def _condition(self, *, inside: bool) -> None:
        with self._deeper():
            self._term(inside)
            while self._take("and", "or"):
                self._term(inside)

    def _term(self, inside: bool) -> None:
        if self._take("(") or self._calls("not", "boolean"):
            self._condition(inside=inside)
            self._expect(")")
        elif self._calls("exists", "empty"):
            self._path(inside)
            self._expect(")")
        elif self._calls("starts-with", "contains"):
            self._one_text(inside)
            self._expect(",")
            self._one_text(inside)
            self._expect(")")
        elif self._is_text:
            self._one_text(inside)
            if self._take("=", "!="):
                self._operand(inside)
        else:
            self._path(inside)
            if self._take("=", "!="):
                self._one_text(inside)

    def _operand(self, inside: bool) -> None:
        if self._is_text:
            self._one_text(inside)
        else:
            self._path(inside)

    @property
    def _is_text(self) -> bool:
        """Whether a literal comes, or a function that gives a text."""
        return self._next[:1] in _QUOTES or (self._next in _ARGUMENTS and self._ahead(1) == "(")

    def _one_text(self, inside: bool) -> None:
        """Read what is one text at most: of several, XPath 1.0 takes the first."""
        if self._next[:1] in _QUOTES:
            self._step_over()
        elif self._calls(*_ARGUMENTS):
            if self._next != ")" and _ARGUMENTS[self._written[self._at - 2]]:
                with self._deeper():
                    self._one_text(inside)
            elif not inside:
                raise _Beyond
            self._expect(")")
        elif not inside:
            raise _Beyond
        elif self._take("@"):
            self._name(wildcard=False)
        else:
            self._expect(".")

    def _path(self, inside: bool) -> None:
        """Read a path from the document, within a predicate one from the element that it is about."""
        if not inside and not self._take("/", "//"):
            raise _Beyond
        if inside and self._take("."):
            return
        self._step()
        while self._take("/"):
            self._step()

    def _step(self) -> None:
        if self._calls("text"):
            self._expect(")")
        else:
            self._take("@")
            self._name()
        while self._take("["):
            if self._next.isdecimal() and self._ahead(1) == "]":
                self._step_over()
            elif self._calls("last"):
                self._expect(")")
            else:
                self._condition(inside=True)
            self._expect("]")

    def _name(self, *, wildcard: bool = True) -> None:
        if not _A_NAME.fullmatch(self._next) or ("*" in self._next and not wildcard):
            raise _Beyond
        self._step_over()

    @property
    def _next(self) -> str:
        return self._ahead(0)

    def _ahead(self, count: int) -> str:
        place = self._at + count
        return self._written[place] if place < len(self._written) else ""

    def _step_over(self) -> None:
        token = self._next
        self._result.append(_IN_XPATH_1.get(token, token) if self._ahead(1) == "(" else token)
        self._at += 1

    def _calls(self, *names: str) -> bool:
        if self._next not in names or self._ahead(1) != "(":
            return False
        self._step_over()
        self._step_over()
        return True

    def _take(self, *wanted: str) -> bool:
        if self._next not in wanted:
            return False
        self._step_over()
        return True

    def _expect(self, wanted: str) -> None:
        if not self._take(wanted):
            raise _Beyond
