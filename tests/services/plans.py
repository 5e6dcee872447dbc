"""What PostgreSQL did for a statement, by its own account."""

import json
from collections.abc import Iterator
from typing import Any


def read_plan(explained: Any) -> dict[str, Any]:
    """Return the plan that `EXPLAIN (ANALYZE, FORMAT JSON)` has answered with."""
    answer = json.loads(explained) if isinstance(explained, str) else explained
    plan: dict[str, Any] = answer[0]["Plan"]
    return plan


def rows_read(node: dict[str, Any]) -> Iterator[float]:
    """Give for each part of a plan how many rows it looked at."""
    dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    yield (node["Actual Rows"] + dropped) * node["Actual Loops"]
    for child in node.get("Plans", ()):
        yield from rows_read(child)
