"""Whether a database has the schema that this version was made for.

Without Alembic, which `migrate` needs: what it imports would be a twentieth of every start.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, inspect
from sqlalchemy.exc import OperationalError

from gateway.errors import ConfigurationError, StoreUnavailable
from gateway.store.engine import sync_url

MIGRATIONS = Path(__file__).parent / "migrations"
_LOOK_S = 10


def check_schema(address: str) -> None:
    """Make sure that the database has the schema this version was made for.

    Raises:
        ConfigurationError: it has another; says which command mends it.
        StoreUnavailable: the database cannot be reached.
    """
    engine = create_engine(sync_url(address), connect_args=_bounded(address))
    try:
        with engine.connect() as connection:
            current = _current(connection)
    except OperationalError as error:
        raise StoreUnavailable(f"the database cannot be reached ({type(error.orig).__name__})") from error
    finally:
        engine.dispose()
    # A migration's file begins with its revision; they are applied in this order, and are in one line.
    known = sorted(each.name.partition("_")[0] for each in (MIGRATIONS / "versions").glob("*.py"))
    newest = known[-1]
    if current and current not in known:
        raise ConfigurationError(
            f"the database is at schema {current}, which a later version has; this one knows none after "
            f"{newest}: run the later version, or restore the backup from before its migration"
        )
    if current != newest:
        raise ConfigurationError(
            f"the database is at schema {current or 'none'}, this version needs {newest}: "
            "run `amtsbote migrate`"
        )


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return found


def _bounded(address: str) -> dict[str, Any]:
    """Bound the look at the schema: a start must not hang where the database does."""
    if sync_url(address).get_backend_name() == "sqlite":
        return {}
    return {"connect_timeout": _LOOK_S, "tcp_user_timeout": _LOOK_S * 1000}
