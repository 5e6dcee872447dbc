"""Documents that an adapter sends along with a report, such as the PDF of a decision."""

from hashlib import sha256

from adapters.kit.gateway_client import GatewayClient


class Documents:
    """Uploads to the gateway. Upload a document before the report whose `Anlage` names it by its sha256."""

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway

    async def upload(self, data: bytes, media_type: str) -> str:
        """Store a document at the gateway and return its sha256; uploading the same again changes nothing.

        Raises:
            Transient: the gateway did not take it after several tries.
        """
        digest = sha256(data).hexdigest()
        await self._gateway.upload(digest, data, media_type)
        return digest
