"""Cases: where the dialogue stands, what was said, and the applicant's next word."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from gateway.config import Client, Scope
from gateway.contract.ids import is_id
from gateway.errors import NotFound
from gateway.http.api import answers, documented
from gateway.http.api.submissions import receive
from gateway.http.auth import ClientCaller, demand, tenants_of
from gateway.http.service import Service, service_of
from gateway.store import reads
from gateway.store.rows import Case

CaseId = Annotated[str, Path(description="As the answer to the first submission says: `case_id`.")]

router = APIRouter(tags=["Cases"])


@router.get("/v1/cases/{case_id}", **documented.GET_CASE)
async def get_case(request: Request, case_id: CaseId, client: ClientCaller) -> Response:
    """Read a case: its status, reference numbers and deadline."""
    service = await service_of(request)
    case = await _fetch(service, client, case_id, "read")
    async with service.store.read() as connection:
        references = await reads.readable_references(connection, service.store, case_id, tenant=case.tenant)
    return answers.CaseView(
        case_id=case.case_id,
        message_type=case.message_type,
        tenant=case.tenant,
        service=case.service,
        authority=case.authority,
        test=case.test,
        status=case.status,
        citizen_status=case.citizen_status,
        due_on=case.due_on,
        opened_at=case.opened_at,
        updated_at=case.updated_at,
        references=[
            answers.CaseReference(destination=each.destination, kind=each.kind, value=each.value)
            for each in references
        ],
        links=answers.CaseLinks(self=f"/v1/cases/{case_id}", messages=f"/v1/cases/{case_id}/messages"),
    ).response()


async def _fetch(service: Service, client: Client, case_id: str, scope: Scope) -> Case:
    if not is_id(case_id):
        raise NotFound
    async with service.store.read() as connection:
        case = await reads.fetch_case(connection, case_id, client=client.id, tenants=tenants_of(client))
    if case is None:
        raise NotFound
    demand(client, scope, case)
    return case


@router.get("/v1/cases/{case_id}/messages", **documented.GET_DIALOGUE)
async def get_dialogue(request: Request, case_id: CaseId, client: ClientCaller) -> Response:
    """Read the whole dialogue of a case, both directions, in its order."""
    service = await service_of(request)
    case = await _fetch(service, client, case_id, "read")
    async with service.store.read() as connection:
        rows = await reads.case_messages(connection, case_id, tenant=case.tenant)
    messages = [_message(row) for row in rows]
    return answers.Dialogue(case_id=case_id, messages=messages).response()


def _message(row: Any) -> answers.CaseMessage:
    folder = "submissions" if row.direction == "in" else "mailbox"
    return answers.CaseMessage(
        message_id=row.message_id,
        direction=row.direction,
        type=row.message_type,
        received_at=row.received_at,
        status=row.status,
        collected_at=row.collected_at,
        after_final=row.after_final,
        sha256=row.body_sha256,
        size=row.body_bytes,
        attachment_count=row.attachment_count,
        link=f"/v1/{folder}/{row.message_id}",
    )


@router.post("/v1/cases/{case_id}/messages", **documented.POST_FOLLOW_UP)
async def post_follow_up(request: Request, case_id: CaseId, client: ClientCaller) -> Response:
    """Post what the applicant says next: answer, further document, correction, message, withdrawal.

    It is a submission like any other, in the same two forms, and goes where the case is.
    """
    await _fetch(await service_of(request), client, case_id, "submit")
    return await receive(request, client, case_id)
