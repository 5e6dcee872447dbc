"""The file `standard.yaml` that makes a folder of schemas a standard."""

import datetime
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway.contract.codes import REJECT_LIST_URI, REJECT_LIST_VERSION
from gateway.contract.findings import Bilingual
from gateway.contract.states import Direction
from gateway.errors import ConfigurationError
from gateway.standards.profiles import FIELDS, PROFILES

FILE_NAME = "standard.yaml"


def _known_profile(name: object) -> object:
    if name not in PROFILES:
        raise ValueError(f"must be one of {', '.join(PROFILES)}")
    return name


def _known_fields(xpaths: object) -> object:
    if isinstance(xpaths, dict) and (unknown := set(xpaths) - FIELDS):
        raise ValueError(
            f"no header field is called {', '.join(sorted(unknown))}; there are {', '.join(sorted(FIELDS))}"
        )
    return xpaths


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HeaderRules(_Part):
    """Where a message says what routing and the record need: a preset and XPaths that add to it."""

    profile: Annotated[str, BeforeValidator(_known_profile)] = "none"
    xpaths: Annotated[dict[str, str], BeforeValidator(_known_fields)] = Field(default_factory=dict)


class CodeListFile(_Part):
    """A genericode file, relative to the manifest; only a closed one refuses a code it does not have."""

    file: str
    closed: bool = True


class RejectList(_Part):
    """The code list that Rückweisungen of this standard take their codes from."""

    uri: str = REJECT_LIST_URI
    version: str = REJECT_LIST_VERSION


class MessageTypeRules(_Part):
    """One kind of message: its root element's local name, its published code, which way it travels."""

    name: str
    root: str
    code: str | None = None
    direction: Direction
    title: Bilingual


class Manifest(_Part):
    """What `standard.yaml` says.

    `valid_from` and `valid_until` are days in Europe/Berlin, both inclusive. `namespaces` are the prefixes
    of the XPaths, and of paths in findings where a message has none of its own. Unless
    `closed_code_lists`, a message may name code lists that are not listed here.
    """

    standard: str = Field(pattern=r"^[a-z][a-z0-9.-]*$")
    version: str = Field(min_length=1)
    title: Bilingual
    namespace: str = Field(min_length=1)
    valid_from: datetime.date
    valid_until: datetime.date | None = None
    schemas: list[str] = Field(min_length=1)
    header: HeaderRules = Field(default_factory=HeaderRules)
    namespaces: dict[str, str] = Field(default_factory=dict)
    code_lists: list[CodeListFile] = Field(default_factory=list)
    closed_code_lists: bool = False
    reject_list: RejectList = Field(default_factory=RejectList)
    message_types: list[MessageTypeRules]


def read_manifest(path: Path) -> Manifest:
    """Read one `standard.yaml`.

    Raises:
        ConfigurationError: with the file, the place in it and what is wrong there.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Manifest.model_validate(content)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, fault['loc'])) or '(file)'}: {fault['msg']}" for fault in error.errors()
        ]
        raise ConfigurationError(f"{path}: {'; '.join(lines)}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error
