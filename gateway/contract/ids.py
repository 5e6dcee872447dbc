"""Identifiers: UUIDv7 as text, so that they sort by time of creation."""

import re
from typing import Annotated

import uuid_utils
from pydantic import StringConstraints

UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID = re.compile(UUID_PATTERN)

Id = Annotated[str, StringConstraints(pattern=f"^{UUID_PATTERN}$")]
"""An identifier that came from outside and was checked for its form."""


def new_id() -> str:
    """Return a new UUIDv7 in its canonical lower-case form."""
    return str(uuid_utils.uuid7())


def is_id(text: str) -> bool:
    """Say whether text is a UUID in canonical lower-case form."""
    return _UUID.fullmatch(text) is not None
