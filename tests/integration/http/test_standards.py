"""Standards over HTTP: what is listed is fetched as stored, examples are valid, nothing else is read."""

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from lxml import etree

from gateway.contract.findings import Severity
from gateway.errors import Unavailable
from gateway.http.example_desk import MAX_WAITING
from gateway.settings import data_folder
from gateway.standards.examples import Example, Examples
from gateway.xml.parse import parse
from gateway.xml.rules import Rules
from tests.integration.http.portal import TESTER, Portal
from tests.unit.test_example import CHOICE, with_rules

SCHEMAS = data_folder("schemas")
XURKUNDE = "/v1/standards/xurkunde/1.1"
EXAMPLE = f"{XURKUNDE}/messages/urkunde.anforderung.0101/example"
CODES = f"{XURKUNDE}/code-lists/urn:amtsbote:codeliste:eingangskanal/1"


async def test_standards_are_listed_with_validity_when_a_client_asks(portal: Portal):
    answer = await portal.get("/v1/standards")
    listed = {(each["standard"], each["version"]): each for each in answer.json()["standards"]}
    assert len(listed) == len(portal.service.catalogue.standards)
    found = listed["xurkunde", "1.1"]
    assert (found["valid_from"], found["valid_until"], found["served"]) == ("2026-01-01", None, True)
    assert (found["message_count"], found["links"]["self"]) == (2, XURKUNDE)


async def test_every_link_of_every_standard_leads_to_what_it_says(portal: Portal):
    for each in (await portal.get("/v1/standards")).json()["standards"]:
        found = (await portal.get(each["links"]["self"])).json()
        assert found["schemas"]
        for schema in found["schemas"]:
            stored = SCHEMAS / schema["standard"] / schema["version"] / schema["file"]
            answer = await portal.get(schema["link"])
            assert (answer.status_code, answer.content) == (200, stored.read_bytes())
            assert answer.headers["content-type"] == "application/xml"
        for code_list in found["code_lists"]:
            codes = (await portal.get(code_list["link"])).json()
            assert {name: codes[name] for name in ("uri", "version", "closed")} == {
                name: code_list[name] for name in ("uri", "version", "closed")
            }
            assert codes["codes"] == sorted(codes["codes"]) != []


async def test_code_list_is_genericode_as_stored_when_xml_is_wanted(portal: Portal):
    answer = await portal.get(CODES, headers={"Accept": "application/xml"})
    assert answer.content == (SCHEMAS / "xbasis/1.0/codelists/eingangskanal.xml").read_bytes()
    assert "online" in (await portal.get(CODES)).json()["codes"]


async def test_code_list_is_found_when_its_address_is_escaped(portal: Portal):
    assert (await portal.get(CODES.replace(":", "%3A"))).json()["version"] == "1"


@pytest.mark.parametrize("query", ["", "?full=true", "?seed=7", "?full=true&seed=999999"])
async def test_example_is_valid_but_for_the_rules_that_it_names(portal: Portal, query: str):
    catalogue = portal.service.catalogue
    for standard in catalogue.standards:
        view = (
            await portal.get(f"/v1/standards/{standard.manifest.standard}/{standard.manifest.version}")
        ).json()
        for each in view["messages"]:
            answer = await portal.get(each["example"] + query)
            assert answer.headers["content-type"] == "application/xml"
            root = parse(answer.content)
            message_type, _ = catalogue.identify(root, answer.content, standard.manifest.valid_from)
            assert message_type.id == each["id"]
            found = standard.find(root, answer.content, message_type).shown
            broken = dict.fromkeys(one.rule for one in found if one.severity is Severity.ERROR)
            assert answer.headers.get("x-broken-rules", "") == ", ".join(broken)
            missing = len(standard.compare(root, answer.content, [], whole=True).shown)
            assert answer.headers.get("x-missing-attachments", "0") == str(missing)
            direction = "back" if message_type.direction == "back" else ""
            assert answer.headers.get("x-direction", "") == direction


async def test_example_of_the_guide_is_accepted_when_it_says_where_to(portal: Portal):
    parking = "/v1/standards/xparken/1.0/messages/bewohnerparken.antrag.0101/example"
    assert "x-broken-rules" not in (await portal.get(f"{parking}?full=true&seed=7")).headers
    body = (await portal.get(parking)).content
    body = re.sub(rb"<b:leistung>.*<", b"<b:leistung>99900000000102<", body)
    body = re.sub(rb"<kennung>.*<", b"<kennung>psw:99101001<", body)
    for path, status in (("/v1/validate", 200), ("/v1/submissions", 202)):
        answer = await portal.submit(body, path=path)
        assert answer.status_code == status, answer.text


@pytest.fixture
def strict(portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an example that no attempt can make good."""
    # The report of a rule repeats ids as they are; a header takes no others than ASCII.
    with_rules(tmp_path, CHOICE, ("t:art", "false()"), ("t:person", "false()"))
    rules = tmp_path / "probe.sch"
    rules.write_text(rules.read_text("utf-8").replace("R2", "Größe"), "utf-8")
    monkeypatch.setattr(portal.service, "catalogue", type(portal.service.catalogue).load([tmp_path]))
    return "/v1/standards/probe/1/messages/m/example"


async def test_broken_rules_are_named_when_no_attempt_keeps_them(portal: Portal, strict: str):
    answer = await portal.get(strict)
    assert (answer.status_code, answer.headers["x-broken-rules"]) == (200, "R1, Gr%C3%B6%C3%9Fe")


async def test_example_is_judged_the_next_time_when_rules_could_not_be_run(
    portal: Portal, strict: str, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(Rules, "find", fail)
        assert (await portal.get(strict)).headers["x-broken-rules"] == "unknown"
    assert (await portal.get(strict)).headers["x-broken-rules"].startswith("R1")


async def test_example_is_minimal_and_the_same_when_nothing_is_said(portal: Portal):
    first = (await portal.get(EXAMPLE)).content
    assert (await portal.get(f"{EXAMPLE}?full=false&seed=0")).content == first
    full = (await portal.get(f"{EXAMPLE}?full=true")).content
    count = [sum(1 for _ in etree.fromstring(body).iter()) for body in (first, full)]
    assert count[0] < count[1]
    assert (await portal.get(f"{EXAMPLE}?seed=1")).content != first


async def test_standards_are_shown_when_the_client_may_only_send_tests(portal: Portal):
    assert (await portal.get(EXAMPLE, caller=TESTER)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/standards/xurkunde/9.9",
        "/v1/standards/../1.1",
        "/v1/standards/xurkunde/..%2F..%2Fxbasis%2F1.0",
        f"{XURKUNDE}/messages/urkunde.unbekannt.0199/example",
        f"{XURKUNDE}/messages/..%2Fexample/example",
        f"{XURKUNDE}/schemas/xbasis.xsd",
        f"{XURKUNDE}/schemas/standard.yaml",
        f"{XURKUNDE}/schemas/../xurkunde.xsd",
        f"{XURKUNDE}/schemas/..%2F..%2Fxbasis%2F1.0%2Fxbasis.xsd",
        f"{XURKUNDE}/schemas/../../xbasis/1.0/xbasis.xsd",
        f"{XURKUNDE}/schemas/%2Fetc%2Fpasswd",
        f"{XURKUNDE}/schemas//etc/passwd",
        f"{XURKUNDE}/schemas/codelists/urkundenart.xml",
        f"{XURKUNDE}/schemas/xurkunde.xsd%00",
        f"{XURKUNDE}/code-lists/urn:amtsbote:codeliste:eingangskanal/2",
        f"{XURKUNDE}/code-lists/codelists/urkundenart.xml",
        f"{XURKUNDE}/code-lists/..%2Fstandard.yaml/1",
    ],
)
async def test_nothing_is_found_when_the_catalogue_does_not_list_it(portal: Portal, path: str):
    answer = await portal.get(path)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize(
    ("path", "german", "english"),
    [
        (
            "xurkunde/9.9",
            "In dieser Version gibt es den Standard hier nicht. Möglich: 1.0, 1.1",
            "There is no such version of the standard here. Possible: 1.0, 1.1",
        ),
        (
            "xurkude/1.1",
            "Diesen Standard gibt es hier nicht. Gemeint ist vielleicht xurkunde. Möglich: xbasis 1.0, ",
            "There is no such standard here. Perhaps xurkunde is meant. Possible: xbasis 1.0, ",
        ),
        ("qqq/1", "Diesen Standard gibt es hier nicht. Möglich: xbasis", "here. Possible: xbasis 1.0, "),
        (
            "xurkunde/1.1/messages/urkunde.anforderng.0101/example",
            "Gemeint ist vielleicht urkunde.anforderung.0101. Möglich: urkunde.anforderung.0101, ",
            "of that name. Perhaps urkunde.anforderung.0101 is meant. Possible: urkunde.anforderung.0101, ",
        ),
        (
            "xurkunde/1.1/messages/ergebnis/example",
            "Gemeint ist vielleicht urkunde.ergebnis.0102. Möglich",
            "Perhaps urkunde.ergebnis.0102 is meant. Possible",
        ),
        ("xurkunde/1.1/schemas/xbasis.xsd", "nicht heraus. Möglich: xurkunde.xsd", "Possible: xurkunde.xsd"),
        (
            "xurkunde/1.1/code-lists/urn:amtsbote:codeliste:urkundenart/7",
            "In dieser Version hat der Standard die Codeliste nicht. Möglich: 1",
            "The standard does not have the code list in this version. Possible: 1",
        ),
        (
            "xurkunde/1.1/code-lists/urn:amtsbote:codeliste:urkundnart/1",
            "Codeliste hat der Standard nicht. Gemeint ist vielleicht urn:amtsbote:codeliste:urkundenart.",
            "no such code list. Perhaps urn:amtsbote:codeliste:urkundenart is meant. Possible: urn:",
        ),
    ],
)
async def test_what_there_is_is_told_when_a_name_is_wrong(
    portal: Portal, path: str, german: str, english: str
):
    answer = (await portal.get(f"/v1/standards/{path}")).json()
    assert (answer["status"], answer["type"]) == (404, "/problems/not-found")
    assert german in answer["detail_de"]
    assert english in answer["detail"]


@pytest.mark.parametrize("query", ["seed=x", "seed=-1", "seed=1000000", "full=vielleicht"])
async def test_request_is_invalid_when_a_parameter_is(portal: Portal, query: str):
    answer = await portal.get(f"{EXAMPLE}?{query}")
    assert answer.status_code == 422
    (finding,) = answer.json()["findings"]
    assert finding["path"] == f"query/{query.partition('=')[0]}"
    assert "gültig" not in finding["message"]["de"]  # it says what is wanted


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Examples are written once it is set; until then each takes as long as one of an endless standard."""
    opened = threading.Event()
    write = Examples.write

    def wait(*arguments: object, **options: object) -> Example:
        assert opened.wait(60)
        return write(*arguments, **options)

    monkeypatch.setattr(Examples, "write", wait)
    yield opened
    opened.set()


async def test_service_goes_on_when_examples_are_asked_for_in_a_flood(portal: Portal, gate: threading.Event):
    await portal.get("/v1/standards")  # signs in
    flood = {
        asyncio.create_task(portal.get(f"{EXAMPLE}?full=true&seed={n}")) for n in range(MAX_WAITING + 20)
    }
    answered: set[asyncio.Task[httpx2.Response]] = set()
    while len(answered) < 20:
        done, _ = await asyncio.wait(flood - answered, return_when=asyncio.FIRST_COMPLETED)
        answered |= done
    for each in answered:
        answer = each.result()
        assert (answer.status_code, answer.json()["retryable"]) == (503, True)
        assert answer.headers["retry-after"]
    assert (await portal.submit()).status_code == 202  # while one is being written
    gate.set()
    written = await asyncio.gather(*(flood - answered))
    assert {each.status_code for each in written} == {200}
    assert len({each.content for each in written}) == MAX_WAITING
    assert (await portal.get(f"{EXAMPLE}?seed=12345")).status_code == 200


async def test_example_is_written_once_when_many_ask_for_it_and_the_first_goes_away(
    portal: Portal, gate: threading.Event
):
    await portal.get("/v1/standards")
    asked = [asyncio.create_task(portal.get(f"{EXAMPLE}?seed=77")) for _ in range(MAX_WAITING * 2)]
    await asyncio.wait(asked, timeout=0.1)
    asked[0].cancel()
    gate.set()
    answers = await asyncio.gather(*asked[1:])
    assert {each.status_code for each in answers} == {200}
    assert len({each.content for each in answers}) == 1


async def test_reason_is_told_when_no_example_follows_from_the_schema(portal: Portal, monkeypatch, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "s.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:s">'
        '<xs:element name="m" type="xs:ENTITY"/></xs:schema>'
    )
    (tmp_path / "s" / "standard.yaml").write_text(
        'standard: s\nversion: "1"\ntitle: {de: s, en: s}\nnamespace: urn:s\nvalid_from: 2020-01-01\n'
        "schemas: [s.xsd]\nmessage_types: [{name: m, root: m, direction: in, title: {de: m, en: m}}]\n"
    )
    monkeypatch.setattr(portal.service, "catalogue", type(portal.service.catalogue).load([tmp_path]))
    answer = await portal.get("/v1/standards/s/1/messages/m/example")
    assert answer.status_code == 404
    assert "s:1:m" in answer.json()["detail"]
    assert "Aus dem Schema allein" in answer.json()["detail_de"]
