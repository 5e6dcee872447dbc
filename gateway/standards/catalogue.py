"""The catalogue: every standard of this installation, and the way from bytes to a message of one of them."""

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import Findings
from gateway.errors import (
    ConfigurationError,
    Problem,
)
from gateway.standards.agreement import find_disagreements
from gateway.standards.folders import Stamp, stamps
from gateway.standards.manifest import (
    FILE_NAME,
    Manifest,
    read_manifest,
)
from gateway.standards.profiles import Header
from gateway.standards.refusals import (
    family,
    outdated,
    require_no_errors,
    unknown_root_problem,
    unmatched_problem,
    version_problem,
)
from gateway.standards.roots import Roots, Typed, enter, matching, newest
from gateway.standards.sources import SchemaFiles
from gateway.standards.standard import MessageType, Standard
from gateway.xml import attachments
from gateway.xml.parse import DEFAULT_LIMITS, Limits, parse
from gateway.yaml_text import faulty


@dataclass(slots=True)  # and not frozen, which takes five times as long to make
class Opened:
    """A message that is XML and of a type that is served today, not looked at any further."""

    message_type: MessageType
    standard: Standard
    root: etree._Element
    body: bytes = field(repr=False)
    today: datetime.date | None
    sent: Sequence[attachments.Sent] | None = None
    stated: Mapping[str, str] | None = None
    accepted: bool = False
    """Whether it is known that schema and code lists find nothing, and that the attachments agree."""

    @property
    def takes_time(self) -> bool:
        """Whether judging it may wait for a worker process."""
        return bool(self.standard.manifest.rules)

    def look(self) -> None:
        """Look whether schema, code lists or attachments give a finding, without saying what."""
        agrees = self.sent is None or self.standard.agrees(self.root, self.sent)
        self.accepted = agrees and self.standard.accepts(self.root, self.body)


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

    def __init__(
        self,
        standards: Iterable[Standard],
        files: Mapping[Path, Stamp] | None = None,
        unusable: Mapping[Path, str] | None = None,
    ) -> None:
        self.standards = sorted(standards, key=lambda item: (item.manifest.standard, item.manifest.version))
        self._roots = Roots(self.standards)
        self._files = dict(files or {})
        self.unusable = dict(unusable or {})
        """Each `standard.yaml` that was left out, and why."""
        self.fault = ""
        """Why what its folders hold by now is not taken over, so that all stays as it was; empty: it is."""

    @classmethod
    def load(cls, folders: Iterable[Path]) -> "Catalogue":
        """Read every `standard.yaml` in the folders and at most two levels below.

        Args:
            folders: the last is the one that standards are added to, where folders say what is in them.

        Raises:
            ConfigurationError: a folder is missing, a manifest is wrong, or two standards collide.
        """
        found = cls.load_usable(folders)
        if found.unusable:
            raise ConfigurationError("\n".join([*found.unusable.values(), _REMEDY]))
        return found

    @classmethod
    def load_usable(cls, folders: Iterable[Path]) -> "Catalogue":
        """Read what can be used, as `load` does, and leave out the rest, which is then in `unusable`.

        Raises:
            ConfigurationError: a folder is missing.
        """
        known = [*folders]
        return cls._load(known, stamps(known), {})

    @classmethod
    def _load(
        cls, folders: Sequence[Path], files: Mapping[Path, Stamp], kept: Mapping[Path, Standard]
    ) -> "Catalogue":
        sources = SchemaFiles(path.parent for path in files)
        standards: dict[tuple[str, str], Standard] = {}
        roots: dict[str, list[Typed]] = {}
        unusable: dict[Path, str] = {}
        for path in files:
            try:
                standard = kept.get(path) or _standard(path, sources, folders[-1])
                key = (standard.manifest.standard, standard.manifest.version)
                if key in standards:
                    raise ConfigurationError(
                        f"{path}: {standard} is also in {standards[key].folder}; only one of them can stay"
                    )
                enter(roots, standard)
            except ConfigurationError as error:
                unusable[path] = error.detail
            else:
                standards[key] = standard
        return cls(standards.values(), files, unusable)

    def refresh(self, folders: Iterable[Path]) -> list[str]:
        """Take over what has changed in the folders, without what is read at the moment noticing.

        What has not changed stays compiled, what is new is compiled before a message can reach it.

        Returns:
            What was added or changed, and what is gone; nothing where all is as it was.

        Raises:
            ConfigurationError: what is there now cannot be used; everything stays as it was.
        """
        known = [*folders]
        files = stamps(known)
        if files == self._files:
            return []
        before = {standard.folder / FILE_NAME: standard for standard in self.standards}
        kept = {path: before[path] for path, stamp in files.items() if self._files.get(path) == stamp}
        new = self._load(known, files, kept)
        if new.unusable:
            raise ConfigurationError("\n".join(new.unusable.values()))
        fresh = [standard for standard in new.standards if standard not in self.standards]
        for standard in fresh:
            try:
                standard.check()
            except ConfigurationError as error:
                raise ConfigurationError(f"{standard.folder}: {error.detail}") from error
        gone = [standard for standard in self.standards if standard.folder / FILE_NAME not in files]
        self.standards, self._files = new.standards, new._files
        self._roots = new._roots
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
        today: datetime.date | None,
        limits: Limits = DEFAULT_LIMITS,
        sent: Sequence[attachments.Sent] | None = None,
        stated: Mapping[str, str] | None = None,
    ) -> Incoming:
        """Parse, identify and validate one message, and read its header; as `open` and `judge`."""
        return self.judge(self.open(body, today=today, limits=limits, sent=sent, stated=stated))

    def open(
        self,
        body: bytes,
        *,
        today: datetime.date | None,
        limits: Limits = DEFAULT_LIMITS,
        sent: Sequence[attachments.Sent] | None = None,
        stated: Mapping[str, str] | None = None,
    ) -> Opened:
        """Parse and identify one message.

        Args:
            body: the message as received.
            today: the day in Europe/Berlin, which decides whether its version is served, and which of several
                that look the same; None where that is settled, as it is for an answer to what was taken on an
                earlier day.
            limits: what a message may weigh.
            sent: what came along; None where nobody knows, so that attachments are not looked at.
            stated: what the sender states beside the message, by fields of its header; None where nobody
                has sent it.

        Raises:
            MessageTooLarge, NotUtf8, ForbiddenXml, MalformedXml: it is no XML that is taken.
            UnknownMessageType, VersionNotServed: no standard here has it, or not today.
        """
        return self.recognise(parse(body, limits), body, today=today, sent=sent, stated=stated)

    def recognise(
        self,
        root: etree._Element,
        body: bytes,
        *,
        today: datetime.date | None,
        sent: Sequence[attachments.Sent] | None = None,
        stated: Mapping[str, str] | None = None,
    ) -> Opened:
        """Identify one message that is parsed, as `open` does."""
        message_type, standard = self.identify(root, body, today)
        return Opened(message_type, standard, root, body, today, sent, stated)

    def asks_worker(self, root: etree._Element) -> bool:
        """Say whether identifying a message may wait for a worker process."""
        return self._roots.asks_worker(root)

    def judge(self, opened: Opened) -> Incoming:
        """Validate one message, read its header, and compare both with what came with it.

        Raises:
            SchemaViolation, CodeListViolation, CodeViolation, RuleViolation, AttachmentMismatch,
            MetadataMismatch: with all findings, those of other codes too.
            Unavailable: its rules could not be run.
        """
        message_type, standard, root = opened.message_type, opened.standard, opened.root
        try:
            findings = standard.find(root, opened.body, message_type, accepted=opened.accepted)
            if opened.sent is not None and not opened.accepted:
                whole = RejectCode.SCHEMA not in findings.errors
                compared = standard.compare(root, opened.body, opened.sent, whole=whole)
                findings = findings.followed_by(compared)
            header = standard.read_header(root)
            findings = findings.joined(
                find_disagreements(header, message_type, standard, root, opened.body, opened.stated)
            )
            require_no_errors(findings)
            last = standard.manifest.valid_until
            if last and opened.today and opened.today > last:
                findings = findings.joined(
                    outdated(standard, self._versions([standard]), root, opened.body, opened.today)
                )
        except Problem as problem:
            problem.message_type = message_type.id
            problem.rejections = {code: standard.rejection(code) for code in problem.codes}
            raise
        return Incoming(message_type, root, header, standard, findings)

    def identify(
        self, root: etree._Element, body: bytes, today: datetime.date | None
    ) -> tuple[MessageType, Standard]:
        """Find the message type of a parsed message.

        Raises:
            UnknownMessageType: no standard here knows its root element.
            VersionNotServed: the standard is known, its version is not, or not on that day.
            Unavailable: what tells its types apart is asked of a worker, and none could answer.
        """
        roots = self._roots
        alone = roots.alone(root)
        if alone and alone[1].serves(today):
            return alone
        known = roots.of(root)
        served = matching([each for each in known if each[1].serves(today)], root)
        if found := newest((each for each in served if each[1].is_version_of(root)), today):
            return found
        others = matching([each for each in known if not each[1].serves(today)], root)
        if own := {standard: its for its, standard in [*served, *others] if standard.is_version_of(root)}:
            problem = version_problem(root, body, self._versions(own), today, own=own)
            problem.message_type = next(iter(own.values())).id
            raise problem
        asking = [each for each, standard in known if each.match is not None and standard.serves(today)]
        if asking and not served and not others:
            raise unmatched_problem(root, body, asking)
        namespace, relatives = etree.QName(root).namespace or "", self._relatives(root)
        in_this_version = [item for item in relatives if item.manifest.namespace == namespace]
        if known or (relatives and not in_this_version):
            raise version_problem(root, body, relatives, today)
        raise unknown_root_problem(root, body, self.standards, in_this_version, today)

    def read_message_ids(self, root: etree._Element) -> list[str]:
        """Return the ids that a message gives itself, as each version reads it that it may be of."""
        found = (standard.read_header(root).message_id for _, standard in self._roots.of(root))
        return [*dict.fromkeys(filter(None, found))]

    def _versions(self, standards: Iterable[Standard]) -> list[Standard]:
        names = {each.manifest.standard for each in standards}
        return [each for each in self.standards if each.manifest.standard in names]

    def _relatives(self, root: etree._Element) -> list[Standard]:
        """Return what a message may have been meant as that is of none here."""
        wanted = family(etree.QName(root).namespace or "")
        owners = {standard.manifest.standard for _, standard in self._roots.of(root)}
        return [
            item
            for item in self.standards
            if family(item.manifest.namespace) == wanted or item.manifest.standard in owners
        ]


_REMEDY = "Put that right, or take the standard away: amtsbote standards remove NAME VERSION"


def _standard(path: Path, files: SchemaFiles, target: Path) -> Standard:
    manifest = read_manifest(path)
    if faults := [*_misplaced(path, manifest, target)]:
        raise faulty(path, faults)
    try:
        return Standard(manifest, path.parent, files)
    except ConfigurationError as error:
        raise faulty(path, [error.detail]) from error


def _misplaced(path: Path, manifest: Manifest, target: Path) -> Iterator[str]:
    """Say where a manifest names another version than its folder, which is how it was added.

    Messages on the way, routes and commands know a version by its name: edited, it would be gone, and no
    command had looked whether it may go.
    """
    home = path.parent
    if home.parent.parent != target:
        return
    for key, called in (("standard", home.parent.name), ("version", home.name)):
        if (said := getattr(manifest, key)) != called:
            yield (
                f'{key}: is {said}, but its folder is that of {called}: write "{called}"; to call it '
                "otherwise, `standards remove` it and `standards add` it with --name and --version"
            )


def _unknown(message_type_id: str) -> MessageType:
    raise KeyError(message_type_id)
