"""Servers that hang: all are answered in time, memory stays flat, it heals by itself, a stop is short."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import httpx2
import pytest

from gateway.process import STOP_S
from tests.acceptance.installation import START_S, Installation, eventually, secret_of
from tests.acceptance.town import Application, applications, fresh
from tests.services.proxy import Proxy

STORE_TIMEOUT_S = 3
ANSWERED_S = 2.0 * STORE_TIMEOUT_S + 5
"""Once for the turn, once for the transaction; and what a loaded machine may add."""
CLIENTS = 48
FROZEN_S = 15.0
GROWTH_BYTES = 32 * 1024 * 1024

pytestmark = pytest.mark.timeout(240)
XML = {"Content-Type": "application/xml"}


@pytest.fixture
async def proxies(postgresql_url: str, amqp_url: str) -> AsyncIterator[tuple[Proxy, Proxy]]:
    async with Proxy(postgresql_url) as store, Proxy(amqp_url) as broker:
        yield store, broker


@pytest.fixture
async def town(tmp_path: Path, proxies: tuple[Proxy, Proxy]) -> AsyncIterator[Installation]:
    store, broker = proxies
    town = Installation(tmp_path / "town", database_url=store.url, amqp_url=broker.url)
    await asyncio.to_thread(town.migrate)
    town.serve()
    await town.ready()
    yield town
    town.close()


@pytest.fixture
async def http(town: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    limits = httpx2.Limits(max_connections=200)
    async with httpx2.AsyncClient(base_url=town.url, timeout=60, limits=limits) as http:
        pair = ("demo-portal", secret_of("demo-portal"))
        form = {"grant_type": "client_credentials"}
        token = (await http.post("/oauth/token", data=form, auth=pair)).raise_for_status().json()
        http.headers["Authorization"] = f"Bearer {token['access_token']}"
        yield http


async def post(http: httpx2.AsyncClient) -> httpx2.Response:
    return await http.post("/v1/submissions", content=fresh(sample()).body, headers=XML)


@cache
def sample() -> Application:
    return next(each for each in applications() if each.name.startswith("xparken"))


def memory_bytes(town: Installation) -> int:
    assert town.gateway
    status = Path(f"/proc/{town.gateway.pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


class Load:
    """Clients that post one after the other, and come again soon when they are put off."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.statuses: list[int] = []
        self.longest_s = 0.0
        self._http = http

    async def run(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        await asyncio.gather(*(self._client(until) for _ in range(CLIENTS)))

    async def _client(self, until: float) -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            answer = await post(self._http)
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            self.statuses.append(answer.status_code)
            if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
                assert int(answer.headers["Retry-After"]) > 0


async def test_load_is_put_off_and_memory_stays_flat_when_the_store_hangs(
    town: Installation, http: httpx2.AsyncClient, proxies: tuple[Proxy, Proxy]
) -> None:
    store, _ = proxies
    warm = Load(http)
    await warm.run(3)
    assert set(warm.statuses) == {202}
    store.freeze()
    await Load(http).run(1)
    before, load = memory_bytes(town), Load(http)
    await load.run(FROZEN_S)
    assert set(load.statuses) == {503}
    assert load.longest_s < ANSWERED_S
    assert memory_bytes(town) - before < GROWTH_BYTES
    store.thaw()

    async def accepted() -> bool:
        return (await post(http)).status_code == httpx2.codes.ACCEPTED

    await eventually(accepted, START_S, "submissions are accepted again")


async def test_submissions_are_accepted_when_the_broker_hangs(
    http: httpx2.AsyncClient, proxies: tuple[Proxy, Proxy]
) -> None:
    _, broker = proxies
    broker.freeze()
    assert (await post(http)).status_code == httpx2.codes.ACCEPTED


@pytest.mark.parametrize("hanging", ["store", "broker", "both", "neither"])
async def test_stop_is_over_in_time_when_servers_hang_and_requests_are_in_hand(
    town: Installation, http: httpx2.AsyncClient, proxies: tuple[Proxy, Proxy], hanging: str
) -> None:
    store, broker = proxies
    assert town.gateway
    waiting = asyncio.create_task(http.get("/v1/mailbox?wait=60"))
    assert (await post(http)).status_code == httpx2.codes.ACCEPTED
    for each in {"store": [store], "broker": [broker], "both": [store, broker], "neither": []}[hanging]:
        each.freeze()
    posting = [asyncio.create_task(post(http)) for _ in range(5)]
    await asyncio.wait(posting, timeout=0.5)
    began = time.monotonic()
    code = await asyncio.to_thread(town.gateway.stop)
    took_s = time.monotonic() - began
    assert took_s < STOP_S + 1
    assert code in ((0,) if hanging == "neither" else (0, 75)), town.gateway.printed()[-2000:]
    results = await asyncio.gather(waiting, *posting, return_exceptions=True)
    answered = [each.status_code for each in results if isinstance(each, httpx2.Response)]
    assert set(answered) <= {200, 202, 503}
