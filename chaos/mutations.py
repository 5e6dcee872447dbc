"""Five faults put into the product, one at a time, to show that the checker would report them.

Each is a patch of a running process by the harness's own launcher; the product knows nothing of it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any


def outbox_outside_transaction() -> None:
    """Write the outbox rows after the commit that the receipt is sent for: a kill in between loses them."""
    from gateway.store import accept
    from gateway.store.bulk import insert_all, insert_family
    from gateway.store.tables import deliveries

    honest = accept.accept
    later: list[tuple[Any, ...]] = []
    tasks: set[asyncio.Task[None]] = set()

    async def insert(connection: Any, store: Any, family: Any, *, as_text: bool) -> Any:
        outbox = [child for child in family.children if child.table is deliveries]
        others = [child for child in family.children if child.table is not deliveries]
        new = await insert_family(connection, store, replace(family, children=others), as_text=as_text)
        known = {row.message_id for row in new}
        times = dict.fromkeys(("due_at", "created_at", "updated_at"), datetime.now(UTC))
        rows = [row | times for child in outbox for row in child.rows if row["message_id"] in known]
        later.append((store, rows))
        return new

    async def write_later(store: Any, rows: Any) -> None:
        await asyncio.sleep(_SOME_S)
        async with store.write() as connection:
            await insert_all(connection, store, deliveries, rows)

    async def accept_first(store: Any, batch: Any) -> Any:
        results = await honest(store, batch)
        while later:
            task = asyncio.create_task(write_later(*later.pop()))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return results

    _replace("gateway.store.accept", "insert_family", insert)
    _replace("gateway.intake.commit", "accept", accept_first)


def no_fence() -> None:
    """Let a report of an earlier attempt count as one of the current attempt."""
    from gateway.domain.delivery import Effect, Fence

    Fence.ended = lambda self, attempt: Effect.APPLY  # type: ignore[method-assign]


def sequence_cursor() -> None:
    """Number letters from a sequence, which is drawn at once and seen whenever the transaction commits."""
    from sqlalchemy import text

    from gateway.store.bulk import insert_all
    from gateway.store.tables import messages

    created = asyncio.Lock()
    there: set[str] = set()

    async def create(store: Any) -> None:
        async with created, store.write() as own:
            if not there:
                await own.execute(text("SELECT pg_advisory_xact_lock(20260601)"))
                await own.execute(text("CREATE SEQUENCE IF NOT EXISTS chaos_mailbox"))
                there.add("chaos_mailbox")

    async def put(connection: Any, store: Any, rows: Any) -> None:
        if rows and not there:
            await create(store)
        for row in rows:
            row["position"] = (await connection.execute(_DRAW)).scalar_one()
        await insert_all(connection, store, messages, rows)
        if rows and (await connection.execute(_FIRST)).scalar_one():
            await be_slow(connection, rows[-1]["position"])

    async def be_slow(connection: Any, position: int) -> None:
        """Commit slowly, until the other gateway has drawn a higher number, and a reader has seen it."""
        for _ in range(_TRIES):
            await asyncio.sleep(_SOME_S)
            if (await connection.execute(_LAST)).scalar_one() > position:
                break
        await asyncio.sleep(_SOME_S)

    _TRIES = 6  # within the store's deadline
    _DRAW = text("SELECT nextval('chaos_mailbox')")
    _LAST = text("SELECT last_value FROM chaos_mailbox")
    _FIRST = text("SELECT pg_try_advisory_xact_lock(20260602)")
    _replace("gateway.store.mailbox", "put", put)


def ack_before_claim() -> None:
    """Acknowledge every message when it arrives, before anyone has claimed it or stored its effect."""
    from gateway.broker.hands import Hands
    from gateway.broker.protocol import Outcome

    honest = Hands._deal_with

    async def ack_first(self: Any, message: Any, settle: Any) -> Any:
        await settle(Outcome.ACK)
        await asyncio.sleep(6 * _SOME_S)  # a kill at any moment finds some of them

        async def settled(outcome: Outcome) -> None:
            return

        return await honest(self, message, settled)

    Hands._deal_with = ack_first  # type: ignore[method-assign]


def report_without_id() -> None:
    """Give a report a new id each time it is made, instead of the one that its maker fixed."""
    from adapters.kit.case_reports import CaseReports

    honest = CaseReports._store_report

    async def store(self: Any, kind: Any, case_id: str, body: bytes, report_id: str | None) -> str:
        return await honest(self, kind, case_id, body, None)

    CaseReports._store_report = store  # type: ignore[method-assign]


_SOME_S = 0.5
"""How long the window stands open that each mutation tears: long enough to be hit by a few kills."""

MUTATIONS: dict[str, Callable[[], None]] = {
    "outbox-outside-transaction": outbox_outside_transaction,
    "no-fence": no_fence,
    "sequence-cursor": sequence_cursor,
    "ack-before-claim": ack_before_claim,
    "report-without-id": report_without_id,
}


def _replace(module: str, name: str, value: object) -> None:
    """Replace what a module has imported by name.

    Raises:
        AttributeError: it has no such name: the product has changed, and so must the mutation.
    """
    import importlib

    loaded = importlib.import_module(module)
    getattr(loaded, name)
    setattr(loaded, name, value)
