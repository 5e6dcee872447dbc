"""What every command shares: settings, errors as sentences with an exit code, and how a result is shown."""

import getpass
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.text import Text

from gateway.cli.report import problem_report
from gateway.cli.source import Source
from gateway.contract.ids import new_id
from gateway.errors import (
    AmtsboteError,
    ConfigurationError,
    NotPossible,
    Problem,
    StoreInUse,
    StoreUnavailable,
)
from gateway.http.problem_document import to_document
from gateway.logs import configure_logs
from gateway.portal import PortalError
from gateway.process import run
from gateway.settings import Settings, load_settings

if TYPE_CHECKING:
    from rich.console import Console

REFUSED = 1
NOT_AVAILABLE = 3
NOT_CONFIGURED = 4

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

T = TypeVar("T")

_UNFIT = re.compile("[\x7f-\x9f\ud800-\udfff]")


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        return f"uid {os.getuid()}"


def stated(what: str, limit: int) -> Callable[[str | None], str | None]:
    """Return a check of an option's text: that there is some, and not more than is stored of it."""

    def check(value: str | None) -> str | None:
        if value is None:
            return None
        if not 0 < len(value.strip()) <= limit:
            raise typer.BadParameter(f"a {what} has from 1 to {limit} characters")
        return value.strip()

    return check


Limit = Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")]
Operator = Annotated[
    str,
    typer.Option(
        default_factory=_account,
        callback=stated("name", 100),
        help="Who acts; it is kept with what is done.",
        show_default="your account",
    ),
]


def read_settings(*, as_json: bool, **overrides: object) -> Settings:
    """Read the settings; what is None does not override."""
    with errors(as_json=as_json):
        return load_settings(**{name: value for name, value in overrides.items() if value is not None})


def read_quietly(*, as_json: bool) -> Settings:
    """Read the settings; on a terminal what is done is told in sentences, not in the log."""
    settings = read_settings(as_json=as_json, log_level="error")
    configure_logs(settings.log_level)
    return settings


def run_in_loop(work: Awaitable[T], *, as_json: bool) -> T:
    """Run a command's work to its end and return its result."""
    with errors(as_json=as_json):
        return run(work)


@contextmanager
def errors(*, as_json: bool = False, source: Source | None = None) -> Iterator[None]:
    """Say what went wrong and end with the exit code that fits; `source` is the message that it is about."""
    try:
        yield
    except (PortalError, Problem) as error:
        problem = as_document(error)
        show(problem, problem_report(problem, source), as_json=as_json, err=not as_json)
        raise typer.Exit(exit_code(error)) from error
    except NotPossible as error:
        show({"detail": error.detail}, error.detail, as_json=as_json, err=not as_json)
        raise typer.Exit(REFUSED) from error
    except (ConfigurationError, StoreInUse) as error:
        show({"detail": error.detail}, error.detail, as_json=as_json, err=not as_json)
        raise typer.Exit(NOT_CONFIGURED) from error
    except ModuleNotFoundError as error:
        sentence = f"{error.name} is not installed: this needs `pip install 'amtsbote[server]'`"
        show({"detail": sentence}, sentence, as_json=as_json, err=not as_json)
        raise typer.Exit(NOT_CONFIGURED) from error
    except StoreUnavailable as error:
        show({"detail": error.detail}, error.detail, as_json=as_json, err=not as_json)
        raise typer.Exit(NOT_AVAILABLE) from error


def as_document(error: PortalError | Problem) -> dict[str, Any]:
    """Return the problem document of an error, whether the gateway wrote it or we do."""
    if isinstance(error, Problem):
        return to_document(error, new_id())
    return error.problem or {"detail": error.detail}


def exit_code(error: AmtsboteError) -> int:
    """Return the exit code of what refuses a message, or cannot say."""
    return NOT_AVAILABLE if error.retryable else REFUSED


def announce(data: dict[str, Any]) -> None:
    """Print JSON on one line: the command runs on, and whoever waits for it reads a line."""
    typer.echo(_json(data))


def show(data: dict[str, Any], text: str | Text, *, as_json: bool, err: bool = False) -> None:
    """Print a result, as text or as JSON."""
    if not as_json and isinstance(text, Text):
        _console(err=err).print(text, soft_wrap=True)
        return
    typer.echo(_json(data, indent=2) if as_json else text, err=err)


def _json(data: dict[str, Any], indent: int | None = None) -> str:
    """Write JSON to be read also by people: only what steers a terminal, or is no character, is escaped."""
    text = json.dumps(data, ensure_ascii=False, indent=indent)
    return _UNFIT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _console(*, err: bool) -> "Console":
    """Return what prints in colour on a terminal, and plainly elsewhere or where NO_COLOR says so."""
    from rich.console import Console  # the other commands start without it

    stream = sys.stderr if err else sys.stdout
    plain = bool(os.environ.get("NO_COLOR")) or not stream.isatty()
    return Console(file=stream, color_system=None if plain else "standard", highlight=False, emoji=False)
