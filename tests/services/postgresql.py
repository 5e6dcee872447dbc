"""A private PostgreSQL server."""

import os
import pwd
import shutil
import signal
import uuid
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.services.compose import ComposeRuntime
from tests.services.runtime import ProcessRuntime, Runtime, ServiceFailed, free_ports, wait_until

_PASSWORD = "throw-away"
# A killed process loses nothing that the operating system holds: only a benchmark needs the disk's word.
_NOT_DURABLE = ("-c", "fsync=off", "-c", "full_page_writes=off")


@dataclass(frozen=True)
class PostgreSQL:
    """A running server: where it is, and a database of its own for each test."""

    port: int

    @property
    def url(self) -> str:
        """The address of the maintenance database, as libpq and SQLAlchemy understand it."""
        return self._url("postgres")

    def create_database(self, template: str = "template1") -> str:
        """Create a database, as a copy of the template (name or address), and return its address."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(_database(template))
        )
        self._execute(statement)
        return self._url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, and the connections that are still open to it."""
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(_database(url))))

    def answers(self) -> bool:
        """Say whether the server takes connections."""
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _url(self, database: str) -> str:
        return f"postgresql://postgres:{_PASSWORD}@127.0.0.1:{self.port}/{database}"

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)


class PrivatePostgreSQL:
    """A server with its own port and data; `start` returns when it answers.

    Args:
        durable: flush every commit to the disk; tests do without, a benchmark must not.
    """

    def __init__(self, *, durable: bool = False) -> None:
        (port,) = free_ports(1)
        self.access = PostgreSQL(port)
        folder = _native_folder()
        options = () if durable else _NOT_DURABLE
        self._runtime: Runtime = (
            _NativeServer(folder, port, options)
            if folder
            else ComposeRuntime(
                "postgresql", {"POSTGRESQL_PORT": port, "POSTGRESQL_OPTIONS": " ".join(options)}
            )
        )

    @property
    def url(self) -> str:
        """The address of the maintenance database."""
        return self.access.url

    def create_database(self, template: str = "template1") -> str:
        """Create a database and return its address."""
        return self.access.create_database(template)

    def start(self) -> None:
        """Start the server, on the data it left if it ran before."""
        self._runtime.start()
        wait_until(self.access.answers, self._runtime, "PostgreSQL")

    def stop(self) -> None:
        """End the server in good order, closing its connections; its data stay."""
        self._runtime.stop()

    def kill(self) -> None:
        """End the server at once (kill -9); its data stay."""
        self._runtime.kill()

    def restart(self) -> None:
        """Kill the server and start it again."""
        self.kill()
        self.start()

    @property
    def pids(self) -> list[int]:
        """The server's processes; none where it runs in a container."""
        return self._runtime.pids

    def save(self) -> None:
        """Keep a copy of the data of a server that was stopped: the point to which `restore` goes back."""
        self._native().save()

    def restore(self) -> None:
        """Put the saved data in the place of those of a server that has ended."""
        self._native().restore()

    def discard(self) -> None:
        """Kill the server and remove its data."""
        self._runtime.discard()

    def _native(self) -> "_NativeServer":
        if not isinstance(self._runtime, _NativeServer):
            raise ServiceFailed("a restore needs PostgreSQL on this machine: run scripts/install-services")
        return self._runtime


class _NativeServer(ProcessRuntime):
    """The server as a process of this machine; it refuses to run as root."""

    def __init__(self, binaries: Path, port: int, options: tuple[str, ...]) -> None:
        super().__init__("amtsbote-postgresql", user=_unprivileged_user())
        self._binaries = binaries
        self._options = options
        self._data = self.folder / "data"
        self._port = port
        self._environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def start(self) -> None:
        """Create the data folder on the first start, and start the server."""
        if not self._data.exists():
            self._initialise()
        # A killed server leaves its own note behind; the number in it may be another process by now.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        listen = ("-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}")
        limits = ("-c", "max_connections=300", "-c", "log_min_messages=warning")
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-p", str(self._port)]
        self.launch([*command, *listen, *limits, *self._options], self._environment)

    def stop(self) -> None:
        """Ask the server for a fast shutdown, and wait for it."""
        self.end(signal.SIGINT)

    def lose_data(self) -> None:
        """Remove everything that the server had stored."""
        shutil.rmtree(self._data)

    def save(self) -> None:
        """Copy the data folder of a server that was stopped in good order."""
        self.run_tool(["cp", "-a", str(self._data), str(self._data) + ".saved"], self._environment)

    def restore(self) -> None:
        """Replace the data folder by its copy."""
        self.lose_data()
        self.run_tool(["cp", "-a", str(self._data) + ".saved", str(self._data)], self._environment)

    def run(self, *command: str) -> str:
        """Run one of the server's tools as its user."""
        return self.run_tool([str(self._binaries / command[0]), *command[1:]], self._environment)

    def _initialise(self) -> None:
        password = self.folder / "password"
        password.write_text(_PASSWORD)
        password.chmod(0o644)  # in a folder that only the server's user may enter
        options = ("--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256")
        user = ("--username=postgres", f"--pwfile={password}")
        self.run("initdb", f"--pgdata={self._data}", *options, *user)


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise ServiceFailed("PostgreSQL refuses to run as root and there is no user postgres or nobody")


def _native_folder() -> Path | None:
    """Return the folder of the newest installed server."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if debian:
        return debian[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


def _database(name_or_url: str) -> str:
    return name_or_url.rpartition("/")[2]
