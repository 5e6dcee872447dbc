"""What the demo prints: the addresses, who is on the way, and in the end the whole table."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, ConsoleRenderable, Group
from rich.table import Table

from gateway.config import Client, Config
from gateway.demo.portal import STAGES, Trip
from gateway.settings import Settings

WIDE = 100
"""On a terminal narrower than this only the stages are shown; the last one says how else a case ended."""
_TIME_WIDTH = len("12.34 s")
_STATUS_WIDTH = len("action_required")
_AROUND = 3
"""Lines that the rows must leave free: the summary, the table's head, and the one with the cursor."""


def places(settings: Settings, config: Config, client: Client, url: str) -> dict[str, Any]:
    """Find out where everything is, and in which files the secrets are."""
    operators = settings.secrets / "operators"
    clerks = []
    for destination in config.destinations:
        if port := destination.options.get("page_port"):
            own = settings.var / "adapters" / destination.name / "page-secret"
            secret = str(destination.options.get("page_secret_file") or own)
            page = f"http://127.0.0.1:{port}"
            clerks.append({"url": page, "name": "sachbearbeitung", "password_file": secret})
    return {
        "url": url,
        "docs": f"{url}/docs",
        "console": f"{url}/console",
        "operators": [
            {"name": each.name, "password_file": str(operators / each.name)} for each in config.operators[:1]
        ],
        "clerks": clerks,
        "client": {"id": client.id, "secret_file": str(settings.secrets / "clients" / client.id)},
    }


def addresses(where: dict[str, Any]) -> list[str]:
    """Say where everything is, and who may enter; a line each, however long."""
    lines = [f"API docs      {where['docs']}", f"Console       {where['console']}"]
    lines += [_person(operator) for operator in where["operators"]]
    for clerk in where["clerks"]:
        lines += [f"Clerk's page  {clerk['url']}", _person(clerk)]
    client = where["client"]
    return [*lines, f"Portal API    {where['url']}", f"  {client['id']}, secret in {client['secret_file']}"]


def _person(person: dict[str, str]) -> str:
    return f"  {person['name']}, password in {person['password_file']}"


def say(console: Console, lines: Sequence[str]) -> None:
    """Print lines as they are: never cut, never wrapped at a place of our choosing."""
    for line in lines:
        console.out(line, highlight=False)


class Board:
    """Shows where each sample is; no column changes its width while they travel.

    Args:
        above: how many lines stand above it and are to stay in sight.
    """

    def __init__(self, trips: Sequence[Trip], console: Console, *, above: int) -> None:
        self._trips = trips
        self._room = max(console.height - above - _AROUND, 3)
        self._wide = console.width >= WIDE
        widths = [max(len(stage), _TIME_WIDTH) for stage in STAGES]
        widths += [len("queries"), _STATUS_WIDTH] if self._wide else []
        longest = max(len(trip.sample.name) for trip in trips)
        self._widths = [max(min(longest, console.width - sum(widths) - len(widths)), 12), *widths]

    @property
    def summary(self) -> str:
        """Count what has arrived."""
        decided = sum(trip.status == "decided" for trip in self._trips)
        return f"{decided} of {len(self._trips)} decided"

    def progress(self) -> ConsoleRenderable:
        """Draw every sample, or where they do not fit, those that are still on their way."""
        if len(self._trips) <= self._room:
            return Group(self.summary, self.table())
        left = [trip for trip in self._trips if not trip.ended]
        if len(left) <= self._room:
            return Group(self.summary, self.table(left))
        shown = left[: self._room - 1]
        return Group(self.summary, self.table(shown), f"… and {len(left) - len(shown)} more")

    def table(self, trips: Sequence[Trip] | None = None) -> Table:
        """Draw a row a sample."""
        drawn = Table(box=None, pad_edge=False, collapse_padding=True)
        titles = ("sample", *STAGES, *(("queries", "status") if self._wide else ()))
        for title, width in zip(titles, self._widths, strict=True):
            drawn.add_column(
                title,
                width=width,
                no_wrap=True,
                overflow="ellipsis",
                justify="left" if title in {"sample", "status"} else "right",
            )
        for trip in self._trips if trips is None else trips:
            drawn.add_row(trip.sample.name, *self._cells(trip))
        return drawn

    def _cells(self, trip: Trip) -> list[str]:
        cells = [f"{trip.reached[stage]:.2f} s" if stage in trip.reached else "" for stage in STAGES]
        status = "error" if trip.error else trip.status
        if self._wide:
            return [*cells, str(trip.queries or ""), status]
        if trip.ended and status != "decided":
            cells[-1] = status
        return cells

    @property
    def errors(self) -> list[str]:
        """Say in full what went wrong."""
        return [f"{trip.sample.name}: {trip.error}" for trip in self._trips if trip.error]
