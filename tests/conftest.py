"""Fixtures that every kind of test shares: private servers, a virtual host or database for each test."""

from collections.abc import Iterator

import pytest

from tests.services import PostgreSQL, PrivatePostgreSQL, PrivateRabbitMQ, RabbitMQ
from tests.services.shared import SharedServices, ask

_ADDRESS = pytest.StashKey[str]()
_OWNER = pytest.StashKey[SharedServices]()


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is None:
        config.stash[_OWNER] = SharedServices()
        config.stash[_ADDRESS] = config.stash[_OWNER].address
    else:
        config.stash[_ADDRESS] = worker["services_address"]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a worker process where to ask for servers."""
    node.workerinput["services_address"] = node.config.stash[_ADDRESS]


def pytest_unconfigure(config: pytest.Config) -> None:
    owner = config.stash.get(_OWNER, None)
    if owner is not None:
        owner.close()


@pytest.fixture(scope="session")
def rabbitmq(request: pytest.FixtureRequest) -> RabbitMQ:
    """The run's RabbitMQ node, shared by all tests: it must be left running."""
    return ask(request.config.stash[_ADDRESS], "rabbitmq")


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> PostgreSQL:
    """The run's PostgreSQL server, shared by all tests: it must be left running."""
    return ask(request.config.stash[_ADDRESS], "postgresql")


@pytest.fixture
def amqp_url(rabbitmq: RabbitMQ) -> Iterator[str]:
    """The address of a virtual host that only this test uses."""
    url = rabbitmq.create_vhost()
    yield url
    rabbitmq.delete_vhost(url)


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """The address of an empty database that only this test uses."""
    url = postgresql.create_database()
    yield url
    postgresql.drop_database(url)


@pytest.fixture(scope="session")
def _own_rabbitmq() -> Iterator[PrivateRabbitMQ]:
    server = PrivateRabbitMQ()
    yield server
    server.discard()


@pytest.fixture(scope="session")
def _own_postgresql() -> Iterator[PrivatePostgreSQL]:
    server = PrivatePostgreSQL()
    yield server
    server.discard()


@pytest.fixture
def stoppable_rabbitmq(_own_rabbitmq: PrivateRabbitMQ) -> PrivateRabbitMQ:
    """A running node that this test may stop, kill and restart."""
    if not _own_rabbitmq.access.answers():
        _own_rabbitmq.restart()
    return _own_rabbitmq


@pytest.fixture
def stoppable_postgresql(_own_postgresql: PrivatePostgreSQL) -> PrivatePostgreSQL:
    """A running server that this test may stop, kill and restart."""
    if not _own_postgresql.access.answers():
        _own_postgresql.restart()
    return _own_postgresql
