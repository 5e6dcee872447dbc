"""The mailbox (Abholfach): what came back for this client, in an order that a cursor cannot miss."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from gateway.config import Client
from gateway.contract.ids import is_id
from gateway.errors import NotFound
from gateway.http.api import answers, documented
from gateway.http.auth import ClientCaller, demand, lacks, tenants_of
from gateway.http.negotiation import XML
from gateway.http.service import Service, service_of
from gateway.http.waiting import Wait, hold
from gateway.store import mailbox, reads
from gateway.store.rows import Part
from gateway.store.signals import mailbox_key

MAX_PAGE = 500
MAX_POSITION = 2**53

After = Annotated[int, Query(ge=0, le=MAX_POSITION, description="The cursor `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description=f"How many messages, at most {MAX_PAGE}.")]
MessageId = Annotated[str, Path(description="As in the mailbox: `message_id`.")]
Number = Annotated[int, Path(ge=1, le=10_000, description="From 1 on, as in `links.attachments`.")]

router = APIRouter(tags=["Mailbox"])


@router.get("/v1/mailbox", **documented.GET_MAILBOX)
async def get_mailbox(
    request: Request, client: ClientCaller, after: After = 0, wait: Wait = 0, limit: Limit = 100
) -> Response:
    """Read what came back, in order: begin without `after`, go on with `next`.

    With `wait` an empty answer is held until a message comes.
    """
    service = await service_of(request)
    tenants = tenants_of(client, "mailbox")
    if not tenants:
        raise lacks("mailbox")

    async def look() -> Sequence[Any]:
        async with service.store.read() as connection:
            return await mailbox.page(connection, client.id, tenants=tenants, after=after, limit=limit)

    rows = await hold(service, request, mailbox_key(client.id), wait, look, lambda rows: bool(rows))
    granted = [row for row in rows if client.may("mailbox", row.tenant, row.service)]
    position = rows[-1].position if rows else after
    return answers.MailboxPage(items=[_item(row) for row in granted], next=str(position)).response()


def _item(row: Any) -> answers.MailboxItem:
    own = f"/v1/mailbox/{row.message_id}"
    return answers.MailboxItem(
        message_id=row.message_id,
        type=row.message_type,
        case_id=row.case_id,
        created_at=row.received_at,
        collected_at=row.collected_at,
        after_final=row.after_final,
        sha256=row.body_sha256,
        size=row.body_bytes,
        test=row.test,
        links=answers.MailboxLinks(
            content=own,
            attachments=[f"{own}/attachments/{number}" for number in range(1, row.attachment_count + 1)],
            collected=f"{own}/collected",
            case=f"/v1/cases/{row.case_id}",
        ),
    )


@router.get("/v1/mailbox/{message_id}", **documented.GET_MAILBOX_MESSAGE)
async def get_message(request: Request, message_id: MessageId, client: ClientCaller) -> Response:
    """Read a message of the mailbox: the XML as the authority sent it."""
    part = await _part(request, client, message_id, 0)
    return Response(part.data, media_type=XML, headers={"ETag": f'"{part.sha256}"'})


@router.get("/v1/mailbox/{message_id}/attachments/{number}", **documented.GET_MAILBOX_ATTACHMENT)
async def get_attachment(
    request: Request, message_id: MessageId, number: Number, client: ClientCaller
) -> Response:
    """Read an attachment of a message, such as the Bescheid; the message names it by its SHA-256."""
    return attachment_response(await _part(request, client, message_id, number))


def attachment_response(part: Part) -> Response:
    """Answer with a document that others wrote: to be saved, never to be shown as a page of ours."""
    headers = {"ETag": f'"{part.sha256}"', "Content-Disposition": "attachment"}
    return Response(part.data, media_type=part.media_type, headers=headers)


@router.post("/v1/mailbox/{message_id}/collected", **documented.POST_COLLECTED)
async def post_collected(request: Request, message_id: MessageId, client: ClientCaller) -> Response:
    """Say that the portal has taken a message over; saying it again changes nothing."""
    service = await service_of(request)
    await _fetch(service, client, message_id)
    async with service.store.write() as connection:
        since = await mailbox.collect(connection, service.store, client.id, message_id)
    if since is None:
        raise NotFound
    return answers.Collected(message_id=message_id, collected_at=since).response()


async def _fetch(service: Service, client: Client, message_id: str) -> Any:
    if not is_id(message_id):
        raise NotFound
    async with service.store.read() as connection:
        row = await reads.fetch_back_message(
            connection, message_id, client=client.id, tenants=tenants_of(client)
        )
    if row is None:
        raise NotFound
    demand(client, "mailbox", row)
    return row


async def _part(request: Request, client: Client, message_id: str, number: int) -> Part:
    service = await service_of(request)
    row = await _fetch(service, client, message_id)
    async with service.store.read() as connection:
        part = await reads.fetch_part(connection, service.store, message_id, number, tenant=row.tenant)
    if part is None:
        raise NotFound
    return part
