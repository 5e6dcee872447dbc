"""What portals and adapters read: their own only, anything else is not there."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.contract.ids import is_id
from gateway.store.bulk import document_of, rows_of_document
from gateway.store.cases import to_case
from gateway.store.codec import Encoded
from gateway.store.engine import SqlStore
from gateway.store.rows import (
    CONTACT,
    AttachmentRow,
    Case,
    Part,
    ReferenceRow,
    contact_place,
    name_place,
    payload_place,
)
from gateway.store.tables import attempts, case_references, cases, deliveries, events, messages, payloads


async def fetch_submission(
    connection: AsyncConnection, submission_id: str, *, client: str, tenants: Sequence[str]
) -> Any | None:
    """Read a client's submission: `messages` with the case's status."""
    m = messages.c
    statement = (
        select(
            messages,
            cases.c.status.label("case_status"),
            *(cases.c.citizen_status, cases.c.due_on, cases.c.portal_reference),
        )
        .join(cases, cases.c.case_id == m.case_id)
        .where(
            m.message_id == submission_id,
            m.client == client,
            m.tenant.in_(tenants),
            m.direction == "in",
        )
    )
    return (await connection.execute(statement)).one_or_none()


async def fetch_by_sender_id(
    connection: AsyncConnection, sender_message_id: str, *, client: str
) -> Any | None:
    """Read the submission that a client posted under this id of its own: `messages`, `portal_reference`."""
    m = messages.c
    statement = (
        select(messages, cases.c.portal_reference)
        .join(cases, cases.c.case_id == m.case_id)
        .where(m.client == client, m.sender_message_id == sender_message_id)
    )
    return (await connection.execute(statement)).one_or_none()


async def fetch_case(
    connection: AsyncConnection, case_id: str, *, client: str, tenants: Sequence[str]
) -> Case | None:
    """Read a client's case."""
    c = cases.c
    statement = select(cases).where(c.case_id == case_id, c.client == client, c.tenant.in_(tenants))
    row = (await connection.execute(statement)).one_or_none()
    return to_case(row) if row else None


async def fetch_referenced_case(
    connection: AsyncConnection, reference: str, *, client: str, tenants: Sequence[str]
) -> Case | None:
    """Read the case a client opened under this reference of its own; None also when it opened several."""
    c = cases.c
    statement = select(cases).where(
        c.portal_reference == reference, c.client == client, c.tenant.in_(tenants)
    )
    rows = (await connection.execute(statement.limit(2))).all()
    return to_case(rows[0]) if len(rows) == 1 else None


async def known_references(
    connection: AsyncConnection, store: SqlStore, references: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Say which of these (client, reference) name a case or an earlier message of that client."""
    asked = [
        {"client": client, "sender_message_id": text, "case_id": text if is_id(text) else None}
        for client, text in references
    ]
    rows = await connection.execute(_known(store.is_sqlite), {"document": document_of(asked)})
    return {(row.client, row.sender_message_id) for row in rows}


_REFERENCE = ("client", "sender_message_id", "case_id")


@cache
def _known(is_sqlite: bool) -> Select[Any]:
    """Look each reference up by itself: for many PostgreSQL may read a table that it believes small."""
    m, c = messages.c, cases.c
    asked = rows_of_document(messages, _REFERENCE, is_sqlite=is_sqlite).c
    sent = select(m.client).where(m.client == asked.client, m.sender_message_id == asked.sender_message_id)
    # By the id alone: PostgreSQL may believe that a client has hardly any cases, and look through these.
    opened_by = select(c.client).where(c.case_id == asked.case_id)
    return select(asked.client, asked.sender_message_id).where(
        or_(sent.scalar_subquery().is_not(None), opened_by.scalar_subquery() == asked.client)
    )


async def is_case(connection: AsyncConnection, reference: str, *, client: str, tenant: str) -> bool:
    """Say whether a reference names a case of the tenant: by our id, or by the client's own reference."""
    c = cases.c
    named = and_(c.client == client, c.portal_reference == reference)
    if is_id(reference):
        named = or_(c.case_id == reference, named)
    statement = select(c.case_id).where(named, c.tenant == tenant)
    return (await connection.execute(statement.limit(1))).first() is not None


async def case_messages(connection: AsyncConnection, case_id: str, *, tenant: str) -> Sequence[Any]:
    """Read the whole dialogue of a case, both directions, in its order: rows of `messages`."""
    m = messages.c
    statement = select(messages).where(m.case_id == case_id, m.tenant == tenant).order_by(m.case_seq)
    return (await connection.execute(statement)).all()


async def submission_ids(connection: AsyncConnection, case_id: str, *, tenant: str) -> set[str]:
    """Read which messages of a case the applicant sent."""
    m = messages.c
    statement = select(m.message_id).where(m.case_id == case_id, m.tenant == tenant, m.direction == "in")
    return set((await connection.execute(statement)).scalars())


async def references(connection: AsyncConnection, case_id: str, *, tenant: str) -> Sequence[Any]:
    """Read under which numbers destinations keep a case: rows of `case_references`, contacts encrypted."""
    r = case_references.c
    statement = select(case_references).where(r.case_id == case_id, r.tenant == tenant)
    return (await connection.execute(statement.order_by(r.kind, r.value))).all()


async def readable_references(
    connection: AsyncConnection, store: SqlStore, case_id: str, *, tenant: str
) -> list[ReferenceRow]:
    """Read numbers, foreign ids and contacts of a case, as destinations gave them."""
    rows = await references(connection, case_id, tenant=tenant)
    await store.vault.learn(connection, (row.key_id for row in rows))
    return [ReferenceRow(row.destination, row.kind, _reference_value(store, row)) for row in rows]


def _reference_value(store: SqlStore, row: Any) -> str:
    if row.kind != CONTACT or row.body is None:
        return str(row.value)
    stored = Encoded(row.codec, row.key_id, row.body)
    place = contact_place(row.case_id, row.destination)
    return store.vault.unseal(stored, tenant=row.tenant, place=place).decode()


async def case_events(connection: AsyncConnection, case_id: str, *, tenant: str) -> Sequence[Any]:
    """Read what happened in a case, in order: rows of `events`."""
    e = events.c
    statement = select(events).where(e.case_id == case_id, e.tenant == tenant).order_by(e.seq)
    return (await connection.execute(statement)).all()


async def message_deliveries(
    connection: AsyncConnection, message_id: str, *, case_id: str, tenant: str
) -> Sequence[Any]:
    """Read where a message of a case went: rows of `deliveries`, the lead first."""
    d = deliveries.c
    statement = select(deliveries).where(d.case_id == case_id, d.message_id == message_id, d.tenant == tenant)
    return (await connection.execute(statement.order_by(d.role.desc(), d.destination))).all()


async def case_attempts(connection: AsyncConnection, case_id: str, *, tenant: str) -> Sequence[Any]:
    """Read every attempt to deliver a case's messages: `attempts` with destination and message id."""
    d, a = deliveries.c, attempts.c
    statement = (
        select(attempts, d.destination, d.message_id)
        .join(deliveries, d.delivery_id == a.delivery_id)
        .where(d.case_id == case_id, d.tenant == tenant)
        .order_by(a.sent_at)
    )
    return (await connection.execute(statement)).all()


async def parts(connection: AsyncConnection, message_id: str, *, tenant: str) -> Sequence[Any]:
    """Read what a message consists of, without contents: `number, media_type, sha256, body_bytes`."""
    p = payloads.c
    statement = select(p.number, p.media_type, p.sha256, p.body_bytes).where(
        p.message_id == message_id, p.tenant == tenant, p.number >= 0
    )
    return (await connection.execute(statement.order_by(p.number))).all()


async def attachments(
    connection: AsyncConnection, store: SqlStore, message_id: str, *, tenant: str
) -> list[AttachmentRow]:
    """List the attachments of a message, without contents."""
    p = payloads.c
    statement = select(*(each for each in p if each.name != "body")).where(
        p.message_id == message_id, p.tenant == tenant, p.number > 0
    )
    rows = (await connection.execute(statement.order_by(p.number))).all()
    await store.vault.learn(connection, (row.key_id for row in rows))
    return [
        AttachmentRow(
            number=row.number,
            media_type=row.media_type,
            sha256=row.sha256,
            size=row.body_bytes,
            file_name=_file_name(store, row),
        )
        for row in rows
    ]


def _file_name(store: SqlStore, row: Any) -> str | None:
    if row.file_name is None:
        return None
    stored = Encoded(row.codec, row.key_id, row.file_name)
    place = name_place(row.message_id, row.number)
    return store.vault.unseal(stored, tenant=row.tenant, place=place).decode()


async def fetch_part(
    connection: AsyncConnection, store: SqlStore, message_id: str, number: int, *, tenant: str
) -> Part | None:
    """Read one part of a message with its content; None where it does not exist.

    Raises:
        PayloadErased: it was lawfully erased.
    """
    p = payloads.c
    statement = select(payloads).where(
        and_(p.message_id == message_id, p.number == number, p.tenant == tenant)
    )
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        return None
    await store.vault.learn(connection, [row.key_id])
    stored = Encoded(row.codec, row.key_id, row.body)
    data = store.vault.unseal(stored, tenant=tenant, place=payload_place(message_id, number, row.sha256))
    return Part(row.number, row.media_type, row.sha256, data, _file_name(store, row))


async def fetch_message_type(connection: AsyncConnection, message_id: str, *, tenant: str) -> str:
    """Read of which type a message is, as it was sent."""
    m = messages.c
    statement = select(m.message_type).where(m.message_id == message_id, m.tenant == tenant)
    return str((await connection.execute(statement)).scalar_one())


async def fetch_back_message(
    connection: AsyncConnection, message_id: str, *, client: str, tenants: Sequence[str]
) -> Any | None:
    """Read a message of a client's mailbox: a row of `messages`."""
    m = messages.c
    statement = select(messages).where(
        m.message_id == message_id,
        m.client == client,
        m.tenant.in_(tenants),
        m.position.is_not(None),
    )
    return (await connection.execute(statement)).one_or_none()


async def fetch_tenant(connection: AsyncConnection, case_id: str, *, destination: str) -> str | None:
    """Read whose a case is that goes, or went, to a destination."""
    d = deliveries.c
    statement = select(d.tenant).where(d.case_id == case_id, d.destination == destination)
    return (await connection.execute(statement.limit(1))).scalar_one_or_none()


async def fetch_sender_id(connection: AsyncConnection, message_id: str, *, tenant: str) -> str | None:
    """Read the id that the sender gave a message."""
    m = messages.c
    statement = select(m.sender_message_id).where(m.message_id == message_id, m.tenant == tenant)
    return (await connection.execute(statement)).scalar_one_or_none()
