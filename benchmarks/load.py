"""The load: as little work for each request as can be, since it shares the machine with what it measures.

Raw HTTP/1.1 over connections that are kept alive, one request under way on each. The same for both sides.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ANSWER_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """A call that is measured: what to send, and the status that counts as done.

    Its connections are spread over the ports, as a load balancer would.
    """

    ports: Sequence[int]
    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200

    def request(self, body: bytes = b"") -> bytes:
        """Write a whole request."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True, slots=True)
class Burst:
    """What one burst of requests came to; every request was answered as it should be.

    `answers` holds when each answer came (`time.perf_counter`) and how long it took.
    """

    seconds: float
    answers: Sequence[tuple[float, float]]

    @property
    def rate(self) -> float:
        """Requests answered in a second."""
        return len(self.answers) / self.seconds

    @property
    def latencies_s(self) -> list[float]:
        """How long each answer took."""
        return [latency_s for _, latency_s in self.answers]

    def count(self, since: float, until: float) -> int:
        """Count the answers that came in between."""
        return sum(since <= at < until for at, _ in self.answers)


class Connection(asyncio.Protocol):
    """One connection that is kept alive."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to a server on this machine."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body of the answer."""
        if self._transport is None:
            raise ConnectionError("the server has closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    async def ask_for(self, target: Target, body: bytes = b"") -> bytes:
        """Send a request and return the body of the answer.

        Raises:
            RuntimeError: the answer has another status; a figure made of refusals would be worth nothing.
        """
        status, answer = await self.ask(target.request(body))
        if status != target.status:
            raise RuntimeError(f"{target.method} {target.path} was answered {status}: {answer[:500]!r}")
        return answer

    def close(self) -> None:
        """Disconnect."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; called by asyncio."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, which is none by name

    def data_received(self, data: bytes) -> None:
        """Collect an answer; called by asyncio."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if end else None
        if length is None or len(body) < int(length[1]):
            return
        self._received = b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits; called by asyncio."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server has closed the connection"))


async def burst(
    make_target: Callable[[], Target],
    make_body: Callable[[], bytes],
    *,
    concurrency: int,
    seconds: float = float("inf"),
    count: float = float("inf"),
    rate: float = float("inf"),
) -> Burst:
    """Post on so many connections, for a time or a number of requests.

    Args:
        make_target: names the call; asked for each request, since an access token does not last for ever.
        make_body: makes the next message.
        concurrency: connections, each with one request under way.
        seconds: after which no request is begun.
        count: requests in all.
        rate: requests begun in a second at most; without it none waits for anything but its connection.
    """
    ports = make_target().ports
    connections = await asyncio.gather(
        *(Connection.open(ports[number % len(ports)]) for number in range(concurrency))
    )
    answers: list[tuple[float, float]] = []
    started = time.perf_counter()
    begun = 0

    async def post(connection: Connection) -> None:
        nonlocal begun
        while begun < count and time.perf_counter() - started < seconds:
            turn = started + begun / rate
            begun += 1
            if (early_s := turn - time.perf_counter()) > 0:
                await asyncio.sleep(early_s)
            body = make_body()
            asked = time.perf_counter()
            async with asyncio.timeout(_ANSWER_WITHIN_S):
                await connection.ask_for(make_target(), body)
            answered = time.perf_counter()
            answers.append((answered, answered - asked))

    try:
        await asyncio.gather(*map(post, connections))
    finally:
        for connection in connections:
            connection.close()
    return Burst(time.perf_counter() - started, answers)
