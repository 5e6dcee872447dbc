"""Reports as they came in: each counts once, and case reports in the order the adapter gave them."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.report import Report, ReportType
from gateway.contract.states import ReportState
from gateway.store.bulk import among, find_each, insert_or_skip, listed, merge_all, update_all
from gateway.store.codec import Encoded
from gateway.store.engine import SqlStore
from gateway.store.rows import CONTACT, Case, Document, contact_place, payload_place
from gateway.store.tables import case_references, documents, payloads, report_sequences, reports
from gateway.store.vault import Vault

Key = tuple[str, str]
"""Destination and id: what makes a report the same on every resend."""

_REFERENCE = ("case_id", "destination", "kind", "value")
KEEP_STRAY = timedelta(days=365)
KEEP_UPLOAD = timedelta(days=90)
_NOT_ERASED = (documents.c.erased_at.is_(None),)


def report_row(
    vault: Vault, report: Report, *, tenant: str, now: datetime, erase_after: date | None = None
) -> dict[str, Any]:
    """Build the row of a report that has taken effect; `outcome` says otherwise.

    Args:
        erase_after: that of the case; without a case the report is kept for KEEP_STRAY.
    """
    return outcome(vault, report, ReportState.APPLIED, tenant=tenant) | {
        "tenant": tenant,
        "case_id": report.case_id,
        "delivery_id": report.delivery_id,
        "type": report.type,
        "case_sequence": report.case_sequence,
        "received_at": now,
        "created_at": report.created_at,
        "erase_after": erase_after or (now + KEEP_STRAY).date(),
    }


def outcome(
    vault: Vault, report: Report, state: ReportState, *, tenant: str, keep_body: bool = False
) -> dict[str, Any]:
    """Say what became of a report; `keep_body` while it is still to be applied, or for an operator."""
    sealed = vault.seal(report.body, tenant=tenant, place=_place(report)) if keep_body else None
    return {
        "destination": report.destination,
        "report_id": report.report_id,
        "state": state,
        "codec": sealed.codec if sealed else None,
        "key_id": sealed.key_id if sealed else None,
        "body": sealed.data if sealed else None,
    }


def _place(report: Any) -> str:
    return f"reports/{report.destination}/{report.report_id}"


async def write_outcomes(
    connection: AsyncConnection, store: SqlStore, outcomes: Sequence[dict[str, Any]]
) -> None:
    """Write what became of reports that were stored before."""
    await update_all(connection, store, reports, outcomes, key=["destination", "report_id"])


async def known(connection: AsyncConnection, store: SqlStore, keys: Collection[Key]) -> set[Key]:
    """Say which of these reports were taken before; their cases are locked."""
    columns = (reports.c.destination, reports.c.report_id)
    rows = await find_each(connection, store, columns, key=("destination", "report_id"), wanted=keys)
    return {(row.destination, row.report_id) for row in rows}


async def next_sequences(
    connection: AsyncConnection, store: SqlStore, senders: Collection[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """Read which number is next, by case and destination; the cases are locked."""
    s = report_sequences.c
    columns = (s.case_id, s.destination, s.next)
    rows = await find_each(connection, store, columns, key=("case_id", "destination"), wanted=senders)
    return {(row.case_id, row.destination): row.next for row in rows}


async def set_next_sequences(
    connection: AsyncConnection, store: SqlStore, rows: Sequence[dict[str, Any]]
) -> None:
    """Remember which numbers come next: rows of `report_sequences`; the cases are locked."""
    if rows:
        unique = [report_sequences.c.case_id, report_sequences.c.destination]
        await merge_all(connection, store, report_sequences, rows, unique=unique, clause=_set_next)


def _set_next(insert: Any) -> Any:
    keys = [report_sequences.c.case_id, report_sequences.c.destination]
    return insert.on_conflict_do_update(index_elements=keys, set_={"next": insert.excluded.next})


async def fetch_parked(
    connection: AsyncConnection, store: SqlStore, case_ids: Collection[str]
) -> list[Report]:
    """Read the case reports of cases that wait for an earlier number."""
    r = reports.c
    statement = select(reports).where(among(store, r.case_id, "ids"), r.state == ReportState.PARKED)
    rows = (await connection.execute(statement, {"ids": listed(store, case_ids)})).all()
    await store.vault.learn(connection, (row.key_id for row in rows))
    return [_to_report(store, row) for row in rows]


def body_of(store: SqlStore, row: Any) -> bytes:
    """Decrypt the body that was kept of a row of `reports`, whose data key the vault has learnt."""
    stored = Encoded(row.codec, row.key_id, row.body)
    return store.vault.unseal(stored, tenant=row.tenant, place=_place(row))


def _to_report(store: SqlStore, row: Any) -> Report:
    return Report(
        report_id=row.report_id,
        type=ReportType(row.type),
        destination=row.destination,
        case_id=row.case_id,
        delivery_id=row.delivery_id,
        case_sequence=row.case_sequence,
        created_at=row.created_at,
        body=body_of(store, row),
    )


def reference_row(vault: Vault, case: Case, destination: str, kind: str, value: str) -> dict[str, Any]:
    """Build the row of a number, foreign id or contact under which a destination keeps a case.

    A contact may name a person: it is encrypted, and no value to search by.
    """
    sealed = None
    if kind == CONTACT:
        place = contact_place(case.case_id, destination)
        sealed, value = vault.seal(value.encode(), tenant=case.tenant, place=place), ""
    return {
        "case_id": case.case_id,
        "destination": destination,
        "kind": kind,
        "value": value,
        "codec": sealed.codec if sealed else None,
        "key_id": sealed.key_id if sealed else None,
        "body": sealed.data if sealed else None,
        "tenant": case.tenant,
        "erase_after": case.erase_after,
    }


async def add_references(
    connection: AsyncConnection, store: SqlStore, rows: Sequence[dict[str, Any]]
) -> None:
    """Index how destinations name cases; what is known stays as it is, and the latest contact counts."""
    if rows:
        unique = [case_references.c[name] for name in _REFERENCE]
        await merge_all(connection, store, case_references, rows, unique=unique, clause=_replace_contact)


def _replace_contact(insert: Any) -> Any:
    latest = {name: insert.excluded[name] for name in ("codec", "key_id", "body")}
    is_contact = case_references.c.kind == CONTACT
    return insert.on_conflict_do_update(index_elements=list(_REFERENCE), set_=latest, where=is_contact)


async def has_reference(connection: AsyncConnection, case: Case, destination: str, value: str) -> bool:
    """Say whether a destination has named a case by this before."""
    r = case_references.c
    statement = select(r.value).where(
        r.case_id == case.case_id, r.destination == destination, r.value == value
    )
    return (await connection.execute(statement.limit(1))).first() is not None


async def put_document(
    store: SqlStore, *, destination: str, tenant: str, sha256: str, media_type: str, data: bytes
) -> None:
    """Keep what an adapter uploads for a report to come; the same again changes nothing."""
    await store.vault.ready([tenant])
    # A document lies under its digest, wherever it is copied to.
    sealed = store.vault.seal(data, tenant=tenant, place=payload_place("", 1, sha256))
    async with store.write() as connection:
        await connection.execute(
            insert_or_skip(store, documents, [documents.c.destination, documents.c.sha256]).values(
                destination=destination,
                sha256=sha256,
                tenant=tenant,
                media_type=media_type,
                body_bytes=len(data),
                codec=sealed.codec,
                key_id=sealed.key_id,
                body=sealed.data,
                uploaded_at=store.now(),
                # By then the report that names it has come, and its case holds a copy.
                erase_after=(datetime.now(UTC) + KEEP_UPLOAD).date(),
            )
        )


async def known_documents(
    connection: AsyncConnection, store: SqlStore, wanted: Collection[Document]
) -> set[Document]:
    """Say which of these documents are there."""
    d = documents.c
    keys = {(each.destination, each.sha256) for each in wanted}
    rows = await find_each(
        connection,
        store,
        (d.tenant, d.destination, d.sha256),
        key=("destination", "sha256"),
        wanted=keys,
        where=_NOT_ERASED,
    )
    return {Document(row.tenant, row.destination, row.sha256) for row in rows}.intersection(wanted)


async def attach_documents(
    connection: AsyncConnection, attached: Sequence[tuple[str, int, Document]]
) -> None:
    """Copy documents into payloads of these messages under these numbers.

    The database does it: however many and large they are, they do not come into memory.
    """
    if attached:
        rows = [
            {"of": message_id, "as": number, "from": each.destination, "digest": each.sha256}
            for message_id, number, each in attached
        ]
        await connection.execute(_ATTACH, rows)


_COPIED = ("tenant", "media_type", "sha256", "body_bytes", "codec", "key_id", "body")
_ATTACH = payloads.insert().from_select(
    ["message_id", "number", *_COPIED],
    select(
        bindparam("of", type_=payloads.c.message_id.type),
        bindparam("as", type_=payloads.c.number.type),
        *(documents.c[name] for name in _COPIED),
    ).where(documents.c.destination == bindparam("from"), documents.c.sha256 == bindparam("digest")),
)
