from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.http.portal import Portal, running


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Portal]:
    async with running(tmp_path) as running_portal:
        yield running_portal
