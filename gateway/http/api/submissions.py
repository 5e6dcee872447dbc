"""Submissions: post one, follow it."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic_core import to_json

from gateway import metrics
from gateway.config import Client
from gateway.contract.findings import Bilingual
from gateway.contract.ids import is_id
from gateway.errors import NotFound, Problem, StoreDeadlock, StoreUnavailable, Unavailable
from gateway.http import problems
from gateway.http.api import answers, documented
from gateway.http.api.requests import read_posted
from gateway.http.auth import ClientCaller, demand, tenants_of
from gateway.http.negotiation import XML, wants_xml
from gateway.http.service import Service, service_of
from gateway.http.waiting import Wait, hold
from gateway.intake import Receipt
from gateway.intake.receipt import receipt_xml, rejection_xml
from gateway.store import reads
from gateway.store.signals import case_key

SubmissionId = Annotated[str, Path(description="As the answer to the post says: `submission_id`.")]

_DISK_FULL = Bilingual(
    de="Der Speicherplatz des Gateways ist fast erschöpft; senden Sie dasselbe später noch einmal.",
    en="The gateway's disk is nearly full; send the same again later.",
)

POST_PATH = "/v1/submissions"

router = APIRouter(tags=["Submissions"])


# `Application` answers it ahead of the router; this describes the call, and answers it behind a root path.
@router.post(POST_PATH, **documented.POST_SUBMISSION)
async def post_submission(request: Request, client: ClientCaller) -> Response:
    """Post a message with its attachments.

    202 is sent once everything is stored durably. Sending the same again is safe: it is answered with 200
    and the first result. With `Accept: application/xml` the answer is an Eingangsbestätigung, and a
    refused message is answered by a Rückweisung.

    Send either `multipart/form-data`, or the bare XML with the query parameters: the form has them in its
    part `metadata`.
    """
    return await receive(request, client)


async def receive(request: Request, client: Client, case_id: str | None = None) -> Response:
    """Hand a posted message to the intake and answer with its receipt, in the form the caller wants."""
    service = await service_of(request)
    try:
        _check_disk(service)
        posted = await read_posted(request, service.settings)
        receipt = await service.intake.receive(
            client,
            posted.message,
            posted.metadata,
            posted.attachments,
            case_id=case_id,
            idempotency_key=posted.idempotency_key,
        )
    except (StoreUnavailable, StoreDeadlock):
        metrics.count_submission(Unavailable.type)
        raise
    except Problem as problem:
        metrics.count_submission(problem.type)
        if problem.code is None or not wants_xml(request):
            raise
        rejection = rejection_xml(service.config, client, problem)
        return Response(rejection, problem.status, problems.headers_of(problem), XML)
    metrics.count_submission("accepted" if receipt.created else "repeated")
    status = 202 if receipt.created else 200
    if wants_xml(request):
        headers = {"Location": f"/v1/submissions/{receipt.submission_id}"}
        return Response(await _receipt(service, client, receipt.submission_id), status, headers, XML)
    return _accepted(receipt, status)


def _check_disk(service: Service) -> None:
    """Leave room for what is under way: only what is new is put off."""
    if service.disk.reached:
        metrics.count_put_off("disk")
        raise Unavailable(_DISK_FULL, retry_after_s=60)


def _accepted(receipt: Receipt, status: int) -> Response:
    links = _links(receipt.submission_id, receipt.case_id)
    headers = {"Location": links["self"]}
    # The hot path: no model is built, the document is the one that `answers.SubmissionAccepted` describes.
    document: dict[str, Any] = {
        "submission_id": receipt.submission_id,
        "case_id": receipt.case_id,
        "received_at": receipt.received_at,
        "status": receipt.status,
        "receipt": {"sha256": receipt.sha256, "xml": links["receipt"]},
        "links": links,
    }
    if warnings := receipt.warnings:
        document["findings"] = [each.model_dump(mode="json") for each in warnings.shown]
        document["findings_more"] = warnings.more
    return Response(to_json(document), status, headers, "application/json")


def _links(submission_id: str, case_id: str) -> dict[str, str]:
    own, case = f"/v1/submissions/{submission_id}", f"/v1/cases/{case_id}"
    return {
        "self": own,
        "events": f"{own}/events",
        "receipt": f"{own}/receipt",
        "case": case,
        "messages": f"{case}/messages",
    }


@router.get("/v1/submissions/{submission_id}", **documented.GET_SUBMISSION)
async def get_submission(
    request: Request, submission_id: SubmissionId, client: ClientCaller, wait: Wait = 0
) -> Response:
    """Read where a submission stands.

    With `wait` the answer is held until something changes: against the state that `If-None-Match` names,
    or against the present one. The ETag stands for everything in the document.
    """
    service = await service_of(request)
    row = await _fetch(service, client, submission_id)
    known = request.headers.get("if-none-match")
    first = known or _etag((await _view(service, client, submission_id)).model_dump_json())

    async def look() -> str:
        return (await _view(service, client, submission_id)).model_dump_json()

    document = await hold(
        service, request, case_key(row.case_id), wait, look, lambda seen: not _matches(first, _etag(seen))
    )
    etag = _etag(document)
    if known and _matches(known, etag):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(document, headers={"ETag": etag}, media_type="application/json")


def _etag(document: str) -> str:
    return f'"{hashlib.sha256(document.encode()).hexdigest()[:32]}"'


def _matches(stated: str, etag: str) -> bool:
    return stated.strip() == "*" or etag in (each.strip() for each in stated.split(","))


async def _fetch(service: Service, client: Client, submission_id: str) -> Any:
    """Read a client's submission.

    Raises:
        NotFound: it does not exist, or belongs to another client.
        NotAuthorised: the client's grants no longer allow to read it.
    """
    if not is_id(submission_id):
        raise NotFound
    async with service.store.read() as connection:
        row = await reads.fetch_submission(
            connection, submission_id, client=client.id, tenants=tenants_of(client)
        )
    if row is None:
        raise NotFound
    demand(client, "read", row)
    return row


async def _view(service: Service, client: Client, submission_id: str) -> answers.SubmissionView:
    row = await _fetch(service, client, submission_id)
    async with service.store.read() as connection:
        deliveries = await reads.message_deliveries(
            connection, submission_id, case_id=row.case_id, tenant=row.tenant
        )
    links = answers.SubmissionLinks(**_links(row.message_id, row.case_id))
    return answers.SubmissionView(
        submission_id=row.message_id,
        case_id=row.case_id,
        message_id=row.sender_message_id,
        message_type=row.message_type,
        tenant=row.tenant,
        service=row.service,
        authority=row.authority,
        test=row.test,
        status=row.status,
        received_at=row.received_at,
        updated_at=row.updated_at,
        receipt=answers.ReceiptNote(sha256=row.body_sha256, xml=links.receipt),
        attachment_count=row.attachment_count,
        case=answers.CaseSummary(
            status=row.case_status, citizen_status=row.citizen_status, due_on=row.due_on
        ),
        deliveries=[_delivery(each) for each in deliveries],
        links=links,
    )


def _delivery(row: Any) -> answers.DeliverySummary:
    return answers.DeliverySummary(
        destination=row.destination,
        role=row.role,
        state=row.state,
        attempt=row.attempt,
        code=row.code,
        updated_at=row.updated_at,
    )


@router.get("/v1/submissions/{submission_id}/events", **documented.GET_EVENTS)
async def get_events(request: Request, submission_id: SubmissionId, client: ClientCaller) -> Response:
    """Read everything that happened to a submission and then to its case, oldest first.

    Every attempt to deliver it is among them.
    """
    service = await service_of(request)
    row = await _fetch(service, client, submission_id)
    async with service.store.read() as connection:
        events = await reads.case_events(connection, row.case_id, tenant=row.tenant)
        attempts = await reads.case_attempts(connection, row.case_id, tenant=row.tenant)
    concerning = [each for each in events if _concerns(each, row)]
    own = [each for each in attempts if each.message_id == submission_id]
    merged = sorted([*_events(concerning), *_attempts(own)], key=lambda each: each.at)
    return answers.Events(submission_id=submission_id, events=merged).response()


def _concerns(event: Any, row: Any) -> bool:
    """Say whether an event is about a submission, or about its case from then on."""
    if event.message_id is None:
        return bool(event.at >= row.received_at)
    return bool(event.message_id == row.message_id)


def _events(rows: Sequence[Any]) -> list[answers.Event]:
    return [
        answers.Event(at=row.at, kind=row.kind, destination=row.destination, code=row.code) for row in rows
    ]


def _attempts(rows: Sequence[Any]) -> list[answers.Event]:
    return [
        answers.Event(
            at=row.sent_at,
            kind="delivery.attempt",
            destination=row.destination,
            attempt=row.attempt,
            ended_at=row.ended_at,
            outcome=row.outcome,
        )
        for row in rows
    ]


@router.get("/v1/submissions/{submission_id}/receipt", **documented.GET_RECEIPT)
async def get_receipt(request: Request, submission_id: SubmissionId, client: ClientCaller) -> Response:
    """Read the Eingangsbestätigung of a submission, as XML."""
    service = await service_of(request)
    await _fetch(service, client, submission_id)
    return Response(await _receipt(service, client, submission_id), media_type=XML)


async def _receipt(service: Service, client: Client, submission_id: str) -> bytes:
    """Write the receipt from what is stored, so that it is the same whenever it is asked for."""
    async with service.store.read() as connection:
        row = await reads.fetch_submission(
            connection, submission_id, client=client.id, tenants=tenants_of(client)
        )
    if row is None:
        raise NotFound
    receipt = Receipt(
        submission_id=row.message_id,
        case_id=row.case_id,
        tenant=row.tenant,
        received_at=row.received_at,
        status=row.status,
        sha256=row.body_sha256,
        authority=row.authority,
        sender_message_id=row.sender_message_id,
        portal_reference=row.portal_reference,
        test=row.test,
        created=False,
    )
    return receipt_xml(service.config, client, receipt)
