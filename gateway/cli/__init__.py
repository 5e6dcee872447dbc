"""The command line: `amtsbote serve | demo | work | migrate | config | send | validate | status | …`.

Exit codes, the same for every command: 0 done; 1 refused, with the reason; 2 wrong usage; 3 not available
now, sending again is safe; 4 settings or configuration are not usable, or have no such tenant, destination,
client, standard or message type as the command names.
"""

import os
from importlib.metadata import version
from typing import Annotated

import typer

from gateway.cli import (
    custody,
    findings,
    operations,
    portal,
    reconciling,
    releases,
    senders,
    serving,
    standards,
    validation,
)

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Amtsbote carries applications from portals to specialist applications and decisions back.",
    epilog="Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not available now (try again), 4 not configured: "
    "the gateway, or the tenant, destination, client, standard or message type that was named.",
)
app.add_typer(serving.app)
app.add_typer(serving.config_app, name="config")
app.add_typer(portal.app)
app.add_typer(validation.app)
app.add_typer(reconciling.app)
app.add_typer(reconciling.receipts_app, name="receipts")
app.add_typer(reconciling.reports_app, name="reports")
app.add_typer(operations.deliveries_app, name="deliveries")
app.add_typer(findings.findings_app, name="findings")
standards.standards_app.add_typer(releases.app)
standards.standards_app.add_typer(senders.app)
app.add_typer(standards.standards_app, name="standards")
app.add_typer(custody.app)
app.add_typer(custody.keys_app, name="keys")


def main() -> None:
    """Run the command line."""
    app()


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"amtsbote {version('amtsbote')}")
        raise typer.Exit


@app.callback()
def _prepare(
    _: Annotated[bool, typer.Option("--version", callback=_say_version, is_eager=True)] = False,
) -> None:
    # What a command writes holds personal data or secrets: nobody else on this machine may read it.
    os.umask(0o077)
