"""Whether both engines judge a message alike, and where they do not, why not.

libxml2 decides; docs/decisions/0002 says what it leaves out. A disagreement without a reason (`reasons`) is a
violation.
"""

import tempfile
from dataclasses import dataclass
from functools import cache
from typing import Any

import xmlschema

from gateway.xml.parse import parse
from gateway.xml.validate import Schema
from gateway.xml.xmlschema_faults import MAX_NAMESPACE_DECLARATIONS

_MAX_TAGS = 2000
"""xmlschema is slow: what it says of larger messages is the same, many times."""


@dataclass(frozen=True)
class Verdicts:
    """What both engines say of one message: the codes and sentences of libxml2, the errors of xmlschema.

    `broke` is what xmlschema raised, when it came to no verdict; it is None where it was not asked.
    """

    libxml2: list[tuple[str, str]]
    xmlschema: list[Any]
    asked: bool
    broke: str | None

    @property
    def agree(self) -> bool:
        """Whether both accept or both refuse, as far as both were heard; what raises has not accepted."""
        return not self.asked or bool(self.libxml2) == bool(self.xmlschema or self.broke)

    @property
    def summary(self) -> str:
        """Say who refuses and with which first words."""
        if self.libxml2:
            return f"libxml2 refuses: {self.libxml2[0][0]}"
        if self.broke:
            return f"xmlschema raises {self.broke}"
        first = self.xmlschema[0]
        return f"xmlschema refuses: {type(first.validator).__name__} {(first.reason or '')[:60]}"


@cache
def _second(schema: Schema) -> xmlschema.XMLSchema:
    """Compile a schema for xmlschema as it is: the gateway has it match patterns by libxml2."""
    with tempfile.TemporaryDirectory(prefix="amtsbote-fuzz-") as folder:
        return xmlschema.XMLSchema(schema.documents.write(folder), base_url=folder, allow="sandbox")


def judge(schema: Schema, body: bytes) -> Verdicts:
    """Have each engine judge a message on a tree of its own; only for what `parse` accepts."""
    second = _second(schema)
    schema.lxml.validate(parse(body))
    found = [(str(each.type_name), str(each.message)) for each in [*schema.lxml.error_log]]  # type: ignore[misc]
    if body.count(b"<") > _MAX_TAGS or body.count(b"xmlns") > MAX_NAMESPACE_DECLARATIONS:
        return Verdicts(found, [], asked=False, broke=None)
    try:
        return Verdicts(found, list(second.iter_errors(parse(body))), asked=True, broke=None)
    except Exception as error:  # what it leaks is known to be of many kinds
        return Verdicts(found, [], asked=True, broke=type(error).__name__)
