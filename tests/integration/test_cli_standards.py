"""A published standard by one command, while a gateway runs and takes messages."""

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.acceptance.installation import (
    AUTHORITY,
    FIXTURES,
    SERVICE,
    Installation,
    eventually,
    one_office_config,
    signed_in,
)
from tests.unit.standards import release

DONE, REFUSED, _, _, NOT_CONFIGURED = range(5)
SOON_S = 20.0
QUERY = {"service": SERVICE, "authority": AUTHORITY}
OTHER = FIXTURES / "xparken" / "1.0" / "valid" / "01-neu-online.xml"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Installation]:
    """A running gateway whose office can file nothing."""
    config = one_office_config("xhund:*")
    config["destinations"][0]["options"] = {"folder": "/dev/null/akten"}
    town = Installation(tmp_path / "town", config=config)
    try:
        town.migrate()
        town.serve()
        asyncio.run(town.ready())
        yield town
    finally:
        town.close()


def said(town: Installation, *arguments: str | Path, code: int = DONE) -> Any:
    done = town.run("standards", *arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def post(http: httpx2.Client, body: str) -> httpx2.Response:
    return http.post(
        "/v1/submissions",
        params=QUERY,
        content=body.encode(),
        headers={"Content-Type": "application/xml"},
    )


def another() -> str:
    return release.message().replace("0f6c2b52", uuid4().hex[:8])


def until_answered(http: httpx2.Client, status: int) -> dict[str, Any]:
    """Post messages until one is answered so, each a new one: a resend is answered as the first time."""

    async def look() -> dict[str, Any] | None:
        body = another()
        response = await asyncio.to_thread(post, http, body)
        return response.json() | {"posted": body} if response.status_code == status else None

    return asyncio.run(eventually(look, SOON_S, f"status {status}"))


class Watcher:
    """Asks for a validation again and again, and keeps every answer that is not as it should be."""

    def __init__(self, town: Installation) -> None:
        self._town, self._ended = town, threading.Event()
        self.asked, self.unexpected = 0, []
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        with signed_in(self._town, "portal") as http:
            while not self._ended.is_set():
                response = http.post(
                    "/v1/validate", content=OTHER.read_bytes(), headers={"Content-Type": "application/xml"}
                )
                self.asked += 1
                # The message is valid; this installation offers no such service.
                if response.json().get("code") != "T080":
                    self.unexpected.append(response.text)


def test_standard_takes_effect_while_the_gateway_runs(town: Installation, tmp_path: Path) -> None:
    shared = release.write(tmp_path / "gemeinsames", release.shared_files())
    delivered = release.write(tmp_path / "lieferung", release.files())
    with signed_in(town, "portal") as http, Watcher(town) as watcher:
        assert post(http, release.message()).json()["type"] == "/problems/unknown-message-type"
        assert said(town, "add", shared)["message_types"] == []
        report = said(town, "add", delivered)
        assert report["message_types"] == ["hund.anmeldung.0101"]
        assert [each["valid"] for each in report["samples"]] == [True]
        assert (town.var / "standards" / "xhund" / "2.3" / "standard.yaml").is_file()
        said(town, "enable", "xhund", "2.3")
        until_answered(http, httpx2.codes.ACCEPTED)
        said(town, "enable", "xhund", "2.3", "--from", "2020-01-01", "--until", "2020-12-31")
        refused = until_answered(http, httpx2.codes.UNPROCESSABLE_CONTENT)
        assert refused["code"] == "V000"
    assert watcher.asked > 0
    assert watcher.unexpected == []
    undelivered = open_deliveries(town)
    detail = said(town, "remove", "xhund", "2.3", code=REFUSED)["detail"]
    several = "s" if len(undelivered) > 1 else ""
    assert detail.startswith(f"{len(undelivered)} message{several} of xhund 2.3 still on the way")
    town.run("deliveries", "cancel", *undelivered, "--reason", "nobody files them")
    asyncio.run(eventually(lambda: removed(town), SOON_S, "the standard is removed"))
    assert not (town.var / "standards" / "xhund" / "2.3").exists()


def test_next_release_is_prepared_beside_its_predecessor_and_takes_over_on_its_day(
    town: Installation, tmp_path: Path
) -> None:
    """Nothing in their messages tells one from the other; who sends which is told by the day it came in."""
    said(town, "add", release.write(tmp_path / "gemeinsames", release.shared_files()))
    delivered = release.write(tmp_path / "lieferung", release.files())
    said(town, "add", delivered)
    said(town, "enable", "xhund", "2.3", "--from", "2020-01-01")
    said(town, "add", delivered, "--version", "2.3.1")
    refused = said(town, "enable", "xhund", "2.3.1", "--from", "2020-01-01", code=NOT_CONFIGURED)
    assert "2020-01-01 is the first day of xhund 2.3 as well" in refused["detail"]
    said(town, "enable", "xhund", "2.3.1", "--from", "2999-01-01")
    with signed_in(town, "portal") as http:
        first = until_answered(http, httpx2.codes.ACCEPTED)
        said(town, "enable", "xhund", "2.3.1", "--from", "2020-01-02")
        asyncio.run(eventually(lambda: sent(town, "2.3.1", http), SOON_S, "the next release takes over"))
        resent = post(http, first["posted"]).json()
    assert resent["submission_id"] == first["submission_id"]
    counts = {each["version"]: each["senders"] for each in said(town, "senders")["standards"]}
    assert [each["client"] for each in counts["2.3"]] == ["portal"]
    listed = {each["version"]: each["served"] for each in said(town, "list")["standards"]}
    assert {"2.3": True, "2.3.1": True}.items() <= listed.items()
    for version in ("2.3", "2.3.1"):
        (message,) = said(town, "show", "xhund", version)["messages"]
        assert said(town, "example", message["id"])["message_type"] == f"xhund:{version}:hund.anmeldung.0101"


async def sent(town: Installation, version: str, http: httpx2.Client) -> bool:
    """Post one more message, and say whether any was taken as one of that version."""
    await asyncio.to_thread(post, http, another())
    (found,) = (await asyncio.to_thread(said, town, "senders", "xhund", version))["standards"]
    return bool(found["senders"])


BROKEN = """<!DOCTYPE xs:schema [<!ENTITY any "xs:string">]>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:kaputt">
<xs:element name="kaputt" type="&any;"/></xs:schema>"""
BROKEN_MANIFEST = """standard: kaputt
version: "1.0"
namespace: urn:kaputt
title: {de: Kaputt, en: Broken}
schemas: [kaputt.xsd]
valid_from: 2020-01-01
message_types:
- {root: kaputt, name: kaputt, direction: in, title: {de: Kaputt, en: Broken}}
"""


def test_gateway_goes_on_looking_when_something_unusable_was_put_there(
    town: Installation, tmp_path: Path
) -> None:
    folder = town.var / "standards" / "kaputt" / "1.0"
    release.write(folder, {"kaputt.xsd": BROKEN, "standard.yaml": BROKEN_MANIFEST})
    asyncio.run(eventually(lambda: complained(town), SOON_S, "the gateway says so"))
    shutil.rmtree(folder)
    said(town, "add", release.write(tmp_path / "gemeinsames", release.shared_files()))
    said(town, "add", release.write(tmp_path / "lieferung", release.files()))
    said(town, "enable", "xhund", "2.3")
    with signed_in(town, "portal") as http:
        until_answered(http, httpx2.codes.ACCEPTED)


async def complained(town: Installation) -> bool:
    return any("standards_not_usable" in path.read_text("utf-8") for path in town.folder.glob("*.log"))


def open_deliveries(town: Installation) -> list[str]:
    listed = json.loads(town.run("deliveries", "list", "--json").stdout)["deliveries"]
    return [each["delivery_id"] for each in listed]


async def removed(town: Installation) -> bool:
    """Say whether it is; a delivery in flight is cancelled once its copy is settled."""
    done = await asyncio.to_thread(town.run, "standards", "remove", "xhund", "2.3")
    return done.returncode == DONE


def test_release_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path) -> None:
    town = Installation(tmp_path / "town")
    empty = release.write(tmp_path / "leer", {"a.xml": "<a/>"})
    refused = town.run("standards", "add", empty)
    assert (refused.returncode, refused.stdout) == (REFUSED, "")
    assert "no XML schema and no code list" in refused.stderr
    assert said(town, "enable", "xhund", "2.3", code=NOT_CONFIGURED)["detail"].startswith(
        "there is no standard"
    )


def test_report_for_people_says_what_is_missing_and_what_comes_next(tmp_path: Path) -> None:
    town = Installation(tmp_path / "town")
    delivered = release.write(tmp_path / "lieferung", release.files() | {"kaputt.xml": "<"})
    done = town.run("standards", "add", delivered, "--dry-run")
    assert done.returncode == DONE, done.stderr
    for words in (
        "xhund 2.3: Amtsbote-Beispielstandard Hundeanmeldung",
        "unresolved imports: 1\n    xsd/xhund-bausteine.xsd:6: urn:amtsbote:gemeinsames:1.0 from https://standards.amtsbote.example/",
        "unusable files: 1\n    kaputt.xml",
        "Nothing was added (--dry-run).",
    ):
        assert words in done.stdout
    assert not (town.var / "standards").exists()
