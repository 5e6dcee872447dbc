"""What a destination's explicit refusal does: the only way in which an applicant is refused."""

import pytest
from lxml import etree

from gateway.contract.report import Refused, ReportType
from tests.contract.store.make import COPY, LEAD
from tests.unit.backchannel.world import World, catalogue, today_of

R = "{urn:amtsbote:xrueckkanal:1.0}"


async def rejection(world: World, number: int = 0) -> etree._Element:
    """Read a Rückweisung from the mailbox; it must be valid."""
    row = (await world.mailbox())[number]
    assert row.message_type == "xrueckkanal:1.0:rueckkanal.rueckweisung.1190"
    return catalogue().read(await world.body(row.message_id), today=today_of(world)).root


async def test_refusal_by_the_lead_reaches_the_mailbox_and_ends_the_case(world: World) -> None:
    submitted = await world.submit()
    await world.refused(await world.send_one(), "T070")
    assert (await world.states(submitted.submission_id))[LEAD] == "refused"
    assert await world.status(submitted.submission_id) == "refused"
    case = await world.case(submitted)
    assert (case.status, case.citizen_status) == ("refused", "ACTION_REQUIRED")
    root = await rejection(world)
    assert root.findtext(f"{R}rueckweisungsgrund/{R}grund/code") == "T070"
    text = root.findtext(f"{R}rueckweisungsgrund/{R}grundSpezifisch/{R}fehlerbeschreibung")
    assert text == "Das Fahrzeug ist nicht zugelassen."
    assert ("delivery.refused", "T070") in await world.events(submitted)
    assert await world.findings() == []


async def test_refusal_with_a_code_of_the_adapters_own_gives_the_published_other(world: World) -> None:
    await world.submit()
    await world.refused(await world.send_one(), "FV-0815")
    root = await rejection(world)
    assert root.findtext(f"{R}rueckweisungsgrund/{R}grund/code") == "S999"
    assert root.findtext(f"{R}rueckweisungsgrund/{R}grundSpezifisch/{R}fehlercode") == "FV-0815"


@pytest.mark.parametrize("text", [" ", "\u200b", "\x00"])
async def test_refusal_without_printable_reason_still_refuses(world: World, text: str) -> None:
    submitted = await world.submit()
    delivery = await world.send_one()
    await world.report(ReportType.DELIVERY_REFUSED, Refused(code="S999", reason=text), delivery)
    assert (await world.case(submitted)).status == "refused"
    assert await world.letters() == ["1190"]


async def test_refused_first_message_cancels_what_waits_behind_it_with_notice(world: World) -> None:
    first = await world.submit()
    delivery = await world.send_one()
    later = [await world.submit(case_id=first.case_id) for _ in range(2)]
    await world.refused(delivery)
    for each in later:
        assert await world.states(each.submission_id) == {LEAD: "cancelled", COPY: "cancelled"}
        assert await world.status(each.submission_id) == "cancelled"
    assert await world.letters() == ["1190"] * 3
    answered = [
        (await rejection(world, n)).findtext(f"{R}bezug/{{urn:amtsbote:xbasis:1.0}}bezugNachricht")
        for n in range(3)
    ]
    assert len(set(answered)) == 3
    assert None not in answered
    # The copies of the first are filed all the same, and so are the Rückweisungen, in the case's order.
    filed = []
    while got := await world.send(COPY):
        filed += [(each.case_seq, each.message_type[-4:]) for each in got]
        await world.accepted(got[0])
    assert filed == [(1, "0101"), (4, "1190"), (5, "1190"), (6, "1190")]
    assert await world.status(first.submission_id) == "refused"


async def test_refused_follow_up_leaves_case_and_neighbours(world: World) -> None:
    first = await world.submit()
    await world.accepted(await world.send_one())
    second = await world.submit(case_id=first.case_id)
    third = await world.submit(case_id=first.case_id)
    await world.refused(await world.send_one())
    assert (await world.case(first)).status == "open"
    assert await world.status(second.submission_id) == "refused"
    assert await world.letters() == ["1190"]
    delivery = await world.send_one()
    assert delivery.submission_id == third.submission_id


async def test_refusal_by_a_copy_is_a_failure_for_an_operator(world: World) -> None:
    submitted = await world.submit()
    await world.refused(await world.send_one(COPY))
    assert (await world.states(submitted.submission_id))[COPY] == "failed"
    finding = await world.finding()
    assert (finding.kind, finding.destination, finding.code) == ("delivery_failed", COPY, "copy_refused")
    assert await world.status(submitted.submission_id) == "failed"
    assert (await world.case(submitted)).status == "open"
    assert await world.letters() == []


async def test_submission_is_delivered_once_all_destinations_have_it(world: World) -> None:
    submitted = await world.submit()
    assert await world.status(submitted.submission_id) == "accepted"
    await world.accepted(await world.send_one(LEAD))
    assert await world.status(submitted.submission_id) == "accepted"
    await world.accepted(await world.send_one(COPY))
    assert await world.status(submitted.submission_id) == "delivered"
