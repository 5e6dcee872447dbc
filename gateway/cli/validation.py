"""The command that judges a message as the gateway does, and says so in the form that is asked for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.portal import Attach, Message
from gateway.cli.report import problem_report
from gateway.cli.run import AsJson, as_document, errors, exit_code, read_settings, show
from gateway.cli.source import Source
from gateway.cli.text import valid_text
from gateway.errors import ConfigurationError, Problem
from gateway.portal import read_file
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.contract.findings import Findings

_SAMPLES = "fixtures/xparken/1.0"
_STDOUT = Path("-")

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the intake says of a message: refused for a problem, or valid, perhaps with warnings."""

    problem: Problem | None
    message_type: str | None
    warnings: "Findings | None" = None

    def document(self) -> dict[str, Any]:
        """Return it as HTTP has it; `valid` is None where it cannot be said now."""
        if self.problem:
            valid = None if self.problem.retryable else False
            return {"valid": valid, "message_type": self.message_type} | as_document(self.problem)
        assert self.warnings is not None  # noqa: S101 there is one of both
        return {
            "valid": True,
            "message_type": self.message_type,
            "findings": [each.model_dump(mode="json") for each in self.warnings.shown],
            "findings_more": self.warnings.more,
        }


@app.command(
    epilog=f"Example: amtsbote validate {_SAMPLES}/invalid/17-sechs-fehler.xml --html page.html || echo no"
)
def validate(
    file: Message,
    attach: Attach = [],  # noqa: B006 typer reads the default and never changes it
    html: Annotated[
        Path | None,
        typer.Option(dir_okay=False, allow_dash=True, help="Also write a page for people; - is stdout."),
    ] = None,
    as_xml: Annotated[bool, typer.Option("--xml", help="Print the Rückweisung of what is refused.")] = False,
    as_json: AsJson = False,
) -> None:
    """Validate a message and its attachments as the gateway does; none is needed, nothing is sent.

    Which office it goes to, whether that takes this version or it can be converted, and whether this client
    may send it, only the gateway knows: POST /v1/validate.
    """
    if [as_json, as_xml, html == _STDOUT].count(True) > 1:
        raise typer.BadParameter("one of --json, --xml and --html - can be printed")
    settings = read_settings(as_json=as_json)
    source = Source(str(file), file.read_bytes())
    with errors(as_json=as_json):
        verdict = asyncio.run(_judge(settings, source.body, attach))
    if html:
        _write_page(html, source, verdict)
    if html != _STDOUT:
        _print(source, verdict, as_json=as_json, as_xml=as_xml)
    if verdict.problem:
        raise typer.Exit(exit_code(verdict.problem))


async def _judge(settings: Settings, body: bytes, attach: Sequence[Path]) -> Verdict:
    from gateway.intake import Attachment
    from gateway.intake.examine import read
    from gateway.standards import Catalogue
    from gateway.standards.reading import limits_of

    files = [read_file(path) for path in attach]
    attachments = [Attachment(each.name, each.media_type, each.data) for each in files]
    catalogue = Catalogue.load(settings.standards_folders)
    try:
        incoming = await read(catalogue, body, attachments, limits_of(settings))
    except Problem as problem:
        if fault := next((each.fault for each in catalogue.standards if each.fault), ""):
            raise ConfigurationError(fault) from None
        return Verdict(problem, problem.message_type)
    return Verdict(None, incoming.message_type.id, incoming.warnings)


def _print(source: Source, verdict: Verdict, *, as_json: bool, as_xml: bool) -> None:
    document, problem = verdict.document(), verdict.problem
    if as_xml and problem and problem.code:
        typer.echo(_rejection(problem), nl=False)
    elif problem:
        show(document, problem_report(document, source), as_json=as_json, err=not as_json)
    else:
        show(document, valid_text(document, source), as_json=as_json, err=as_xml)


def _rejection(problem: Problem) -> bytes:
    from gateway.intake.receipt import rejection_from
    from gateway.xml.rueckkanal import Head, Party

    here = Party("amtsbote", "amtsbote", "Amtsbote")
    return rejection_from(Head(author=here, reader=here, created_at=datetime.now(UTC)), problem)


def _write_page(html: Path, source: Source, verdict: Verdict) -> None:
    from gateway.cli.page import page

    text = page(source, verdict.document(), verdict.message_type)
    if html == _STDOUT:
        typer.echo(text, nl=False)
        return
    try:
        html.write_text(text, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{html}: {error.strerror}", param_hint="--html") from error
