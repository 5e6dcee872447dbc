"""Server processes of a benchmark, each a child of this one with its own log."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

_STARTS_WITHIN_S = 60.0
_ENDS_WITHIN_S = 30.0


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
        self._log = folder / f"{name}.log"
        own = {key: value for key, value in os.environ.items() if not key.startswith("AMTSBOTE_")}
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
        while not _answers(url):
            if self._popen.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{url} does not answer:\n{self._tail()}")
            time.sleep(0.05)

    def wait_until_done(self) -> None:
        """Wait for a program that ends by itself.

        Raises:
            RuntimeError: it failed; with the end of its log.
        """
        if self._popen.wait(_STARTS_WITHIN_S) != 0:
            raise RuntimeError(f"{self._log.stem} failed:\n{self._tail()}")

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


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2, trust_env=False).status_code < 500
    except httpx2.HTTPError:
        return False
