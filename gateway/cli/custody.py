"""Commands that keep what is stored safe, and let it go in time: keys, erase, hold."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.known import known_tenants
from gateway.cli.run import AsJson, Operator, read_settings, run_in_loop, show, stated
from gateway.errors import NotFound
from gateway.logs import configure_logs
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.store.erasure import Erasure

app = typer.Typer()
keys_app = typer.Typer(no_args_is_help=True, help="The keys that stored contents are encrypted under.")

Tenant = Annotated[str | None, typer.Option(help="One tenant only; all of them otherwise.")]


@keys_app.command("list", epilog="Example: amtsbote keys list --json")
def keys_list(as_json: AsJson = False) -> None:
    """List the data keys of each tenant; the last of each encrypts what is written."""
    settings = read_settings(as_json=as_json)
    listed = run_in_loop(_list(settings), as_json=as_json)
    show({"keys": listed}, _keys_text(listed), as_json=as_json)


@keys_app.command("rotate", epilog="Example: amtsbote keys rotate --tenant musterstadt")
def keys_rotate(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Give tenants new data keys for what is written from now on; what is there stays readable.

    Running gateways use them within a minute.
    """
    settings = read_settings(as_json=as_json)
    made = run_in_loop(_rotate(settings, tenant), as_json=as_json)
    show({"keys": made}, _keys_text(made), as_json=as_json)


@keys_app.command("rewrap", epilog="Example: amtsbote keys rewrap secrets/master.key.new")
def keys_rewrap(
    new: Annotated[Path, typer.Argument(dir_okay=False, help="The file with the new master key.")],
    as_json: AsJson = False,
) -> None:
    """Put another master key in the place of this one; contents are not touched."""
    settings = read_settings(as_json=as_json)
    old = settings.master_key_path
    if new.exists() and old.exists() and new.read_bytes().strip() == old.read_bytes().strip():
        raise typer.BadParameter(f"{new} holds the master key that is in use; name the file of a new one")
    count = run_in_loop(_rewrap(settings, new), as_json=as_json)
    text = (
        f"{count} data keys are wrapped by the key in {new} now.\n"
        f"Next: put {new} in the place of {old}, on every machine that runs a gateway, and restart the "
        "gateways; until then they go on, but cannot be started.\n"
        f"Keep {old} for as long as you keep backups that were made before."
    )
    show({"rewrapped": count, "new": str(new), "old": str(old)}, text, as_json=as_json)


@app.command(epilog="Example: amtsbote erase --dry-run")
def erase(
    tenant: Tenant = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase contents whose retention is over; ids, digests and events stay. Made to be run every night."""
    settings = read_settings(as_json=as_json)
    configure_logs(settings.log_level)
    done = run_in_loop(_erase(settings, tenant, dry_run=dry_run), as_json=as_json)
    result = {"dry_run": dry_run, "tenants": [asdict(each) for each in done]}
    show(result, "\n".join(_erasure_text(each, dry_run=dry_run) for each in done), as_json=as_json)


@app.command(epilog="Example: amtsbote hold 0193… --reason 'VG 4 K 17/26'")
def hold(
    case: Annotated[str, typer.Argument(help="The id of the case.")],
    operator: Operator,
    reason: Annotated[
        str | None,
        typer.Option(
            callback=stated("reason", 100),
            help="Why: a file number or keyword, at most 100 characters, no names.",
        ),
    ] = None,
    release: Annotated[bool, typer.Option("--release", help="Let it be erased when it is due.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep a case from being erased (legal hold), or release it."""
    if release == (reason is not None):
        raise typer.BadParameter("give either --reason or --release")
    settings = read_settings(as_json=as_json)
    run_in_loop(_hold(settings, case, reason, operator), as_json=as_json)
    text = f"Case {case} {'may be erased again' if release else 'is kept'}."
    show({"case_id": case, "legal_hold": not release}, text, as_json=as_json)


async def _list(settings: Settings) -> list[dict[str, Any]]:
    from gateway.bootstrap import opened_store
    from gateway.store import keys

    async with opened_store(settings) as (_, store), store.read() as connection:
        return [_key_view(each) for each in await keys.fetch_all(connection)]


async def _rotate(settings: Settings, tenant: str | None) -> list[dict[str, Any]]:
    from gateway.bootstrap import opened_store
    from gateway.store import keys

    async with opened_store(settings) as (config, store):
        tenants = await known_tenants(store, config, tenant)
        return [_key_view(each) for each in await keys.rotate(store, store.vault.master_key, tenants)]


async def _rewrap(settings: Settings, new: Path) -> int:
    from gateway.bootstrap import opened_store
    from gateway.store import keys
    from gateway.store.key_file import read_master_key

    key = read_master_key(new)
    async with opened_store(settings) as (_, store):
        return await keys.rewrap(store, store.vault.master_key, key)


async def _erase(settings: Settings, tenant: str | None, *, dry_run: bool) -> "list[Erasure]":
    from gateway.bootstrap import opened_store
    from gateway.domain.calendar import today
    from gateway.store.erasure import erase as erase_tenant

    async with opened_store(settings) as (config, store):
        tenants = await known_tenants(store, config, tenant)
        return [await erase_tenant(store, each, today=today(), dry_run=dry_run) for each in tenants]


async def _hold(settings: Settings, case_id: str, reason: str | None, operator: str) -> None:
    from gateway.bootstrap import opened_store
    from gateway.contract.ids import is_id
    from gateway.store import holds, operators

    async with opened_store(settings) as (config, store):
        tenants = await known_tenants(store, config)
        async with store.read() as connection:
            found = is_id(case_id) and await operators.fetch_case(connection, case_id, tenants=tenants)
        if not found:
            raise NotFound
        if reason:
            await holds.hold(store, found, reason, operator=operator)
        else:
            await holds.release(store, found, operator=operator)


def _key_view(stored: Any) -> dict[str, Any]:
    return {
        "tenant": stored.tenant,
        "generation": stored.generation,
        "key_id": stored.key_id,
        "created_at": stored.created_at.isoformat(),
    }


def _keys_text(listed: Sequence[dict[str, Any]]) -> str:
    lines = (
        f"{each['tenant']}  {each['generation']}  {each['key_id']}  {each['created_at']}" for each in listed
    )
    return "\n".join(lines) or "There are no data keys yet."


def _erasure_text(done: "Erasure", *, dry_run: bool) -> str:
    verb = "would erase" if dry_run else "erased"
    return (
        f"{done.tenant}: {verb} {done.messages} messages ({done.contents} contents), "
        f"{done.references} references, {done.reports} reports, {done.documents} documents; "
        f"held back: {done.legal_hold} legal hold, {done.undelivered} undelivered, "
        f"{done.uncollected} not collected"
    )
