"""The catalogue: every standard of this installation, and the way from bytes to a message of one of them."""

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import Bilingual, Finding, Findings
from gateway.contract.states import Direction
from gateway.errors import (
    CodeListViolation,
    CodeViolation,
    ConfigurationError,
    MetadataMismatch,
    Problem,
    RejectReason,
    SchemaViolation,
    UnknownMessageType,
    VersionNotServed,
)
from gateway.standards.codelists import CodeLists, fixed_lists, load_code_list
from gateway.standards.manifest import FILE_NAME, Manifest, RejectList, read_manifest
from gateway.standards.profiles import Header, HeaderReader
from gateway.standards.sources import SchemaFiles, collect
from gateway.xml.near import nearest
from gateway.xml.parse import DEFAULT_LIMITS, Limits, parse
from gateway.xml.paths import Names
from gateway.xml.positions import locate
from gateway.xml.validate import Schema
from gateway.xml.words import local_of, meant, possible, say

_VERSION_NUMBER = re.compile(r"\d+(?:[._]\d+)*")


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


class Standard:
    """One version of a standard; schema and code lists are read on first use and kept."""

    def __init__(self, manifest: Manifest, folder: Path, files: SchemaFiles) -> None:
        self.manifest = manifest
        self.folder = folder
        self._files = files
        self._header = HeaderReader(manifest.header.profile, manifest.header.xpaths, manifest.namespaces)
        self.message_types = [
            MessageType(
                id=f"{manifest.standard}:{manifest.version}:{rules.name}",
                standard=manifest.standard,
                version=manifest.version,
                name=rules.name,
                root=f"{{{manifest.namespace}}}{rules.root}",
                code=rules.code,
                direction=rules.direction,
                title=rules.title,
            )
            for rules in manifest.message_types
        ]

    @property
    def reject_list(self) -> RejectList:
        """The code list for Rückweisungen of this standard's messages."""
        return self.manifest.reject_list

    def rejection(self, code: RejectCode | None) -> RejectReason:
        """Return the reason that a Rückweisung gives: a code that the standard's list lacks becomes S999."""
        uri, version = self.reject_list.uri, self.reject_list.version
        missing = code is None or self.code_lists.has(uri, version, code) is False
        return RejectReason(str(RejectCode.OTHER if missing else code), uri, version)

    @cached_property
    def schema(self) -> Schema:
        """The schema of all its messages.

        Raises:
            ConfigurationError: an import cannot be resolved, or a file cannot be read.
        """
        entries = [self.folder / name for name in self.manifest.schemas]
        return Schema(collect(entries, self._files), self.manifest.namespaces)

    @cached_property
    def code_lists(self) -> CodeLists:
        """The code lists that its messages may use.

        Raises:
            ConfigurationError: a file is no genericode list.
        """
        lists = [load_code_list(self.folder / f.file, closed=f.closed) for f in self.manifest.code_lists]
        closed, reasons = self.manifest.closed_code_lists, self.manifest.reject_list
        expected = frozenset() if closed else fixed_lists(self.schema.documents.files)
        return CodeLists(lists, closed=closed, expected=expected | {(reasons.uri, reasons.version)})

    def serves(self, day: datetime.date) -> bool:
        """Whether its messages are taken on that day in Europe/Berlin."""
        until = self.manifest.valid_until
        return self.manifest.valid_from <= day and (until is None or day <= until)

    def find(self, root: etree._Element, body: bytes) -> Findings:
        """Return everything that schema and code lists object to in a message, and what they warn of."""
        findings = self.schema.find(root, body)
        prefixes = self.manifest.namespaces
        return findings.joined(self.code_lists.find(root, body, prefixes, self.schema.describe))

    def read_header(self, root: etree._Element) -> Header:
        """Return what a message says of itself."""
        return self._header.read(root)


@dataclass(frozen=True)
class Incoming:
    """A message that is valid in every respect the standard alone can tell."""

    message_type: MessageType
    root: etree._Element
    header: Header
    standard: Standard
    warnings: Findings = field(default_factory=Findings)


class Catalogue:
    """All standards, by their messages' root elements."""

    def __init__(self, standards: Iterable[Standard]) -> None:
        self.standards = sorted(standards, key=lambda item: (item.manifest.standard, item.manifest.version))
        self._by_root: dict[str, tuple[MessageType, Standard]] = {}
        for standard in self.standards:
            for message_type in standard.message_types:
                if message_type.root in self._by_root:
                    other = self._by_root[message_type.root][0].id
                    raise ConfigurationError(f"{message_type.id} and {other} have the same root element")
                self._by_root[message_type.root] = (message_type, standard)

    @classmethod
    def load(cls, folders: Iterable[Path]) -> "Catalogue":
        """Read every `standard.yaml` in and below the folders.

        Raises:
            ConfigurationError: a folder is missing, a manifest is wrong, or two standards collide.
        """
        manifests = [(path, read_manifest(path)) for folder in folders for path in _manifests(folder)]
        files = SchemaFiles(path.parent for path, _ in manifests)
        standards: dict[tuple[str, str], Standard] = {}
        for path, manifest in manifests:
            key = (manifest.standard, manifest.version)
            if key in standards:
                raise ConfigurationError(f"{path}: {' '.join(key)} is also in {standards[key].folder}")
            try:
                standards[key] = Standard(manifest, path.parent, files)
            except ConfigurationError as error:
                raise ConfigurationError(f"{path}: {error.detail}") from error
        return cls(standards.values())

    @property
    def message_types(self) -> list[MessageType]:
        """Every message type, in the order of standards and versions."""
        return [message_type for message_type, _ in self._by_root.values()]

    def get(self, message_type_id: str) -> MessageType:
        """Return the message type with this id.

        Raises:
            KeyError: there is none.
        """
        return next((item for item in self.message_types if item.id == message_type_id), None) or _unknown(
            message_type_id
        )

    def check(self) -> None:
        """Compile every schema and read every code list.

        Raises:
            ConfigurationError: with the first thing that is wrong in each standard.
        """
        faults: dict[str, str] = {}  # by what is wrong: standards share files
        for standard in self.standards:
            try:
                standard.schema.compile()
                _ = standard.code_lists
            except ConfigurationError as error:
                faults.setdefault(error.detail, f"{standard.folder}: {error.detail}")
        if faults:
            raise ConfigurationError("\n".join(faults.values()))

    def read(self, body: bytes, *, today: datetime.date, limits: Limits = DEFAULT_LIMITS) -> Incoming:
        """Parse, identify and validate one message, and read its header.

        Args:
            body: the message as received.
            today: the day in Europe/Berlin, which decides whether its version is served.
            limits: what a message may weigh.

        Raises:
            MessageTooLarge, NotUtf8, ForbiddenXml, MalformedXml: it is no XML that is taken.
            UnknownMessageType, VersionNotServed: no standard here has it, or not today.
            SchemaViolation, CodeListViolation, CodeViolation: with all findings.
            MetadataMismatch: its header contradicts its root element.
        """
        root = parse(body, limits)
        message_type, standard = self.identify(root, body, today)
        try:
            findings = standard.find(root, body)
            _require_no_errors(findings)
            header = standard.read_header(root)
            _require_agreement(header, message_type, root, body)
        except Problem as problem:
            problem.rejection = standard.rejection(problem.code)
            raise
        return Incoming(message_type, root, header, standard, findings)

    def identify(
        self, root: etree._Element, body: bytes, today: datetime.date
    ) -> tuple[MessageType, Standard]:
        """Find the message type of a parsed message.

        Raises:
            UnknownMessageType: no standard here knows its root element.
            VersionNotServed: the standard is known, its version is not, or not on that day.
        """
        found = self._by_root.get(str(root.tag))
        if found and found[1].serves(today):
            return found
        family = _family(etree.QName(root).namespace or "")
        relatives = [item for item in self.standards if _family(item.manifest.namespace) == family]
        namespace = etree.QName(root).namespace
        in_this_version = [item for item in relatives if item.manifest.namespace == namespace]
        if found or (relatives and not in_this_version):
            raise _version_problem(root, body, relatives, today)
        name = local_of(root)
        message = say(_UNKNOWN_ROOT.de.format(name), _UNKNOWN_ROOT.en.format(name))
        raise _at_root(UnknownMessageType, root, body, message, self._root_hint(root, in_this_version))

    def _root_hint(self, root: etree._Element, in_namespace: Iterable[Standard]) -> Bilingual | None:
        """Say what was meant: the same name elsewhere, a near name, or one of those there are."""
        name = local_of(root)
        there = {tag.rpartition("}")[0][1:] for tag in self._by_root if tag.endswith(f"}}{name}")}
        if elsewhere := sorted(there):
            german, english = " oder ".join(elsewhere), " or ".join(elsewhere)
            return say(
                f"»{name}« gehört in den Namensraum {german}", f"“{name}” belongs in the namespace {english}"
            )
        known = [item.name for standard in in_namespace for item in standard.message_types]
        near = nearest(name, known)
        return meant(f"»{near}«") if near else possible(known) if known else None


def _manifests(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: is no folder of standards")
    yield from sorted(folder.rglob(FILE_NAME))


def _unknown(message_type_id: str) -> MessageType:
    raise KeyError(message_type_id)


def _family(namespace: str) -> str:
    """Namespaces of one standard differ in their version numbers only."""
    return _VERSION_NUMBER.sub("#", namespace)


def _version_problem(
    root: etree._Element, body: bytes, relatives: Iterable[Standard], today: datetime.date
) -> Problem:
    served = [item for item in relatives if item.message_types and item.serves(today)]
    german = "; ".join(_validity(item.manifest, "seit", "bis") for item in served) or "keine"
    english = "; ".join(_validity(item.manifest, "since", "until") for item in served) or "none"
    hint = Bilingual(de=f"Bedient werden heute: {german}", en=f"Served today: {english}")
    return _at_root(VersionNotServed, root, body, _OTHER_VERSION, hint)


def _validity(manifest: Manifest, since: str, until: str) -> str:
    text = f"{manifest.standard} {manifest.version} ({since} {manifest.valid_from.isoformat()}"
    return f"{text}, {until} {manifest.valid_until.isoformat()})" if manifest.valid_until else f"{text})"


def _at_root(
    kind: type[Problem],
    root: etree._Element,
    body: bytes,
    message: Bilingual,
    hint: Bilingual | None,
) -> Problem:
    position = locate(body, root, [root])[root]
    names = Names(root)
    path = names.path(root)
    finding = Finding(
        code=str(kind.code or RejectCode.OTHER),
        path=path,
        namespaces=names.namespaces(path),
        line=position.line,
        column=position.column,
        message=message,
        hint=hint,
    )
    return kind(findings=[finding])


# In the order in which a message is looked at: the first that finds an error gives the problem its name.
_PROBLEMS: dict[RejectCode, type[Problem]] = {
    RejectCode.SCHEMA: SchemaViolation,
    RejectCode.CODE_LIST: CodeListViolation,
    RejectCode.CODE: CodeViolation,
}


def _require_no_errors(findings: Findings) -> None:
    if errors := findings.errors:
        kind = next(problem for code, problem in _PROBLEMS.items() if code in errors)
        raise kind(findings=findings.shown, more_findings=findings.more)


def _require_agreement(header: Header, message_type: MessageType, root: etree._Element, body: bytes) -> None:
    """The header must name the standard, version and message type that the root element stands for."""
    for stated, expected, wording in (
        (header.standard, message_type.standard, _STANDARD),
        (header.version, message_type.version, _VERSION),
        (header.message_type_code, message_type.code, _CODE),
    ):
        if stated is not None and expected is not None and stated != expected:
            hint = Bilingual(de=f"Erwartet: {expected}", en=f"Expected: {expected}")
            raise _at_root(MetadataMismatch, root, body, wording, hint)


_UNKNOWN_ROOT = Bilingual(
    de="Kein Standard dieser Installation kennt das Wurzelelement »{}« in seinem Namensraum.",
    en="No standard of this installation knows the root element “{}” in its namespace.",
)
_OTHER_VERSION = Bilingual(
    de="Der Standard ist bekannt, diese Version wird heute aber nicht bedient.",
    en="The standard is known, but this version is not served today.",
)
_STANDARD = Bilingual(
    de="Der Nachrichtenkopf nennt einen anderen Standard als das Wurzelelement.",
    en="The header names another standard than the root element.",
)
_VERSION = Bilingual(
    de="Der Nachrichtenkopf nennt eine andere Version des Standards als das Wurzelelement.",
    en="The header names another version of the standard than the root element.",
)
_CODE = Bilingual(
    de="Der Nachrichtentyp im Nachrichtenkopf passt nicht zum Wurzelelement.",
    en="The message type in the header does not match the root element.",
)
