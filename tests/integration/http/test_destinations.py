"""What adapters fetch and upload."""

from datetime import date
from hashlib import sha256
from pathlib import Path

from sqlalchemy import select

from gateway.config import Config
from gateway.contract.ids import new_id
from gateway.http.api.answers import DeliveryAttachment
from gateway.store.codec import Encoded
from gateway.store.rows import payload_place
from gateway.store.tables import documents
from tests.integration.http.portal import (
    ELSEWHERE,
    LEAD,
    SAMPLES,
    Portal,
    demo_config,
    message,
    running,
    sample,
)

ADAPTER = f"destination:{LEAD}"


async def deliver(portal: Portal) -> tuple[str, bytes, list[bytes]]:
    """Post a message with attachments; return the address of its delivery."""
    body = sample("03-bevollmaechtigter-mit-vollmacht")
    names = ("vollmacht-quandt.pdf", "ausweis-quandt.png")
    attached = [(SAMPLES / "anlagen" / name).read_bytes() for name in names]
    files = [("message", ("m.xml", body, "application/xml"))]
    files += [
        ("attachment", (name, data, "application/pdf; name=Müller"))
        for name, data in zip(names, attached, strict=True)
    ]
    accepted = (await portal.post("/v1/submissions", files=files)).json()
    delivery = await portal.delivery_of(accepted["submission_id"])
    return f"/v1/destinations/{LEAD}/deliveries/{delivery}", body, attached


async def test_delivery_is_as_posted_when_its_adapter_fetches_it(portal: Portal):
    path, body, attached = await deliver(portal)
    fetched = await portal.get(path, caller=ADAPTER)
    assert (fetched.status_code, fetched.content) == (200, body)
    listing = [
        DeliveryAttachment.model_validate(each)
        for each in (await portal.get(f"{path}/attachments", caller=ADAPTER)).json()
    ]
    assert [each.number for each in listing] == [1, 2]
    assert [each.file_name for each in listing] == ["vollmacht-quandt.pdf", "ausweis-quandt.png"]
    for each, data in zip(listing, attached, strict=True):
        answer = await portal.get(f"{path}/attachments/{each.number}", caller=ADAPTER)
        assert answer.content == data
        assert each.sha256 == sha256(data).hexdigest()
        assert each.size == len(data)
        assert each.media_type == answer.headers["content-type"] == "application/pdf"


def serving_old() -> Config:
    """Return the demo configuration with a lead destination that serves the old version only."""
    destinations = [
        each.model_copy(update={"serves": ("xurkunde:1.0:*",) if each.name == LEAD else ()})
        for each in demo_config().destinations
    ]
    return demo_config().model_copy(update={"destinations": tuple(destinations)})


async def test_delivery_is_converted_when_its_destination_serves_another_version(tmp_path: Path):
    async with running(tmp_path, serving_old()) as portal:
        path, body, _ = await deliver(portal)
        fetched = await portal.get(path, caller=ADAPTER)
        incoming = portal.service.catalogue.read(fetched.content, today=date(2026, 6, 1))
        assert incoming.message_type.id == "xurkunde:1.0:urkunde.anforderung.0101"
        assert fetched.headers["etag"] == f'"{sha256(fetched.content).hexdigest()}"'
        original = await portal.get(f"{path}/original", caller=ADAPTER)
        assert original.content == body


async def test_original_is_fetched_where_nothing_was_converted(portal: Portal):
    path, body, _ = await deliver(portal)
    assert (await portal.get(f"{path}/original", caller=ADAPTER)).content == body


async def test_message_is_refused_when_its_conversion_would_lose_something(tmp_path: Path):
    async with running(tmp_path, serving_old()) as portal:
        body = message().replace(b"<u:zustellweg>post<", b"<u:zustellweg>abholung<")
        for address in ("/v1/submissions", "/v1/validate"):
            answer = await portal.submit(body, path=address)
            assert (answer.status_code, answer.json()["code"]) == (422, "V000")
            (finding,) = answer.json()["findings"]
            assert finding["path"] == "/u:urkunde.anforderung.0101/u:zustellweg"
        assert (await portal.submit(message())).status_code == 202


async def test_delivery_is_out_of_reach_when_it_is_anothers(portal: Portal):
    path, _, _ = await deliver(portal)
    delivery = path.rpartition("/")[2]
    other = f"destination:{ELSEWHERE}"
    for tail in ("", "/original", "/attachments", "/attachments/1"):
        assert (await portal.get(path + tail, caller=other)).status_code == 403
        own = f"/v1/destinations/{ELSEWHERE}/deliveries/{delivery}{tail}"
        assert (await portal.get(own, caller=other)).status_code == 404


async def test_delivery_is_not_found_when_the_id_is_none(portal: Portal):
    for name in ("x", new_id()):
        path = f"/v1/destinations/{LEAD}/deliveries/{name}"
        assert (await portal.get(path, caller=ADAPTER)).status_code == 404


async def test_document_is_kept_when_it_is_uploaded_twice(portal: Portal):
    data = b"%PDF-1.7 decision"
    digest = sha256(data).hexdigest()
    path = f"/v1/destinations/{LEAD}/attachments/{digest}"
    for _ in range(2):
        answer = await portal.call(
            "PUT", path, caller=ADAPTER, content=data, headers={"Content-Type": "application/pdf"}
        )
        assert (answer.status_code, answer.content) == (204, b"")
    async with portal.store.read() as connection:
        row = (await connection.execute(select(documents).where(documents.c.sha256 == digest))).one()
    sealed = Encoded(row.codec, row.key_id, row.body)
    content = portal.store.vault.unseal(sealed, tenant=row.tenant, place=payload_place("", 1, digest))
    stored = (row.destination, row.tenant, row.media_type, content)
    assert stored == (LEAD, "musterstadt", "application/pdf", data)


async def test_upload_is_refused_when_the_address_is_no_digest(portal: Portal):
    for digest in ("x", "A" * 64, "0" * 63):
        path = f"/v1/destinations/{LEAD}/attachments/{digest}"
        assert (await portal.call("PUT", path, caller=ADAPTER, content=b"x")).status_code == 422


async def test_upload_is_refused_when_it_is_too_large_or_anothers(tmp_path):
    async with running(tmp_path, max_attachments_bytes=1000) as portal:
        data = b"x" * 1001
        path = f"/v1/destinations/{LEAD}/attachments/{sha256(data).hexdigest()}"
        assert (await portal.call("PUT", path, caller=ADAPTER, content=data)).status_code == 413
        other = f"destination:{ELSEWHERE}"
        assert (await portal.call("PUT", path, caller=other, content=b"x")).status_code == 403
        assert (await portal.call("PUT", path, content=b"x")).status_code == 403


async def test_delivery_is_fetched_when_no_attachment_was_posted(portal: Portal):
    accepted = await portal.submitted(message())
    delivery = await portal.delivery_of(accepted["submission_id"])
    path = f"/v1/destinations/{LEAD}/deliveries/{delivery}/attachments"
    assert (await portal.get(path, caller=ADAPTER)).json() == []
