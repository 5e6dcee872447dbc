"""The command line: `amtsbote serve | demo | work | migrate | config | send | validate | status | mailbox`.

Exit codes, the same for every command: 0 done; 1 refused, with the reason; 2 wrong usage; 3 not available
now, sending again is safe; 4 settings or configuration are not usable.
"""

import asyncio
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from gateway.cli_text import as_problem, mailbox_text, problem_text, receipt_text, submission_text
from gateway.contract.states import SubmissionStatus
from gateway.errors import (
    ConfigurationError,
    Problem,
    StoreInUse,
    StoreUnavailable,
)
from gateway.logs import configure_logs
from gateway.portal import GatewayUnreachable, Portal, PortalError, read_file
from gateway.process import run, spare_collector, stop_on_signal
from gateway.settings import Settings, load_settings, read_secret

REFUSED = 1
NOT_AVAILABLE = 3
NOT_CONFIGURED = 4
_SAMPLES = "fixtures/xparken/1.0"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Amtsbote carries applications from portals to specialist applications and decisions back.",
    epilog="Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not available now (try again), 4 not configured.",
)
config_app = typer.Typer(no_args_is_help=True, help="The configuration file.")
app.add_typer(config_app, name="config")

T = TypeVar("T")


def _web_address(value: str | None) -> str | None:
    if value is not None and not re.match(r"https?://[^/\s]+", value):
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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line."""
    app()


@app.callback()
def _prepare() -> None:
    # What a command writes holds personal data or secrets: nobody else on this machine may read it.
    os.umask(0o077)


@app.command(epilog="Example: AMTSBOTE_CONFIG=fixtures/demo/config.yaml amtsbote serve --port 8080")
def serve(
    host: Annotated[str | None, typer.Option(help="Where to listen; AMTSBOTE_HOST otherwise.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; AMTSBOTE_PORT otherwise.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the gateway with every role, until Ctrl-C or SIGTERM."""
    settings = _settings(as_json=as_json, host=host, port=port)
    configure_logs(settings.log_level)
    _run(_serve(settings, as_json=as_json), as_json=as_json)


async def _serve(settings: Settings, *, as_json: bool) -> None:
    from gateway.bootstrap import running_gateway
    from gateway.server import serving

    with stop_on_signal() as stop:
        async with (
            running_gateway(settings) as parts,
            serving(parts.app, settings.host, settings.port) as port,
        ):
            spare_collector()
            url = f"http://{settings.host}:{port}"
            where = {"url": url, "docs": f"{url}/docs", "console": f"{url}/console"}
            if as_json:
                _announce(where)
            else:
                typer.echo(f"Amtsbote: {url}/docs and /console", err=True)
            await stop.wait()


@app.command(epilog="Example: amtsbote demo --once")
def demo(
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help="End when every sample is decided; if that takes too long, name the late and exit with 1.",
        ),
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds that --once waits.")] = 60,
    port: Annotated[int | None, typer.Option(help="Port; AMTSBOTE_PORT otherwise.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run everything on this machine, post every sample and show its way."""
    settings = _settings(as_json=as_json, port=port, log_level="error")
    configure_logs(settings.log_level)
    late = _run(_demo(settings, once=once, timeout_s=timeout, as_json=as_json), as_json=as_json)
    if late and not as_json:
        typer.echo("\n".join(["", "Not decided in time:", *(f"  {name}" for name in late), ""]), err=True)
    if late:
        raise typer.Exit(REFUSED)


async def _demo(settings: Settings, *, once: bool, timeout_s: float, as_json: bool) -> list[str]:
    from gateway.demo import run_demo

    return await run_demo(settings, once=once, timeout_s=timeout_s, as_json=as_json)


@app.command(epilog="Example: AMTSBOTE_AMQP_URLS=amqp://… amtsbote work dms-musterstadt")
def work(
    destination: Annotated[str, typer.Argument(help="The destination, as in the configuration.")],
    resend_reports: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"],
            help="Send again every report since then, after the broker lost its disk.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the adapter of one destination on RabbitMQ, until Ctrl-C or SIGTERM."""
    settings = _settings(as_json=as_json)
    configure_logs(settings.log_level)
    _run(_work(settings, destination, resend_reports, as_json=as_json), as_json=as_json)


async def _work(settings: Settings, destination: str, since: datetime | None, *, as_json: bool) -> None:
    from adapters.kit.runner import run_destination
    from gateway.bootstrap import running_worker

    def started() -> None:
        if as_json:
            _announce({"destination": destination, "started": True})

    if since is not None and since.tzinfo is None:
        since = since.astimezone()
    with stop_on_signal() as stop:
        async with running_worker(settings, destination) as runner:
            await run_destination(runner, stop, resend_since=since, on_start=started)


@app.command(epilog="Example: AMTSBOTE_DATABASE_URL=postgresql://… amtsbote migrate")
def migrate(as_json: AsJson = False) -> None:
    """Bring the database to the newest schema; what is there is kept."""
    settings = _settings(as_json=as_json)
    with _errors(as_json=as_json):
        from gateway.store.migrate import migrate as apply

        apply(settings.store_url)
    _print({"migrated": True}, "The database has the newest schema.", as_json=as_json)


@config_app.command("check", epilog="Example: amtsbote config check fixtures/demo/config.yaml")
def config_check(
    file: Annotated[
        Path | None, typer.Argument(help="The file; AMTSBOTE_CONFIG otherwise.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a start would say about the configuration, without starting."""
    from gateway.bootstrap import check_configuration

    settings = _settings(as_json=as_json, config=file)
    with _errors(as_json=as_json):
        config = check_configuration(settings)
    counts = {name: len(getattr(config, name)) for name in ("tenants", "destinations", "routes", "clients")}
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    _print({"valid": True} | counts, f"{settings.config}: usable ({words}).", as_json=as_json)


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
    body, files = file.read_bytes(), [read_file(path) for path in attach]
    stated = metadata.read_text(encoding="utf-8") if metadata else None

    async def post(portal: Portal) -> dict[str, Any]:
        if case:
            return await portal.reply(case, body, files=files)
        return await portal.submit(body, metadata=stated, files=files)

    answer = _ask(post, url=url, client=client, as_json=as_json)
    _print(answer, receipt_text(answer), as_json=as_json)


@app.command(epilog=f"Example: amtsbote validate {_SAMPLES}/invalid/17-sechs-fehler.xml || echo refused")
def validate(file: Message, as_json: AsJson = False) -> None:
    """Validate a message against its standard; no gateway is needed, nothing is sent."""
    settings = _settings(as_json=as_json)
    with _errors(as_json=as_json):
        from gateway.intake.examine import read
        from gateway.standards import Catalogue
        from gateway.xml.parse import Limits

        limits = Limits(settings.max_message_bytes, settings.max_depth, settings.max_attributes)
        incoming = read(Catalogue.load(settings.standards), file.read_bytes(), limits)
    _print(
        {"valid": True, "message_type": incoming.message_type.id},
        f"{file}: valid, {incoming.message_type.id}",
        as_json=as_json,
    )


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

    answer = _ask(read, url=url, client=client, as_json=as_json)
    _print(answer, submission_text(answer), as_json=as_json)


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

    page = _ask(read, url=url, client=client, as_json=as_json)
    _print(page, mailbox_text(page), as_json=as_json)


async def _next_page(portal: Portal, after: str, *, wait_s: float, case: str | None) -> dict[str, Any]:
    """Read the next page that has something of the case, until there is none within `wait_s`."""
    until = time.monotonic() + wait_s
    while True:
        page = await portal.mailbox(after=after, wait_s=max(0, until - time.monotonic()))
        items = [item for item in page["items"] if case in (None, item["case_id"])]
        if items or page["next"] == after:
            return page | {"items": items}
        after = page["next"]


def _settings(*, as_json: bool, **overrides: object) -> Settings:
    with _errors(as_json=as_json):
        return load_settings(**{name: value for name, value in overrides.items() if value is not None})


def _run(work: Awaitable[T], *, as_json: bool) -> T:
    with _errors(as_json=as_json):
        return run(work)


def _ask(question: Callable[[Portal], Awaitable[T]], *, url: str | None, client: str, as_json: bool) -> T:
    settings = _settings(as_json=as_json)

    async def ask() -> T:
        secret = _client_secret(settings, client)
        async with Portal(url or settings.gateway_url, client, secret) as portal:
            return await question(portal)

    with _errors(as_json=as_json):
        return asyncio.run(ask())


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


@contextmanager
def _errors(*, as_json: bool = False) -> Iterator[None]:
    try:
        yield
    except (PortalError, Problem) as error:
        problem = as_problem(error)
        _print(problem, problem_text(problem), as_json=as_json, err=not as_json)
        unreachable = isinstance(error, GatewayUnreachable)
        raise typer.Exit(NOT_AVAILABLE if unreachable else REFUSED) from error
    except (ConfigurationError, StoreInUse) as error:
        _print({"detail": error.detail}, error.detail, as_json=as_json, err=not as_json)
        raise typer.Exit(NOT_CONFIGURED) from error
    except ModuleNotFoundError as error:
        sentence = f"{error.name} is not installed: this needs `pip install 'amtsbote[server]'`"
        _print({"detail": sentence}, sentence, as_json=as_json, err=not as_json)
        raise typer.Exit(NOT_CONFIGURED) from error
    except StoreUnavailable as error:
        _print({"detail": error.detail}, error.detail, as_json=as_json, err=not as_json)
        raise typer.Exit(NOT_AVAILABLE) from error


def _announce(data: dict[str, Any]) -> None:
    # One line: the command runs on, and whoever waits for it reads a line.
    typer.echo(json.dumps(data, ensure_ascii=False))


def _print(data: dict[str, Any], text: str, *, as_json: bool, err: bool = False) -> None:
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2) if as_json else text, err=err)
