"""The questions of the balance on PostgreSQL, where they are asked beside a system that goes on."""

import asyncio
from datetime import UTC, datetime

from gateway.backchannel.docket import work_on
from gateway.delivery.reconcile import _QUESTIONS, reconcile, repair
from gateway.store import SqlStore
from gateway.store.accept import accept
from gateway.store.migrate import migrate
from tests.contract.store.damage import DAMAGES
from tests.contract.store.make import MASTER_KEY, TENANT, back_message, submission
from tests.unit.backchannel.world import demo_config


async def test_every_question_is_answered_and_finds_its_damage(postgresql_url: str) -> None:
    await asyncio.to_thread(migrate, postgresql_url)
    store, config = SqlStore(postgresql_url, master_key=MASTER_KEY), demo_config()
    try:
        accepted = await accept(store, [submission() for _ in range(3)])
        async with work_on(store, config, accepted[0].case_id, tenant=TENANT) as work:
            work.post(back_message())
        assert (await reconcile(store, config)).closes
        assert await repair(store, config) == []
        # Those that can be had together; each alone is shown on SQLite.
        together = ["sent_without_lease", "miscounted_attempts", "stray_deliveries", "gapped_mailboxes"]
        together += ["wrong_status", "lost_deliveries", "overtaken_reports", "forgotten_wishes", "doubled"]
        together += ["unnumbered", "without_content", "miscounted_messages", "miscounted_events"]
        async with store.write() as connection:
            for kind in together:
                await connection.execute(DAMAGES[kind](datetime.now(UTC)))
        found = {fault.kind for fault in (await reconcile(store, config)).faults}
        assert set(together) - found == set()
        assert set(DAMAGES) == set(_QUESTIONS)
    finally:
        await store.close()
