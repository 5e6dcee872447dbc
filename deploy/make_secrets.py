"""Make every secret that compose.yaml mounts, for the clients, destinations and operators of a configuration.

    .venv/bin/python deploy/make_secrets.py [CONFIG] [FOLDER]

What exists is kept, so that it may be run again after a client or a destination was added; RabbitMQ reads
its users when it starts. To change a secret delete its file, run this and restart what uses it.

Each worker is a RabbitMQ user that may read its own queue and write its own reports, nothing else: one
that was taken over neither reads another office's applications nor decides in its name.
"""

import hashlib
import json
import os
import re
import secrets
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from gateway.broker.topology import REPORTS, Topology
from gateway.config import load_config

GATEWAY = "amtsbote"
OPERATOR = "operator"
NOTHING = "^$"


def make_secrets(config: Path, folder: Path) -> None:
    """Write the secrets that `folder` does not have yet, and what is derived from them."""
    parts = load_config(config)
    destinations = sorted(parts.destination)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (
        "token.key",
        "metrics.token",
        "master.key",
        *(f"clients/{each}" for each in parts.client),
        *(f"destinations/{each}" for each in destinations),
        *(f"operators/{each}" for each in parts.operator),
    ):
        _secret(folder / name)
    password = _secret(folder / "postgresql/password")
    _write(folder / "gateway/database_url", f"postgresql://{GATEWAY}:{password}@postgresql/{GATEWAY}")
    users = {each: _secret(folder / "rabbitmq" / each) for each in (GATEWAY, OPERATOR, *destinations)}
    _write(folder / "gateway/amqp_urls", f"amqp://{GATEWAY}:{users[GATEWAY]}@rabbitmq/")
    for each in destinations:
        _write(folder / "workers" / each, f"amqp://{each}:{users[each]}@rabbitmq/")
    _write(folder / "rabbitmq/definitions.json", json.dumps(definitions(users, destinations), indent=2))


def definitions(passwords: dict[str, str], destinations: list[str]) -> dict[str, Any]:
    """Return the users and rights that RabbitMQ reads when it starts; it keeps hashes, not passwords."""
    return {
        "vhosts": [{"name": "/"}],
        "users": [_user(name, password) for name, password in passwords.items()],
        "permissions": [
            _may(GATEWAY, configure=r"^amtsbote\.", write=r"^amtsbote\.", read=r"^amtsbote\."),
            _may(OPERATOR, configure=NOTHING, write=NOTHING, read=NOTHING),
            *(_worker_may(each) for each in destinations),
        ],
        "topic_permissions": [
            {
                "user": each,
                "vhost": "/",
                "exchange": REPORTS,
                "write": rf"^{re.escape(each)}\.(delivery|case)\.[a-z]+$",
                "read": NOTHING,
            }
            for each in destinations
        ],
    }


def _user(name: str, password: str) -> dict[str, Any]:
    salt = os.urandom(4)
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "name": name,
        "password_hash": b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": ["monitoring"] if name == OPERATOR else [],
    }


def _worker_may(destination: str) -> dict[str, str]:
    # The gateway declares exchanges and queues, and the workers start after it. To read the exchange of
    # deliveries would be the right to bind a queue to another destination's.
    queue = Topology().delivery_queue(destination).name
    return _may(destination, configure=NOTHING, write=_only(REPORTS), read=_only(queue))


def _may(user: str, *, configure: str, write: str, read: str) -> dict[str, str]:
    return {"user": user, "vhost": "/", "configure": configure, "write": write, "read": read}


def _only(name: str) -> str:
    return f"^{re.escape(name)}$"


def _secret(path: Path) -> str:
    if not path.exists():
        _write(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="ascii")


def _write(path: Path, text: str) -> None:
    # Compose mounts a file with its owner and mode, and the processes in the containers are other users:
    # the folder is closed to others on this machine, not the file.
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")
    path.chmod(0o644)


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    here = Path(__file__).parent.parent
    make_secrets(*given, *(here / "fixtures/demo/config.yaml", here / "secrets")[len(given) :])
