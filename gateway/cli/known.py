"""What a command may name: tenants and destinations that there are, or once were, and standards.

A misspelt one would otherwise look as if all were well.
"""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from gateway.cli.run import NOT_CONFIGURED
from gateway.config import Config
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.standards import Catalogue, Standard
    from gateway.store import SqlStore

MOST_SUGGESTED = 3


async def known_tenants(store: "SqlStore", config: Config, only: str | None = None) -> list[str]:
    """Return the tenants that are configured and those that were once and have left something, or the one.

    Raises:
        ConfigurationError: there is no such tenant; with those that there are.
    """
    from gateway.store import keys

    async with store.read() as connection:
        known = {each.tenant for each in await keys.fetch_all(connection)} | set(config.tenant)
    if only is not None and only not in known:
        raise ConfigurationError(f"there is no tenant {only}; there are {', '.join(sorted(known))}")
    return [only] if only else sorted(known)


async def check_known(
    store: "SqlStore", config: Config, *, tenant: str | None = None, destination: str | None = None
) -> None:
    """Make sure that what a command is restricted to is there.

    Raises:
        ConfigurationError: there is no such tenant or destination; with those that there are.
    """
    from gateway.store import operators

    if tenant is not None:
        await known_tenants(store, config, tenant)
    if destination is None or destination in config.destination:
        return
    async with store.read() as connection:
        if not await operators.was_destination(connection, destination):
            there = ", ".join(sorted(config.destination))
            raise ConfigurationError(f"there is no destination {destination}; there are {there}")


def known_standard(catalogue: "Catalogue", name: str, version: str) -> "Standard":
    """Return one version of a standard.

    Raises:
        ConfigurationError: it cannot be used; or it is not there, with what may have been meant.
    """
    if found := catalogue.fetch(name, version):
        return found
    for path, reason in catalogue.unusable.items():
        if (path.parent.parent.name, path.parent.name) == (name, version):
            raise ConfigurationError(reason)
    known = [(each.manifest.standard, each.manifest.version) for each in catalogue.standards]
    of_that_name = [" ".join(key) for key in known if key[0] == name]
    near = of_that_name or near_names(f"{name} {version}", [" ".join(key) for key in known])
    raise ConfigurationError(f"there is no standard {name} {version}; {suggested(near)}")


def end_with_unusable(catalogue: "Catalogue", *, as_json: bool) -> None:
    """End with the exit code for it where a standard was left out, having said why; JSON has said it."""
    if not catalogue.unusable:
        return
    if not as_json:
        typer.echo("\n".join(catalogue.unusable.values()), err=True)
    raise typer.Exit(NOT_CONFIGURED)


def unusable_view(catalogue: "Catalogue") -> dict[str, str]:
    """Return each `standard.yaml` that was left out, and why."""
    return {str(path): reason for path, reason in catalogue.unusable.items()}


def near_names(wanted: str, known: Iterable[str]) -> list[str]:
    """Return the names that may have been meant, the nearest first."""
    return difflib.get_close_matches(wanted, dict.fromkeys(known), MOST_SUGGESTED)


def suggested(near: list[str]) -> str:
    """Say which standards or message types there are."""
    if near:
        return f"there is {', '.join(near)}"
    return "`amtsbote standards list` and `show` say what there is"
