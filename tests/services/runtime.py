"""What a private server runs on: a process of this machine, or a container where one is missing."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

# Below the range from which Linux takes ports for outgoing connections, above what packages use.
_PORTS = range(20000, 32000)

_GUARD = 'read -r _; kill -9 $(cat "$0"/guarded.pids 2>/dev/null) 2>/dev/null; sleep 0.2; rm -rf "$0"'


class ServiceFailed(Exception):
    """A private server did not start or answer."""


class Runtime(Protocol):
    """Starts and ends one server, whose data stay until `discard`."""

    @property
    def pids(self) -> list[int]:
        """Its processes on this machine; none where it runs in a container."""

    def start(self) -> None:
        """Start the server; it answers a little later."""

    def stop(self) -> None:
        """Ask the server to end, and wait until it has."""

    def kill(self) -> None:
        """End the server at once, as a power failure would."""

    def discard(self) -> None:
        """End the server at once and remove its data."""

    def lose_data(self) -> None:
        """Remove the data of a server that has ended; the next start is its first."""

    def run(self, *command: str) -> str:
        """Run one of the server's own tools against it and return what it printed."""

    def check(self) -> None:
        """Raise ServiceFailed when the server has ended by itself."""


def free_ports(count: int) -> list[int]:
    """Return ports on 127.0.0.1 that nothing listens on."""
    found: list[int] = []
    # The system's own source: a seeded test run must not send two processes to the same ports.
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
        if len(found) == count:
            break
    return found


def wait_until(answers: Callable[[], bool], runtime: Runtime, what: str, timeout_s: float = 90) -> None:
    """Poll until the server answers.

    Raises:
        ServiceFailed: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + timeout_s
    while not answers():
        runtime.check()
        if time.monotonic() > deadline:
            raise ServiceFailed(f"{what} does not answer within {timeout_s:.0f} s")
        time.sleep(0.05)


class ProcessRuntime:
    """A server process with a folder of its own under the temporary folder.

    A guard (a shell that waits for its standard input to end) kills the server and removes the folder
    when this process is gone, whatever ended it.
    """

    def __init__(self, prefix: str, *, user: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-"))
        self.user = user
        if user:
            shutil.chown(self.folder, user)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, self.folder], stdin=subprocess.PIPE, start_new_session=True
        )

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.folder / "server.log"

    @property
    def pids(self) -> list[int]:
        """The processes that were launched."""
        return [process.pid for process in self._processes.values()]

    def launch(self, command: Sequence[str], environment: Mapping[str, str], *, role: str = "server") -> None:
        """Start a process of this server in a session of its own."""
        with self.log.open("ab") as log:
            self._processes[role] = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=self.folder,
                user=self.user,
                group=_group(self.user),
                extra_groups=[] if self.user else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._note_pids()

    def end(self, how: signal.Signals, *, role: str = "server", timeout_s: float = 30) -> None:
        """Signal a process (SIGKILL: with its children) and wait until it has ended."""
        process = self._processes.pop(role, None)
        if process is None:
            return
        targets = [process.pid, *_children(process.pid)] if how is signal.SIGKILL else [process.pid]
        for pid in targets:
            _signal(pid, how)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._note_pids()

    def kill(self) -> None:
        """End the server at once, as a power failure would."""
        self.end(signal.SIGKILL)

    def run_tool(self, command: Sequence[str], environment: Mapping[str, str]) -> str:
        """Run a tool of the server as the server's user and return what it printed."""
        done = subprocess.run(
            command,
            env=dict(environment),
            cwd=self.folder,
            user=self.user,
            group=_group(self.user),
            extra_groups=[] if self.user else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode != 0:
            raise ServiceFailed(f"{command[0]}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def check(self) -> None:
        """Raise ServiceFailed, with the end of its log, when a process has ended by itself."""
        for role, process in self._processes.items():
            if process.poll() is not None:
                tail = self.log.read_text(errors="replace")[-2000:]
                raise ServiceFailed(f"{role} ended with {process.returncode}: {tail}")

    def discard(self) -> None:
        """End everything at once and let the guard remove the folder."""
        for role in list(self._processes):
            self.end(signal.SIGKILL, role=role)
        if self._guard.stdin and not self._guard.stdin.closed:
            self._guard.stdin.close()
            self._guard.wait()

    def _note_pids(self) -> None:
        if self.folder.is_dir():
            pids = " ".join(str(process.pid) for process in self._processes.values())
            (self.folder / "guarded.pids").write_text(pids)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(child) for child in tasks.read_text().split()]
    except OSError:
        return []


def _signal(pid: int, how: signal.Signals) -> None:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return


def _group(user: str | None) -> str | int | None:
    import pwd

    return pwd.getpwnam(user).pw_gid if user else None
