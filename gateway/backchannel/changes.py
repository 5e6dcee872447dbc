"""What one transaction is to write, gathered in memory: then one statement a table, whatever their number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.report import Report
from gateway.store import SqlStore, cases, deliveries, mailbox, reports
from gateway.store.bulk import insert_all, update_all
from gateway.store.findings import resolve_findings
from gateway.store.reports import Key
from gateway.store.rows import Case, DeliveryRow, Document
from gateway.store.tables import actions as action_table
from gateway.store.tables import reports as report_table

Row = dict[str, Any]


@dataclass(slots=True)
class Changes:
    """Rows that are to be written, those that are to be updated by what names them."""

    inserts: list[tuple[Table, Row]] = field(default_factory=list)
    posted: list[Row] = field(default_factory=list)
    attached: list[tuple[str, int, Document]] = field(default_factory=list)
    references: dict[tuple[str, str, str], Row] = field(default_factory=dict)
    deliveries: dict[str, DeliveryRow] = field(default_factory=dict)
    attempts: dict[tuple[str, int], str] = field(default_factory=dict)
    reports: dict[Key, Row] = field(default_factory=dict)
    outcomes: dict[Key, Row] = field(default_factory=dict)
    sequences: dict[str, Row] = field(default_factory=dict)
    parked: dict[tuple[str, int], Report | None] = field(default_factory=dict)
    actions: dict[str, Row] = field(default_factory=dict)
    resolved: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Self:
        """Return what there is so far, to go back to."""
        return type(self)(*(getattr(self, name).copy() for name in self.__slots__))


async def write(
    connection: AsyncConnection,
    store: SqlStore,
    all_changes: Sequence[Changes],
    changed_cases: Iterable[Case],
    *,
    now: datetime,
) -> None:
    """Write everything; the mailboxes' counters are locked last, so that they are held shortest."""
    await insert_all(connection, store, report_table, _values(all_changes, "reports"))
    await reports.write_outcomes(connection, store, _values(all_changes, "outcomes"))
    moved: list[DeliveryRow] = _values(all_changes, "deliveries")
    await deliveries.write(connection, store, moved, now=now)
    ended = {key: outcome for each in all_changes for key, outcome in each.attempts.items()}
    await deliveries.end_attempts(connection, store, ended, now=now)
    await resolve_findings(connection, store, _values(all_changes, "resolved"), now=now)
    for table, rows in _by_table(all_changes).items():
        await insert_all(connection, store, table, rows)
    await update_all(connection, store, action_table, _values(all_changes, "actions"), key=["action_id"])
    await cases.refresh_submissions(connection, store, {row.case_id for row in moved}, now=now)
    await cases.write(connection, store, changed_cases, now=now)
    await reports.add_references(connection, store, _values(all_changes, "references"))
    await reports.set_next_sequences(connection, store, _values(all_changes, "sequences"))
    await reports.attach_documents(connection, [each for of in all_changes for each in of.attached])
    await mailbox.put(connection, store, [row for changes in all_changes for row in changes.posted])


def _by_table(all_changes: Sequence[Changes]) -> dict[Table, list[Row]]:
    rows: dict[Table, list[Row]] = {}
    for changes in all_changes:
        for table, row in changes.inserts:
            rows.setdefault(table, []).append(row)
    return rows


def _values(all_changes: Sequence[Changes], name: str) -> list[Any]:
    return [row for changes in all_changes for row in getattr(changes, name).values()]
