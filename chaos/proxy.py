"""A TCP proxy on this machine whose connections can be cut, slowed down and left hanging."""

import asyncio
from contextlib import suppress
from enum import Enum

_CHUNK = 65536


class Mode(Enum):
    """What a line does with what it is given."""

    PASS = "pass"  # noqa: S105 a way, not a word
    CUT = "cut"
    SLOW = "slow"
    HOLE = "hole"


class Line:
    """Passes connections on to one port of 127.0.0.1.

    `cut` closes what is open and refuses what is new; `hole` keeps connections open and passes nothing, as a
    broken network does; `slow` holds every piece back for a while.
    """

    def __init__(self, name: str, target: int) -> None:
        self.name = name
        self.port = 0
        self._target = target
        self._mode = Mode.PASS
        self._delay_s = 0.0
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port, which is kept."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._server:
            self._server.close()
        self.drop()
        self._open.set()

    def set(self, mode: Mode, delay_s: float = 0.0) -> None:
        """Change what the line does from here on."""
        self._mode, self._delay_s = mode, delay_s
        if mode is Mode.HOLE:
            self._open.clear()
        else:
            self._open.set()
        if mode is Mode.CUT:
            self.drop()

    def drop(self) -> None:
        """Close what is open, at once."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._mode is Mode.CUT:
                return
            await self._open.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._target, limit=_CHUNK)
            self._writers.add(back)
            try:
                await self._join(reader, writer, there, back)
            finally:
                self._writers.discard(back)
                back.transport.abort()
        except OSError:
            return
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        pumps = [
            asyncio.create_task(self._pump(reader, back)),
            asyncio.create_task(self._pump(there, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._open.wait()
                writer.write(data)
                await writer.drain()
