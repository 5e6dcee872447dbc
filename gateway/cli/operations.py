"""Commands with which operators put deliveries right; they open the store, also beside a running gateway."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.known import check_known
from gateway.cli.run import REFUSED, AsJson, Limit, Operator, read_quietly, run_in_loop, show, stated
from gateway.cli.text import actions_text, deliveries_text
from gateway.config import Config
from gateway.contract.ids import is_id
from gateway.contract.states import DeliveryState
from gateway.errors import NotPossible

if TYPE_CHECKING:
    from gateway.store import SqlStore
    from gateway.store.actions import ActionOutcome, By

deliveries_app = typer.Typer(no_args_is_help=True, help="Deliveries: what waits, and what to do about it.")

Act = Callable[["SqlStore", Config, str, "By"], Awaitable["ActionOutcome"]]
Ids = Annotated[list[str], typer.Argument(help="Ids of deliveries, as `list` prints them.")]

_WHY = typer.Option(
    callback=stated("reason", 500), help="Why; kept with the action. Write no names or other personal data."
)
Reason = Annotated[str, _WHY]


@deliveries_app.command("list", epilog="Example: amtsbote deliveries list --state failed")
def list_(
    destination: Annotated[str | None, typer.Option(help="Only those of this destination.")] = None,
    state: Annotated[
        DeliveryState | None, typer.Option(help="Only those in this state; otherwise all not yet settled.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List deliveries: where they go, what became of them, and what was asked for them."""

    async def read() -> list[dict[str, Any]]:
        from gateway.bootstrap import opened_store
        from gateway.store import actions

        async with opened_store(settings) as (config, store):
            await check_known(store, config, tenant=tenant, destination=destination)
            async with store.read() as connection:
                rows = await actions.overview(
                    connection, destination=destination, tenant=tenant, state=state, limit=limit
                )
        return [_view(row) for row in rows]

    settings = read_quietly(as_json=as_json)
    found = run_in_loop(read(), as_json=as_json)
    show({"deliveries": found}, deliveries_text(found, limit=limit), as_json=as_json)


@deliveries_app.command("actions", epilog="Example: amtsbote deliveries actions --case 0193…")
def actions_(
    case: Annotated[str | None, typer.Option(help="Only those on this case.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List what operators did to deliveries: who, when, why, and what became of it."""

    async def read() -> list[dict[str, Any]]:
        from gateway.bootstrap import opened_store
        from gateway.store import actions

        async with opened_store(settings) as (config, store):
            await check_known(store, config, tenant=tenant)
            async with store.read() as connection:
                rows = await actions.history(connection, case_id=case, tenant=tenant, limit=limit)
        return [_action_view(row) for row in rows]

    if case is not None and not is_id(case):
        raise typer.BadParameter("a case is named by its id, as `list` prints it")
    settings = read_quietly(as_json=as_json)
    found = run_in_loop(read(), as_json=as_json)
    show({"actions": found}, actions_text(found, limit=limit), as_json=as_json)


def _action_view(row: Any) -> dict[str, Any]:
    names = (
        "action_id",
        "tenant",
        "operator",
        "kind",
        "delivery_id",
        "case_id",
        "target",
        "reason",
        "outcome",
    )
    return {name: getattr(row, name) for name in names} | {
        "outcome": row.outcome,
        "at": _time(row.at),
        "ended_at": _time(row.ended_at),
    }


def _view(row: Any) -> dict[str, Any]:
    names = (
        *("delivery_id", "tenant", "destination", "role", "state", "attempt", "tries", "look_up", "code"),
        *("case_id", "case_seq", "message_id", "wished", "target", "waits_for", "last_outcome"),
    )
    times = ("created_at", "updated_at", "due_at", "lease_until", "first_failed_at")
    view = {name: getattr(row, name) for name in names}
    return view | {name: _time(getattr(row, name)) for name in times}


def _time(value: Any) -> str | None:
    return value.isoformat(timespec="seconds") if value else None


@deliveries_app.command(
    epilog="Example: amtsbote deliveries retry --destination dms-musterstadt --all-failed"
)
def retry(
    operator: Operator,
    deliveries: Annotated[list[str] | None, typer.Argument(help="Ids of deliveries.")] = None,
    destination: Annotated[str | None, typer.Option(help="With --all-failed: of which destination.")] = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="All that have failed there.")] = False,
    reason: Annotated[str | None, _WHY] = None,
    as_json: AsJson = False,
) -> None:
    """Send again now what waits or has failed; back-off and its seven days begin anew."""
    if bool(deliveries) == all_failed or all_failed != bool(destination):
        raise typer.BadParameter("name either deliveries, or --destination and --all-failed")

    async def act(store: "SqlStore", config: Config, delivery_id: str, by: "By") -> "ActionOutcome":
        from gateway.delivery.operations import retry

        return await retry(store, config, delivery_id, by)

    _act(act, deliveries or [], operator, reason, as_json=as_json, all_of=destination)


@deliveries_app.command(epilog="Example: amtsbote deliveries cancel 0193… --reason 'posted twice'")
def cancel(deliveries: Ids, reason: Reason, operator: Operator, as_json: AsJson = False) -> None:
    """End deliveries without success; the applicant is not told.

    What is in flight is cancelled once its copy is settled, unless the destination accepts it first.
    """

    async def act(store: "SqlStore", config: Config, delivery_id: str, by: "By") -> "ActionOutcome":
        from gateway.delivery.operations import cancel

        return await cancel(store, config, delivery_id, by)

    _act(act, deliveries, operator, reason, as_json=as_json)


@deliveries_app.command(
    epilog="Example: amtsbote deliveries redirect 0193… --to musteramt-beispielhausen --reason 'wrong office'"
)
def redirect(
    delivery: Annotated[str, typer.Argument(help="The id of a delivery.")],
    to: Annotated[str, typer.Option(help="Another destination of the same tenant.")],
    reason: Reason,
    operator: Operator,
    as_json: AsJson = False,
) -> None:
    """Send what a destination has yet to take of a case, and what is still to come, to another one.

    What is in flight is redirected once its copy is settled, unless the destination accepts it first.
    """

    async def act(store: "SqlStore", config: Config, delivery_id: str, by: "By") -> "ActionOutcome":
        from gateway.delivery.operations import redirect

        return await redirect(store, config, delivery_id, to, by)

    _act(act, [delivery], operator, reason, as_json=as_json)


_SENTENCES = {
    "done": "done",
    "wished": "a copy is in flight: done once that is settled, void if it is accepted first",
}


def _act(
    act: Act,
    deliveries: Sequence[str],
    operator: str,
    reason: str | None,
    *,
    as_json: bool,
    all_of: str | None = None,
) -> None:
    """Do the same to each delivery; what is not possible for one is said and does not stop the others."""

    async def work() -> list[dict[str, str]]:
        from gateway.bootstrap import opened_store
        from gateway.store import actions
        from gateway.store.actions import By

        async with opened_store(settings) as (config, store):
            ids = deliveries
            if all_of:
                await check_known(store, config, destination=all_of)
                async with store.read() as connection:
                    ids = await actions.failed_of(connection, all_of)
            by = By(operator, reason)
            return [await _try(act(store, config, delivery_id, by), delivery_id) for delivery_id in ids]

    settings = read_quietly(as_json=as_json)
    results = run_in_loop(work(), as_json=as_json)
    lines = [f"{each['delivery_id']}: {each['detail']}" for each in results]
    show({"deliveries": results}, "\n".join(lines or ["There are none."]), as_json=as_json)
    if any(each["outcome"] == "refused" for each in results):
        raise typer.Exit(REFUSED)


async def _try(acting: Awaitable["ActionOutcome"], delivery_id: str) -> dict[str, str]:
    try:
        outcome = await acting
    except NotPossible as error:
        return {"delivery_id": delivery_id, "outcome": "refused", "detail": error.detail}
    return {"delivery_id": delivery_id, "outcome": outcome.value, "detail": _SENTENCES[outcome]}
