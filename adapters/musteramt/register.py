"""The office's own register: cases under their file numbers, what came in, and what has to go out.

It owns one SQLite file, which anyone may read beside it: `inbounds` lists the submissions of each case in the
order of their `number`. It knows nothing of XML, of PDF or of the gateway. Every method is one transaction
in the register's own thread; a second process on the same file waits its turn. Every method raises
StoreUnavailable when the file cannot be read or written.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection, OperationalError, connect
from typing import TypeVar

from adapters.musteramt import statements
from adapters.musteramt.records import Case, Document, Entry, Inbound, NewInbound, Outgoing, State
from gateway.errors import StoreUnavailable

T = TypeVar("T")

_BUSY_TIMEOUT_S = 5  # nobody can call off a thread that waits in SQLite


class Register:
    """One office's register in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="musteramt-register")
        self._connection: Connection | None = None

    async def open(self) -> None:
        """Open the file and create what is missing in it."""
        await self._in_thread(self._connect)

    async def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        await self._in_thread(self._disconnect)
        self._thread.shutdown()

    async def record(
        self, inbound: NewInbound, acknowledge: statements.Acknowledge, *, now: datetime
    ) -> Entry:
        """Enter a message; open its case under a new file number if it is the first.

        Entering the same submission again changes nothing and returns the first entry. `acknowledge`
        composes what is sent at once, given the case and whether it is new; it is stored in the same
        transaction.
        """
        return await self._transaction(lambda db: statements.record(db, inbound, acknowledge, now))

    async def fetch_entry(self, submission_id: str) -> Entry | None:
        """Return the entry of a submission, or None if it never came in."""
        return await self._transaction(lambda db: statements.fetch_entry(db, submission_id))

    async def fetch_case(self, case_id: str) -> Case | None:
        """Return a case, or None if there is none by this id."""
        return await self._transaction(lambda db: statements.fetch_case(db, case_id))

    async def list_cases(self, limit: int = 200, *, closed: bool | None = None) -> list[Case]:
        """Return the cases, those changed last first: all, or those this office has closed or has not."""
        return await self._transaction(lambda db: statements.list_cases(db, limit, closed))

    async def list_unfinished(self) -> list[str]:
        """Return the ids of all cases on which this office has something to do."""
        return await self._transaction(statements.list_unfinished)

    async def list_inbounds(self, case_id: str) -> list[Inbound]:
        """Return everything that came in for a case, oldest first."""
        return await self._transaction(lambda db: statements.list_inbounds(db, case_id))

    async def list_outgoing(self, case_id: str) -> list[Outgoing]:
        """Return everything that was sent, or is to be sent, for a case, oldest first."""
        return await self._transaction(lambda db: statements.list_outgoing(db, case_id))

    async def act(
        self, case: Case, reports: Sequence[Outgoing], *, state: State, withdrawal_done: bool, now: datetime
    ) -> None:
        """Store what the office did: the new state and the reports, fixed to the byte, in one transaction.

        Raises:
            CaseChanged: the case is no longer as `case` shows it; nothing is stored.
        """
        await self._transaction(lambda db: statements.act(db, case, reports, state, withdrawal_done, now))

    async def list_pending(self) -> list[Outgoing]:
        """Return what has not been handed over yet, in the order in which it was decided."""
        return await self._transaction(statements.list_pending)

    async def list_documents(self, owner: str) -> list[Document]:
        """Return the documents that came with a submission or go with a report, whose id `owner` is."""
        return await self._transaction(lambda db: statements.list_documents(db, owner))

    async def mark_handed_over(self, report_ids: Sequence[str], *, now: datetime) -> None:
        """Note that the gateway's kit has these reports; they are not handed over again."""
        await self._transaction(lambda db: statements.mark_handed_over(db, report_ids, now))

    async def _transaction(self, work: Callable[[Connection], T]) -> T:
        return await self._in_thread(lambda: self._run(work))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _run(self, work: Callable[[Connection], T]) -> T:
        if self._connection is None:
            raise StoreUnavailable("The register is not open.")
        with _translated(), _immediate(self._connection) as db:
            return work(db)

    def _connect(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        db = connect(self._path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            db.execute(f"PRAGMA {pragma}")
        db.executescript(statements.SCHEMA)
        self._connection = db

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise StoreUnavailable(f"The register failed ({error.sqlite_errorname}).") from error


@contextmanager
def _immediate(db: Connection) -> Iterator[Connection]:
    # IMMEDIATE takes the write lock first: a file number read here cannot be taken by anyone else.
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
