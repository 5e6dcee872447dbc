"""What is stored of messages of one standard: what is still open, and who sends which version."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.calendar import BERLIN
from gateway.store.tables import OPEN_STATES, deliveries, messages

_M = messages.c


@dataclass(frozen=True, slots=True)
class Sent:
    """How many messages of one version a client has sent, and when the last of them came in."""

    standard: str
    version: str
    client: str
    count: int
    last_at: datetime


async def count_open(connection: AsyncConnection, standard: str, version: str) -> int:
    """Count the messages of one version that have not yet reached every destination."""
    prefix = f"{standard}:{version}:"
    statement = (
        select(func.count(func.distinct(_M.message_id)))
        .join_from(deliveries, messages, _M.message_id == deliveries.c.message_id)
        # LIKE would not tell upper from lower case on SQLite.
        .where(deliveries.c.state.in_(OPEN_STATES), func.substr(_M.message_type, 1, len(prefix)) == prefix)
    )
    return int((await connection.execute(statement)).scalar_one())


async def sent_on(connection: AsyncConnection, day: date, *, tenants: Sequence[str]) -> list[Sent]:
    """Count what came in on one day in Germany, by version and client, the latest first.

    A day at a time: PostgreSQL finds a day in the index on the time of receipt. For a month it would rather
    read the table from its beginning, for it does not know that what came in together lies together.
    """
    begin, end = (datetime.combine(each, time.min, BERLIN) for each in (day, day + timedelta(days=1)))
    statement = (
        select(
            _M.client, _M.message_type, func.count().label("count"), func.max(_M.received_at).label("last")
        )
        .where(_M.tenant.in_(tenants), _M.received_at >= begin, _M.received_at < end)
        .where(_M.direction == "in")
        .group_by(_M.client, _M.message_type)
    )
    return add_up(map(_sent, await connection.execute(statement)))


def add_up(counts: Iterable[Sent]) -> list[Sent]:
    """Join what was counted apart into one count for each client and version, the latest first."""
    sums: dict[tuple[str, str, str], Sent] = {}
    for each in counts:
        key = (each.standard, each.version, each.client)
        known = sums.get(key, replace(each, count=0))
        sums[key] = replace(each, count=known.count + each.count, last_at=max(known.last_at, each.last_at))
    return sorted(sums.values(), key=lambda each: each.last_at, reverse=True)


def _sent(row: Any) -> Sent:
    standard, version, _ = row.message_type.split(":", 2)
    return Sent(standard, version, row.client, row.count, row.last)
