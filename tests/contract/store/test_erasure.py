"""Erasure, on both databases: what goes when its time is over, what is held back, and what stays for ever."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.backchannel.docket import work_on
from gateway.contract.ids import new_id
from gateway.contract.report import Report, ReportType
from gateway.contract.states import DeliveryState, ReportState
from gateway.delivery import operations
from gateway.errors import PayloadErased
from gateway.store import SqlStore, cases, erasure, holds, mailbox, operators, reads, reports
from gateway.store.accept import accept
from gateway.store.actions import By
from gateway.store.erasure import Erasure, erase
from gateway.store.migrate import migrate
from gateway.store.rows import Accepted, Case, NewSubmission, Part
from gateway.store.tables import actions, deliveries, documents, events, findings, messages, payloads
from gateway.store.tables import cases as cases_table
from gateway.store.tables import reports as reports_table
from tests.contract.store.contract import accept_one
from tests.contract.store.make import CLIENT, LEAD, MASTER_KEY, TENANT, again, back_message, part, submission
from tests.unit.backchannel.world import demo_config

TODAY = date(2030, 3, 1)
DUE, NOT_YET = TODAY - timedelta(days=1), TODAY
PDF = b"%PDF"


def named(number: int = 1) -> Part:
    return Part(number, "application/pdf", sha256(PDF).hexdigest(), PDF, "Ausweis Müller.pdf")


def due(**changes: Any) -> NewSubmission:
    return submission(**({"erase_after": DUE} | changes))


async def rows(store: SqlStore, table: Any, **columns: Any) -> list[Any]:
    async with store.read() as connection:
        statement = select(table).where(*(table.c[name] == value for name, value in columns.items()))
        return list((await connection.execute(statement)).all())


async def change(store: SqlStore, table: Any, **values: Any) -> None:
    async with store.write() as connection:
        await connection.execute(update(table).values(**values))


async def delivered(store: SqlStore, item: NewSubmission) -> Accepted:
    """Store a submission that every destination has taken."""
    accepted = await accept_one(store, item)
    await change(store, deliveries, state=DeliveryState.ACCEPTED)
    return accepted


async def case_of(store: SqlStore, accepted: Accepted) -> Case:
    async with store.read() as connection:
        case = await operators.fetch_case(connection, accepted.case_id, tenants=[TENANT])
    assert case is not None
    return case


async def post(store: SqlStore, case: Case) -> str:
    message = back_message()
    async with work_on(store, demo_config(), case.case_id, tenant=TENANT) as work:
        work.post(message)
    await change(store, deliveries, state=DeliveryState.ACCEPTED)
    return message.message_id


async def keep_report(store: SqlStore, accepted: Accepted, state: ReportState) -> None:
    report = Report(
        report_id=new_id(),
        type=ReportType.CASE_STATUS,
        destination=LEAD,
        case_id=accepted.case_id,
        case_sequence=7,
        created_at=accepted.received_at,
        body=b"<status/>",
    )
    async with work_on(store, demo_config(), accepted.case_id, tenant=TENANT) as work:
        work.register(report)
        work.mark(report, state, keep_body=True)
    async with store.write() as connection:
        kept = reports_table.c.report_id == report.report_id
        await connection.execute(update(reports_table).where(kept).values(erase_after=DUE))


async def run(store: SqlStore, tenant: str = TENANT, *, dry_run: bool = False) -> Erasure:
    return await erase(store, tenant, today=TODAY, dry_run=dry_run)


def counts(done: Erasure) -> dict[str, int]:
    return {name: count for name, count in asdict(done).items() if name != "tenant" and count}


class ErasureContract:
    """The suite; a subclass gives the fixture `address`."""

    @pytest.fixture
    async def store(self, address: str) -> AsyncIterator[SqlStore]:
        await asyncio.to_thread(migrate, address)
        store = SqlStore(address, master_key=MASTER_KEY)
        yield store
        await store.close()

    async def test_contents_and_names_go_when_due_and_digests_and_ids_stay(self, store: SqlStore) -> None:
        accepted = await delivered(store, due(parts=(part(), named(), part(b"{}", -1))))
        before = [await rows(store, table) for table in (events, deliveries)]
        assert counts(await run(store)) == {"messages": 1, "contents": 3}
        for row in await rows(store, payloads):
            assert (row.codec, row.key_id, row.body, row.file_name) == ("erased", None, b"", None)
            assert row.sha256
        (message,) = await rows(store, messages)
        assert message.erased_at is not None
        assert message.body_sha256 == part().sha256
        assert [await rows(store, table) for table in (events, deliveries)] == before
        async with store.read() as connection:
            with pytest.raises(PayloadErased):
                await reads.fetch_part(connection, store, accepted.submission_id, 1, tenant=TENANT)
            (listed,) = await reads.attachments(connection, store, accepted.submission_id, tenant=TENANT)
        assert (listed.sha256, listed.file_name) == (sha256(PDF).hexdigest(), None)
        assert counts(await run(store)) == {}

    async def test_resend_gets_the_first_result_when_its_contents_were_erased(self, store: SqlStore) -> None:
        item = due()
        first = await delivered(store, item)
        await run(store)
        same, other = await accept(store, [again(item)]), await accept(store, [again(item, digest="0" * 64)])
        for (result,) in (same, other):
            assert (result.submission_id, result.created) == (first.submission_id, False)
            assert result.digest == first.digest

    async def test_nothing_goes_on_the_last_day_of_its_retention(self, store: SqlStore) -> None:
        await delivered(store, submission(erase_after=NOT_YET))
        assert counts(await run(store)) == {}
        assert [row.codec for row in await rows(store, payloads)] == ["zstd+aes256gcm"]

    async def test_other_tenants_contents_stay(self, store: SqlStore) -> None:
        await delivered(store, due())
        await delivered(store, due(tenant="elsewhere"))
        assert counts(await run(store, "elsewhere")) == {"messages": 1, "contents": 1}
        assert {(row.tenant, row.codec) for row in await rows(store, payloads)} == {
            (TENANT, "zstd+aes256gcm"),
            ("elsewhere", "erased"),
        }

    @pytest.mark.parametrize("state", [DeliveryState.WAITING, DeliveryState.SENT, DeliveryState.FAILED])
    async def test_message_is_held_back_when_a_delivery_is_still_to_be_made(
        self, store: SqlStore, state: DeliveryState
    ) -> None:
        await accept_one(store, due())
        await change(store, deliveries, state=DeliveryState.ACCEPTED)
        async with store.write() as connection:
            await connection.execute(
                update(deliveries).where(deliveries.c.destination != LEAD).values(state=state)
            )
        assert counts(await run(store)) == {"undelivered": 1}
        assert [row.codec for row in await rows(store, payloads)] == ["zstd+aes256gcm"]

    async def test_letter_is_held_back_until_the_portal_has_taken_it_over(self, store: SqlStore) -> None:
        case = await case_of(store, await delivered(store, due()))
        letter = await post(store, case)
        assert counts(await run(store)) == {"messages": 1, "contents": 1, "uncollected": 1}
        async with store.write() as connection:
            assert await mailbox.collect(connection, store, CLIENT, letter)
        assert counts(await run(store)) == {"messages": 1, "contents": 1}

    async def test_case_is_kept_while_it_is_held_and_goes_when_it_was_released(self, store: SqlStore) -> None:
        accepted = await delivered(store, due())
        await keep_report(store, accepted, ReportState.REJECTED)
        case = await case_of(store, accepted)
        await holds.hold(store, case, "VG 4 K 17/26", operator="clerk")
        assert counts(await run(store)) == {"legal_hold": 2}
        (asked,) = await rows(store, findings)
        assert (asked.kind, asked.code, asked.resolved_at) == ("legal_hold", "VG 4 K 17/26", None)
        await holds.release(store, case, operator="chief")
        (asked,) = await rows(store, findings)
        assert asked.resolved_at is not None
        assert (asked.raised_by, asked.resolved_by) == ("clerk", "chief")
        assert counts(await run(store)) == {"messages": 1, "contents": 1, "reports": 1}

    async def test_numbers_and_contact_go_and_the_foreign_id_stays(self, store: SqlStore) -> None:
        case = await case_of(store, await delivered(store, due()))
        async with work_on(store, demo_config(), case.case_id, tenant=TENANT) as work:
            for kind, value in (("aktenzeichen", "17"), ("foreign_id", "4711"), ("contact", "Frau Muster")):
                work.add_reference(LEAD, kind, value)
        assert counts(await run(store)) == {"messages": 1, "contents": 1, "references": 2}
        async with store.read() as connection:
            left = await reads.readable_references(connection, store, case.case_id, tenant=TENANT)
        assert [(each.kind, each.value) for each in left] == [("foreign_id", "4711")]
        (erased,) = await rows(store, cases_table)
        assert erased.erased_at is not None

    async def test_why_an_operator_acted_goes_and_that_one_did_stays(self, store: SqlStore) -> None:
        accepted = await accept_one(store, due())
        (first, *_) = await rows(store, deliveries)
        by = By("betrieb", "Anruf von Frau Muster")
        await operations.cancel(store, demo_config(), first.delivery_id, by)
        await change(store, deliveries, state=DeliveryState.ACCEPTED)
        await run(store)
        (acted,) = await rows(store, actions, case_id=accepted.case_id)
        assert (acted.operator, acted.kind, acted.reason) == ("betrieb", "cancel", None)

    async def test_body_of_a_report_goes_but_not_of_one_that_is_still_to_be_applied(
        self, store: SqlStore
    ) -> None:
        accepted = await delivered(store, submission(erase_after=NOT_YET))
        await keep_report(store, accepted, ReportState.REJECTED)
        await keep_report(store, accepted, ReportState.PARKED)
        assert counts(await run(store)) == {"reports": 1, "undelivered": 1}
        kept = {
            row.state: (row.body is None, row.erased_at is None) for row in await rows(store, reports_table)
        }
        assert kept == {"rejected": (True, False), "parked": (False, True)}

    async def test_upload_goes_when_no_report_that_waits_may_name_it(self, store: SqlStore) -> None:
        accepted = await delivered(store, submission(erase_after=NOT_YET))
        upload = {"destination": LEAD, "tenant": TENANT, "media_type": "application/pdf"}
        await reports.put_document(store, **upload, sha256=sha256(PDF).hexdigest(), data=PDF)
        await change(store, documents, erase_after=DUE)
        await keep_report(store, accepted, ReportState.PARKED)
        assert counts(await run(store)) == {"undelivered": 2}
        await change(store, reports_table, state=ReportState.REJECTED)
        assert counts(await run(store)) == {"reports": 1, "documents": 1}
        assert await rows(store, documents) == []

    async def test_dry_run_counts_the_same_and_changes_nothing(self, store: SqlStore) -> None:
        accepted = await delivered(store, due(parts=(part(), named())))
        await keep_report(store, accepted, ReportState.REJECTED)
        tables = (messages, payloads, reports_table, cases_table)
        before = [await rows(store, table) for table in tables]
        asked = await run(store, dry_run=True)
        assert [await rows(store, table) for table in tables] == before
        assert counts(asked) == {"messages": 1, "contents": 2, "reports": 1}
        assert await run(store) == asked

    async def test_everything_due_goes_when_it_is_more_than_a_chunk(
        self, store: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(erasure, "CHUNK", 2)
        monkeypatch.setattr(erasure, "PAGE", 3)
        accepted = await accept(store, [due() for _ in range(8)])
        await change(store, deliveries, state=DeliveryState.ACCEPTED)
        for each in accepted[:5]:
            await keep_report(store, each, ReportState.REJECTED)
        async with store.write() as connection:
            held = messages.c.message_id == accepted[3].submission_id
            await connection.execute(update(messages).where(held).values(legal_hold=True))
        assert counts(await run(store)) == {"messages": 7, "contents": 7, "reports": 5, "legal_hold": 1}


class TestSqlite(ErasureContract):
    """SQLite."""

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'store.db'}"

    async def test_erased_bytes_are_overwritten_in_the_file(
        self, store: SqlStore, address: str, tmp_path: Path
    ) -> None:
        # Longer than a page: what is on pages of its own is not overwritten by chance.
        await delivered(store, due(body=os.urandom(20_000)))
        (payload,) = await rows(store, payloads)
        await run(store)
        await store.close()
        # So much of each page is certainly the content's.
        left = (tmp_path / "store.db").read_bytes()
        assert not any(payload.body[start : start + 64] in left for start in range(0, 20_000, 64))


class TestPostgres(ErasureContract):
    """PostgreSQL."""

    @pytest.fixture
    def address(self, postgresql_url: str) -> str:
        return postgresql_url

    async def test_case_that_is_being_worked_on_is_left_to_the_next_run(self, store: SqlStore) -> None:
        accepted = await delivered(store, due())
        async with store.write() as connection:
            await cases.lock(connection, accepted.case_id, tenant=TENANT)
            assert counts(await run(store)) == {}
        assert counts(await run(store)) == {"messages": 1, "contents": 1}
