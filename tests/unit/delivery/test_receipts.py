"""Receipts compared with the store, as after a restore to an earlier point."""

import json
from typing import Any

from sqlalchemy import delete

from gateway.delivery.receipts import Issued, compare, read_receipts
from gateway.store.rows import Accepted
from gateway.store.tables import cases, deliveries, messages
from tests.contract.store.make import LEAD
from tests.unit.backchannel.world import World


def as_answer(accepted: Accepted) -> dict[str, Any]:
    """What `POST /v1/submissions` answers."""
    return {
        "submission_id": accepted.submission_id,
        "case_id": accepted.case_id,
        "received_at": accepted.received_at.isoformat(),
        "status": "accepted",
        "receipt": {"sha256": accepted.digest, "xml": "/v1/…"},
        "links": {"self": "/v1/…"},
    }


def as_log_line(accepted: Accepted) -> dict[str, Any]:
    return {
        "event": "submission_accepted",
        "submission_id": accepted.submission_id,
        "case_id": accepted.case_id,
        "client": "demo-portal",
        "sha256": accepted.digest,
        "timestamp": accepted.received_at.isoformat(),
    }


async def restore_before(world: World, lost: Accepted) -> None:
    """Lose what came after some point."""
    async with world.store.write() as connection:
        for table in (messages, deliveries, cases):
            await connection.execute(delete(table).where(table.c.case_id == lost.case_id))


async def test_receipts_are_read_from_logs_as_docker_hands_them_out(world: World) -> None:
    first, second = [await world.submit() for _ in range(2)]
    kept = {"log": json.dumps(as_log_line(second)) + "\n", "stream": "stderr", "time": "2026-11-23T08:00:00Z"}
    lines = [
        f"gateway-1  | {json.dumps(as_log_line(first))}\n",
        json.dumps(kept) + "\n",
        "gateway-1  | {no\n",
    ]
    assert [each.submission_id for each in read_receipts(lines).receipts] == [
        first.submission_id,
        second.submission_id,
    ]


async def test_receipts_are_read_from_answers_and_logs_among_other_lines(world: World) -> None:
    first, second, third = [await world.submit() for _ in range(3)]
    lines = [
        "INFO something that is no JSON\n",
        json.dumps({"event": "report_taken", "submission_id": first.submission_id}) + "\n",
        json.dumps(as_log_line(first)) + "\n",
        *json.dumps(as_answer(second), indent=2).splitlines(keepends=True),
        "\n",
        json.dumps(as_answer(third)) + "\n",
    ]
    found = read_receipts(lines).receipts
    assert [each.submission_id for each in found] == [each.submission_id for each in (first, second, third)]
    assert {(each.case_id, each.sha256) for each in found} == {
        (each.case_id, each.digest) for each in (first, second, third)
    }
    assert found[0].client == "demo-portal"


async def test_what_is_no_receipt_is_counted_but_in_a_log(world: World) -> None:
    answer = as_answer(await world.submit())
    cut_off = json.dumps(answer, indent=2).splitlines()[:-1]
    held = read_receipts([json.dumps(answer), "\n", "kaputt\n", '{"a": 1}\n', *cut_off])
    assert (len(held.receipts), held.unread) == (1, 3)
    held = read_receipts(["postgresql-1  | ready\n", '{"event": "request"}\n', json.dumps(answer)])
    assert (len(held.receipts), held.unread) == (1, 0)


async def test_receipt_that_the_store_lost_is_found(world: World) -> None:
    kept, lost = await world.submit(), await world.submit()
    await restore_before(world, lost)
    lines = [json.dumps(as_answer(each)) for each in (kept, lost, lost)]
    count, missing = await compare(world.store, read_receipts(lines).receipts)
    assert count == 2
    (only,) = missing
    assert (only.issued.submission_id, only.differs, only.reported_by) == (lost.submission_id, False, [])


async def test_lost_submission_that_a_destination_has_is_told_apart(world: World) -> None:
    lost = await world.submit(copies=())
    delivery = await world.send_one()
    await restore_before(world, lost)
    await world.accepted(delivery)
    _, (missing,) = await compare(world.store, read_receipts([json.dumps(as_answer(lost))]).receipts)
    assert missing.reported_by == [LEAD]


async def test_other_bytes_under_the_same_id_are_told_apart(world: World) -> None:
    kept = await world.submit()
    issued = Issued(kept.submission_id, kept.case_id, None, None, "0" * 64)
    _, (missing,) = await compare(world.store, [issued])
    assert missing.differs
