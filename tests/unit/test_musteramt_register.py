import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters.musteramt.records import CaseChanged, Document, Kind, NewInbound, Outgoing, State, Subject
from adapters.musteramt.register import Register
from gateway.contract.ids import new_id
from gateway.contract.report import ReportType
from gateway.errors import StoreUnavailable

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def an_application(**changes):
    inbound = NewInbound(
        submission_id=new_id(),
        case_id=new_id(),
        kind=Kind.APPLICATION,
        subject=Subject.PARKING,
        service="99999000000001",
        authority="psw:01003110",
        reference=new_id(),
        message_type="xparken:1.0:bewohnerparken.antrag.0101",
        message_id=new_id(),
        test=False,
        lead=True,
        body=b"<a/>",
    )
    return replace(inbound, **changes)


def a_report(case_id, **changes):
    report = Outgoing(case_id=case_id, kind=ReportType.CASE_STATUS, body=b"<s/>", summary="Status")
    return replace(report, **changes)


def no_reports(case, new):
    return []


@pytest.fixture
async def register(tmp_path):
    register = Register(tmp_path / "register.db")
    await register.open()
    yield register
    await register.close()


async def record(register, inbound, acknowledge=no_reports, now=NOW):
    return await register.record(inbound, acknowledge, now=now)


async def test_file_numbers_count_up_per_prefix_and_year(register):
    numbers = [
        (await record(register, an_application())).aktenzeichen,
        (await record(register, an_application())).aktenzeichen,
        (await record(register, an_application(subject=Subject.TRADE))).aktenzeichen,
    ]

    assert numbers == ["PARK-2026-00001", "PARK-2026-00002", "GEW-2026-00001"]


async def test_file_number_has_the_german_year_when_utc_is_still_in_the_old_one(register):
    entry = await record(register, an_application(), now=datetime(2026, 12, 31, 23, 30, tzinfo=UTC))

    assert entry.aktenzeichen == "PARK-2027-00001"


async def test_record_returns_the_first_entry_when_a_submission_comes_again(register):
    inbound = an_application()

    first = await record(register, inbound, lambda case, new: [a_report(case.case_id)])
    again = await record(register, inbound, lambda case, new: [a_report(case.case_id)])

    assert again == first
    assert len(await register.list_inbounds(inbound.case_id)) == 1
    assert len(await register.list_pending()) == 1
    assert (await record(register, an_application())).aktenzeichen == "PARK-2026-00002"


async def test_record_gives_one_file_number_when_two_processes_race_for_one_submission(tmp_path):
    offices = [Register(tmp_path / "register.db") for _ in range(4)]
    for office in offices:
        await office.open()
    inbound = an_application()
    others = [an_application() for _ in range(8)]

    entries = await asyncio.gather(
        *(record(office, inbound) for office in offices for _ in range(5)),
        *(record(offices[n % 4], other) for n, other in enumerate(others)),
    )

    cases = await offices[0].list_cases()
    assert len(set(entries[:20])) == 1
    assert len(cases) == 9
    assert len({case.aktenzeichen for case in cases}) == 9
    for office in offices:
        await office.close()


async def test_record_leaves_nothing_when_composing_the_first_reports_fails(register):
    inbound = an_application()

    def fail(case, new):
        raise LookupError("no template")

    with pytest.raises(LookupError):
        await record(register, inbound, fail)

    assert await register.fetch_entry(inbound.submission_id) is None
    assert (await record(register, an_application())).aktenzeichen == "PARK-2026-00001"


async def test_fetch_entry_is_none_when_the_submission_never_came_in(register):
    assert await register.fetch_entry(new_id()) is None


async def test_follow_up_joins_its_case_and_puts_it_back_on_the_desk_when_it_answers(register):
    inbound = an_application()
    first = await record(register, inbound)
    case = await register.fetch_case(inbound.case_id)
    await register.act(case, [], state=State.ASKED, withdrawal_done=False, now=NOW)

    answer = an_application(case_id=inbound.case_id, kind=Kind.ANSWER, subject=Subject.OTHER)
    entry = await record(register, answer)

    case = await register.fetch_case(inbound.case_id)
    assert entry.aktenzeichen == first.aktenzeichen
    assert case.state is State.OPEN
    assert case.subject is Subject.PARKING
    assert [each.kind for each in await register.list_inbounds(case.case_id)] == [
        Kind.APPLICATION,
        Kind.ANSWER,
    ]


async def test_message_leaves_the_question_open_when_it_does_not_answer(register):
    inbound = an_application()
    await record(register, inbound)
    case = await register.fetch_case(inbound.case_id)
    await register.act(case, [], state=State.ASKED, withdrawal_done=False, now=NOW)

    await record(register, an_application(case_id=inbound.case_id, kind=Kind.MESSAGE))

    assert (await register.fetch_case(inbound.case_id)).state is State.ASKED


async def test_act_stores_nothing_when_the_case_was_changed_in_the_meantime(register):
    inbound = an_application()
    await record(register, inbound)
    seen = await register.fetch_case(inbound.case_id)
    await record(register, an_application(case_id=inbound.case_id, kind=Kind.MESSAGE))

    with pytest.raises(CaseChanged):
        await register.act(
            seen, [a_report(inbound.case_id)], state=State.DECIDED, withdrawal_done=False, now=NOW
        )

    assert await register.list_pending() == []
    assert (await register.fetch_case(inbound.case_id)).state is State.OPEN


async def test_pending_reports_survive_a_restart_with_ids_bytes_and_documents(tmp_path):
    path = tmp_path / "register.db"
    before = Register(path)
    await before.open()
    inbound = an_application()
    document = Document.pdf("bescheid.pdf", b"%PDF-1.4")
    report = a_report(inbound.case_id, documents=(document,))
    await record(before, inbound, lambda case, new: [report])
    await before.close()

    after = Register(path)
    await after.open()
    [pending] = await after.list_pending()

    assert (pending.report_id, pending.body) == (report.report_id, report.body)
    assert await after.list_documents(report.report_id) == [document]
    await after.mark_handed_over([report.report_id], now=NOW)
    assert await after.list_pending() == []
    await after.close()


async def test_unfinished_cases_are_those_open_or_with_a_withdrawal_to_confirm(register):
    open_case, copied, decided, withdrawn = (
        an_application(),
        an_application(lead=False),
        an_application(),
        an_application(),
    )
    for inbound in (open_case, copied, decided, withdrawn):
        await record(register, inbound)
    for inbound in (decided, withdrawn):
        case = await register.fetch_case(inbound.case_id)
        await register.act(case, [], state=State.DECIDED, withdrawal_done=False, now=NOW)
    await record(register, an_application(case_id=withdrawn.case_id, kind=Kind.WITHDRAWAL))

    assert await register.list_unfinished() == [open_case.case_id, withdrawn.case_id]


async def test_register_says_it_is_unavailable_when_its_disk_is_full(register):
    await register._transaction(lambda db: db.execute("PRAGMA max_page_count = 1"))

    with pytest.raises(StoreUnavailable, match="SQLITE_FULL"):
        await record(register, an_application(body=b"x" * 100_000))

    await register._transaction(lambda db: db.execute("PRAGMA max_page_count = 10000"))
    assert await register.list_cases() == []
    assert (await record(register, an_application())).aktenzeichen == "PARK-2026-00001"


async def test_register_file_is_readable_by_its_owner_only(register, tmp_path):
    assert (tmp_path / "register.db").stat().st_mode & 0o077 == 0


async def test_register_looks_nothing_up_by_reading_through_everything(register):
    """With 20,000 cases, what is asked at each delivery must cost what it costs with one."""
    asked: list[str] = []
    await register._transaction(lambda db: db.set_trace_callback(asked.append))
    inbound = an_application()
    await record(register, inbound, lambda case, new: [a_report(case.case_id)])
    case = await register.fetch_case(inbound.case_id)
    await register.list_inbounds(case.case_id)
    await register.list_outgoing(case.case_id)
    await register.act(case, [], state=State.DECIDED, withdrawal_done=False, now=NOW)
    [pending] = await register.list_pending()
    await register.list_documents(pending.report_id)
    await register.mark_handed_over([pending.report_id], now=NOW)
    await register._transaction(lambda db: db.set_trace_callback(None))

    queries = [query for query in asked if query.startswith(("SELECT", "UPDATE"))]
    steps = await register._transaction(
        lambda db: [row[3] for query in queries for row in db.execute(f"EXPLAIN QUERY PLAN {query}")]
    )
    assert len(queries) >= 8
    assert [step for step in steps if step.startswith("SCAN") and "reports_pending" not in step] == []
