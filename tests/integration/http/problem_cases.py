"""One request for each class of problem; `tests/estate/test_routes.py` holds that none is missing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx2
import pytest
import yaml
from sqlalchemy import update

from gateway import errors
from gateway.contract.ids import new_id
from gateway.http import body
from gateway.standards import Catalogue
from gateway.store.codec import ERASED
from gateway.store.tables import payloads
from tests.integration.http.portal import (
    LEAD,
    OTHER,
    SAMPLES,
    SERVICE,
    TESTER,
    XML,
    Portal,
    demo_config,
    message,
    running,
    sample,
)
from tests.unit.test_example import standard_of

PARKING = SAMPLES.parents[1] / "xparken" / "1.0"

Case = Callable[[Portal, Path, pytest.MonkeyPatch], Awaitable[httpx2.Response]]
CASES: dict[type[errors.Problem], Case] = {}


def leads_to(kind: type[errors.Problem]) -> Callable[[Case], Case]:
    """Note which problem a request leads to."""

    def note(case: Case) -> Case:
        CASES[kind] = case
        return case

    return note


def break_store(portal: Portal) -> None:
    """Take the database away: there is a folder in its place."""
    path = Path(portal.service.settings.store_url.removeprefix("sqlite:///"))
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    path.mkdir()


@leads_to(errors.MalformedXml)
async def malformed(portal, folder, patch):
    return await portal.submit(sample("12-nicht-wohlgeformt"))


@leads_to(errors.NotUtf8)
async def not_utf8(portal, folder, patch):
    return await portal.submit(sample("13-iso-8859-1"))


@leads_to(errors.ForbiddenXml)
async def doctype(portal, folder, patch):
    return await portal.submit(sample("14-doctype"))


@leads_to(errors.SchemaViolation)
async def invalid(portal, folder, patch):
    return await portal.submit(sample("01-vornamen-fehlen"))


@leads_to(errors.CodeListViolation)
async def unknown_list(portal, folder, patch):
    return await portal.submit(sample("07-codeliste-unbekannt"))


@leads_to(errors.CodeViolation)
async def unknown_code(portal, folder, patch):
    return await portal.submit(sample("06-urkundenart-nicht-in-der-liste"))


@leads_to(errors.RuleViolation)
async def broken_rule(portal, folder, patch):
    return await portal.submit((PARKING / "invalid" / "22-zeitraum-endet-vor-beginn.xml").read_bytes())


@leads_to(errors.VersionNotServed)
async def unknown_version(portal, folder, patch):
    return await portal.submit(sample("11-version-nicht-bedient"))


@leads_to(errors.UnknownMessageType)
async def unknown_root(portal, folder, patch):
    return await portal.submit(sample("10-wurzelelement-unbekannt"))


@leads_to(errors.WrongDirection)
async def decision(portal, folder, patch):
    return await portal.submit(sample("08-ergebnis-ausgestellt"))


@leads_to(errors.NoRoute)
async def test_client_without_test(portal, folder, patch):
    return await portal.submit(message(), caller=TESTER)


@leads_to(errors.MetadataMismatch)
async def contradiction(portal, folder, patch):
    return await portal.submit(message(), params={"channel": "counter"})


@leads_to(errors.IncompleteMetadata)
async def nameless(portal, folder, patch):
    (folder / "standards").mkdir()
    standard_of(folder / "standards", '<xs:element name="m" type="xs:token"/>')
    catalogue = Catalogue.load([folder / "standards"])
    async with running(folder / "probe", catalogue=catalogue) as other:
        return await other.submit(b'<m xmlns="urn:example:probe"/>')


@leads_to(errors.TrustLevelTooLow)
async def low_trust(portal, folder, patch):
    text = (SAMPLES.parents[1] / "demo" / "config.yaml").read_text(encoding="utf-8")
    services = yaml.safe_load(text)["services"]
    wanting = [{**each, "trust_level": "high"} if each["key"] == SERVICE else each for each in services]
    async with running(folder / "strict", demo_config(services=wanting)) as strict:
        return await strict.submit(message())


@leads_to(errors.AttachmentMismatch)
async def other_body(portal, folder, patch):
    path = f"/v1/destinations/{LEAD}/attachments/{'0' * 64}"
    return await portal.call("PUT", path, caller=f"destination:{LEAD}", content=b"%PDF-1.7")


@leads_to(errors.DuplicateMessageId)
async def other_bytes(portal, folder, patch):
    first = message(new_id())
    await portal.submitted(first)
    return await portal.submit(first.replace(b"</b:familienname>", b"-Beispiel</b:familienname>", 1))


@leads_to(errors.MessageTooLarge)
async def oversized(portal, folder, patch):
    return await portal.submit(b" " * (portal.service.settings.max_message_bytes + 1))


@leads_to(errors.InvalidRequest)
async def misspelt(portal, folder, patch):
    return await portal.submit(message(), params={"servce": SERVICE})


@leads_to(errors.Unauthenticated)
async def wrong_token(portal, folder, patch):
    headers = XML | {"Authorization": "Bearer not.a.token"}
    return await portal.http.post("/v1/submissions", content=message(), headers=headers)


@leads_to(errors.NotAuthorised)
async def foreign_tenant(portal, folder, patch):
    return await portal.submit(message(), caller=OTHER)


@leads_to(errors.NotFound)
async def unknown_id(portal, folder, patch):
    return await portal.get(f"/v1/submissions/{new_id()}")


@leads_to(errors.UnknownAddress)
async def unknown_address(portal, folder, patch):
    return await portal.get("/v2/geheim-4711")


@leads_to(errors.MethodNotAllowed)
async def unknown_method(portal, folder, patch):
    return await portal.call("DELETE", "/v1/mailbox")


@leads_to(errors.RequestTimeout)
async def stalled(portal, folder, patch):
    async def stalling() -> AsyncIterator[bytes]:
        yield b"<a>"
        await asyncio.Event().wait()

    await portal.get("/v1/mailbox")
    patch.setattr(body, "BODY_TIMEOUT_S", 0.05)
    return await portal.submit(stalling())


@leads_to(errors.UnsupportedMediaType)
async def compressed(portal, folder, patch):
    return await portal.submit(message(), headers={"Content-Encoding": "gzip"})


@leads_to(errors.PayloadErased)
async def erased(portal, folder, patch):
    accepted = await portal.submitted()
    delivery_id = await portal.delivery_of(accepted["submission_id"])
    async with portal.store.write() as connection:
        await connection.execute(update(payloads).values(codec=ERASED, key_id=None, body=b""))
    path = f"/v1/destinations/{LEAD}/deliveries/{delivery_id}"
    return await portal.call("GET", path, caller=f"destination:{LEAD}")


@leads_to(errors.RateLimited)
async def guessing(portal, folder, patch):
    for _ in range(10):
        assert (await portal.sign_in("demo-portal", "a wrong secret")).status_code == 401
    return await portal.sign_in("demo-portal", "a wrong secret")


@leads_to(errors.Unavailable)
async def store_away(portal, folder, patch):
    await portal.get("/v1/mailbox")
    await portal.store.close()
    break_store(portal)
    return await portal.submit(message())


@leads_to(errors.InternalFault)
async def broken(portal, folder, patch):
    portal.service.intake = None
    return await portal.submit(message())
