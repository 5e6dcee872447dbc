"""One fault found in a message, in the form that problem reports and Rückweisungen carry."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from gateway.contract.codes import RejectCode

MAX_FINDINGS = 200
"""A report names at most this many findings and counts the rest."""

_LIST = "/@listURI"
_OF_LISTS = {"listURI", "listVersionID"}


class Severity(StrEnum):
    """Only an error refuses a message."""

    ERROR = "error"
    WARNING = "warning"


class Bilingual(BaseModel):
    """A sentence in German with its English counterpart."""

    model_config = ConfigDict(frozen=True)
    de: str
    en: str


class Finding(BaseModel):
    """What is wrong, where, and what would be right; never the rejected value itself.

    `path` is an XPath with the prefixes of the message's own tree, and `namespaces` says what exactly those
    that it uses stand for; `line` and `column` (both from 1) are those of the start tag, or of the attribute
    that the path leads to. `documentation` is what the schema says of the element, attribute, type or key. A
    finding about the message as a whole has the path "/". One about something beside the message has a path
    such as `query/wait` or `metadata/channel`. Neither has line or column.
    `rule` is the id of the standard's business rule that is broken, where it is one and has an id.
    """

    model_config = ConfigDict(frozen=True)
    code: str
    severity: Severity = Severity.ERROR
    path: str = "/"
    namespaces: dict[str, str] = Field(default_factory=dict)
    line: int | None = None
    column: int | None = None
    message: Bilingual
    hint: Bilingual | None = None
    documentation: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What one look at a message has found: at most MAX_FINDINGS in document order, and how many more.

    Errors stay where not all can be shown, so that a message is refused if and only if one is shown.
    """

    shown: tuple[Finding, ...] = ()
    more: int = 0
    broken: frozenset[tuple[str, Severity]] | None = None
    """Every rule that is broken, with its weight, shown or not; None where nobody knows."""

    def __bool__(self) -> bool:
        """Say whether there is any."""
        return bool(self.shown)

    @property
    def errors(self) -> frozenset[str]:
        """The codes for which the message is refused."""
        return frozenset(each.code for each in self.shown if each.severity is Severity.ERROR)

    def joined(self, other: Self) -> Self:
        """Add what another look has found, but for what is known to be wrong already.

        That is the same place, and a code in an element that names a wrong list: it is of another. A list of
        which address or version is missing may be named by an attribute that is wrong.
        """
        # A warning refuses nothing, so an error at its place must not be taken for told.
        known = {each.path for each in self.shown if each.severity is Severity.ERROR}
        attributes = [path.rpartition("/@") for path in known if "/@" in path]
        attributed = {element for element, _, name in attributes if name not in _OF_LISTS}
        coded = {path.removesuffix(_LIST) for path in known if path.endswith(_LIST)}
        fresh = [
            each
            for each in other.shown
            if each.path not in known
            and each.path.rpartition("/")[0] not in coded
            and not (each.code == RejectCode.CODE_LIST and each.path in attributed)
        ]
        return self.of([*self.shown, *fresh], self.more + other.more)

    def followed_by(self, other: Self) -> Self:
        """Add what a look of another kind has found, also at the same places."""
        return self.of([*self.shown, *other.shown], self.more + other.more, other.broken)

    @classmethod
    def of(
        cls,
        findings: Iterable[Finding],
        more: int = 0,
        broken: frozenset[tuple[str, Severity]] | None = None,
    ) -> Self:
        """Bring findings into document order and leave out, warnings first, what is too much."""
        ordered = sorted(findings, key=_place)
        kept = sorted(ordered, key=lambda each: each.severity is not Severity.ERROR)[:MAX_FINDINGS]
        return cls(tuple(sorted(kept, key=_place)), more + len(ordered) - len(kept), broken)


def _place(finding: Finding) -> tuple[int, int]:
    return finding.line or 0, finding.column or 0
