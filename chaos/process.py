"""Processes of the town: started, killed, frozen, and ended with the harness whatever ends that."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_GUARD = 'read -r _; kill -9 $(cat "$0" 2>/dev/null) 2>/dev/null'
_ENDS_WITHIN_S = 15.0


class Guard:
    """A shell that waits for this process to be gone, and then kills what was started."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "guarded.pids"
        self._file.touch()
        self._shell = subprocess.Popen(
            ["sh", "-c", _GUARD, self._file], stdin=subprocess.PIPE, start_new_session=True
        )

    def note(self, pids: Sequence[int]) -> None:
        """Remember which processes run now."""
        self._file.write_text(" ".join(map(str, pids)))

    def close(self) -> None:
        """Kill what is still noted."""
        if self._shell.stdin:
            self._shell.stdin.close()
        self._shell.wait()


class Process:
    """One `amtsbote` process that should run; what it prints goes to a file.

    Args:
        command: how it is started; `again` may be longer for one start.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.wanted = False
        self.starts = 0
        self._command = list(command)
        self._extra: list[str] = []
        self._environment = dict(environment)
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The id of the process that runs now."""
        return self._popen.pid if self._popen and self._popen.poll() is None else None

    def start(self, *extra: str) -> None:
        """Start it, now and whenever it has ended by itself; `extra` stays until `settle`."""
        self.wanted = True
        self._extra = list(extra) or self._extra
        self.starts += 1
        with self.log.open("ab") as log:
            began = {"event": "chaos_start", "at": time.time(), "start": self.starts}
            log.write(json.dumps(began).encode() + b"\n")
            log.flush()
            self._popen = subprocess.Popen(
                [*self._command, *self._extra],
                env=self._environment,
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def settle(self, proof: str) -> None:
        """Forget the extra arguments once the latest start has printed the proof that they took effect."""
        if self._extra and proof in self.printed().rpartition("chaos_start")[2]:
            self._extra = []

    def kill(self) -> None:
        """End it at once, as a power failure would; it stays down until it is started."""
        self.wanted = False
        if self._popen:
            with suppress(ProcessLookupError):
                self._popen.kill()
            self._popen.wait()

    def stop(self) -> int:
        """Ask it to end, wait, and return its exit code; a process that does not end is killed: -9."""
        self.wanted = False
        if self._popen is None:
            return 0
        self._popen.terminate()
        try:
            return self._popen.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def hold(self) -> None:
        """Freeze it: it lives, and does nothing."""
        if pid := self.pid:
            os.kill(pid, signal.SIGSTOP)

    def release(self) -> None:
        """Let it go on."""
        if pid := self.pid:
            os.kill(pid, signal.SIGCONT)

    def printed(self) -> str:
        """Return everything that it has printed, over all starts."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
