"""Commands that change the catalogue: add a published release, say when it is served, remove it."""

import asyncio
import re
import resource
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.known import known_standard
from gateway.cli.run import AsJson, errors, read_quietly, run_in_loop, show
from gateway.cli.source import visible
from gateway.cli.text import counted
from gateway.domain.calendar import today
from gateway.errors import ConfigurationError, NotPossible
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.standards import Catalogue
    from gateway.standards.examining import Report
    from gateway.standards.manifest import Manifest

app = typer.Typer()

_SHOWN = 10
MEMORY_BYTES = 1024 * 1024 * 1024
"""What adding may take besides what the program has. XJustiz 3.6, the largest that was tried, takes 165 MiB,
and schemas may be five times as large (`survey.MAX_WEIGHT`)."""
_DATA = 5
"""Which of the numbers in `/proc/self/statm` is limited by RLIMIT_DATA."""
_TOO_LARGE = (
    f"it takes more than {MEMORY_BYTES >> 20} MiB of memory, so nothing was added: its schemas or rules are "
    "too many, or make too much of a few; add folders of it one by one"
)
Name = Annotated[str, typer.Argument(help="The standard, as `standards list` calls it.")]
Version = Annotated[str, typer.Argument(help="Its version.")]
_DAY = "YYYY-MM-DD"
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _day(text: str) -> date:
    try:
        if _ISO_DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass  # such as a 31st of February
    raise typer.BadParameter(f"{text!r} is no day; write {_DAY}, such as 2027-05-01")


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
        from gateway.standards.adding import Misnamed
        from gateway.standards.adding import add as add_release

        catalogue = Catalogue.load(settings.standards_folders)
        target = settings.added_standards
        try:
            with _bounded_memory():
                report = add_release(path, catalogue, target, name=name, version=version, dry_run=dry_run)
        except MemoryError as error:
            raise NotPossible(_TOO_LARGE) from error
        except Misnamed as error:
            raise typer.BadParameter(error.detail) from error
        except ConfigurationError as error:
            raise NotPossible(_visible_lines(error.detail)) from error
    show(_view(report), report_text(report), as_json=as_json)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    """Let this process take so much more memory: few lines of schema can ask an engine for all there is.

    Where the kernel does not say how much it has, there is no limit.
    """
    statistics = Path("/proc/self/statm")
    if not statistics.exists():
        yield
        return
    used = int(statistics.read_text("ascii").split()[_DATA]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limits = [each for each in (used + MEMORY_BYTES, soft) if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


@app.command(epilog="Example: amtsbote standards enable xurkunde 1.1 --from 2026-11-01")
def enable(
    standard: Name,
    version: Version,
    since: Annotated[
        date | None,
        typer.Option(
            "--from", parser=_day, metavar=_DAY, help="The first day, in Germany; else as it was, or today."
        ),
    ] = None,
    until: Annotated[
        date | None,
        typer.Option(
            parser=_day,
            metavar=_DAY,
            help="The last day (Stichtag); else open, or with --grace-until as it was.",
        ),
    ] = None,
    grace_until: Annotated[
        date | None,
        typer.Option(parser=_day, metavar=_DAY, help="Take it until this day with a warning."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say from when to when a version is served; a running gateway needs no restart."""
    settings = read_quietly(as_json=as_json)
    with errors(as_json=as_json):
        from gateway.standards import Catalogue
        from gateway.standards.manifest import FILE_NAME
        from gateway.standards.serving import enable as enable_standard

        found = known_standard(Catalogue.load(settings.standards_folders), standard, version)
        days = _days(found.manifest, since, until, grace_until)
        enable_standard(found, since=days[0], until=days[1], grace_until=days[2])
    names = ("valid_from", "valid_until", "grace_until")
    new = found.manifest.model_copy(update=dict(zip(names, days, strict=True)))
    view = {name: day and day.isoformat() for name, day in new.days.items()}
    dropped = {
        name: day.isoformat() for name, day in found.manifest.days.items() if day and not new.days[name]
    }
    file = found.folder / FILE_NAME
    text = "\n".join([_served_text(new, today()), *_dropped_text(dropped), f"  in {file}"])
    show(
        {"standard": standard, "version": version, "file": str(file)} | view | {"dropped": dropped},
        text,
        as_json=as_json,
    )


def _days(
    manifest: "Manifest", since: date | None, until: date | None, grace_until: date | None
) -> tuple[date, date | None, date | None]:
    """Take from the manifest what no option says, and refuse days that do not follow each other."""
    kept_until = manifest.valid_until if grace_until and not until else None
    first, last = since or manifest.valid_from or today(), until or kept_until
    if grace_until and not last:
        raise typer.BadParameter(
            f"--grace-until {grace_until} follows a last day, and there is none; give --until too"
        )
    first_said = f"--from {since}" if since else f"valid_from {first} of its standard.yaml"
    if not (since or manifest.valid_from):
        first_said = f"today, {first}, from which it is served without --from"
    last_said = f"--until {until}" if until else f"valid_until {last} of its standard.yaml"
    if last and last < first:
        raise typer.BadParameter(f"{last_said} lies before {first_said}")
    if last and grace_until and grace_until < last:
        raise typer.BadParameter(f"--grace-until {grace_until} lies before {last_said}")
    return first, last, grace_until


def _dropped_text(dropped: Mapping[str, str]) -> list[str]:
    """Say which days that were set before no longer hold, and how to keep them."""
    options = {"valid_until": "--until", "grace_until": "--grace-until"}
    said = " ".join(f"{options[name]} {day}" for name, day in dropped.items())
    return [f"Set before and dropped now: {said}; give it again to keep it"] if said else []


def _served_text(manifest: "Manifest", day: date) -> str:
    """Say what the days of a version mean on a day, and what routes call it while it matters to them."""
    from gateway.standards.phase import Phase, phase

    named, days = f"{manifest.standard} {manifest.version}", manifest.days
    since, until, grace_until = days.values()
    span = f"from {since}" + (f", until {until}" if until else "")
    grace = f", with a warning until {grace_until}" if grace_until else ""
    if not manifest.message_types:
        return f"{named} has no message types, so nothing of it can be sent; its days are kept: {span}{grace}"
    stands = phase(manifest, day)
    if stands is Phase.OVER:
        return f"{named} was served {span}{grace}; its messages are refused"
    said = f"is served {span}{grace}"
    if stands is Phase.COMING:
        said = f"will be served {span}{grace}"
    elif stands is Phase.GRACE:
        said = f"was served {span}, and is taken with a warning until {grace_until}"
    return f"{named} {said}; routes name it as {manifest.standard}:{manifest.version}:*"


@app.command(epilog="Example: amtsbote standards remove xhund 2.3")
def remove(standard: Name, version: Version, as_json: AsJson = False) -> None:
    """Remove a version that was added; refused while messages of it are on their way."""
    settings = read_quietly(as_json=as_json)
    run_in_loop(_remove(settings, standard, version), as_json=as_json)
    text = f"{standard} {version} is removed"
    show({"standard": standard, "version": version, "removed": True}, text, as_json=as_json)


async def _remove(settings: Settings, name: str, version: str) -> None:
    from gateway.standards import Catalogue
    from gateway.standards.manifest import FILE_NAME
    from gateway.standards.serving import remove as remove_standard
    from gateway.standards.serving import require_added

    catalogue, target = Catalogue.load_usable(settings.standards_folders), settings.added_standards
    home = target / name / version  # where it cannot be used, its folder alone says what it is
    unusable = home / FILE_NAME in catalogue.unusable
    if not unusable:
        home = known_standard(catalogue, name, version).folder
    require_added(home, target)
    if not (unusable and catalogue.fetch(name, version)):  # else it is there twice, and the other stays
        await _require_unused(settings, catalogue, name, version)
    await asyncio.to_thread(remove_standard, home, target)


async def _require_unused(settings: Settings, catalogue: "Catalogue", name: str, version: str) -> None:
    from gateway.bootstrap import opened_store
    from gateway.standards.manifest import FILE_NAME
    from gateway.store.standards import count_open

    for other in catalogue.standards:
        conversions = other.manifest.conversions if other.manifest.standard == name else ()
        if any(each.to == version for each in conversions):
            raise NotPossible(
                f"messages of {other} are converted into it: take that out of the `conversions` in "
                f"{other.folder / FILE_NAME} first"
            )
    async with opened_store(settings) as (_, store), store.read() as connection:
        count = await count_open(connection, name, version)
    if count:
        raise NotPossible(
            f"{counted(count, 'message')} of {name} {version} still on the way: see `amtsbote deliveries "
            "list`; end its service with `standards enable --until` and remove it later"
        )


def _view(report: "Report") -> dict[str, Any]:
    manifest = report.manifest
    return {
        "standard": manifest.standard,
        "version": manifest.version,
        "identifier": manifest.identifier,
        "namespace": manifest.namespace,
        "guessed": report.guessed,
        "is_there": report.is_there,
        "folder": report.folder and str(report.folder),
        "header_profile": manifest.header.profile,
        "schema_files": len(report.found.schemas),
        "message_types": [each.name for each in manifest.message_types],
        "left_out": report.left_out,
        "code_lists": len(manifest.code_lists),
        "rule_files": [each.file for each in manifest.rules],
        "rule_files_for_all_types": report.rules_for_all,
        "open_lists": [{"uri": uri, "version": version} for uri, version in report.opened],
        "absent_lists": [{"uri": uri, "version": version} for uri, version in report.absent_lists],
        "unresolved_imports": [
            {
                "namespace": each.namespace,
                "location": each.location,
                "file": str(each.origin),
                "line": each.line,
                "used": each.used,
            }
            for each in report.unresolved
        ],
        "unusable_files": {str(path): reason for path, reason in report.broken.items()},
        "other_files": [str(path) for path in _others(report)],
        "samples": [
            {"file": str(each.path), "valid": each.valid, "reason": each.reason} for each in report.samples
        ],
    }


def report_text(report: "Report") -> str:
    """Say what was found in a release, what is missing, and what to do next.

    Names of its files, and what stands in them, move no cursor and colour nothing.
    """
    manifest, found = report.manifest, report.found
    named = f"{manifest.standard} {manifest.version}"
    lines = [
        visible(f"{named}: {manifest.title.de}"),
        f"  schemas          {counted(len(found.schemas), 'file')}, "
        f"{counted(len(manifest.message_types), 'message type')}, header profile {manifest.header.profile}",
        f"  code lists       {len(manifest.code_lists)}",
        f"  rule files       {len(manifest.rules)}",
        f"  sample messages  {_valid(report)}",
    ]
    lines += _problems(report)
    if report.folder is None:
        before = f" {named} is there already: `amtsbote standards remove {named}` first." * report.is_there
        return "\n".join([*lines, f"Nothing was added (--dry-run).{before}"])
    review = f"Added to {report.folder}; review its standard.yaml."
    served = f"Not served yet: amtsbote standards enable {named} --from DAY"
    return "\n".join([*lines, review, *([served] if manifest.message_types else [])])


def _valid(report: "Report") -> str:
    valid = sum(each.valid for each in report.samples)
    return f"{len(report.samples)}, {valid} of them valid" if report.samples else "none"


def _problems(report: "Report") -> list[str]:
    """List what an operator should know before enabling it."""
    unresolved = [
        f"{each}: add the release that has it and then this one anew, or what is used of it may hold "
        f"anything ({', '.join(each.used) or 'nothing is'})"
        for each in report.unresolved
    ]
    told = {"name": report.manifest.standard, "version": report.manifest.version}
    return [
        *_guesses([f"{each} {told[each]}" for each in report.guessed]),
        *_rules_for_all(report),
        *_part("unresolved imports", unresolved),
        *_part("unusable files", [f"{path}: {reason}" for path, reason in report.broken.items()]),
        *_part(
            "invalid samples", [f"{each.path}: {each.reason}" for each in report.samples if not each.valid]
        ),
        *_part("other XML files, of which nothing is used", map(str, _others(report))),
        *_part("code lists not delivered, their codes are not checked", map(_list_name, report.absent_lists)),
        *_part("code lists declared open: samples use codes that they lack", map(_list_name, report.opened)),
        *_part("global elements without the header, left out", report.left_out),
    ]


def _rules_for_all(report: "Report") -> list[str]:
    """Say which rules may meet messages that they were not written for."""
    if not report.rules_for_all:
        return []
    run, them = ("files are", "them") if len(report.rules_for_all) > 1 else ("file is", "it")
    types = f"all {len(report.manifest.message_types)} message types"
    restricts = f"`message_types` in standard.yaml restricts {them}"
    return [
        f"  {len(report.rules_for_all)} rule {run} run on {types}; {restricts}",
        *_listed(report.rules_for_all),
    ]


def _others(report: "Report") -> list["Path"]:
    """Return what is neither a message of the standard nor anything else of it: a misspelt name, perhaps."""
    samples = {each.path for each in report.samples}
    return [each.path for each in report.found.instances if each.path not in samples]


def _guesses(told: Sequence[str]) -> list[str]:
    """Say what was guessed; how many, which others are told, would look like one of these."""
    advice = "    if that is wrong, `standards remove` it and add it anew with --name or --version"
    return [f"  guessed, as no file tells it: {visible(', '.join(told))}", advice] if told else []


def _list_name(known: tuple[str, str | None]) -> str:
    uri, version = known
    return f"{uri} {version}" if version else uri


def _part(title: str, items: Any) -> list[str]:
    known = [*items]
    return [f"  {title}: {len(known)}", *_listed(known)] if known else []


def _listed(known: Sequence[str]) -> list[str]:
    more = [f"    … and {len(known) - _SHOWN} more (--json lists all)"] if len(known) > _SHOWN else []
    return [*(f"    {visible(each)}" for each in known[:_SHOWN]), *more]


def _visible_lines(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))
