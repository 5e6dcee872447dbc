"""Try a message: the whole examination, nothing stored."""

from fastapi import APIRouter, Request, Response

from gateway.errors import Problem
from gateway.http import problems
from gateway.http.api import answers, documented
from gateway.http.api.requests import read_posted
from gateway.http.auth import ClientCaller, lacks, tenants_of
from gateway.http.negotiation import XML, wants_xml
from gateway.http.service import service_of
from gateway.intake.receipt import rejection_xml

router = APIRouter(tags=["Submissions"])


@router.post("/v1/validate", **documented.POST_VALIDATE)
async def post_validate(request: Request, client: ClientCaller) -> Response:
    """Have a message examined as if it were posted to `/v1/submissions`; nothing is stored.

    It takes the same two forms.
    """
    service = await service_of(request)
    if not tenants_of(client, "submit"):
        raise lacks("submit")
    try:
        posted = await read_posted(request, service.settings)
        examined, _ = await service.intake.examine(
            client,
            posted.message,
            posted.metadata,
            posted.attachments,
            idempotency_key=posted.idempotency_key,
        )
    except Problem as problem:
        if problem.code is None or not wants_xml(request):
            raise
        rejection = rejection_xml(service.config, client, problem)
        return Response(rejection, problem.status, problems.headers_of(problem), XML)
    return answers.Valid(
        valid=True,
        message_type=examined.message_type,
        tenant=examined.tenant,
        service=examined.service,
        authority=examined.authority,
        test=examined.incoming.header.test,
        findings=list(examined.incoming.warnings.shown),
        findings_more=examined.incoming.warnings.more,
    ).response()
