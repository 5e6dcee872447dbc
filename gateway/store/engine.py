"""Connections, transactions and the rules of each database.

SQLite: one writer connection, BEGIN IMMEDIATE, WAL, synchronous=FULL. PostgreSQL: leases and due times by
the database's clock, never by a process's.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, event, func, literal, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DataError, DBAPIError, DisconnectionError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.domain.clock import Clock, SystemClock
from gateway.errors import StoreConflict, StoreDeadlock, StoreInUse, StoreUnavailable
from gateway.store.master_key import MasterKey
from gateway.store.signals import Signals
from gateway.store.tables import UtcDateTime
from gateway.store.vault import Vault

if TYPE_CHECKING:
    from gateway.store.notices import Notices

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}

READERS, WRITERS = 8, 6
"""Connections to PostgreSQL that a process has at most, besides the two of `notices`."""

_BY_KEY = "-c enable_seqscan=off -c jit=off"
"""What a transaction writes it finds by an index. PostgreSQL keeps a plan until the next ANALYZE: one that it
made while a table was small would go on to read the whole of it for each batch. The statements of `bulk` are
written so that it then has no other way than by the key."""

_NOW = select(func.now())
_REST_S = 1.0
_USED_AT = "used_at"


class SqlStore:
    """The database, its transactions and its clock.

    Args:
        address: SQLAlchemy address; `sqlite:///path` or `postgresql://…`.
        master_key: None where no content is read or written.
        clock: set in tests only; PostgreSQL otherwise tells the time itself.
        timeout_s: bound of every wait for a connection or a statement.
    """

    def __init__(
        self,
        address: str,
        *,
        master_key: MasterKey | None = None,
        clock: Clock | None = None,
        timeout_s: float = 10,
    ) -> None:
        self.url = _async_url(address)
        self.signals = Signals()
        self._notices: Notices | None = None
        self.vault = Vault(self, master_key)
        self._timeout_s = timeout_s
        self._clock = clock
        self._lock: IO[str] | None = None
        self._readers = self._engine(pool_size=5 if self.is_sqlite else READERS)
        self._writers = self._engine(pool_size=1 if self.is_sqlite else WRITERS, writes=True)

    @property
    def is_sqlite(self) -> bool:
        """Say whether this is the embedded database."""
        return self.url.get_backend_name() == "sqlite"

    def now(self) -> ColumnElement[datetime]:
        """The present, by the clock that leases are measured with."""
        return self.after(0)

    def after(self, seconds: float) -> ColumnElement[datetime]:
        """The moment so many seconds from now, by the same clock."""
        offset = timedelta(seconds=seconds)
        if self.is_sqlite or self._clock:
            return literal((self._clock or SystemClock()).now() + offset, UtcDateTime)
        return func.now() + literal(offset)

    def own_time(self) -> datetime | None:
        """The present by this process's clock; None where the database tells the time."""
        return (self._clock or SystemClock()).now() if self.is_sqlite or self._clock else None

    async def read_clock(self, connection: AsyncConnection) -> datetime:
        """Read the same clock once, for everything that a transaction writes."""
        return self.own_time() or (await connection.execute(_NOW)).scalar_one()

    @asynccontextmanager
    async def write(self, *, at_once: bool = False) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that commits at the end of the block.

        Args:
            at_once: the block writes with one statement only, which PostgreSQL commits by itself: an error
                later in the block undoes nothing.

        Raises:
            StoreUnavailable: no connection, or it was lost; if during commit, or during what is written
                `at_once`, the outcome is unknown.
            StoreConflict: the database refused a row.
        """
        engine = self._readers if at_once and not self.is_sqlite else self._writers
        with _translated():
            async with asyncio.timeout(self._timeout_s), engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection to read from; on PostgreSQL each statement sees what is committed when it begins.

        Raises:
            StoreUnavailable: no connection, or it was lost.
        """
        with _translated():
            async with asyncio.timeout(self._timeout_s), self._readers.connect() as connection:
                yield connection

    async def ping(self) -> None:
        """Ask the database for anything.

        Raises:
            StoreUnavailable: it does not answer.
        """
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    def claim_file(self) -> None:
        """Make this process the only one that serves a SQLite file; PostgreSQL bears any number.

        Raises:
            StoreInUse: another process serves it.
        """
        if not self.is_sqlite or not self.url.database:
            return
        path = Path(self.url.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(path.suffix + ".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StoreInUse(
                f"{path} is already served by another process; stop it, or use PostgreSQL "
                "(AMTSBOTE_DATABASE_URL) to run several"
            ) from error
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock

    def join_others(self) -> None:
        """Exchange wake-ups with the other processes on this database; on SQLite there are none."""
        if self.is_sqlite:
            return
        from gateway.store.notices import Notices  # SQLite starts without psycopg

        self._notices = Notices(self.url, self.signals.hear)
        self._notices.start()
        self.signals.tell_others = self._notices.tell

    async def close(self) -> None:
        """Close every connection and give the file free."""
        if self._notices:
            await self._notices.stop()
        await self._readers.dispose()
        await self._writers.dispose()
        if self._lock:
            self._lock.close()
            self._lock = None

    def _engine(self, *, pool_size: int, writes: bool = False) -> AsyncEngine:
        """Return a pool of connections; for transactions where it `writes`."""
        options: dict[str, Any] = {
            "pool_size": pool_size,
            "max_overflow": 0,
            "pool_timeout": self._timeout_s,
            # An error of the driver would otherwise quote what it was to store.
            "hide_parameters": True,
        }
        if not self.is_sqlite:
            from gateway.store.postgres import HangUp

            bound = int(self._timeout_s * 1000)
            rules = f"-c timezone=utc -c statement_timeout={bound} -c lock_timeout={bound}"
            options |= {
                # The same few again and again: their statements are prepared.
                "pool_use_lifo": True,
                # Who only reads, or writes with one statement, saves the round trips of a transaction.
                "isolation_level": "READ COMMITTED" if writes else "AUTOCOMMIT",
                "connect_args": {
                    "async_creator_fn": HangUp.connect,
                    "connect_timeout": int(self._timeout_s) or 1,
                    "options": f"{rules} {_BY_KEY}" if writes else rules,
                },
            }
        engine = create_async_engine(self.url, **options)
        # Many rows of one table are one statement, also where nothing is returned.
        engine.dialect.use_insertmanyvalues_wo_returning = True
        if self.is_sqlite:
            # Shorter than our own bound: a thread that waits in SQLite cannot be called off.
            busy_ms = int(min(5, self._timeout_s / 2) * 1000)
            _apply_sqlite_rules(engine, "BEGIN IMMEDIATE" if writes else "BEGIN", busy_ms)
        else:
            _ask_after_rest(engine)
        return engine


def _ask_after_rest(engine: AsyncEngine) -> None:
    """Have a connection that has rested for a while tested before it is used, and replaced if it is lost.

    SQLAlchemy's own `pool_pre_ping` asks each time, which is one more round trip for every batch.
    """

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(_connection: Any, record: Any) -> None:
        record.info[_USED_AT] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def on_checkout(connection: Any, record: Any, _proxy: object) -> None:
        if time.monotonic() - record.info[_USED_AT] > _REST_S:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.dbapi.Error as error:  # type: ignore[union-attr]
                raise DisconnectionError from error

    @event.listens_for(engine.sync_engine, "checkin")
    def on_checkin(_connection: Any, record: Any) -> None:
        record.info[_USED_AT] = time.monotonic()


def _async_url(address: str) -> URL:
    url = make_url(address)
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def sync_url(address: str) -> URL:
    """Return the address with a driver for code that is not asynchronous."""
    url = _async_url(address)
    return url.set(drivername=url.drivername.removesuffix("+aiosqlite"))


def stop_once(connection: Any) -> None:
    """Let an aiosqlite connection be stopped once only.

    Its thread ends at the first `stop`, and a second would wait for an answer for ever: SQLAlchemy 2.1
    calls it twice when a task is cancelled again while a statement that it was cancelled in still runs.
    """
    connection.stop = cache(connection.stop)


def _apply_sqlite_rules(engine: AsyncEngine, begin: str, busy_ms: int) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        # sqlite3 would otherwise open transactions by rules of its own.
        connection.isolation_level = None
        stop_once(connection.driver_connection)
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={busy_ms}",
            "temp_store=MEMORY",
            # What is erased is overwritten, not only given free.
            "secure_delete=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise StoreConflict(f"the database refused a row ({_sqlstate(error)})") from error
    except DBAPIError as error:
        if _sqlstate(error) in {"40P01", "40001"}:
            raise StoreDeadlock from error
        if _sqlstate(error).startswith("42"):
            sentence = f"the database does not fit this version ({_sqlstate(error)}): run `amtsbote migrate`"
            raise StoreUnavailable(sentence) from error
        raise StoreUnavailable(f"the store does not answer ({_sqlstate(error)})") from error
    except (PoolTimeout, TimeoutError, OSError) as error:
        raise StoreUnavailable("the store does not answer in time") from error
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the store failed ({type(error).__name__})") from error


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or type(error.orig).__name__
