"""One fault found in a message, in the form that problem reports and Rückweisungen carry."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

MAX_FINDINGS = 200
"""A report names at most this many findings and counts the rest."""


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

    `path` is an XPath with the prefixes of the message's own tree; `line` and `column` (both from 1) are
    those of the start tag. A finding about the message as a whole has the path "/". One about something
    beside the message has a path such as `query/wait` or `metadata/channel`. Neither has line or column.
    """

    model_config = ConfigDict(frozen=True)
    code: str
    severity: Severity = Severity.ERROR
    path: str = "/"
    line: int | None = None
    column: int | None = None
    message: Bilingual
    hint: Bilingual | None = None
    documentation: str | None = None
