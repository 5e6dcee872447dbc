"""Where a version stands on a day; its last day and the last of its grace still belong to it."""

from datetime import date
from pathlib import Path

import pytest

from gateway.standards import Standard
from gateway.standards.manifest import Manifest
from gateway.standards.phase import Phase, phase
from gateway.standards.sources import SchemaFiles
from tests.unit.test_example import MANIFEST

DAYS = ("valid_from", "valid_until", "grace_until")
TAKEN = {Phase.SERVED, Phase.ENDING, Phase.GRACE}


def manifest(*days: str | None) -> Manifest:
    return Manifest.model_validate(MANIFEST | dict.fromkeys(DAYS) | dict(zip(DAYS, days, strict=False)))


@pytest.mark.parametrize(
    ("days", "day", "expected"),
    [
        ((None,), "2026-06-01", Phase.NOT_ENABLED),
        ((None, "2026-06-30"), "2026-06-01", Phase.NOT_ENABLED),
        (("2026-06-02",), "2026-06-01", Phase.COMING),
        (("2026-06-02", "2026-06-03"), "2026-06-01", Phase.COMING),
        (("2026-06-01",), "2026-06-01", Phase.SERVED),
        (("2026-01-01", "2026-07-02"), "2026-06-01", Phase.SERVED),
        (("2026-01-01", "2026-07-01"), "2026-06-01", Phase.ENDING),
        (("2026-01-01", "2026-06-01", "2026-12-31"), "2026-06-01", Phase.ENDING),
        (("2026-01-01", "2026-05-31", "2026-06-01"), "2026-06-01", Phase.GRACE),
        (("2026-01-01", "2026-04-30", "2026-05-31"), "2026-06-01", Phase.OVER),
        (("2026-01-01", "2026-05-31"), "2026-06-01", Phase.OVER),
    ],
)
def test_phase_is_told_by_the_days_of_the_manifest(
    days: tuple[str | None, ...], day: str, expected: Phase
) -> None:
    known, on = manifest(*days), date.fromisoformat(day)
    assert phase(known, on) is expected
    assert Standard(known, Path(), SchemaFiles([])).serves(on) is (expected in TAKEN)


@pytest.mark.parametrize(("soon_days", "expected"), [(89, Phase.SERVED), (90, Phase.ENDING)])
def test_end_is_soon_when_the_caller_says_so(soon_days: int, expected: Phase) -> None:
    ends_in_90_days = manifest("2026-01-01", "2026-08-30")
    assert phase(ends_in_90_days, date(2026, 6, 1), soon_days=soon_days) is expected
