"""The catalogue: every standard of this installation, and the way from bytes to a message of one of them."""

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import Bilingual, Finding, Findings, Severity
from gateway.contract.states import Direction
from gateway.errors import (
    AttachmentMismatch,
    CodeListViolation,
    CodeViolation,
    ConfigurationError,
    MetadataMismatch,
    Problem,
    RejectReason,
    RuleViolation,
    SchemaViolation,
    UnknownMessageType,
    VersionNotServed,
)
from gateway.standards.acceptance import Criterion
from gateway.standards.codelists import CodeList, CodeLists, fixed_lists, load_code_list
from gateway.standards.manifest import (
    FILE_NAME,
    ConversionRules,
    Manifest,
    MessageTypeRules,
    RejectList,
    read_manifest,
)
from gateway.standards.profiles import Header, HeaderReader
from gateway.standards.sources import SchemaFiles, collect, find_imports
from gateway.xml import attachments
from gateway.xml.near import nearest
from gateway.xml.parse import DEFAULT_LIMITS, Limits, parse
from gateway.xml.paths import Names
from gateway.xml.positions import locate
from gateway.xml.rueckkanal_frame import BASIS
from gateway.xml.rules import RuleFile, Rules
from gateway.xml.stylesheet import Stylesheet, read_stylesheet
from gateway.xml.validate import Schema
from gateway.xml.words import local_of, meant, possible, say
from gateway.xml.workers import shared_workers

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
    match: etree.XPath | None = field(default=None, repr=False, compare=False)
    """What a message must fulfil besides its root element."""
    accept: Criterion | None = field(default=None, repr=False, compare=False)
    """What of its broken rules accepts a message all the same."""


class Standard:
    """One version of a standard; schema and code lists are read on first use and kept."""

    def __init__(self, manifest: Manifest, folder: Path, files: SchemaFiles) -> None:
        self.manifest = manifest
        self.folder = folder
        self._files = files
        self._conversions: dict[str, Stylesheet] = {}
        self._header = HeaderReader(manifest.header.profile, manifest.header.xpaths, manifest.namespaces)
        self.message_types = [
            MessageType(
                id=f"{manifest.standard}:{manifest.version}:{rules.name}",
                standard=manifest.standard,
                version=manifest.version,
                name=rules.name,
                root=f"{{{rules.namespace or manifest.namespace}}}{rules.root}",
                code=rules.code,
                direction=rules.direction,
                title=rules.title,
                match=_matching(rules, manifest.namespaces),
                accept=Criterion(rules.accept, manifest.namespaces) if rules.accept else None,
            )
            for rules in manifest.message_types
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
        return Schema(collect(entries, self._files, gaps), self.manifest.namespaces)

    @cached_property
    def code_lists(self) -> CodeLists:
        """The code lists that its messages may use.

        Raises:
            ConfigurationError: a file is no genericode list.
        """
        lists = [code_list for code_list, _ in self.code_list_files]
        closed, reasons = self.manifest.closed_code_lists, self.manifest.reject_list
        expected = frozenset() if closed else fixed_lists(self.schema.documents.files)
        return CodeLists(lists, closed=closed, expected=expected | {(reasons.uri, reasons.version)})

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
        files = [
            RuleFile(self.folder / each.file, self.folder, each.phase, each.severity)
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
        """Compile its schema and its rules, and read its code lists.

        Raises:
            ConfigurationError: with the first thing that is wrong.
        """
        if self.manifest.schemas:
            self.schema.compile()
        _ = self.code_lists
        for rules in set(self._rules.values()):
            rules.compile()
        for each in self.manifest.conversions:
            shared_workers().compile(self.conversion(each))

    def serves(self, day: datetime.date) -> bool:
        """Whether its messages are taken on that day in Europe/Berlin."""
        since, until = self.manifest.valid_from, self.manifest.grace_until or self.manifest.valid_until
        return since is not None and since <= day and (until is None or day <= until)

    @property
    def is_ready(self) -> bool:
        """Whether a message can be judged at once; otherwise something is compiled for the first."""
        return self.schema.is_compiled and "code_lists" in vars(self)

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
        return findings.joined(self.code_lists.find(root, body, prefixes, self.schema.describe))

    def agrees(self, root: etree._Element, sent: Sequence[attachments.Sent]) -> bool:
        """Say whether the attachments sent are those that a message names: quick, unlike saying what differs.

        Messages of standards without the Anlage of xbasis may come with any.
        """
        return BASIS not in self.manifest.namespaces.values() or attachments.agree(root, sent)

    def compare(
        self, root: etree._Element, body: bytes, sent: Sequence[attachments.Sent], *, whole: bool
    ) -> Findings:
        """Return where the attachments sent are not those that a message names; see `attachments.find`."""
        if self.agrees(root, sent):
            return Findings()
        prefixes = self.manifest.namespaces
        return attachments.find(root, body, sent, prefixes, self.schema.describe, whole=whole)

    def has(self, message_type: MessageType, root: etree._Element) -> bool:
        """Say whether a message with the right root element is one of that type and version."""
        if message_type.match is not None and not message_type.match(root):
            return False
        stated, expected = self.read_header(root).version, self.manifest.stated_version
        return stated is None or not expected or stated == expected

    def read_header(self, root: etree._Element) -> Header:
        """Return what a message says of itself."""
        return self._header.read(root)


@dataclass(frozen=True)
class Opened:
    """A message that is XML and of a type that is served today, not looked at any further."""

    message_type: MessageType
    standard: Standard
    root: etree._Element
    body: bytes = field(repr=False)
    today: datetime.date
    sent: Sequence[attachments.Sent] | None = None
    accepted: bool = False
    """Whether it is known that schema and code lists find nothing, and that the attachments agree."""

    @property
    def takes_time(self) -> bool:
        """Whether judging it may wait for a worker process."""
        return bool(self.standard.manifest.rules)

    def look(self) -> "Opened":
        """Look whether schema, code lists or attachments give a finding, without saying what."""
        agrees = self.sent is None or self.standard.agrees(self.root, self.sent)
        return replace(self, accepted=agrees and self.standard.accepts(self.root, self.body))


@dataclass(frozen=True)
class Incoming:
    """A message that is valid in every respect the standard alone can tell."""

    message_type: MessageType
    root: etree._Element
    header: Header
    standard: Standard
    warnings: Findings = field(default_factory=Findings)


class Catalogue:
    """All standards, by their messages' root elements; it can change while messages are read."""

    def __init__(self, standards: Iterable[Standard], files: Mapping[Path, "_Stamp"] | None = None) -> None:
        self.standards = sorted(standards, key=lambda item: (item.manifest.standard, item.manifest.version))
        self._by_root = _by_root(self.standards)
        self._files = dict(files or {})

    @classmethod
    def load(cls, folders: Iterable[Path]) -> "Catalogue":
        """Read every `standard.yaml` in the folders and at most two levels below.

        Raises:
            ConfigurationError: a folder is missing, a manifest is wrong, or two standards collide.
        """
        return cls._load(_stamps(folders), {})

    @classmethod
    def _load(cls, files: Mapping[Path, "_Stamp"], kept: Mapping[Path, Standard]) -> "Catalogue":
        manifests = {path: read_manifest(path) for path in files if path not in kept}
        sources = SchemaFiles(path.parent for path in files)
        standards: dict[tuple[str, str], Standard] = {}
        for path in files:
            standard = kept.get(path) or _standard(path, manifests[path], sources)
            key = (standard.manifest.standard, standard.manifest.version)
            if key in standards:
                raise ConfigurationError(f"{path}: {' '.join(key)} is also in {standards[key].folder}")
            standards[key] = standard
        return cls(standards.values(), files)

    def refresh(self, folders: Iterable[Path]) -> list[str]:
        """Take over what has changed in the folders, without what is read at the moment noticing.

        What has not changed stays compiled, what is new is compiled before a message can reach it.

        Returns:
            What was added or changed, and what is gone; nothing where all is as it was.

        Raises:
            ConfigurationError: what is there now cannot be used; everything stays as it was.
        """
        files = _stamps(folders)
        if files == self._files:
            return []
        before = {standard.folder / FILE_NAME: standard for standard in self.standards}
        kept = {path: before[path] for path, stamp in files.items() if self._files.get(path) == stamp}
        new = self._load(files, kept)
        fresh = [standard for standard in new.standards if standard not in self.standards]
        for standard in fresh:
            standard.check()
        gone = [standard for standard in self.standards if standard.folder / FILE_NAME not in files]
        self.standards, self._by_root, self._files = new.standards, new._by_root, new._files
        return [*(f"+ {each}" for each in fresh), *(f"- {each}" for each in gone)]

    @property
    def message_types(self) -> list[MessageType]:
        """Every message type, in the order of standards and versions."""
        return [message_type for standard in self.standards for message_type in standard.message_types]

    def get(self, message_type_id: str) -> MessageType:
        """Return the message type with this id.

        Raises:
            KeyError: there is none.
        """
        return next((item for item in self.message_types if item.id == message_type_id), None) or _unknown(
            message_type_id
        )

    def fetch(self, name: str, version: str) -> Standard | None:
        """Return one version of a standard; None if there is none."""
        for standard in self.standards:
            if (standard.manifest.standard, standard.manifest.version) == (name, version):
                return standard
        return None

    def check(self) -> None:
        """Compile every schema and all rules, and read every code list.

        Raises:
            ConfigurationError: with the first thing that is wrong in each standard.
        """
        faults: dict[str, str] = {}  # by what is wrong: standards share files
        for standard in self.standards:
            try:
                standard.check()
            except ConfigurationError as error:
                faults.setdefault(error.detail, f"{standard.folder}: {error.detail}")
        if faults:
            raise ConfigurationError("\n".join(faults.values()))

    def read(
        self,
        body: bytes,
        *,
        today: datetime.date,
        limits: Limits = DEFAULT_LIMITS,
        sent: Sequence[attachments.Sent] | None = None,
    ) -> Incoming:
        """Parse, identify and validate one message, and read its header; as `open` and `judge`."""
        return self.judge(self.open(body, today=today, limits=limits, sent=sent))

    def open(
        self,
        body: bytes,
        *,
        today: datetime.date,
        limits: Limits = DEFAULT_LIMITS,
        sent: Sequence[attachments.Sent] | None = None,
    ) -> Opened:
        """Parse and identify one message.

        Args:
            body: the message as received.
            today: the day in Europe/Berlin, which decides whether its version is served.
            limits: what a message may weigh.
            sent: what came along; None where nobody knows, so that attachments are not looked at.

        Raises:
            MessageTooLarge, NotUtf8, ForbiddenXml, MalformedXml: it is no XML that is taken.
            UnknownMessageType, VersionNotServed: no standard here has it, or not today.
        """
        root = parse(body, limits)
        message_type, standard = self.identify(root, body, today)
        return Opened(message_type, standard, root, body, today, sent)

    def judge(self, opened: Opened) -> Incoming:
        """Validate one message, compare the attachments that came with it, and read its header.

        Raises:
            SchemaViolation, CodeListViolation, CodeViolation, RuleViolation, AttachmentMismatch: with all
                findings, those of other codes too.
            MetadataMismatch: its header contradicts its root element.
            Unavailable: its rules could not be run.
        """
        message_type, standard, root = opened.message_type, opened.standard, opened.root
        try:
            findings = standard.find(root, opened.body, message_type, accepted=opened.accepted)
            if opened.sent is not None and not opened.accepted:
                whole = RejectCode.SCHEMA not in findings.errors
                compared = standard.compare(root, opened.body, opened.sent, whole=whole)
                findings = findings.followed_by(compared)
            _require_no_errors(findings)
            if standard.manifest.valid_until and opened.today > standard.manifest.valid_until:
                findings = findings.joined(self._outdated(standard, root, opened.body, opened.today))
            header = standard.read_header(root)
            require_agreement(header, message_type, standard.manifest, root, opened.body)
        except Problem as problem:
            problem.message_type = message_type.id
            problem.rejections = {code: standard.rejection(code) for code in problem.codes}
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
        known = self._by_root.get(str(root.tag), ())
        found = next(iter(known), None) if len(known) == 1 else _choose(known, root, today)
        if found and found[1].serves(today) and (found[0].match is None or found[0].match(root)):
            return found
        relatives = self._relatives(root)
        namespace = etree.QName(root).namespace
        in_this_version = [item for item in relatives if item.manifest.namespace == namespace]
        if known or (relatives and not in_this_version):
            raise _version_problem(root, body, relatives, today, _OTHER_VERSION)
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

    def _relatives(self, root: etree._Element) -> list[Standard]:
        family = _family(etree.QName(root).namespace or "")
        return [item for item in self.standards if _family(item.manifest.namespace) == family]

    def _outdated(
        self, standard: Standard, root: etree._Element, body: bytes, today: datetime.date
    ) -> Findings:
        """Warn of a version that is taken for a period of grace only."""
        manifest = standard.manifest
        message = Bilingual(
            de=f"Diese Version galt bis {manifest.valid_until} und wird nur noch bis {manifest.grace_until} "
            "angenommen.",
            en=f"This version was valid until {manifest.valid_until} and is only taken until "
            f"{manifest.grace_until}.",
        )
        problem = _version_problem(root, body, self._relatives(root), today, message)
        return Findings.of(
            each.model_copy(update={"severity": Severity.WARNING}) for each in problem.findings
        )


_Stamp: TypeAlias = tuple[int, int, int]
"""What changes when a file does: time, size and inode."""


def _stamps(folders: Iterable[Path]) -> dict[Path, _Stamp]:
    return {path: stamp for folder in folders for path in _manifests(folder) if (stamp := _stamp(path))}


def _manifests(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: is no folder of standards")
    for depth in ("", "*/", "*/*/"):
        for path in sorted(folder.glob(depth + FILE_NAME)):
            if not any(part.startswith(".") for part in path.relative_to(folder).parts):
                yield path  # in a hidden folder a standard is still arriving, or already leaving


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except FileNotFoundError:  # removed at this moment
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _standard(path: Path, manifest: Manifest, files: SchemaFiles) -> Standard:
    try:
        return Standard(manifest, path.parent, files)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error.detail}") from error


_Typed: TypeAlias = tuple[MessageType, Standard]


def _by_root(standards: Iterable[Standard]) -> dict[str, list[_Typed]]:
    """Group message types by root element; what cannot be told apart must not be in one catalogue."""
    found: dict[str, list[_Typed]] = {}
    for standard in standards:
        for message_type in standard.message_types:
            others = found.setdefault(message_type.root, [])
            for other, owner in others:
                same_match = str(other.match) == str(message_type.match)
                if same_match and owner.manifest.stated_version == standard.manifest.stated_version:
                    raise ConfigurationError(
                        f"{message_type.id} and {other.id} have the same root element, and nothing tells "
                        "their messages apart"
                    )
            others.append((message_type, standard))
    return found


def _choose(known: Iterable[_Typed], root: etree._Element, today: datetime.date) -> _Typed | None:
    """Choose among versions that share a namespace: what fits, of that the newest that is served."""
    fitting = [each for each in known if each[1].has(each[0], root)]
    served = [each for each in fitting if each[1].serves(today)]
    newest = sorted(served, key=lambda each: each[1].manifest.valid_from or datetime.date.min)
    return next(iter([*reversed(newest), *fitting]), None)


def _matching(rules: MessageTypeRules, namespaces: Mapping[str, str]) -> etree.XPath | None:
    if rules.match is None:
        return None
    try:
        match = etree.XPath(f"boolean({rules.match})", namespaces=dict(namespaces))
        match(etree.Element("any"))  # an unknown prefix is not found before
    except etree.XPathError as error:
        raise ConfigurationError(f"message type {rules.name}: match: {error}") from error
    return match


def _unknown(message_type_id: str) -> MessageType:
    raise KeyError(message_type_id)


def _family(namespace: str) -> str:
    """Namespaces of one standard differ in their version numbers only."""
    return _VERSION_NUMBER.sub("#", namespace)


def _version_problem(
    root: etree._Element,
    body: bytes,
    relatives: Iterable[Standard],
    today: datetime.date,
    message: Bilingual,
) -> Problem:
    served = [item for item in relatives if item.message_types and item.serves(today)]
    german = "; ".join(_validity(item.manifest, "seit", "bis") for item in served) or "keine"
    english = "; ".join(_validity(item.manifest, "since", "until") for item in served) or "none"
    hint = Bilingual(de=f"Bedient werden heute: {german}", en=f"Served today: {english}")
    return _at_root(VersionNotServed, root, body, message, hint)


def _validity(manifest: Manifest, since: str, until: str) -> str:
    text = f"{manifest.standard} {manifest.version} ({since} {manifest.valid_from}"
    return f"{text}, {until} {manifest.valid_until})" if manifest.valid_until else f"{text})"


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
    RejectCode.RULE: RuleViolation,
    RejectCode.ATTACHMENT: AttachmentMismatch,
}


def _require_no_errors(findings: Findings) -> None:
    if errors := findings.errors:
        kind = next(problem for code, problem in _PROBLEMS.items() if code in errors)
        raise kind(findings=findings.shown, more_findings=findings.more)


def require_agreement(
    header: Header, message_type: MessageType, manifest: Manifest, root: etree._Element, body: bytes
) -> None:
    """Check that the header names the standard, version and message type that the root element stands for.

    Raises:
        MetadataMismatch: it names another.
    """
    for stated, expected, wording in (
        (header.standard, manifest.stated_standard, _STANDARD),
        (header.version, manifest.stated_version, _VERSION),
        (header.message_type_code, message_type.code, _CODE),
    ):
        if stated is not None and expected and stated != expected:
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
