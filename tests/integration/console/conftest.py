from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.console.operator import Browser, secret_of
from tests.integration.http.portal import Portal, demo_config, running

OPERATORS = [
    {"name": "demo"},
    {"name": "muster", "tenants": ["musterstadt"]},
    {"name": "beispiel", "tenants": ["beispielhausen"]},
]


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Portal]:
    """A gateway with three operators, without relay and adapters."""
    config = demo_config(operators=OPERATORS)
    write_secrets(tmp_path / "secrets")
    async with running(tmp_path, config) as running_portal:
        yield running_portal


def write_secrets(folder: Path) -> None:
    (folder / "operators").mkdir(parents=True)
    for each in OPERATORS:
        name = str(each["name"])
        (folder / "operators" / name).write_text(secret_of(name))


@pytest.fixture
async def browser(portal: Portal) -> AsyncIterator[Browser]:
    """The browser of somebody who is not signed in."""
    stranger = Browser(portal.app)
    yield stranger
    await stranger.http.aclose()


@pytest.fixture
async def demo(browser: Browser) -> Browser:
    """The browser of an operator who works for all tenants."""
    await browser.sign_in("demo")
    return browser
