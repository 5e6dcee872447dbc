"""A private RabbitMQ node."""

import os
import shutil
import signal
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.services.compose import ComposeRuntime
from tests.services.runtime import ProcessRuntime, Runtime, ServiceFailed, free_ports, wait_until

_USER = ("guest", "guest")
_TIMEOUT_S = 20
_CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
management_agent.disable_metrics_collector = true
log.console = true
log.console.level = warning
log.file = false
"""
_JOIN = """\
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = {peer}
cluster_formation.classic_config.nodes.2 = {own}
"""


@dataclass(frozen=True)
class RabbitMQ:
    """A running node: where it is, and a virtual host of its own for each test.

    The management API is there because a virtual host takes milliseconds with it, and a second without.
    """

    amqp_port: int
    management_port: int

    @property
    def url(self) -> str:
        """The address of the default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.amqp_port}/"

    def create_vhost(self) -> str:
        """Create a virtual host and return its address."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        self.manage("PUT", f"vhosts/{name}")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.manage("PUT", f"permissions/{name}/{_USER[0]}", json=everything)
        return f"{self.url}{name}"

    def delete_vhost(self, url: str) -> None:
        """Remove a virtual host with everything in it."""
        self.manage("DELETE", f"vhosts/{url.rpartition('/')[2]}")

    def manage(self, method: str, path: str, json: object = None) -> object:
        """Call the management API (`/api/<path>`) and return its answer."""
        url = f"http://127.0.0.1:{self.management_port}/api/{path}"
        answer = httpx2.request(method, url, json=json, auth=_USER, timeout=_TIMEOUT_S, trust_env=False)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def answers(self) -> bool:
        """Say whether the node speaks AMQP and its management API is up."""
        try:
            with socket.create_connection(("127.0.0.1", self.amqp_port), timeout=1) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                greeted = bool(connection.recv(1))
            self.manage("GET", "vhosts")
        except (OSError, httpx2.HTTPError):
            return False
        return greeted


class PrivateRabbitMQ:
    """A node with its own name, ports, cookie, port mapper and data; `start` returns when it answers.

    Args:
        peer: a node whose cluster this one joins when it starts without data; native binaries only.
    """

    def __init__(self, *, peer: "PrivateRabbitMQ | None" = None) -> None:
        amqp, management, distribution, epmd = free_ports(4)
        self.access = RabbitMQ(amqp, management)
        folder = _native_folder()
        self._runtime: Runtime
        if folder:
            beside = peer._runtime if peer else None
            assert beside is None or isinstance(beside, _NativeNode)
            self._runtime = _NativeNode(folder, self.access, distribution, epmd, beside)
        elif peer:
            raise ServiceFailed("a cluster needs RabbitMQ on this machine: run scripts/install-services")
        else:
            self._runtime = ComposeRuntime("rabbitmq", {"AMQP_PORT": amqp, "MANAGEMENT_PORT": management})

    @property
    def url(self) -> str:
        """The address of the default virtual host."""
        return self.access.url

    @property
    def data_folder(self) -> Path:
        """Where the node keeps its data, as a process of this machine."""
        assert isinstance(self._runtime, _NativeNode), "a container keeps its data to itself"
        return self._runtime.folder / "data"

    def start(self) -> None:
        """Start the node, on the data it left if it ran before."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start the node and return at once: nodes of one cluster wait for each other."""
        self._runtime.start()

    def wait(self) -> None:
        """Wait until the launched node answers."""
        wait_until(self.access.answers, self._runtime, "RabbitMQ")

    def stop(self) -> None:
        """End the node in good order; its data stay."""
        self._runtime.stop()

    def kill(self) -> None:
        """End the node at once (kill -9); its data stay.

        Its directory of quorum queues is written out before: 3.10 leaves that to a timer of three minutes,
        and a queue declared since the last time never elects a leader after the kill.
        """
        if self.access.answers():
            self.rabbitmqctl("eval", "[dets:sync(Table) || Table <- dets:all()].")
        self._runtime.kill()

    def restart(self) -> None:
        """Kill the node and start it again."""
        self.kill()
        self.start()

    def lose_disk(self) -> None:
        """End the node at once and remove its data: the next start is its first."""
        self._runtime.kill()
        self._runtime.lose_data()

    def rabbitmqctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` against the node and return what it printed."""
        return self._runtime.run("rabbitmqctl", "--quiet", *arguments)

    @property
    def pids(self) -> list[int]:
        """The server's processes; none where it runs in a container."""
        return self._runtime.pids

    def discard(self) -> None:
        """Kill the node and remove its data."""
        self._runtime.discard()


class _NativeNode(ProcessRuntime):
    """The node as a process of this machine."""

    def __init__(
        self, binaries: Path, access: RabbitMQ, distribution: int, epmd: int, peer: "_NativeNode | None"
    ) -> None:
        super().__init__("amtsbote-rabbitmq")
        self._binaries = binaries
        self._peer = peer
        self._epmd_port: int = peer._epmd_port if peer else epmd
        self._name = f"amtsbote-{self.folder.name[-8:]}@localhost"
        config = _CONFIG.format(amqp=access.amqp_port, management=access.management_port)
        if peer:
            config += _JOIN.format(peer=peer._name, own=self._name)
        (self.folder / "rabbitmq.conf").write_text(config)
        (self.folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        own = _environment(self.folder, distribution, self._epmd_port)
        # HOME holds the Erlang cookie, which nodes of one cluster share.
        home = {"HOME": str((peer or self).folder), "RABBITMQ_NODENAME": self._name}
        self._environment = os.environ | own | home

    def start(self) -> None:
        """Start the port mapper, unless it still runs or is another's, and the node."""
        if self._peer is None and "epmd" not in self._processes:
            epmd = ["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)]
            self.launch(epmd, self._environment, role="epmd")
        self.launch([str(self._binaries / "rabbitmq-server")], self._environment)

    def stop(self) -> None:
        """Ask the node to end, and wait until it has."""
        self.end(signal.SIGTERM)

    def lose_data(self) -> None:
        """Remove everything that the node had stored."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def run(self, *command: str) -> str:
        """Run one of the node's tools against it."""
        return self.run_tool([str(self._binaries / command[0]), *command[1:]], self._environment)


def _environment(folder: Path, distribution: int, epmd: int) -> dict[str, str]:
    # Busy waiting of idle schedulers would take the tests' own cores.
    return {
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
        "RABBITMQ_DIST_PORT": str(distribution),
        "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server, so that its pid is the server's
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
        ),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd),
    }


def _native_folder() -> Path | None:
    """Return where the server's own scripts are: Debian's wrapper on PATH insists on another user."""
    debian = Path("/usr/lib/rabbitmq/bin")
    if (debian / "rabbitmq-server").is_file():
        return debian
    on_path = shutil.which("rabbitmq-server")
    return Path(on_path).resolve().parent if on_path else None
