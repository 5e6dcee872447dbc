"""Every valid sample as the demo's offices handle it, with the demo's own options."""

import asyncio
import re
from pathlib import Path

import pytest
import yaml

from adapters.kit.testing import GatewayDouble
from adapters.musteramt import Musteramt
from adapters.musteramt.outline import outline
from adapters.musteramt.reading import read
from adapters.musteramt.records import Kind
from adapters.musteramt.xml import find, text
from gateway.contract.report import ReportType
from tests.unit.musteramt_samples import valid
from tests.unit.test_musteramt_adapter import answer_query, value

FIXTURES = Path(__file__).parents[2] / "fixtures"
DEMO = yaml.safe_load((FIXTURES / "demo" / "config.yaml").read_text(encoding="utf-8"))
OFFICES = {entry["authority"]: entry["lead"] for entry in DEMO["routes"] if not entry.get("test")}
OPTIONS = {entry["name"]: entry.get("options", {}) for entry in DEMO["destinations"]}


def applications():
    for table in sorted(FIXTURES.glob("x*/*/cases.yaml")):
        for case in yaml.safe_load(table.read_text(encoding="utf-8")):
            path = table.parent / case["file"]
            if case["expect"] == "accepted" and case.get("direction") != "back" and _applies(path):
                yield pytest.param(path, id=f"{table.parent.parent.name}-{table.parent.name}-{path.stem}")


def _applies(path):
    reading = read(path.read_bytes())
    return reading.kind is Kind.APPLICATION and bool(text(reading.root, "rahmen/leistung"))


APPLICATIONS = list(applications())
# Days, moments, amounts, sizes, languages and values of the schemas are shown in German.
WRITTEN_ANEW = re.compile(r"\d{4}-\d{2}.*|true|false|\d+\.\d{2}|\d{3,4}|[a-z]+|EUR")


async def _decision(gateway, delivery):
    """Wait for the decision; answer the query when one comes first."""
    decided = asyncio.create_task(gateway.report(ReportType.CASE_DECISION, case_id=delivery.case_id))
    asked = asyncio.create_task(gateway.report(ReportType.CASE_QUERY, case_id=delivery.case_id))
    await asyncio.wait({decided, asked}, return_when=asyncio.FIRST_COMPLETED)
    if asked.done():
        await answer_query(gateway, delivery)
    asked.cancel()
    return await decided


@pytest.mark.parametrize("path", APPLICATIONS)
async def test_sample_is_decided_with_valid_messages_and_every_document(tmp_path, path):
    reading = read(path.read_bytes())
    options = OPTIONS[OFFICES[reading.office.id]] | {"page_port": None, "clerk_delay_s": 0}
    async with GatewayDouble() as gateway:
        runner = gateway.runner(Musteramt, tmp_path, options=options)
        await runner.start()
        try:
            delivery = await gateway.deliver(
                path.read_bytes(),
                service=text(reading.root, "rahmen/leistung"),
                authority=reading.office.id,
            )
            decision = valid((await _decision(gateway, delivery)).body)
        finally:
            await runner.stop()

    assert value(decision, "r:bezug/b:referenz") == reading.reference
    for report in gateway.reports:
        if report.body.startswith(b"<?xml"):
            assert set(valid(report.body).xpath("//*[local-name()='sha256']/text()")) <= set(gateway.uploads)


@pytest.mark.parametrize("path", APPLICATIONS)
def test_sample_is_outlined_with_every_value(path):
    root = read(path.read_bytes()).root
    shown = {line.value for line in outline(root)}

    stated = {
        (node.text or "").strip()
        for node in root.iter("*")
        if not len(node) and "nachrichtenkopf" not in root.getroottree().getpath(node)
    }
    codes = {text(node, "code") for node in root.iter("*") if find(node, "code") is not None}
    assert {value for value in stated - codes if not WRITTEN_ANEW.fullmatch(value)} <= shown


@pytest.mark.parametrize("path", APPLICATIONS)
def test_nothing_is_shown_in_the_form_of_machines(path):
    lines = list(outline(read(path.read_bytes()).root))

    machine = r"\d{4}-\d{2}(-\d{2}.*)?|true|false|\d+\.\d{2}|[a-z]+(-[a-z]+)+"
    assert [line for line in lines if re.fullmatch(machine, line.value)] == []
    assert [line.label.de for line in lines if not line.label.en] == []


@pytest.mark.parametrize("path", APPLICATIONS)
def test_labels_have_their_umlauts(path):
    labels = " ".join(line.label.de for line in outline(read(path.read_bytes()).root))

    assert not re.search("aetig|staett|waehr|gueltig|strasse|oerig|fuehr|ueber|groess|behoer|gruend", labels)
