"""Failed sign-ins: counted for each caller, in memory that a caller cannot make larger."""

import tracemalloc

import pytest

from gateway.errors import RateLimited
from gateway.http.guesses import MAX_FAILURES, Guesses


def test_memory_stays_small_when_claimed_ids_are_long():
    guesses = Guesses()
    tracemalloc.start()
    try:
        for number in range(1000):
            guesses.failed(f"{number}" + "x" * 48_000, "192.0.2.1")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000


def test_caller_waits_alone_when_it_failed_too_often():
    guesses = Guesses()
    for _ in range(MAX_FAILURES):
        guesses.failed("portal", "192.0.2.1")
    with pytest.raises(RateLimited):
        guesses.check("portal", "192.0.2.1")
    guesses.check("portal", "192.0.2.2")
    guesses.check("portal-zwei", "192.0.2.1")
    guesses.check("1portal", "192.0.2.")
    guesses.succeeded("portal", "192.0.2.1")
    guesses.check("portal", "192.0.2.1")
