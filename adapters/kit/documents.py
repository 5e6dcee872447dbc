"""Documents that an adapter sends along with a report, such as the PDF of a decision."""

import asyncio
from hashlib import sha256

from adapters.kit.backoff import backoff_s
from adapters.kit.errors import Transient
from adapters.kit.gateway_client import GatewayClient

TRIES = 4


class Documents:
    """Uploads to the gateway. Upload a document before the report whose `Anlage` names it by its sha256."""

    def __init__(self, gateway: GatewayClient, *, first_pause_s: float = 0.5) -> None:
        self._gateway = gateway
        self._first_pause_s = first_pause_s

    async def upload(self, data: bytes, media_type: str) -> str:
        """Store a document at the gateway and return its sha256; uploading the same again changes nothing.

        Raises:
            Transient: the gateway did not take it after several tries.
        """
        digest = sha256(data).hexdigest()
        for attempt in range(TRIES - 1):
            try:
                await self._gateway.upload(digest, data, media_type)
            except Transient:
                await asyncio.sleep(backoff_s(attempt, first_s=self._first_pause_s))
            else:
                return digest
        await self._gateway.upload(digest, data, media_type)
        return digest
