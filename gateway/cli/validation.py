"""The command that judges a message as the gateway does, and says so in the form that is asked for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.portal import Attach, Message, Meta, Url, ask, read_metadata
from gateway.cli.report import problem_report
from gateway.cli.run import NOT_AVAILABLE, REFUSED, AsJson, as_document, errors, read_settings, show
from gateway.cli.source import Source
from gateway.cli.text import valid_text
from gateway.errors import (
    ConfigurationError,
    InternalFault,
    MethodNotAllowed,
    Problem,
    Unauthenticated,
    UnknownAddress,
    UnknownMessageType,
)
from gateway.portal import File, Portal, PortalError, read_file
from gateway.settings import Settings

_SAMPLES = "fixtures/xparken/1.0"
_STDOUT = Path("-")

_UNKNOWN = f"/problems/{UnknownMessageType.type}"
_NOT_OF_MESSAGES = {
    f"/problems/{each.type}" for each in (Unauthenticated, UnknownAddress, MethodNotAllowed, InternalFault)
}
"""What is said of the call alone."""
_NONE_ADDED = (
    "Standards that were added are not looked at: there is no folder {}. Run this where `var/` is, or name "
    "the folders in AMTSBOTE_STANDARDS."
)

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a message, as HTTP has it; `valid` is None where it cannot be said now.

    `rejection` is the Rückweisung of one that is refused, if it has one and somebody wants it.
    """

    document: dict[str, Any]
    rejection: bytes = b""

    @property
    def exit_code(self) -> int:
        """0, or why not."""
        return {True: 0, False: REFUSED, None: NOT_AVAILABLE}[self.document["valid"]]


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
    client: Annotated[
        str | None,
        typer.Option(help="Ask the gateway, as this client: also who may send, and where it would go."),
    ] = None,
    metadata: Meta = None,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Validate a message and its attachments as the gateway does; none is needed, nothing is sent.

    Which office it goes to, whether that takes this version or it can be converted, and whether a client may
    send it, only a gateway knows: --client asks it.
    """
    if [as_json, as_xml, html == _STDOUT].count(True) > 1:
        raise typer.BadParameter("one of --json, --xml and --html - can be printed")
    if client is None and (metadata or url):
        raise typer.BadParameter("--metadata and --url are for the gateway, which asks who sends: --client")
    source, files = Source(str(file), file.read_bytes()), [read_file(path) for path in attach]
    settings = read_settings(as_json=as_json)
    if client is None:
        with errors(as_json=as_json):
            verdict = asyncio.run(_judge(settings, source.body, files, as_xml=as_xml))
    else:
        stated = read_metadata(metadata)
        question = partial(_ask_for, source.body, stated, files, as_xml=as_xml)
        verdict = ask(question, url=url, client=client, as_json=as_json, source=source)
    if html:
        _write_page(html, source, verdict)
    if html != _STDOUT:
        _print(source, verdict, as_json=as_json, as_xml=as_xml)
    if verdict.document.get("type") == _UNKNOWN and client is None and not settings.added_standards.is_dir():
        typer.echo(_NONE_ADDED.format(settings.added_standards.absolute()), err=True)
    if verdict.exit_code:
        raise typer.Exit(verdict.exit_code)


async def _judge(settings: Settings, body: bytes, files: Sequence[File], *, as_xml: bool) -> Verdict:
    from gateway.intake import Attachment
    from gateway.intake.examine import read
    from gateway.standards import Catalogue
    from gateway.standards.reading import limits_of

    attachments = [Attachment(each.name, each.media_type, each.data) for each in files]
    catalogue = Catalogue.load(settings.standards_folders)
    try:
        incoming = await read(catalogue, body, attachments, limits_of(settings))
    except Problem as problem:
        if fault := next((each.fault for each in catalogue.standards if each.fault), ""):
            raise ConfigurationError(fault) from None
        rejection = _rejection(problem) if as_xml and problem.code else b""
        return Verdict(_refused(as_document(problem)), rejection)
    warnings = incoming.warnings
    return Verdict(
        {
            "valid": True,
            "message_type": incoming.message_type.id,
            "findings": [each.model_dump(mode="json") for each in warnings.shown],
            "findings_more": warnings.more,
        }
    )


async def _ask_for(
    body: bytes, metadata: str | None, files: Sequence[File], portal: Portal, *, as_xml: bool
) -> Verdict:
    try:
        return Verdict(await portal.validate(body, metadata=metadata, files=files))
    except PortalError as error:
        problem = error.problem
        if problem.get("type") in _NOT_OF_MESSAGES or not {"findings", "code", "retryable"} <= problem.keys():
            raise
    asks = as_xml and problem["code"]
    rejection = await portal.rejection(body, metadata=metadata, files=files) if asks else b""
    return Verdict(_refused(problem), rejection)


def _refused(problem: dict[str, Any]) -> dict[str, Any]:
    return {"valid": None if problem["retryable"] else False, "message_type": None} | problem


def _print(source: Source, verdict: Verdict, *, as_json: bool, as_xml: bool) -> None:
    document = verdict.document
    if verdict.rejection:
        typer.echo(verdict.rejection, nl=False)
        return
    text = (valid_text if document["valid"] else problem_report)(document, source)
    # Nobody's verdict is no report.
    show(document, text, as_json=as_json, err=not as_json and (as_xml or document["valid"] is None))


def _rejection(problem: Problem) -> bytes:
    from gateway.intake.receipt import rejection_from
    from gateway.xml.rueckkanal import Head, Party

    here = Party("amtsbote", "amtsbote", "Amtsbote")
    return rejection_from(Head(author=here, reader=here, created_at=datetime.now(UTC)), problem)


def _write_page(html: Path, source: Source, verdict: Verdict) -> None:
    from gateway.cli.page import page

    text = page(source, verdict.document)
    if html == _STDOUT:
        typer.echo(text, nl=False)
        return
    try:
        html.write_text(text, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{html}: {error.strerror}", param_hint="--html") from error
