"""What a command may be restricted to: tenants and destinations that there are, or once were.

A misspelt one would otherwise look as if all were well.
"""

from typing import TYPE_CHECKING

from gateway.config import Config
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.store import SqlStore


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
