"""What the unit tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.backchannel.world import World, fresh_database, running


@pytest.fixture(scope="session")
def database_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The place of a migrated, empty database, filled by the first test that needs one."""
    return tmp_path_factory.mktemp("template") / "store.db"


@pytest.fixture
def address(tmp_path: Path, database_template: Path) -> str:
    """The address of an empty database that only this test uses."""
    return fresh_database(tmp_path, database_template)


@pytest.fixture
async def world(address: str) -> AsyncIterator[World]:
    """A gateway between API and adapters."""
    async with running(address) as world:
        yield world
