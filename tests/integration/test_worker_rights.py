"""What a worker's RabbitMQ user may do, asked of a real RabbitMQ."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aio_pika
import pytest
from aiormq.exceptions import ChannelAccessRefused

from deploy.make_secrets import definitions
from gateway.broker import Outcome, RabbitBroker
from gateway.contract.ids import new_id
from gateway.contract.message import Message
from gateway.errors import BrokerUnavailable
from tests.services import RabbitMQ

TIMEOUT_S = 10


@dataclass(frozen=True)
class Deployment:
    """Two destinations in a virtual host, and the addresses of the users that serve them."""

    mine: str
    other: str
    gateway_url: str
    worker_url: str


@pytest.fixture
def deployed(rabbitmq: RabbitMQ, amqp_url: str) -> Iterator[Deployment]:
    """Give RabbitMQ the definitions of a deployment; users are the node's, so their names are this test's."""
    vhost = amqp_url.rpartition("/")[2]
    mine, other = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("mine", "other"))
    parts = definitions({mine: "geheim-genug-1", other: "geheim-genug-2"}, [mine, other])
    rights = {
        part: [entry | {"vhost": vhost} for entry in parts[part] if entry["user"] in (mine, other)]
        for part in ("permissions", "topic_permissions")
    }
    rabbitmq.manage("POST", "definitions", json={"users": parts["users"], **rights})
    node = urlsplit(amqp_url).netloc.rpartition("@")[2]
    yield Deployment(mine, other, amqp_url, f"amqp://{mine}:geheim-genug-1@{node}/{vhost}")
    for user in (mine, other):
        rabbitmq.manage("DELETE", f"users/{user}")


@pytest.fixture
async def gateway(deployed: Deployment) -> AsyncIterator[RabbitBroker]:
    broker = RabbitBroker([deployed.gateway_url], timeout_s=TIMEOUT_S)
    await broker.start()
    await broker.declare([deployed.mine, deployed.other])
    yield broker
    await broker.close()


@pytest.fixture
async def worker(deployed: Deployment, gateway: RabbitBroker) -> AsyncIterator[RabbitBroker]:
    broker = RabbitBroker([deployed.worker_url], timeout_s=TIMEOUT_S)
    await broker.start()
    await broker.declare([deployed.mine])
    yield broker
    await broker.close()


def message(routing_key: str = "") -> Message:
    return Message(
        body=b"<x/>", message_id=new_id(), type="x", timestamp=datetime.now(UTC), routing_key=routing_key
    )


async def test_worker_takes_its_deliveries_and_reports_on_them(
    deployed: Deployment, gateway: RabbitBroker, worker: RabbitBroker
) -> None:
    taken: asyncio.Queue[Message] = asyncio.Queue()
    reported: asyncio.Queue[Message] = asyncio.Queue()

    async def take(each: Message) -> Outcome:
        await worker.publish_report(message(f"{deployed.mine}.delivery.accepted"))
        await taken.put(each)
        return Outcome.ACK

    async def hear(each: Message) -> Outcome:
        await reported.put(each)
        return Outcome.ACK

    await gateway.consume_reports(hear, concurrency=1)
    await worker.consume_deliveries(deployed.mine, take, concurrency=1)
    sent = message()
    await gateway.publish_delivery(deployed.mine, sent)
    async with asyncio.timeout(TIMEOUT_S):
        assert (await taken.get()).message_id == sent.message_id
        assert (await reported.get()).routing_key == f"{deployed.mine}.delivery.accepted"


async def test_worker_cannot_report_in_the_name_of_another(
    deployed: Deployment, worker: RabbitBroker
) -> None:
    with pytest.raises(BrokerUnavailable):
        await worker.publish_report(message(f"{deployed.other}.case.decision"))


@pytest.mark.parametrize("what", ["consume", "bind", "declare", "delete", "purge", "publish"])
async def test_worker_cannot_reach_the_deliveries_of_another(
    deployed: Deployment, gateway: RabbitBroker, what: str
) -> None:
    mine, other = (f"amtsbote.deliveries.{name}" for name in (deployed.mine, deployed.other))
    connection = await aio_pika.connect(deployed.worker_url, timeout=TIMEOUT_S)
    async with connection, asyncio.timeout(TIMEOUT_S):
        channel = await connection.channel()
        own_queue = await channel.get_queue(mine, ensure=False)
        queue = await channel.get_queue(other, ensure=False)
        exchange = await channel.get_exchange("amtsbote.deliveries", ensure=False)
        attempts: dict[str, Callable[[], Awaitable[object]]] = {
            "consume": lambda: queue.get(fail=False),
            "bind": lambda: own_queue.bind("amtsbote.deliveries", deployed.other),
            "declare": lambda: channel.declare_queue(f"{other}-2", durable=True),
            "delete": lambda: queue.delete(if_unused=False, if_empty=False),
            "purge": lambda: queue.purge(),
            "publish": lambda: exchange.publish(aio_pika.Message(b"<x/>"), deployed.other),
        }
        with pytest.raises(ChannelAccessRefused):
            await attempts[what]()
