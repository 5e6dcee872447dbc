"""The same servers as containers, for a machine that has an engine but not the binaries."""

import os
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from tests.services.runtime import ServiceFailed

_FILE = Path(__file__).with_name("compose.yaml")
_MISSING = (
    "{service} is not installed and no container engine answers (`docker compose version`, `docker info`): "
    "run scripts/install-services, or `apt-get install rabbitmq-server postgresql`"
)


class ComposeRuntime:
    """One service of compose.yaml in a project of its own, on the ports given by the variables."""

    def __init__(self, service: str, variables: Mapping[str, object]) -> None:
        self._service = service
        self._project = f"amtsbote-{uuid.uuid4().hex[:8]}"
        self._environment = os.environ | {name: str(value) for name, value in variables.items()}
        if not engine_answers():
            raise ServiceFailed(_MISSING.format(service=service))

    @property
    def pids(self) -> list[int]:
        """None that could be counted: the engine started them."""
        return []

    def start(self) -> None:
        """Create the container, or start the one that was stopped."""
        self._compose("up", "--detach", self._service)

    def stop(self) -> None:
        """Ask the server to end, and wait until it has."""
        self._compose("stop", self._service)

    def kill(self) -> None:
        """End the server at once."""
        self._compose("kill", self._service)

    def discard(self) -> None:
        """Remove the container and its data."""
        self._compose("down", "--volumes", "--timeout", "0")

    def lose_data(self) -> None:
        """Remove the container and its data; `start` creates both anew."""
        self.discard()

    def run(self, *command: str) -> str:
        """Run one of the server's tools inside the container."""
        return self._compose("exec", "-T", self._service, *command)

    def check(self) -> None:
        """Raise ServiceFailed, with the end of its log, when the container does not run."""
        if self._service not in self._compose("ps", "--services", "--status", "running").split():
            raise ServiceFailed(self._compose("logs", "--tail", "50", self._service))

    def _compose(self, *arguments: str) -> str:
        command = ["docker", "compose", "--file", str(_FILE), "--project-name", self._project, *arguments]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=600
        )
        if done.returncode != 0:
            raise ServiceFailed(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")
        return done.stdout


def engine_answers() -> bool:
    """Say whether `docker compose` exists and reaches an engine."""
    try:
        for command in (["docker", "compose", "version"], ["docker", "info"]):
            subprocess.run(command, capture_output=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return False
    return True
