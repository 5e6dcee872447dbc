"""The sample office between a gateway in memory and its register: what comes in, and what goes back."""

import asyncio
import io
from datetime import UTC, datetime

import pytest
from pypdf import PdfReader

from adapters.kit.testing import GatewayDouble, sample_delivery
from adapters.musteramt import Musteramt
from gateway.contract.report import Accepted, Failed, FailureKind, Reference, Refused, ReportType
from gateway.contract.states import Role
from gateway.xml import rueckkanal
from gateway.xml.rueckkanal import Answer, Head, Party
from gateway.xml.rueckkanal import Reference as CaseReference
from tests.unit.musteramt_samples import (
    CERTIFICATES,
    PARKING,
    TRADE,
    ZONES,
    certificate,
    foreign_vehicle,
    parking,
    trade,
    valid,
)

BASIS = "§ 1 der Mustersatzung"
AUTOMATED = {"automation_basis": BASIS, "zones": ZONES}
SCRIPTED = AUTOMATED | {"scripted_clerk": True, "clerk_delay_s": 0}
NAMES = {"r": "urn:amtsbote:xrueckkanal:1.0", "b": "urn:amtsbote:xbasis:1.0"}


@pytest.fixture
async def gateway():
    async with GatewayDouble() as gateway:
        yield gateway


@pytest.fixture
async def work(gateway, tmp_path):
    """Start the office with options; stopped at the end of the test."""
    runners = []

    async def start(options):
        runner = gateway.runner(Musteramt, tmp_path, options=options)
        await runner.start()
        runners.append(runner)
        return runner

    yield start
    for runner in runners:
        await runner.stop()


def of(gateway, case_id, kind=None):
    return [each for each in gateway.reports if each.case_id == case_id and kind in (None, each.type)]


async def decision(gateway, case_id):
    return valid((await gateway.report(ReportType.CASE_DECISION, case_id=case_id)).body)


def value(root, path):
    return root.xpath(f"string({path})", namespaces=NAMES)


def follow_up(write, *, reference, **fields):
    head = Head(
        author=Party("DVDV", "psw:99100000", "Serviceportal Musterland"),
        reader=Party("DVDV", "psw:99101001", "Verkehrsbehörde Musterstadt"),
        created_at=datetime(2026, 11, 24, 8, 0, tzinfo=UTC),
    )
    return write(head=head, reference=CaseReference(reference), **fields)


async def answer_query(gateway, delivery):
    query = valid((await gateway.report(ReportType.CASE_QUERY, case_id=delivery.case_id)).body)
    body = follow_up(
        rueckkanal.antwort,
        reference=value(query, "r:bezug/b:referenz"),
        answers=[Answer(value(query, "r:befund/r:id"), "Die Bestätigung liegt bei.")],
    )
    await gateway.deliver(body, case_id=delivery.case_id, case_seq=2, service=delivery.service)
    return query


async def test_first_message_is_accepted_with_file_number_and_tells_it_before_the_status(gateway, work):
    await work({})

    delivery = await gateway.deliver(foreign_vehicle(), service=PARKING)

    accepted = Accepted.model_validate_json((await gateway.report(ReportType.DELIVERY_ACCEPTED)).body)
    reference = Reference.model_validate_json((await gateway.report(ReportType.CASE_REFERENCE)).body)
    status = valid((await gateway.report(ReportType.CASE_STATUS)).body)
    assert accepted.reference == reference.aktenzeichen
    assert accepted.reference.startswith("PARK-20")
    assert value(status, "r:code/code") == "PROCESSING"
    assert value(status, "r:bezug/b:vorgang") == accepted.reference
    sequences = [each.case_sequence for each in of(gateway, delivery.case_id) if each.case_sequence]
    assert sequences == [1, 2]


async def test_submission_gets_one_file_number_when_it_is_delivered_again_under_another_delivery(
    gateway, work
):
    await work({})
    first = await gateway.deliver(foreign_vehicle(), service=PARKING)
    first_accepted = await gateway.report(ReportType.DELIVERY_ACCEPTED)

    await gateway.deliver(
        first.body, submission_id=first.submission_id, case_id=first.case_id, service=PARKING
    )

    second_accepted = await gateway.report(ReportType.DELIVERY_ACCEPTED, count=2)
    assert second_accepted.body == first_accepted.body
    assert len(of(gateway, first.case_id, ReportType.CASE_REFERENCE)) == 1


async def test_find_knows_what_was_entered_and_nothing_else(gateway, work):
    runner = await work({})
    entered = await gateway.deliver(foreign_vehicle(), service=PARKING)
    accepted = Accepted.model_validate_json((await gateway.report(ReportType.DELIVERY_ACCEPTED)).body)

    assert await runner.adapter.find(entered) == accepted
    assert await runner.adapter.find(sample_delivery()) is None


async def test_rules_grant_a_plain_application_with_letter_and_permit(gateway, work):
    await work(AUTOMATED)

    delivery = await gateway.deliver(parking(), service=PARKING)

    root = await decision(gateway, delivery.case_id)
    assert value(root, "r:tenor") == "bewilligt"
    assert value(root, "r:automatisiert") == "true"
    assert value(root, "r:bekanntgabe/r:art/code") == "abruf"
    assert value(root, "r:rechtsbehelf/r:frist/b:rechtsgrundlage") == "§ 70 VwGO"
    digests = root.xpath("r:anlage/b:sha256/text()", namespaces=NAMES)
    letter = PdfReader(io.BytesIO(gateway.uploads[digests[0]])).pages[0].extract_text()
    assert "Łucja Şahin-Čović" in letter
    assert f"§ 35a VwVfG; {BASIS}" in letter
    permit = valid((await gateway.report(ReportType.CASE_MESSAGE, case_id=delivery.case_id)).body)
    assert value(permit, "*[local-name()='anlage']/b:sha256") == digests[1]
    assert digests[1] in gateway.uploads


async def test_scripted_clerk_asks_for_what_is_missing_and_grants_after_the_answer(gateway, work):
    await work(SCRIPTED)
    delivery = await gateway.deliver(foreign_vehicle(), service=PARKING)

    query = await answer_query(gateway, delivery)

    assert value(query, "r:befund/r:verlangteAnlageart/code") == "ueberlassung"
    root = await decision(gateway, delivery.case_id)
    assert value(root, "r:tenor") == "bewilligt"
    assert value(root, "r:automatisiert") == "false"
    kinds = [each.type for each in of(gateway, delivery.case_id) if not each.type.is_delivery]
    assert kinds == [
        ReportType.CASE_REFERENCE,
        ReportType.CASE_STATUS,
        ReportType.CASE_QUERY,
        ReportType.CASE_STATUS,
        ReportType.CASE_MESSAGE,
        ReportType.CASE_DECISION,
    ]


async def test_scripted_clerk_goes_on_after_a_restart_when_the_answer_came_before_it(gateway, work, tmp_path):
    first = await work(AUTOMATED)
    delivery = await gateway.deliver(foreign_vehicle(), service=PARKING)
    await gateway.report(ReportType.CASE_STATUS, case_id=delivery.case_id)
    await first.stop()

    await work(SCRIPTED)

    await answer_query(gateway, delivery)
    assert value(await decision(gateway, delivery.case_id), "r:tenor") == "bewilligt"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_scripted_clerk_issues_certificates_in_the_version_of_the_order(gateway, work, version):
    await work(SCRIPTED)

    delivery = await gateway.deliver(certificate(version=version), service=CERTIFICATES)

    assert value(await decision(gateway, delivery.case_id), "r:art") == "ausgestellt"
    result = valid((await gateway.report(ReportType.CASE_MESSAGE, case_id=delivery.case_id)).body)
    assert result.get("version") == version
    assert value(result, "*[local-name()='gebuehr']/*[local-name()='betrag']") == "24.00"


async def test_scripted_clerk_asks_for_proof_when_a_relative_orders_a_certificate(gateway, work):
    await work(SCRIPTED)
    delivery = await gateway.deliver(certificate(relation="geschwister"), service=CERTIFICATES)

    query = await answer_query(gateway, delivery)

    assert value(query, "r:befund/r:verlangteAnlageart/code") == "nachweis-verwandtschaft"
    assert value(await decision(gateway, delivery.case_id), "r:art") == "ausgestellt"


async def test_scripted_clerk_certifies_a_business_notice(gateway, work):
    await work(SCRIPTED)

    delivery = await gateway.deliver(trade(), service=TRADE)

    assert value(await decision(gateway, delivery.case_id), "r:art") == "erledigt"
    receipt = valid((await gateway.report(ReportType.CASE_MESSAGE, case_id=delivery.case_id)).body)
    letter = gateway.uploads[value(receipt, "*[local-name()='anlage']/b:sha256")]
    assert "Bäckerei Öztürk" in PdfReader(io.BytesIO(letter)).pages[0].extract_text()


async def test_withdrawal_ends_an_undecided_case_without_a_decision(gateway, work):
    await work(SCRIPTED)
    delivery = await gateway.deliver(foreign_vehicle(), service=PARKING)
    await gateway.report(ReportType.CASE_QUERY, case_id=delivery.case_id)

    body = follow_up(rueckkanal.antragsruecknahme, reference=delivery.case_id)
    await gateway.deliver(body, case_id=delivery.case_id, case_seq=2, service=PARKING)

    receipt = valid((await gateway.report(ReportType.CASE_MESSAGE, case_id=delivery.case_id)).body)
    assert value(receipt, "r:akzeptiert") == "true"
    assert of(gateway, delivery.case_id, ReportType.CASE_DECISION) == []


async def test_withdrawal_comes_too_late_for_a_decided_case(gateway, work):
    await work(SCRIPTED)
    delivery = await gateway.deliver(parking(), service=PARKING)
    await decision(gateway, delivery.case_id)

    body = follow_up(rueckkanal.antragsruecknahme, reference=delivery.case_id)
    await gateway.deliver(body, case_id=delivery.case_id, case_seq=2, service=PARKING)

    report = await gateway.report(ReportType.CASE_MESSAGE, case_id=delivery.case_id, count=2)
    assert value(valid(report.body), "r:akzeptiert") == "false"
    assert len(of(gateway, delivery.case_id, ReportType.CASE_DECISION)) == 1


async def test_copy_for_information_is_entered_and_sends_nothing_about_the_case(gateway, work):
    await work(SCRIPTED)

    copied = await gateway.deliver(parking(), service=PARKING, role=Role.COPY)
    await gateway.report(ReportType.DELIVERY_ACCEPTED, case_id=copied.case_id)
    led = await gateway.deliver(parking(), service=PARKING)
    await decision(gateway, led.case_id)

    assert [each.type for each in of(gateway, copied.case_id)] == [ReportType.DELIVERY_ACCEPTED]


async def test_everything_sent_about_a_test_message_is_marked_as_a_test(gateway, work):
    await work(SCRIPTED)

    delivery = await gateway.deliver(parking(test=True), service=PARKING, test=True)
    await decision(gateway, delivery.case_id)

    written = [each for each in of(gateway, delivery.case_id) if each.type.value.startswith("case.")]
    marks = {valid(each.body).get("test") for each in written if each.body.startswith(b"<?xml")}
    assert marks == {"true"}


async def test_message_of_a_foreign_standard_is_concluded_under_the_gateways_case_id(gateway, work):
    await work(SCRIPTED)

    delivery = await gateway.deliver(b'<s:anmeldung xmlns:s="urn:schule"><name>A</name></s:anmeldung>')

    root = await decision(gateway, delivery.case_id)
    assert value(root, "r:bezug/b:referenz") == delivery.case_id
    assert value(root, "nachrichtenkopf.g2g/autor/kennung") == delivery.authority


async def test_letter_post_is_the_way_when_there_is_no_consent(gateway, work):
    await work(AUTOMATED)

    delivery = await gateway.deliver(parking(consent=""), service=PARKING)

    assert value(await decision(gateway, delivery.case_id), "r:bekanntgabe/r:art/code") == "brief"


async def test_service_of_another_office_is_refused_by_the_option(gateway, work):
    await work({"refuse_services": [PARKING]})

    await gateway.deliver(parking(), service=PARKING)

    refused = Refused.model_validate_json((await gateway.report(ReportType.DELIVERY_REFUSED)).body)
    assert refused.code == "S999"


async def test_message_that_cannot_be_read_fails_and_refuses_nobody(gateway, work):
    await work({})

    await gateway.deliver(b"no xml", service=PARKING)

    failed = Failed.model_validate_json((await gateway.report(ReportType.DELIVERY_FAILED)).body)
    assert failed.kind is FailureKind.PERMANENT
    assert "MalformedXml" in failed.reason


async def test_attachments_are_kept_with_the_message_they_came_with(gateway, work, tmp_path):
    runner = await work({})
    delivery = await gateway.deliver(
        foreign_vehicle(), service=PARKING, attachments={"schein.pdf": b"%PDF-1.4 schein"}
    )
    await gateway.report(ReportType.DELIVERY_ACCEPTED)

    [document] = await runner.adapter._register.list_documents(delivery.submission_id)

    assert (document.file_name, document.data) == ("schein.pdf", b"%PDF-1.4 schein")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"page_port": 70000}, "page_port"),
        ({"automation_basis": ""}, "automation_basis"),
        ({"zone": {}}, "zone"),
    ],
)
async def test_check_config_names_the_option_that_is_wrong(gateway, tmp_path, options, word):
    adapter = gateway.runner(Musteramt, tmp_path, options=options).adapter

    assert [sentence for sentence in adapter.check_config() if sentence.startswith(word)]


async def test_many_cases_are_decided_at_the_same_time(gateway, work):
    await work(SCRIPTED)
    bodies = [(parking(), PARKING), (certificate(), CERTIFICATES), (trade(), TRADE)] * 8

    deliveries = [await gateway.deliver(body, service=service) for body, service in bodies]
    await asyncio.gather(*(decision(gateway, each.case_id) for each in deliveries))

    references = {
        Accepted.model_validate_json(each.body).reference
        for each in gateway.reports
        if each.type is ReportType.DELIVERY_ACCEPTED
    }
    assert len(references) == len(deliveries)
