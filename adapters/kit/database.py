"""Opens the database of an adapter store: SQLite for one process, PostgreSQL for several."""

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy.exc
from sqlalchemy import URL, event, insert, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from adapters.kit.tables import SCHEMA_VERSION, metadata, schema
from gateway.errors import ConfigurationError, StoreInUse, StoreUnavailable

TIMEOUT_S = 10
_SCHEMA_LOCK = 0x616D7473626F7465  # "amtsbote": whoever creates the tables holds this advisory lock


class Database:
    """One engine. SQLite has a single connection and takes the write lock at the start of a transaction.

    Args:
        url: `sqlite:///path` or `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self._url = _with_driver(url)
        self._lock: _FileLock | None = None
        self._engine: AsyncEngine | None = None

    @property
    def is_sqlite(self) -> bool:
        """Say whether this process is the only one that uses the database."""
        return self._url.get_backend_name() == "sqlite"

    async def open(self) -> None:
        """Connect, and create the tables where they are missing.

        Raises:
            StoreInUse: another process serves this SQLite file.
            StoreUnavailable: the database cannot be reached.
            ConfigurationError: the tables are of a newer release.
        """
        if self.is_sqlite:
            self._lock = _FileLock(Path(self._url.database or ""))
            self._lock.acquire()
        try:
            self._engine = _sqlite_engine(self._url) if self.is_sqlite else _postgres_engine(self._url)
            async with self.begin() as connection:
                await _create_tables(connection)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close every connection and let another process in."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that commits at the end of the block.

        Raises:
            StoreUnavailable: the connection failed; after a lost commit the outcome is unknown.
        """
        if self._engine is None:
            raise StoreUnavailable("The adapter store is not open.")
        try:
            async with self._engine.begin() as connection:
                yield connection
        except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError) as error:
            raise StoreUnavailable(f"The adapter store failed ({type(error.orig).__name__}).") from error
        except sqlalchemy.exc.TimeoutError as error:
            raise StoreUnavailable("No connection to the adapter store became free in time.") from error


class _FileLock:
    """Holds `<database>.lock` for as long as this process serves the database."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise StoreInUse(
                f"Another process serves {self._path.with_suffix('')}; stop it, or set AMTSBOTE_ADAPTER_DB "
                "to a PostgreSQL address to run several."
            ) from error

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _with_driver(url: str) -> URL:
    parsed = make_url(url)
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    backend = parsed.get_backend_name()
    if backend not in drivers:
        raise ConfigurationError(f"AMTSBOTE_ADAPTER_DB: {backend} is neither sqlite nor postgresql")
    return parsed.set(drivername=drivers[backend])


def _sqlite_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=TIMEOUT_S,
        connect_args={"timeout": TIMEOUT_S},
        hide_parameters=True,  # an error would otherwise quote what an applicant wrote
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        # The driver would begin transactions by itself, too late and without the write lock.
        connection.isolation_level = None
        # aiosqlite's thread answers only the first `stop`; SQLAlchemy 2.1 calls it twice when a task is
        # cancelled again within a statement, and the second would wait for ever.
        connection.driver_connection.stop = cache(connection.driver_connection.stop)
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgres_engine(url: URL) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=5,
        max_overflow=5,
        pool_timeout=TIMEOUT_S,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": TIMEOUT_S,
            "options": f"-c statement_timeout={TIMEOUT_S}s -c lock_timeout={TIMEOUT_S}s",
        },
    )


async def _create_tables(connection: AsyncConnection) -> None:
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
    await connection.run_sync(metadata.create_all)
    version = (await connection.execute(select(schema.c.version))).scalar()
    if version is None:
        await connection.execute(insert(schema).values(version=SCHEMA_VERSION))
    elif version != SCHEMA_VERSION:
        raise ConfigurationError(
            f"The adapter store has tables of version {version}, this release knows {SCHEMA_VERSION}; "
            "run the release that created them."
        )
