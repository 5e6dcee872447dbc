"""How payloads lie in the database: compressed, then encrypted; `codec` and `key_id` stand in each row.

Only this module and the vault know the encodings, so that a new one needs no migration of old rows.
"""

import threading
from dataclasses import dataclass, field

import zstandard

ZSTD = "zstd"
"""Compressed only: rows from before there was encryption."""
SEALED = "zstd+aes256gcm"
ERASED = "erased"
"""Lawfully erased: the row and its digest stay, the content is empty."""
_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Encoded:
    """A payload as stored; `key_id` is None where nothing is encrypted."""

    codec: str
    key_id: str | None
    data: bytes = field(repr=False)


class _Zstd(threading.local):
    """One of each for a thread: making them anew takes a sixth of the time, and threads must not share."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_zstd = _Zstd()


def compress(data: bytes) -> bytes:
    """Return the bytes in fewer."""
    return _zstd.compressor.compress(data)


def decompress(data: bytes) -> bytes:
    """Return the bytes as they were received."""
    return _zstd.decompressor.decompress(data)
