"""Mailboxes: back-channel messages in an order that a cursor reader cannot miss anything of.

The position comes from a counter row per client that is updated last in the transaction: its row lock
makes number order commit order. A sequence would let a reader skip a slower commit.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.states import Role
from gateway.store import cases
from gateway.store.accept import delivery_row, payload_row
from gateway.store.bulk import insert_into
from gateway.store.engine import SqlStore
from gateway.store.rows import BackMessage, Case
from gateway.store.tables import counters, deliveries, messages, payloads


async def post(connection: AsyncConnection, case: Case, message: BackMessage, *, now: datetime) -> None:
    """Put a message into the mailbox of a locked case's client, and on its way to the copies.

    It has no position yet and cannot be seen: `number` gives it one at the end of the transaction.
    """
    seq, event_seq = await cases.advance(connection, case, now=now)
    await connection.execute(messages.insert().values(_message_row(case, message, seq, now)))
    await connection.execute(
        payloads.insert(), [payload_row(message.message_id, case.tenant, part) for part in message.parts]
    )
    await cases.record_as(
        connection, case, "mailbox.posted", seq=event_seq, now=now, message_id=message.message_id
    )
    if case.copies:
        await connection.execute(
            deliveries.insert(),
            [
                delivery_row(
                    tenant=case.tenant,
                    message_id=message.message_id,
                    case_id=case.case_id,
                    case_seq=seq,
                    destination=name,
                    role=Role.COPY,
                    now=now,
                )
                for name in case.copies
            ],
        )


async def number(
    connection: AsyncConnection, store: SqlStore, client: str, message_ids: Sequence[str]
) -> None:
    """Give posted messages their positions, in the order given; the last thing a transaction does."""
    if not message_ids:
        return
    last = await _take(connection, store, f"mailbox:{client}", len(message_ids))
    for offset, message_id in enumerate(message_ids):
        await connection.execute(
            update(messages)
            .where(messages.c.message_id == message_id, messages.c.client == client)
            .values(position=last - len(message_ids) + 1 + offset)
        )


async def _take(connection: AsyncConnection, store: SqlStore, name: str, count: int) -> int:
    statement = (
        insert_into(store, counters)
        .values(name=name, value=count)
        .on_conflict_do_update(index_elements=[counters.c.name], set_={"value": counters.c.value + count})
        .returning(counters.c.value)
    )
    return int((await connection.execute(statement)).scalar_one())


async def page(
    connection: AsyncConnection, client: str, *, tenants: Sequence[str], after: int, limit: int
) -> Sequence[Any]:
    """Read a client's messages behind a position, in order; those of tenants it holds a grant for."""
    m = messages.c
    statement = (
        select(messages)
        .where(m.client == client, m.tenant.in_(tenants), m.position > after)
        .order_by(m.position)
        .limit(limit)
    )
    return (await connection.execute(statement)).all()


async def collect(
    connection: AsyncConnection, store: SqlStore, client: str, message_id: str
) -> datetime | None:
    """Note that the portal has taken a message over; return since when, None if there is no such message.

    Doing it again changes nothing.
    """
    m = messages.c
    row = (
        await connection.execute(
            update(messages)
            .where(m.message_id == message_id, m.client == client, m.position.is_not(None))
            .values(collected_at=func.coalesce(m.collected_at, store.now()))
            .returning(m.collected_at)
        )
    ).one_or_none()
    return row.collected_at if row else None


def _message_row(case: Case, message: BackMessage, seq: int, now: datetime) -> dict[str, Any]:
    body = message.parts[0]
    return {
        "message_id": message.message_id,
        "tenant": case.tenant,
        "client": case.client,
        "direction": "back",
        "case_id": case.case_id,
        "case_seq": seq,
        "message_type": message.message_type,
        "service": case.service,
        "authority": case.authority,
        "test": case.test,
        "received_at": now,
        "updated_at": now,
        "body_sha256": body.sha256,
        "body_bytes": len(body.data),
        "digest": body.sha256,
        "attachment_count": len(message.parts) - 1,
        "after_final": message.after_final,
        "erase_after": case.erase_after,
    }
