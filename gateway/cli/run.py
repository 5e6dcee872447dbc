"""What every command shares: settings, errors as sentences with an exit code, and how a result is shown."""

import getpass
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer

from gateway.cli.text import as_problem, problem_text
from gateway.errors import ConfigurationError, NotPossible, Problem, StoreInUse, StoreUnavailable
from gateway.logs import configure_logs
from gateway.portal import GatewayUnreachable, PortalError
from gateway.process import run
from gateway.settings import Settings, load_settings

REFUSED = 1
NOT_AVAILABLE = 3
NOT_CONFIGURED = 4

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

T = TypeVar("T")


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
def errors(*, as_json: bool = False) -> Iterator[None]:
    """Say what went wrong in a sentence and end with the exit code that fits."""
    try:
        yield
    except (PortalError, Problem) as error:
        problem = as_problem(error)
        show(problem, problem_text(problem), as_json=as_json, err=not as_json)
        unreachable = isinstance(error, GatewayUnreachable)
        raise typer.Exit(NOT_AVAILABLE if unreachable else REFUSED) from error
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


def announce(data: dict[str, Any]) -> None:
    """Print JSON on one line: the command runs on, and whoever waits for it reads a line."""
    typer.echo(json.dumps(data, ensure_ascii=False))


def show(data: dict[str, Any], text: str, *, as_json: bool, err: bool = False) -> None:
    """Print a result, as text or as JSON."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2) if as_json else text, err=err)
