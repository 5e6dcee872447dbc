"""What the tests of the back channel share."""

import pytest

from tests.unit.backchannel.world import Dialogue, World


@pytest.fixture
async def dialogue(world: World) -> Dialogue:
    """A case that the lead has accepted, and its reports about it."""
    submitted = await world.submit()
    await world.accepted(await world.send_one())
    return Dialogue(world, submitted)
