"""Add a published release to the catalogue: all of it or nothing, and a report of what was found.

Looked at, compiled by both engines and tried on its own sample messages in a folder of its own; only then
does it appear where the catalogue looks, by one rename. It is not served before an operator enables it.
"""

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lxml import etree
from pydantic import ValidationError

from gateway.contract.findings import Severity
from gateway.errors import ConfigurationError, Problem, Unavailable
from gateway.standards.archive import unpack
from gateway.standards.catalogue import Catalogue
from gateway.standards.codelists import used_codes
from gateway.standards.draft import Identity, completed, draft, identify, without_parts
from gateway.standards.folders import alone_in
from gateway.standards.manifest import (
    FILE_NAME,
    NAME,
    NAME_WORDS,
    VERSION,
    VERSION_WORDS,
    CodeListFile,
    Gap,
    Manifest,
    RulesFile,
    write_manifest,
)
from gateway.standards.outside import require_message_alone
from gateway.standards.scope import scoped
from gateway.standards.sources import SchemaFiles, Unresolved, find_imports
from gateway.standards.standard import MessageType, Standard
from gateway.standards.survey import Survey, fixed_code_lists, survey
from gateway.xml.parse import parse
from gateway.xml.reference import parse_reference, write_reference
from gateway.xml.rules import RuleFile, Rules
from gateway.yaml_text import sentences

if TYPE_CHECKING:
    from xmlschema import XsdGlobals

_NOT_CHECKED = "not checked: the rules run into their limits of time or memory, so such messages are put off"
_NOT_COMPILED = "the rules could not be compiled: they are too large, or it takes too long; leave some out"
BROUGHT_ALONG = "imported"
"""The folder within a standard's that holds what it uses of others."""


class Misnamed(ConfigurationError):
    """A name or version that was given is none that a standard may have; both become folders and ids."""


@dataclass(frozen=True)
class Sample:
    """A published message, and whether this installation would take it; `reason` says why not."""

    path: Path
    valid: bool
    reason: str | None = None


@dataclass
class Report:
    """What a release holds, what is missing in it, and where it was put (None: it was only tried)."""

    manifest: Manifest
    found: Survey
    folder: Path | None = None
    unresolved: list[Unresolved] = field(default_factory=list)
    """Imports of what nobody has delivered; their files are as they are called in the release."""
    absent_lists: list[tuple[str, str | None]] = field(default_factory=list)
    """Code lists that the schemas name and nobody has delivered: address, version."""
    broken: dict[Path, str] = field(default_factory=dict)
    """Files that cannot be used, with the reason."""
    samples: list[Sample] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Global elements that are no messages as far as their header tells."""
    opened: list[tuple[str, str]] = field(default_factory=list)
    """Code lists that are declared open, because the release's own messages use other codes."""
    rules_for_all: list[str] = field(default_factory=list)
    """Rule files of several that are run on each of several message types, as nothing in them tells for which
    they are."""
    is_there: bool = False
    """Whether this version is there already, so that only a dry run was possible."""
    guessed: list[str] = field(default_factory=list)
    """`name` or `version`, where no file tells it."""


def add(
    source: Path,
    catalogue: Catalogue,
    target: Path,
    *,
    name: str | None = None,
    version: str | None = None,
    dry_run: bool = False,
) -> Report:
    """Add the release in a folder or ZIP to the standards in the folder `target`.

    Args:
        catalogue: the standards that are there, whose shared types and code lists it may use.
        name, version: what to call it, where its files do not tell or not rightly.
        dry_run: find out everything and leave nothing.

    Raises:
        Misnamed: no standard can be called so.
        ConfigurationError: it cannot be used, or is there already; nothing was added.
    """
    _require_usable_names(name, version)
    with tempfile.TemporaryDirectory(prefix="amtsbote-") as scratch:
        # The temporary folder is for its owner alone; one within it has the mode of what others may read.
        folder = Path(scratch).resolve() / "release"
        folder.mkdir()
        unpack(source, folder)
        with _as_delivered(folder):
            found = survey(folder)
            identity = _named(identify(found, source.resolve().name), name, version)
            there = catalogue.fetch(identity.standard, identity.version)
            if there and dry_run:  # what shall take its place must not be removed to be looked at
                catalogue = Catalogue(each for each in catalogue.standards if each is not there)
            _require_new(identity, catalogue)
            report = _examine(found, identity, catalogue)
        report.is_there = there is not None
        report.guessed = sorted(identity.guessed)
        if not dry_run:
            report.folder = _install(folder, identity, report.manifest, catalogue, target)
        return report


@contextmanager
def _as_delivered(folder: Path) -> Iterator[None]:
    """Say what is wrong with a release, of files as they are called in it: `folder` is gone by then."""
    try:
        if (folder / FILE_NAME).is_dir():
            raise ConfigurationError(
                f"{FILE_NAME}: is a folder of the release, and the description of a standard is called so; "
                "rename the folder"
            )
        yield
    except ValidationError as error:
        raise ConfigurationError(_unusable(error)) from error
    except Unavailable as error:
        raise ConfigurationError(_NOT_COMPILED) from error
    except etree.XMLSyntaxError as error:  # so libxml2 says it: every file has been read before
        raise MemoryError from error
    except ConfigurationError as error:
        raise ConfigurationError(_within(folder, error.detail)) from error


def _within(folder: Path, complaint: str) -> str:
    return complaint.replace(f"{folder}/", "")


def _require_usable_names(name: str | None, version: str | None) -> None:
    if name is not None and not re.fullmatch(NAME, name):
        raise Misnamed(f"{name!r} is {NAME_WORDS}")
    if version is not None and not re.fullmatch(VERSION, version):
        raise Misnamed(f"{version!r} is {VERSION_WORDS}")


def _unusable(error: ValidationError) -> str:
    """Say what the files tell that no manifest can hold; names that are given are checked before."""
    faults = "; ".join(sentences(error, Manifest, "all of it"))
    return (
        f"what its files tell makes no usable {FILE_NAME} ({faults}); correct them, or give --name and "
        "--version"
    )


def _named(identity: Identity, name: str | None, version: str | None) -> Identity:
    return Identity(
        name or identity.standard,
        version or identity.version,
        identity.title,
        identity.identifier,
        identity.namespaces,
        identity.guessed - {word for word, given in (("name", name), ("version", version)) if given},
    )


def _require_new(identity: Identity, catalogue: Catalogue) -> None:
    if standard := catalogue.fetch(identity.standard, identity.version):
        raise ConfigurationError(
            f"{standard} is there already, in {standard.folder}; `amtsbote standards remove {standard}` first"
        )


def _examine(found: Survey, identity: Identity, catalogue: Catalogue) -> Report:
    """Compile and try it in the folder where it was unpacked, and write its manifest there."""
    files = SchemaFiles([found.folder, *(each.folder for each in catalogue.standards)])
    manifest = draft(found, identity)
    imports = find_imports([found.folder / name for name in manifest.schemas], files)
    for path in imports.files:
        _bring_along(path, found.folder, catalogue)
    gaps = [Gap(namespace=each.namespace, location=each.location) for each in imports.unresolved]
    manifest = manifest.model_copy(update={"gaps": gaps})
    files = SchemaFiles([found.folder])
    standard = Standard(manifest, found.folder, files)
    left_out: list[str] = []
    for_all: list[str] = []
    unusable: dict[Path, str] = {}
    if manifest.schemas:
        declared = _compiled(standard, imports.unresolved)
        shown = {each.tag for each in found.instances}
        if not found.scenarios:
            manifest = without_parts(manifest, declared, shown)
        manifest, left_out = completed(manifest, dict(declared.elements), shown)
    if not found.scenarios:
        rules, unusable = _usable_rules(found)
        manifest, for_all = scoped(manifest.model_copy(update={"rules": rules}), found)
    foreign, absent = _foreign_lists(found, imports.files, catalogue)
    brought = [_bring_along(path, found.folder, catalogue) for path in foreign]
    more = [CodeListFile(file=path.as_posix()) for path in brought if path]
    manifest = manifest.model_copy(update={"code_lists": [*manifest.code_lists, *more]})
    manifest, opened = _with_open_lists(_revised(standard, manifest, files), found)
    tried = _revised(standard, manifest, files)
    Catalogue([*catalogue.standards, tried])  # two standards must not have the same root element
    tried.check()
    if found.scenarios:  # a scenario without its rules would accept what they refuse
        for name in {each.file for each in manifest.rules}:
            require_message_alone(RuleFile(found.folder / name, found.folder).stylesheet())
    samples = [*_try_samples(found, tried)]
    write_manifest(found.folder / FILE_NAME, manifest)
    unresolved = [replace(each, origin=_as_called(each.origin, found.folder)) for each in imports.unresolved]
    # Rules first: what is left out of them weighs most, and a report shows the first ones.
    broken = unusable | found.unreadable | _unused(found, imports.files)
    return Report(manifest, found, None, unresolved, absent, broken, samples, left_out, opened, for_all)


def _compiled(standard: Standard, unresolved: Sequence[Unresolved]) -> "XsdGlobals":
    """Compile the schema by both engines and return what it declares."""
    schemas = ", ".join(standard.manifest.schemas)
    try:
        standard.schema.compile()
        return standard.schema.xmlschema.maps
    except RecursionError:
        raise ConfigurationError(
            f"{schemas}: its schemas are nested, or include one another, deeper than can be read; join some "
            "of the files"
        ) from None
    except ConfigurationError as error:
        if not unresolved:
            raise
        imports = "".join(f"\n  {each}" for each in unresolved)
        raise ConfigurationError(
            f"{schemas}: cannot be compiled, and this may be why: it imports what is not here. Add the "
            f"release that has it first, then this one:{imports}\n{error.detail}"
        ) from error


def _as_called(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _unused(found: Survey, needed: Iterable[Path]) -> dict[Path, str]:
    """Return the schemas that nothing of the standard needs, so that nobody knows whether they are right."""
    known = set(needed)
    return {
        each.path: "no schema of its messages needs it, so it was not looked at"
        for each in found.schemas
        if (found.folder / each.path).resolve() not in known
    }


def _bring_along(path: Path, folder: Path, catalogue: Catalogue) -> Path | None:
    """Copy a file of another standard, so that this one stays what it is whatever becomes of the other.

    Returns:
        Where it is now, relative to `folder`; None for a file that is no other standard's.
    """
    owner = next((each for each in catalogue.standards if path.is_relative_to(each.folder.resolve())), None)
    if owner is None:
        return None
    place = path.relative_to(owner.folder.resolve())
    if place.parts[0] != BROUGHT_ALONG:  # it may have brought the file along itself
        place = Path(BROUGHT_ALONG, f"{owner.manifest.standard}-{owner.manifest.version}", place)
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / place)
    return place


def _usable_rules(found: Survey) -> tuple[list[RulesFile], dict[Path, str]]:
    """Compile every rule file that stands by itself; return those that can be run, and why others cannot.

    Where rules are delivered both as they were written and compiled, they are used as they were written.
    """
    rules: list[RulesFile] = []
    unusable: dict[Path, str] = {}
    written = {path.with_suffix("") for path in found.rules if path.suffix.lower() == ".sch"}
    for path in found.rules:
        if path in found.parts_of_rules or (
            path.suffix.lower() != ".sch" and path.with_suffix("") in written
        ):
            continue
        file = RuleFile(found.folder / path, found.folder)
        try:
            Rules([file], {}).compile()
            require_message_alone(file.stylesheet())
        except ConfigurationError as error:
            unusable[path] = _within(found.folder, error.detail)
        except Unavailable:
            unusable[path] = _NOT_COMPILED
        else:
            rules.append(RulesFile(file=path.as_posix()))
    return rules, unusable


def _revised(standard: Standard, manifest: Manifest, files: SchemaFiles) -> Standard:
    """Return it by another manifest of the same schemas, which take long and much memory to compile."""
    revised = Standard(manifest, standard.folder, files)
    revised.schema = standard.schema
    return revised


def _with_open_lists(standard: Standard, found: Survey) -> tuple[Manifest, list[tuple[str, str]]]:
    """Declare those lists open that the release's own messages contradict: they do not name all codes."""
    manifest = standard.manifest
    lists = {(known.uri, known.version): known.codes for known, _ in standard.code_list_files}
    opened = {
        key
        for root in _sample_trees(found, standard)
        if not standard.schema.find(root, write_reference(root)).errors
        for key, code in used_codes(root)
        if key in lists and code not in lists[key]
    }
    entries = [
        entry.model_copy(update={"closed": (known.uri, known.version) not in opened})
        for entry, (known, _) in zip(manifest.code_lists, standard.code_list_files, strict=True)
    ]
    return manifest.model_copy(update={"code_lists": entries}), sorted(opened)


def _foreign_lists(
    found: Survey, imported: Iterable[Path], catalogue: Catalogue
) -> tuple[list[Path], list[tuple[str, str | None]]]:
    """Look up the code lists that the schemas fix: in the release, else among the standards beside it.

    Args:
        imported: schemas of others, whose types its own ones use.

    Returns:
        The files beside it that are used, and address and version of the lists that are nowhere.
    """
    own = [(each.uri, each.version) for each in found.code_lists.values()]
    beside = {
        (known.uri, known.version): path.resolve()
        for standard in catalogue.standards
        for known, path in standard.code_list_files
    }
    used: dict[Path, None] = {}
    absent: list[tuple[str, str | None]] = []
    schemas = [schema.root for schema in found.schemas]
    schemas += [parse_reference(path.read_bytes()) for path in imported]
    for uri, version in dict.fromkeys(each for schema in schemas for each in fixed_code_lists(schema)):
        if not _matching(own, uri, version):
            there = [beside[each] for each in _matching(beside, uri, version)]
            used |= dict.fromkeys(there)
            if not there:
                absent.append((uri, version))
    return list(used), absent


def _matching(known: Iterable[tuple[str, str]], uri: str, version: str | None) -> list[tuple[str, str]]:
    return [each for each in known if each[0] == uri and version in (None, each[1])]


def _samples(found: Survey, standard: Standard) -> Iterator[Path]:
    roots = {each.root for each in standard.message_types}
    yield from (each.path for each in found.instances if each.tag in roots)


def _sample_trees(found: Survey, standard: Standard) -> Iterator[etree._Element]:
    for path in _samples(found, standard):
        with suppress(Problem):
            yield parse((found.folder / path).read_bytes())


def _try_samples(found: Survey, standard: Standard) -> Iterator[Sample]:
    for path in _samples(found, standard):
        body = (found.folder / path).read_bytes()
        try:
            root = parse(body)
        except Problem as problem:
            yield Sample(path, False, problem.detail)
            continue
        types = [each for each in standard.message_types if each.root == root.tag]
        # Where a type wants more than a root element, a document without it is of another standard.
        if message_type := next((each for each in types if standard.matches(each, root)), None):
            yield Sample(path, *_verdict(standard, root, body, message_type))


def _verdict(
    standard: Standard, root: etree._Element, body: bytes, message_type: MessageType
) -> tuple[bool, str | None]:
    try:
        findings = standard.find(root, body, message_type)
    except Unavailable:
        return False, _NOT_CHECKED
    except Problem as problem:
        return False, problem.detail
    if findings.errors:
        first, *others = (each for each in findings.shown if each.severity is Severity.ERROR)
        more = len(others) + findings.more
        what = f"{first.rule or first.code} {first.path} {first.message.en}"
        return False, what + (f" (+{more})" if more else "")
    agrees = standard.schema.xmlschema.is_valid(root)
    return agrees, None if agrees else "libxml2 accepts it, xmlschema does not"


def _install(
    folder: Path, identity: Identity, manifest: Manifest, catalogue: Catalogue, target: Path
) -> Path:
    """Let the release appear at once as a whole; hidden folders are no standards."""
    home = target / identity.standard / identity.version
    try:
        target.mkdir(parents=True, exist_ok=True)
        with alone_in(target) as arriving:
            _require_still_new(identity, Standard(manifest, folder, SchemaFiles([folder])), catalogue, target)
            if home.is_dir() and any(home.iterdir()):
                raise ConfigurationError(f"{home}: is no standard, but is not empty; take it away first")
            shutil.copytree(folder, arriving)
            home.parent.mkdir(exist_ok=True)
            arriving.rename(home)
    except OSError as error:
        raise ConfigurationError(f"{home}: cannot be written: {error.strerror}") from error
    return home


def _require_still_new(identity: Identity, tried: Standard, catalogue: Catalogue, target: Path) -> None:
    """Look again at what the folder holds by now: trying a release takes time, and others add too."""
    elsewhere = [
        each for each in catalogue.standards if not each.folder.resolve().is_relative_to(target.resolve())
    ]
    now = Catalogue([*elsewhere, *Catalogue.load([target]).standards])
    _require_new(identity, now)
    Catalogue([*now.standards, tried])
