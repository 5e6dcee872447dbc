"""The dialogue of a case, both directions."""

from datetime import UTC, datetime

from gateway.contract.ids import new_id
from gateway.http.api import answers
from gateway.xml import rueckkanal
from gateway.xml.rueckkanal import Head, Party, Reference
from tests.integration.http.portal import OTHER, Portal


def follow_up(case_id: str, sender_id: str | None = None) -> bytes:
    """Write a Mitteilung from the applicant."""
    head = Head(
        author=Party("DVDV", "psw:99100000", "Serviceportal Musterland"),
        reader=Party("DVDV", "psw:99101000", "Standesamt Musterstadt"),
        created_at=datetime.now(UTC),
        message_id=sender_id or new_id(),
    )
    return rueckkanal.mitteilung(
        head=head, reference=Reference(reference=case_id), subject="Rückruf", text="Bitte rufen Sie mich an."
    )


async def test_case_has_what_the_document_describes_when_it_is_read(portal: Portal):
    accepted = await portal.submitted()
    case = answers.CaseView.model_validate((await portal.get(accepted["links"]["case"])).json())
    assert case.case_id == accepted["case_id"]
    assert case.links.messages == accepted["links"]["messages"]


async def test_dialogue_has_both_directions_when_both_have_spoken(portal: Portal):
    accepted = await portal.submitted()
    back = await portal.send_back(accepted)
    answer = await portal.submit(follow_up(accepted["case_id"]), path=accepted["links"]["messages"])
    assert answer.status_code == 202, answer.text
    assert answer.json()["case_id"] == accepted["case_id"]
    dialogue = answers.Dialogue.model_validate((await portal.get(accepted["links"]["messages"])).json())
    assert [(each.direction, each.message_id) for each in dialogue.messages] == [
        ("in", accepted["submission_id"]),
        ("back", back),
        ("in", answer.json()["submission_id"]),
    ]
    for each in dialogue.messages:
        assert (await portal.get(each.link)).status_code == 200


async def test_follow_up_takes_effect_once_when_it_is_sent_again(portal: Portal):
    accepted = await portal.submitted()
    body = follow_up(accepted["case_id"])
    first = await portal.submit(body, path=accepted["links"]["messages"])
    again = await portal.submit(body, path=accepted["links"]["messages"])
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json() == again.json()


async def test_follow_up_is_not_found_when_the_case_is_anothers(portal: Portal):
    accepted = await portal.submitted()
    path = accepted["links"]["messages"]
    assert (await portal.submit(follow_up(accepted["case_id"]), path=path, caller=OTHER)).status_code == 404
    assert (await portal.submit(b"<x/>", path=f"/v1/cases/{new_id()}/messages")).status_code == 404


async def test_follow_up_is_answered_with_warnings_when_it_names_a_code_list_that_is_not_known(
    portal: Portal,
):
    accepted = await portal.submitted()
    known, unknown = (
        b'rueckkanal.nachrichtentyp" listVersionID="1"',
        b'rueckkanal.nachrichtentyp" listVersionID="7"',
    )
    body = follow_up(accepted["case_id"])
    assert known in body
    body = body.replace(known, unknown)
    tried = answers.Valid.model_validate((await portal.submit(body, path="/v1/validate")).json())
    answer = await portal.submit(body, path=accepted["links"]["messages"])
    again = await portal.submit(body, path=accepted["links"]["messages"])
    assert (answer.status_code, again.status_code) == (202, 200)
    stored = answers.SubmissionAccepted.model_validate(answer.json())
    (warning,) = stored.findings
    assert (warning.code, str(warning.severity)) == ("S010", "warning")
    assert warning.path.endswith("/nachrichtentyp/@listVersionID")
    assert tried.findings == stored.findings
    assert again.json() == answer.json()


async def test_answer_has_no_findings_when_nothing_is_worth_a_warning(portal: Portal):
    accepted = await portal.submitted()
    answer = await portal.submit(follow_up(accepted["case_id"]), path=accepted["links"]["messages"])
    assert "findings" not in answer.json()
    tried = await portal.submit(follow_up(accepted["case_id"]), path="/v1/validate")
    assert (tried.json()["findings"], tried.json()["findings_more"]) == ([], 0)
