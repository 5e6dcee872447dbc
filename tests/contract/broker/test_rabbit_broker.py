"""RabbitMQ under the contract, and what a broker in another process adds: it can be away."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator

import aio_pika
import pytest
from structlog.testing import capture_logs

from gateway.broker import Outcome, RabbitBroker, Topology
from gateway.errors import BrokerUnavailable
from gateway.process import run
from tests.contract.broker.broker_contract import (
    DESTINATION,
    SMALL,
    TIMEOUT_S,
    BrokerContract,
    Held,
    Inbox,
    MakeBroker,
    a_message,
    until,
    waits,
)
from tests.services import PrivateRabbitMQ, RabbitMQ
from tests.services.proxy import Proxy

QUEUE = f"amtsbote.deliveries.{DESTINATION}"


async def published(broker: RabbitBroker) -> bool:
    """Say whether a delivery could be published."""
    with contextlib.suppress(BrokerUnavailable):
        await broker.publish_delivery(DESTINATION, a_message())
        return True
    return False


@pytest.fixture
async def silent_url() -> AsyncIterator[str]:
    """The address of a node that takes connections and says nothing."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"amqp://guest:guest@{host}:{port}/"


@pytest.fixture
def hanging_up_url() -> Iterator[str]:
    """The address of what takes connections and hangs up: a load balancer whose nodes are all away.

    In a thread, so that it has hung up before the client can say anything.
    """

    def hang_up() -> None:
        with contextlib.suppress(OSError):
            while True:
                listening.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=hang_up)
        thread.start()
        host, port = listening.getsockname()
        yield f"amqp://guest:guest@{host}:{port}/"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


class TestRabbitBroker(BrokerContract):
    @pytest.fixture
    def make(self, amqp_url: str) -> MakeBroker:
        return lambda: RabbitBroker([amqp_url], SMALL, timeout_s=TIMEOUT_S)

    async def test_topology_is_as_the_contract_says_when_declared(
        self, rabbitmq: RabbitMQ, amqp_url: str
    ) -> None:
        broker = RabbitBroker([amqp_url], timeout_s=TIMEOUT_S)
        await broker.start()
        await broker.declare([DESTINATION])
        await broker.close()
        vhost = amqp_url.rpartition("/")[2]
        queues = {queue["name"]: queue for queue in rabbitmq.manage("GET", f"queues/{vhost}")}
        exchanges = {
            exchange["name"]: (exchange["type"], exchange["durable"])
            for exchange in rabbitmq.manage("GET", f"exchanges/{vhost}")
        }
        assert {name: queue["arguments"] for name, queue in queues.items()} == {
            QUEUE: {
                "x-queue-type": "quorum",
                "x-delivery-limit": 20,
                "x-max-length": 10000,
                "x-overflow": "reject-publish",
                "x-dead-letter-exchange": "amtsbote.dead",
                "x-dead-letter-strategy": "at-least-once",
            },
            "amtsbote.reports": {"x-queue-type": "quorum", "x-delivery-limit": 1000000000},
            "amtsbote.dead": {"x-queue-type": "quorum", "x-delivery-limit": 1000000000},
        }
        assert exchanges["amtsbote.deliveries"] == ("direct", True)
        assert exchanges["amtsbote.reports"] == ("topic", True)
        assert exchanges["amtsbote.dead"] == ("fanout", True)

    async def test_foreign_message_is_read_when_it_keeps_no_contract(
        self, broker: RabbitBroker, amqp_url: str
    ) -> None:
        inbox = Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        headers = {"attempt": 7, "list": [1], "table": {"a": 1}, "none": None, "half": 0.5, "x-mine": "y"}
        async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
            exchange = await channel.get_exchange("amtsbote.deliveries")
            await exchange.publish(aio_pika.Message(b"?", headers=headers), DESTINATION)
        foreign = await inbox.next()
        assert (foreign.body, foreign.type, foreign.correlation_id) == (b"?", "", None)
        assert foreign.headers == {"attempt": 7}
        assert foreign.timestamp.tzinfo is not None

    @pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
    async def test_foreign_timestamp_does_not_block_the_queue_when_not_in_seconds(
        self, broker: RabbitBroker, rabbitmq: RabbitMQ, amqp_url: str, unit: int
    ) -> None:
        inbox = Inbox()
        await broker.consume_reports(inbox, concurrency=1)
        message = {"properties": {"timestamp": 1_772_000_000 * unit}, "routing_key": "a.b"}
        path = f"exchanges/{amqp_url.rpartition('/')[2]}/amtsbote.reports/publish"
        rabbitmq.manage("POST", path, json=message | {"payload": "?", "payload_encoding": "string"})
        assert (await inbox.next()).timestamp.year >= 2026

    async def test_publish_declares_the_queue_again_when_it_was_deleted(
        self, broker: RabbitBroker, rabbitmq: RabbitMQ, amqp_url: str
    ) -> None:
        rabbitmq.manage("DELETE", f"queues/{amqp_url.rpartition('/')[2]}/{QUEUE}")
        await broker.publish_delivery(DESTINATION, a_message())
        await waits(broker, 1)

    async def test_consumer_declares_the_queue_again_when_it_was_deleted(
        self, broker: RabbitBroker, rabbitmq: RabbitMQ, amqp_url: str
    ) -> None:
        inbox = Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        rabbitmq.manage("DELETE", f"queues/{amqp_url.rpartition('/')[2]}/{QUEUE}")

        async def consumed_again() -> bool:
            return any(d.destination == DESTINATION and d.consumers for d in await broker.depths())

        await until(consumed_again)
        await broker.publish_delivery(DESTINATION, sent := a_message())
        assert (await inbox.next()).message_id == sent.message_id

    async def test_publish_works_again_when_an_exchange_was_deleted(
        self, broker: RabbitBroker, rabbitmq: RabbitMQ, amqp_url: str
    ) -> None:
        rabbitmq.manage("DELETE", f"exchanges/{amqp_url.rpartition('/')[2]}/amtsbote.deliveries")
        with pytest.raises(BrokerUnavailable):
            await broker.publish_delivery(DESTINATION, a_message())
        await broker.publish_delivery(DESTINATION, a_message())

    async def test_existing_queue_is_used_when_its_arguments_differ(self, amqp_url: str) -> None:
        async with await aio_pika.connect(amqp_url) as connection, connection.channel() as channel:
            await channel.declare_exchange("amtsbote.deliveries", "direct", durable=True)
            queue = await channel.declare_queue(QUEUE, durable=True)
            await queue.bind("amtsbote.deliveries", DESTINATION)
        broker = RabbitBroker([amqp_url], SMALL, timeout_s=TIMEOUT_S)
        with capture_logs() as logs:
            await broker.start()
            await broker.declare([DESTINATION])
        await broker.publish_delivery(DESTINATION, a_message())
        await broker.close()
        assert QUEUE in [entry["queue"] for entry in logs if entry["event"] == "broker_queue_not_declared"]

    async def test_wait_is_bounded_when_a_node_never_answers(self, silent_url: str) -> None:
        broker = RabbitBroker([silent_url], timeout_s=0.3)
        began = time.monotonic()
        await broker.start()
        with pytest.raises(BrokerUnavailable):
            await broker.publish_delivery(DESTINATION, a_message())
        await broker.close()
        assert time.monotonic() - began < 5

    async def test_next_node_is_used_when_the_first_never_answers(
        self, silent_url: str, amqp_url: str
    ) -> None:
        broker = RabbitBroker([silent_url, amqp_url], timeout_s=0.5)
        await broker.start()

        async def connected() -> bool:
            return broker.connected

        await until(connected)
        await broker.close()

    def test_next_node_is_used_when_the_first_hangs_up(self, hanging_up_url: str, amqp_url: str) -> None:
        async def connect() -> bool:
            broker = RabbitBroker([*[hanging_up_url] * 9, amqp_url], timeout_s=TIMEOUT_S)
            await broker.start()
            connected = broker.connected
            await broker.close()
            return connected

        # In the event loop of the product, which mostly notices the end before the library reads.
        assert run(connect())

    async def test_next_node_is_used_when_the_first_is_away(self, amqp_url: str) -> None:
        broker = RabbitBroker(["amqp://guest:guest@127.0.0.1:1/", amqp_url], timeout_s=TIMEOUT_S)
        await broker.start()
        assert broker.connected
        await broker.close()


class TestRabbitBrokerSilent:
    """Connections stay open, and nothing comes: the node hangs, or the network swallows everything."""

    HEARTBEAT_S = 1
    NOTICED_S = 3.0 * (HEARTBEAT_S + 1) + 4
    """After three heartbeats, and what a loaded machine may add."""

    @pytest.fixture
    async def proxy(self, amqp_url: str) -> AsyncIterator[Proxy]:
        async with Proxy(amqp_url) as proxy:
            yield proxy

    @pytest.fixture
    async def broker(self, proxy: Proxy) -> AsyncIterator[RabbitBroker]:
        broker = RabbitBroker([f"{proxy.url}?heartbeat={self.HEARTBEAT_S}"], timeout_s=1)
        await broker.start()
        await broker.declare([DESTINATION])
        yield broker
        proxy.thaw()
        await broker.close(grace_s=0)

    async def test_loss_is_noticed_and_healed_when_nothing_comes_any_more(
        self, broker: RabbitBroker, proxy: Proxy
    ) -> None:
        inbox = Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        with capture_logs() as logs:
            proxy.freeze()
            with pytest.raises(BrokerUnavailable):
                await broker.publish_delivery(DESTINATION, a_message())

            async def noticed() -> bool:
                return [entry["event"] for entry in logs].count("broker_connection_lost") == 2

            await until(noticed, self.NOTICED_S)
        assert not broker.connected
        proxy.thaw()
        await until(lambda: published(broker))
        await inbox.next()

    async def test_close_is_bounded_when_the_node_hangs(self, broker: RabbitBroker, proxy: Proxy) -> None:
        held = Held()
        await broker.consume_deliveries(DESTINATION, held, concurrency=1)
        await broker.publish_delivery(DESTINATION, a_message())
        await held.next()
        proxy.freeze()
        began = time.monotonic()
        await broker.close(grace_s=0.1)
        assert time.monotonic() - began < 6

    async def test_message_is_handed_on_when_its_consumer_hung_up_on_a_silent_node(
        self, broker: RabbitBroker, proxy: Proxy, amqp_url: str
    ) -> None:
        held = Held()
        await broker.consume_deliveries(DESTINATION, held, concurrency=1)
        await broker.publish_delivery(DESTINATION, sent := a_message())
        await held.next()
        proxy.freeze()
        await broker.close(grace_s=0)
        proxy.thaw()
        other, inbox = RabbitBroker([amqp_url], timeout_s=TIMEOUT_S), Inbox()
        await other.start()
        await other.consume_deliveries(DESTINATION, inbox, concurrency=1)
        assert (await inbox.next()).message_id == sent.message_id
        await other.close()


class TestRabbitBrokerAway:
    """The node is stopped, killed and restarted."""

    @pytest.fixture
    async def broker(self, stoppable_rabbitmq: PrivateRabbitMQ) -> AsyncIterator[RabbitBroker]:
        url = stoppable_rabbitmq.access.create_vhost()
        broker = RabbitBroker([url], Topology(), timeout_s=1)
        await broker.start()
        await broker.declare([DESTINATION])
        yield broker
        await broker.close(grace_s=0)

    async def test_everything_works_again_when_the_node_was_killed_and_started(
        self, broker: RabbitBroker, stoppable_rabbitmq: PrivateRabbitMQ
    ) -> None:
        held = Held()
        await broker.consume_deliveries(DESTINATION, held, concurrency=1)
        await broker.publish_delivery(DESTINATION, sent := a_message())
        await held.next()

        await asyncio.to_thread(stoppable_rabbitmq.kill)
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            await broker.publish_delivery(DESTINATION, a_message())
        with pytest.raises(BrokerUnavailable):
            await broker.depths()
        assert time.monotonic() - began < 5
        assert not broker.connected

        await asyncio.to_thread(stoppable_rabbitmq.start)
        held.release.set()
        again = await held.next()
        assert (again.message_id, again.redelivered) == (sent.message_id, True)
        await until(lambda: published(broker))
        await held.next()

    async def test_connections_come_back_when_an_operator_closes_them(
        self, broker: RabbitBroker, stoppable_rabbitmq: PrivateRabbitMQ
    ) -> None:
        inbox = Inbox()
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        with capture_logs() as logs:
            await asyncio.to_thread(
                stoppable_rabbitmq.rabbitmqctl, "close_all_connections", "--global", "by an operator"
            )

            async def noticed() -> bool:
                return [entry["event"] for entry in logs].count("broker_connection_lost") == 2

            await until(noticed)
        await until(lambda: published(broker))
        await inbox.next()

    async def test_publish_is_refused_in_time_when_the_node_blocks_publishers(
        self, broker: RabbitBroker, stoppable_rabbitmq: PrivateRabbitMQ
    ) -> None:
        control = stoppable_rabbitmq.rabbitmqctl
        await asyncio.to_thread(control, "set_vm_memory_high_watermark", "0.0000001")
        try:
            began = time.monotonic()
            for _ in range(3):
                with pytest.raises(BrokerUnavailable):
                    await broker.publish_delivery(DESTINATION, a_message())
            assert time.monotonic() - began < 3 * 1 + 4
        finally:
            await asyncio.to_thread(control, "set_vm_memory_high_watermark", "0.4")
        await until(lambda: published(broker))

    async def test_start_does_not_raise_when_the_node_is_away(
        self, stoppable_rabbitmq: PrivateRabbitMQ
    ) -> None:
        await asyncio.to_thread(stoppable_rabbitmq.stop)
        broker = RabbitBroker([stoppable_rabbitmq.url], timeout_s=1)
        await broker.start()
        inbox = Inbox()
        await broker.declare([DESTINATION])
        await broker.consume_deliveries(DESTINATION, inbox, concurrency=1)
        assert not broker.connected
        await asyncio.to_thread(stoppable_rabbitmq.start)
        await until(lambda: published(broker))
        await inbox.next()
        await broker.close()

    async def test_confirmed_messages_are_kept_when_the_node_is_killed_in_between(
        self, broker: RabbitBroker, stoppable_rabbitmq: PrivateRabbitMQ
    ) -> None:
        confirmed: set[str] = set()

        async def publish_until_it_fails() -> None:
            with contextlib.suppress(BrokerUnavailable):
                while True:
                    message = a_message()
                    await broker.publish_delivery(DESTINATION, message)
                    confirmed.add(message.message_id)

        publishers = [asyncio.create_task(publish_until_it_fails()) for _ in range(8)]

        async def enough() -> bool:
            return len(confirmed) > 100

        await until(enough)
        await asyncio.to_thread(stoppable_rabbitmq.kill)
        await asyncio.wait_for(asyncio.gather(*publishers), 10)
        await asyncio.to_thread(stoppable_rabbitmq.start)

        received: set[str] = set()

        async def collect(message: object) -> Outcome:
            received.add(message.message_id)
            return Outcome.ACK

        await broker.consume_deliveries(DESTINATION, collect, concurrency=32)

        async def all_there() -> bool:
            return confirmed <= received

        await until(all_there)
