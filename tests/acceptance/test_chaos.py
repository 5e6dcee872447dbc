"""The short form of `make chaos`, and that it can fail: five mutations of the product are reported."""

from pathlib import Path

import pytest

from chaos.plan import SHORT, Kind, Plan, provoke
from chaos.restore import Restore, restore_plan
from chaos.run import Verdict, run
from chaos.servers import Servers, Shared
from tests.services import RabbitMQ

SEED = 20260601

REPORTED = {
    "outbox-outside-transaction": {"register_lost", "dms_lost"},
    "no-fence": {"refused_and_taken"},
    "sequence-cursor": {"mailbox_skipped"},
    "ack-before-claim": {"decision_lost"},
    "report-without-id": {"decision_twice"},
}


@pytest.mark.timeout(600)
async def test_nothing_is_lost_or_doubled_when_everything_fails(tmp_path: Path) -> None:
    servers = Servers()
    try:
        await servers.start()
        verdict = await run(Plan(SEED, SHORT), tmp_path, servers)
    finally:
        await servers.close()
    assert verdict.violations == [], verdict.text
    assert set(verdict.faults) == set(Kind) - {Kind.KILL_NODE}


async def test_everyone_is_told_what_is_missing_when_store_is_restored(tmp_path: Path) -> None:
    servers = Servers()
    try:
        await servers.start()
        restore = Restore(restore_plan(SEED), tmp_path, servers)
        assert await restore.run() == []
        assert restore.lost
    finally:
        await servers.close()


@pytest.mark.parametrize("mutation", REPORTED)
async def test_checker_reports_when_product_is_mutated(
    mutation: str, tmp_path: Path, postgresql_url: str, amqp_url: str, rabbitmq: RabbitMQ
) -> None:
    servers = Shared(postgresql_url, amqp_url, rabbitmq)
    verdict: Verdict = await run(provoke(mutation, SEED), tmp_path, servers, mutation=mutation)
    assert verdict.kinds & REPORTED[mutation], verdict.text
