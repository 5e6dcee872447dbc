"""The master key: wraps every data key, and is never in the database.

A database alone, and so a backup of it, is of no use to a thief; and none to its owner without this key.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import ConfigurationError

KEY_BYTES = 32
NONCE_BYTES = 12


class MasterKey:
    """Wraps and unwraps data keys; each is bound to its id and its tenant."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def wrap(self, key: bytes, *, key_id: str, tenant: str) -> bytes:
        """Return a data key as the database may hold it."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, key, _binding(key_id, tenant))

    def unwrap(self, wrapped: bytes, *, key_id: str, tenant: str) -> bytes:
        """Return the data key.

        Raises:
            ConfigurationError: another master key has wrapped it.
        """
        try:
            return self._aead.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _binding(key_id, tenant))
        except InvalidTag as error:
            raise ConfigurationError(
                "the data keys of this database are wrapped by another master key: give the one that it was "
                "last used with"
            ) from error


def _binding(key_id: str, tenant: str) -> bytes:
    return f"data_keys/{key_id}/{tenant}".encode()
