"""The two shapes in which Amtsbote runs, each with an installation of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.installation import Installation

EMBEDDED, SERVERS = "embedded", "servers"


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Installation]:
    """SQLite and the in-process broker: everything in one process. Migrated, not started."""
    town = Installation(tmp_path / "town")
    town.migrate()
    yield town
    town.close()


@pytest.fixture
def servers(tmp_path: Path, postgresql_url: str, amqp_url: str) -> Iterator[Installation]:
    """PostgreSQL and RabbitMQ. Migrated, not started."""
    town = Installation(tmp_path / "town", database_url=postgresql_url, amqp_url=amqp_url)
    town.migrate()
    yield town
    town.close()
