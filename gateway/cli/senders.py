"""The command that says who sends which version of a standard, from what the store has of the last days."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.known import end_with_unusable, known_standard, known_tenants, unusable_view
from gateway.cli.run import AsJson, errors, read_quietly, run_in_loop, show
from gateway.cli.text import senders_text
from gateway.domain.calendar import last_days, today
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.standards import Standard
    from gateway.store.standards import Sent

app = typer.Typer()

_SOON_DAYS = 90
"""A portal needs a release of its own to send another version: a month would be too late to call."""


@app.command(epilog="Example: amtsbote standards senders --outdated")
def senders(
    standard: Annotated[str | None, typer.Argument(help="One standard only, with its version.")] = None,
    version: Annotated[str | None, typer.Argument(help="Its version.")] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far to look back; today counts.")] = 30,
    tenant: Annotated[str | None, typer.Option(help="Only what was sent to this tenant.")] = None,
    outdated: Annotated[
        bool,
        typer.Option("--outdated", help=f"Only versions that end within {_SOON_DAYS} days or have ended."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List which clients have sent which version lately: how many messages, and when the last came in."""
    if (standard is None) != (version is None) or (standard and outdated):
        raise typer.BadParameter("name a standard and its version, or neither; --outdated goes without")
    settings = read_quietly(as_json=as_json)
    with errors(as_json=as_json):
        from gateway.standards import Catalogue
        from gateway.standards.description import summary

        catalogue = Catalogue.load_usable(settings.standards_folders)
        chosen = [each for each in catalogue.standards if each.message_types]
        if standard and version:
            chosen = [known_standard(catalogue, standard, version)]
        if outdated:
            chosen = [each for each in chosen if _is_outdated(each)]
    sent = run_in_loop(_count(settings, days, tenant), as_json=as_json)
    found = [summary(each, today()) | {"senders": _of(each, sent)} for each in chosen]
    view = {"days": days, "standards": found, "unusable_files": unusable_view(catalogue)}
    show(view, senders_text(found, days, today()), as_json=as_json)
    if not standard:
        end_with_unusable(catalogue, as_json=as_json)


async def _count(settings: Settings, days: int, tenant: str | None) -> "list[Sent]":
    from gateway.bootstrap import opened_store
    from gateway.store.standards import add_up, sent_on

    counts: list[Sent] = []
    async with opened_store(settings) as (config, store):
        tenants = await known_tenants(store, config, tenant)
        for day in last_days(today(), days):
            async with store.read() as connection:
                counts += await sent_on(connection, day, tenants=tenants)
    return add_up(counts)


def _is_outdated(standard: "Standard") -> bool:
    from gateway.standards.phase import Phase, phase

    found = phase(standard.manifest, today(), soon_days=_SOON_DAYS)
    return found in {Phase.ENDING, Phase.GRACE, Phase.OVER}


def _of(standard: "Standard", sent: "list[Sent]") -> list[dict[str, Any]]:
    key = (standard.manifest.standard, standard.manifest.version)
    return [
        {"client": each.client, "count": each.count, "last_at": each.last_at.isoformat(timespec="seconds")}
        for each in sent
        if (each.standard, each.version) == key
    ]
