"""Files whatever is delivered: applications, follow-ups, and the decisions that came back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from errno import errorcode
from hashlib import sha256
from pathlib import Path
from typing import Any

from adapters.dms.tree import Draft, Place
from adapters.kit import Accepted, Adapter, AttachmentInfo, Transient, Work
from adapters.kit.clock import utc_now
from gateway.contract.delivery import Delivery

EXTENSIONS = {
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/xml": "xml",
    "application/zip": "zip",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "text/csv": "csv",
    "text/plain": "txt",
    "text/xml": "xml",
}
"""Only these; a sender's own file name never becomes part of a path."""


class Dms(Adapter):
    """Keeps Akte/Vorgang/Dokument below `akten` in its data folder, or in the option `folder`.

    Akte is tenant and service, Vorgang the case, Dokument one message with its attachments.
    """

    @property
    def root(self) -> Path:
        """Where the tree begins; a relative `folder` is taken from the data folder."""
        folder: str = self.context.options.get("folder", "akten")
        return self.context.data_dir / folder

    def check_config(self) -> list[str]:
        """Return what is wrong with the options."""
        unknown = sorted(set(self.context.options) - {"folder"})
        faults = [f"options.{name}: the DMS adapter has no such option; it knows folder" for name in unknown]
        folder = self.context.options.get("folder", "akten")
        if not isinstance(folder, str) or not folder or "\0" in folder:
            faults.append("options.folder: must be the path of a folder")
        return faults

    async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
        """File the message with its attachments, unless that was done before."""
        place = Place.of(self.root, delivery)
        if await asyncio.to_thread(place.is_filed):
            return _accepted(place)
        async with _draft(place) as draft:
            await self._fill(draft, place, delivery, work)
            await asyncio.to_thread(draft.publish)
        return _accepted(place)

    async def find(self, delivery: Delivery) -> Accepted | None:
        """Look whether the Dokument is there; it appears only when it is complete."""
        place = Place.of(self.root, delivery)
        return _accepted(place) if await asyncio.to_thread(place.is_filed) else None

    async def _fill(self, draft: Draft, place: Place, delivery: Delivery, work: Work) -> None:
        body = await work.body()
        await asyncio.to_thread(draft.write, "message.xml", body)
        filed = []
        for each in await work.attachments():
            file = f"anlagen/{each.number:03}-{each.sha256[:16]}.{EXTENSIONS.get(each.media_type, 'bin')}"
            await asyncio.to_thread(draft.write, file, await work.attachment(each.number))
            filed.append(_described(each, file))
        metadata = _metadata(place, delivery, body) | {"attachments": filed}
        await asyncio.to_thread(draft.write_json, "metadata.json", metadata)


@asynccontextmanager
async def _draft(place: Place) -> AsyncIterator[Draft]:
    """Open a draft that is gone afterwards unless it was published; a full disk is a fault that passes."""
    try:
        draft = await asyncio.to_thread(Draft.begin, place)
        try:
            yield draft
        finally:
            await asyncio.shield(asyncio.to_thread(draft.discard))
    except OSError as error:
        name = errorcode.get(error.errno or 0, type(error).__name__)
        raise Transient(f"The folder of the DMS cannot be written ({name}).") from error


def _accepted(place: Place) -> Accepted:
    return Accepted(foreign_id=place.name)


def _metadata(place: Place, delivery: Delivery, body: bytes) -> dict[str, Any]:
    return {
        "akte": place.record.name,
        "vorgang": place.case.name,
        "dokument": place.document.name,
        "submission_id": delivery.submission_id,
        "case_id": delivery.case_id,
        "case_seq": delivery.case_seq,
        "delivery_id": delivery.delivery_id,
        "message_type": delivery.message_type,
        "tenant": delivery.tenant,
        "service": delivery.service,
        "authority": delivery.authority,
        "role": delivery.role.value,
        "test": delivery.test,
        "original_sha256": delivery.original_sha256,
        "delivered_at": delivery.created_at.isoformat(),
        "filed_at": utc_now().isoformat(),
        "message": {"file": "message.xml", "sha256": sha256(body).hexdigest(), "size": len(body)},
    }


def _described(info: AttachmentInfo, file: str) -> dict[str, Any]:
    return {"file": file} | info.model_dump()
