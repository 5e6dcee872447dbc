"""Pages from templates: escaped, never stored, with nothing from elsewhere and no script."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from fastapi import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.domain.calendar import BERLIN
from gateway.http.console import words

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    # Under `no-referrer` browsers would post our own forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
}
_UNITS = (
    (86_400, "Tag", "Tagen", "Tage"),
    (3_600, "Stunde", "Stunden", "Stunden"),
    (60, "Minute", "Minuten", "Minuten"),
    (1, "Sekunde", "Sekunden", "Sekunden"),
)


def render(
    template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> Response:
    """Answer with a page; `session` is among the values, None for a stranger."""
    page = _ENVIRONMENT.get_template(template).render(now=datetime.now(UTC), **values)
    return Response(page, status, headers=_HEADERS | dict(headers or {}), media_type="text/html")


def age(moment: datetime, now: datetime) -> str:
    """Say how long ago something was, or how soon it will be."""
    seconds = round((now - moment).total_seconds())
    if abs(seconds) < 1:
        return "gerade eben"
    count, (_, one, dative, _) = _largest(abs(seconds))
    return f"{'vor' if seconds > 0 else 'in'} {count} {one if count == 1 else dative}"


def duration(since: datetime, now: datetime) -> str:
    """Say how long something has lasted."""
    count, (_, one, _, many) = _largest(max(0, round((now - since).total_seconds())))
    return f"{count} {one if count == 1 else many}"


def _largest(seconds: int) -> tuple[int, tuple[int, str, str, str]]:
    unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return seconds // unit[0], unit


def moment(value: datetime) -> str:
    """Write a moment as a German clock shows it."""
    return f"{value.astimezone(BERLIN):%d.%m.%Y, %H:%M:%S}"


def german_date(value: date | None) -> str:
    """Write a day as it is written in German; a dash where there is none."""
    return f"{value:%d.%m.%Y}" if value else "–"


def size(count: int) -> str:
    """Write a number of bytes."""
    if count < 1000:
        return f"{count} Byte"
    number, unit = (count / 1_000_000, "MB") if count >= 999_950 else (count / 1000, "kB")
    return f"{number:.1f} {unit}".replace(".", ",")


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {"age": age, "day": german_date, "duration": duration, "moment": moment, "size": size}
_ENVIRONMENT.globals |= {"word": words.word}
