"""Two worker processes share a queue and a store; one dies in the middle, the other finishes its work."""

import asyncio
import subprocess
import sys
from pathlib import Path

from adapters.kit import Accepted, Adapter, Work
from adapters.kit.runner import Runner, build_runner
from adapters.kit.testing import GatewayDouble
from gateway.broker import RabbitBroker
from gateway.contract.delivery import Delivery
from gateway.contract.report import ReportType

KILLED = 9
CHILD = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
import adapters.kit.store
from tests.integration.test_kit_workers import Register, worker

class Dying(Register):
    async def deliver(self, delivery, work):
        await super().deliver(delivery, work)
        os._exit({killed})

async def main():
    adapters.kit.store.LEASE_S = 1.5
    runner, broker = await worker(Dying, *sys.argv[1:])
    await runner.start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


class Register(Adapter):
    """Enters each submission into a file, in a step."""

    async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
        async with work.step("register") as step:
            if not step.done:
                with (self.context.data_dir / "register.txt").open("a") as file:
                    file.write(f"{work.submission_id}\n")
                step.result = "R-1"
        return Accepted(foreign_id=step.result)

    async def find(self, delivery: Delivery) -> Accepted | None:
        return None


async def worker(
    adapter: type[Adapter], amqp_url: str, store_url: str, folder: str
) -> tuple[Runner, RabbitBroker]:
    broker = RabbitBroker([amqp_url])
    await broker.start()
    runner = build_runner(
        adapter,
        destination="sample",
        options={},
        data_dir=Path(folder),
        store_url=store_url,
        broker=broker,
        http=GatewayDouble().http,
        secret="unused",
    )
    return runner, broker


async def test_worker_finishes_once_what_another_died_over(
    amqp_url: str, postgresql_url: str, tmp_path: Path
) -> None:
    gateway = GatewayDouble()
    gateway.broker = RabbitBroker([amqp_url])
    settings = [amqp_url, postgresql_url, str(tmp_path)]
    async with gateway:
        delivery = await gateway.deliver()
        child = CHILD.format(root=str(Path(__file__).parents[2]), killed=KILLED)
        command = [sys.executable, "-c", child, *settings]
        process = await asyncio.to_thread(
            subprocess.run, command, timeout=60, capture_output=True, check=False
        )
        assert process.returncode == KILLED, process.stderr.decode()
        assert gateway.reports == []
        runner, broker = await worker(Register, *settings)
        await runner.start()
        report = await gateway.report(ReportType.DELIVERY_ACCEPTED, timeout_s=30)
        await runner.stop()
        await broker.close()
    assert (report.delivery_id, report.attempt) == (delivery.delivery_id, 1)
    assert Accepted.model_validate_json(report.body).foreign_id == "R-1"
    assert (tmp_path / "register.txt").read_text() == f"{delivery.submission_id}\n"
