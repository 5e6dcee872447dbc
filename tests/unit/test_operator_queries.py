"""What is asked again and again must be answered from an index, however much lies behind."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from gateway.domain.delivery import UNSETTLED
from gateway.store import SqlStore, deliveries, operators
from gateway.store.migrate import migrate
from gateway.store.tables import OPEN_STATES

TENANT, DESTINATION = "musterstadt", "musteramt-musterstadt"


class Asked:
    """A store that notes what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SqlStore(f"sqlite:///{path}")
        self.statements: list[tuple[str, Any]] = []
        for engine in (self.store._readers, self.store._writers):
            event.listen(engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        self.statements.append((statement, parameters))

    def plans(self) -> list[str]:
        """Say how the database looks for what it was asked, one line a table."""
        connection = sqlite3.connect(self.path)
        lines = [
            row[3]
            for statement, parameters in self.statements
            if "deliveries" in statement
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
        connection.close()
        return [line for line in lines if line.startswith(("SCAN", "SEARCH"))]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    path = tmp_path / "amtsbote.db"
    migrate(f"sqlite:///{path}")
    return Asked(path)


def test_open_states_are_those_that_are_not_settled() -> None:
    assert set(OPEN_STATES) == UNSETTLED


async def test_claiming_reads_indexes_only(asked: Asked) -> None:
    await deliveries.claim(
        asked.store, DESTINATION, tenant=TENANT, limit=10, max_sent=10, publish_lease_s=1, copy_lifetime_s=1
    )
    await asked.store.close()
    assert any("USING INDEX deliveries_order" in line for line in asked.plans())
    assert [line for line in asked.plans() if "INDEX" not in line and "due" not in line] == []


async def test_overview_reads_indexes_of_open_deliveries_only(asked: Asked) -> None:
    async with asked.store.read() as connection:
        await operators.open_balance(connection, tenants=[TENANT])
        await operators.oldest_eligible(connection, asked.store, destinations=[DESTINATION, "another"])
    await asked.store.close()
    looks = [line for line in asked.plans() if line != "SCAN CONSTANT ROW"]
    assert {line.partition(" USING INDEX ")[2].split(" ")[0] for line in looks} == {
        "deliveries_order",
        "deliveries_waiting",
        "deliveries_sent",
        "deliveries_failed",
    }


async def test_case_is_read_by_an_index(asked: Asked) -> None:
    case_id = "01900000-0000-7000-8000-000000000000"
    async with asked.store.read() as connection:
        await operators.case_deliveries(connection, case_id, tenant=TENANT)
        await operators.case_attempts(connection, case_id, tenant=TENANT)
    await asked.store.close()
    assert [line for line in asked.plans() if line.startswith("SCAN")] == []
