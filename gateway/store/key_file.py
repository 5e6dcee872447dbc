"""The file of the master key: read, made at the first start with SQLite, and compared with the database.

Nothing is encrypted under a key that is not on the disk, and none is made where one is missed.
"""

import os
import re
import secrets
from base64 import urlsafe_b64decode
from pathlib import Path

from sqlalchemy import Engine, create_engine, inspect, select
from sqlalchemy.exc import OperationalError

from gateway.errors import ConfigurationError
from gateway.store.engine import sync_url
from gateway.store.master_key import KEY_BYTES, MasterKey
from gateway.store.tables import data_keys

MAKE_ONE = 'umask 077; python3 -c "import secrets; print(secrets.token_urlsafe(32))" > FILE'
"""How an operator makes a master key; `deploy/make_secrets.py` does the same."""
_CONNECT_S = 5


def read_master_key(path: Path) -> MasterKey:
    """Read a master key: 32 bytes in base64, in either alphabet.

    Raises:
        ConfigurationError: the file cannot be read or holds something else.
    """
    try:
        text = path.read_text(encoding="ascii").strip().rstrip("=")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(f"master key file {path}: {reason}") from error
    text = text.replace("+", "-").replace("/", "_")
    # 43 characters are what 32 bytes become; anything else would decode to another length, or not at all.
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", text):
        raise ConfigurationError(
            f"master key file {path}: must hold 32 random bytes in base64, as `{MAKE_ONE}` makes them"
        )
    return MasterKey(urlsafe_b64decode(text + "="))


def get_master_key(path: Path, address: str, *, generate: bool = True) -> MasterKey | None:
    """Return the master key that fits a database; with SQLite the first start makes it.

    Args:
        generate: False only says what a start would say: None stands for the key that it would make.

    Raises:
        ConfigurationError: it is missing, malformed, or another than the database's data keys are wrapped by.
    """
    wrapped = _wrapped_keys(address)
    if not path.exists():
        if fault := _why_not_generate(path, address, used=bool(wrapped)):
            raise ConfigurationError(fault)
        if not generate:
            return None
        _generate(path)
    key = read_master_key(path)
    for key_id, tenant, data in wrapped:
        try:
            key.unwrap(data, key_id=key_id, tenant=tenant)
        except ConfigurationError as error:
            raise ConfigurationError(f"master key file {path}: {error.detail}") from error
    return key


def _why_not_generate(path: Path, address: str, *, used: bool) -> str:
    if used:
        return (
            f"master key file {path} is missing, and what this database holds is encrypted under it: put the "
            "file back from its backup, or name its place in AMTSBOTE_MASTER_KEY_FILE. A new key could not "
            "read what is stored"
        )
    if sync_url(address).get_backend_name() != "sqlite":
        return (
            f"master key file {path} is missing (AMTSBOTE_MASTER_KEY_FILE names another place); with "
            "PostgreSQL it is not generated, since every gateway needs the same one. Make it once and keep a "
            f"copy apart from the database's backup: {MAKE_ONE}"
        )
    return ""


def _wrapped_keys(address: str) -> list[tuple[str, str, bytes]]:
    """Read the data keys as they are stored; none where there is no database yet, or it does not answer."""
    url = sync_url(address)
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and not (url.database and Path(url.database).exists()):
        return []
    engine = create_engine(url, connect_args={} if sqlite else {"connect_timeout": _CONNECT_S})
    try:
        return _read_wrapped(engine)
    except OperationalError:
        return []
    finally:
        engine.dispose()


def _read_wrapped(engine: Engine) -> list[tuple[str, str, bytes]]:
    with engine.connect() as connection:
        if not inspect(connection).has_table(data_keys.name):
            return []
        k = data_keys.c
        return [tuple(row) for row in connection.execute(select(k.key_id, k.tenant, k.wrapped))]


def _generate(path: Path) -> None:
    """Make a key that is on the disk before anything is encrypted under it; another process's stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        _link(draft, path)
    except OSError as error:
        raise ConfigurationError(f"master key file {path} cannot be made: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
