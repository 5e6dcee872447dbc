"""The vault: encrypts what is written and decrypts what is read, each tenant's under its own data key.

Nothing but data keys is asked of the database, and those are kept: `seal` and `unseal` never wait.
"""

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import ConfigurationError, KeyUnavailable, PayloadErased, PayloadUnreadable
from gateway.store import keys
from gateway.store.codec import ERASED, SEALED, ZSTD, Encoded, compress, decompress
from gateway.store.keys import StoredKey
from gateway.store.master_key import NONCE_BYTES, MasterKey

if TYPE_CHECKING:
    from gateway.store.engine import SqlStore

REFRESH_S = 60
"""So long a process may go on encrypting under a data key that was rotated."""

_log = structlog.get_logger()


class Vault:
    """Every data key that this process has needed so far.

    Args:
        master_key: None where no content is read or written: all but data keys can be used without it.
    """

    def __init__(self, store: "SqlStore", master_key: MasterKey | None) -> None:
        self._store = store
        self._master_key = master_key
        self._ciphers: dict[str, AESGCM] = {}
        self._current: dict[str, str] = {}
        self._refresh_at = 0.0

    @property
    def master_key(self) -> MasterKey:
        """The key that wraps the data keys.

        Raises:
            ConfigurationError: this process was started without it.
        """
        if self._master_key is None:
            raise ConfigurationError("the store was opened without its master key: contents cannot be read")
        return self._master_key

    async def ready(self, tenants: Iterable[str]) -> None:
        """Make sure that these tenants have data keys; call it before the transaction that seals.

        Not within it: a key counts once it is committed, and SQLite has one writer.
        """
        if time.monotonic() >= self._refresh_at:
            self._refresh_at = time.monotonic() + REFRESH_S
            await self._read_all()
        missing = [each for each in tenants if each not in self._current]
        if missing:
            await keys.create_missing(self._store, self.master_key, missing)
            await self._read_all()

    async def learn(self, connection: AsyncConnection, key_ids: Iterable[str | None]) -> None:
        """Fetch the data keys that another process has made since; call it before `unseal`."""
        unknown = {each for each in key_ids if each and each not in self._ciphers}
        if unknown:
            for each in await keys.fetch_all(connection, unknown):
                self._unwrap(each)

    def seal(self, data: bytes, *, tenant: str, place: str) -> Encoded:
        """Compress and encrypt a content for one place in the database, and for no other.

        Args:
            place: table and key of the row; at another place the content cannot be opened.
        """
        key_id = self._current[tenant]
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[key_id].encrypt(nonce, compress(data), _binding(tenant, place))
        return Encoded(SEALED, key_id, nonce + sealed)

    def unseal(self, stored: Encoded, *, tenant: str, place: str) -> bytes:
        """Return a content as it was sealed for this place.

        Raises:
            PayloadErased: it was lawfully erased.
            KeyUnavailable: this process has not got its data key.
            PayloadUnreadable: it is damaged, was meant for another place, or a newer version wrote it.
        """
        if stored.codec == ERASED:
            raise PayloadErased
        if stored.codec == ZSTD:
            return decompress(stored.data)
        if stored.codec != SEALED:
            raise PayloadUnreadable(
                f"payload is stored with the unknown codec {stored.codec}; a newer version wrote it"
            )
        cipher = self._ciphers.get(stored.key_id or "")
        if cipher is None:
            raise KeyUnavailable
        nonce, sealed = stored.data[:NONCE_BYTES], stored.data[NONCE_BYTES:]
        try:
            return decompress(cipher.decrypt(nonce, sealed, _binding(tenant, place)))
        except InvalidTag as error:
            raise PayloadUnreadable from error

    async def _read_all(self) -> None:
        async with self._store.read() as connection:
            stored = await keys.fetch_all(connection)
        # They come by generation: the last of a tenant that can be used is the one that encrypts.
        self._current |= {each.tenant: each.key_id for each in stored if self._remember(each)}

    def _remember(self, stored: StoredKey) -> bool:
        return stored.key_id in self._ciphers or self._unwrap(stored)

    def _unwrap(self, stored: StoredKey) -> bool:
        try:
            key = self.master_key.unwrap(stored.wrapped, key_id=stored.key_id, tenant=stored.tenant)
        except ConfigurationError as error:
            # Wrapped under a new master key since this process started: it goes on with what it has.
            _log.warning(
                "data_key_not_readable", key_id=stored.key_id, tenant=stored.tenant, error=error.detail
            )
            return False
        self._ciphers[stored.key_id] = AESGCM(key)
        return True


def _binding(tenant: str, place: str) -> bytes:
    return f"{tenant}/{place}".encode()
