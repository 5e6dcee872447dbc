"""The report of a validation as one page that needs nothing else: for a ticket, a print, another desk.

Made on the sender's own machine from the sender's own file, it quotes the lines that findings are about;
no page of the gateway does.
"""

from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.cli.report import counted
from gateway.cli.source import Line, Source, visible
from gateway.domain.calendar import BERLIN

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)
_WIDTH = 110
_CONTEXT = 1

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["visible"] = visible


def page(source: Source, document: dict[str, Any]) -> str:
    """Return the page about a message.

    Args:
        document: the problem, or what is said of a valid message, as HTTP has it; `message_type` is its id
            where it is known, such as `xurkunde:1.1:urkunde.anforderung.0101`.
    """

    def excerpt(finding: dict[str, Any]) -> list[Line]:
        if finding["line"] is None:
            return []
        place = finding["line"], finding["column"]
        return source.excerpt(*place, width=_WIDTH, context=_CONTEXT)

    findings, more = document["findings"], document["findings_more"]
    return _ENVIRONMENT.get_template("page.html").render(
        style=_STYLE,
        policy=_POLICY,
        source=source,
        document=document,
        findings=[(finding, excerpt(finding)) for finding in findings],
        counts=counted(findings, more),
        prefixes=dict(pair for finding in findings for pair in finding["namespaces"].items()),
        standard=(document["message_type"] or "").split(":"),
        written=f"{datetime.now(BERLIN):%d.%m.%Y, %H:%M}",
    )
