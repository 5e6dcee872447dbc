"""Commands that read the catalogue of standards: what there is, what belongs to it, and an example of it."""

import re
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.known import (
    MOST_SUGGESTED,
    end_with_unusable,
    known_standard,
    near_names,
    suggested,
    unusable_view,
)
from gateway.cli.run import REFUSED, AsJson, errors, read_quietly, read_settings, show
from gateway.cli.text import example_warning, standard_text, standards_text
from gateway.errors import ConfigurationError, NotPossible
from gateway.xml.near import nearest

if TYPE_CHECKING:
    from gateway.standards import Catalogue, MessageType

_MOST_LISTED = 20

standards_app = typer.Typer(no_args_is_help=True, help="Standards: what this installation can validate.")


@standards_app.command("list", epilog="Example: amtsbote standards list")
def list_(as_json: AsJson = False) -> None:
    """List every standard and version, from when until when it is valid, and whether it is served today.

    What cannot be used is left out and said on standard error, with the exit code 4.
    """
    with errors(as_json=as_json):
        from gateway.domain.calendar import today
        from gateway.standards.description import summary

        catalogue = _read_catalogue(as_json=as_json)
        found = [summary(each, today()) for each in catalogue.standards]
    view = {"standards": found, "unusable_files": unusable_view(catalogue)}
    show(view, standards_text(found, today()), as_json=as_json)
    end_with_unusable(catalogue, as_json=as_json)


@standards_app.command("show", epilog="Example: amtsbote standards show xurkunde 1.1")
def show_(
    standard: Annotated[str, typer.Argument(help="Its name, as `list` prints it.")],
    version: Annotated[str, typer.Argument(help="Its version.")],
    as_json: AsJson = False,
) -> None:
    """Show what belongs to a standard: message types, schema files and code lists."""
    with errors(as_json=as_json):
        from gateway.domain.calendar import today
        from gateway.standards.description import description

        catalogue = _read_catalogue(as_json=as_json)
        found = description(catalogue, known_standard(catalogue, standard, version), today())
    show(found, standard_text(found, today()), as_json=as_json)


@standards_app.command("example", epilog="Example: amtsbote standards example antrag.0101 --full --seed 7")
def example(
    message_type: Annotated[
        str,
        typer.Argument(
            metavar="TYPE",
            help="The message type, such as xparken:1.0:bewohnerparken.antrag.0101, or a part.",
        ),
    ],
    full: Annotated[
        bool,
        typer.Option(
            "--full/--minimal", help="Everything that may be there once, or only what must be there."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same; another, another.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write a message with made-up content, judged as the gateway does: by schema, code lists, header, rules.

    Standard error says what speaks against sending it as it is: rules that no attempt keeps, attachments
    that do not exist, a type that goes to applicants. The exit code is 0 all the same.
    """
    settings = read_quietly(as_json=as_json)
    with errors(as_json=as_json):
        from gateway.domain.calendar import today
        from gateway.standards import Catalogue
        from gateway.standards.examples import Examples

        catalogue = Catalogue.load_usable(settings.standards_folders)
        wanted = _get_message_type(catalogue, message_type)
        standard = known_standard(catalogue, wanted.standard, wanted.version)
        try:
            written = Examples(standard).write(wanted, full=full, seed=seed)
        except NotPossible as error:
            show({"detail": error.detail}, error.detail, as_json=as_json, err=not as_json)
            raise typer.Exit(REFUSED) from error
    body = written.body.decode()
    found = {
        "message_type": wanted.id,
        "full": full,
        "seed": seed,
        "message": body,
        "judged": written.judged,
        "findings": [each.model_dump() for each in written.broken],
        "attachments": written.attachments,
        "direction": wanted.direction,
        "served": standard.serves(today()),
    }
    show(found, body.rstrip("\n"), as_json=as_json)
    if not as_json and (said := example_warning(found)):
        show({}, said, as_json=False, err=True)


def _read_catalogue(*, as_json: bool) -> "Catalogue":
    from gateway.standards import Catalogue

    return Catalogue.load_usable(read_settings(as_json=as_json).standards_folders)


def _get_message_type(catalogue: "Catalogue", wanted: str) -> "MessageType":
    known = {each.id: each for each in catalogue.message_types}
    if wanted in known:
        return known[wanted]
    if not wanted.strip():
        raise typer.BadParameter(
            "no message type is named; `amtsbote standards list` and `show` say which there are"
        )
    containing = [each for each in known if wanted.lower() in each.lower()]
    if len(containing) == 1:
        return known[containing[0]]
    if containing:
        more = len(containing) - _MOST_LISTED
        listed = ", ".join(containing[:_MOST_LISTED]) + (f" and {more} others" if more > 0 else "")
        raise ConfigurationError(f"{wanted} may be any of {listed}; give more of it")
    near = (
        near_names(wanted, known)
        or near_names(wanted, (each.name for each in known.values()))
        or _with_a_near_word(wanted, known)
    )
    raise ConfigurationError(f"there is no message type {wanted}; {suggested(near)}")


def _with_a_near_word(wanted: str, known: Iterable[str]) -> list[str]:
    """Return some ids with a word in them that may have been meant: a part is enough to name a type."""
    words = {each: re.split(r"[:._-]", each.lower()) for each in known}
    near = nearest(wanted.lower(), chain.from_iterable(words.values()))
    return [each for each, parts in words.items() if near in parts][:MOST_SUGGESTED]
