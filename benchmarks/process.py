"""Server processes of a benchmark, each a child of this one with its own log."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

from benchmarks.profiled import PROFILE

_STARTS_WITHIN_S = 60.0
_ENDS_WITHIN_S = 30.0
_ASK_EVERY_S = 0.02


class Process:
    """A program run by this Python.

    Args:
        name: of its log file.
        folder: where it runs and its log is written.
        arguments: what follows the interpreter.
        environment: added to this process's own, of which AMTSBOTE_* is left out.
    """

    def __init__(
        self, name: str, folder: Path, arguments: Sequence[str], environment: Mapping[str, object]
    ) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        self._profile = folder / f"{name}.profile"
        own = {key: value for key, value in os.environ.items() if not key.startswith("AMTSBOTE_")}
        own[PROFILE] = str(self._profile)
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=folder,
                env=own | {key: str(value) for key, value in environment.items()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._popen.pid

    def wait_until_it_answers(self, url: str) -> None:
        """Ask until there is an answer below 500.

        Raises:
            RuntimeError: it ended, or does not answer; with the end of its log.
        """
        deadline = time.monotonic() + _STARTS_WITHIN_S
        with httpx2.Client(timeout=2, trust_env=False) as client:
            while not _answers(client, url):
                self.check()
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{url} does not answer:\n{self._tail()}")
                time.sleep(_ASK_EVERY_S)

    def check(self) -> None:
        """Make sure that it runs.

        Raises:
            RuntimeError: it ended; with the end of its log.
        """
        if self._popen.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self._popen.returncode}:\n{self._tail()}")

    def wait_until_done(self) -> None:
        """Wait for a program that ends by itself.

        Raises:
            RuntimeError: it failed; with the end of its log.
        """
        if self._popen.wait(_STARTS_WITHIN_S) != 0:
            raise RuntimeError(f"{self.name} failed:\n{self._tail()}")

    def begin_profile(self) -> None:
        """Have the program count where its processor time goes; it was started by `benchmarks.profiled`."""
        self._profile.unlink(missing_ok=True)
        self._popen.send_signal(signal.SIGUSR2)

    def end_profile(self) -> dict[str, int]:
        """Return samples for each part of the program."""
        self._popen.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + _ENDS_WITHIN_S
        while not self._profile.exists():
            self.check()
            if time.monotonic() > deadline:
                return {}
            time.sleep(_ASK_EVERY_S)
        counts: dict[str, int] = json.loads(self._profile.read_text())
        return counts

    def stop(self) -> None:
        """End it in good order."""
        self._popen.terminate()
        try:
            self._popen.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]


def _answers(client: httpx2.Client, url: str) -> bool:
    try:
        return client.get(url).status_code < 500
    except httpx2.HTTPError:
        return False
