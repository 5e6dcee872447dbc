"""Commands that run the program or look after its installation."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.run import REFUSED, AsJson, announce, errors, read_settings, run_in_loop, show
from gateway.logs import configure_logs
from gateway.process import STOP_S, collector_held, spare_collector, stop_on_signal
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.bootstrap import Role

app = typer.Typer()
config_app = typer.Typer(no_args_is_help=True, help="The configuration file.")


@app.command(epilog="Example: AMTSBOTE_CONFIG=fixtures/demo/config.yaml amtsbote serve --port 8080")
def serve(
    host: Annotated[str | None, typer.Option(help="Where to listen; AMTSBOTE_HOST otherwise.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; AMTSBOTE_PORT otherwise.")] = None,
    roles: Annotated[
        str,
        typer.Option(
            help="What this process does, separated by commas: http (API, console), relay (send, retry, "
            "sweep), reports (reports, dead letters). Any number of processes may have each."
        ),
    ] = "http,relay,reports",
    as_json: AsJson = False,
) -> None:
    """Run the gateway until Ctrl-C or SIGTERM, with every role unless told otherwise."""
    settings = read_settings(as_json=as_json, host=host, port=port)
    configure_logs(settings.log_level)
    with collector_held():
        run_in_loop(_serve(settings, _read_roles(roles), as_json=as_json), as_json=as_json)


def _read_roles(text: str) -> "frozenset[Role]":
    from gateway.bootstrap import Role

    names = {name.strip() for name in text.split(",")}
    if unknown := names - set(Role):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(Role)}")
    return frozenset(map(Role, names))


async def _serve(settings: Settings, roles: "frozenset[Role]", *, as_json: bool) -> None:
    from gateway.bootstrap import Role, running_gateway
    from gateway.server import serving

    with stop_on_signal(STOP_S) as stop:
        async with (
            running_gateway(settings, roles) as parts,
            serving(parts.app, settings.host, settings.port) as port,
        ):
            spare_collector()
            url = f"http://{settings.host}:{port}"
            pages = {"docs": f"{url}/docs", "console": f"{url}/console"} if Role.HTTP in roles else {}
            if as_json:
                announce({"url": url, "roles": sorted(roles)} | pages)
            elif pages:
                typer.echo(f"Amtsbote: {url}/docs and /console", err=True)
            else:
                typer.echo(f"Amtsbote ({', '.join(sorted(roles))}): {url}/readyz", err=True)
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
    settings = read_settings(as_json=as_json, port=port, log_level="error")
    configure_logs(settings.log_level)
    late = run_in_loop(_demo(settings, once=once, timeout_s=timeout, as_json=as_json), as_json=as_json)
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
    settings = read_settings(as_json=as_json)
    configure_logs(settings.log_level)
    with collector_held():
        run_in_loop(_work(settings, destination, resend_reports, as_json=as_json), as_json=as_json)


async def _work(settings: Settings, destination: str, since: datetime | None, *, as_json: bool) -> None:
    from adapters.kit.runner import run_destination
    from gateway.bootstrap import running_worker

    def started() -> None:
        spare_collector()
        if as_json:
            announce({"destination": destination, "started": True})

    if since is not None and since.tzinfo is None:
        since = since.astimezone()
    with stop_on_signal(STOP_S) as stop:
        async with running_worker(settings, destination) as runner:
            await run_destination(runner, stop, resend_since=since, on_start=started)


@app.command(epilog="Example: AMTSBOTE_DATABASE_URL=postgresql://… amtsbote migrate")
def migrate(as_json: AsJson = False) -> None:
    """Bring the database to the newest schema; what is there is kept."""
    settings = read_settings(as_json=as_json)
    with errors(as_json=as_json):
        from gateway.store.migrate import migrate as apply

        apply(settings.store_url)
    show({"migrated": True}, "The database has the newest schema.", as_json=as_json)


@config_app.command("check", epilog="Example: amtsbote config check fixtures/demo/config.yaml")
def config_check(
    file: Annotated[
        Path | None, typer.Argument(help="The file; AMTSBOTE_CONFIG otherwise.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a start would say about the configuration, without starting."""
    from gateway.bootstrap import check_configuration

    settings = read_settings(as_json=as_json, config=file)
    with errors(as_json=as_json):
        config = check_configuration(settings)
    counts = {name: len(getattr(config, name)) for name in ("tenants", "destinations", "routes", "clients")}
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    show({"valid": True} | counts, f"{settings.config}: usable ({words}).", as_json=as_json)
