"""Commands that do what a portal does: send, and read what came back."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import typer

from gateway.cli.run import AsJson, errors, read_settings, show
from gateway.cli.source import Source
from gateway.cli.text import mailbox_text, receipt_text, submission_text
from gateway.contract.states import SubmissionStatus
from gateway.errors import ConfigurationError
from gateway.portal import Portal, read_file
from gateway.settings import Settings, read_secret

_SAMPLES = "fixtures/xparken/1.0"

app = typer.Typer()

T = TypeVar("T")


def _web_address(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        is_usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # no port, or brackets that are none
        is_usable = False
    if not is_usable or re.search(r"\s", value):
        raise typer.BadParameter("must be an address such as http://127.0.0.1:8080")
    return value


Message = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The XML message.")]
Attach = Annotated[
    list[Path], typer.Option("--attach", "-a", exists=True, dir_okay=False, help="An attachment; repeatable.")
]
Meta = Annotated[
    Path | None,
    typer.Option("--metadata", exists=True, dir_okay=False, help="The JSON part `metadata`."),
]
Url = Annotated[
    str | None, typer.Option(help="The gateway; AMTSBOTE_GATEWAY_URL otherwise.", callback=_web_address)
]
As = Annotated[str, typer.Option("--client", help="Which client to be; its secret is read from its file.")]


@app.command(
    epilog=f"Example: amtsbote send {_SAMPLES}/valid/05-leasingwagen-mit-ueberlassung.xml "
    f"--attach {_SAMPLES}/anlagen/ueberlassung-leasing.pdf --client demo-portal"
)
def send(
    file: Message,
    attach: Attach = [],  # noqa: B006 typer reads the default and never changes it
    metadata: Meta = None,
    case: Annotated[str | None, typer.Option(help="The case that it belongs to.")] = None,
    url: Url = None,
    client: As = "demo-portal",
    as_json: AsJson = False,
) -> None:
    """Post a message as a portal would."""
    source, files = Source(str(file), file.read_bytes()), [read_file(path) for path in attach]
    stated = read_metadata(metadata)

    async def post(portal: Portal) -> dict[str, Any]:
        if case:
            return await portal.reply(case, source.body, metadata=stated, files=files)
        return await portal.submit(source.body, metadata=stated, files=files)

    answer = ask(post, url=url, client=client, as_json=as_json, source=source)
    show(answer, receipt_text(answer, source), as_json=as_json)


@app.command(epilog="Example: amtsbote status 0193… --client demo-portal")
def status(
    submission: Annotated[str, typer.Argument(help="The id that the gateway gave it.")],
    url: Url = None,
    client: As = "demo-portal",
    as_json: AsJson = False,
) -> None:
    """Show where a submission stands, why it was refused, and what happened to it."""

    async def read(portal: Portal) -> dict[str, Any]:
        view, _ = await portal.submission(submission)
        view = view or {}
        events = (await portal.events(submission))["events"]
        return view | {"events": events, "rejections": await _rejections(portal, view)}

    answer = ask(read, url=url, client=client, as_json=as_json)
    show(answer, submission_text(answer), as_json=as_json)


async def _rejections(portal: Portal, view: dict[str, Any]) -> list[dict[str, str]]:
    """Read why the case's submissions were refused, from each Rückweisung."""
    from gateway.xml import rueckkanal_read
    from gateway.xml.parse import parse

    if view["status"] != SubmissionStatus.REFUSED:
        return []
    said = [each["link"] for each in await portal.dialogue(view["case_id"]) if each["type"].endswith(".1190")]
    details = [rueckkanal_read.reject_details(parse(await portal.content(link))) for link in said]
    return [{"code": each.code, "description": each.description} for some in details for each in some]


@app.command(epilog="Example: amtsbote mailbox --after 12 --wait 30 --client demo-portal")
def mailbox(
    after: Annotated[str, typer.Option(help="The cursor `next` of the page before.")] = "0",
    wait: Annotated[int, typer.Option(min=0, max=60, help="Seconds to wait for news.")] = 0,
    case: Annotated[str | None, typer.Option(help="Only what belongs to this case.")] = None,
    collect: Annotated[bool, typer.Option(help="Say that these were taken over.")] = False,
    url: Url = None,
    client: As = "demo-portal",
    as_json: AsJson = False,
) -> None:
    """Show what came back for a client."""

    async def read(portal: Portal) -> dict[str, Any]:
        page = await _next_page(portal, after, wait_s=wait, case=case)
        if collect:
            for item in page["items"]:
                await portal.collect(item["message_id"])
        return page

    page = ask(read, url=url, client=client, as_json=as_json)
    show(page, mailbox_text(page), as_json=as_json)


async def _next_page(portal: Portal, after: str, *, wait_s: float, case: str | None) -> dict[str, Any]:
    """Read the next page that has something of the case, until there is none within `wait_s`."""
    until = time.monotonic() + wait_s
    while True:
        page = await portal.mailbox(after=after, wait_s=max(0, until - time.monotonic()))
        items = [item for item in page["items"] if case in (None, item["case_id"])]
        if items or page["next"] == after:
            return page | {"items": items}
        after = page["next"]


def read_metadata(path: Path | None) -> str | None:
    """Read the part `metadata` from a file, if one is named."""
    try:
        return path.read_text(encoding="utf-8") if path else None
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{path} is not UTF-8", param_hint="--metadata") from error


def ask(
    question: Callable[[Portal], Awaitable[T]],
    *,
    url: str | None,
    client: str,
    as_json: bool,
    source: Source | None = None,
) -> T:
    """Ask a gateway as one of its clients, or say what went wrong and end; `source` is what is sent."""
    settings = read_settings(as_json=as_json)

    async def work() -> T:
        secret = _client_secret(settings, client)
        async with Portal(url or settings.gateway_url, client, secret) as portal:
            return await question(portal)

    with errors(as_json=as_json, source=source):
        return asyncio.run(work())


def _client_secret(settings: Settings, client: str) -> str:
    folder = settings.secrets / "clients"
    if not folder.is_dir():
        raise ConfigurationError(
            f"there are no secrets in {settings.secrets.absolute()}: run this where `var/` is, or name their "
            "folder in AMTSBOTE_SECRETS_DIR"
        )
    known = sorted(path.name for path in folder.iterdir())
    if client not in known:
        raise ConfigurationError(f"there is no client {client} in {folder}; there are {', '.join(known)}")
    return read_secret(folder / client)
