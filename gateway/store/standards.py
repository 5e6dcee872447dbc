"""What is stored of messages of one standard: what is still open, and who sends them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.tables import OPEN_STATES, deliveries, messages


async def count_open(connection: AsyncConnection, standard: str, version: str) -> int:
    """Count the messages of one version that have not yet reached every destination."""
    statement = (
        select(func.count(func.distinct(messages.c.message_id)))
        .join_from(deliveries, messages, messages.c.message_id == deliveries.c.message_id)
        .where(deliveries.c.state.in_(OPEN_STATES), _of(standard, version))
    )
    return int((await connection.execute(statement)).scalar_one())


async def senders(
    connection: AsyncConnection, standard: str, version: str, *, tenants: Sequence[str], since: datetime
) -> Sequence[Any]:
    """Return who has sent messages of one version: `client, count, last_at`, the latest first."""
    m = messages.c
    statement = (
        select(m.client, func.count().label("count"), func.max(m.received_at).label("last_at"))
        .where(m.tenant.in_(tenants), m.received_at >= since, m.direction == "in", _of(standard, version))
        .group_by(m.client)
        .order_by(func.max(m.received_at).desc())
    )
    return (await connection.execute(statement)).all()


def _of(standard: str, version: str) -> Any:
    return messages.c.message_type.startswith(f"{standard}:{version}:", autoescape=True)
