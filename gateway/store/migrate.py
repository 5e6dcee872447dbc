"""Bring a database to the newest schema, with Alembic, from the migrations that come with the product."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from gateway.errors import StoreUnavailable
from gateway.store.engine import sync_url
from gateway.store.schema import MIGRATIONS


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


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
