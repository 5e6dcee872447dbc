"""What the store promises on every database; each test class brings its address."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.backchannel.docket import work_on
from gateway.contract.ids import new_id
from gateway.contract.states import CaseStatus, DeliveryState, Role
from gateway.errors import NotFound, ReferenceKnown, StoreConflict
from gateway.store import SqlStore, cases, deliveries, mailbox, operators, reads
from gateway.store.accept import accept
from gateway.store.migrate import migrate
from gateway.store.rows import Accepted, BackMessage, Claimed, NewSubmission
from gateway.store.tables import deliveries as delivery_table
from gateway.store.tables import events, messages, payloads
from tests.contract.store.make import (
    CLIENT,
    COPY,
    LEAD,
    MASTER_KEY,
    TENANT,
    again,
    back_message,
    part,
    submission,
)
from tests.unit.backchannel.world import demo_config

LEASE = {"max_sent": 1000, "publish_lease_s": 30.0, "copy_lifetime_s": 600.0}


async def claim(
    store: SqlStore, destination: str = LEAD, limit: int = 100, **changes: float
) -> list[Claimed]:
    return await deliveries.claim(store, destination, tenant=TENANT, limit=limit, **(LEASE | changes))


async def settle(store: SqlStore, claimed: Claimed, state: DeliveryState) -> None:
    async with store.write() as connection:
        (row,) = await deliveries.lock_all(connection, store, [claimed.delivery_id])
        now = await store.read_clock(connection)
        await deliveries.write(connection, store, [replace(row, state=state)], now=now)


async def count(store: SqlStore, table: object) -> int:
    async with store.read() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


async def states(store: SqlStore, case_id: str) -> Counter[str]:
    async with store.read() as connection:
        rows = await connection.execute(
            select(delivery_table.c.state).where(delivery_table.c.case_id == case_id)
        )
        return Counter(rows.scalars())


async def put(store: SqlStore, connection: AsyncConnection, case_id: str) -> BackMessage:
    case, message = await cases.lock(connection, case_id, tenant=TENANT), back_message()
    row = mailbox.message_row(case, message, seq=case.next_seq, now=await store.read_clock(connection))
    await mailbox.put(connection, store, [row])
    return message


async def accept_one(store: SqlStore, item: NewSubmission | None = None) -> Accepted:
    return (await accept(store, [item or submission()]))[0]


class StoreContract:
    """The suite; a subclass gives the fixture `address`."""

    @pytest.fixture
    async def store(self, address: str) -> AsyncIterator[SqlStore]:
        await asyncio.to_thread(migrate, address)
        store = SqlStore(address, master_key=MASTER_KEY)
        yield store
        await store.close()

    # --- accepting

    async def test_accept_stores_message_event_and_outbox_rows_together(self, store: SqlStore) -> None:
        item = submission(parts=(part(), part(b"%PDF", 1)))
        result = await accept_one(store, item)
        assert result.created
        async with store.read() as connection:
            row = await reads.fetch_submission(
                connection, result.submission_id, client=CLIENT, tenants=[TENANT]
            )
            stored = await reads.fetch_part(connection, store, result.submission_id, 1, tenant=TENANT)
            happened = await reads.case_events(connection, result.case_id, tenant=TENANT)
            sent_to = await reads.message_deliveries(
                connection, result.submission_id, case_id=result.case_id, tenant=TENANT
            )
        assert (row.status, row.attachment_count, row.case_status) == ("accepted", 1, "open")
        assert stored is not None
        assert stored.data == b"%PDF"
        assert [event.kind for event in happened] == ["submission.accepted"]
        assert [(each.destination, each.role, each.state) for each in sent_to] == [
            (LEAD, "lead", "waiting"),
            (COPY, "copy", "waiting"),
        ]

    async def test_accept_keeps_the_bytes_and_names_their_codec(self, store: SqlStore) -> None:
        body = "<antrag>Müller-Łuczak</antrag>".encode() * 50
        result = await accept_one(store, submission(body=body))
        async with store.read() as connection:
            row = (await connection.execute(select(payloads))).one()
            read = await reads.fetch_part(connection, store, result.submission_id, 0, tenant=TENANT)
        assert read is not None
        assert read.data == body
        assert (row.codec, row.body_bytes) == ("zstd+aes256gcm", len(body))
        assert row.key_id

    async def test_resend_gives_the_first_result_and_stores_nothing(self, store: SqlStore) -> None:
        item = submission()
        first = await accept_one(store, item)
        second = await accept_one(store, again(item))
        assert (second.submission_id, second.case_id, second.received_at) == (
            first.submission_id,
            first.case_id,
            first.received_at,
        )
        assert (first.created, second.created) == (True, False)
        assert [await count(store, table) for table in (messages, payloads, events)] == [1, 1, 1]
        assert await count(store, delivery_table) == 2

    async def test_other_bytes_under_the_same_id_give_the_first_digest(self, store: SqlStore) -> None:
        item = submission()
        first = await accept_one(store, item)
        other = await accept_one(store, again(item, digest="0" * 64))
        assert (other.digest, other.created) == (first.digest, False)

    async def test_same_message_twice_in_a_batch_is_stored_once(self, store: SqlStore) -> None:
        item, neighbour = submission(), submission()
        results = await accept(store, [item, again(item), neighbour])
        assert [result.created for result in results] == [True, False, True]
        assert results[0].submission_id == results[1].submission_id == item.submission_id
        assert await count(store, messages) == 2

    async def test_overlapping_batches_in_opposite_order_store_each_once(self, store: SqlStore) -> None:
        for _ in range(5):
            items = [submission() for _ in range(40)]
            batches = [items, [again(item) for item in reversed(items)], [again(item) for item in items[10:]]]
            results = await asyncio.gather(*(accept(store, batch) for batch in batches))
            created = Counter(result.submission_id for batch in results for result in batch if result.created)
            assert sorted(created.values()) == [1] * 40
            by_key = {item.key: result.submission_id for item, result in zip(items, results[0], strict=True)}
            again_by_key = dict(
                zip((i.key for i in batches[1]), (r.submission_id for r in results[1]), strict=True)
            )
            assert by_key == again_by_key

    async def test_batch_with_a_bad_row_stores_nothing(self, store: SqlStore) -> None:
        bad = submission(message_type=None)
        with pytest.raises(StoreConflict):
            await accept(store, [submission(), bad])
        assert await count(store, messages) == 0

    async def test_clients_may_use_the_same_message_id(self, store: SqlStore) -> None:
        item = submission()
        results = await accept(store, [item, again(item, client="demo-portal-zwei")])
        assert [result.created for result in results] == [True, True]

    # --- follow-ups and withdrawals

    async def test_follow_up_joins_its_case_and_goes_where_the_case_goes(self, store: SqlStore) -> None:
        first = await accept_one(store)
        second = await accept_one(store, submission(case_id=first.case_id, lead="elsewhere", copies=()))
        assert second.case_id == first.case_id
        async with store.read() as connection:
            rows = await reads.case_messages(connection, first.case_id, tenant=TENANT)
            sent_to = await reads.message_deliveries(
                connection, second.submission_id, case_id=second.case_id, tenant=TENANT
            )
        assert [row.case_seq for row in rows] == [1, 2]
        assert {each.destination for each in sent_to} == {LEAD, COPY}

    async def test_follow_ups_at_once_get_numbers_without_gap_or_double(self, store: SqlStore) -> None:
        first = await accept_one(store)
        batches = [[submission(case_id=first.case_id) for _ in range(5)] for _ in range(4)]
        await asyncio.gather(*(accept(store, batch) for batch in batches))
        async with store.read() as connection:
            rows = await reads.case_messages(connection, first.case_id, tenant=TENANT)
        assert [row.case_seq for row in rows] == list(range(1, 22))

    async def test_follow_up_of_another_tenants_case_is_not_found(self, store: SqlStore) -> None:
        first = await accept_one(store)
        with pytest.raises(NotFound):
            await accept_one(store, submission(case_id=first.case_id, tenant="beispielhausen"))

    async def test_withdrawal_ends_the_case_at_once_when_nothing_was_sent(self, store: SqlStore) -> None:
        first = await accept_one(store)
        withdrawal = await accept_one(store, submission(case_id=first.case_id, withdraws=True))
        assert (withdrawal.status, withdrawal.destinations) == ("delivered", ())
        assert await states(store, first.case_id) == {"cancelled": 2}
        async with store.read() as connection:
            case = await cases.fetch(connection, first.case_id, tenant=TENANT)
            row = await reads.fetch_submission(
                connection, first.submission_id, client=CLIENT, tenants=[TENANT]
            )
        assert case is not None
        assert case.status is CaseStatus.WITHDRAWN
        assert row.status == "cancelled"

    async def test_withdrawal_goes_only_where_something_was_sent(self, store: SqlStore) -> None:
        first = await accept_one(store)
        await claim(store, LEAD)
        withdrawal = await accept_one(store, submission(case_id=first.case_id, withdraws=True))
        assert withdrawal.destinations == (LEAD,)
        assert await states(store, first.case_id) == {"sent": 1, "cancelled": 1, "waiting": 1}
        async with store.read() as connection:
            case = await cases.fetch(connection, first.case_id, tenant=TENANT)
        assert case is not None
        assert case.status is CaseStatus.OPEN

    async def test_withdrawal_resent_at_once_never_cancels_itself(self, store: SqlStore) -> None:
        for _ in range(5):
            first = await accept_one(store)
            await claim(store, LEAD)
            item = submission(case_id=first.case_id, withdraws=True)
            results = await asyncio.gather(*(accept(store, [again(item)]) for _ in range(4)))
            assert Counter(result.created for (result,) in results) == {True: 1, False: 3}
            assert await states(store, first.case_id) == {"sent": 1, "cancelled": 1, "waiting": 1}

    # --- a reference that must be new

    async def test_reference_is_known_when_it_names_a_case_or_an_earlier_message(
        self, store: SqlStore
    ) -> None:
        accepted = await accept_one(store, submission(sender_message_id="ours, not a UUID"))
        asked = [accepted.case_id, "ours, not a UUID", new_id(), "never heard of", accepted.submission_id]
        results = await accept(store, [submission(new_reference=each) for each in asked])
        assert [isinstance(each, ReferenceKnown) for each in results] == [True, True, False, False, False]
        assert await count(store, messages) == await count(store, payloads) == 4

    async def test_reference_is_new_when_another_client_has_it(self, store: SqlStore) -> None:
        item = submission()
        accepted = await accept_one(store, item)
        for reference in (accepted.case_id, item.sender_message_id):
            theirs = submission(client="another-portal", new_reference=reference)
            results = await accept(store, [theirs, submission(new_reference=reference)])
            assert [isinstance(each, ReferenceKnown) for each in results] == [False, True]

    async def test_resend_is_answered_as_before_when_its_reference_is_still_new(
        self, store: SqlStore
    ) -> None:
        item = submission(new_reference="a case of the portal")
        first = await accept_one(store, item)
        (second,) = await accept(store, [again(item)])
        assert (second.submission_id, second.created) == (first.submission_id, False)

    # --- claiming

    async def test_racing_claimers_never_get_the_same_delivery(self, store: SqlStore) -> None:
        await accept(store, [submission() for _ in range(60)])

        async def drain() -> list[str]:
            mine = []
            while got := await claim(store, limit=7):
                mine += [each.delivery_id for each in got]
            return mine

        shares = await asyncio.gather(*(drain() for _ in range(4)))
        everything = [delivery_id for share in shares for delivery_id in share]
        # A claimer may find everything locked by the others and stop; the rest is still there.
        everything += [each.delivery_id for each in await claim(store)]
        assert len(everything) == len(set(everything)) == 60

    async def test_claim_carries_what_the_envelope_says(self, store: SqlStore) -> None:
        result = await accept_one(store, submission(body=b"<antrag>x</antrag>", test=True))
        (got,) = await claim(store)
        assert (got.message_id, got.case_id, got.case_seq) == (result.submission_id, result.case_id, 1)
        assert (got.body, got.attempt, got.look_up, got.role) == (b"<antrag>x</antrag>", 1, False, Role.LEAD)
        assert (got.test, got.service, got.authority) == (True, "99900000000101", "psw:99101000")
        assert 590 < (got.expires_at - got.received_at).total_seconds() < 660

    async def test_claim_leaves_out_a_body_that_is_fetched(self, store: SqlStore) -> None:
        await accept_one(store, submission(body=b"x" * (1024 * 1024 + 1)))
        (got,) = await claim(store)
        assert (got.body, got.body_bytes) == (b"", 1024 * 1024 + 1)

    async def test_next_message_of_a_case_waits_until_the_first_is_settled(self, store: SqlStore) -> None:
        first = await accept_one(store)
        second = await accept_one(store, submission(case_id=first.case_id))
        (got,) = await claim(store)
        assert got.message_id == first.submission_id
        assert await claim(store) == []
        await settle(store, got, DeliveryState.ACCEPTED)
        (then,) = await claim(store)
        assert then.message_id == second.submission_id

    @pytest.mark.parametrize(
        ("state", "goes_on"),
        [
            (DeliveryState.REFUSED, True),
            (DeliveryState.CANCELLED, True),
            (DeliveryState.FAILED, False),
        ],
    )
    async def test_next_message_goes_on_after_every_settled_state_only(
        self, store: SqlStore, state: DeliveryState, goes_on: bool
    ) -> None:
        first = await accept_one(store)
        await accept_one(store, submission(case_id=first.case_id))
        (got,) = await claim(store)
        await settle(store, got, state)
        assert bool(await claim(store)) is goes_on

    async def test_another_destination_is_not_held_up(self, store: SqlStore) -> None:
        await accept_one(store)
        await claim(store, LEAD)
        assert len(await claim(store, COPY)) == 1

    async def test_claim_stops_at_the_most_that_may_be_on_the_wire(self, store: SqlStore) -> None:
        await accept(store, [submission() for _ in range(5)])
        assert len(await claim(store, max_sent=3)) == 3
        assert await claim(store, max_sent=3) == []

    async def test_claim_of_another_tenant_finds_nothing(self, store: SqlStore) -> None:
        await accept_one(store)
        assert await deliveries.claim(store, LEAD, tenant="beispielhausen", limit=5, **LEASE) == []

    async def test_due_destinations_names_those_with_something_to_send(self, store: SqlStore) -> None:
        await accept_one(store)
        await claim(store, LEAD)
        assert await deliveries.due_destinations(store, [COPY, LEAD, "other"]) == [COPY]

    # --- leases

    async def test_expired_copy_waits_again_and_is_looked_up(self, store: SqlStore) -> None:
        await accept_one(store)
        (got,) = await claim(store, publish_lease_s=-1)
        (returned,) = await deliveries.return_expired(store)
        assert (returned.delivery_id, returned.state) == (got.delivery_id, DeliveryState.WAITING)
        (then,) = await claim(store)
        assert (then.attempt, then.look_up) == (2, True)
        async with store.read() as connection:
            tried = await reads.case_attempts(connection, got.case_id, tenant=TENANT)
        assert [(each.attempt, each.outcome) for each in tried] == [(1, "expired"), (2, None)]

    async def test_running_lease_is_left_alone(self, store: SqlStore) -> None:
        await accept_one(store)
        await claim(store)
        assert await deliveries.return_expired(store) == []

    async def test_confirmed_copy_gets_the_long_lease(self, store: SqlStore) -> None:
        await accept_one(store)
        got = await claim(store, publish_lease_s=-1)
        await deliveries.confirm_sent(store, got, lease_s=720)
        assert await deliveries.return_expired(store) == []

    async def test_everything_sent_returns_when_the_broker_forgot(self, store: SqlStore) -> None:
        await accept_one(store)
        await claim(store)
        (returned,) = await deliveries.return_expired(store, everything=True)
        assert returned.look_up

    async def test_released_copy_waits_for_its_delay(self, store: SqlStore) -> None:
        await accept(store, [submission(), submission()])
        got = await claim(store)
        await deliveries.release(store, got[:1], delay_s=3600, look_up=False, outcome="QueueFull")
        await deliveries.release(store, got[1:], delay_s=0, look_up=True, outcome="BrokerUnavailable")
        (then,) = await claim(store)
        assert (then.delivery_id, then.look_up, then.attempt) == (got[1].delivery_id, True, 2)

    async def test_released_copy_that_was_settled_meanwhile_stays_settled(self, store: SqlStore) -> None:
        await accept_one(store)
        (got,) = await claim(store)
        await settle(store, got, DeliveryState.ACCEPTED)
        await deliveries.release(store, [got], delay_s=0, look_up=True, outcome="BrokerUnavailable")
        assert await claim(store) == []

    # --- mailbox

    async def test_reader_between_two_slow_commits_misses_nothing(self, store: SqlStore) -> None:
        cases_of = [(await accept_one(store)).case_id for _ in range(2)]
        numbered, may_commit = asyncio.Event(), asyncio.Event()

        async def post(case_id: str, *, slow: bool) -> str:
            async with store.write() as connection:
                message = await put(store, connection, case_id)
                if slow:
                    numbered.set()
                    await may_commit.wait()
                return message.message_id

        slow = asyncio.create_task(post(cases_of[0], slow=True))
        await numbered.wait()
        fast = asyncio.create_task(post(cases_of[1], slow=False))
        # The fast one must not become visible before the slow one, which has the lower position.
        _, waiting = await asyncio.wait({fast}, timeout=0.3)
        assert waiting == {fast}
        assert await self._page(store) == []
        may_commit.set()
        assert await self._page_ids(store, await slow, await fast) == [1, 2]

    async def _page(self, store: SqlStore, after: int = 0) -> list[tuple[int, str]]:
        async with store.read() as connection:
            rows = await mailbox.page(connection, CLIENT, tenants=[TENANT], after=after, limit=10)
            return [(row.position, row.message_id) for row in rows]

    async def _page_ids(self, store: SqlStore, *expected: str) -> list[int]:
        page = await self._page(store)
        assert [message_id for _, message_id in page] == list(expected)
        return [position for position, _ in page]

    async def test_posted_message_also_goes_to_the_copies(self, store: SqlStore) -> None:
        first = await accept_one(store)
        async with work_on(store, demo_config(), first.case_id, tenant=TENANT) as work:
            work.post(back_message())
        got = await claim(store, COPY)
        assert [each.message_id for each in got] == [first.submission_id]
        await settle(store, got[0], DeliveryState.ACCEPTED)
        (then,) = await claim(store, COPY)
        assert (then.message_type, then.case_seq) == ("xrueckkanal:1.0:rueckkanal.status.1120", 2)
        assert await claim(store, LEAD, limit=5) != []

    async def test_collecting_twice_keeps_the_first_time(self, store: SqlStore) -> None:
        first = await accept_one(store)
        async with store.write() as connection:
            message = await put(store, connection, first.case_id)
        times = []
        for _ in range(2):
            async with store.write() as connection:
                times.append(await mailbox.collect(connection, store, CLIENT, message.message_id))
        async with store.write() as connection:
            foreign = await mailbox.collect(connection, store, "demo-portal-zwei", message.message_id)
        assert times[0] is not None
        assert times[0] == times[1]
        assert foreign is None

    # --- operators

    async def test_balance_counts_every_delivery_once(self, store: SqlStore) -> None:
        await accept(store, [submission() for _ in range(3)])
        (got, *_) = await claim(store, limit=2)
        await settle(store, got, DeliveryState.ACCEPTED)
        async with store.read() as connection:
            rows = await operators.balance(connection, tenants=[TENANT])
        assert {(row.destination, row.state): row.count for row in rows} == {
            (LEAD, "waiting"): 1,
            (LEAD, "sent"): 1,
            (LEAD, "accepted"): 1,
            (COPY, "waiting"): 3,
        }

    async def test_submissions_are_paged_also_within_one_moment(self, store: SqlStore) -> None:
        # One commit gives all of them the same time of receipt.
        items = [submission() for _ in range(5)]
        await accept(store, items)
        before, seen = None, []
        async with store.read() as connection:
            while page := await operators.latest_submissions(
                connection, tenants=[TENANT], limit=2, before=before
            ):
                seen += [row.message_id for row in page]
                before = seen[-1]
            foreign = await operators.latest_submissions(
                connection, tenants=["beispielhausen"], limit=2, before=seen[0]
            )
        assert seen == sorted((item.submission_id for item in items), reverse=True)
        assert foreign == []

    # --- the schema

    async def test_migrating_again_keeps_everything(self, store: SqlStore, address: str) -> None:
        await accept_one(store)
        await asyncio.to_thread(migrate, address)
        assert await count(store, messages) == 1

    async def test_rows_can_be_held_and_erased(self, store: SqlStore) -> None:
        await accept_one(store)
        async with store.read() as connection:
            row = (
                await connection.execute(
                    text("SELECT erase_after, erased_at, legal_hold, protection_class, tenant FROM messages")
                )
            ).one()
        assert (row.erase_after, row.erased_at, bool(row.legal_hold)) == (None, None, False)
        assert (row.protection_class, row.tenant) == ("normal", TENANT)
