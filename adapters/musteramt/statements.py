"""The statements of the register; each runs inside a transaction that the register opened."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from adapters.musteramt.records import (
    Case,
    CaseChanged,
    Document,
    Entry,
    Inbound,
    NewInbound,
    Outgoing,
    State,
    Subject,
)

Connection = sqlite3.Connection
Acknowledge = Callable[[Case, bool], Sequence[Outgoing]]

BERLIN = ZoneInfo("Europe/Berlin")
_PREFIXES = {Subject.PARKING: "PARK", Subject.CERTIFICATE: "URK", Subject.TRADE: "GEW", Subject.OTHER: "ALLG"}

SCHEMA = """
CREATE TABLE IF NOT EXISTS file_numbers (prefix TEXT, year INTEGER, last INTEGER NOT NULL,
  PRIMARY KEY (prefix, year));
CREATE TABLE IF NOT EXISTS cases (case_id TEXT PRIMARY KEY, aktenzeichen TEXT NOT NULL UNIQUE,
  subject TEXT NOT NULL, service TEXT NOT NULL, authority TEXT NOT NULL, reference TEXT NOT NULL,
  test INTEGER NOT NULL, lead INTEGER NOT NULL, state TEXT NOT NULL, version INTEGER NOT NULL,
  withdrawal_asked INTEGER NOT NULL DEFAULT 0, opened_at TEXT NOT NULL, changed_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS inbounds (number INTEGER PRIMARY KEY AUTOINCREMENT,
  submission_id TEXT NOT NULL UNIQUE, case_id TEXT NOT NULL REFERENCES cases, kind TEXT NOT NULL,
  message_type TEXT NOT NULL, message_id TEXT NOT NULL, body BLOB NOT NULL, received_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pending_reports (position INTEGER PRIMARY KEY AUTOINCREMENT,
  report_id TEXT NOT NULL UNIQUE, case_id TEXT NOT NULL REFERENCES cases, kind TEXT NOT NULL,
  body BLOB NOT NULL, summary TEXT NOT NULL, created_at TEXT NOT NULL, handed_over_at TEXT);
CREATE TABLE IF NOT EXISTS documents (owner TEXT NOT NULL, sha256 TEXT NOT NULL, file_name TEXT NOT NULL,
  media_type TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (owner, sha256));
CREATE INDEX IF NOT EXISTS cases_changed ON cases (changed_at);
CREATE INDEX IF NOT EXISTS inbounds_case ON inbounds (case_id, number);
CREATE INDEX IF NOT EXISTS reports_case ON pending_reports (case_id, position);
CREATE INDEX IF NOT EXISTS reports_pending ON pending_reports (position) WHERE handed_over_at IS NULL;
"""
_CASE = """SELECT case_id, aktenzeichen, subject, service, authority, reference, test, lead, state, version,
  withdrawal_asked, opened_at, changed_at FROM cases"""
_CLOSED = f"(state IN ('{State.DECIDED}', '{State.WITHDRAWN}') AND NOT withdrawal_asked)"
_OUTGOING = "SELECT report_id, case_id, kind, body, summary, created_at, handed_over_at FROM pending_reports"


def record(db: Connection, inbound: NewInbound, acknowledge: Acknowledge, now: datetime) -> Entry:
    """Enter a message and what it brings, unless it is entered already."""
    known = fetch_entry(db, inbound.submission_id)
    if known is not None:
        return known
    case = fetch_case(db, inbound.case_id)
    new = case is None
    case = _open_case(db, inbound, now) if case is None else _join_case(db, case, inbound, now)
    _store_reports(db, acknowledge(case, new), now)
    number = _insert_inbound(db, inbound, now)
    _store_documents(db, inbound.submission_id, inbound.documents)
    return Entry(str(number), case.case_id, case.aktenzeichen)


def _open_case(db: Connection, inbound: NewInbound, now: datetime) -> Case:
    case = Case(
        case_id=inbound.case_id,
        aktenzeichen=_next_file_number(db, inbound.subject, now),
        subject=inbound.subject,
        service=inbound.service,
        authority=inbound.authority,
        reference=inbound.reference,
        test=inbound.test,
        lead=inbound.lead,
        state=State.OPEN,
        version=1,
        withdrawal_asked=inbound.kind.withdraws,
        opened_at=now,
        changed_at=now,
    )
    db.execute(
        "INSERT INTO cases (case_id, aktenzeichen, subject, service, authority, reference, test, lead, state,"
        " version, withdrawal_asked, opened_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        case.to_row(),
    )
    return case


def _next_file_number(db: Connection, subject: Subject, now: datetime) -> str:
    prefix, year = _PREFIXES[subject], now.astimezone(BERLIN).year
    row = db.execute(
        "INSERT INTO file_numbers (prefix, year, last) VALUES (?, ?, 1)"
        " ON CONFLICT (prefix, year) DO UPDATE SET last = last + 1 RETURNING last",
        (prefix, year),
    ).fetchone()
    return f"{prefix}-{year}-{row[0]:05d}"


def _join_case(db: Connection, case: Case, inbound: NewInbound, now: datetime) -> Case:
    answered = case.state is State.ASKED and inbound.kind.answers
    joined = replace(
        case,
        state=State.OPEN if answered else case.state,
        version=case.version + 1,
        withdrawal_asked=case.withdrawal_asked or inbound.kind.withdraws,
        changed_at=now,
    )
    db.execute(
        "UPDATE cases SET state = ?, version = ?, withdrawal_asked = ?, changed_at = ? WHERE case_id = ?",
        (joined.state.value, joined.version, joined.withdrawal_asked, now.isoformat(), joined.case_id),
    )
    return joined


def _insert_inbound(db: Connection, inbound: NewInbound, now: datetime) -> int:
    row = db.execute(
        "INSERT INTO inbounds (submission_id, case_id, kind, message_type, message_id, body, received_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING number",
        (
            inbound.submission_id,
            inbound.case_id,
            inbound.kind.value,
            inbound.message_type,
            inbound.message_id,
            inbound.body,
            now.isoformat(),
        ),
    ).fetchone()
    return int(row[0])


def act(
    db: Connection,
    case: Case,
    reports: Sequence[Outgoing],
    state: State,
    withdrawal_done: bool,
    now: datetime,
) -> None:
    """Store a new state and its reports if the case is still in the version seen."""
    changed = db.execute(
        "UPDATE cases SET state = ?, version = version + 1, changed_at = ?,"
        " withdrawal_asked = withdrawal_asked AND NOT ? WHERE case_id = ? AND version = ?",
        (state.value, now.isoformat(), withdrawal_done, case.case_id, case.version),
    )
    if changed.rowcount != 1:
        raise CaseChanged
    _store_reports(db, reports, now)


def _store_reports(db: Connection, reports: Sequence[Outgoing], now: datetime) -> None:
    for report in reports:
        db.execute(
            "INSERT INTO pending_reports (report_id, case_id, kind, body, summary, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                report.report_id,
                report.case_id,
                report.kind.value,
                report.body,
                report.summary,
                now.isoformat(),
            ),
        )
        _store_documents(db, report.report_id, report.documents)


def _store_documents(db: Connection, owner: str, documents: Sequence[Document]) -> None:
    # The same bytes may be attached twice under two names; one copy is enough.
    db.executemany(
        "INSERT INTO documents (owner, sha256, file_name, media_type, data) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [(owner, each.sha256, each.file_name, each.media_type, each.data) for each in documents],
    )


def fetch_entry(db: Connection, submission_id: str) -> Entry | None:
    """Return the entry of a submission, or None."""
    row = db.execute(
        "SELECT number, case_id, aktenzeichen FROM inbounds JOIN cases USING (case_id)"
        " WHERE submission_id = ?",
        (submission_id,),
    ).fetchone()
    return Entry(str(row[0]), row[1], row[2]) if row else None


def fetch_case(db: Connection, case_id: str) -> Case | None:
    """Return a case, or None."""
    row = db.execute(f"{_CASE} WHERE case_id = ?", (case_id,)).fetchone()
    return Case.from_row(row) if row else None


def list_inbounds(db: Connection, case_id: str) -> list[Inbound]:
    """Return everything that came in for a case, oldest first."""
    rows = db.execute(
        "SELECT number, submission_id, kind, message_type, message_id, body, received_at FROM inbounds"
        " WHERE case_id = ? ORDER BY number",
        (case_id,),
    )
    return [Inbound.from_row(row) for row in rows]


def list_cases(db: Connection, limit: int, closed: bool | None) -> list[Case]:
    """Return the cases, those changed last first: all, or those this office has closed or has not."""
    condition = {None: "TRUE", True: _CLOSED, False: f"lead AND NOT {_CLOSED}"}[closed]
    rows = db.execute(f"{_CASE} WHERE {condition} ORDER BY changed_at DESC LIMIT ?", (limit,))
    return [Case.from_row(row) for row in rows]


def list_unfinished(db: Connection) -> list[str]:
    """Return the ids of the cases that are open or whose withdrawal is to be confirmed."""
    rows = db.execute(
        "SELECT case_id FROM cases WHERE lead AND (state = ? OR withdrawal_asked) ORDER BY opened_at",
        (State.OPEN.value,),
    )
    return [row[0] for row in rows]


def list_outgoing(db: Connection, case_id: str) -> list[Outgoing]:
    """Return every report of a case, oldest first."""
    rows = db.execute(f"{_OUTGOING} WHERE case_id = ? ORDER BY position", (case_id,))
    return [Outgoing.from_row(row) for row in rows]


def list_pending(db: Connection) -> list[Outgoing]:
    """Return every report that was not handed over, in the order in which it was decided."""
    rows = db.execute(f"{_OUTGOING} WHERE handed_over_at IS NULL ORDER BY position")
    return [Outgoing.from_row(row) for row in rows]


def list_documents(db: Connection, owner: str) -> list[Document]:
    """Return the documents of a submission or a report."""
    rows = db.execute(
        "SELECT sha256, file_name, media_type, data FROM documents WHERE owner = ? ORDER BY rowid", (owner,)
    )
    return [Document(*row) for row in rows]


def mark_handed_over(db: Connection, report_ids: Sequence[str], now: datetime) -> None:
    """Note when reports were handed over."""
    db.executemany(
        "UPDATE pending_reports SET handed_over_at = ? WHERE report_id = ?",
        [(now.isoformat(), each) for each in report_ids],
    )
