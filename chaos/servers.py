"""RabbitMQ and PostgreSQL of a run: one node or a cluster of three, with ways to break them."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx2

from tests.services import PrivatePostgreSQL, PrivateRabbitMQ, RabbitMQ
from tests.services.runtime import ServiceFailed

_VHOST = "%2F"


class Servers:
    """Servers of the run's own, which it may kill and whose disks it may lose.

    Args:
        nodes: how many RabbitMQ nodes; more than one form a cluster, whose queues have a replica on each.
    """

    def __init__(self, nodes: int = 1) -> None:
        self.postgresql = PrivatePostgreSQL()
        first = PrivateRabbitMQ()
        self.nodes = [first, *(PrivateRabbitMQ(peer=first) for _ in range(nodes - 1))]
        self.database_url = ""

    @property
    def amqp_urls(self) -> list[str]:
        """The addresses of all nodes."""
        return [node.url for node in self.nodes]

    async def start(self) -> None:
        """Start everything for the first time."""
        await asyncio.gather(asyncio.to_thread(self.postgresql.start), self._start_anew())
        self.database_url = self.postgresql.create_database()

    async def close(self) -> None:
        """End everything and remove the data."""
        for node in reversed(self.nodes):
            await asyncio.to_thread(node.discard)
        await asyncio.to_thread(self.postgresql.discard)

    async def kill_node(self, number: int, down_s: float) -> None:
        """Kill one node; the others of its cluster go on."""
        await asyncio.to_thread(self.nodes[number].kill)
        await asyncio.sleep(down_s)
        self.nodes[number].launch()
        await asyncio.to_thread(_wait, self.nodes[number])

    async def kill_rabbitmq(self, down_s: float) -> None:
        """Kill every node at once, and start them all again."""
        await asyncio.gather(*(asyncio.to_thread(node.kill) for node in self.nodes))
        await asyncio.sleep(down_s)
        for node in self.nodes:
            node.launch()
        await asyncio.gather(*(asyncio.to_thread(_wait, node) for node in self.nodes))

    async def lose_disk(self, down_s: float) -> None:
        """Kill every node at once, remove everything they had stored, and start anew."""
        await asyncio.gather(*(asyncio.to_thread(node.lose_disk) for node in self.nodes))
        await asyncio.sleep(down_s)
        await self._start_anew()

    async def kill_postgresql(self, down_s: float) -> None:
        """Kill PostgreSQL, and start it again."""
        await asyncio.to_thread(self.postgresql.kill)
        await asyncio.sleep(down_s)
        await asyncio.to_thread(self.postgresql.start)

    async def limit_queue(self, queue: str, length: int) -> None:
        """Let a queue hold so few messages."""
        pattern = f"^{queue.replace('.', '[.]')}$"
        policy = {"pattern": pattern, "definition": {"max-length": length}, "apply-to": "queues"}
        await self._manage("PUT", f"policies/{_VHOST}/chaos", policy)

    async def unlimit_queue(self) -> None:
        """Let it hold as many as the product has declared."""
        await self._manage("DELETE", f"policies/{_VHOST}/chaos")

    async def _manage(self, method: str, path: str, body: object = None) -> Any:
        for node in self.nodes:
            with suppress(httpx2.HTTPError):
                return await asyncio.to_thread(node.access.manage, method, path, body)
        raise ServiceFailed("no RabbitMQ node answers its management API")

    async def _start_anew(self) -> None:
        for node in self.nodes:
            await asyncio.to_thread(node.start)


def _wait(node: PrivateRabbitMQ) -> None:
    """Wait for a launched node; if it fails, start it once more, as a service manager does.

    Where nodes begin at the same moment, 3.10 asks a neighbour for feature flags that it has not read yet
    and gives up (`incompatible_feature_flags`).
    """
    try:
        node.wait()
    except ServiceFailed:
        node.restart()


class Shared(Servers):
    """Servers that others use too: nothing may be killed; the run has a database and a vhost of its own."""

    def __init__(self, database_url: str, amqp_url: str, rabbitmq: RabbitMQ) -> None:
        self.database_url = database_url
        self._amqp_url = amqp_url
        self._rabbitmq = rabbitmq

    @property
    def amqp_urls(self) -> list[str]:
        """The address of the run's own virtual host."""
        return [self._amqp_url]

    async def start(self) -> None:
        """They run already."""

    async def close(self) -> None:
        """They run on."""
