"""Opens the database of an adapter store: SQLite for one process, PostgreSQL for several.

Everything here blocks: it belongs into the thread of `adapters.kit.writer`.
"""

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy.exc
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url, select, text
from sqlalchemy.dialects import postgresql, sqlite

from adapters.kit.tables import SCHEMA_VERSION, metadata, schema, sent_index
from gateway.errors import ConfigurationError, StoreConflict, StoreDeadlock, StoreInUse, StoreUnavailable

T = TypeVar("T")

TIMEOUT_S = 10
SQLITE_BUSY_S = 5
"""Shorter than TIMEOUT_S: nobody can call off a thread that waits in SQLite."""
_SCHEMA_LOCK = 0x616D7473626F7465  # "amtsbote": whoever creates the tables holds this advisory lock
_DEADLOCK = "40P01"


class Database:
    """One connection, used by one thread. SQLite takes the write lock at the start of a transaction.

    Args:
        url: `sqlite:///path` or `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self._url = _with_driver(url)
        self._lock: _FileLock | None = None
        self._engine: Engine | None = None
        self._raw: Any = None

    @property
    def is_sqlite(self) -> bool:
        """Say whether this process is the only one that uses the database."""
        return self._url.get_backend_name() == "sqlite"

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """Return an INSERT that knows ON CONFLICT in this database's dialect."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def open(self) -> None:
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
            self.transact(_create_tables)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect and let another process in."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and commit it.

        A connection that turns out to be dead before the commit has stored nothing: a fresh one is tried.

        Raises:
            StoreUnavailable: the connection failed; after a lost commit the outcome is unknown.
            StoreConflict, StoreDeadlock: nothing is stored; done again it finds what another has stored.
        """
        try:
            return self._transact(work)
        except _DeadBeforeCommit:
            return self._transact(work)

    def interrupt(self) -> None:
        """Called from another thread: break the connection to a PostgreSQL server that does not answer."""
        raw = self._raw
        if raw is not None and not self.is_sqlite:
            with suppress(Exception), socket.socket(fileno=os.dup(raw.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    def _transact(self, work: Callable[[Connection], T]) -> T:
        if self._engine is None:
            raise StoreUnavailable("The adapter store is not open.")
        committing = False
        with _translated(lambda: not committing), self._engine.connect() as connection:
            self._raw = connection.connection.driver_connection
            result = work(connection)
            committing = True
            connection.commit()
            return result


class _DeadBeforeCommit(StoreUnavailable):
    """The connection was lost, and nothing was stored."""


@contextmanager
def _translated(nothing_stored: Callable[[], bool]) -> Iterator[None]:
    try:
        yield
    except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.DataError) as error:
        raise StoreConflict from error
    except (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError) as error:
        if getattr(error.orig, "sqlstate", None) == _DEADLOCK:
            raise StoreDeadlock from error
        lost = error.connection_invalidated and nothing_stored()
        kind = _DeadBeforeCommit if lost else StoreUnavailable
        raise kind(f"The adapter store failed ({type(error.orig).__name__}).") from error


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
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
    backend = parsed.get_backend_name()
    if backend not in drivers:
        raise ConfigurationError(f"AMTSBOTE_ADAPTER_DB: {backend} is neither sqlite nor postgresql")
    return parsed.set(drivername=drivers[backend])


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        connect_args={"timeout": SQLITE_BUSY_S},
        hide_parameters=True,  # an error would otherwise quote what an applicant wrote
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        # The driver would begin transactions by itself, too late and without the write lock.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return _with_bulk_inserts(engine)


def _postgres_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
        connect_args={
            "connect_timeout": TIMEOUT_S,
            "options": f"-c statement_timeout={TIMEOUT_S}s -c lock_timeout={TIMEOUT_S}s",
        },
    )
    return _with_bulk_inserts(engine)


def _with_bulk_inserts(engine: Engine) -> Engine:
    # Many rows of one table are one statement, also where nothing is returned.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    return engine


def _create_tables(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
    metadata.create_all(connection)
    version = connection.execute(select(schema.c.version)).scalar()
    if version is None:
        connection.execute(schema.insert().values(version=SCHEMA_VERSION))
    elif version == 1:
        sent_index.drop(connection)
        sent_index.create(connection)
        connection.execute(schema.update().values(version=SCHEMA_VERSION))
    elif version != SCHEMA_VERSION:
        raise ConfigurationError(
            f"The adapter store has tables of version {version}, this release knows {SCHEMA_VERSION}; "
            "run the release that created them."
        )
