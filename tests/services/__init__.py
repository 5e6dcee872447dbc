"""Throw-away RabbitMQ and PostgreSQL servers of one's own, for tests and benchmarks.

Each runs on free ports of 127.0.0.1 with its own data folder and never touches a server that a package
may have started on a standard port. It ends with the process that started it, however that process ends.
Native binaries are used where they are installed, otherwise containers (`compose.yaml` beside this).
"""

from tests.services.postgresql import PostgreSQL, PrivatePostgreSQL
from tests.services.rabbitmq import PrivateRabbitMQ, RabbitMQ

__all__ = ["PostgreSQL", "PrivatePostgreSQL", "PrivateRabbitMQ", "RabbitMQ"]
