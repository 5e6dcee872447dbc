"""The file `standard.yaml` that makes a folder of schemas a standard."""

import datetime
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gateway.contract.codes import REJECT_LIST_URI, REJECT_LIST_VERSION
from gateway.contract.findings import Bilingual, Severity
from gateway.contract.states import Direction
from gateway.errors import ConfigurationError
from gateway.standards.profiles import FIELDS, PROFILES
from gateway.yaml_text import LOADER, Faults, faulty, form, read_text, sentences, yaml_fault

FILE_NAME = "standard.yaml"
NAME, VERSION = r"[a-z][a-z0-9.-]*", r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""What a standard and its version may be called: both become folders and parts of ids."""
NAME_WORDS = (
    "no name of a standard: write lower-case letters, digits, '.' and '-', a letter first, such as xhund"
)
VERSION_WORDS = "no version: write letters, digits, '.', '_' and '-', a letter or digit first, such as 2.3"


def _day(value: object) -> object:
    if not isinstance(value, str):  # YAML makes a day of what is written as one
        return value
    try:
        return datetime.date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is no day: write YYYY-MM-DD, such as 2027-01-01") from error


# What lxml takes for the prefixes of an XPath; it has no way to say that one stands for nothing.
Prefix = Annotated[str, form(r"^[^\W\d][\w.-]*$", "no prefix: write letters, digits and '_', a letter first")]
Uri = Annotated[str, form(r"^[^\x00-\x1f]+$", "no namespace: write its whole address, such as urn:xoev-de:x")]
Day = Annotated[datetime.date, BeforeValidator(_day)]


def _known_profile(name: object) -> object:
    if not isinstance(name, str) or name not in PROFILES:
        raise ValueError(f"must be one of {', '.join(PROFILES)}")
    return name


def _known_fields(xpaths: object) -> object:
    if isinstance(xpaths, dict) and (unknown := set(map(str, xpaths)) - FIELDS):
        raise ValueError(
            f"no header field is called {', '.join(sorted(unknown))}; there are {', '.join(sorted(FIELDS))}"
        )
    return xpaths


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HeaderRules(_Part):
    """Where a message says what routing and the record need: a preset and XPaths that add to it.

    `standard` and `version` are what a message must state as these, where it differs from the manifest's own;
    empty: whatever it states, its root element decides.
    """

    standard: str | None = None
    version: str | None = None
    profile: Annotated[str, BeforeValidator(_known_profile)] = "none"
    xpaths: Annotated[dict[str, str], BeforeValidator(_known_fields)] = Field(default_factory=dict)


class CodeListFile(_Part):
    """A genericode file, relative to the manifest; only a closed one refuses a code it does not have."""

    file: str
    closed: bool = True


class RulesFile(_Part):
    """Business rules, relative to the manifest: Schematron, or the XSLT that was compiled from it.

    `phase` is one of the schema's phases, else its default. `severity` says what a rule weighs, by its id,
    whatever the file says. Unless `message_types` names some, the rules are for messages of every type.
    """

    file: str
    message_types: list[str] = Field(default_factory=list)
    phase: str | None = None
    severity: dict[str, Severity] = Field(default_factory=dict)


class ConversionRules(_Part):
    """XSLT that makes messages of this version into those of a neighbour, relative to the manifest.

    `drops` names what may be lost, or may become something else: elements as `name` or, with one value only,
    as `name=value`, attributes as `@name`.
    """

    to: str
    file: Annotated[str, form(r"\.xslt?$", "no name of an XSLT file: it must end in .xsl or .xslt")]
    drops: list[str] = Field(default_factory=list)


class RejectList(_Part):
    """The code list that Rückweisungen of this standard take their codes from."""

    uri: str = REJECT_LIST_URI
    version: str = REJECT_LIST_VERSION


class Gap(_Part):
    """A namespace that the schemas import and nobody has delivered: its elements may hold anything."""

    namespace: str
    location: str = ""


class MessageTypeRules(_Part):
    """One kind of message: its root element's local name, its published code, which way it travels.

    `namespace` is its root element's, where that is not the standard's. Only what fulfils `match`, an
    XPath 3.1 that is asked of the document, is a message of this type. `accept` is an XPath over a report of
    broken rules (VARL); where it holds they are warnings. `namespaces` are the prefixes of both, where others
    than the standard's.
    """

    name: str
    root: str
    namespace: str | None = None
    match: str | None = None
    accept: str | None = None
    namespaces: dict[Prefix, Uri] = Field(default_factory=dict)
    code: str | None = None
    direction: Direction
    title: Bilingual


class Manifest(_Part):
    """What `standard.yaml` says.

    `valid_from` and `valid_until` are days in Europe/Berlin, both inclusive; without the first it is not
    served. From then until `grace_until` it is taken with a warning. `identifier` is what its publisher calls
    it. `namespaces` are the prefixes of the XPaths, and of paths in findings where a message has none of its
    own. Unless `closed_code_lists`, a message may name code lists that are not listed here.
    """

    standard: Annotated[str, form(f"^{NAME}$", NAME_WORDS)]
    version: Annotated[str, form(f"^{VERSION}$", VERSION_WORDS)]
    identifier: str | None = None
    title: Bilingual
    namespace: str = Field(min_length=1)
    valid_from: Day | None = None
    valid_until: Day | None = None
    grace_until: Day | None = None
    schemas: list[str]
    gaps: list[Gap] = Field(default_factory=list)
    header: HeaderRules = Field(default_factory=HeaderRules)
    namespaces: dict[Prefix, Uri] = Field(default_factory=dict)
    code_lists: list[CodeListFile] = Field(default_factory=list)
    closed_code_lists: bool = False
    rules: list[RulesFile] = Field(default_factory=list)
    conversions: list[ConversionRules] = Field(default_factory=list)
    reject_list: RejectList = Field(default_factory=RejectList)
    message_types: list[MessageTypeRules]

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if faults := [*self._faults_of_rules(), *self._faults_of_schemas(), *self._faults_of_days()]:
            raise Faults(faults)
        return self

    def _faults_of_rules(self) -> Iterator[str]:
        known = {each.name for each in self.message_types}
        for number, rules in enumerate(self.rules):
            if unknown := set(rules.message_types) - known:
                named = ", ".join(sorted(unknown))
                yield f"rules[{number}].message_types: no message type is called {named}"

    def _faults_of_schemas(self) -> Iterator[str]:
        if self.message_types and not self.schemas:
            yield "schemas: must name the schema files of the message types"

    def _faults_of_days(self) -> Iterator[str]:
        if self.grace_until and not self.valid_until:
            yield "grace_until: follows the last day (valid_until), and there is none"
        given = [(name, day) for name, day in self.days.items() if day]
        for (earlier, first), (later, last) in pairwise(given):
            if last < first:
                yield f"{later}: {last} lies before {earlier}, {first}"

    @property
    def days(self) -> dict[str, datetime.date | None]:
        """From when to when it is served, and until when it is taken with a warning, by their names."""
        names = ("valid_from", "valid_until", "grace_until")
        return {name: getattr(self, name) for name in names}

    @property
    def stated_standard(self) -> str:
        """What a message states as its standard; empty: it is not compared."""
        return self.standard if self.header.standard is None else self.header.standard

    @property
    def stated_version(self) -> str:
        """What a message states as the version of its standard; empty: it is not compared."""
        return self.version if self.header.version is None else self.header.version


def read_manifest(path: Path) -> Manifest:
    """Read one `standard.yaml`.

    Raises:
        ConfigurationError: with the file, the place in it and what is wrong there.
    """
    text = read_text(path)
    try:
        return Manifest.model_validate(yaml.load(text, LOADER))  # noqa: S506  # it is a safe one
    except ValidationError as error:
        raise faulty(path, sentences(error, Manifest, "the file")) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(f"{path} is not YAML: {yaml_fault(error)}") from error


_TO_REVIEW = (
    "# Written by `amtsbote standards add` from the published files; review it before you enable it.\n"
    "# From when it is taken is set by: amtsbote standards enable {standard} {version} --from DAY\n"
)
_ONE_PER_LINE = frozenset({"code_lists", "message_types", "gaps"})


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a `standard.yaml` as a person would: in the order of the model, one line for each of many."""
    content = manifest.model_dump(mode="json", exclude_defaults=True)
    content = {"valid_from": None, "valid_until": None} | content
    lines = [_TO_REVIEW.format(standard=manifest.standard, version=manifest.version)]
    for name in (field for field in Manifest.model_fields if field in content):
        many = content[name] if name in _ONE_PER_LINE else None
        if many:
            lines.append(f"{name}:\n" + "".join(f"  - {_flow(each)}\n" for each in many))
        else:
            lines.append(
                yaml.safe_dump({name: content[name]}, allow_unicode=True, sort_keys=False, width=110)
            )
    path.write_text("".join(lines), encoding="utf-8")


def _flow(content: object) -> str:
    text: str = yaml.safe_dump(
        content, allow_unicode=True, sort_keys=False, default_flow_style=True, width=100_000
    )
    return text.strip()
