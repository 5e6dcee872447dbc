"""What the demo shows fits the terminal, whatever happens to the samples."""

import io

import pytest
from rich.console import Console

from gateway.config import load_config
from gateway.demo.board import Board, addresses, places, say
from gateway.demo.portal import Trip
from gateway.demo.samples import Sample
from gateway.settings import Settings, load_settings

NAME = "xurkunde 1.1 01-geburtsurkunde-zwei-staatsangehoerigkeiten-{:02}"


def terminal(width: int, height: int) -> Console:
    return Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)


def printed(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def trips(count: int) -> list[Trip]:
    return [Trip(Sample(NAME.format(i), b"", None, (), False), status="accepted") for i in range(count)]


def drawn(board: Board, width: int) -> list[str]:
    console = terminal(width, 24)
    console.print(board.progress())
    return printed(console)


@pytest.mark.parametrize("width", [60, 80, 160])
def test_board_leaves_what_stands_above_in_sight_when_the_terminal_is_small(width: int) -> None:
    travelling = trips(31)
    board = Board(travelling, terminal(width, 24), above=8)
    lines = drawn(board, width)
    assert len(lines) <= 24 - 8 - 1
    assert max(map(len, lines)) <= width
    assert lines[0] == "0 of 31 decided"
    assert lines[-1].startswith("… and ")
    for trip in travelling[:27]:
        trip.status = "decided"
    lines = drawn(board, width)
    assert lines[0] == "27 of 31 decided"
    assert len(lines) == 2 + 4


@pytest.mark.parametrize("width", [80, 160])
def test_every_stage_is_shown_with_its_time(width: int) -> None:
    travelling = trips(2)
    travelling[0].reached = {"accepted": 0.25, "delivered": 1.5, "in progress": 2.75, "decided": 3.0}
    travelling[1].status = "refused"
    _, head, first, second = drawn(Board(travelling, terminal(width, 24), above=0), width)
    assert [title in head for title in ("accepted", "delivered", "in progress", "decided")] == [True] * 4
    assert [time in first for time in ("0.25 s", "1.50 s", "2.75 s", "3.00 s")] == [True] * 4
    assert second.rstrip().endswith("refused")


@pytest.mark.parametrize("width", [60, 80, 160])
def test_columns_stay_where_they_are_when_a_query_is_answered(width: int) -> None:
    travelling = trips(3)
    board = Board(travelling, terminal(width, 24), above=0)
    before = drawn(board, width)
    travelling[1].queries = 1
    travelling[1].status = "action_required"
    for trip, stage in zip(travelling, ("accepted", "in progress", "decided"), strict=True):
        trip.reached[stage] = 59.99
    after = drawn(board, width)
    assert before[1] == after[1]
    assert len(before) == len(after)
    if width == 160:
        assert after[3].rstrip().endswith("1 action_required")


def test_errors_are_said_in_full() -> None:
    (trip,) = travelling = trips(1)
    trip.error = "no answer " * 20
    assert Board(travelling, terminal(80, 24), above=0).errors == [f"{trip.sample.name}: {trip.error}"]


def test_addresses_are_never_cut() -> None:
    settings: Settings = load_settings(var="/somewhere/that/is/far/away/from/where/anybody/would/look/var")
    config = load_config(settings.config)
    lines = addresses(places(settings, config, config.clients[0], "http://127.0.0.1:8080"))
    console = terminal(60, 24)
    say(console, lines)
    assert printed(console) == lines
    assert any("http://127.0.0.1:8081" in line for line in lines)
    assert any(line.endswith("musteramt-musterstadt/page-secret") for line in lines)
