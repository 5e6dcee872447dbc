"""Commands that change the catalogue: add a published release, say when it is served, remove it."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.known import known_standard
from gateway.cli.run import AsJson, errors, read_quietly, run_in_loop, show
from gateway.domain.calendar import today
from gateway.errors import ConfigurationError, NotPossible
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.standards.adding import Report

app = typer.Typer()

_SHOWN = 10
Name = Annotated[str, typer.Argument(help="The standard, as `standards list` calls it.")]
Version = Annotated[str, typer.Argument(help="Its version.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]


@app.command(epilog="Example: amtsbote standards add xurkunde-release.zip --dry-run")
def add(
    path: Annotated[Path, typer.Argument(exists=True, help="The folder or ZIP as it was published.")],
    name: Annotated[str | None, typer.Option(help="What to call it, where its files do not tell.")] = None,
    version: Annotated[str | None, typer.Option(help="Its version, where its files do not tell.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only; add nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a published standard: schemas, code lists and rules, tried on its own sample messages.

    It is not served before `standards enable`; a running gateway needs no restart.
    """
    settings = read_quietly(as_json=as_json)
    with errors(as_json=as_json):
        from gateway.standards import Catalogue
        from gateway.standards.adding import add as add_release

        catalogue = Catalogue.load(settings.standards_folders)
        target = settings.added_standards
        try:
            report = add_release(path, catalogue, target, name=name, version=version, dry_run=dry_run)
        except ConfigurationError as error:
            raise NotPossible(error.detail) from error
    show(_view(report), report_text(report), as_json=as_json)


@app.command(epilog="Example: amtsbote standards enable xurkunde 1.1 --from 2026-11-01")
def enable(
    standard: Name,
    version: Version,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], help="The first day, in Germany; else as it was, or today."
        ),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day (Stichtag); open otherwise.")
    ] = None,
    grace_until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Take it until this day with a warning."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say from when to when a version is served; a running gateway needs no restart."""
    settings = read_quietly(as_json=as_json)
    with errors(as_json=as_json):
        from gateway.standards import Catalogue
        from gateway.standards.serving import enable as enable_standard

        found = known_standard(Catalogue.load(settings.standards_folders), standard, version)
        first = since.date() if since else found.manifest.valid_from or today()
        days = (first, until and until.date(), grace_until and grace_until.date())
        enable_standard(found, since=days[0], until=days[1], grace_until=days[2])
    names = ("valid_from", "valid_until", "grace_until")
    view = {name: day and day.isoformat() for name, day in zip(names, days, strict=True)}
    said = [
        f"{word} {day}"
        for word, day in zip(("from", "until", "with a warning until"), days, strict=True)
        if day
    ]
    text = f"{standard} {version} is served {', '.join(said)}; routes name it as {standard}:{version}:*"
    show({"standard": standard, "version": version} | view, text, as_json=as_json)


@app.command(epilog="Example: amtsbote standards remove xurkunde 1.0")
def remove(standard: Name, version: Version, as_json: AsJson = False) -> None:
    """Remove a version that was added; refused while messages of it are on their way."""
    settings = read_quietly(as_json=as_json)
    run_in_loop(_remove(settings, standard, version), as_json=as_json)
    text = f"{standard} {version} is removed"
    show({"standard": standard, "version": version, "removed": True}, text, as_json=as_json)


async def _remove(settings: Settings, name: str, version: str) -> None:
    from gateway.bootstrap import opened_store
    from gateway.standards import Catalogue
    from gateway.standards.serving import remove as remove_standard
    from gateway.store.standards import count_open

    found = known_standard(Catalogue.load(settings.standards_folders), name, version)
    async with opened_store(settings) as (_, store), store.read() as connection:
        count = await count_open(connection, name, version)
    if count:
        raise NotPossible(
            f"{count} messages of {name} {version} are still on their way: see `amtsbote deliveries list`; "
            "end its service with `standards enable --until` and remove it later"
        )
    await asyncio.to_thread(remove_standard, found, settings.added_standards)


def _view(report: "Report") -> dict[str, Any]:
    manifest = report.manifest
    return {
        "standard": manifest.standard,
        "version": manifest.version,
        "identifier": manifest.identifier,
        "namespace": manifest.namespace,
        "folder": report.folder and str(report.folder),
        "header_profile": manifest.header.profile,
        "schema_files": len(report.found.schemas),
        "message_types": [each.name for each in manifest.message_types],
        "left_out": report.left_out,
        "code_lists": len(manifest.code_lists),
        "rule_files": [each.file for each in manifest.rules],
        "open_lists": [{"uri": uri, "version": version} for uri, version in report.opened],
        "absent_lists": [{"uri": uri, "version": version} for uri, version in report.absent_lists],
        "unresolved_imports": [
            {"namespace": each.namespace, "location": each.location, "used": each.used}
            for each in report.unresolved
        ],
        "unusable_files": {str(path): reason for path, reason in report.broken.items()},
        "samples": [
            {"file": str(each.path), "valid": each.valid, "reason": each.reason} for each in report.samples
        ],
    }


def report_text(report: "Report") -> str:
    """Say what was found in a release, what is missing, and what to do next."""
    manifest, found = report.manifest, report.found
    named = f"{manifest.standard} {manifest.version}"
    lines = [
        f"{named}: {manifest.title.de}",
        f"  schemas        {len(found.schemas)} files, {len(manifest.message_types)} message types, "
        f"header profile {manifest.header.profile}",
        f"  code lists     {len(manifest.code_lists)}",
        f"  rule files     {len(manifest.rules)}",
        f"  sample messages {_counted(report)}",
    ]
    lines += _problems(report)
    if report.folder is None:
        return "\n".join([*lines, "Nothing was added (--dry-run)."])
    review = f"Added to {report.folder}; review its standard.yaml."
    served = f"Not served yet: amtsbote standards enable {named} --from DAY"
    return "\n".join([*lines, review, *([served] if manifest.message_types else [])])


def _counted(report: "Report") -> str:
    valid = sum(each.valid for each in report.samples)
    return f"{len(report.samples)}, {valid} of them valid" if report.samples else "none"


def _problems(report: "Report") -> list[str]:
    """List what an operator should know before enabling it."""
    unresolved = [
        f"{each.namespace} from {each.location or '(no address)'}: add the release that has it and then this "
        f"one anew, or what is used of it may hold anything ({', '.join(each.used) or 'nothing is'})"
        for each in report.unresolved
    ]
    return [
        *_part("unresolved imports", unresolved),
        *_part("unusable files", [f"{path}: {reason}" for path, reason in report.broken.items()]),
        *_part(
            "invalid samples", [f"{each.path}: {each.reason}" for each in report.samples if not each.valid]
        ),
        *_part("code lists not delivered, their codes are not checked", map(_list_name, report.absent_lists)),
        *_part("code lists declared open: samples use codes that they lack", map(_list_name, report.opened)),
        *_part("global elements without the header, left out", report.left_out),
    ]


def _list_name(known: tuple[str, str | None]) -> str:
    uri, version = known
    return f"{uri} {version}" if version else uri


def _part(title: str, items: Any) -> list[str]:
    known = [*items]
    if not known:
        return []
    more = [f"    … and {len(known) - _SHOWN} more (--json lists all)"] if len(known) > _SHOWN else []
    return [f"  {title}: {len(known)}", *(f"    {each}" for each in known[:_SHOWN]), *more]
