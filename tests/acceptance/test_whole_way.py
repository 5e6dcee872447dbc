"""The whole way, on both shapes: applications in, statuses, queries and decisions back, everything filed."""

import asyncio
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest

from gateway.xml import rueckkanal_read
from gateway.xml.parse import parse
from tests.acceptance.conftest import EMBEDDED, SERVERS
from tests.acceptance.installation import Installation, eventually
from tests.acceptance.town import (
    DMS,
    FILE_NUMBER,
    FINAL,
    QUERY,
    REGISTER,
    STANDARDS,
    STATUS,
    Application,
    Filed,
    Letter,
    Mail,
    applications,
    filed,
    register,
    submit,
)
from tests.services import PostgreSQL, RabbitMQ

WAY_S = 60.0


@dataclass
class Journey:
    """What one application became, as seen from outside when everything had arrived."""

    application: Application
    posted: dict[str, Any]
    submission: dict[str, Any]
    case: dict[str, Any]
    letters: list[Letter]
    answers: dict[str, list[bytes]]
    entered: list[str]
    filed: list[Filed] = field(repr=False)

    def filed_as(self, *names: str) -> list[Filed]:
        return [each for each in self.filed if each.message_type.endswith(names)]


@pytest.fixture(scope="module", params=[EMBEDDED, SERVERS])
def journeys(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Journey]:
    """Every sample for Musterstadt, sent on its way at once."""
    town = Installation(tmp_path_factory.mktemp("town"), **_addresses(request))
    try:
        town.migrate()
        return asyncio.run(_travel(town))
    finally:
        town.close()


def _addresses(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == EMBEDDED:
        return {}
    rabbitmq: RabbitMQ = request.getfixturevalue("rabbitmq")
    postgresql: PostgreSQL = request.getfixturevalue("postgresql")
    amqp_url, database_url = rabbitmq.create_vhost(), postgresql.create_database()
    request.addfinalizer(lambda: rabbitmq.delete_vhost(amqp_url))
    request.addfinalizer(lambda: postgresql.drop_database(database_url))
    return {"amqp_url": amqp_url, "database_url": database_url}


async def _travel(town: Installation) -> list[Journey]:
    town.serve()
    if not town.embedded:
        town.work(REGISTER)
        town.work(DMS)
    await town.ready()
    async with town.portal() as portal, Mail(portal) as mail:
        sent = applications()
        posted = await asyncio.gather(*(submit(portal, each) for each in sent))
        cases = [each["case_id"] for each in posted]
        await mail.decided(cases, WAY_S)
        await eventually(lambda: _all_filed(town, mail), WAY_S, "the DMS has every letter")
        held, documents = register(town), filed(town)
        return [
            Journey(
                application,
                answer,
                (await portal.submission(answer["submission_id"]))[0] or {},
                await portal.case(answer["case_id"]),
                mail.letters[answer["case_id"]],
                mail.answers[answer["case_id"]],
                held[answer["case_id"]],
                [each for each in documents if each.case_id == answer["case_id"]],
            )
            for application, answer in zip(sent, posted, strict=True)
        ]


async def _all_filed(town: Installation, mail: Mail) -> bool:
    letters = {letter.body for case in mail.letters.values() for letter in case}
    return letters <= {each.body for each in filed(town)}


def test_applications_of_every_standard_are_decided(journeys: list[Journey]) -> None:
    names = {"/".join(each.application.name.split()[:2]) for each in journeys}
    assert names == set(STANDARDS)
    assert any(each.application.files for each in journeys)
    for each in journeys:
        assert each.case["status"] == "decided", each.application.name
        assert each.case["citizen_status"] == "COMPLETED"
        assert each.submission["status"] == "delivered"
        assert {delivery["state"] for delivery in each.submission["deliveries"]} == {"accepted"}


def test_mailbox_has_file_number_then_status_then_one_decision(journeys: list[Journey]) -> None:
    for each in journeys:
        types = [letter.type for letter in each.letters]
        kinds = [kind for letter in types for kind in (FILE_NUMBER, STATUS, *FINAL) if letter.endswith(kind)]
        assert kinds[0] == FILE_NUMBER, (each.application.name, types)
        assert STATUS in kinds[1:-1], (each.application.name, types)
        assert kinds[-1] in FINAL, (each.application.name, types)
        assert sum(kind in FINAL for kind in kinds) == 1, (each.application.name, types)


def test_case_names_the_file_number_of_the_register(journeys: list[Journey]) -> None:
    numbers = [
        reference["value"]
        for each in journeys
        for reference in each.case["references"]
        if reference["kind"] == "aktenzeichen" and reference["destination"] == REGISTER
    ]
    assert len(set(numbers)) == len(journeys)


def test_attachments_of_back_channel_are_those_their_messages_name(journeys: list[Journey]) -> None:
    decisions = 0
    for each in journeys:
        for letter in each.letters:
            named = [attachment.sha256 for attachment in rueckkanal_read.attachments(parse(letter.body))]
            assert [sha256(data).hexdigest() for data in letter.attachments] == named
            if letter.type.endswith("bescheid.1150"):
                decisions += 1
                assert letter.attachments[0].startswith(b"%PDF-")
    assert decisions


def test_query_is_answered_before_the_decision(journeys: list[Journey]) -> None:
    asked = [each for each in journeys if each.answers]
    assert asked
    for each in asked:
        types = [letter.type.rpartition(":")[2] for letter in each.letters]
        query = next(i for i, name in enumerate(types) if name.endswith(QUERY))
        assert query < len(types) - 1, types
        assert each.entered == [each.posted["submission_id"], *each.answers]


def test_submission_is_in_the_register_once(journeys: list[Journey]) -> None:
    for each in journeys:
        assert each.entered == [each.posted["submission_id"], *each.answers]


def test_dms_has_application_attachments_answers_and_decision(journeys: list[Journey]) -> None:
    for each in journeys:
        (application,) = [doc for doc in each.filed if doc.submission_id == each.posted["submission_id"]]
        assert application.body == each.application.body
        assert application.attachments == [file.data for file in each.application.files]
        for submission_id, documents in each.answers.items():
            (filed_answer,) = [doc for doc in each.filed if doc.submission_id == submission_id]
            assert filed_answer.attachments == documents
        (decision,) = each.filed_as(*FINAL)
        (letter,) = [letter for letter in each.letters if letter.is_one_of(FINAL)]
        assert (decision.body, decision.attachments) == (letter.body, letter.attachments)
