"""The two servers that both sides share: private ones, with every commit flushed to the disk."""

import platform
import time
from importlib.metadata import version
from os import cpu_count
from typing import Any, cast

import psycopg

from benchmarks.cpu import Pids
from tests.services import PrivatePostgreSQL, PrivateRabbitMQ

_PACKAGES = ("fastapi", "uvicorn", "lxml", "aio-pika", "sqlalchemy", "psycopg", "cryptography")


class Servers:
    """RabbitMQ and PostgreSQL."""

    def __init__(self) -> None:
        self.rabbitmq = PrivateRabbitMQ()
        self.postgresql = PrivatePostgreSQL(durable=True)

    def start(self) -> None:
        """Start both."""
        self.rabbitmq.start()
        self.postgresql.start()

    def discard(self) -> None:
        """End both and remove their data."""
        self.rabbitmq.discard()
        self.postgresql.discard()

    @property
    def pids(self) -> Pids:
        """Both, for a meter; nothing where they run in containers."""
        return {"PostgreSQL": self.postgresql.pids, "RabbitMQ": self.rabbitmq.pids}

    def __str__(self) -> str:
        overview = cast(dict[str, Any], self.rabbitmq.access.manage("GET", "overview"))
        with psycopg.connect(self.postgresql.url) as connection:
            names = ("server_version", "fsync", "synchronous_commit")
            # A setting's name cannot be a parameter; these are our own.
            rows = [connection.execute(f"SHOW {name}".encode()).fetchone() or ("?",) for name in names]
        number, fsync, synchronous_commit = (str(value).split()[0] for (value,) in rows)
        return (
            f"RabbitMQ {overview['rabbitmq_version']}, PostgreSQL {number} with fsync={fsync}, "
            f"synchronous_commit={synchronous_commit}"
        )


def machine() -> str:
    """Say what a run was made on."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{time.strftime('%Y-%m-%d')}: {cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; {packages}"
    )
