"""How payloads lie in the database: compressed now; `codec` and `key_id` stand in each row.

Only this module knows the encodings, so that a new one needs no migration of old rows.
"""

from dataclasses import dataclass

import zstandard

ZSTD = "zstd"
_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Encoded:
    """A payload as stored; `key_id` is None where nothing is encrypted."""

    codec: str
    key_id: str | None
    data: bytes


def encode(data: bytes) -> Encoded:
    """Encode a payload for the database."""
    return Encoded(ZSTD, None, zstandard.ZstdCompressor(level=_LEVEL).compress(data))


def decode(codec: str, data: bytes) -> bytes:
    """Return the bytes as they were received.

    Raises:
        ValueError: the row names a codec that this version does not know.
    """
    if codec != ZSTD:
        raise ValueError(f"payload is stored with the unknown codec {codec}; a newer version wrote it")
    return zstandard.ZstdDecompressor().decompress(data)
