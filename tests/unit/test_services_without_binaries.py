"""How the test run gets its servers on a machine without them: by apt-get, by containers, or by a sentence.

The edge of the system (docker, apt-get, sudo) is a folder of small scripts that note how they were called.
"""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.services import PrivateRabbitMQ, rabbitmq
from tests.services.compose import ComposeRuntime
from tests.services.runtime import ServiceFailed

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "tests" / "services"


class Edge:
    """Fake commands in one folder; `calls` is what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "calls.log"
        for tool in ("bash", "env", "cat"):
            (folder / tool).symlink_to(f"/usr/bin/{tool}")

    def fake(self, name: str, body: str = "") -> None:
        script = self.folder / name
        note = f'#!/bin/sh\necho "{name} $*" >> "{self.log}"\n'
        script.write_text(note + body + "\n")
        script.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def install(self, *packages: str) -> subprocess.CompletedProcess[str]:
        script = ROOT / "scripts" / "install-services"
        return subprocess.run(
            ["/bin/bash", script, *packages],
            env={"PATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def edge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edge:
    monkeypatch.setenv("PATH", str(tmp_path))
    edge = Edge(tmp_path)
    edge.fake("sudo", 'shift; exec "$@"')  # sudo -n COMMAND
    for harmless in ("tee", "chmod", "rm"):  # what would touch /usr/sbin/policy-rc.d
        edge.fake(harmless, "cat > /dev/null" if harmless == "tee" else "")
    return edge


def compose_calls(edge: Edge) -> list[str]:
    """Return the arguments after `docker compose --file … --project-name …`."""
    prefix = f"docker compose --file {SERVICES / 'compose.yaml'} --project-name amtsbote-"
    return [call.removeprefix(prefix).split(" ", 1)[1] for call in edge.calls if call.startswith(prefix)]


def test_container_is_driven_by_compose_when_a_server_is_used(edge: Edge) -> None:
    edge.fake("docker", 'case "$*" in *"ps --services"*) echo rabbitmq ;; *exec*) echo printed ;; esac')
    runtime = ComposeRuntime("rabbitmq", {"AMQP_PORT": 23456})
    runtime.start()
    runtime.check()
    runtime.kill()
    runtime.start()
    assert runtime.run("rabbitmqctl", "status") == "printed\n"
    runtime.stop()
    runtime.discard()
    assert edge.calls[:2] == ["docker compose version", "docker info"]
    assert compose_calls(edge) == [
        "up --detach rabbitmq",
        "ps --services --status running",
        "kill rabbitmq",
        "up --detach rabbitmq",
        "exec -T rabbitmq rabbitmqctl status",
        "stop rabbitmq",
        "down --volumes --timeout 0",
    ]


def test_container_gets_the_ports_of_the_server_when_started(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge.fake("docker", f'echo "$AMQP_PORT $MANAGEMENT_PORT" >> "{edge.log}"; exit 0')
    monkeypatch.setattr(rabbitmq, "_native_folder", lambda: None)
    server = PrivateRabbitMQ()
    server.discard()
    assert edge.calls[-1] == f"{server.access.amqp_port} {server.access.management_port}"


def test_check_shows_the_log_when_the_container_has_ended(edge: Edge) -> None:
    edge.fake("docker", 'case "$*" in *logs*) echo "no space left" ;; esac')
    with pytest.raises(ServiceFailed, match="no space left"):
        ComposeRuntime("postgresql", {}).check()


@pytest.mark.parametrize("docker", [None, "exit 1"], ids=["absent", "without-engine"])
def test_sentence_says_what_to_install_when_no_engine_answers(edge: Edge, docker: str | None) -> None:
    if docker:
        edge.fake("docker", docker)
    with pytest.raises(ServiceFailed, match="apt-get install rabbitmq-server postgresql"):
        ComposeRuntime("rabbitmq", {})


def test_compose_file_takes_the_variables_when_it_is_read() -> None:
    services = yaml.safe_load((SERVICES / "compose.yaml").read_text())["services"]
    assert services["rabbitmq"]["ports"] == [
        "127.0.0.1:${AMQP_PORT:-0}:5672",
        "127.0.0.1:${MANAGEMENT_PORT:-0}:15672",
    ]
    assert services["postgresql"]["ports"] == ["127.0.0.1:${POSTGRESQL_PORT:-0}:5432"]
    assert "${POSTGRESQL_OPTIONS:-}" in services["postgresql"]["command"]


def test_installer_runs_apt_get_when_it_may(edge: Edge) -> None:
    edge.fake("apt-get", 'case "$*" in *install*) echo "DEBIAN_FRONTEND=$DEBIAN_FRONTEND" ;; esac')
    edge.fake("docker")
    edge.fake("true")
    done = edge.install("rabbitmq-server", "postgresql")
    assert done.returncode == 0, done.stderr
    assert "DEBIAN_FRONTEND=noninteractive" in done.stdout
    apt = [call for call in edge.calls if call.startswith("apt-get")]
    assert apt == [
        "apt-get update -q",
        "apt-get install -q -y --no-install-recommends rabbitmq-server postgresql",
    ]
    assert not [call for call in edge.calls if call.startswith("docker")]


def test_installer_names_the_containers_when_only_an_engine_answers(edge: Edge) -> None:
    edge.fake("docker")
    done = edge.install("postgresql")
    assert done.returncode == 0, done.stderr
    assert "compose.yaml" in done.stdout


def test_installer_says_what_to_install_when_nothing_can_be_done(edge: Edge) -> None:
    done = edge.install("rabbitmq-server")
    assert done.returncode == 1
    assert done.stderr == "Install rabbitmq-server for the tests: apt-get install rabbitmq-server\n"
