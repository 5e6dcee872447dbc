"""Standards: which there are, their schema files and code lists, and an example of every message."""

import asyncio
from itertools import islice
from pathlib import Path as File
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response

from gateway.contract.findings import Bilingual
from gateway.contract.states import Direction
from gateway.domain.calendar import today
from gateway.errors import NotFound, NotPossible
from gateway.http.api import answers, documented, missing
from gateway.http.auth import ClientCaller
from gateway.http.example_desk import ExampleDesk
from gateway.http.negotiation import XML, wants_xml
from gateway.http.service import Service, service_of
from gateway.standards import MessageType, Standard
from gateway.standards.codelists import CodeList
from gateway.standards.description import description, fetch_schema_file, summary
from gateway.standards.reading import usable

if TYPE_CHECKING:
    from gateway.standards.examples import Example

_MAX_SEED = 999_999
_MAX_NAMED = 20
BROKEN_RULES = "X-Broken-Rules"
MISSING_ATTACHMENTS = "X-Missing-Attachments"
DIRECTION = "X-Direction"

Name = Annotated[str, Path(description="Its name, such as `xurkunde`.")]
Version = Annotated[str, Path(description="Its version, such as `1.1`.")]
FileName = Annotated[str, Path(description="As the standard's `schemas` have it.")]
ListUri = Annotated[str, Path(description="The address that names the code list; it is never followed.")]
ListVersion = Annotated[str, Path(description="The version of the code list.")]
MessageName = Annotated[str, Path(description="As the standard's `messages` have it: `name`.")]
Full = Annotated[bool, Query(description="Everything that may be there once, not only what must be there.")]
Seed = Annotated[int, Query(ge=0, le=_MAX_SEED, description="The same writes the same; another, another.")]

router = APIRouter(prefix="/v1/standards", tags=["Standards"])


@router.get("", **documented.GET_STANDARDS)
async def get_standards(request: Request, _: ClientCaller) -> Response:
    """List every standard and version, from when until when it is valid, and whether it is served today."""
    catalogue = (await service_of(request)).catalogue
    found = [_summary(summary(each, today())) for each in catalogue.standards]
    return answers.Standards.model_validate({"standards": found}).response()


@router.get("/{standard}/{version}", **documented.GET_STANDARD)
async def get_standard(request: Request, standard: Name, version: Version, _: ClientCaller) -> Response:
    """Read what belongs to a standard: message types with an example of each, schema files, code lists."""
    service = await service_of(request)
    found = _get(service, standard, version)
    view = await asyncio.to_thread(description, service.catalogue, found, today())
    own = _link(standard, version)
    for each in view["messages"]:
        each["example"] = f"{own}/messages/{_quoted(each['name'])}/example"
    for each in view["schemas"]:
        each["link"] = f"{_link(each['standard'], each['version'])}/schemas/{_quoted(each['file'], '/')}"
    for each in view["code_lists"]:
        each["link"] = f"{own}/code-lists/{_quoted(each['uri'])}/{_quoted(each['version'])}"
    return answers.StandardView.model_validate(_summary(view)).response()


@router.get("/{standard}/{version}/schemas/{file:path}", **documented.GET_SCHEMA_FILE)
async def get_schema_file(
    request: Request, standard: Name, version: Version, file: FileName, _: ClientCaller
) -> Response:
    """Fetch a schema file (XSD) as it is stored."""
    service = await service_of(request)
    found = _get(service, standard, version)
    path = await asyncio.to_thread(fetch_schema_file, service.catalogue, found, file)
    if path is None:
        raise await asyncio.to_thread(missing.no_schema_file, service.catalogue, found, file)
    return await _stored(path)


@router.get("/{standard}/{version}/code-lists/{uri:path}/{list_version}", **documented.GET_CODE_LIST)
async def get_code_list(
    request: Request,
    standard: Name,
    version: Version,
    uri: ListUri,
    list_version: ListVersion,
    _: ClientCaller,
) -> Response:
    """Read the codes of a code list; with `Accept: application/xml` the genericode file as it is stored."""
    found = _get(await service_of(request), standard, version)
    code_list, path = await asyncio.to_thread(_get_code_list, found, uri, list_version)
    if wants_xml(request):
        return await _stored(path)
    return answers.Codes(
        uri=code_list.uri, version=code_list.version, closed=code_list.closed, codes=sorted(code_list.codes)
    ).response()


@router.get("/{standard}/{version}/messages/{message}/example", **documented.GET_EXAMPLE)
async def get_example(
    request: Request,
    standard: Name,
    version: Version,
    message: MessageName,
    _: ClientCaller,
    full: Full = False,
    seed: Seed = 0,
) -> Response:
    """Fetch a message with made-up content, checked as yours are: by schema, code lists, header and rules.

    Where no attempt keeps all rules, `X-Broken-Rules` names what the best one breaks.
    `X-Missing-Attachments` says how many attachments it names, none of which exists; `X-Direction: back` that
    messages of this type go to applicants and are refused.
    """
    found = _get(await service_of(request), standard, version)
    wanted = next((each for each in found.message_types if each.name == message), None)
    if wanted is None:
        raise missing.no_message_type(found, message)
    desk: ExampleDesk = request.app.state.example_desk
    try:
        with usable(found):
            example = await desk.write(found, wanted, full=full, seed=seed)
    except NotPossible as error:
        german = f"Aus dem Schema allein lässt sich dieses Beispiel nicht schreiben: {error.detail}"
        raise NotFound(Bilingual(de=german, en=error.detail)) from None
    return Response(example.body, media_type=XML, headers=_against_sending(wanted, example))


def _against_sending(message_type: MessageType, example: "Example") -> dict[str, str]:
    """Say in headers why it would be refused as it is; there is none where it would not."""
    headers = _broken_rules(example)
    if example.attachments:
        headers[MISSING_ATTACHMENTS] = str(example.attachments)
    if message_type.direction is Direction.BACK:
        headers[DIRECTION] = message_type.direction.value
    return headers


def _broken_rules(example: "Example") -> dict[str, str]:
    if not example.judged:
        return {BROKEN_RULES: "unknown"}
    rules = dict.fromkeys(_quoted(each.rule or each.code) for each in example.broken)
    return {BROKEN_RULES: ", ".join(islice(rules, _MAX_NAMED))} if rules else {}


def _get(service: Service, name: str, version: str) -> Standard:
    if found := service.catalogue.fetch(name, version):
        return found
    raise missing.no_standard(service.catalogue, name)


def _get_code_list(standard: Standard, uri: str, version: str) -> tuple[CodeList, File]:
    for code_list, path in standard.code_list_files:
        if (code_list.uri, code_list.version) == (uri, version):
            return code_list, path
    raise missing.no_code_list(standard, uri)


async def _stored(path: File) -> Response:
    return Response(await asyncio.to_thread(path.read_bytes), media_type=XML)


def _summary(view: dict[str, Any]) -> dict[str, Any]:
    return view | {"links": {"self": _link(view["standard"], view["version"])}}


def _link(standard: str, version: str) -> str:
    return f"/v1/standards/{_quoted(standard)}/{_quoted(version)}"


def _quoted(text: str, safe: str = "") -> str:
    # A colon is safe within a path, and nearly every code list's address is a URN.
    return quote(text, safe=f":{safe}")
