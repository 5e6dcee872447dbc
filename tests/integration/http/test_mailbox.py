"""What came back, in an order that a cursor cannot miss."""

import asyncio

from gateway.http.api import answers
from tests.integration.http.portal import OTHER, Portal


async def page_of(portal: Portal, query: str = "") -> answers.MailboxPage:
    return answers.MailboxPage.model_validate((await portal.get(f"/v1/mailbox{query}")).json())


async def test_mailbox_is_read_completely_when_the_cursor_is_followed(portal: Portal):
    accepted = await portal.submitted()
    sent = [await portal.send_back(accepted) for _ in range(5)]
    read, after = [], "0"
    while True:
        page = await page_of(portal, f"?after={after}&limit=2")
        if not page.items:
            break
        assert len(page.items) <= 2
        read += [each.message_id for each in page.items]
        after = page.next
    assert read == sent
    assert page.next == after


async def test_mailbox_is_held_until_a_message_comes_when_wait_is_given(portal: Portal):
    accepted = await portal.submitted()
    waiting = asyncio.create_task(portal.get("/v1/mailbox?wait=30"))
    async with asyncio.timeout(10):
        while not portal.store.signals._waiting:  # noqa: ASYNC110 nothing tells that a request waits
            await asyncio.sleep(0.01)
        back = await portal.send_back(accepted)
        answer = await waiting
    assert [each["message_id"] for each in answer.json()["items"]] == [back]


async def test_content_and_attachments_are_as_sent_when_they_are_fetched(portal: Portal):
    accepted = await portal.submitted()
    await portal.send_back(accepted, "<bescheid>ä</bescheid>", pdf=b"%PDF-1.7 decision")
    (item,) = (await page_of(portal)).items
    content = await portal.get(item.links.content)
    assert content.content == "<bescheid>ä</bescheid>".encode()
    assert content.headers["content-type"] == "application/xml"
    assert item.size == len(content.content)
    (link,) = item.links.attachments
    attachment = await portal.get(link)
    assert attachment.content == b"%PDF-1.7 decision"
    assert attachment.headers["content-type"] == "application/pdf"
    assert attachment.headers["content-disposition"] == "attachment"
    assert "Müller" not in str(attachment.headers)


async def test_attachment_is_not_found_when_there_is_none_of_that_number(portal: Portal):
    accepted = await portal.submitted()
    back = await portal.send_back(accepted)
    assert (await portal.get(f"/v1/mailbox/{back}/attachments/1")).status_code == 404
    assert (await portal.get(f"/v1/mailbox/{back}/attachments/0")).status_code == 422


async def test_collected_keeps_its_time_when_it_is_said_again(portal: Portal):
    accepted = await portal.submitted()
    await portal.send_back(accepted)
    (item,) = (await page_of(portal)).items
    first, again = await portal.post(item.links.collected), await portal.post(item.links.collected)
    assert (first.status_code, again.status_code) == (200, 200)
    assert answers.Collected.model_validate(first.json()) == answers.Collected.model_validate(again.json())
    (after,) = (await page_of(portal)).items
    assert after.collected_at is not None


async def test_message_is_not_found_when_it_is_anothers(portal: Portal):
    accepted = await portal.submitted()
    back = await portal.send_back(accepted, pdf=b"%PDF")
    own = f"/v1/mailbox/{back}"
    assert (await portal.get("/v1/mailbox", caller=OTHER)).json()["items"] == []
    assert (await portal.get(own, caller=OTHER)).status_code == 404
    assert (await portal.get(f"{own}/attachments/1", caller=OTHER)).status_code == 404
    assert (await portal.post(f"{own}/collected", caller=OTHER)).status_code == 404
    assert (await portal.get(f"/v1/mailbox/{accepted['submission_id']}")).status_code == 404


async def test_mailbox_is_refused_when_the_cursor_is_none(portal: Portal):
    for query in ("after=x", "after=-1", "limit=0", "limit=501", f"after={2**70}"):
        assert (await portal.get(f"/v1/mailbox?{query}")).status_code == 422, query
