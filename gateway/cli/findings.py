"""Commands for what operators are asked to look at: list it, and close what has been seen to."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from gateway.cli.known import known_tenants
from gateway.cli.run import REFUSED, AsJson, Limit, Operator, read_quietly, run_in_loop, show
from gateway.cli.text import findings_text
from gateway.contract.states import FindingKind
from gateway.errors import NotPossible
from gateway.settings import Settings

findings_app = typer.Typer(no_args_is_help=True, help="Findings: what an operator is asked to look at.")


@findings_app.command("list", epilog="Example: amtsbote findings list --kind report_rejected")
def list_(
    kind: Annotated[FindingKind | None, typer.Option(help="Only those of this kind.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only those of this tenant.")] = None,
    closed: Annotated[
        bool, typer.Option("--closed", help="Those that were closed, and by whom, instead of the open ones.")
    ] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List findings, the latest first; what each asks for stands in the operators' guide."""
    settings = read_quietly(as_json=as_json)
    found = run_in_loop(_list(settings, kind, tenant, limit, closed=closed), as_json=as_json)
    show({"findings": found}, findings_text(found, limit=limit), as_json=as_json)


@findings_app.command("close", epilog="Example: amtsbote findings close 0193…")
def close(
    findings: Annotated[list[str], typer.Argument(help="Ids of findings, as `list` prints them.")],
    operator: Operator,
    as_json: AsJson = False,
) -> None:
    """Close findings that were seen to; those that end with what they are about are refused."""
    settings = read_quietly(as_json=as_json)
    results = run_in_loop(_close(settings, findings, operator), as_json=as_json)
    lines = [f"{each['finding_id']}: {each['detail']}" for each in results]
    show({"findings": results}, "\n".join(lines), as_json=as_json)
    if any(each["outcome"] == "refused" for each in results):
        raise typer.Exit(REFUSED)


async def _list(
    settings: Settings, kind: FindingKind | None, tenant: str | None, limit: int, *, closed: bool
) -> list[dict[str, Any]]:
    from gateway.bootstrap import opened_store
    from gateway.store.findings import list_findings

    async with opened_store(settings) as (config, store):
        tenants = await known_tenants(store, config, tenant) if tenant else None
        async with store.read() as connection:
            rows = await list_findings(connection, tenants=tenants, kind=kind, limit=limit, closed=closed)
    return [_view(row) for row in rows]


async def _close(settings: Settings, findings: Sequence[str], operator: str) -> list[dict[str, str]]:
    from gateway.bootstrap import opened_store
    from gateway.store.findings import close

    results = []
    async with opened_store(settings) as (_, store):
        for finding_id in findings:
            try:
                await close(store, finding_id, operator=operator)
            except NotPossible as error:
                result = {"outcome": "refused", "detail": error.detail}
            else:
                result = {"outcome": "done", "detail": "closed"}
            results.append({"finding_id": finding_id} | result)
    return results


def _view(row: Any) -> dict[str, Any]:
    names = ("tenant", "kind", "code", "destination", "case_id", "message_id", "delivery_id")
    view = {"finding_id": row.finding_id, "at": row.at.isoformat(timespec="seconds")}
    view |= {name: getattr(row, name) for name in (*names, "raised_by", "resolved_by")}
    closed_at = row.resolved_at.isoformat(timespec="seconds") if row.resolved_at else None
    return view | {"resolved_at": closed_at}
