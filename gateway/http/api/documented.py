"""What the OpenAPI document says of each call: answers, problems, bodies, and an example of each."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from gateway import errors
from gateway.http.api import answers, examples
from gateway.http.problem_document import to_document
from gateway.http.problems import MEDIA_TYPE
from gateway.intake import Metadata

_XML = "application/xml"
_JSON = "application/json"
_OCTETS = "application/octet-stream"
_FAULTS = (errors.Unavailable, errors.InternalFault)
_AUTH = (errors.Unauthenticated, errors.NotAuthorised)
_READ = (*_AUTH, errors.InvalidRequest)
_BODY = (errors.RequestTimeout, errors.MessageTooLarge, errors.UnsupportedMediaType, errors.InvalidRequest)
_REFUSALS = (
    errors.MalformedXml,
    errors.NotUtf8,
    errors.ForbiddenXml,
    errors.SchemaViolation,
    errors.CodeListViolation,
    errors.RuleViolation,
    errors.VersionNotServed,
    errors.UnknownMessageType,
    errors.NoRoute,
    errors.MetadataMismatch,
    errors.TrustLevelTooLow,
    errors.AttachmentMismatch,
)

Example = BaseModel | list[BaseModel] | str


def _call(
    ok: Mapping[int, tuple[str, Mapping[str, Example | bytes]]],
    *problems: type[errors.Problem],
    rejects: bool = False,
    **extra: Any,
) -> dict[str, Any]:
    """Write the arguments of a route.

    Args:
        ok: by status, a sentence and an example by media type.
        rejects: also answers with a Rückweisung.
    """
    responses = _problems(problems, rejects=rejects)
    for status, (description, contents) in ok.items():
        content = {media_type: _content(example) for media_type, example in contents.items()}
        responses[status] = {"description": description} | ({"content": content} if content else {})
    return {
        "status_code": next(iter(ok)),
        # FastAPI's default class would add JSON to what is described here.
        "response_class": Response,
        "responses": responses,
        "openapi_extra": extra,
    }


def _content(example: Example | bytes) -> dict[str, Any]:
    if isinstance(example, str):
        return {"schema": {"type": "string"}, "example": example}
    if isinstance(example, bytes):
        return {"schema": {"type": "string", "format": "binary"}, "example": example.decode()}
    if isinstance(example, list):
        items = [_content(each) for each in example]
        schema = {"type": "array", "items": items[0]["schema"]}
        return {"schema": schema, "example": [each["example"] for each in items]}
    return {"schema": _reference(type(example)), "example": example.model_dump(mode="json")}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _problems(classes: tuple[type[errors.Problem], ...], *, rejects: bool) -> dict[int | str, dict[str, Any]]:
    responses: dict[int | str, dict[str, Any]] = {}
    for each in classes:
        content = {"schema": _reference(answers.ProblemDocument), "examples": {}}
        response = responses.setdefault(each.status, {"description": "", "content": {MEDIA_TYPE: content}})
        response["description"] = f"{response['description']} {each.title.en}".strip()
        response["content"][MEDIA_TYPE]["examples"][each.type] = {"value": _problem(each)}
        if rejects and each.code:
            response["content"][_XML] = _content(examples.REJECTION_XML)
    return responses


def _problem(kind: type[errors.Problem]) -> dict[str, Any]:
    return to_document(examples.PROBLEMS.get(kind) or kind(), examples.REQUEST_ID)


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "description": "Needed where the standard's messages have no id of their own: the same on every resend.",
}
_STATED = {
    "message_id": "The message's id, where its standard has none in the header.",
    "service": "LeiKa key of the service, 14 digits.",
    "authority": "Id of the authority, such as `psw:99101000`.",
    "ars": "Where it belongs: 12, 9, 5, 3 or 2 digits.",
    "case_ref": "A case id, or the message id or reference of an earlier message.",
    "applied_on": "Date of the application: YYYY-MM-DD.",
    "channel": "How the application came in: `online`, `counter`, `mail` or `paper`.",
    "recorded_by": "Id of the clerk who recorded it for a citizen.",
    "reply_to": "Where the portal wants answers to go.",
    "account": "Id of the citizen's account at the portal.",
}
_IN_QUERY = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": _STATED[name],
    }
    for name, schema in Metadata.model_json_schema()["properties"].items()
    if name not in ("identifications", "payment")
]
_MESSAGE_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["message"],
                "properties": {
                    "message": {"type": "string", "contentMediaType": _XML},
                    "metadata": _reference(Metadata),
                    "attachment": {
                        "type": "array",
                        "items": {"type": "string", "contentMediaType": _OCTETS},
                    },
                },
            },
            "encoding": {"metadata": {"contentType": _JSON}},
            "example": {"message": "(XML)", "metadata": examples.METADATA, "attachment": ["(bytes)"]},
        },
        _XML: {"schema": {"type": "string"}, "example": examples.MESSAGE},
    },
}
_POSTED: dict[str, Any] = {"requestBody": _MESSAGE_BODY, "parameters": [_IDEMPOTENCY_KEY, *_IN_QUERY]}
_STORED: dict[str, Example | bytes] = {_JSON: examples.ACCEPTED, _XML: examples.RECEIPT_XML}
_ETAG_HEADER = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag that is known: 304 while nothing has changed.",
}

_DESTINATION = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "The destination whose token is sent.",
}

POST_SUBMISSION = _call(
    {
        202: ("Stored durably; Location is its status.", _STORED),
        200: ("The same was stored before: the first result.", _STORED),
    },
    *(*_REFUSALS, *_AUTH, *_BODY, errors.DuplicateMessageId, *_FAULTS),
    rejects=True,
    **_POSTED,
)
POST_FOLLOW_UP = _call(
    {
        202: ("Stored durably; Location is its status.", _STORED),
        200: ("The same was stored before: the first result.", _STORED),
    },
    *(*_REFUSALS, *_AUTH, errors.NotFound, *_BODY, errors.DuplicateMessageId, *_FAULTS),
    rejects=True,
    **_POSTED,
)
POST_VALIDATE = _call(
    {200: ("It would be accepted, if no other message had its id.", {_JSON: examples.VALID})},
    *(*_REFUSALS, *_AUTH, *_BODY, *_FAULTS),
    rejects=True,
    **_POSTED,
)
GET_SUBMISSION = _call(
    {
        200: ("Where it stands.", {_JSON: examples.SUBMISSION}),
        304: ("Nothing has changed.", {}),
    },
    *(*_READ, errors.NotFound, *_FAULTS),
    parameters=[_ETAG_HEADER],
)
GET_EVENTS = _call({200: ("Oldest first.", {_JSON: examples.EVENTS})}, *(*_READ, errors.NotFound, *_FAULTS))
GET_RECEIPT = _call(
    {200: ("The Eingangsbestätigung.", {_XML: examples.RECEIPT_XML})}, *(*_READ, errors.NotFound, *_FAULTS)
)
GET_CASE = _call({200: ("Where it stands.", {_JSON: examples.CASE})}, *(*_READ, errors.NotFound, *_FAULTS))
GET_DIALOGUE = _call(
    {200: ("In its order.", {_JSON: examples.DIALOGUE})}, *(*_READ, errors.NotFound, *_FAULTS)
)
GET_MAILBOX = _call({200: ("In order.", {_JSON: examples.MAILBOX})}, *(*_READ, *_FAULTS))
GET_MAILBOX_MESSAGE = _call(
    {200: ("The XML.", {_XML: examples.BACK_XML})}, *(*_READ, errors.NotFound, errors.PayloadErased, *_FAULTS)
)
GET_MAILBOX_ATTACHMENT = _call(
    {200: ("The document, with its own media type.", {_OCTETS: b"%PDF-1.7"})},
    *(*_READ, errors.NotFound, errors.PayloadErased, *_FAULTS),
)
POST_COLLECTED = _call(
    {200: ("Since when.", {_JSON: examples.COLLECTED})}, *(*_AUTH, errors.NotFound, *_FAULTS)
)
GET_DELIVERY = _call(
    {200: ("The XML, in a version that the destination serves.", {_XML: examples.MESSAGE})},
    *(*_READ, errors.NotFound, errors.PayloadErased, errors.VersionNotServed, *_FAULTS),
    parameters=[_DESTINATION],
)
GET_DELIVERY_ORIGINAL = _call(
    {200: ("The XML as posted.", {_XML: examples.MESSAGE})},
    *(*_READ, errors.NotFound, errors.PayloadErased, *_FAULTS),
    parameters=[_DESTINATION],
)
GET_DELIVERY_ATTACHMENTS = _call(
    {200: ("In order.", {_JSON: [examples.ATTACHMENT]})},
    *(*_READ, errors.NotFound, *_FAULTS),
    parameters=[_DESTINATION],
)
GET_DELIVERY_ATTACHMENT = _call(
    {200: ("The document, with its own media type.", {_OCTETS: b"%PDF-1.7"})},
    *(*_READ, errors.NotFound, errors.PayloadErased, *_FAULTS),
    parameters=[_DESTINATION],
)
PUT_ATTACHMENT = _call(
    {204: ("It is kept.", {})},
    *(*_AUTH, *_BODY, errors.AttachmentMismatch, *_FAULTS),
    parameters=[_DESTINATION],
    requestBody={
        "required": True,
        "content": {"application/pdf": _content(b"%PDF-1.7")},
    },
)
GET_STANDARDS = _call({200: ("By name and version.", {_JSON: examples.STANDARDS})}, *(*_READ, *_FAULTS))
GET_STANDARD = _call(
    {200: ("What belongs to it.", {_JSON: examples.STANDARD})}, *(*_READ, errors.NotFound, *_FAULTS)
)
GET_SCHEMA_FILE = _call(
    {200: ("The XSD.", {_XML: examples.SCHEMA_FILE})}, *(*_READ, errors.NotFound, *_FAULTS)
)
GET_CODE_LIST = _call(
    {200: ("Its codes.", {_JSON: examples.CODES, _XML: examples.GENERICODE})},
    *(*_READ, errors.NotFound, *_FAULTS),
)
GET_EXAMPLE = _call(
    {
        200: (
            "The message. X-Broken-Rules, where it is there, has the ids of rules that refuse it, or "
            "`unknown` where they could not be run; X-Missing-Attachments the number of attachments that it "
            "names, none of which exists; X-Direction `back` where its type goes to applicants.",
            {_XML: examples.MESSAGE},
        )
    },
    *(*_READ, errors.NotFound, *_FAULTS),
)
POST_TOKEN = _call(
    {
        200: ("The token.", {_JSON: examples.TOKEN}),
        400: ("The request is not what RFC 6749 describes.", {_JSON: examples.TOKEN_ERROR}),
        401: ("Client id and secret do not match.", {_JSON: examples.TOKEN_ERROR}),
    },
    *(errors.RateLimited, errors.InternalFault),
    requestBody={
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {"grant_type": {"type": "string", "const": "client_credentials"}},
                },
                "example": {"grant_type": "client_credentials"},
            }
        },
    },
)
GET_HEALTH = _call({200: ("It answers.", {_JSON: examples.ALIVE})})
GET_METRICS = _call(
    {200: ("Prometheus' text format.", {"text/plain": "amtsbote_broker_connected 1.0\n"})},
    *(errors.Unauthenticated, *_FAULTS),
)
GET_READINESS = _call(
    {
        200: ("Requests can be served.", {_JSON: examples.READY}),
        503: ("They cannot, and why.", {_JSON: examples.NOT_READY}),
    }
)
