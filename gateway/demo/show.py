"""How the demo tells what it does: to people at a terminal, or to scripts as one JSON object a line."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live

from gateway.demo.board import Board, addresses, say
from gateway.demo.portal import Trip

REFRESH_PER_S = 4


class Terminal:
    """Tells people."""

    def __init__(self, places: dict[str, Any], trips: Sequence[Trip]) -> None:
        self._console = Console()
        self._where = addresses(places)
        self._board = Board(trips, self._console, above=len(self._where))

    def begin(self) -> None:
        """Print the addresses."""
        say(self._console, self._where)

    @contextmanager
    def travelling(self) -> Iterator[None]:
        """Draw the samples again and again."""
        with Live(
            get_renderable=self._board.progress,
            console=self._console,
            refresh_per_second=REFRESH_PER_S,
            transient=True,
        ):
            yield

    def end(self, *, stopped: bool) -> None:
        """Print the whole table, but not to someone who has pressed Ctrl-C."""
        if stopped:
            say(self._console, [f"{self._board.summary}; stopping …"])
        else:
            self._console.print(self._board.table())
            say(self._console, [*self._board.errors, self._board.summary])

    def wait(self) -> None:
        """Print the addresses again; the table has pushed them out of sight."""
        say(self._console, ["Every sample has come to its end. Ctrl-C ends the demo.", *self._where])

    def stop(self) -> None:
        """Print it."""
        say(self._console, ["stopping …"])


class JsonLines:
    """Tells scripts: a line when it has started, and a line when the samples have ended."""

    def __init__(self, places: dict[str, Any], trips: Sequence[Trip]) -> None:
        self._console = Console()
        self._places = places
        self._trips = trips

    def begin(self) -> None:
        """Print the addresses."""
        self._print(self._places)

    @contextmanager
    def travelling(self) -> Iterator[None]:
        """Print nothing."""
        yield

    def end(self, *, stopped: bool) -> None:
        """Print how far each sample came."""
        late = [trip.sample.name for trip in self._trips if trip.status != "decided"]
        samples = [_sample(trip) for trip in self._trips]
        self._print({"samples": samples, "decided": len(samples) - len(late), "late": late})

    def wait(self) -> None:
        """Print nothing."""

    def stop(self) -> None:
        """Print nothing."""

    def _print(self, data: dict[str, Any]) -> None:
        say(self._console, [json.dumps(data, ensure_ascii=False)])


def _sample(trip: Trip) -> dict[str, Any]:
    return {
        "name": trip.sample.name,
        "status": trip.status,
        "error": trip.error,
        "queries": trip.queries,
        "reached": {stage.replace(" ", "_"): round(after, 3) for stage, after in trip.reached.items()},
    }
