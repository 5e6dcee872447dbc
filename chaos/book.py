"""The book of an office: an append-only list of what it did, which survives the death of its process.

It does not de-duplicate: that everything is in it once is the kit's promise, not the book's. Every line is
committed when `write` returns; two processes of one office share it.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from chaos.history import Line
from chaos.messages import id_of
from gateway.contract.delivery import Delivery

_SCHEMA = """
CREATE TABLE IF NOT EXISTS lines (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL, office TEXT, what TEXT, message_id TEXT,
  submission_id TEXT, case_id TEXT, case_seq INTEGER, attempt INTEGER, sha256 TEXT, pid INTEGER
);
CREATE INDEX IF NOT EXISTS lines_submission ON lines (submission_id, what);
"""
_COLUMNS = "number, at, office, what, message_id, submission_id, case_id, case_seq, attempt, sha256, pid"


class Book:
    """One office's book, opened for writing."""

    def __init__(self, path: Path, office: str) -> None:
        self._office = office
        self._database = sqlite3.connect(path, isolation_level=None, timeout=10)
        # A killed process loses nothing that the operating system has.
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.executescript(_SCHEMA)

    def write(self, what: str, delivery: Delivery, sha256: str = "") -> None:
        """Append a line."""
        self._database.execute(
            f"INSERT INTO lines ({_COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                time.time(),
                self._office,
                what,
                id_of(delivery.body),
                delivery.submission_id,
                delivery.case_id,
                delivery.case_seq,
                delivery.attempt,
                sha256,
                os.getpid(),
            ),
        )

    def has(self, what: str, delivery: Delivery) -> bool:
        """Say whether there is such a line about this submission."""
        found = self._database.execute(
            "SELECT 1 FROM lines WHERE submission_id = ? AND what = ? LIMIT 1", (delivery.submission_id, what)
        )
        return found.fetchone() is not None

    def close(self) -> None:
        """Close it."""
        self._database.close()


def read_book(path: Path) -> Iterator[Line]:
    """Read every line in order; an office that never opened has no book."""
    if not path.exists():
        return
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        rows = database.execute(f"SELECT {_COLUMNS} FROM lines ORDER BY number").fetchall()  # noqa: S608
    yield from (Line(*row) for row in rows)
