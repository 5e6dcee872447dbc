"""Compile and try a release where it was unpacked, and report what it holds and what is missing in it."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError, Unavailable
from gateway.standards.catalogue import Catalogue
from gateway.standards.completing import completed, without_parts
from gateway.standards.draft import Identity, draft
from gateway.standards.manifest import (
    FILE_NAME,
    CodeListFile,
    Gap,
    Manifest,
    RulesFile,
    write_manifest,
)
from gateway.standards.outside import require_message_alone
from gateway.standards.scope import scoped
from gateway.standards.sources import SchemaFiles, Unresolved, find_imports
from gateway.standards.standard import Standard
from gateway.standards.survey import Survey, fixed_code_lists
from gateway.standards.trying import Sample, try_samples, with_open_lists
from gateway.xml.reference import parse_reference
from gateway.xml.rules import RuleFile, Rules

if TYPE_CHECKING:
    from xmlschema import XsdGlobals

NOT_COMPILED = "the rules could not be compiled: they are too large, or it takes too long; leave some out"
BROUGHT_ALONG = "imported"
"""The folder within a standard's that holds what it uses of others."""


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


def examine(found: Survey, identity: Identity, catalogue: Catalogue) -> Report:
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
    manifest, opened = with_open_lists(_revised(standard, manifest, files), found)
    tried = _revised(standard, manifest, files)
    Catalogue([*catalogue.standards, tried])  # two standards must not have the same root element
    tried.check()
    if found.scenarios:  # a scenario without its rules would accept what they refuse
        for name in {each.file for each in manifest.rules}:
            require_message_alone(RuleFile(found.folder / name, found.folder).stylesheet())
    samples = [*try_samples(found, tried)]
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
            unusable[path] = within(found.folder, error.detail)
        except Unavailable:
            unusable[path] = NOT_COMPILED
        else:
            rules.append(RulesFile(file=path.as_posix()))
    return rules, unusable


def _revised(standard: Standard, manifest: Manifest, files: SchemaFiles) -> Standard:
    """Return it by another manifest of the same schemas, which take long and much memory to compile."""
    revised = Standard(manifest, standard.folder, files)
    revised.schema = standard.schema
    return revised


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


def within(folder: Path, complaint: str) -> str:
    """Return a complaint with files as they are called in the release."""
    return complaint.replace(f"{folder}/", "")
