"""A process ends in time, whatever hangs."""

import gc
import subprocess
import sys
import time

import pytest

from gateway.errors import ConfigurationError
from gateway.process import CUT_SHORT, collector_held

HANGS = """
import threading
from gateway.process import end_within
end_within(0.3)
threading.Thread(target=threading.Event().wait).start()
"""
IGNORES_THE_SIGNAL = """
import asyncio, os, signal
from gateway.process import stop_on_signal

async def main():
    with stop_on_signal(0.3) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        print("told to stop", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
ENDS = "from gateway.process import end_within; end_within(30)"


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )


def test_process_is_ended_and_says_so_when_a_thread_hangs() -> None:
    done = run(HANGS)
    assert done.returncode == CUT_SHORT
    assert "stop_cut_short" in done.stdout + done.stderr


def test_process_is_ended_when_it_does_not_stop_after_the_signal() -> None:
    done = run(IGNORES_THE_SIGNAL)
    assert done.returncode == CUT_SHORT
    assert "told to stop" in done.stdout


def test_process_ends_by_itself_when_nothing_hangs() -> None:
    began = time.monotonic()
    assert run(ENDS).returncode == 0
    assert time.monotonic() - began < 20


def test_garbage_is_collected_again_after_a_start_that_failed() -> None:
    def start() -> None:
        with collector_held():
            was_enabled.append(gc.isenabled())
            raise ConfigurationError("no such file")

    was_enabled: list[bool] = []
    with pytest.raises(ConfigurationError):
        start()
    assert (was_enabled, gc.isenabled()) == ([False], True)


def test_garbage_is_collected_once_everything_has_started() -> None:
    program = "import gc; from gateway.process import *\nwith collector_held():\n spare_collector()\n "
    assert run(program + "raise SystemExit(not gc.isenabled())").returncode == 0
