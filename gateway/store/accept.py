"""Accept submissions: the one transaction behind a receipt.

A batch is one transaction, on PostgreSQL nearly always one statement. Rows are inserted in the order of
(client, sender's message id) and existing ones skipped, children only for rows that were inserted; two
overlapping batches therefore cannot wait for each other. Cases that are joined are locked first, in the order
of their ids.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.ids import new_id
from gateway.contract.states import CaseStatus, DeliveryState, Role, SubmissionStatus
from gateway.domain.case import citizen_status
from gateway.domain.delivery import CANCELLABLE
from gateway.errors import ReferenceKnown
from gateway.store import cases
from gateway.store.bulk import MAX_BYTES_AS_TEXT, Child, Family, insert_family
from gateway.store.engine import SqlStore
from gateway.store.findings import resolve_findings
from gateway.store.reads import known_references
from gateway.store.rows import Accepted, Case, NewSubmission, Part, name_place, payload_place
from gateway.store.signals import case_key, destination_key
from gateway.store.tables import cases as cases_table
from gateway.store.tables import deliveries, events, messages, payloads
from gateway.store.vault import Vault

_KEY = (messages.c.client, messages.c.sender_message_id)
_RETURNED = (messages.c.message_id, messages.c.case_id, messages.c.received_at)


async def accept(store: SqlStore, batch: Sequence[NewSubmission]) -> list[Accepted | ReferenceKnown]:
    """Store a batch durably and return one result each, in the order given.

    `ReferenceKnown` for a submission that was to open a case only if its reference is new.

    Raises:
        StoreConflict: a row is at fault; none of the batch is stored.
        StoreDeadlock: none of the batch is stored; it may be run again.
        StoreUnavailable: whether the batch is stored is unknown; a resend is safe.
    """
    await store.vault.ready({item.tenant for item in batch})
    joining = any(item.case_id for item in batch)
    small = sum(len(part.data) for item in batch for part in item.parts) <= MAX_BYTES_AS_TEXT
    at_once = small and not joining
    async with store.write(at_once=at_once) as connection:
        known = await _fetch_known(connection, store, batch)
        unique = {item.key: item for item in reversed(batch) if item.reference not in known}
        ordered = [unique[key] for key in sorted(unique)]
        if at_once:
            now, placed = store.own_time(), [_open_case(item) for item in ordered]
        else:
            now = locked_at = await store.read_clock(connection)
            placed = await _place(connection, store, ordered, locked_at)
        created = await _insert(connection, store, placed, now, as_text=small)
        earlier = await _fetch_earlier(connection, [key for key in unique if key not in created])
    store.signals.notify(key for result in created.values() for key in _wakes(result))
    results = created | earlier
    return [
        ReferenceKnown()
        if item.reference in known
        else results[item.key]
        if unique[item.key] is item
        else replace(results[item.key], created=False)
        for item in batch
    ]


async def _fetch_known(
    connection: AsyncConnection, store: SqlStore, batch: Sequence[NewSubmission]
) -> set[tuple[str, str] | None]:
    asked = {item.reference for item in batch if item.reference}
    return {*await known_references(connection, store, asked)} if asked else set()


def _wakes(result: Accepted) -> Iterable[str]:
    if not result.opens_case:  # of a new case nobody knows yet
        yield case_key(result.case_id)
    yield from map(destination_key, result.destinations)


class _Placed:
    """A submission with its place in its case."""

    def __init__(self, item: NewSubmission, case_id: str, case_seq: int, event_seq: int) -> None:
        self.item = item
        self.case_id = case_id
        self.case_seq = case_seq
        self.event_seq = event_seq
        self.roles: list[tuple[str, Role]] = [
            (item.lead, Role.LEAD),
            *((name, Role.COPY) for name in item.copies),
        ]


async def _place(
    connection: AsyncConnection, store: SqlStore, ordered: list[NewSubmission], now: datetime
) -> list[_Placed]:
    """Give every submission its case and its number there; open no case yet."""
    joining = sorted((item for item in ordered if item.case_id), key=lambda each: (each.case_id, each.key))
    joined = {item.case_id: item for item in joining}.values()
    locked = [await cases.lock(connection, each.case_id or "", tenant=each.tenant) for each in joined]
    by_id = {case.case_id: case for case in locked}
    # Only under the lock: a resend that raced its first would join twice, and a withdrawal cancel itself.
    known = set(await _fetch_earlier(connection, [item.key for item in joining]))
    placed = {
        item.key: await _join(connection, store, by_id[item.case_id or ""], item, now)
        for item in joining
        if item.key not in known
    }
    placed |= {item.key: _open_case(item) for item in ordered if not item.case_id}
    return [placed[item.key] for item in ordered if item.key in placed]


def _open_case(item: NewSubmission) -> _Placed:
    return _Placed(item, new_id(), 1, 1)


async def _join(
    connection: AsyncConnection, store: SqlStore, case: Case, item: NewSubmission, now: datetime
) -> _Placed:
    seq, event_seq = await cases.advance(connection, case, now=now)
    placed = _Placed(item, case.case_id, seq, event_seq)
    placed.roles = [(case.lead, Role.LEAD), *((name, Role.COPY) for name in case.copies)]
    if item.withdraws:
        reached = await _cancel_what_waits(connection, store, case, now)
        placed.roles = [(name, role) for name, role in placed.roles if name in reached]
        if case.lead not in reached:
            # Nobody who could confirm it has seen the application.
            await cases.close_unsent(connection, case, now=now)
    return placed


async def _cancel_what_waits(
    connection: AsyncConnection, store: SqlStore, case: Case, now: datetime
) -> set[str]:
    """Cancel what a withdrawal cancels; return the destinations that may know of the case.

    What the authority wrote is not the applicant's to withdraw: it stays on its way to the copies.
    """
    of_case = (deliveries.c.case_id == case.case_id, deliveries.c.tenant == case.tenant)
    sent_in = select(messages.c.message_id).where(
        messages.c.case_id == case.case_id, messages.c.direction == "in"
    )
    cancelled = await connection.execute(
        update(deliveries)
        .where(*of_case, deliveries.c.state.in_(CANCELLABLE), deliveries.c.message_id.in_(sent_in))
        .values(state=DeliveryState.CANCELLED, updated_at=now)
        .returning(deliveries.c.delivery_id, deliveries.c.message_id, deliveries.c.destination)
    )
    rows = cancelled.all()
    for row in rows:
        await cases.record(
            connection,
            case,
            "delivery.cancelled",
            now=now,
            message_id=row.message_id,
            destination=row.destination,
        )
    await resolve_findings(connection, store, [row.delivery_id for row in rows], now=now)
    await cases.refresh_submissions(connection, store, [case.case_id], now=now)
    reached = await connection.execute(
        select(deliveries.c.destination).where(*of_case, deliveries.c.attempt > 0).distinct()
    )
    return set(reached.scalars())


async def _insert(
    connection: AsyncConnection,
    store: SqlStore,
    placed: Sequence[_Placed],
    now: datetime | None,
    *,
    as_text: bool,
) -> dict[tuple[str, str], Accepted]:
    if not placed:
        return {}
    opening = [each for each in placed if each.case_seq == 1]
    children = [
        Child(cases_table, "case_id", [_case_row(each, now) for each in opening]),
        Child(payloads, "message_id", [row for each in placed for row in _payload_rows(store.vault, each)]),
        Child(events, "message_id", [_event_row(each, now) for each in placed]),
        Child(deliveries, "message_id", [row for each in placed for row in _delivery_rows(each, now)]),
    ]
    family = Family(messages, [_message_row(each, now) for each in placed], children, _KEY, _RETURNED)
    rows = await insert_family(connection, store, family, as_text=as_text)
    new = {row.message_id: row.received_at for row in rows}
    return {
        each.item.key: _result(each, new[each.item.submission_id])
        for each in placed
        if each.item.submission_id in new
    }


async def _fetch_earlier(
    connection: AsyncConnection, keys: list[tuple[str, str]]
) -> dict[tuple[str, str], Accepted]:
    if not keys:
        return {}
    rows = await connection.execute(select(messages).where(tuple_(*_KEY).in_(keys)))
    return {
        (row.client, row.sender_message_id): Accepted(
            row.message_id, row.case_id, row.tenant, row.received_at, row.status, row.digest, created=False
        )
        for row in rows
    }


def _result(placed: _Placed, now: datetime) -> Accepted:
    item = placed.item
    return Accepted(
        item.submission_id,
        placed.case_id,
        item.tenant,
        now,
        _status(placed),
        item.digest,
        created=True,
        opens_case=placed.case_seq == 1,
        destinations=tuple(name for name, _ in placed.roles),
    )


def _status(placed: _Placed) -> SubmissionStatus:
    # Only a withdrawal of what nobody has seen yet goes nowhere: it took effect at once.
    return SubmissionStatus.ACCEPTED if placed.roles else SubmissionStatus.DELIVERED


def _message_row(placed: _Placed, now: datetime | None) -> dict[str, Any]:
    item = placed.item
    body = item.parts[0]
    return {
        "message_id": item.submission_id,
        "tenant": item.tenant,
        "client": item.client,
        "direction": "in",
        "sender_message_id": item.sender_message_id,
        "case_id": placed.case_id,
        "case_seq": placed.case_seq,
        "message_type": item.message_type,
        "service": item.service,
        "authority": item.authority,
        "test": item.test,
        "channel": item.channel,
        "applied_on": item.applied_on,
        "status": _status(placed),
        "received_at": now,
        "updated_at": now,
        "body_sha256": body.sha256,
        "body_bytes": len(body.data),
        "digest": item.digest,
        "attachment_count": sum(part.number > 0 for part in item.parts),
        "erase_after": item.erase_after,
    }


def _case_row(placed: _Placed, now: datetime | None) -> dict[str, Any]:
    item = placed.item
    return {
        "case_id": placed.case_id,
        "tenant": item.tenant,
        "client": item.client,
        "portal_reference": item.portal_reference,
        "message_type": item.message_type,
        "service": item.service,
        "authority": item.authority,
        "lead": item.lead,
        "copies": list(item.copies),
        "test": item.test,
        "status": CaseStatus.OPEN,
        "citizen_status": citizen_status(CaseStatus.OPEN, received=item.received),
        "next_seq": 2,
        "next_event": 2,
        "opened_at": now,
        "updated_at": now,
        "erase_after": item.erase_after,
    }


def payload_row(vault: Vault, message_id: str, tenant: str, part: Part) -> dict[str, Any]:
    """Encrypt one part of a message as a row."""
    place = payload_place(message_id, part.number, part.sha256)
    sealed = vault.seal(part.data, tenant=tenant, place=place)
    file_name = None
    if part.file_name:
        place = name_place(message_id, part.number)
        file_name = vault.seal(part.file_name.encode(), tenant=tenant, place=place).data
    return {
        "message_id": message_id,
        "number": part.number,
        "tenant": tenant,
        "media_type": part.media_type,
        "file_name": file_name,
        "sha256": part.sha256,
        "body_bytes": len(part.data),
        "codec": sealed.codec,
        "key_id": sealed.key_id,
        "body": sealed.data,
    }


def _payload_rows(vault: Vault, placed: _Placed) -> list[dict[str, Any]]:
    item = placed.item
    return [payload_row(vault, item.submission_id, item.tenant, part) for part in item.parts]


def _event_row(placed: _Placed, now: datetime | None) -> dict[str, Any]:
    return {
        "case_id": placed.case_id,
        "seq": placed.event_seq,
        "tenant": placed.item.tenant,
        "message_id": placed.item.submission_id,
        "at": now,
        "kind": "submission.accepted",
    }


def _delivery_rows(placed: _Placed, now: datetime | None) -> list[dict[str, Any]]:
    return [
        delivery_row(
            tenant=placed.item.tenant,
            message_id=placed.item.submission_id,
            case_id=placed.case_id,
            case_seq=placed.case_seq,
            destination=name,
            role=role,
            now=now,
        )
        for name, role in placed.roles
    ]


def delivery_row(
    *,
    tenant: str,
    message_id: str,
    case_id: str,
    case_seq: int,
    destination: str,
    role: Role,
    now: datetime | None,
    look_up: bool = False,
) -> dict[str, Any]:
    """Build the outbox row of one message for one destination."""
    return {
        "delivery_id": new_id(),
        "tenant": tenant,
        "message_id": message_id,
        "case_id": case_id,
        "case_seq": case_seq,
        "destination": destination,
        "role": role,
        "state": DeliveryState.WAITING,
        "look_up": look_up,
        "due_at": now,
        "created_at": now,
        "updated_at": now,
    }
