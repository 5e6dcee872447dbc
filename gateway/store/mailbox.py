"""Mailboxes: back-channel messages in an order that a cursor reader cannot miss anything of.

The position comes from a counter row per client that is updated last in the transaction: its row lock
makes number order commit order. A sequence would let a reader skip a slower commit.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, Integer, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.bulk import insert_all, merge_all
from gateway.store.engine import SqlStore
from gateway.store.rows import BackMessage, Case
from gateway.store.tables import counters, messages


def message_row(case: Case, message: BackMessage, *, seq: int, now: datetime) -> dict[str, Any]:
    """Build the row of a message for the mailbox of a case's client; `put` gives it its position."""
    digest = sha256(message.body).hexdigest()
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
        "body_sha256": digest,
        "body_bytes": len(message.body),
        "digest": digest,
        "attachment_count": len(message.documents),
        "after_final": message.after_final,
        "erase_after": case.erase_after,
    }


async def put(connection: AsyncConnection, store: SqlStore, rows: Sequence[dict[str, Any]]) -> None:
    """Insert messages under the next positions of their mailboxes; the last thing a transaction does.

    The counters are locked in the order of the clients and last of all locks. Each is held until the commit:
    who gets a higher position has waited for it.
    """
    if not rows:
        return
    wanted = Counter(row["client"] for row in rows)
    taken = await merge_all(
        connection,
        store,
        counters,
        [{"name": f"mailbox:{client}", "value": count} for client, count in wanted.items()],
        unique=[counters.c.name],
        clause=_add,
    )
    last = {name.removeprefix("mailbox:"): value for name, value in taken}
    position = {client: last[client] - count for client, count in wanted.items()}
    for row in rows:
        position[row["client"]] += 1
        row["position"] = position[row["client"]]
    await insert_all(connection, store, messages, rows)


def _add(insert: Any) -> Any:
    total = counters.c.value + insert.excluded.value
    added = insert.on_conflict_do_update(index_elements=[counters.c.name], set_={"value": total})
    return added.returning(counters.c.name, counters.c.value)


async def page(
    connection: AsyncConnection, client: str, *, tenants: Sequence[str], after: int, limit: int
) -> Sequence[Any]:
    """Read a client's messages behind a position, in order; those of tenants it holds a grant for."""
    asked = {"client": client, "tenants": list(tenants), "after": after, "at_most": limit}
    return (await connection.execute(_PAGE, asked)).all()


_M = messages.c
# Put together once, and only what a page shows: a portal asks for news again and again.
_PAGE = (
    select(
        *(_M.message_id, _M.message_type, _M.case_id, _M.received_at, _M.collected_at, _M.after_final),
        *(_M.body_sha256, _M.body_bytes, _M.test, _M.attachment_count, _M.position, _M.tenant, _M.service),
    )
    .where(
        _M.client == bindparam("client"),
        _M.tenant.in_(bindparam("tenants", expanding=True)),
        _M.position > bindparam("after", type_=BigInteger),
    )
    .order_by(_M.position)
    .limit(bindparam("at_most", type_=Integer))
)


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
