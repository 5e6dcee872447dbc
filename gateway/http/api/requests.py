"""Read what a portal posts: a message with metadata and attachments, as multipart or as bare XML."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from gateway.contract.findings import Bilingual
from gateway.errors import InvalidRequest, UnsupportedMediaType
from gateway.http import body
from gateway.http.multipart import read_form
from gateway.http.request_faults import findings_of
from gateway.intake import Attachment, Metadata
from gateway.settings import Settings

FORM = "multipart/form-data"
_XML = ("application/xml", "text/xml")
_MAX_KEY = 200
_NO_METADATA = Metadata()

_OTHER_TYPE = Bilingual(
    de=f"Senden Sie {FORM} mit dem Teil `message` oder das bloße XML als {_XML[0]}.",
    en=f"Send {FORM} with the part `message`, or the bare XML as {_XML[0]}.",
)
_QUERY_WITH_FORM = Bilingual(
    de="Bei multipart stehen diese Angaben im Teil `metadata`, nicht in der Adresse.",
    en="With multipart, state these in the part `metadata`, not in the query.",
)
_BAD_KEY = Bilingual(
    de=f"Idempotency-Key muss aus 1 bis {_MAX_KEY} druckbaren ASCII-Zeichen bestehen.",
    en=f"Idempotency-Key must have 1 to {_MAX_KEY} printable ASCII characters.",
)
_TWICE = Bilingual(de="Eine Angabe steht zweimal in der Adresse.", en="A query parameter is there twice.")


@dataclass(frozen=True, slots=True)
class Posted:
    """A message as it was posted."""

    message: bytes = field(repr=False)
    metadata: Metadata = field(repr=False)
    attachments: list[Attachment] = field(repr=False)
    idempotency_key: str | None = field(repr=False)


async def read_posted(request: Request, settings: Settings) -> Posted:
    """Read a posted message in either form.

    Raises:
        UnsupportedMediaType: it is neither.
        InvalidRequest: parts, metadata or the header Idempotency-Key are not what they should be.
        MessageTooLarge: something is over its limit.
    """
    media_type = body.media_type(request.headers.get("content-type"))
    key = _idempotency_key(request)
    if media_type in _XML:
        metadata = _from_query(request)
        return Posted(await body.read(request, settings.max_message_bytes), metadata, [], key)
    if media_type != FORM:
        raise UnsupportedMediaType(_OTHER_TYPE)
    if request.query_params:
        raise InvalidRequest(_QUERY_WITH_FORM)
    form = await read_form(request, settings)
    return Posted(form.message, _from_part(form.metadata), form.attachments, key)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= _MAX_KEY and key.isprintable() and key.isascii()):
        raise InvalidRequest(_BAD_KEY)
    return key


def _from_query(request: Request) -> Metadata:
    if not request.query_params:
        return _NO_METADATA
    stated: dict[str, Any] = dict(request.query_params)
    if len(stated) < len(request.query_params.multi_items()):
        raise InvalidRequest(_TWICE)
    return _checked(stated, "query")


def _from_part(part: bytes | None) -> Metadata:
    if part is None:
        return _NO_METADATA
    return _checked(part, "metadata")


def _checked(stated: bytes | dict[str, Any], place: str) -> Metadata:
    try:
        if isinstance(stated, bytes):
            return Metadata.model_validate_json(stated)
        return Metadata.model_validate(stated)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise InvalidRequest(findings=findings_of(faults, place)) from None
