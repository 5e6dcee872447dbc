"""Commands that compare: the store with itself, with the receipts it issued, with the reports it got."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.known import check_known
from gateway.cli.run import REFUSED, AsJson, Limit, read_settings, run_in_loop, show
from gateway.logs import configure_logs

if TYPE_CHECKING:
    from gateway.delivery.receipts import Issued, Missing
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
    text = _text(balance, mended)
    if repair and not mended:
        text = f"There was nothing that `--repair` mends.\n{text}"
    show(_view(balance) | {"repaired": mended}, text, as_json=as_json)
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


class KeptState(StrEnum):
    """Why a report is kept."""

    REJECTED = "rejected"
    PARKED = "parked"
    STALE = "stale"


receipts_app = typer.Typer(no_args_is_help=True, help="Receipts that were issued.")
reports_app = typer.Typer(no_args_is_help=True, help="Reports of adapters.")

_SEND_AGAIN = (
    "ask the portal to send these again: nothing says that a destination has them (first let every adapter "
    "repeat its reports: `amtsbote work … --resend-reports SINCE`)"
)
_LOOK_FIRST = (
    "do not let these be sent again yet: a destination has reported about the case, and would register it a "
    "second time under new ids; settle them there (operator guide, after a restore)"
)
_NO_RECEIPTS = (
    "there is no receipt in it: give the gateway's log as it writes it (JSON), or answers to "
    "POST /v1/submissions, one a line"
)
_DIFFERS = "the store holds other bytes under these ids: do not change anything, ask the developers"


@receipts_app.command("compare", epilog="Example: amtsbote receipts compare gateway.log receipts.jsonl")
def receipts_compare(
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, help="Receipts as portals hold them, or gateway logs."),
    ],
    as_json: AsJson = False,
) -> None:
    """Find receipts that the store does not know, as after a restore.

    Exits with 1 if there are any, and if a file has no receipt, or lines that are none and no log either.
    """
    settings = read_settings(as_json=as_json, log_level="error", store_timeout_s=TIMEOUT_S)
    configure_logs(settings.log_level)

    async def work() -> "tuple[int, list[Missing], list[str]]":
        from gateway.bootstrap import opened_store
        from gateway.delivery.receipts import compare, read_receipts

        async with opened_store(settings) as (_, store):
            issued: list[Issued] = []
            faults = []
            for file in files:
                with file.open(encoding="utf-8", errors="replace") as lines:
                    held = read_receipts(lines)
                issued += held.receipts
                if not held.receipts:
                    faults.append(f"{file}: {_NO_RECEIPTS}")
                elif held.unread:
                    faults.append(f"{file}: {held.unread} lines are no receipt, though this is no log")
            return *await compare(store, issued), faults

    count, missing, faults = run_in_loop(work(), as_json=as_json)
    view = [asdict(each.issued) | _verdict(each) for each in missing]
    text = "\n".join([*faults, *([_receipts_text(count, view)] if count else [])])
    show({"receipts": count, "missing": view, "faults": faults}, text, as_json=as_json)
    if missing or faults:
        raise typer.Exit(REFUSED)


def _verdict(missing: "Missing") -> dict[str, Any]:
    detail = _DIFFERS if missing.differs else _LOOK_FIRST if missing.reported_by else _SEND_AGAIN
    return {"differs": missing.differs, "reported_by": missing.reported_by, "detail": detail}


def _receipts_text(count: int, missing: list[dict[str, Any]]) -> str:
    lines = [f"{count} receipts, {len(missing)} of them not in the store."]
    for detail in sorted({each["detail"] for each in missing}):
        lines.append(f"{detail}:")
        for each in (every for every in missing if every["detail"] == detail):
            where = [f"reported by {', '.join(each['reported_by'])}"] if each["reported_by"] else []
            names = ("client", "received_at", "sha256")
            known = [f"case {each['case_id']}", *(str(each[name] or "-") for name in names), *where]
            lines.append("  ".join(["", f"submission {each['submission_id']}", *known]))
    return "\n".join(lines)


@reports_app.command("list", epilog="Example: amtsbote reports list --state rejected")
def reports_list(
    state: Annotated[
        KeptState | None, typer.Option(help="Only those; otherwise all that had no effect.")
    ] = None,
    destination: Annotated[str | None, typer.Option(help="Only those of this destination.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List reports that are kept because they had no effect, the latest first, also of unknown cases."""
    settings = read_settings(as_json=as_json, log_level="error")

    async def read() -> list[dict[str, Any]]:
        from gateway.bootstrap import opened_store
        from gateway.contract.states import ReportState
        from gateway.store import operators

        async with opened_store(settings) as (config, store):
            await check_known(store, config, destination=destination)
            async with store.read() as connection:
                rows = await operators.kept_reports(
                    connection,
                    state=ReportState(state) if state else None,
                    destination=destination,
                    limit=limit,
                )
        return [_report_view(row) for row in rows]

    kept = run_in_loop(read(), as_json=as_json)
    lines = [_report_line(each) for each in kept]
    show({"reports": kept}, "\n".join(lines or ["There are none."]), as_json=as_json)


def _report_line(each: dict[str, Any]) -> str:
    names = ("report_id", "received_at", "destination", "type", "state")
    unknown = "" if each["case_known"] else " (not in the store)"
    return "  ".join([*(each[name] for name in names), f"case {each['case_id']}{unknown}"])


def _report_view(row: Any) -> dict[str, Any]:
    names = ("report_id", "tenant", "destination", "type", "state", "case_id", "delivery_id", "case_sequence")
    return {name: getattr(row, name) for name in names} | {
        "received_at": row.received_at.isoformat(timespec="seconds"),
        "case_known": bool(row.known),
    }
