"""Take a multipart body apart in memory; nothing of it ever lies in a temporary file."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.contract.findings import Bilingual
from gateway.errors import InvalidRequest, MessageTooLarge
from gateway.http import body
from gateway.intake import Attachment
from gateway.settings import MAX_METADATA_BYTES, Settings

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_MAX_HEADERS = 8
_MAX_NAME = 255

_MALFORMED = Bilingual(
    de="Der Inhalt ist kein wohlgeformtes multipart/form-data.",
    en="The body is not well-formed multipart/form-data.",
)
_NO_BOUNDARY = Bilingual(
    de="Der Content-Type multipart/form-data nennt keine `boundary`.",
    en="The Content-Type multipart/form-data names no `boundary`.",
)
_NO_END = Bilingual(
    de="Der Inhalt ist kein wohlgeformtes multipart/form-data: das Ende fehlt.",
    en="The body is not well-formed multipart/form-data: its end is missing.",
)
_NO_MESSAGE = Bilingual(
    de="Der Teil `message` fehlt: er enthält das XML.",
    en="The part `message` is missing: it carries the XML.",
)
_UNKNOWN_PART = Bilingual(
    de="Ein Teil hat einen unbekannten Namen: es gibt `message`, `metadata` und `attachment`.",
    en="A part has an unknown name: parts are `message`, `metadata` and `attachment`.",
)


@dataclass(slots=True)
class Form:
    """The parts of a submission."""

    message: bytes = field(repr=False)
    metadata: bytes | None = field(repr=False)
    attachments: list[Attachment] = field(repr=False)


async def read_form(request: Request, settings: Settings) -> Form:
    """Read a multipart body.

    Raises:
        InvalidRequest: a part is missing, unknown or there twice, or the body is not multipart.
        MessageTooLarge: a part, their number or their sum is over its limit.
    """
    collector = _Collector(settings)
    try:
        parser = MultipartParser(_boundary(request), collector.callbacks(), max_header_count=_MAX_HEADERS)
        await body.read_into(request, settings.max_request_bytes, parser.write)
        parser.finalize()
    except FormParserError:
        raise InvalidRequest(_MALFORMED) from None
    return collector.form()


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidRequest(_NO_BOUNDARY)
    return boundary


class _Part:
    """One part while it arrives."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.name = ""
        self.file_name = ""
        self.data = bytearray()
        self.max_bytes = 0


class _Collector:
    """Receives the parser's callbacks and keeps what is allowed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._left_bytes = settings.max_attachments_bytes
        self._attachments: list[Attachment] = []
        self._single: dict[str, bytes] = {}
        self._part = _Part()
        self._field = bytearray()
        self._value = bytearray()
        self._complete = False

    def callbacks(self) -> "MultipartCallbacks":
        """Name the methods that the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._start_content,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def form(self) -> Form:
        """Return the parts, now that the body has ended."""
        if not self._complete:
            raise InvalidRequest(_NO_END)
        if "message" not in self._single:
            raise InvalidRequest(_NO_MESSAGE)
        return Form(self._single["message"], self._single.get("metadata"), self._attachments)

    def _begin(self) -> None:
        self._part = _Part()

    def _end_header(self) -> None:
        name = self._field.decode("latin-1").strip().lower()
        self._part.headers[name] = _text(self._value)
        self._field.clear()
        self._value.clear()

    def _start_content(self) -> None:
        part = self._part
        _, options = parse_options_header(part.headers.get("content-disposition", "").encode())
        part.name = _text(options.get(b"name", b""))
        part.file_name = _text(options.get(b"filename", b""))[:_MAX_NAME]
        part.max_bytes = self._limit(part.name)

    def _limit(self, name: str) -> int:
        if name in self._single:
            raise InvalidRequest(
                Bilingual(de=f"Der Teil `{name}` kommt zweimal vor.", en=f"The part `{name}` is there twice.")
            )
        if name == "message":
            return self._settings.max_message_bytes
        if name == "metadata":
            return MAX_METADATA_BYTES
        if name != "attachment":
            raise InvalidRequest(_UNKNOWN_PART)
        if len(self._attachments) >= self._settings.max_attachments:
            raise _too_many(self._settings.max_attachments)
        return self._left_bytes

    def _take(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if len(part.data) + end - start > part.max_bytes:
            raise self._too_large(part)
        part.data += memoryview(data)[start:end]

    def _too_large(self, part: _Part) -> MessageTooLarge:
        if part.name == "attachment":
            most = self._settings.max_attachments_bytes
            return MessageTooLarge(
                Bilingual(
                    de=f"Alle Anlagen zusammen dürfen höchstens {most} Byte haben.",
                    en=f"All attachments together may have at most {most} bytes.",
                )
            )
        return MessageTooLarge(
            Bilingual(
                de=f"Der Teil `{part.name}` darf höchstens {part.max_bytes} Byte haben.",
                en=f"The part `{part.name}` may have at most {part.max_bytes} bytes.",
            )
        )

    def _end(self) -> None:
        part = self._part
        if part.name != "attachment":
            self._single[part.name] = bytes(part.data)
            return
        self._left_bytes -= len(part.data)
        number = len(self._attachments) + 1
        name = part.file_name or f"attachment-{number}"
        media_type = body.media_type(part.headers.get("content-type"))
        self._attachments.append(Attachment(name, media_type, bytes(part.data)))

    def _finish(self) -> None:
        self._complete = True


def _too_many(most: int) -> MessageTooLarge:
    return MessageTooLarge(
        Bilingual(
            de=f"Höchstens {most} Anlagen werden angenommen.", en=f"At most {most} attachments are taken."
        )
    )


def _text(raw: bytes | bytearray) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
