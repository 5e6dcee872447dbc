"""What an application leaves in PostgreSQL: the arithmetic of larger installations needs it."""

from dataclasses import dataclass

import psycopg

from benchmarks.figures import Figure

_READ = """SELECT (SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn),
    (SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables),
    (SELECT sum(n_tup_ins) FROM pg_stat_user_tables),
    (SELECT sum(n_tup_upd) FROM pg_stat_user_tables),
    (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())"""


@dataclass(frozen=True, slots=True)
class _Totals:
    log_bytes: int
    table_bytes: int
    inserted: int
    updated: int
    commits: int


class Storage:
    """Compares a database with what it was when this was made.

    Args:
        database: its address.
    """

    def __init__(self, database: str) -> None:
        self._database = database
        self._before = _read(database)

    def per_application(self, count: int) -> list[Figure]:
        """Return what has been added for each of so many applications."""
        before, after = self._before, _read(self._database)

        def figure(name: str, unit: str, first: int, last: int) -> Figure:
            return Figure(f"stored.{name}", (last - first) / count, unit)

        return [
            figure("rows_inserted", "rows", before.inserted, after.inserted),
            figure("rows_updated", "rows", before.updated, after.updated),
            figure("tables_and_indexes", "B", before.table_bytes, after.table_bytes),
            figure("write_ahead_log", "B", before.log_bytes, after.log_bytes),
            figure("commits", "", before.commits, after.commits),
        ]


def _read(database: str) -> _Totals:
    with psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute(_READ).fetchone() or (0,) * 5
    return _Totals(*map(int, row))
