"""Group look-up: requests that wait at the same moment share one question to the store.

Nearly every application names a reference that the portal has just made up. Looking each one up by itself
cost more than storing it.
"""

import asyncio

from gateway.store import SqlStore, reads

Key = tuple[str, str]


class References:
    """Says whether a client's reference names something that is stored."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._waiting: dict[Key, asyncio.Future[bool]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def known(self, client: str, reference: str) -> bool:
        """Say whether the reference is a case of the client, or its own id of an earlier message.

        Whatever was committed before the call is seen.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        key = (client, reference)
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().create_future()
        answer = self._waiting[key]
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())
        # A request that goes away must not take the question of the others along.
        return await asyncio.shield(answer)

    async def stop(self) -> None:
        """End a look-up that is under way; whoever waits for it is told so."""
        if self._reader:
            self._reader.cancel()
            await asyncio.wait([self._reader])

    async def _read(self) -> None:
        try:
            await self._answer_all()
        finally:
            self._reader = None
            for answer in self._waiting.values():
                answer.cancel()
            self._waiting = {}

    async def _answer_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            try:
                async with self._store.read() as connection:
                    known = await reads.known_references(connection, batch)
            except asyncio.CancelledError:
                for answer in batch.values():
                    answer.cancel()
                raise
            except Exception as error:
                for answer in batch.values():
                    answer.set_exception(error)
                    answer.exception()  # the request may be gone; asyncio must not complain
            else:
                for key, answer in batch.items():
                    answer.set_result(key in known)
