"""Commands that compare: the store with itself, with the receipts it issued, with the reports it got."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.run import REFUSED, AsJson, read_settings, run_in_loop, show
from gateway.logs import configure_logs

if TYPE_CHECKING:
    from gateway.delivery.reconcile import Balance

app = typer.Typer()

TIMEOUT_S = 3600.0
"""To look at all history takes minutes where there are millions."""


@app.command(epilog="Example: amtsbote reconcile || echo something is missing")
def reconcile(
    repair: Annotated[
        bool, typer.Option("--repair", help="First mend missing deliveries and wrong statuses.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the balance per destination and tenant, and what does not add up; exits with 1 unless it does."""
    settings = read_settings(as_json=as_json, log_level="error", store_timeout_s=TIMEOUT_S)
    configure_logs(settings.log_level)

    async def count() -> "tuple[list[str], Balance]":
        from gateway.bootstrap import opened_store
        from gateway.delivery import reconcile as work

        async with opened_store(settings) as (config, store):
            mended = await work.repair(store, config) if repair else []
            return mended, await work.reconcile(store, config)

    mended, balance = run_in_loop(count(), as_json=as_json)
    show(_view(balance) | {"repaired": mended}, _text(balance, mended), as_json=as_json)
    if not balance.closes:
        raise typer.Exit(REFUSED)


def _view(balance: "Balance") -> dict[str, Any]:
    return {
        "closes": balance.closes,
        "destinations": [
            {
                "tenant": line.tenant,
                "destination": line.destination,
                "created": line.created,
                **{state.value: count for state, count in line.states.items()},
                "ended_by_event": line.ended_by_event,
                "closes": line.closes,
            }
            for line in balance.lines
        ],
        "faults": [
            {"kind": fault.kind, "count": fault.count, "ids": fault.ids, "detail": fault.sentence}
            for fault in balance.faults
        ],
    }


def _text(balance: "Balance", mended: list[str]) -> str:
    lines = [f"repaired: submission {each}" for each in mended]
    for line in balance.lines:
        states = " + ".join(f"{count} {state}" for state, count in line.states.items())
        lines.append(f"{line.tenant}  {line.destination}: {line.created} created = {states}")
        if not line.closes:
            lines.append(f"  but by the events {line.ended_by_event} have ended, not {line.ended}")
    for fault in balance.faults:
        more = ["…"] if fault.count > len(fault.ids) else []
        lines += [f"{fault.sentence}:", *(f"  {each}" for each in [*fault.ids, *more])]
    lines.append("The balance closes." if balance.closes else "The balance does not close.")
    return "\n".join(lines)
