"""What adapters fetch and upload, each with the credentials of its own destination."""

from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import TypeAdapter

from gateway.config import Destination
from gateway.contract.findings import Bilingual
from gateway.contract.ids import is_id
from gateway.errors import AttachmentMismatch, NotFound
from gateway.http import body
from gateway.http.api import answers, documented
from gateway.http.api.mailbox import Number, attachment_response
from gateway.http.auth import DestinationCaller
from gateway.http.negotiation import XML
from gateway.http.service import Service, service_of
from gateway.store import deliveries, reads
from gateway.store.reports import put_document
from gateway.store.rows import AttachmentRow, DeliveryRow, Part

DeliveryId = Annotated[str, Path(description="As in the message over the broker: `delivery_id`.")]
Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="Of the body, in lower-case hex.")]
_OTHER_DIGEST = Bilingual(
    de="Der Inhalt hat nicht die Prüfsumme (SHA-256), die in der Adresse steht.",
    en="The body does not have the SHA-256 that the address names.",
)
_LISTING = TypeAdapter(list[answers.DeliveryAttachment])

router = APIRouter(prefix="/v1/destinations/{name}", tags=["Destinations"])


@router.get("/deliveries/{delivery_id}", **documented.GET_DELIVERY)
async def get_delivery(request: Request, delivery_id: DeliveryId, destination: DestinationCaller) -> Response:
    """Fetch the message of a delivery, in the version that the destination serves."""
    part = await _part(request, destination, delivery_id, 0)
    if not destination.serves:
        return _message(part.data)
    service = await service_of(request)
    delivery = await _fetch(service, destination, delivery_id)
    async with service.store.read() as connection:
        message_type = await reads.fetch_message_type(connection, delivery.message_id, tenant=delivery.tenant)
    converted = await service.converter.convert(message_type, part.data, destination.serves)
    return _message(converted.body)


@router.get("/deliveries/{delivery_id}/original", **documented.GET_DELIVERY_ORIGINAL)
async def get_original(request: Request, delivery_id: DeliveryId, destination: DestinationCaller) -> Response:
    """Fetch the message of a delivery as the portal sent it, byte by byte, also where it was converted."""
    return _message((await _part(request, destination, delivery_id, 0)).data)


def _message(data: bytes) -> Response:
    return Response(data, media_type=XML, headers={"ETag": f'"{sha256(data).hexdigest()}"'})


@router.get("/deliveries/{delivery_id}/attachments", **documented.GET_DELIVERY_ATTACHMENTS)
async def get_attachments(
    request: Request, delivery_id: DeliveryId, destination: DestinationCaller
) -> Response:
    """List the attachments of a delivery."""
    service = await service_of(request)
    delivery = await _fetch(service, destination, delivery_id)
    async with service.store.read() as connection:
        rows = await reads.attachments(connection, service.store, delivery.message_id, tenant=delivery.tenant)
    listing = [_listed(row) for row in rows]
    return Response(_LISTING.dump_json(listing), media_type="application/json")


def _listed(row: AttachmentRow) -> answers.DeliveryAttachment:
    return answers.DeliveryAttachment(
        number=row.number,
        sha256=row.sha256,
        size=row.size,
        media_type=row.media_type,
        file_name=row.file_name,
    )


@router.get("/deliveries/{delivery_id}/attachments/{number}", **documented.GET_DELIVERY_ATTACHMENT)
async def get_attachment(
    request: Request, delivery_id: DeliveryId, number: Number, destination: DestinationCaller
) -> Response:
    """Fetch one attachment of a delivery."""
    return attachment_response(await _part(request, destination, delivery_id, number))


@router.put("/attachments/{digest}", **documented.PUT_ATTACHMENT)
async def put_attachment(request: Request, digest: Sha256, destination: DestinationCaller) -> Response:
    """Upload a document before the report whose XML names it by this digest; again changes nothing."""
    service = await service_of(request)
    data = await body.read(request, service.settings.max_attachments_bytes)
    if sha256(data).hexdigest() != digest:
        raise AttachmentMismatch(_OTHER_DIGEST)
    await put_document(
        service.store,
        destination=destination.name,
        tenant=destination.tenant,
        sha256=digest,
        media_type=body.media_type(request.headers.get("content-type")),
        data=data,
    )
    return Response(status_code=204)


async def _fetch(service: Service, destination: Destination, delivery_id: str) -> DeliveryRow:
    if not is_id(delivery_id):
        raise NotFound
    async with service.store.read() as connection:
        row = await deliveries.fetch(connection, delivery_id, destination=destination.name)
    if row is None:
        raise NotFound
    return row


async def _part(request: Request, destination: Destination, delivery_id: str, number: int) -> Part:
    service = await service_of(request)
    delivery = await _fetch(service, destination, delivery_id)
    async with service.store.read() as connection:
        part = await reads.fetch_part(
            connection, service.store, delivery.message_id, number, tenant=delivery.tenant
        )
    if part is None:
        raise NotFound
    return part
