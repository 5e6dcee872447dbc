"""A piece of work that must not be done twice."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Step:
    """One step of a delivery; `result` is JSON, and survives a crash once recorded."""

    name: str
    done: bool = False
    result: Any = field(default=None)
