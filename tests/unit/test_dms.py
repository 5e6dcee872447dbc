import asyncio
import json
import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dms import Dms
from adapters.dms.tree import Draft, Place, safe_name
from adapters.kit import Accepted, Work
from adapters.kit.testing import GatewayDouble, later, sample_delivery
from gateway.contract.delivery import Delivery
from gateway.contract.report import Failed, FailureKind, ReportType
from gateway.errors import ConfigurationError

HOSTILE = {
    "../../../etc/cron.d/x": b"one",
    "a\0b.pdf": b"two",
    "ä" * 5000 + ".pdf": b"three",
    "/etc/passwd": b"four",
    ".": b"five",
    'quoted".pdf\n': b"six",
}


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayDouble]:
    async with GatewayDouble("dms-musterstadt") as gateway:
        yield gateway


def documents(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.rglob("message.xml"))


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def leftovers(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.name.startswith("."))


async def test_dms_files_message_and_attachments_when_delivered(
    gateway: GatewayDouble, tmp_path: Path
) -> None:
    runner = gateway.runner(Dms, tmp_path)
    await runner.start()
    attachments = {"Vollmacht für Änne.pdf": b"%PDF-1.7 vollmacht", "b.pdf": b"%PDF-1.7 b"}
    delivery = await gateway.deliver("<antrag>Ä</antrag>".encode(), attachments=attachments)
    report = await gateway.report(ReportType.DELIVERY_ACCEPTED)
    await runner.stop()

    root = tmp_path / "data" / "akten"
    accepted = Accepted.model_validate_json(report.body)
    expected = f"musterstadt-99050012104000/{delivery.case_id}/{delivery.submission_id}"
    assert accepted.foreign_id == expected
    document = root / expected
    assert (document / "message.xml").read_bytes() == "<antrag>Ä</antrag>".encode()
    metadata = json.loads((document / "metadata.json").read_text())
    assert metadata["message"]["sha256"] == sha256("<antrag>Ä</antrag>".encode()).hexdigest()
    assert metadata["message_type"] == delivery.message_type
    for listed, (name, data) in zip(metadata["attachments"], attachments.items(), strict=True):
        assert listed["file_name"] == name
        assert (document / listed["file"]).read_bytes() == data
    names = [path.name for path in root.rglob("*")]
    assert not any("Vollmacht" in name for name in names)
    assert f"002-{sha256(b'%PDF-1.7 b').hexdigest()[:16]}.pdf" in names


async def test_dms_describes_every_level_when_a_case_has_several_messages(
    gateway: GatewayDouble, tmp_path: Path
) -> None:
    runner = gateway.runner(Dms, tmp_path)
    await runner.start()
    first = await gateway.deliver()
    await gateway.deliver(
        b"<bescheid/>",
        case_id=first.case_id,
        case_seq=2,
        message_type="xrueckkanal:1.0:rueckkanal.bescheid.1150",
    )
    await gateway.report(ReportType.DELIVERY_ACCEPTED, count=2)
    await runner.stop()
    case = tmp_path / "data" / "akten" / "musterstadt-99050012104000" / first.case_id
    assert len(documents(case)) == 2
    assert json.loads((case / "metadata.json").read_text())["vorgang"] == first.case_id
    assert json.loads((case.parent / "metadata.json").read_text())["tenant"] == "musterstadt"


async def test_dms_files_a_large_message_when_it_is_not_inline(
    gateway: GatewayDouble, tmp_path: Path
) -> None:
    runner = gateway.runner(Dms, tmp_path, options={"folder": str(tmp_path / "elsewhere")})
    await runner.start()
    await gateway.deliver(b"<gross/>", inline=False)
    await gateway.report(ReportType.DELIVERY_ACCEPTED)
    await runner.stop()
    [document] = documents(tmp_path / "elsewhere")
    assert (document / "message.xml").read_bytes() == b"<gross/>"


async def test_dms_keeps_hostile_file_names_harmless_when_filing(
    gateway: GatewayDouble, tmp_path: Path
) -> None:
    runner = gateway.runner(Dms, tmp_path)
    await runner.start()
    await gateway.deliver(attachments=HOSTILE)
    await gateway.report(ReportType.DELIVERY_ACCEPTED)
    await runner.stop()
    [document] = documents(tmp_path)
    metadata = json.loads((document / "metadata.json").read_text())
    assert [each["file_name"] for each in metadata["attachments"]] == list(HOSTILE)
    filed = sorted(path.name for path in (document / "anlagen").iterdir())
    assert filed == [
        f"{n:03}-{sha256(data).hexdigest()[:16]}.pdf" for n, data in enumerate(HOSTILE.values(), start=1)
    ]
    outside = {path.name for path in files(tmp_path) if document not in path.parents}
    assert outside == {"metadata.json", "adapter.db", "adapter.db.lock"}


async def test_dms_files_once_when_the_same_submission_comes_again(
    gateway: GatewayDouble, tmp_path: Path
) -> None:
    runner = gateway.runner(Dms, tmp_path)
    await runner.start()
    delivery = await gateway.deliver()
    await gateway.report(ReportType.DELIVERY_ACCEPTED)
    [document] = documents(tmp_path)
    filed_at = json.loads((document / "metadata.json").read_text())["filed_at"]
    for again in (delivery, later(delivery, look_up=True), _redirected(delivery)):
        await gateway.send(again)
    await gateway.report(ReportType.DELIVERY_ACCEPTED, count=2)
    await runner.stop()
    assert documents(tmp_path) == [document]
    assert json.loads((document / "metadata.json").read_text())["filed_at"] == filed_at


def _redirected(delivery: Delivery) -> Delivery:
    """The same submission in another delivery, as after an operator's redirect."""
    other = sample_delivery()
    return delivery.model_copy(update={"delivery_id": other.delivery_id, "message_id": other.message_id})


async def test_dms_files_once_when_it_is_stopped_between_filing_and_report(
    gateway: GatewayDouble, tmp_path: Path
) -> None:
    filed = asyncio.Event()

    class NeverEnds(Dms):
        async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
            accepted = await super().deliver(delivery, work)
            filed.set()
            await asyncio.Event().wait()
            return accepted

    dying = gateway.runner(NeverEnds, tmp_path)
    await dying.start()
    delivery = await gateway.deliver()
    await filed.wait()
    await dying.stop(grace_s=0.2)
    assert gateway.reports == []
    runner = gateway.runner(Dms, tmp_path)
    await runner.start()
    report = await gateway.report(ReportType.DELIVERY_ACCEPTED)
    await runner.stop()
    assert report.delivery_id == delivery.delivery_id
    assert len(documents(tmp_path)) == 1


async def test_dms_leaves_nothing_behind_when_a_crash_left_a_draft(
    gateway: GatewayDouble, tmp_path: Path
) -> None:
    delivery = sample_delivery(destination=gateway.destination)
    place = Place.of(tmp_path / "data" / "akten", delivery)
    Draft.begin(place).write("message.xml", b"<half")
    assert not place.is_filed()
    runner = gateway.runner(Dms, tmp_path)
    await runner.start()
    await gateway.send(delivery)
    await gateway.report(ReportType.DELIVERY_ACCEPTED)
    await runner.stop()
    assert (place.document / "message.xml").read_bytes() == delivery.body
    assert leftovers(tmp_path / "data") == []


async def test_dms_fails_transiently_and_leaves_nothing_when_the_folder_cannot_be_written(
    gateway: GatewayDouble, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("a file where the folder ought to be")
    runner = gateway.runner(Dms, tmp_path, options={"folder": str(tmp_path / "file")})
    await runner.start()
    await gateway.deliver()
    report = await gateway.report(ReportType.DELIVERY_FAILED)
    await runner.stop()
    failed = Failed.model_validate_json(report.body)
    assert failed.kind is FailureKind.TRANSIENT
    assert str(tmp_path) not in failed.reason


async def test_dms_fails_transiently_when_an_attachment_is_not_what_was_listed(
    gateway: GatewayDouble, tmp_path: Path
) -> None:
    runner = gateway.runner(Dms, tmp_path)
    delivery = await gateway.deliver(attachments={"a.pdf": b"original"})
    [(info, _)] = gateway.attachments[delivery.delivery_id]
    gateway.attachments[delivery.delivery_id] = [(info, b"other bytes")]
    await runner.start()
    report = await gateway.report(ReportType.DELIVERY_FAILED)
    await runner.stop()
    assert Failed.model_validate_json(report.body).kind is FailureKind.TRANSIENT
    assert documents(tmp_path) == []
    assert leftovers(tmp_path / "data") == []


@pytest.mark.parametrize("options", [{"folder": ""}, {"folder": 3}, {"folder": "a\0"}, {"foldr": "x"}])
async def test_dms_refuses_to_start_when_its_options_are_wrong(
    gateway: GatewayDouble, tmp_path: Path, options: dict[str, object]
) -> None:
    with pytest.raises(ConfigurationError, match=r"destination dms-musterstadt: options\.fold"):
        await gateway.runner(Dms, tmp_path, options=options).start()


def test_draft_keeps_the_first_when_two_publish(tmp_path: Path) -> None:
    place = Place.of(tmp_path, sample_delivery())
    first, second = Draft.begin(place), Draft.begin(place)
    first.write("message.xml", b"first")
    second.write("message.xml", b"second")
    first.publish()
    second.publish()
    second.discard()
    assert (place.document / "message.xml").read_bytes() == b"first"
    assert leftovers(tmp_path) == []


@given(st.text())
def test_safe_name_is_a_harmless_name_whatever_it_is_given(text: str) -> None:
    name = safe_name(text)
    assert os.path.basename(name) == name
    assert name not in {"", ".", ".."}
    assert name.isascii()
    assert len(name) <= 60


@given(st.text(), st.text())
def test_safe_name_differs_when_the_texts_differ(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) is (one == other)
