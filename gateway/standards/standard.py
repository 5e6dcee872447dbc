"""One version of a standard: its message types, and what is compiled to judge messages of them."""

import datetime
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import Bilingual, Findings
from gateway.contract.states import Direction
from gateway.errors import ConfigurationError, RejectReason, Unavailable
from gateway.standards.acceptance import Criterion
from gateway.standards.codelists import CodeList, CodeLists, asking_for_lists, fixed_lists, load_code_list
from gateway.standards.condition import Condition
from gateway.standards.manifest import (
    ConversionRules,
    Manifest,
    MessageTypeRules,
    RejectList,
)
from gateway.standards.profiles import Header, HeaderReader, Place
from gateway.standards.sources import SchemaFiles, collect, find_imports, global_elements
from gateway.xml import attachments
from gateway.xml.rueckkanal_frame import BASIS
from gateway.xml.rules import RuleFile, Rules
from gateway.xml.stylesheet import Stylesheet, read_stylesheet
from gateway.xml.validate import Schema
from gateway.xml.workers import shared_workers


@dataclass(frozen=True)
class MessageType:
    """One kind of message of one standard in one version."""

    id: str
    standard: str
    version: str
    name: str
    root: str
    """The expanded name of the root element."""
    code: str | None
    direction: Direction
    title: Bilingual
    match: Condition | None = field(default=None, repr=False, compare=False)
    """What a message must fulfil besides its root element."""
    accept: Criterion | None = field(default=None, repr=False, compare=False)
    """What of its broken rules accepts a message all the same."""


class Standard:
    """One version of a standard; schema and code lists are read on first use and kept."""

    def __init__(self, manifest: Manifest, folder: Path, files: SchemaFiles) -> None:
        self.manifest = manifest
        self.folder = folder
        self._files = files
        self.fault = ""
        """Why its last message could not be judged; empty: it could."""
        self._conversions: dict[str, Stylesheet] = {}
        self._header = HeaderReader(manifest.header.profile, manifest.header.xpaths, manifest.namespaces)
        self.message_types = [
            _message_type(manifest, number, rules) for number, rules in enumerate(manifest.message_types)
        ]

    @property
    def reject_list(self) -> RejectList:
        """The code list for Rückweisungen of this standard's messages."""
        return self.manifest.reject_list

    def rejection(self, code: str) -> RejectReason:
        """Return the reason that a Rückweisung gives: a code that the standard's list lacks becomes S999."""
        uri, version = self.reject_list.uri, self.reject_list.version
        missing = self.code_lists.has(uri, version, code) is False
        return RejectReason(RejectCode.OTHER.value if missing else code, uri, version)

    @cached_property
    def schema(self) -> Schema:
        """The schema of all its messages.

        Raises:
            ConfigurationError: an import cannot be resolved, or a file cannot be read.
        """
        entries = [self.folder / name for name in self.manifest.schemas]
        gaps = [each.namespace for each in self.manifest.gaps]
        documents = collect(entries, self._files, gaps)
        if self.manifest.closed_code_lists:
            documents = replace(documents, files=asking_for_lists(documents.files))
        return Schema(documents, self.manifest.namespaces)

    @cached_property
    def code_lists(self) -> CodeLists:
        """The code lists that its messages may use.

        Raises:
            ConfigurationError: a file is no genericode list.
        """
        lists = [code_list for code_list, _ in self.code_list_files]
        closed, reasons = self.manifest.closed_code_lists, self.manifest.reject_list
        expected = fixed_lists(self.schema.documents.files) | {(reasons.uri, reasons.version)}
        return CodeLists(lists, closed=closed, expected=expected)

    @cached_property
    def code_list_files(self) -> list[tuple[CodeList, Path]]:
        """Each code list with the file that it is read from.

        Raises:
            ConfigurationError: a file is no genericode list.
        """
        files = [(self.folder / each.file, each.closed) for each in self.manifest.code_lists]
        return [(load_code_list(path, closed=closed), path) for path, closed in files]

    @cached_property
    def schema_files(self) -> list[Path]:
        """Every file that its schema consists of, also those of other standards, the manifest's first.

        Raises:
            ConfigurationError: an import cannot be resolved, or a file cannot be read.
        """
        entries = [self.folder / name for name in self.manifest.schemas]
        imports = find_imports(entries, self._files)
        return list(dict.fromkeys([*(each.resolve() for each in entries), *imports.files]))

    def rules(self, message_type: MessageType) -> Rules:
        """Return the business rules that messages of a type keep."""
        return self._rules[message_type.name]

    @cached_property
    def _rules(self) -> dict[str, Rules]:
        known: dict[tuple[Path, str | None], Stylesheet] = {}
        files = [
            RuleFile(self.folder / each.file, self.folder, each.phase, each.severity, known)
            for each in self.manifest.rules
        ]
        sets: dict[tuple[int, ...], Rules] = {}  # types that keep the same rules share what is compiled

        def kept_by(name: str) -> Rules:
            numbers = tuple(
                number
                for number, each in enumerate(self.manifest.rules)
                if not each.message_types or name in each.message_types
            )
            new = Rules([files[number] for number in numbers], self.manifest.namespaces)
            return sets.setdefault(numbers, new)

        return {each.name: kept_by(each.name) for each in self.message_types}

    def conversion(self, rules: ConversionRules) -> Stylesheet:
        """Return the stylesheet that makes its messages into those of a neighbour version.

        Raises:
            ConfigurationError: the file cannot be read or is no stylesheet.
        """
        if rules.to not in self._conversions:
            self._conversions[rules.to] = read_stylesheet(self.folder / rules.file)
        return self._conversions[rules.to]

    def __str__(self) -> str:
        return f"{self.manifest.standard} {self.manifest.version}"

    def check(self) -> None:
        """Compile its schema and its rules, read its code lists, and look for its messages in its schema.

        Raises:
            ConfigurationError: with the first thing that is wrong.
        """
        self.prepare()
        self._require_declared()
        self._check_conditions()
        for rules in set(self._rules.values()):
            rules.compile()
        for each in self.manifest.conversions:
            shared_workers().compile(self.conversion(each))

    def _check_conditions(self) -> None:
        for number, message_type in enumerate(self.message_types):
            for name in ("match", "accept"):
                condition: Condition | None = getattr(message_type, name)
                if condition is not None:
                    with _told_at(f"message_types[{number}].{name}"):
                        condition.check()

    def _require_declared(self) -> None:
        declared = global_elements(self.schema.documents.files.values()) if self.message_types else ()
        for message_type in self.message_types:
            if message_type.root not in declared:
                raise ConfigurationError(
                    f"message type {message_type.name}: none of its schemas declares {message_type.root}"
                )

    def prepare(self) -> None:
        """Compile its schema and read its code lists, so that messages are judged at once.

        Raises:
            ConfigurationError: the schema cannot be compiled, or a code list not be read.
        """
        if self.manifest.schemas:
            self.schema.compile()
        _ = self.code_lists

    def serves(self, day: datetime.date | None) -> bool:
        """Whether its messages are taken on that day in Europe/Berlin; None: on any."""
        since, until = self.manifest.valid_from, self.manifest.grace_until or self.manifest.valid_until
        if day is None:
            return since is not None
        return since is not None and since <= day and (until is None or day <= until)

    @property
    def is_ready(self) -> bool:
        """Whether a message can be judged at once; otherwise something is compiled for the first."""
        return "schema" in vars(self) and self.schema.is_compiled and "code_lists" in vars(self)

    def accepts(self, root: etree._Element, body: bytes) -> bool:
        """Say whether schema and code lists find nothing in a message: quick, unlike saying what."""
        return self.schema.accepts(root, body) and self.code_lists.accept(root, body)

    def find(
        self, root: etree._Element, body: bytes, message_type: MessageType, *, accepted: bool = False
    ) -> Findings:
        """Return everything that a message of that type is wrong in, and what is to be warned of.

        Rules are asked only where schema and code lists allow the message: they are written for these.

        Args:
            accepted: what `accepts` has said of it already.

        Raises:
            Unavailable: the rules could not be run.
        """
        findings = Findings() if accepted else self._find(root, body)
        if findings.errors or not self.manifest.rules:
            return findings
        findings = findings.followed_by(self.rules(message_type).find(root, body))
        return message_type.accept.weigh(findings) if message_type.accept else findings

    def _find(self, root: etree._Element, body: bytes) -> Findings:
        findings, prefixes = self.schema.find(root, body), self.manifest.namespaces
        describe, fixed = self.schema.describe, self.schema.fixing()
        refused = bool(findings.errors)
        codes = self.code_lists.find(root, body, prefixes, describe=describe, fixed=fixed, refused=refused)
        return findings.joined(codes)

    def agrees(self, root: etree._Element, sent: Sequence[attachments.Sent]) -> bool:
        """Say whether the attachments sent are those that a message names: quick, unlike saying what differs.

        Messages of standards without the Anlage of xbasis may come with any.
        """
        return BASIS not in self.manifest.namespaces.values() or attachments.agree(root, sent)

    def count_attachments(self, root: etree._Element) -> int:
        """Say how many attachments a message names that would be missed if they did not come along."""
        return attachments.count(root) if BASIS in self.manifest.namespaces.values() else 0

    def compare(
        self, root: etree._Element, body: bytes, sent: Sequence[attachments.Sent], *, whole: bool
    ) -> Findings:
        """Return where the attachments sent are not those that a message names; see `attachments.find`."""
        if self.agrees(root, sent):
            return Findings()
        prefixes = self.manifest.namespaces
        return attachments.find(root, body, sent, prefixes, self.schema.describe, whole=whole)

    def matches(self, message_type: MessageType, root: etree._Element) -> bool:
        """Say whether a message with the right root element fulfils what its type asks for besides.

        Raises:
            Unavailable: nobody could say.
        """
        if message_type.match is None:
            return True
        try:
            return message_type.match.holds(root)
        except ConfigurationError as error:
            raise self.put_off(error) from None

    def put_off(self, error: ConfigurationError) -> Unavailable:
        """Note why its messages cannot be judged as it lies in its folder, and return what senders are told.

        A start compiles nothing, so that the first message may find it out; the watcher tells operators.
        """
        self.fault = f"{self.folder}: {error.detail}"
        return Unavailable(_NOT_USABLE, retry_after_s=60)

    def is_version_of(self, root: etree._Element) -> bool:
        """Say whether a message names this version of the standard, or none."""
        stated, expected = self.read_header(root).version, self.manifest.stated_version
        return stated is None or not expected or stated == expected

    def read_header(self, root: etree._Element) -> Header:
        """Return what a message says of itself."""
        return self._header.read(root)

    def header_places(self, root: etree._Element, name: str) -> list[Place]:
        """Return where in a message a field of its header is read from; see `HeaderReader.places`."""
        return self._header.places(root, name)


@contextmanager
def _told_at(place: str) -> Iterator[None]:
    """Say of what is wrong where in the manifest it stands."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error.detail}") from error


def _message_type(manifest: Manifest, number: int, rules: MessageTypeRules) -> MessageType:
    namespaces = {**manifest.namespaces, **rules.namespaces}
    with _told_at(f"message_types[{number}].match"):
        match = Condition(rules.match, namespaces) if rules.match is not None else None
    with _told_at(f"message_types[{number}].accept"):
        accept = Criterion(rules.accept, namespaces) if rules.accept is not None else None
    return MessageType(
        id=f"{manifest.standard}:{manifest.version}:{rules.name}",
        standard=manifest.standard,
        version=manifest.version,
        name=rules.name,
        root=f"{{{rules.namespace or manifest.namespace}}}{rules.root}",
        code=rules.code,
        direction=rules.direction,
        title=rules.title,
        match=match,
        accept=accept,
    )


_NOT_USABLE = Bilingual(
    de="Der Standard dieser Nachricht ist hier zurzeit nicht benutzbar; der Betreiber sieht, warum.",
    en="The standard of this message cannot be used here at present; the operator sees why.",
)
