"""A process dies at the worst moments; another one finishes the work, once."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.kit import Accepted, Adapter, Work
from adapters.kit.testing import GatewayDouble
from gateway.contract.delivery import Delivery
from gateway.contract.report import ReportType

KILLED = 9
CHILD = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.unit.test_kit_crash import Register
from adapters.kit.testing import GatewayDouble
from gateway.broker import Outcome

class DyingGateway(GatewayDouble):
    async def _take_report(self, message):
        Register.die("reporting")
        return Outcome.ACK

async def main(folder):
    async with DyingGateway() as gateway:
        await gateway.runner(Register, folder).start()
        delivery = await gateway.deliver()
        (folder / "delivery.json").write_bytes(delivery.model_dump_json().encode())
        await asyncio.Event().wait()

Register.moment = sys.argv[1]
asyncio.run(main(Path(sys.argv[2])))
"""


class Register(Adapter):
    """An application whose register is a file; it dies at one moment, as by kill -9."""

    moment = ""

    @classmethod
    def die(cls, moment: str) -> None:
        if cls.moment == moment:
            os._exit(KILLED)

    @property
    def register(self) -> Path:
        return self.context.data_dir / "register.txt"

    async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
        self.die("started")
        async with work.step("register") as step:
            if not step.done:
                with self.register.open("a") as file:
                    file.write(f"{work.submission_id}\n")
                self.die("done but not recorded")
        self.die("recorded")
        return Accepted(foreign_id=work.submission_id)

    async def find(self, delivery: Delivery) -> Accepted | None:
        known = self.register.exists() and delivery.submission_id in self.register.read_text()
        return Accepted(foreign_id=delivery.submission_id) if known else None


@pytest.mark.parametrize("moment", ["started", "done but not recorded", "recorded", "reporting"])
async def test_adapter_takes_a_submission_once_when_its_process_is_killed(
    moment: str, tmp_path: Path
) -> None:
    child = CHILD.format(root=str(Path(__file__).parents[2]))
    command = [sys.executable, "-c", child, moment, str(tmp_path)]
    process = await asyncio.to_thread(subprocess.run, command, timeout=30, capture_output=True, check=False)
    assert process.returncode == KILLED, process.stderr.decode()
    delivery = Delivery.model_validate_json((tmp_path / "delivery.json").read_bytes())
    async with GatewayDouble() as gateway:
        runner = gateway.runner(Register, tmp_path)
        await runner.start()
        await gateway.send(delivery)
        report = await gateway.report(ReportType.DELIVERY_ACCEPTED)
        await runner.stop()
    assert report.delivery_id == delivery.delivery_id
    assert (tmp_path / "data" / "register.txt").read_text() == f"{delivery.submission_id}\n"
