"""Bring a database to the newest schema, with Alembic, from the migrations that come with the product."""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from gateway.errors import ConfigurationError, StoreUnavailable
from gateway.store.engine import sync_url

_LOOK_S = 10
_FOLDER = Path(__file__).parent / "migrations"


def migrate(address: str) -> None:
    """Apply every migration that the database has not had; none is ever undone.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """
    url = sync_url(address)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    config = _config()
    try:
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                # Kept in the file. Of several connections that turn a new file to WAL, SQLite lets none wait.
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except OperationalError as error:
        raise StoreUnavailable(f"the database cannot be reached ({type(error.orig).__name__})") from error
    finally:
        engine.dispose()


def check_schema(address: str) -> None:
    """Make sure that the database has the schema this version was made for.

    Raises:
        ConfigurationError: it has another; says which command mends it.
        StoreUnavailable: the database cannot be reached.
    """
    engine = create_engine(sync_url(address), connect_args=_bounded(address))
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    except OperationalError as error:
        raise StoreUnavailable(f"the database cannot be reached ({type(error.orig).__name__})") from error
    finally:
        engine.dispose()
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if current != newest:
        raise ConfigurationError(
            f"the database is at schema {current or 'none'}, this version needs {newest}: "
            "run `amtsbote migrate`"
        )


def _bounded(address: str) -> dict[str, Any]:
    """Bound the look at the schema: a start must not hang where the database does."""
    if sync_url(address).get_backend_name() == "sqlite":
        return {}
    return {"connect_timeout": _LOOK_S, "tcp_user_timeout": _LOOK_S * 1000}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config
