"""Typed settings, read from the environment (AMTSBOTE_*). A bad setting stops the start with a sentence."""

import importlib.resources
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.errors import ConfigurationError
from gateway.yaml_text import in_words

_PACKAGE = Path(str(importlib.resources.files("gateway")))
MAX_METADATA_BYTES = 64 * 1024
_PART_OVERHEAD_BYTES = 8 * 1024
MOUNTED_SECRETS = Path("/run/secrets")
"""Where a container runtime mounts secret files, such as `amtsbote_database_url`."""


def data_folder(name: str) -> Path:
    """Return a folder that comes with the product (`schemas`, `fixtures`), installed or in a checkout."""
    installed = _PACKAGE / "_data" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Settings(BaseSettings):
    """Everything that differs between installations, except what `config.yaml` holds.

    Sizes are bytes, times are seconds.
    """

    model_config = SettingsConfigDict(env_prefix="AMTSBOTE_", extra="forbid")

    config: Path = Field(default_factory=lambda: data_folder("fixtures") / "demo" / "config.yaml")
    """The YAML file with tenants, authorities, services, clients, destinations and routes."""
    standards: Annotated[list[Path], NoDecode] = Field(default_factory=list)
    """Folders that hold `<standard>/<version>/standard.yaml`, separated by commas; to the last one others are
    added. Empty: the samples, and `standards` under `var` for what is added."""
    var: Path = Path("var")
    """Where the embedded default keeps its database, adapters' data and generated secrets."""
    secrets_dir: Path | None = None
    """Folder of secret files: token.key, master.key, metrics.token, clients/…, destinations/…, operators/…"""
    master_key_file: Path | None = None
    """The key under which all data keys are; empty: `master.key` among the secrets, made with SQLite."""
    database_url: str = ""
    """SQLAlchemy address of the store; empty: SQLite under `var`."""
    amqp_urls: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """RabbitMQ nodes, separated by commas; empty: the in-process broker."""
    adapter_db: str = ""
    """Database of an adapter's own store; empty: one SQLite file a destination under `var`."""
    gateway_url: str = Field(default="http://127.0.0.1:8080", pattern=r"^https?://[^/\s]+")
    """Where an adapter process fetches attachments and large bodies."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)

    max_message_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    max_attachments_bytes: int = Field(default=64 * 1024 * 1024, ge=0)
    max_attachments: int = Field(default=50, ge=0)
    max_depth: int = Field(default=64, ge=8, le=200)
    max_attributes: int = Field(default=256, ge=8, le=4096)

    max_requests: int = Field(default=2000, ge=2)
    max_body_bytes: int = Field(default=256 * 1024 * 1024, ge=1024)
    min_free_bytes: int = Field(default=256 * 1024 * 1024, ge=0)

    token_lifetime_s: int = Field(default=600, ge=10, le=3600)
    commit_batch: int = Field(default=128, ge=1, le=1000)
    commit_queue: int = Field(default=1024, ge=1)
    store_timeout_s: float = Field(default=10, gt=0)
    broker_timeout_s: float = Field(default=10, gt=0)
    copy_lifetime_s: float = Field(default=600, gt=0)
    lease_s: float = Field(default=720, gt=0)
    publish_lease_s: float = Field(default=30, gt=0)
    max_sent: int = Field(default=1000, ge=1, le=5000)
    log_level: str = "info"

    @field_validator("standards", "amqp_urls", mode="before")
    @classmethod
    def _from_commas(cls, value: object) -> object:
        return _split(value)

    @model_validator(mode="after")
    def _leases_outlive_what_they_cover(self) -> Self:
        # Otherwise a copy would be sent again while the first may still be started.
        if self.lease_s <= self.copy_lifetime_s:
            raise ValueError("AMTSBOTE_LEASE_S must be longer than AMTSBOTE_COPY_LIFETIME_S")
        if self.publish_lease_s <= self.broker_timeout_s:
            raise ValueError("AMTSBOTE_PUBLISH_LEASE_S must be longer than AMTSBOTE_BROKER_TIMEOUT_S")
        return self

    @model_validator(mode="after")
    def _largest_request_has_room(self) -> Self:
        # Otherwise it would be put off for ever.
        if self.max_body_bytes < self.max_request_bytes:
            raise ValueError(
                f"AMTSBOTE_MAX_BODY_BYTES must be at least {self.max_request_bytes}, "
                "the largest request that the other limits allow"
            )
        return self

    @property
    def max_request_bytes(self) -> int:
        """The largest body of one request: message, metadata and attachments, and what frames them."""
        contents = self.max_message_bytes + self.max_attachments_bytes + MAX_METADATA_BYTES
        return contents + (self.max_attachments + 2) * _PART_OVERHEAD_BYTES

    @property
    def store_url(self) -> str:
        """The address of the store, with the embedded default filled in."""
        return self.database_url or f"sqlite:///{self.var / 'amtsbote.db'}"

    @property
    def standards_folders(self) -> list[Path]:
        """The folders of standards that there are, with the embedded default filled in."""
        if self.standards:
            return self.standards
        return [data_folder("schemas"), *([self.added_standards] if self.added_standards.is_dir() else [])]

    @property
    def added_standards(self) -> Path:
        """The folder to which standards are added."""
        return self.standards[-1] if self.standards else self.var / "standards"

    @property
    def secrets(self) -> Path:
        """The folder of secret files, with the embedded default filled in."""
        return self.secrets_dir or self.var / "secrets"

    @property
    def master_key_path(self) -> Path:
        """The file of the master key, with the default filled in."""
        return self.master_key_file or self.secrets / "master.key"


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment, and from files under /run/secrets that have their names.

    Raises:
        ConfigurationError: with the name of the setting and what is wrong with it.
    """
    try:
        return Settings(_secrets_dir=_mounted_secrets(), **overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigurationError("; ".join(map(_line, error.errors()))) from error


def _line(fault: ErrorDetails) -> str:
    if not fault["loc"]:
        return in_words(fault)
    return f"AMTSBOTE_{'_'.join(map(str, fault['loc'])).upper()}: {in_words(fault)}"


def _mounted_secrets() -> Path | None:
    # Addresses hold passwords, and an environment is shown to whoever may inspect a container.
    return MOUNTED_SECRETS if MOUNTED_SECRETS.is_dir() else None


@cache
def read_secret(path: Path) -> str:
    """Return the secret a file holds, without surrounding white space.

    Raises:
        ConfigurationError: the file is missing, or holds fewer than 16 characters.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"secret file {path} is missing; AMTSBOTE_SECRETS_DIR names the folder where it is looked for, "
            "which is `var/secrets` below where the command runs otherwise"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"secret file {path}: {error.strerror}") from error
    if len(secret) < 16:
        raise ConfigurationError(f"secret file {path}: must hold at least 16 characters")
    return secret
