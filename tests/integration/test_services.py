"""The private servers of the test run themselves: what every other test stands on."""

import socket

import psycopg
import pytest

from tests.services import PostgreSQL, PrivatePostgreSQL, PrivateRabbitMQ, RabbitMQ
from tests.services.runtime import ServiceFailed


def test_rabbitmq_gives_each_test_a_vhost_when_asked(rabbitmq: RabbitMQ, amqp_url: str) -> None:
    name = amqp_url.rpartition("/")[2]
    assert name in {vhost["name"] for vhost in rabbitmq.manage("GET", "vhosts")}
    assert rabbitmq.manage("GET", f"queues/{name}") == []


def test_rabbitmq_keeps_its_data_when_killed_and_started(stoppable_rabbitmq: PrivateRabbitMQ) -> None:
    name = stoppable_rabbitmq.access.create_vhost().rpartition("/")[2]
    stoppable_rabbitmq.kill()
    assert not stoppable_rabbitmq.access.answers()
    stoppable_rabbitmq.start()
    assert name in stoppable_rabbitmq.rabbitmqctl("list_vhosts").split()


def test_postgresql_copies_the_template_when_a_database_is_created(
    postgresql: PostgreSQL, postgresql_url: str
) -> None:
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    copy = postgresql.create_database(template=postgresql_url)
    with psycopg.connect(copy) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    postgresql.drop_database(copy)


def test_postgresql_keeps_its_data_when_killed_and_started(stoppable_postgresql: PrivatePostgreSQL) -> None:
    database = stoppable_postgresql.create_database()
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    stoppable_postgresql.kill()
    assert not stoppable_postgresql.access.answers()
    stoppable_postgresql.start()
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_private_server_says_why_when_it_ends_by_itself() -> None:
    server = PrivatePostgreSQL()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", server.access.port))
        with pytest.raises(ServiceFailed, match="Address already in use"):
            server.start()
    server.discard()
