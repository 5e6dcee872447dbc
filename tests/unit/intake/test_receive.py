"""Take submissions in: what refuses them, where they go, and that each is stored once."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import func, select

from gateway.config import Client, Config
from gateway.contract.ids import new_id
from gateway.errors import (
    AttachmentMismatch,
    DuplicateMessageId,
    IncompleteMetadata,
    MetadataMismatch,
    NoRoute,
    NotAuthorised,
    NotFound,
    Problem,
    SchemaViolation,
    StoreDeadlock,
    TrustLevelTooLow,
    Unavailable,
    VersionNotServed,
    WrongDirection,
)
from gateway.intake import Attachment, Metadata, commit
from gateway.intake.examine import read
from gateway.intake.metadata import Identification
from gateway.standards import Catalogue
from gateway.store.accept import accept
from gateway.store.tables import cases, deliveries, events, messages, payloads
from tests.contract.store.make import COPY, LEAD
from tests.unit.backchannel.world import Dialogue, World, blocked, running
from tests.unit.intake.portal import URKUNDE, Counter, answer, note, open_counter, order, sample, withdrawal

FILES = [
    Attachment(
        "Vollmacht Quandt.pdf", "application/pdf", (URKUNDE / "anlagen/vollmacht-quandt.pdf").read_bytes()
    ),
    Attachment("Ausweis.png", "image/png", (URKUNDE / "anlagen/ausweis-quandt.png").read_bytes()),
]


@pytest.fixture
async def counter(world: World) -> AsyncIterator[Counter]:
    async with open_counter(world) as counter:
        yield counter


async def stored(world: World) -> int:
    rows = [
        await world.rows(select(func.count()).select_from(table)) for table in (messages, cases, payloads)
    ]
    return sum(count for ((count,),) in rows)


# --- storing


async def test_receipt_is_for_what_is_stored_as_received(world: World, counter: Counter) -> None:
    body = order()
    receipt = await counter.receive(body)
    assert (receipt.created, receipt.status, receipt.received_at) == (True, "accepted", world.clock.now())
    assert receipt.sha256 == sha256(body).hexdigest()
    assert await world.body(receipt.submission_id) == body
    assert await world.states(receipt.submission_id) == {LEAD: "waiting", COPY: "waiting"}
    case = await world.case(receipt)
    # Musterstadt declares the gateway its receiving office.
    assert (case.status, case.citizen_status) == ("open", "RECEIVED")
    (row,) = await world.rows(select(messages))
    assert (row.service, row.authority, row.tenant, row.channel) == (
        "99900000000101",
        "psw:99101000",
        "musterstadt",
        "online",
    )
    assert row.applied_on.isoformat() == "2026-03-02"
    assert (row.erase_after - world.clock.now().date()).days >= 364


async def test_resend_gives_the_first_receipt_and_stores_nothing(world: World, counter: Counter) -> None:
    body = order()
    first = await counter.receive(body)
    before = await stored(world)
    world.clock.advance(hours=1)
    second = await counter.receive(body)
    assert (second.submission_id, second.case_id, second.received_at, second.created) == (
        first.submission_id,
        first.case_id,
        first.received_at,
        False,
    )
    assert await stored(world) == before


async def test_resend_gives_the_first_receipt_when_the_route_is_gone_since(
    world: World, counter: Counter
) -> None:
    body = order()
    first = await counter.receive(body)
    async with open_counter(world, _without_certificates(world.config)) as later:
        again = await later.receive(body)
        with pytest.raises(NoRoute):
            await later.receive(order())
    assert replace(again, created=True) == first
    assert again.created is False


async def test_resend_gives_the_first_receipt_on_a_day_when_its_version_is_not_served(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = order()
    first = await counter.receive(body)
    monkeypatch.setattr(sys.modules[read.__module__], "today", lambda: date(2025, 6, 1))
    again = await counter.receive(body)
    assert replace(again, created=True) == first
    assert again.created is False
    for other in (body.replace(b"</", b" </", 1), order()):
        with structlog.testing.capture_logs() as logs, pytest.raises(VersionNotServed):
            await counter.receive(other)
        assert {"event": "version_not_served", "client": "demo-portal", "log_level": "warning"} in logs


def _without_certificates(config: Config) -> Config:
    stated = config.model_dump()
    routes = [route for route in stated["routes"] if "99900000000101" not in route["services"]]
    return Config.model_validate(stated | {"routes": routes})


async def test_resends_at_the_same_moment_are_stored_once(world: World, counter: Counter) -> None:
    body = order()
    receipts = await asyncio.gather(*(counter.receive(body) for _ in range(10)))
    assert len({each.submission_id for each in receipts}) == 1
    assert [each.created for each in receipts].count(True) == 1


async def test_same_id_with_other_bytes_is_refused_with_a_link_to_the_first(counter: Counter) -> None:
    message_id = new_id()
    first = await counter.receive(order(message_id=message_id))
    with pytest.raises(DuplicateMessageId) as refused:
        await counter.receive(order(message_id=message_id))
    assert refused.value.link == f"/v1/submissions/{first.submission_id}"


async def test_same_bytes_with_another_attachment_are_other_bytes(counter: Counter) -> None:
    body = order("03-bevollmaechtigter")
    await counter.receive(body, files=FILES)
    receipt = await counter.receive(body, files=FILES[::-1])  # their order does not matter
    assert not receipt.created
    with pytest.raises(AttachmentMismatch):
        await counter.receive(body, files=FILES[:1])


async def test_refused_message_does_not_burn_its_id(counter: Counter) -> None:
    message_id = new_id()
    with pytest.raises(SchemaViolation):
        await counter.receive(order("01-vornamen-fehlen", message_id=message_id))
    assert (await counter.receive(order(message_id=message_id))).created


async def test_clients_may_use_the_same_message_id(counter: Counter) -> None:
    message_id, area = new_id(), Metadata(authority="psw:99101000")
    first = await counter.receive(order(message_id=message_id), area)
    neighbour = Client.model_validate(
        {"id": "neighbour", "name": "Nachbarportal", "grants": [{"tenant": "musterstadt"}]}
    )
    second = await counter.receive(order(message_id=message_id), client=neighbour)
    assert second.created
    assert first.case_id != second.case_id


@pytest.mark.parametrize("name", ["01-vornamen-fehlen", "12-nicht-wohlgeformt", "14-doctype"])
async def test_refused_message_leaves_nothing_behind(world: World, counter: Counter, name: str) -> None:
    with pytest.raises(Problem) as refused:
        await counter.receive(sample(name))
    assert refused.value.status in {400, 422}
    assert await stored(world) == 0


# --- metadata against the header


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message_id", "another"),
        ("service", "99900000000102"),
        ("authority", "psw:99102101"),
        ("case_ref", "another"),
        ("applied_on", "2026-03-03"),
        ("channel", "mail"),
    ],
)
async def test_metadata_that_contradict_the_message_are_refused_by_name(
    world: World, counter: Counter, field: str, value: str
) -> None:
    with pytest.raises(MetadataMismatch) as refused:
        await counter.receive(order(), Metadata.model_validate({field: value}))
    assert [field in each.message.en for each in refused.value.findings] == [True]
    assert value not in str([each.model_dump() for each in refused.value.findings])
    assert await stored(world) == 0


async def test_metadata_that_contradict_the_message_are_told_with_its_own_faults(counter: Counter) -> None:
    body = order().replace(b"<u:anzahl>", b"<u:anzahl>x", 1)
    with pytest.raises(SchemaViolation) as refused:
        await counter.receive(body, Metadata(authority="psw:99102101", channel="mail"))
    assert [(each.code, each.path.rpartition("/")[2]) for each in refused.value.findings] == [
        ("S999", "code"),
        ("S999", "kennung"),
        ("X001", "u:anzahl"),
    ]


HEADERLESS = """
standard: zettel
version: "1.0"
title: {de: Zettel, en: Note}
namespace: urn:example:zettel
valid_from: 2020-01-01
schemas: [zettel.xsd]
message_types: [{name: zettel, root: zettel, direction: in, title: {de: Zettel, en: Note}}]
"""
ANYTHING = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:example:zettel">
<xs:element name="zettel"/></xs:schema>"""


async def test_all_that_neither_message_nor_metadata_state_is_told_at_once(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "standard.yaml").write_text(HEADERLESS, "utf-8")
    (tmp_path / "zettel.xsd").write_text(ANYTHING, "utf-8")
    body = b'<zettel xmlns="urn:example:zettel"/>'
    async with open_counter(world, standards=Catalogue.load([tmp_path])) as counter:
        with pytest.raises(IncompleteMetadata) as refused:
            await counter.receive(body)
        assert "contradict" not in refused.value.title.en
        assert [each.path for each in refused.value.findings] == [
            "metadata/message_id",
            "metadata/service",
            "metadata/authority",
        ]
        with pytest.raises(NoRoute):
            await counter.receive(
                body, Metadata(message_id="1", service="99900000000101", authority="psw:99101000")
            )


async def test_metadata_that_repeat_the_message_are_taken_and_kept(world: World, counter: Counter) -> None:
    stated = Metadata(service="99900000000101", authority="psw:99101000", channel="online", recorded_by="K7")
    receipt = await counter.receive(order(), stated)
    assert Metadata.model_validate_json(await world.body(receipt.submission_id, -1)) == stated


async def test_authority_that_is_not_responsible_in_the_area_is_refused(counter: Counter) -> None:
    with pytest.raises(NoRoute, match="Responsible there is psw:99102101"):
        await counter.receive(order(), Metadata(ars="991020003003"))


async def test_service_that_is_not_offered_is_refused(counter: Counter) -> None:
    body = order().replace(b"99900000000101", b"99999999999999")
    with pytest.raises(NoRoute, match="Offered: 99900000000101 Personenstandsurkunde") as refused:
        await counter.receive(body)
    assert "99999999999999" not in str(refused.value.findings)


# --- who may, and how far a person is known


async def test_client_without_a_grant_for_the_tenant_is_refused(world: World, counter: Counter) -> None:
    with pytest.raises(NotAuthorised):
        await counter.receive(order(), client="demo-portal-zwei")
    assert await stored(world) == 0


@pytest.mark.parametrize(
    "grant",
    [
        {"tenant": "musterstadt", "scopes": ["read", "mailbox"]},
        {"tenant": "musterstadt", "services": ["99900000000102"]},
    ],
)
async def test_grant_for_something_else_is_not_enough(counter: Counter, grant: dict[str, object]) -> None:
    client = Client.model_validate({"id": "narrow", "name": "Portal", "grants": [grant]})
    with pytest.raises(NotAuthorised):
        await counter.receive(order(), client=client)


@pytest.fixture
async def strict_counter(world: World) -> AsyncIterator[Counter]:
    """A counter where certificates need a substantial trust level."""
    data = world.config.model_dump()
    for service in data["services"]:
        service["trust_level"] = "substantial"
    async with open_counter(world, Config.model_validate(data)) as counter:
        yield counter


@pytest.mark.parametrize("levels", [[], ["none"], ["low"]])
async def test_trust_level_that_is_too_low_is_refused(strict_counter: Counter, levels: list[str]) -> None:
    given = [Identification(means="eID", trust_level=level) for level in levels]
    with pytest.raises(TrustLevelTooLow):
        await strict_counter.receive(order(), Metadata(identifications=tuple(given)))


@pytest.mark.parametrize("levels", [["substantial"], ["high"], ["low", "substantial"]])
async def test_highest_trust_level_given_counts(strict_counter: Counter, levels: list[str]) -> None:
    given = [Identification(means="eID", trust_level=level) for level in levels]
    assert (await strict_counter.receive(order(), Metadata(identifications=tuple(given)))).created


# --- test messages


async def test_test_message_goes_to_test_destinations_only(world: World, counter: Counter) -> None:
    receipt = await counter.receive(order("06-testnachricht"))
    assert await world.states(receipt.submission_id) == {"musteramt-test": "waiting", "dms-test": "waiting"}
    assert receipt.test


async def test_test_client_posts_test_messages_only(counter: Counter) -> None:
    with pytest.raises(NoRoute):
        await counter.receive(order(), client="demo-portal-test")
    assert (await counter.receive(order("06-testnachricht"), client="demo-portal-test")).created


async def test_test_message_joins_test_cases_only(counter: Counter) -> None:
    real = await counter.receive(order())
    with pytest.raises(NoRoute):
        await counter.receive(note(real.case_id, test=True))
    rehearsal = await counter.receive(order("06-testnachricht"))
    with pytest.raises(NoRoute):
        await counter.receive(note(rehearsal.case_id))


# --- attachments


async def test_attachments_are_matched_by_digest_and_stored_in_order(world: World, counter: Counter) -> None:
    receipt = await counter.receive(order("03-bevollmaechtigter"), files=FILES)
    assert [await world.body(receipt.submission_id, n) for n in (1, 2)] == [each.data for each in FILES]


async def test_attachments_that_the_message_does_not_name_so_are_refused(
    world: World, counter: Counter
) -> None:
    body = order("03-bevollmaechtigter")
    with pytest.raises(AttachmentMismatch) as refused:
        await counter.receive(body, files=FILES[:1])
    assert refused.value.code == "S020"
    (finding,) = refused.value.findings
    assert (finding.code, finding.path) == ("S020", "/u:urkunde.anforderung.0101/u:anlage[2]")
    assert finding.line
    assert body.splitlines()[finding.line - 1].strip() == b"<u:anlage>"
    assert await stored(world) == 0


# --- cases


async def test_message_joins_by_case_id(world: World, counter: Counter) -> None:
    first = await counter.receive(order())
    second = await counter.receive(note(first.case_id))
    assert second.case_id == first.case_id
    assert await world.states(second.submission_id) == {LEAD: "waiting", COPY: "waiting"}


async def test_message_joins_by_the_portals_reference(counter: Counter) -> None:
    reference = new_id()
    first = await counter.receive(order(reference=reference))
    assert (await counter.receive(note(reference))).case_id == first.case_id


async def test_message_joins_by_the_id_of_an_earlier_message(counter: Counter) -> None:
    message_id = new_id()
    first = await counter.receive(order(message_id=message_id))
    assert (await counter.receive(note(message_id))).case_id == first.case_id


async def test_application_joins_by_the_id_of_an_earlier_message_too(counter: Counter) -> None:
    message_id = new_id()
    first = await counter.receive(order(message_id=message_id))
    assert (await counter.receive(order(reference=message_id))).case_id == first.case_id


async def test_application_that_repeats_the_portals_reference_opens_a_case_of_its_own(
    counter: Counter,
) -> None:
    reference = new_id()
    first = await counter.receive(order(reference=reference))
    second = await counter.receive(order(reference=reference))
    assert first.case_id != second.case_id
    with pytest.raises(NoRoute):  # which of the two is meant cannot be known
        await counter.receive(note(reference))


async def test_message_of_no_known_case_is_refused(counter: Counter) -> None:
    with pytest.raises(NoRoute, match="/v1/cases/"):
        await counter.receive(note(new_id()))


async def test_case_of_another_client_is_not_there(counter: Counter) -> None:
    reference = new_id()
    first = await counter.receive(order(reference=reference))
    stranger = Client.model_validate(
        {"id": "stranger", "name": "Fremdes Portal", "grants": [{"tenant": "musterstadt"}]}
    )
    for named in (first.case_id, reference):
        with pytest.raises(NoRoute):
            await counter.receive(note(named), client=stranger)
    with pytest.raises(NotFound):
        await counter.receive(note(first.case_id), client=stranger, case_id=first.case_id)


async def test_message_to_a_case_must_agree_with_it(counter: Counter) -> None:
    first = await counter.receive(order())
    with pytest.raises(MetadataMismatch):
        await counter.receive(note(first.case_id), Metadata(service="99900000000102"))
    with pytest.raises(MetadataMismatch):
        await counter.receive(note(first.case_id), Metadata(authority="psw:99101001"))


async def test_message_that_refers_to_another_case_than_it_is_posted_to_is_refused(counter: Counter) -> None:
    references = [new_id(), new_id()]
    one, other = [await counter.receive(order(reference=each)) for each in references]
    for named in (other.case_id, references[1], other.sender_message_id):
        with pytest.raises(MetadataMismatch):
            await counter.receive(note(named), case_id=one.case_id)
    for named in (one.case_id, references[0], one.sender_message_id, new_id()):
        assert (await counter.receive(note(named), case_id=one.case_id)).case_id == one.case_id


async def test_answer_with_documents_joins_and_carries_them(world: World, counter: Counter) -> None:
    first = await counter.receive(order())
    receipt = await counter.receive(answer(first.case_id, FILES), files=FILES)
    assert await world.body(receipt.submission_id, 2) == FILES[1].data


async def test_message_from_authorities_to_applicants_cannot_be_submitted(counter: Counter) -> None:
    with pytest.raises(WrongDirection) as refused:
        await counter.receive(order("08-ergebnis-ausgestellt"))
    (finding,) = refused.value.findings
    assert finding.path == "/u:urkunde.ergebnis.0102"
    assert finding.line
    assert refused.value.message_type == "xurkunde:1.1:urkunde.ergebnis.0102"
    assert refused.value.rejections.keys() == {"S999"}
    assert "unbekannt" not in refused.value.title.de


async def test_withdrawal_is_recognised_and_ends_a_case_nobody_has_seen(
    world: World, counter: Counter
) -> None:
    first = await counter.receive(order())
    receipt = await counter.receive(withdrawal(first.case_id))
    assert (await world.case(first)).status == "withdrawn"
    assert receipt.status == "delivered"


async def test_applicant_may_send_a_message_after_the_decision(world: World, counter: Counter) -> None:
    first = await counter.receive(order())
    await world.accepted(await world.send_one())
    await Dialogue(world, first).decide()
    objection = await counter.receive(note(first.case_id))
    assert (await world.send_one()).submission_id == objection.submission_id
    assert (await world.case(first)).status == "decided"


async def test_order_of_a_case_is_that_of_receipt(world: World, counter: Counter) -> None:
    first = await counter.receive(order())
    sent = [first, *[await counter.receive(note(first.case_id)) for _ in range(3)]]
    arrived = []
    while got := await world.send():
        (delivery,) = got
        arrived.append(delivery.submission_id)
        await world.accepted(delivery)
    assert arrived == [each.submission_id for each in sent]
    (row,) = await world.rows(
        select(func.count()).select_from(deliveries).where(deliveries.c.state == "accepted")
    )
    assert row[0] == 4


# --- group commit


async def test_queue_that_is_full_is_unavailable_and_says_when_to_come_again(world: World) -> None:
    async with open_counter(world, commit_queue=2, commit_batch=1) as counter:
        bodies = [order() for _ in range(12)]
        results = await asyncio.gather(*map(counter.receive, bodies), return_exceptions=True)
        refused = [each for each in results if isinstance(each, Unavailable)]
        assert refused
        assert all(each.retry_after_s for each in refused)
        taken = [each for each in results if not isinstance(each, BaseException)]
        assert len(taken) + len(refused) == 12
        # A resend is safe, whatever the first answer was.
        for body in bodies:
            await counter.receive(body)
    (row,) = await world.rows(select(func.count()).select_from(messages))
    assert row[0] == 12


@pytest.mark.parametrize(("deadlocks", "stored_in_the_end"), [(1, True), (2, False)])
async def test_deadlock_is_run_again_once(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, deadlocks: int, stored_in_the_end: bool
) -> None:
    tries = []

    async def accept_in_the_end(*given: Any) -> Any:
        tries.append(given)
        if len(tries) <= deadlocks:
            raise StoreDeadlock
        return await accept(*given)

    monkeypatch.setattr(commit, "accept", accept_in_the_end)
    (result,) = await asyncio.gather(counter.receive(order()), return_exceptions=True)
    assert len(tries) == 2
    assert isinstance(result, Unavailable) is not stored_in_the_end


async def test_submission_that_cannot_be_stored_fails_alone(world: World, counter: Counter) -> None:
    bad = [Attachment("Ausweis \udcff.png", "image/png", FILES[1].data), FILES[0]]
    results = await asyncio.gather(
        counter.receive(order()),
        counter.receive(order("03-bevollmaechtigter"), files=bad),
        counter.receive(order()),
        return_exceptions=True,
    )
    assert [isinstance(each, Exception) for each in results] == [False, True, False]


async def test_store_that_is_away_is_unavailable_and_a_resend_is_stored_once(address: str) -> None:
    async with running(address, store_timeout_s=0.3) as world, open_counter(world) as counter:
        body = order()
        async with blocked(address):
            with pytest.raises(Unavailable):
                await counter.receive(body)
        receipt = await counter.receive(body)
        assert receipt.created
        assert not (await counter.receive(body)).created


async def test_every_submission_has_its_event(world: World, counter: Counter) -> None:
    await asyncio.gather(*(counter.receive(order()) for _ in range(5)))
    kinds = await world.rows(select(events.c.kind))
    assert [row.kind for row in kinds] == ["submission.accepted"] * 5
