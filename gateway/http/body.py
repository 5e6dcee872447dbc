"""Read a request's body with a cap and a time limit, before any memory grows beyond it."""

import asyncio
import re
from collections.abc import Callable

from fastapi import Request

from gateway.contract.findings import Bilingual
from gateway.errors import InvalidRequest, RequestTimeout, UnsupportedMediaType
from gateway.http.admission import admission_of
from gateway.xml.parse import too_large

BODY_TIMEOUT_S = 120.0
"""From the first byte to the last; 64 MiB of attachments over 5 Mbit/s fit."""

_COMPRESSED = Bilingual(
    de="Senden Sie den Inhalt unkomprimiert: Content-Encoding wird nicht angenommen.",
    en="Send the body uncompressed: Content-Encoding is not taken.",
)
_NO_LENGTH = Bilingual(de="Content-Length ist keine Zahl.", en="Content-Length is not a number.")
_OCTETS = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"\s*([\w.+-]{1,80}/[\w.+-]{1,80})\s*(;|$)", re.ASCII)


async def read_into(request: Request, max_bytes: int, take: Callable[[bytes], object]) -> None:
    """Hand the body to `take`, chunk by chunk.

    Raises:
        MessageTooLarge: it has, or says that it has, more than `max_bytes`.
        RequestTimeout: it did not arrive in time.
        UnsupportedMediaType: it is compressed; a small body could then become a large one.
        Unavailable: too many bodies are in memory; this one is not read.
    """
    held = _declared_length(request, max_bytes)
    admission, state = admission_of(request), request.scope["state"]
    admission.hold_body(state, held)
    total = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                total += len(chunk)
                if total > max_bytes:
                    raise too_large(max_bytes)
                if total > held:  # it did not say how long it is
                    admission.hold_body(state, total - held)
                    held = total
                take(chunk)
    except TimeoutError:
        raise RequestTimeout(
            Bilingual(
                de=f"Der Inhalt ist nicht binnen {BODY_TIMEOUT_S:.0f} s angekommen; bitte erneut senden.",
                en=f"The body did not arrive within {BODY_TIMEOUT_S:.0f} s; send it again.",
            )
        ) from None


async def read(request: Request, max_bytes: int) -> bytes:
    """Return the body; raises as `read_into`."""
    chunks: list[bytes] = []
    await read_into(request, max_bytes, chunks.append)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def media_type(stated: str | None) -> str:
    """Reduce a Content-Type to type and subtype; its parameters may carry a file name."""
    found = _MEDIA_TYPE.match(stated or "")
    return found[1].lower() if found else _OCTETS


def _declared_length(request: Request, max_bytes: int) -> int:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(_COMPRESSED)
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        raise InvalidRequest(_NO_LENGTH)
    if int(declared) > max_bytes:
        raise too_large(max_bytes)
    return int(declared)
